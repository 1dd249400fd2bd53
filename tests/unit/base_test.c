/* Spans, lines, record framing, calendar, escaping, and the table of states against README. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/escape.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/record.h"
#include "appliance/base/span.h"
#include "appliance/base/state.h"

static void test_span_numbers(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_true(span_parse_u64(span_of_string("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
	assert_false(span_parse_u64(span_of_string("18446744073709551616"), &value));
	assert_false(span_parse_u64(span_of_string(""), &value));
	assert_false(span_parse_u64(span_of_string("-1"), &value));
	assert_false(span_parse_u64(span_of_string("1 "), &value));
	assert_true(value == UINT64_MAX); /* untouched on failure */
}

static void test_span_readers_keep_still_on_failure(void **state)
{
	struct span span = span_of("\x01\x02\x03", 3);
	uint32_t number = 9;
	struct span part = span;

	(void)state;
	assert_false(span_read_u32(&span, &number));
	assert_int_equal(number, 9);
	assert_int_equal(span.length, 3);
	assert_false(span_read_until(&span, 'x', &part));
	assert_true(span_read_bytes(&span, 3, &part));
	assert_true(span_is_empty(span));
}

static void test_hex(void **state)
{
	uint8_t bytes[256], again[256];
	char text[2 * sizeof bytes + 1], pair[2];

	(void)state;
	for (unsigned i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)i;
	}
	hex_encode(bytes, sizeof bytes, text);
	assert_true(span_parse_hex(span_of_string(text), again, sizeof again));
	assert_memory_equal(bytes, again, sizeof bytes);
	assert_false(span_parse_hex(span_of_string(text), again, sizeof again - 1));
	for (unsigned i = 0; i < 256; i++) {
		bool digit = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'f');

		pair[0] = '0';
		pair[1] = (char)i;
		assert_int_equal(span_parse_hex(span_of(pair, 2), again, 1), digit);
		pair[0] = (char)i;
		pair[1] = '0';
		again[0] = 0x55;
		assert_int_equal(span_parse_hex(span_of(pair, 2), again, 1), digit);
		assert_true(digit || again[0] == 0x55);
	}
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(span_is_utf8(span_of_string("P\xc5\x99\xc3\xadli\xc5\xa1 \xf0\x9f\x98\x80")));
	assert_false(span_is_utf8(span_of("\xc0\x80", 2)));         /* overlong */
	assert_false(span_is_utf8(span_of("\xed\xa0\x80", 3)));     /* surrogate */
	assert_false(span_is_utf8(span_of("\xf4\x90\x80\x80", 4))); /* beyond U+10FFFF */
	assert_false(span_is_utf8(span_of("\xc5", 1)));             /* cut */
	assert_false(span_is_utf8(span_of("a\0b", 3)));
}

static void test_lines_are_canonical(void **state)
{
	struct lines lines = { 0 }, again = { 0 };
	char text[256];
	int length = 0;

	(void)state;
	lines_set(&lines, "reason", "two words");
	lines_set(&lines, "case", "2026-000001");
	lines_set_u64(&lines, "attempt", 3);
	length = lines_finish(&lines, text, sizeof text);
	assert_string_equal(text, "attempt: 3\ncase: 2026-000001\nreason: two words\n");
	assert_int_equal(lines_parse(span_of(text, (size_t)length), &again), 0);
	assert_string_equal(lines_get(&again, "reason"), "two words");
	lines_free(&lines);
	lines_free(&again);
}

static void test_lines_refuse(void **state)
{
	static const char *const bad[] = { "b: 1\na: 2\n",
		                           "a: 1\na: 2\n",
		                           "a: 1",
		                           "a:1\n",
		                           "A: 1\n",
		                           ": 1\n",
		                           "a: \x01\n",
		                           "a: \xff\n",
		                           "a: 1\n\n",
		                           "a\n",
		                           "a: x\x7f\n",
		                           "a: \xc5\x99\x7f\n",
		                           "a: \xc5\x99\x1f\n",
		                           "a: plain\xc5\n",
		                           "a: plain\xed\xa0\x80\n" };
	struct lines lines = { 0 };

	(void)state;
	assert_true(lines_valid(span_of_string("a: plain P\xc5\x99\xc3\xadli\xc5\xa1 plain\nb: \n")));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(lines_valid(span_of_string(bad[i])));
		assert_int_equal(lines_parse(span_of_string(bad[i]), &lines), ERR_FORMAT);
	}
	lines_set(&lines, "bad name", "x");
	assert_int_equal(lines.err, ERR_FORMAT);
	lines_free(&lines);
}

