#include "stamp_book.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"

#define DAY_MS INT64_C(86400000)
#define USES_FIRST 64

static const struct {
	const char *name, *label;
} purposes[STAMP_PURPOSE_COUNT] = {
	[STAMP_SCHEDULE] = { "schedule", N_("journal, by its schedule") },
	[STAMP_DAY_END] = { "day-end", N_("journal, end of the day") },
	[STAMP_CHECK] = { "check", N_("trial of the time stamps") },
	[STAMP_PERSON] = { "person", N_("journal, by a person") },
	[STAMP_ERASURE] = { "erasure", N_("journal, before an erasure") },
	[STAMP_FILING] = { "filing", N_("signature of a filing") },
	[STAMP_RENEWAL] = { "renewal", N_("journal, renewal of earlier stamps") },
};

const char *stamp_purpose_name(enum stamp_purpose purpose)
{
	return purposes[purpose].name;
}

const char *stamp_purpose_label(enum stamp_purpose purpose)
{
	return _(purposes[purpose].label);
}

bool stamp_type_is_quiet(const char *type)
{
	static const char *const quiet[] = { "token", "pin-try", "unwrap", "tls", "anchor", "segment" };

	for (size_t i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
		if (strcmp(quiet[i], type) == 0) {
			return true;
		}
	}
	return false;
}

/* --- packages --- */

static bool is_valid(const struct config_package *package, int64_t now_ms)
{
	return now_ms >= package->from_ms && now_ms < package->until_ms;
}

/* The first that has something left at that moment, else the last that is valid; SIZE_MAX for none. */
static size_t package_at(const struct config_tsa *tsa, const struct stamp_account *account, int64_t now_ms)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < tsa->bought_count; i++) {
		if (is_valid(&tsa->bought[i], now_ms)) {
			found = i;
			if (account->used[i] < tsa->bought[i].count) {
				return i;
			}
		}
	}
	return found;
}

/* A person's word: so many were used of what was valid then, in their order. */
static void correct(const struct config_tsa *tsa, struct stamp_account *account, int64_t now_ms, uint64_t used)
{
	size_t last = SIZE_MAX;

	for (size_t i = 0; i < tsa->bought_count; i++) {
		if (is_valid(&tsa->bought[i], now_ms)) {
			account->used[i] = used < tsa->bought[i].count ? used : tsa->bought[i].count;
			used -= account->used[i];
			last = i;
		}
	}
	if (last != SIZE_MAX) {
		account->used[last] += used;
	}
}

bool stamp_book_left(const struct stamp_book *book, size_t tsa, int64_t now_ms, struct stamp_left *ret)
{
	const struct config_tsa *config = &book->config->tsas[tsa];
	const struct stamp_account *account = &book->accounts[tsa];

	*ret = (struct stamp_left){ .until_ms = INT64_MAX };
	for (size_t i = 0; i < config->bought_count; i++) {
		const struct config_package *package = &config->bought[i];

		if (!is_valid(package, now_ms)) {
			continue;
		}
		ret->of += package->count;
		if (account->used[i] < package->count) {
			ret->left += package->count - account->used[i];
			ret->until_ms = package->until_ms < ret->until_ms ? package->until_ms : ret->until_ms;
		}
	}
	return config->bought_count > 0;
}

bool stamp_book_may_file(const struct stamp_book *book, size_t tsa, int64_t now_ms)
{
	struct stamp_left left;

	return !stamp_book_left(book, tsa, now_ms, &left) || left.left > book->config->tsas[tsa].stop_line;
}

/* --- records --- */

static size_t find_tsa(const struct stamp_book *book, const struct record *record)
{
	for (size_t i = 0; i < book->config->tsa_count; i++) {
		if (record_field_is(record, "tsa", book->config->tsas[i].name)) {
			return i;
		}
	}
	return SIZE_MAX; /* taken out of the configuration since */
}

static uint8_t purpose_of(const struct record *record)
{
	for (size_t i = 0; i < STAMP_PURPOSE_COUNT; i++) {
		if (record_field_is(record, "purpose", purposes[i].name)) {
			return (uint8_t)i;
		}
	}
	return STAMP_SCHEDULE;
}

