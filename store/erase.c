#include "erase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "appliance/base/text.h"

bool erase_must_keep(const char *day, int64_t now_ms)
{
	struct clock_date date;
	char today[ERASE_DAY_SIZE];

	clock_czech_date(now_ms, &date);
	(void)snprintf(today, sizeof today, "%04d-%02d-%02d", date.year % 10000, date.month, date.day);
	return strlen(day) == ERASE_DAY_SIZE - 1 && strcmp(today, day) <= 0;
}

/* What the records say. */
struct facts {
	char keep_until[ERASE_DAY_SIZE];
	char asked_by[64]; /* of the last wish */
	int64_t asked_ms;
};

static void follow(struct facts *facts, const struct record *record)
{
	if (strcmp(record->type, "closed") == 0) {
		facts->keep_until[0] = '\0';
		(void)record_field_string(record, "keep-until", facts->keep_until, sizeof facts->keep_until);
	} else if (strcmp(record->type, "erased") == 0 && record_field_is(record, "stage", "asked") &&
	           record_field_string(record, "by", facts->asked_by, sizeof facts->asked_by)) {
		facts->asked_ms = record->utc_ms;
	}
}

static int read_facts(struct journal *journal, const char *case_number, struct facts *ret)
{
	_cleanup_free_ uint64_t *indexes = NULL;
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	size_t count = 0;
	int err = buffer == NULL ? ERR_MEMORY : journal_case_indexes(journal, case_number, &indexes, &count);

	for (size_t i = 0; err == 0 && i < count; i++) {
		struct record record;

		err = journal_read_one(journal, indexes[i], buffer, &record);
		if (err == 0) {
			follow(ret, &record);
		}
	}
	return err;
}

static int say(char why[TABLE_WHY_SIZE], const char *text)
{
	(void)snprintf(why, TABLE_WHY_SIZE, "%s", text);
	return ERR_STATE;
}

bool erase_is_at_rest(const char *last_type)
{
	static const char *const ends[] = { "closed", "deleted", "refused", "rejected" };

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		if (strcmp(last_type, ends[i]) == 0) {
			return true;
		}
	}
	return false;
}

int erase_check(struct journal *journal, const char *case_number, struct span body, int64_t now_ms, char why[TABLE_WHY_SIZE])
{
	struct facts facts = { .asked_ms = 0 };
	struct journal_case found;
	struct span asked;
	int err = journal_case_find(journal, case_number, &found);

	(void)snprintf(why, TABLE_WHY_SIZE, "the records of the case cannot be read");
	if (err == 0) {
		err = read_facts(journal, case_number, &facts);
	}
	if (err != 0) {
		return err;
	}
	if (found.erased) {
		return say(why, "the case is erased already");
	}
	if (!erase_is_at_rest(found.last_type)) {
		return say(why, "the case is not closed, deleted or refused");
	}
	if (!lines_find(body, "asked-by", &asked)) {
		return erase_must_keep(facts.keep_until, now_ms) ? say(why, N_("the case must be kept: a second person has to ask for it first")) : 0;
	}
	if (facts.asked_ms == 0 || !span_equals_string(asked, facts.asked_by)) {
		return say(why, "that person did not ask for it");
	}
	return now_ms - facts.asked_ms > ERASE_WISH_MS ? say(why, "the wish is too old") : 0;
}

static int visit_objects(const struct record *record, int (*visit)(void *context, const struct object_ref *ref), void *context)
{
	struct span role, value;
	int err = 0;

	for (size_t n = 0; err == 0 && journal_ref_nth(record->body, n, &role, &value); n++) {
		struct object_ref ref;

		err = object_ref_parse(value, &ref) != 0 ? 0 : visit(context, &ref); /* what cannot be parsed was never in the vault */
	}
	return err;
}

int erase_each_object(struct journal *journal, const char *case_number, int (*visit)(void *context, const struct object_ref *ref), void *context)
{
	_cleanup_free_ uint64_t *indexes = NULL;
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	size_t count = 0;
	int err = buffer == NULL ? ERR_MEMORY : journal_case_indexes(journal, case_number, &indexes, &count);

	for (size_t i = 0; err == 0 && i < count; i++) {
		struct record record;

		err = journal_read_one(journal, indexes[i], buffer, &record);
		if (err == 0) {
			err = visit_objects(&record, visit, context);
		}
	}
	return err;
}