static size_t make_record(char ret[1024])
{
	struct record record = { .index = 42, .utc_ms = 1795286340123, .type = "sending", .batch = 41, .crc = 0xdeadbeef };
	static const char body[] = "case: 2026-000001\n";

	memset(record.hash, 0xab, sizeof record.hash);
	record_format_header(&record, sizeof body - 1, ret);
	memcpy(ret + RECORD_HEADER_BYTES, body, sizeof body - 1);
	record_format_trailer(record.index, record.hash, ret + RECORD_HEADER_BYTES + sizeof body - 1);
	return RECORD_HEADER_BYTES + sizeof body - 1 + RECORD_TRAILER_BYTES;
}

/* Every digit stands where FORMAT.txt says. */
static void test_record_text(void **state)
{
	const struct record whole = { .index = 42, .utc_ms = 1795286340123, .type = "sending", .batch = 41, .crc = 0xdeadbeef };
	const struct record longest = { .index = RECORD_INDEX_MAX, .utc_ms = 999, .type = "sixteen-letters-", .batch = RECORD_INDEX_MAX, .crc = 0x0a };
	uint8_t hash[RECORD_HASH_BYTES] = { 0x01, [RECORD_HASH_BYTES - 1] = 0xfe };
	char text[RECORD_HEADER_BYTES + 1], utc[CLOCK_UTC_SIZE];

	(void)state;
	clock_format_utc(1795286340123, utc);
	assert_string_equal(utc, "2026-11-21T18:39:00.123Z");
	record_format_header(&whole, 65408, text);
	assert_string_equal(text, "\x1eJ1 000000000042 2026-11-21T18:39:00.123Z sending          000000000041 65408 deadbeef\n");
	record_format_header(&longest, 7, text);
	assert_string_equal(text, "\x1eJ1 999999999999 1970-01-01T00:00:00.999Z sixteen-letters- 999999999999 00007 0000000a\n");
	record_format_trailer(7, hash, text);
	assert_string_equal(text, ".000000000007 01000000000000000000000000000000000000000000000000000000000000fe\n");
}

static void test_record_round_trip(void **state)
{
	char text[1024];
	size_t length = make_record(text);
	struct span span = span_of(text, length);
	struct record record;

	(void)state;
	assert_int_equal(text[RECORD_HEADER_BYTES - 1], '\n');
	assert_int_equal(record_read(&span, &record), 0);
	assert_true(span_is_empty(span));
	assert_int_equal(record.index, 42);
	assert_int_equal(record.batch, 41);
	assert_true(record.crc == 0xdeadbeef);
	assert_string_equal(record.type, "sending");
	assert_true(record_field_is(&record, "case", "2026-000001"));
	assert_int_equal(record.leaf.length, length - RECORD_TRAILER_BYTES);
}

/* Every proper beginning asks for more, every other change is refused or gives another record. */
static void test_record_cut_and_changed(void **state)
{
	char text[1024];
	size_t length = make_record(text);
	struct record record;

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		struct span span = span_of(text, cut);

		assert_int_equal(record_read(&span, &record), ERR_AGAIN);
		assert_int_equal(span.length, cut);
	}
	for (size_t i = 0; i < RECORD_HEADER_BYTES; i++) {
		struct span span = span_of(text, length);
		char kept = text[i];

		text[i] = '*';
		assert_int_not_equal(record_read(&span, &record), 0);
		text[i] = kept;
	}
}

static void test_utc(void **state)
{
	char text[CLOCK_UTC_SIZE];
	int64_t utc = 0;

	(void)state;
	clock_format_utc(1795286340123, text);
	assert_true(clock_parse_utc(span_of_string(text), &utc));
	assert_true(utc == 1795286340123);
	assert_false(clock_parse_utc(span_of_string("2026-02-30T00:00:00.000Z"), &utc));
	assert_false(clock_parse_utc(span_of_string("2026-02-20 00:00:00.000Z"), &utc));
}

static void test_czech_calendar(void **state)
{
	struct clock_date date;
	int64_t utc = 0;

	(void)state;
	/* The year of a case is the Czech one: an hour before midnight UTC it has begun. */
	assert_true(clock_parse_utc(span_of_string("2026-12-31T23:30:00.000Z"), &utc));
	clock_czech_date(utc, &date);
	assert_int_equal(date.year, 2027);
	assert_int_equal(date.hour, 0);
	/* Summer time of 2026: from 29 March 01:00 UTC to 25 October 01:00 UTC. */
	assert_true(clock_parse_utc(span_of_string("2026-03-29T00:59:59.000Z"), &utc));
	clock_czech_date(utc, &date);
	assert_int_equal(date.hour, 1);
	clock_czech_date(utc + 1000, &date);
	assert_int_equal(date.hour, 3);
	assert_true(clock_parse_utc(span_of_string("2026-10-25T01:00:00.000Z"), &utc));
	clock_czech_date(utc - 1000, &date);
	assert_int_equal(date.hour, 2);
	clock_czech_date(utc, &date);
	assert_int_equal(date.hour, 2);
}

