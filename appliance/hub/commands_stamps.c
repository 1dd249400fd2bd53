/* commands_stamps.c - `stamps`, `stamps set-remaining`, `journal stamp`, and the lines of `status` about time stamps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/text.h"
#include "control_private.h"
#include "stamps.h"
#include "trust.h"

#define USES_MAX_ROWS 4000 /* of one answer: more do not fit into a caller's queue */

static void set_time(struct lines *row, const char *name, int64_t utc_ms)
{
	char text[CLOCK_UTC_SIZE];

	clock_format_utc(utc_ms, text);
	lines_set(row, name, text);
}

static void field_time(struct caller *caller, const char *name, int64_t utc_ms)
{
	char text[CLOCK_UTC_SIZE];

	if (utc_ms != 0) {
		clock_format_utc(utc_ms, text);
		caller_field(caller, name, text);
	}
}

static void put_troubles(struct caller *caller)
{
	static struct stamp_trouble troubles[STAMP_TROUBLES_MAX];
	size_t count = stamps_troubles(caller->hub, clock_utc_ms(), troubles);

	for (size_t i = 0; i < count; i++) {
		caller_field(caller, "stamp-trouble", troubles[i].text);
	}
}

void command_status_stamps(struct caller *caller)
{
	if (caller->hub->config->tsa_count > 0) {
		put_troubles(caller);
	}
}

/* --- how many are left --- */

static void put_tsa(struct caller *caller, size_t n)
{
	const struct stamp_book *book = &caller->hub->stamp_book;
	struct lines row = { 0 };
	struct stamp_left left;
	bool put_off = false;
	char words[STAMP_WORDS_SIZE];

	lines_set(&row, "tsa", caller->hub->config->tsas[n].name);
	if (stamp_book_left(book, n, clock_utc_ms(), &left)) {
		lines_set_u64(&row, "left", left.left);
		lines_set_u64(&row, "of", left.of);
	}
	lines_set_u64(&row, "used", book->accounts[n].spent);
	lines_set_u64(&row, "stop-line", caller->hub->config->tsas[n].stop_line);
	stamps_say(stamps_failure(caller->hub, n, &put_off), words, sizeof words);
	lines_set(&row, "text", words);
	lines_set(&row, "error", stamps_failure(caller->hub, n, &put_off));
	lines_set(&row, "state", put_off ? "put-off" : stamp_book_pause(book, n, clock_utc_ms()) > 0 ? "pause" : words[0] != '\0' ? "failing" : "ok");
	caller_row(caller, "tsa", &row);
}

static void put_packages(struct caller *caller, size_t n)
{
	const struct config_tsa *tsa = &caller->hub->config->tsas[n];
	const struct stamp_account *account = &caller->hub->stamp_book.accounts[n];

	for (size_t i = 0; i < tsa->bought_count; i++) {
		const struct config_package *package = &tsa->bought[i];
		struct lines row = { 0 };

		lines_set(&row, "tsa", tsa->name);
		lines_set_u64(&row, "package", i + 1);
		lines_set_u64(&row, "of", package->count);
		lines_set_u64(&row, "used", account->used[i]);
		lines_set_u64(&row, "left", account->used[i] < package->count ? package->count - account->used[i] : 0);
		if (package->until_ms != INT64_MAX) {
			set_time(&row, "from", package->from_ms);
			set_time(&row, "until", package->until_ms);
		}
		caller_row(caller, "package", &row);
	}
}

static void put_lists(struct caller *caller)
{
	struct trust_row trust;

	for (size_t i = 0; trust_nth(caller->hub, i, &trust); i++) {
		struct lines row = { 0 };

		lines_set(&row, "tsa", trust.of);
		lines_set(&row, "of", trust.of[0] == '\0' ? _("the journal's key") : trust.of);
		lines_set(&row, "url", trust.url[0] == '\0' ? _("no address is known") : trust.url);
		if (trust.last != NULL) {
			set_time(&row, "from", trust.last->time_ms);
			set_time(&row, "until", trust.last->until_ms);
		}
		lines_set(&row, "text", trust.error);
		caller_row(caller, "crl", &row);
	}
}

static void put_state(struct caller *caller)
{
	const struct hub *hub = caller->hub;
	struct renew_plan plan;

	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		put_tsa(caller, i);
	}
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		put_packages(caller, i);
	}
	put_lists(caller);
	field_time(caller, "stamp-time", hub->stamp_book.anchored_ms);
	field_time(caller, "stamp-waits-time", hub->stamp_book.waiting_ms);
	stamps_plan(hub, clock_utc_ms(), &plan);
	field_time(caller, "stamp-ends-time", plan.ends_ms == INT64_MAX ? 0 : plan.ends_ms);
	put_troubles(caller);
}

/* --- what they were used for --- */

struct sum {
	int year, month;
	const struct stamp_use *use; /* the first */
	uint64_t count, bad;
};

static int by_sum(const void *a, const void *b)
{
	const struct sum *one = a, *two = b;
	int64_t order = (int64_t)(one->year * 12 + one->month) - (int64_t)(two->year * 12 + two->month);

	order = order != 0 ? order : (int64_t)one->use->tsa - two->use->tsa;
	order = order != 0 ? order : (int64_t)one->use->purpose - two->use->purpose;
	order = order != 0 ? order : strcmp(one->use->number, two->use->number);
	return order < 0 ? -1 : order > 0 ? 1 : 0;
}

/* Sorted, equal ones added up; how many are left. */
static size_t add_up(struct sum *sums, size_t count)
{
	size_t kept = 0;

	qsort(sums, count, sizeof *sums, by_sum);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && by_sum(&sums[kept - 1], &sums[i]) == 0) {
			sums[kept - 1].count += sums[i].count;
			sums[kept - 1].bad += sums[i].bad;
		} else {
			sums[kept++] = sums[i];
		}
	}
	return kept;
}

