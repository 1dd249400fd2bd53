/* podatelna-audit: the record table as it stands in FORMAT.txt; a table that is not understood stops the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those before it */
#include <cmocka.h>

#include "store/audit/rules.h"
#include "store/audit/source.h"

static struct rules rules;
static char why[AUDIT_WHY_SIZE];

static const struct rule *named(const char *name)
{
	char padded[FRAME_TYPE_BYTES];
	uint8_t found = RULE_NONE;

	memset(padded, ' ', sizeof padded);
	memcpy(padded, name, strlen(name));
	found = rules_type(&rules, padded);
	assert_int_not_equal(found, RULE_NONE);
	return &rules.rule[found];
}

static uint8_t field(const char *name)
{
	return rules_field(&rules, (const uint8_t *)name, strlen(name));
}

static bool follows(const char *type, const char *before)
{
	return (named(type)->follows >> (named(before) - rules.rule) & 1) != 0;
}

static int load(void **state)
{
	(void)state;
	return rules_load((struct bytes){ .data = audit_format_text, .length = audit_format_length }, &rules, why);
}

static void test_types(void **state)
{
	(void)state;
	assert_true(rules.count >= 37);
	for (size_t i = 0; i < TYPE_KNOWN; i++) {
		assert_true(rules.known[i] < rules.count);
	}
	assert_true(named("received")->begins && named("received")->of_case && named("received")->follows == 0);
	assert_true(!named("boot")->of_case && named("boot")->follows == 0 && !named("boot")->begins);
	assert_true(named("reply")->forced && named("delivered")->transparent && named("delivered")->follows_any && !named("closed")->forced);
	assert_true(follows("signed", "intent") && !follows("signed", "approved"));
	assert_true(follows("sending", "request") && !follows("sending", "signed"));
	assert_true(follows("closed", "verified") && !follows("closed", "closed") && follows("approved", "closed"));
	assert_true(rules_type(&rules, "nothing         ") == RULE_NONE);
}

static void test_fields(void **state)
{
	(void)state;
	assert_int_equal(field("object-original"), FIELD_OBJECT_ORIGINAL);
	assert_int_equal(field("object-request"), FIELD_OBJECT_REQUEST);
	assert_int_equal(field("object-signed"), FIELD_OBJECT_SIGNED);
	assert_int_equal(field("case"), FIELD_CASE);
	assert_int_equal(field("count"), FIELD_COUNT_OF);
	assert_int_equal(field("attempt"), FIELD_ATTEMPT);
	assert_int_equal(field("object-nothing"), RULE_NONE);
	assert_int_equal(field("cas"), RULE_NONE);
	assert_true(field_in(&named("received")->required, FIELD_OBJECT_ORIGINAL) && field_in(&named("received")->required, field("object-name")));
	assert_true(named("intent")->needs_object && !named("received")->needs_object);
	assert_true(field_in(&named("received")->allowed, field("claim")) && field_in(&named("received")->allowed, FIELD_PREV));
	assert_true(field_in(&named("boot")->required, field("version")) && !field_in(&named("boot")->allowed, FIELD_CASE));
	assert_true(field_in(&named("boot")->allowed, FIELD_REASON) && !field_in(&named("closed")->allowed, field("http-status")));
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		assert_memory_equal(rules.field[FIELD_OBJECT + i], "object-", 7);
		assert_true(field_in(&rules.common_case, FIELD_OBJECT + i) && !field_in(&rules.common_box, FIELD_OBJECT + i));
	}
}

/* Cut anywhere in its table, or with words that it does not have, a FORMAT.txt is refused or gives another table, never the same one silently. */
static void test_broken(void **state)
{
	static struct rules other;
	char *text = malloc(audit_format_length + 1);
	const char *table = NULL;

	(void)state;
	assert_non_null(text);
	memcpy(text, audit_format_text, audit_format_length);
	text[audit_format_length] = '\0';
	table = strstr(text, "\nboot\n");
	assert_non_null(table);
	for (size_t length = (size_t)(table - text); length + 60 < audit_format_length; length += 97) {
		int err = rules_load((struct bytes){ .data = (const uint8_t *)text, .length = length }, &other, why);

		assert_true(err != 0 || memcmp(&other, &rules, sizeof other) != 0);
	}
	*strstr(strstr(text, "\nsigned\n"), "of: case") = 'x';
	assert_int_equal(rules_load((struct bytes){ .data = (const uint8_t *)text, .length = audit_format_length }, &other, why), -1);
	assert_non_null(strstr(why, "signed"));
	free(text);
}