/* There and back through two years, and the days that do not exist. */
static void test_from_czech(void **state)
{
	struct clock_date date;
	int64_t utc = 0;

	(void)state;
	for (int64_t hour = 490000; hour < 490000 + 2 * 366 * 24; hour++) {
		clock_czech_date(hour * 3600000, &date);
		assert_true(clock_from_czech(&date, &utc));
		/* The hour that comes twice in October is the earlier one. */
		assert_true(utc == hour * 3600000 || (date.month == 10 && date.hour == 2 && utc == (hour - 1) * 3600000));
	}
	assert_false(clock_from_czech(&(struct clock_date){ .year = 2026, .month = 2, .day = 29 }, &utc));
	assert_false(clock_from_czech(&(struct clock_date){ .year = 2026, .month = 3, .day = 29, .hour = 2, .minute = 30 }, &utc));
}

static void check_escape(enum escape_for target, const char *text, const char *expected)
{
	char got[256];

	(void)escape_text(target, span_of_string(text), got, sizeof got);
	assert_string_equal(got, expected);
}

static void test_escape(void **state)
{
	(void)state;
	check_escape(ESCAPE_TERMINAL, "a\x1b[31mb\x7f", "a?[31mb?");
	check_escape(ESCAPE_TERMINAL, "x\xe2\x80\xaey", "x?y"); /* right-to-left override */
	check_escape(ESCAPE_TERMINAL, "\xff", "\xef\xbf\xbd");
	check_escape(ESCAPE_HTML, "<a href='x'>&", "&lt;a href=&#39;x&#39;&gt;&amp;");
	check_escape(ESCAPE_JSON, "a\"b\\c\n", "a\\\"b\\\\c\\u000a");
	check_escape(ESCAPE_CSV, "=1+\"x\"", "\"'=1+\"\"x\"\"\"");
	check_escape(ESCAPE_FILE, "../a/b:c ", "_._a_b_c");
	check_escape(ESCAPE_FILE, "", "_");
}

static void test_escape_cuts_between_characters(void **state)
{
	char got[4];

	(void)state;
	assert_int_equal(escape_text(ESCAPE_TERMINAL, span_of_string("a\xc5\x99\xc5\x99"), got, sizeof got), 3);
	assert_string_equal(got, "a\xc5\x99");
}

/* README prints the same table of states as the code has: one row per state, `| id | label | next |`. */
static void test_states_stand_in_readme(void **state)
{
	_cleanup_fclose_ FILE *readme = fopen(README_PATH, "r");
	char line[1024];
	size_t found = 0;

	(void)state;
	assert_non_null(readme);
	while (fgets(line, sizeof line, readme) != NULL) {
		char id[64], next[512];
		enum case_state from = CASE_NONE;

		if (sscanf(line, "| `%63[a-z-]` | %*[^|] | %511[^|]", id, next) != 2 || (from = state_by_name(id)) == CASE_NONE) {
			continue;
		}
		found++;
		for (int to = CASE_RECEIVED; to < CASE_STATE_COUNT; to++) {
			char word[80];
			bool named = false;

			(void)snprintf(word, sizeof word, "%s", state_name((enum case_state)to));
			for (char *place = strstr(next, word); place != NULL && !named; place = strstr(place + 1, word)) {
				char before = place == next ? ' ' : place[-1], after = place[strlen(word)];

				named = strchr(" ,", before) != NULL && strchr(" ,(\n", after) != NULL;
			}
			/* The roll-back rule makes any open case uncertain; the table shows the ordinary ways. */
			if (to != (int)from && !(to == CASE_UNCERTAIN && !named)) {
				if (named != state_may_follow(from, (enum case_state)to)) {
					fail_msg("README and code disagree on %s -> %s", id, word);
				}
			}
		}
	}
	assert_int_equal(found, CASE_STATE_COUNT - 1);
}

static void test_sealed_memfd(void **state)
{
	_cleanup_close_ int fd = fd_memfd_sealed("test", "abc", 3);
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;

	(void)state;
	assert_true(fd >= 0 && fd_is_sealed(fd));
	assert_true(write(fd, "x", 1) < 0);
	assert_int_equal(fd_read_all(fd, 3, &data, &length), 0);
	assert_int_equal(length, 3);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	free(data);
	data = NULL;
	assert_int_equal(fd_read_all(fd, 2, &data, &length), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span_numbers),
		cmocka_unit_test(test_span_readers_keep_still_on_failure),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_lines_are_canonical),
		cmocka_unit_test(test_lines_refuse),
		cmocka_unit_test(test_record_text),
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_record_cut_and_changed),
		cmocka_unit_test(test_utc),
		cmocka_unit_test(test_czech_calendar),
		cmocka_unit_test(test_from_czech),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_cuts_between_characters),
		cmocka_unit_test(test_states_stand_in_readme),
		cmocka_unit_test(test_sealed_memfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
