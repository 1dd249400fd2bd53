/* Which stamps of an exported folder hold (export_renew): the rule over a whole journal, with a proof for each record of a stamp. */
#include "store/audit/export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define YEAR (INT64_C(365) * 86400)

/* A stamp over a checkpoint of `size`, whose record is shown to be in the tree of `below` (0: it is not). Years. */
struct plan {
	uint64_t size, below;
	double made, ends;
	bool distrusted;
};

/* The stamps that hold in that year, as a set of 1 << place. */
static unsigned held(const struct plan *plan, size_t count, double year, uint64_t *ret_renewals)
{
	struct export *export = calloc(1, sizeof *export);
	unsigned set = 0;

	assert_non_null(export);
	export->audit.settings.now_s = (int64_t)(year * (double)YEAR);
	for (size_t i = 0; i < count; i++) {
		struct export_note *note = export_note_find(export, plan[i].size);

		if (note == NULL) {
			note = &export->notes[export->note_count++];
			note->size = plan[i].size;
		}
		note->stamps[note->stamp_count++] = (struct export_stamp){ .signer = 1,
			                                                   .utc_s = (int64_t)(plan[i].made * (double)YEAR),
			                                                   .hash_ends_s = INT64_MAX,
			                                                   .below = plan[i].below,
			                                                   .verdict = { .ends_s = (int64_t)(plan[i].ends * (double)YEAR) },
			                                                   .trusted = !plan[i].distrusted };
	}
	assert_int_equal(export_renew(export), 0);
	for (size_t i = 0, seen = 0; i < count; i++) {
		const struct export_note *note = export_note_find(export, plan[i].size);

		seen = i > 0 && plan[i].size == plan[i - 1].size ? seen + 1 : 0;
		set |= note->stamps[seen].holds ? 1U << i : 0;
	}
	*ret_renewals = export->renewals;
	free(export);
	return set;
}

#define HELD(plan, year) held(plan, sizeof(plan) / sizeof(plan)[0], year, &renewals)

static void fifteen_years(void **state)
{
	static const struct plan plan[] = { { 40, 90, 0, 6, false }, { 90, 150, 5.8, 11, false }, { 150, 0, 10.8, 20, false } };
	uint64_t renewals = 0;

	(void)state;
	assert_int_equal(HELD(plan, 1), 7);
	assert_int_equal(renewals, 0);
	assert_int_equal(HELD(plan, 7), 7);
	assert_int_equal(renewals, 1);
	assert_int_equal(HELD(plan, 15), 7);
	assert_int_equal(renewals, 2);
	assert_int_equal(HELD(plan, 20), 7);
	assert_int_equal(HELD(plan, 20.1), 0);
	assert_int_equal(renewals, 0);
}

static void links_that_do_not_hold(void **state)
{
	static const struct plan missing[] = { { 40, 90, 0, 6, false }, { 150, 0, 5.9, 20, false } };
	static const struct plan unproved[] = { { 40, 0, 0, 6, false }, { 90, 0, 5.8, 20, false } };
	static const struct plan too_late[] = { { 40, 90, 0, 6, false }, { 90, 150, 6.1, 11, false }, { 150, 0, 10.8, 20, false } };
	static const struct plan before[] = { { 40, 90, 3, 6, false }, { 90, 0, 2, 20, false } };
	static const struct plan distrusted[] = { { 40, 90, 0, 6, false }, { 90, 0, 5.8, 20, true } };
	uint64_t renewals = 0;

	(void)state;
	assert_int_equal(HELD(missing, 15), 2);
	assert_int_equal(HELD(unproved, 15), 2);
	assert_int_equal(HELD(too_late, 15), 6);
	assert_int_equal(HELD(before, 15), 2);
	assert_int_equal(HELD(distrusted, 15), 0);
	assert_int_equal(renewals, 0);
}

/* Of two authorities over the same checkpoints one is enough, whichever its number. */
static void two_authorities(void **state)
{
	static const struct plan plan[] = { { 40, 0, 0, 2, false }, { 40, 90, 0, 6, false }, { 90, 0, 5.8, 5.9, false }, { 90, 0, 5.8, 20, false } };
	uint64_t renewals = 0;

	(void)state;
	assert_int_equal(HELD(plan, 15), 2 + 8);
	assert_int_equal(renewals, 1);
}

/* At the very end of its certificate a stamp still holds, and may be renewed. */
static void at_the_end(void **state)
{
	static const struct plan plan[] = { { 40, 90, 0, 6, false }, { 90, 0, 6, 20, false } };
	uint64_t renewals = 0;

	(void)state;
	assert_int_equal(HELD(plan, 15), 3);
	assert_int_equal(renewals, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifteen_years),
		cmocka_unit_test(links_that_do_not_hold),
		cmocka_unit_test(two_authorities),
		cmocka_unit_test(at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
