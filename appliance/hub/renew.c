#include "renew.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"

#define DAY_MS INT64_C(86400000)

static const uint32_t days[] = { 0, 1, 7, 14, 30, RENEW_DAYS_MAX };

/* --- records --- */

static bool is_exposed(const struct renew_book *book, const struct renew_group *group)
{
	return group->last_index >= book->covered;
}

/* Groups that were taken over are gone. */
static void drop_covered(struct renew_book *book)
{
	size_t kept = 0;

	for (size_t i = 0; i < book->count; i++) {
		if (is_exposed(book, &book->groups[i])) {
			book->groups[kept++] = book->groups[i];
		}
	}
	book->count = kept;
}

static void add_stamp(struct renew_book *book, const struct renew_group *stamp)
{
	for (size_t i = 0; i < book->count; i++) {
		if (book->groups[i].until_ms == stamp->until_ms && strcmp(book->groups[i].digest, stamp->digest) == 0) {
			book->groups[i] = *stamp;
			return;
		}
	}
	if (book->count < RENEW_GROUPS_MAX) {
		book->groups[book->count++] = *stamp;
		return;
	}
	/* More kinds of certificates than there is room for: the first place stands for two, and for the earlier end of both. */
	book->groups[0].until_ms = stamp->until_ms < book->groups[0].until_ms ? stamp->until_ms : book->groups[0].until_ms;
	book->groups[0].last_index = stamp->last_index;
}

static int64_t moment_of(const struct record *record, const char *name)
{
	struct span text;
	int64_t utc_ms = 0;

	return record_field(record, name, &text) && clock_parse_utc(text, &utc_ms) ? utc_ms : 0;
}

static void note_tsa(struct renew_book *book, const struct config *config, const struct record *record, const struct renew_group *stamp)
{
	for (size_t i = 0; i < config->tsa_count; i++) {
		if (record_field_is(record, "tsa", config->tsas[i].name)) {
			struct renew_tsa *tsa = &book->tsas[i];

			*tsa = (struct renew_tsa){ .until_ms = stamp->until_ms, .made_ms = record->utc_ms };
			(void)snprintf(tsa->file, sizeof tsa->file, "%s", stamp->file);
			(void)snprintf(tsa->digest, sizeof tsa->digest, "%s", stamp->digest);
		}
	}
}

void renew_record(struct renew_book *book, const struct config *config, const struct record *record)
{
	bool renewal = record_field_is(record, "event", "renewal");
	struct renew_group stamp = { .last_index = record->index };
	struct span text;
	uint64_t size = 0;

	if ((!renewal && !record_field_is(record, "event", "stamp")) || !record_field(record, "size", &text) || !span_parse_u64(text, &size) ||
	    !record_field_string(record, "file", stamp.file, sizeof stamp.file)) {
		return;
	}
	stamp.until_ms = moment_of(record, "until");
	(void)record_field_string(record, "detail", stamp.digest, sizeof stamp.digest);
	book->renewed_ms = renewal ? record->utc_ms : book->renewed_ms;
	if (size > book->covered) {
		book->covered = size;
		drop_covered(book);
	}
	add_stamp(book, &stamp);
	note_tsa(book, config, record, &stamp);
}

const char *renew_unknown(const struct renew_book *book)
{
	for (size_t i = 0; i < book->count; i++) {
		if (book->groups[i].until_ms == 0) {
			return book->groups[i].file;
		}
	}
	return "";
}

void renew_learn(struct renew_book *book, const char *file, int64_t until_ms, const char *digest)
{
	for (size_t i = 0; i < book->count; i++) {
		struct renew_group *group = &book->groups[i];

		if (group->until_ms == 0 && strcmp(group->file, file) == 0) {
			group->until_ms = until_ms;
			(void)snprintf(group->digest, sizeof group->digest, "%s", digest);
		}
	}
	for (size_t i = 0; i < CONFIG_TSAS_MAX; i++) {
		struct renew_tsa *tsa = &book->tsas[i];

		if (tsa->until_ms == 0 && strcmp(tsa->file, file) == 0) {
			tsa->until_ms = until_ms;
			(void)snprintf(tsa->digest, sizeof tsa->digest, "%s", digest);
		}
	}
}

/* --- what follows --- */

static bool is_weak(const struct config *config, const char *digest)
{
	for (unsigned hash = CONFIG_HASH_SHA256; hash <= CONFIG_HASH_SHA512; hash++) {
		if ((config->weak_hashes & (1U << hash)) != 0 && strstr(digest, config_hash_name((enum config_hash)hash)) != NULL) {
			return true;
		}
	}
	return false;
}

/* Of what counts and is known. */
static int64_t earliest_end(const struct renew_book *book, const struct config *config)
{
	int64_t ends = INT64_MAX;

	for (size_t i = 0; i < book->count; i++) {
		const struct renew_group *group = &book->groups[i];
		int64_t until = is_weak(config, group->digest) ? 0 : group->until_ms == 0 ? INT64_MAX : group->until_ms;

		ends = until < ends ? until : ends;
	}
	return ends;
}

/* The end that a stamp of this authority would have, as far as is known: of one that was never asked anything may be hoped. */
static int64_t hope_of(const struct renew_book *book, const struct config *config, size_t tsa)
{
	const struct renew_tsa *last = &book->tsas[tsa];

	return is_weak(config, last->digest) ? 0 : last->until_ms == 0 ? INT64_MAX : last->until_ms;
}

/* The first that can be asked, unless its certificate ends soon and another one's does not. */
static size_t choose(const struct renew_book *book, const struct config *config, const bool *usable, int64_t good_ms)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < config->tsa_count; i++) {
		if (!usable[i]) {
			continue;
		}
		if (hope_of(book, config, i) > good_ms) {
			return i;
		}
		best = best == SIZE_MAX || hope_of(book, config, i) > hope_of(book, config, best) ? i : best;
	}
	return best;
}

/* Did this authority make no stamp since the last of the days on which it is worth while to see whether it has another certificate? */
static bool is_to_be_tried(int64_t ends_ms, int64_t first_ms, int64_t made_ms, int64_t now_ms)
{
	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
		int64_t day = ends_ms - (int64_t)days[i] * DAY_MS;

		if (day >= first_ms && day <= now_ms && made_ms < day) {
			return true;
		}
	}
	return made_ms < first_ms;
}

void renew_look(const struct renew_book *book, const struct config *config, const bool *usable, int64_t now_ms, struct renew_plan *ret)
{
	int64_t good_ms = now_ms + (int64_t)config->renew_before_ms, hope = 0;

	*ret = (struct renew_plan){ .ends_ms = earliest_end(book, config), .tsa = choose(book, config, usable, good_ms) };
	ret->near = config->renew_before_ms > 0 && ret->ends_ms <= good_ms;
	if (!ret->near || ret->tsa == SIZE_MAX) {
		return;
	}
	hope = hope_of(book, config, ret->tsa);
	ret->helpless = hope <= good_ms;
	/* Authorities that change between certificates must not make a stamp of each look. */
	if (book->renewed_ms <= now_ms && now_ms - book->renewed_ms < DAY_MS) {
		return;
	}
	ret->due = !ret->helpless || is_to_be_tried(ret->ends_ms, ret->ends_ms - (int64_t)config->renew_before_ms, book->tsas[ret->tsa].made_ms, now_ms);
}

uint32_t renew_days_passed(int64_t ends_ms, int64_t now_ms)
{
	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
		if (ends_ms - now_ms <= (int64_t)days[i] * DAY_MS) {
			return days[i];
		}
	}
	return UINT32_MAX;
}
