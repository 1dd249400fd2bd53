/* Stamps that grow old, and what renews them: fifteen years, three generations of a time-stamp authority (RFC 4998's idea over the records themselves). */
#include "audit_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pki *generation(const struct journal *journal, const char *cn, int64_t from_s, int64_t until_s)
{
	return pki_make(&(struct pki_plan){ .cn = cn, .issuer = journal->root, .from_s = from_s, .until_s = until_s, .purposes = "critical,timeStamping" });
}

/* Records of fifteen years: the first 100 in the first month, then ten every year. */
static void spread(struct journal *journal)
{
	for (size_t i = 100; i < JOURNAL_RECORDS; i++) {
		journal->utc_ms[i] = (T0 + (int64_t)(i - 90) / 10 * YEAR + (int64_t)(i % 10) * HOUR) * 1000;
	}
	journal->size = 260;
	pki_drop(journal->signer);
	journal->signer = pki_make(&(struct pki_plan){ .cn = "Box", .issuer = journal->root, .from_s = T0 - YEAR, .until_s = T0 + 20 * YEAR });
	for (size_t i = 0; i < JOURNAL_RECORDS; i++) {
		journal->quiet[i] = true;
	}
	journal->settings.late_ms = 20 * YEAR * 1000;
	journal_revoke(journal, journal->root, NULL, 0, -1, T0 + 5 * YEAR);
	journal_revoke(journal, journal->root, NULL, 0, -1, T0 + 10 * YEAR);
	journal_revoke(journal, journal->root, NULL, 0, -1, T0 + 15 * YEAR);
}

struct generations {
	struct pki *tsa[3];
};

/* Stamps at the beginning, after 5 and after 10 years, each by the next generation while the last still lives (6 years each). */
static struct generations build(struct journal *journal, bool second, bool third)
{
	struct generations made;

	spread(journal);
	for (int i = 0; i < 3; i++) {
		char cn[16];

		(void)snprintf(cn, sizeof cn, "TSA %d", i + 1);
		made.tsa[i] = generation(journal, cn, T0 + i * 5 * YEAR - DAY, T0 + i * 5 * YEAR + 6 * YEAR);
	}
	journal_note(journal, 100, journal->signer);
	journal_stamp(journal, 100, 1, made.tsa[0], T0 + 30 * DAY, 101);
	journal_note(journal, 150, journal->signer);
	journal_note(journal, 200, journal->signer);
	if (second) {
		journal_stamp(journal, 150, 1, made.tsa[1], T0 + 5 * YEAR + 12 * HOUR, 151);
	}
	if (third) {
		journal_stamp(journal, 200, 1, made.tsa[2], T0 + 10 * YEAR + 12 * HOUR, 201);
	}
	return made;
}

static void drop(const struct generations *made)
{
	for (size_t i = 0; i < 3; i++) {
		pki_drop(made->tsa[i]);
	}
}

static void fifteen_years(void **state)
{
	struct journal *journal = *state;
	struct generations made = build(journal, true, true);

	for (int year = 1; year <= 15; year++) {
		journal->settings.now_s = T0 + year * YEAR;
		journal_check(journal);
		journal_expect_only(journal, AUDIT_KIND_COUNT);
		assert_int_equal(journal->result.trusted_stamps, 3);
		assert_true(journal->result.stamped_size == 200);
	}
	journal->settings.now_s = T0 + 16 * YEAR + DAY; /* the third has ended too */
	journal_check(journal);
	for (size_t i = 0; i < 3; i++) {
		journal_expect(journal, AUDIT_STAMP_AGE, -1, 100 + 50 * i);
	}
	journal_expect_only(journal, AUDIT_STAMP_AGE, AUDIT_KIND_COUNT);
	assert_true(journal->result.stamped_size == 0);
	drop(&made);
}

static void a_link_is_missing(void **state)
{
	struct journal *journal = *state;
	struct generations made = build(journal, false, true);

	/* The third is right by itself, and came when the first had ended. */
	journal->settings.now_s = T0 + 15 * YEAR;
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP_AGE, -1, 100);
	journal_expect_only(journal, AUDIT_STAMP_AGE, AUDIT_KIND_COUNT);
	assert_true(journal->result.stamped_size == 200);
	drop(&made);
}