static size_t collect(const struct caller *caller, struct sum *sums)
{
	const struct stamp_book *book = &caller->hub->stamp_book;
	const struct list_filter *filter = &caller->filter;
	size_t count = 0;

	for (size_t i = 0; i < book->use_count; i++) {
		const struct stamp_use *use = &book->uses[i];
		struct clock_date date;

		if (use->utc_ms < filter->since_ms || (filter->until_ms != 0 && use->utc_ms >= filter->until_ms)) {
			continue;
		}
		clock_czech_date(use->utc_ms, &date);
		sums[count] = (struct sum){ .year = date.year, .month = date.month, .use = use, .count = 1, .bad = use->good ? 0 : 1 };
		count++;
	}
	return add_up(sums, count);
}

static void put_sum(struct caller *caller, const struct sum *sum)
{
	struct lines row = { 0 };

	lines_setf(&row, "month", "%04d-%02d", sum->year, sum->month);
	lines_set(&row, "tsa", caller->hub->config->tsas[sum->use->tsa].name);
	lines_set(&row, "purpose", stamp_purpose_name((enum stamp_purpose)sum->use->purpose));
	lines_set(&row, "what", stamp_purpose_label((enum stamp_purpose)sum->use->purpose));
	lines_set(&row, "case", sum->use->number);
	lines_set_u64(&row, "count", sum->count);
	lines_set_u64(&row, "bad", sum->bad);
	caller_row(caller, "stamp-use", &row);
}

static void put_uses(struct caller *caller)
{
	struct sum *sums = calloc(caller->hub->stamp_book.use_count + 1, sizeof *sums);
	size_t count = sums == NULL ? 0 : collect(caller, sums);

	for (size_t i = 0; i < count && i < USES_MAX_ROWS; i++) {
		put_sum(caller, &sums[i]);
	}
	free(sums);
	caller_finish(caller, count > USES_MAX_ROWS ? COMMAND_NO : COMMAND_YES,
	              count > USES_MAX_ROWS ? _("there is more than fits into one answer: choose a shorter period") : NULL);
}

void command_stamps(struct caller *caller)
{
	if (caller->hub->config->tsa_count == 0) {
		caller_finish(caller, COMMAND_DENIED, _("no time-stamp authority is configured"));
	} else if (caller->csv || caller->filter.since_ms > 0 || caller->filter.until_ms > 0) {
		put_uses(caller);
	} else {
		put_state(caller);
		caller_finish(caller, COMMAND_YES, NULL);
	}
}

/* --- a person's word --- */

static size_t find_tsa(const struct caller *caller)
{
	const struct config *config = caller->hub->config;

	if (caller->tsa[0] == '\0') {
		return config->tsa_count == 1 ? 0 : SIZE_MAX;
	}
	for (size_t i = 0; i < config->tsa_count; i++) {
		if (strcmp(config->tsas[i].name, caller->tsa) == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}

void command_stamps_set(struct caller *caller)
{
	size_t tsa = find_tsa(caller);
	struct lines lines = { 0 };
	struct stamp_left left;
	uint64_t remaining = 0;

	if (tsa == SIZE_MAX) {
		caller_finish(caller, COMMAND_USAGE, _("which time-stamp authority? --tsa NAME (podatelna stamps lists them)"));
	} else if (!span_parse_u64(caller_word(caller, 2), &remaining)) {
		caller_finish(caller, COMMAND_USAGE, _("how many are left must be a whole number"));
	} else if (caller->reason[0] == '\0') {
		caller_finish(caller, COMMAND_USAGE, _("a correction needs --reason TEXT"));
	} else if (!stamp_book_left(&caller->hub->stamp_book, tsa, clock_utc_ms(), &left)) {
		caller_finish(caller, COMMAND_DENIED, _("no package is configured for it: \"package\" or \"packages\" of the tsa"));
	} else if (remaining > left.of) {
		caller_finish(caller, COMMAND_DENIED, _("that is more than was bought: put the new package into the configuration first"));
	} else {
		lines_set(&lines, "event", "package");
		lines_set(&lines, "tsa", caller->hub->config->tsas[tsa].name);
		lines_set_u64(&lines, "used", left.of - remaining);
		caller_append(caller, "anchor", &lines);
	}
}

static void on_stamped(void *context, bool good, const char *words, uint64_t size)
{
	struct caller *caller = context;
	char said[STAMP_WORDS_SIZE];

	if (good) {
		(void)snprintf(caller->text, sizeof caller->text, _("the journal is stamped: %llu records"), (unsigned long long)size);
	} else {
		stamps_say(words, said, sizeof said);
		caller->exit_code = COMMAND_NO;
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(said), caller->text, sizeof caller->text);
	}
	caller_settle(caller);
}

void command_journal_stamp(struct caller *caller)
{
	const char *why = hub_waiting_reason(caller->hub);
	size_t tsa = caller->tsa[0] == '\0' ? SIZE_MAX : find_tsa(caller);

	if (why[0] != '\0') {
		caller_finish(caller, COMMAND_DENIED, _(why));
		return;
	}
	if (caller->tsa[0] != '\0' && tsa == SIZE_MAX) {
		caller_finish(caller, COMMAND_USAGE, _("which time-stamp authority? --tsa NAME (podatelna stamps lists them)"));
		return;
	}
	caller_pend(caller);
	if (stamps_anchor(caller->hub, STAMP_PERSON, caller->by, tsa, on_stamped, caller, &why) != 0) {
		(void)caller_fail(caller, ERR_STATE, _(why));
		caller_settle(caller);
	} else {
		caller_progress(caller, 0, 0, _("the time-stamp authority is asked ..."));
	}
}
