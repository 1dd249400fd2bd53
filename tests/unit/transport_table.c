/* What the network program remembers of sessions, and what it may swear to after the hub was restarted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../appliance/base/lines.h"
#include "../../transport/net/zygote_table.h"

static char text[LINES_BODY_MAX + 1];

/* The lines as text; returns the index from which on they are complete. */
static uint64_t list(const struct table *table)
{
	_cleanup_lines_ struct lines lines = { 0 };
	uint64_t complete_from = table_list(table, &lines);
	int length = lines_finish(&lines, text, sizeof text);

	assert_true(length >= 0);
	text[length] = '\0';
	return complete_from;
}

static bool named(uint64_t id)
{
	char name[LINES_NAME_MAX + 1];
	struct span value;

	(void)snprintf(name, sizeof name, "%llu", (unsigned long long)id);
	return lines_find(span_of_string(text), name, &value);
}

static void test_nothing_is_sworn_before_the_journal_is_known(void **state)
{
	static struct table table;

	(void)state;
	table_note_begun(&table, 5);
	assert_int_equal(list(&table), UINT64_MAX);
	assert_true(named(5));
}

static void test_first_word_counts(void **state)
{
	static struct table table;

	(void)state;
	table_note_journal(&table, 100);
	table_note_journal(&table, 200); /* a hub that was restarted */
	assert_int_equal(list(&table), 100);
	assert_string_equal(text, "");
}

static void test_living_and_ended(void **state)
{
	static struct table table;

	(void)state;
	table_note_journal(&table, 100);
	table_note_begun(&table, 120);
	table_note_begun(&table, 130);
	table.entries[0] = (struct table_entry){ .pid = 1, .id = 130, .case_number = "2026-000007" };
	table.count = 1;
	assert_int_equal(list(&table), 100);
	assert_string_equal(text, "120: " TABLE_ENDED "\n130: 2026-000007\n");
}

/* Whatever is not named any more lies below the index: nothing that was begun is ever taken for something that was not. */
static void test_forgetting_is_told(void **state)
{
	static struct table table;
	uint64_t last = 0;

	(void)state;
	table_note_journal(&table, 10);
	table.entries[3] = (struct table_entry){ .pid = 1, .id = 11, .case_number = "2026-000001" }; /* the oldest lives on */
	for (uint64_t id = 11; id < 11 + 3 * TABLE_BEGUN_MAX; id++) {
		table_note_begun(&table, id);
		if (id % 97 != 0) {
			continue;
		}
		last = list(&table);
		for (uint64_t begun = 12; begun <= id; begun++) {
			assert_true(named(begun) || begun < last);
		}
		assert_true(last <= id);
	}
	assert_true(last > 11 + 2 * TABLE_BEGUN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_sworn_before_the_journal_is_known),
		cmocka_unit_test(test_first_word_counts),
		cmocka_unit_test(test_living_and_ended),
		cmocka_unit_test(test_forgetting_is_told),
	};

	return cmocka_run_group_tests_name("transport_table", tests, NULL, NULL);
}
