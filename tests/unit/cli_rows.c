/* What the command line prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "appliance/base/state.h"
#include "appliance/base/err.h"
#include "appliance/base/text.h"
#include "appliance/cli/columns.h"
#include "appliance/cli/rows.h"

static void add(struct rows *rows, const char *kind, const char *lines)
{
	assert_int_equal(rows_add(rows, span_of_string(kind), span_of_string(lines)), 0);
}

static void expect(struct rows *rows, bool json, const char *said)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	if (json) {
		rows_print_json(rows, to);
	} else {
		rows_print_table(rows, to);
	}
	assert_int_equal(fclose(to), 0);
	assert_string_equal(text, said);
	free(text);
	rows_free(rows);
}

static void test_cases(void **state)
{
	struct rows rows = { 0 };

	(void)state;
	add(&rows, "case", "case: 2026-000001\nform: DPHDP3\npartner: epo\nstate: done\ntime: 2026-11-21T18:39:00.123Z\n");
	add(&rows, "case", "case: 2026-000002\nform: DPHKH1\npartner: epo\nstate: data-error\ntime: 2026-07-01T00:00:00.000Z\n");
	add(&rows, "case", "case: 2026-000003\nstate: something-new\n");
	add(&rows, "case", "case: 2026-000004\noutcome: partial\nstate: data-error\n");
	expect(&rows, false,
	       "Case         Since                State                             Partner  Form\n"
	       "2026-000001  2026-11-21 19:39:00  closed, accepted                  epo      DPHDP3\n"
	       "2026-000002  2026-07-01 02:00:00  closed with an error in the data  epo      DPHKH1\n"
	       "2026-000003                       something-new                              \n"
	       "2026-000004                       closed, accepted in part only              \n");
}

static void test_columns(void **state)
{
	char text[64] = "Žluťoučký kůň 漢字";
	size_t columns = 0;

	(void)state;
	assert_int_equal(columns_count(text), 18);
	assert_int_equal(columns_fit("漢字", 3), 3);
	assert_int_equal(columns_fit("r\xcc\x8c"
	                             "a",
	                             1),
	                 3); /* the mark stays with its letter */
	columns_cut(text, 16);
	assert_string_equal(text, "Žluťoučký kůň …");
	assert_int_equal(columns_common("kůň 1", "kůň 2", &columns), 6);
	assert_int_equal(columns, 4);
	assert_int_equal(columns_common("ř", "ž", &columns), 0); /* the bytes begin alike */
	assert_int_equal(columns_common("ar", "ar\xcc\x8c", &columns), 1);
	assert_int_equal(columns, 1);
	assert_int_equal(columns_common("same", "same", &columns), 4);
}

static void test_sizes(void **state)
{
	static const char *const pairs[][2] = { { "0", "0 B" }, { "999", "999 B" }, { "1000", "1.0 kB" }, { "84234567890", "84.2 GB" }, { "x", "x" } };
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		label_size(pairs[i][0], text, sizeof text);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void test_names(void **state)
{
	struct rows rows = { 0 };
	const char *names = "2026-000002\tPřiznání.xml\nno tab here\n2026-000001\ta\x1b[31m.xml\n2026-000009\tx\n2026-000003\tlost";

	(void)state;
	add(&rows, "case", "case: 2026-000001\nstate: done\n");
	add(&rows, "case", "case: 2026-000002\nstate: done\n");
	add(&rows, "case", "case: 2026-000003\nstate: done\n");
	add(&rows, "field", "case: 2026-000001\n");
	assert_int_equal(rows_join_names(&rows, span_of_string(names)), 0);
	rows.count--;
	free(rows.rows[rows.count].text);
	expect(&rows, false,
	       "Case         State             File\n"
	       "2026-000001  closed, accepted  a?[31m.xml\n"
	       "2026-000002  closed, accepted  Přiznání.xml\n"
	       "2026-000003  closed, accepted  \n");
}

static void test_groups(void **state)
{
	struct rows rows = { 0 };

	(void)state;
	add(&rows, "field", "name: state\nvalue: ready\n");
	add(&rows, "field",
	    "label: Jméno\nname: name\nvalue: a\xe2\x80\xae"
	    "b\n");
	add(&rows, "field", "name: first-time\nvalue: 2026-01-01T00:00:00.000Z\n");
	add(&rows, "field", "name: cases-data-error\nvalue: 3\n");
	add(&rows, "record", "detail: x\nindex: 7\ntime: 2026-01-01T00:00:00.000Z\ntype: received\n");
	add(&rows, "text", "line: hello\n");
	add(&rows, "brand-new", "a: 1\nb: 2\n");
	expect(&rows, false,
	       "State: ready to be sent\nJméno: a?b\nfirst-time: 2026-01-01 01:00:00\nclosed with an error in the data: 3\n"
	       "\nRecord  Time                 Type      Detail\n7       2026-01-01 01:00:00  received  x\n"
	       "\nhello\n"
	       "\n1  2\n");
}

static void test_long_cells(void **state)
{
	struct rows rows = { 0 };

	(void)state;
	add(&rows, "token", "label: ččččččččččččččččččččččččččččččččččččččččččččččččččččččččččččč\nserial: 1\nstate: pin-needed\ntoken: t\n");
	expect(&rows, false,
	       "Token  State       Label                                             Serial number\n"
	       "t      PIN needed  ččččččččččččččččččččččččččččččččččččččččččččččč…  1\n");
}

static void test_json(void **state)
{
	struct rows rows = { 0 };

	(void)state;
	expect(&rows, true, "[]\n");
	add(&rows, "case", "case: 2026-000001\nkind: filing\nreason: say \"a\\b\"\nstate: done\n");
	add(&rows, "text", "line: x\n");
	expect(&rows, true,
	       "[\n{\"kind\": \"case\", \"case\": \"2026-000001\", \"case-kind\": \"filing\", \"reason\": \"say \\\"a\\\\b\\\"\", \"state\": \"done\"},\n"
	       "{\"kind\": \"text\", \"line\": \"x\"}\n]\n");
}

static void test_bad_rows(void **state)
{
	struct rows rows = { 0 };

	(void)state;
	assert_int_equal(rows_add(&rows, span_of_string("case"), span_of_string("b: 1\na: 2\n")), ERR_FORMAT);
	assert_int_equal(rows_add(&rows, span_of_string("a-kind-that-is-much-too-long"), span_of_string("a: 2\n")), ERR_FORMAT);
	assert_int_equal(rows.count, 0);
	rows_free(&rows);
}

/* Every state of the design has its words, in Czech those of the design. */
static void test_labels(void **state)
{
	static const char *const ids[] = { "received", "unknown",   "held", "ready",      "signing", "testing", "sending",
		                           "sent",     "uncertain", "done", "data-error", "failed",  "refused", "deleted" };

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		assert_int_not_equal(state_by_name(ids[i]), CASE_NONE);
		assert_string_equal(label_state(ids[i]), state_label(state_by_name(ids[i])));
	}
	assert_string_equal(state_token_label("absent"), "not there");
	assert_string_equal(label_state("no-such"), "no-such");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases), cmocka_unit_test(test_columns),  cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_names), cmocka_unit_test(test_groups),   cmocka_unit_test(test_long_cells),
		cmocka_unit_test(test_json),  cmocka_unit_test(test_bad_rows), cmocka_unit_test(test_labels),
	};

	text_open("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
