/* Which stamps an export carries so that an old one goes on proving something (store/evidence_renewal.c): few of many, each over the record of the one before, made in time. */
#include "store/vault_crypto.h"

#include "journal_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "store/evidence.h"

#define FIRST_YEAR 2026
#define HASH "00000000000000000000000000000000000000000000000000000000000000ff"

/* Years of twelve months of four weeks are long enough here. */
static void moment(double year, char ret[32])
{
	int whole = (int)year, day = (int)((year - whole) * 336 + 0.01);

	(void)snprintf(ret, 32, "%04d-%02d-%02dT00:00:00.000Z", FIRST_YEAR + whole, 1 + day / 28, 1 + day % 28);
}

static struct journal *begin(struct help *help)
{
	struct journal *journal = NULL;

	help_make(help);
	journal = help_opened(help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	return journal;
}

static uint64_t checkpoint(struct journal *journal)
{
	char note[JOURNAL_NOTE_SIZE];
	struct journal_facts facts;

	assert_int_equal(journal_checkpoint_anew(journal, note), 0);
	journal_facts(journal, &facts);
	return facts.note_size;
}

/* Stamps over a checkpoint of that time whose certificates end then; `recorded`: with their records. */
static void keep(struct journal *journal, uint64_t size, double made, const double *ends, size_t count, bool recorded)
{
	char file[JOURNAL_ANCHOR_NAME_SIZE], body[512], time[32], until[32];
	struct journal_receipt receipt;

	for (size_t i = 0; i < count; i++) {
		moment(made, time);
		moment(ends[i], until);
		(void)snprintf(body, sizeof body, "stamp of %s until %s, %zu", time, until, i);
		assert_int_equal(journal_anchor_stamp(journal, size, span_of_string(body), false, file), 0);
		(void)snprintf(body, sizeof body, "event: stamp\nfile: %s\nroot: " HASH "\nsha256: " HASH "\nsize: %llu\ntime: %s\ntsa: own\nuntil: %s\n", file,
		               (unsigned long long)size, time, until);
		if (recorded) {
			assert_int_equal(help_append(journal, TABLE_STORE, "", NULL, "anchor", body, &receipt), 0);
		}
	}
}

/* Over a new checkpoint, whose size it returns. */
static uint64_t stamp(struct journal *journal, double made, const double *ends, size_t count, bool recorded)
{
	uint64_t size = checkpoint(journal);

	keep(journal, size, made, ends, count, recorded);
	return size;
}

static uint64_t stamp_one(struct journal *journal, double made, double ends)
{
	return stamp(journal, made, &ends, 1, true);
}

/* The chain from the stamps over that checkpoint, as an export of now would have it; each step is proved. */
static void find(struct journal *journal, uint64_t size, uint64_t until, struct evidence *ret)
{
	*ret = (struct evidence){ .until = until };
	assert_int_equal(evidence_add_note(journal, ret, size), 0);
	assert_int_equal(evidence_find_renewals(journal, ret), 0);
	for (size_t i = 0; i < ret->renewal_count; i++) {
		const struct evidence_renewal *renewal = &ret->renewals[i];
		FILE *nothing = fopen("/dev/null", "w");

		assert_non_null(nothing);
		assert_true(renewal->index < renewal->by.size && renewal->index < until && renewal->by_number >= 1 && renewal->by_number <= renewal->by.stamps);
		assert_int_equal(renewal->size, i == 0 ? size : ret->renewals[i - 1].by.size);
		assert_int_equal(renewal->number, i == 0 ? renewal->number : ret->renewals[i - 1].by_number);
		assert_int_equal(evidence_write_proof(journal, renewal->index, renewal->by.size, nothing), 0);
		assert_int_equal(fclose(nothing), 0);
	}
}

/* Fifteen years of stamps, a hundred a year, of three certificates: two steps, each to the first stamp of the next certificate. */
static void few_of_many(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct evidence found;
	uint64_t first = 0, second = 0, third = 0;

	(void)state;
	journal = begin(&help);
	for (int n = 0; n < 15 * 100; n++) {
		double year = n / 100.0, ends = year < 5 ? 6 : year < 10 ? 11 : 20;
		uint64_t size = stamp_one(journal, year, ends);

		first = n == 0 ? size : first;
		second = second == 0 && ends == 11 ? size : second;
		third = third == 0 && ends == 20 ? size : third;
	}
	find(journal, first, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 2);
	assert_int_equal(found.renewals[0].by.size, second);
	assert_int_equal(found.renewals[1].by.size, third);
	evidence_free(&found);
	/* What came after the list was made is in no later text of the same export. */
	find(journal, first, third, &found);
	assert_int_equal(found.renewal_count, 1);
	evidence_free(&found);
	/* One that is of the last certificate itself needs none. */
	find(journal, third, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 0);
	evidence_free(&found);
	journal_close(journal);
	help_remove(&help);
}

/* Two authorities, each with certificates of its own, stamp the same checkpoints: the way leads over the one that lasts longer, whichever its number. */
static void two_authorities(void **state)
{
	static const double early[] = { 2, 6 }, middle[] = { 12, 7 }, late[] = { 8, 20 };
	struct help help;
	struct journal *journal = NULL;
	struct evidence found;
	uint64_t first = 0;

	(void)state;
	journal = begin(&help);
	first = stamp(journal, 0, early, 2, true);
	(void)stamp(journal, 5, middle, 2, true);
	(void)stamp(journal, 7.5, late, 2, true);
	find(journal, first, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 2);
	assert_int_equal(found.renewals[0].number, 2);
	assert_int_equal(found.renewals[0].by_number, 1);
	assert_int_equal(found.renewals[1].by_number, 2);
	evidence_free(&found);
	journal_close(journal);
	help_remove(&help);
}

/* No step over a gap, to a stamp without a record, or to one whose tree does not hold the record of the first. */
static void no_step(void **state)
{
	static const double long_lasting[] = { 20 };
	struct help help;
	struct journal *journal = NULL;
	struct evidence found;
	uint64_t first = 0;

	(void)state;
	journal = begin(&help);
	first = stamp_one(journal, 0, 6);
	(void)stamp(journal, 5, long_lasting, 1, false);
	(void)stamp_one(journal, 6.5, 20);
	find(journal, first, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 0);
	evidence_free(&found);
	/* The same with one in time. */
	journal_close(journal);
	help_remove(&help);
	journal = begin(&help);
	first = stamp_one(journal, 0, 6);
	(void)stamp(journal, 5, long_lasting, 1, false);
	(void)stamp_one(journal, 5.5, 20);
	find(journal, first, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 1);
	evidence_free(&found);
	journal_close(journal);
	help_remove(&help);
}

/* Two checkpoints before the first stamp came back: the tree of the second does not hold its record, however long the stamp over it lasts. */
static void a_tree_without_the_record(void **state)
{
	static const double six = 6, twenty = 20;
	struct help help;
	struct journal *journal = begin(&help);
	struct evidence found;
	uint64_t first = checkpoint(journal), second = checkpoint(journal);

	(void)state;
	keep(journal, second, 0.5, &twenty, 1, true);
	keep(journal, first, 0.4, &six, 1, true);
	find(journal, first, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 0);
	evidence_free(&found);
	second = stamp_one(journal, 0.6, 20);
	find(journal, first, journal_size(journal), &found);
	assert_int_equal(found.renewal_count, 1);
	assert_int_equal(found.renewals[0].by.size, second);
	evidence_free(&found);
	journal_close(journal);
	help_remove(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_of_many),
		cmocka_unit_test(two_authorities),
		cmocka_unit_test(no_step),
		cmocka_unit_test(a_tree_without_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
