/* commands_erase.c - `erase`: the content of a closed case is destroyed for good, and the journal keeps that it was there (FORMAT.txt, erased).
 *
 * While the case must be kept (keep-until of its last `closed`), two different users have to ask for it within ERASE_WISH_MS. What the journal says about the time of its
 * records is settled before: a time stamp where an authority is configured and something waits for one; whoever erases may decide to do without (--without-stamp), which
 * stands in the record.
 */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "control_private.h"
#include "stamps.h"

#define ERASE_WISH_MS (INT64_C(30) * 24 * 3600 * 1000)

bool case_must_keep(const struct hub_case *of, int64_t now_ms)
{
	struct clock_date date;
	char today[CONFIG_DAY_SIZE];

	clock_czech_date(now_ms, &date);
	(void)snprintf(today, sizeof today, "%04d-%02d-%02d", date.year % 10000, date.month, date.day);
	return of->keep_until[0] != '\0' && strcmp(today, of->keep_until) <= 0;
}

bool case_is_at_rest(const struct hub_case *of)
{
	return state_is_closed(of->state) && !of->is_open && of->work == NULL;
}

bool caller_content_gone(struct caller *caller)
{
	char text[CASE_REASON_MAX_BYTES];

	if (caller->of->erased == 0) {
		return false;
	}
	(void)snprintf(text, sizeof text, _("this case was erased by record %llu: its content is gone for good"), (unsigned long long)caller->of->erased);
	caller_finish(caller, COMMAND_DENIED, text);
	return true;
}

static bool wish_counts(const struct hub_case *of, int64_t now_ms)
{
	return of->erase_asked_ms != 0 && now_ms - of->erase_asked_ms <= ERASE_WISH_MS && now_ms >= of->erase_asked_ms;
}

/* --- the store's answer --- */

/* What an erasure does not reach, so that nobody believes more than is true. */
static void put_left(struct caller *caller, struct span left)
{
	char word[32];

	if (lines_find_string(left, "content", word, sizeof word)) {
		caller_field(caller, "not-erased", _("not everything in the vault could be removed yet; the keys go first, and the box goes on by itself"));
	}
	if (lines_find_string(left, "archive", word, sizeof word)) {
		caller_field(caller, "not-erased",
		             _("the encrypted content in the archive, which is not there now; without its key nobody can read it, and the box removes it when "
		               "the archive is there again (podatelna archive)"));
	}
	if (lines_find_string(left, "name", word, sizeof word)) {
		caller_field(caller, "not-erased",
		             _("the name of the file in the encrypted list of names: it goes when a token with a vault key is logged in"));
	}
	caller_field(caller, "not-erased",
	             _("copies outside of the box: what was put on the share (Vyrizeno), e-mails, exports, and backups that hold the keys"));
}

static void on_erased(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char text[CASE_REASON_MAX_BYTES] = "", number[32];

	if (err != 0) {
		(void)caller_fail(caller, err, _("the store does not answer"));
	} else if (message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
		(void)caller_fail(caller, err, err == ERR_MISMATCH ? _("the case changed in this very moment; look at it again") : _(text));
	} else if (caller->wish) {
		(void)snprintf(
		    caller->text, sizeof caller->text,
		    _("nothing is erased yet: the case must be kept until %s. Within 30 days a second person must ask for the same (podatelna erase)"),
		    caller->of->keep_until);
	} else {
		(void)snprintf(number, sizeof number, "%llu", (unsigned long long)wire_number(message, WIRE_F_INDEX, 0));
		caller_field(caller, "erased-record", number);
		put_left(caller, wire_span(message, WIRE_F_LINES));
		(void)snprintf(caller->text, sizeof caller->text, _("%s is erased: its keys and its content in the box are destroyed"), caller->of->number);
	}
	caller_settle(caller);
}

static void put_record(const struct caller *caller, struct lines *body)
{
	const struct hub_case *of = caller->of;

	lines_set(body, "case", of->number);
	lines_set(body, "basis", caller->basis);
	lines_set(body, "by", caller->by);
	lines_set(body, "keep-until", of->keep_until[0] == '\0' ? NULL : of->keep_until);
	if (caller->wish) {
		lines_set(body, "stage", "asked");
	} else if (case_must_keep(of, clock_utc_ms())) {
		lines_set(body, "asked-by", of->erase_by);
	}
	if (caller->no_stamp) {
		lines_set(body, "detail", "without a time stamp before");
	}
}