static void test_heads(void **state)
{
	static const char text[] = "podatelna-head 1 000000000007 000000000042 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 000000000030 "
	                           "000000012345 clean 00000000-0000-0000-0000-000000000000 ";
	char line[HEAD_BYTES + 1];
	uint8_t crc[4];
	struct head head;
	uint32_t value = frame_crc((struct bytes){ .data = (const uint8_t *)text, .length = strlen(text) });

	(void)state;
	for (size_t i = 0; i < sizeof crc; i++) {
		crc[i] = (uint8_t)(value >> (24 - 8 * i));
	}
	assert_int_equal(strlen(text) + 9, HEAD_BYTES);
	memcpy(line, text, strlen(text));
	frame_to_hex(crc, sizeof crc, line + strlen(text));
	line[HEAD_BYTES - 1] = '\n';
	assert_true(head_read((struct bytes){ .data = (const uint8_t *)line, .length = HEAD_BYTES }, &head));
	assert_true(head.sequence == 7 && head.size == 42 && head.segment == 30 && head.offset == 12345 && head.clean && head.root[1] == 0x11);
	for (size_t bit = 0; bit < (size_t)8 * HEAD_BYTES; bit++) {
		line[bit / 8] = (char)((unsigned char)line[bit / 8] ^ 1U << bit % 8);
		assert_false(head_read((struct bytes){ .data = (const uint8_t *)line, .length = HEAD_BYTES }, &head));
		line[bit / 8] = (char)((unsigned char)line[bit / 8] ^ 1U << bit % 8);
	}
	assert_false(head_read((struct bytes){ .data = (const uint8_t *)line, .length = HEAD_BYTES - 1 }, &head));
}

static bool note(const char *text, struct note *ret)
{
	return note_read((struct bytes){ .data = (const uint8_t *)text, .length = strlen(text) }, ret);
}

static void test_notes(void **state)
{
#define ORIGIN "podatelna.invalid/0123456789abcdef\n"
#define ROOT "m+KOzt62Ww03aCj3+1o3v6MZ4A3X2BK/ml4Pn/7PpZM=\n"
	static const char *const wrong[] = { "",
		                             ORIGIN,
		                             ORIGIN "1\n",
		                             ORIGIN "01\n" ROOT,
		                             ORIGIN "-1\n" ROOT,
		                             ORIGIN "1 \n" ROOT,
		                             ORIGIN "1\nAAAA\n",
		                             ORIGIN "1\n m+KOzt62Ww03aCj3+1o3v6MZ4A3X2BK/ml4Pn/7PpZM=\n",
		                             ORIGIN "1\nm+KOzt62Ww03aCj3+1o3v6MZ4A3X2BK/ml4Pn/7PpZN=\n",
		                             ORIGIN "1\nm+KOzt62Ww03aCj3+1o3v6MZ4A3X2BK/ml4Pn/7PpZM\n",
		                             ORIGIN "1\n" ROOT "more\n",
		                             "\n1\n" ROOT,
		                             ORIGIN "99999999999999\n" ROOT };
	struct note ret;

	(void)state;
	assert_true(note(ORIGIN "148\n" ROOT, &ret) && ret.size == 148 && ret.root[0] == 0x9b && ret.text_length == strlen(ORIGIN "148\n" ROOT));
	assert_true(note(ORIGIN "148\n" ROOT "\n\u2014 name AAAA\n", &ret) && ret.text_length == strlen(ORIGIN "148\n" ROOT));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_false(note(wrong[i], &ret));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_types), cmocka_unit_test(test_fields), cmocka_unit_test(test_broken),
		                            cmocka_unit_test(test_heads), cmocka_unit_test(test_notes) };

	return cmocka_run_group_tests(tests, load, NULL);
}