static int add_use(struct stamp_book *book, const struct stamp_use *use)
{
	if (book->use_count == book->use_room) {
		size_t room = book->use_room == 0 ? USES_FIRST : 2 * book->use_room;
		struct stamp_use *more = reallocarray(book->uses, room, sizeof *more);

		if (more == NULL) {
			return ERR_MEMORY;
		}
		book->uses = more;
		book->use_room = room;
	}
	book->uses[book->use_count++] = *use;
	return 0;
}

static int spend(struct stamp_book *book, const struct record *record, size_t tsa, uint8_t purpose, bool good)
{
	struct stamp_account *account = &book->accounts[tsa];
	struct stamp_use use = { .utc_ms = record->utc_ms, .index = record->index, .tsa = (uint8_t)tsa, .purpose = purpose, .good = good };
	size_t package = package_at(&book->config->tsas[tsa], account, record->utc_ms);

	/* A bad stamp of a filing is a record of the box: `detail` says of which. */
	if (!record_field_string(record, "case", use.number, sizeof use.number) && purpose == STAMP_FILING) {
		(void)record_field_string(record, "detail", use.number, sizeof use.number);
	}
	account->spent++;
	if (package != SIZE_MAX) {
		account->used[package]++;
	}
	account->good_ms = good ? record->utc_ms : account->good_ms;
	account->bad_ms = good ? account->bad_ms : record->utc_ms;
	account->bad_in_row = good ? 0 : account->bad_in_row + 1;
	book->spent_ms = record->utc_ms;
	return add_use(book, &use);
}

/* off-ms of a record: how far the clock was from the stamp, beyond what the authority allows itself. */
static void note_clock(struct stamp_book *book, const struct record *record)
{
	struct span value;
	bool behind = false;
	uint64_t off = 0;

	if (!record_field(record, "off-ms", &value)) {
		return;
	}
	behind = span_starts_with(value, "-");
	if (behind) {
		struct span sign;

		(void)span_read_bytes(&value, 1, &sign);
	}
	if (span_parse_u64(value, &off) && off <= INT64_MAX) {
		book->off_ms = behind ? -(int64_t)off : (int64_t)off;
		book->off_at_ms = record->utc_ms;
	}
}

/* Whatever was told since that checkpoint still waits. */
static void cover(struct stamp_book *book, uint64_t size, int64_t utc_ms)
{
	size_t first = book->checkpoint_count > STAMP_CHECKPOINTS_KEPT ? book->checkpoint_count - STAMP_CHECKPOINTS_KEPT : 0;

	if (size < book->anchored_size) {
		return;
	}
	book->anchored_size = size;
	book->anchored_ms = utc_ms;
	for (size_t i = book->checkpoint_count; i-- > first;) {
		const struct stamp_checkpoint *each = &book->checkpoints[i % STAMP_CHECKPOINTS_KEPT];

		/* The newest that the stamp reaches; of one that is forgotten, nothing better is known than the oldest kept. */
		if (each->size <= size || i == first) {
			book->waiting_ms = each->after_ms;
			return;
		}
	}
	book->waiting_ms = 0;
}

static void note_checkpoint(struct stamp_book *book, uint64_t size)
{
	book->checkpoints[book->checkpoint_count++ % STAMP_CHECKPOINTS_KEPT] = (struct stamp_checkpoint){ .size = size };
}

/* A record that a stamp must cover. */
static void note_waiting(struct stamp_book *book, int64_t utc_ms)
{
	size_t kept = book->checkpoint_count < STAMP_CHECKPOINTS_KEPT ? book->checkpoint_count : STAMP_CHECKPOINTS_KEPT;

	book->waiting_ms = book->waiting_ms == 0 ? utc_ms : book->waiting_ms;
	for (size_t i = 0; i < kept; i++) {
		struct stamp_checkpoint *each = &book->checkpoints[(book->checkpoint_count - 1 - i) % STAMP_CHECKPOINTS_KEPT];

		if (each->after_ms != 0) {
			return; /* those before it have theirs too */
		}
		each->after_ms = utc_ms;
	}
}

static uint64_t number_of(const struct record *record, const char *name)
{
	struct span value;
	uint64_t number = 0;

	return record_field(record, name, &value) && span_parse_u64(value, &number) ? number : 0;
}