static void ask_store(struct caller *caller)
{
	struct lines body = { 0 };
	struct wire_message message;
	char text[2048];
	int length = 0, err = ERR_GONE;

	put_record(caller, &body);
	length = lines_finish(&body, text, sizeof text);
	lines_free(&body);
	caller_pend(caller);
	if (length >= 0 && caller->hub->store != NULL) {
		wire_begin(&message, WIRE_STORE_ERASE, 0, CLOCK_NEVER_MS);
		wire_put_string(&message, WIRE_F_CASE, caller->of->number);
		wire_put_bytes(&message, WIRE_F_PREV, span_of(caller->of->head, RECORD_HASH_BYTES));
		wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
		err = channel_request(caller->hub->store, &message, HUB_ARCHIVE_TIMEOUT_MS, on_erased, caller, NULL);
	}
	if (err != 0) {
		(void)caller_fail(caller, length < 0 ? length : err, _("the record could not be written"));
		caller_settle(caller);
	}
}

/* --- a stamp before --- */

static void on_stamped(void *context, bool good, const char *words, uint64_t size)
{
	struct caller *caller = context;
	char said[STAMP_WORDS_SIZE];

	(void)size;
	if (good) {
		ask_store(caller);
	} else {
		stamps_say(words, said, sizeof said);
		caller->exit_code = COMMAND_DENIED;
		(void)snprintf(caller->text, sizeof caller->text,
		               _("nothing is erased: the journal could not be time-stamped before (%.150s); --without-stamp does without"), said);
	}
	caller_settle(caller);
}

/* The commitments of the case can be checked no more once its salts are gone: what time says about its records must stand before that. */
static void stamp_first(struct caller *caller)
{
	const struct hub *hub = caller->hub;
	const char *why = "";

	if (caller->wish || hub->config->tsa_count == 0 || hub->stamp_book.waiting_ms == 0 || caller->no_stamp) {
		caller->no_stamp = caller->no_stamp && !caller->wish && hub->config->tsa_count > 0 && hub->stamp_book.waiting_ms != 0;
		ask_store(caller);
		return;
	}
	caller_pend(caller);
	if (stamps_anchor(caller->hub, STAMP_ERASURE, caller->by, SIZE_MAX, on_stamped, caller, &why) != 0) {
		on_stamped(caller, false, why, 0);
	} else {
		caller_progress(caller, 0, 0, _("the time-stamp authority is asked ..."));
	}
}

/* --- the command --- */

static bool may_erase(struct caller *caller, int64_t now_ms)
{
	const struct hub_case *of = caller->of;
	const char *why = hub_waiting_reason(caller->hub);

	if (caller->basis[0] == '\0') {
		caller_finish(caller, COMMAND_USAGE, _("an erasure needs --basis TEXT: the law or request it rests on, without names of people"));
	} else if (why[0] != '\0') {
		caller_finish(caller, COMMAND_DENIED, _(why));
	} else if (of->erased != 0) {
		(void)caller_content_gone(caller);
	} else if (!case_is_at_rest(of)) {
		caller_finish(caller, COMMAND_DENIED, _("only a case that is closed, refused or deleted, and put away, can be erased"));
	} else if (case_must_keep(of, now_ms) && wish_counts(of, now_ms) && strcmp(of->erase_by, caller->by) == 0) {
		caller_finish(caller, COMMAND_DENIED, _("you asked for it yourself: the case must be kept, and another person has to agree"));
	} else {
		return true;
	}
	return false;
}

void command_erase(struct caller *caller)
{
	int64_t now_ms = clock_utc_ms();

	if (!may_erase(caller, now_ms)) {
		return;
	}
	caller->wish = case_must_keep(caller->of, now_ms) && !wish_counts(caller->of, now_ms);
	caller_pend(caller);
	stamp_first(caller);
	caller_settle(caller);
}