static void no_renewal_at_all(void **state)
{
	struct journal *journal = *state;
	struct generations made = build(journal, false, false);

	journal->settings.now_s = T0 + 5 * YEAR;
	journal_check(journal);
	journal_expect_only(journal, AUDIT_KIND_COUNT);
	journal->settings.now_s = T0 + 15 * YEAR;
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP_AGE, -1, 100);
	drop(&made);
}

/* A later stamp over a tree that does not hold the record of the first renews nothing. */
static void over_a_tree_without_it(void **state)
{
	struct journal *journal = *state;
	struct pki *old = NULL, *new = NULL;

	spread(journal);
	old = generation(journal, "Old", T0 - DAY, T0 + YEAR);
	new = generation(journal, "New", T0 - DAY, T0 + 9 * YEAR);
	journal_note(journal, 50, journal->signer);
	journal_note(journal, 100, journal->signer);
	journal_stamp(journal, 50, 1, old, T0 + 3 * HOUR, 101);
	journal_stamp(journal, 100, 1, new, T0 + 30 * DAY, 102);
	journal->settings.now_s = T0 + 2 * YEAR;
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP_AGE, -1, 50);
	/* The same with the record in it. */
	journal_note(journal, 110, journal->signer);
	journal_stamp(journal, 110, 1, new, T0 + 31 * DAY, 111);
	journal_check(journal);
	journal_expect_only(journal, AUDIT_CLOCK, AUDIT_REVOCATION, AUDIT_KIND_COUNT); /* no lists of that early */
	pki_drop(old);
	pki_drop(new);
}

/* The key of an authority got into other hands after a renewal: what was renewed before holds. */
static void in_other_hands_later(void **state)
{
	struct journal *journal = *state;
	struct generations made = build(journal, true, true);

	journal->settings.now_s = T0 + 11 * YEAR;
	journal_revoke(journal, journal->root, made.tsa[0], T0 + 5 * YEAR + 300 * DAY, 1, T0 + 5 * YEAR + 301 * DAY);
	journal_check(journal);
	journal_expect_only(journal, AUDIT_KIND_COUNT);
	/* Before it: nobody can say what is of the authority and what is not. */
	journal_revoke(journal, journal->root, made.tsa[0], T0 + 4 * YEAR, 1, T0 + 5 * YEAR + 301 * DAY);
	journal_check(journal);
	journal_expect(journal, AUDIT_REVOKED, -1, 100);
	drop(&made);
}

/* Many stamps of one authority, one renewal: each finds it. */
static void one_renews_all(void **state)
{
	struct journal *journal = *state;
	struct pki *old = NULL, *new = NULL;
	uint64_t size = 2;

	spread(journal);
	old = generation(journal, "Old", T0 - DAY, T0 + YEAR);
	new = generation(journal, "New", T0 - DAY, T0 + 9 * YEAR);
	for (; size < 100; size += 3) {
		journal_note(journal, size, journal->signer);
		journal_stamp(journal, size, 1, old, T0 + (int64_t)size * MINUTE, size + 1);
	}
	journal->settings.now_s = T0 + 2 * YEAR;
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP_AGE, -1, 2);
	assert_int_equal(journal->result.stamped_size, 0);
	journal_note(journal, 110, journal->signer);
	journal_stamp(journal, 110, 1, new, T0 + YEAR - DAY, 111);
	journal_check(journal);
	journal_expect_only(journal, AUDIT_CLOCK, AUDIT_REVOCATION, AUDIT_KIND_COUNT); /* no lists of that early */
	assert_int_equal(journal->result.stamped_size, 110);
	pki_drop(old);
	pki_drop(new);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_open, journal_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fifteen_years),          TEST(a_link_is_missing),    TEST(no_renewal_at_all),
		TEST(over_a_tree_without_it), TEST(in_other_hands_later), TEST(one_renews_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