static int apply_anchor(struct stamp_book *book, const struct record *record)
{
	struct span event;
	size_t tsa = find_tsa(book, record);
	uint64_t size = number_of(record, "size");
	bool good = record_field_is(record, "event", "stamp") || record_field_is(record, "event", "renewal");

	if (!record_field(record, "event", &event)) {
		note_checkpoint(book, size);
		return 0;
	}
	if (good) {
		note_clock(book, record);
		cover(book, size, record->utc_ms);
	}
	if (tsa == SIZE_MAX) {
		return 0;
	}
	if (record_field_is(record, "event", "package")) {
		correct(&book->config->tsas[tsa], &book->accounts[tsa], record->utc_ms, number_of(record, "used"));
		return 0;
	}
	return good || record_field_is(record, "event", "bad-stamp") ? spend(book, record, tsa, purpose_of(record), good) : 0;
}

int stamp_book_record(struct stamp_book *book, const struct record *record)
{
	size_t tsa = SIZE_MAX;

	if (strcmp(record->type, "anchor") == 0) {
		return apply_anchor(book, record);
	}
	book->boot_ms = strcmp(record->type, "boot") == 0 ? record->utc_ms : book->boot_ms;
	if (!stamp_type_is_quiet(record->type)) {
		note_waiting(book, record->utc_ms);
	}
	if (strcmp(record->type, "stamped") != 0) {
		return 0;
	}
	note_clock(book, record);
	tsa = find_tsa(book, record);
	return tsa == SIZE_MAX ? 0 : spend(book, record, tsa, STAMP_FILING, true);
}

void stamp_book_free(struct stamp_book *book)
{
	free(book->uses);
	*book = (struct stamp_book){ 0 };
}

/* --- when --- */

int64_t stamp_book_pause(const struct stamp_book *book, size_t tsa, int64_t now_ms)
{
	const struct stamp_account *account = &book->accounts[tsa];
	int64_t delay = STAMP_BAD_FIRST_MS, until = 0;
	size_t bad = 0;

	if (account->bad_in_row == 0 || account->bad_ms > now_ms) {
		return 0;
	}
	for (uint32_t i = 1; i < account->bad_in_row && delay < STAMP_BAD_MOST_MS; i++) {
		delay *= 2;
	}
	until = account->bad_ms + (delay > STAMP_BAD_MOST_MS ? STAMP_BAD_MOST_MS : delay);
	for (size_t i = book->use_count; i-- > 0 && book->uses[i].utc_ms > now_ms - DAY_MS;) {
		bad += book->uses[i].tsa == tsa && !book->uses[i].good ? 1 : 0;
		if (bad == STAMP_BAD_PER_DAY) {
			until = book->uses[i].utc_ms + DAY_MS > until ? book->uses[i].utc_ms + DAY_MS : until;
			break;
		}
	}
	return until > now_ms ? until : 0;
}

int64_t stamp_book_age(const struct stamp_book *book, int64_t now_ms)
{
	return book->waiting_ms == 0 || book->waiting_ms >= now_ms ? 0 : now_ms - book->waiting_ms;
}

static bool is_past_day(int64_t then_ms, int64_t now_ms)
{
	struct clock_date then, now;

	clock_czech_date(then_ms, &then);
	clock_czech_date(now_ms, &now);
	return then.year != now.year ? then.year < now.year : then.month != now.month ? then.month < now.month : then.day < now.day;
}

bool stamp_book_due(const struct stamp_book *book, const struct config_tsa *settings, int64_t now_ms, enum stamp_purpose *ret_purpose)
{
	int64_t age = stamp_book_age(book, now_ms);

	if (age > 0 && settings->day_end && is_past_day(book->waiting_ms, now_ms)) {
		*ret_purpose = STAMP_DAY_END;
		return true;
	}
	if (age > 0 && age >= (int64_t)settings->anchor_every_ms) {
		*ret_purpose = STAMP_SCHEDULE;
		return true;
	}
	/* A clock that was put back must not make the trial come at every look: then it waits for its time to come again. */
	*ret_purpose = STAMP_CHECK;
	return settings->check_every_ms > 0 && (book->spent_ms == 0 || now_ms - book->spent_ms >= (int64_t)settings->check_every_ms);
}
