/* podatelna-audit: framing, CRC, text, and one record by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants those before it */
#include <cmocka.h>

#include "store/audit/facts.h"
#include "store/audit/tree.h"

#define INDEX 7
#define BODY "by: box\nreason: proto\n"
#define CASE_BODY "basis: x\nby: uid:1000\ncase: 2026-000001\n"

static struct rules rules;

static struct bytes of(const char *text)
{
	return (struct bytes){ .data = (const uint8_t *)text, .length = strlen(text) };
}

static int load(void **state)
{
	char why[AUDIT_WHY_SIZE] = "";

	(void)state;
	return rules_load((struct bytes){ .data = audit_format_text, .length = audit_format_length }, &rules, why);
}

/* A whole record; its length. */
static size_t make(char *to, size_t size, const char *type, const char *body)
{
	char hex[2 * AUDIT_HASH_BYTES + 1];
	uint8_t hash[AUDIT_HASH_BYTES];
	int length =
	    snprintf(to, size, "\036J1 %012d 2026-11-21T18:39:00.123Z %-16s %012d %05zu %08x\n%s", INDEX, type, INDEX, strlen(body), frame_crc(of(body)), body);

	assert_true(length > 0 && (size_t)length + FRAME_TRAILER_BYTES < size);
	tree_leaf((struct bytes){ .data = (uint8_t *)to, .length = (size_t)length }, hash);
	frame_to_hex(hash, sizeof hash, hex);
	return (size_t)length + (size_t)snprintf(to + length, size - (size_t)length, ".%012d %s\n", INDEX, hex);
}

static unsigned faults(const char *bytes, size_t length, struct fact *ret)
{
	uint8_t leaf[AUDIT_HASH_BYTES];

	fact_read(&rules, (struct bytes){ .data = (const uint8_t *)bytes, .length = length }, INDEX, ret, leaf);
	return ret->faults;
}

static void test_crc(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	for (size_t i = 0; i < sizeof up; i++) {
		up[i] = (uint8_t)i;
	}
	/* RFC 3720, B.4; the digits are those of the value, which the RFC prints byte by byte from the lowest */
	assert_int_equal(frame_crc((struct bytes){ zeros, sizeof zeros }), 0x8a9136aaU);
	assert_int_equal(frame_crc((struct bytes){ ones, sizeof ones }), 0x62a8ab43U);
	assert_int_equal(frame_crc((struct bytes){ up, sizeof up }), 0x46dd794eU);
	assert_int_equal(frame_crc(of("123456789")), 0xe3069283U);
	assert_int_equal(frame_crc(of("")), 0);
}

/* Every byte in every place of a hash, and of something shorter: only lower-case digits are any. */
static void test_hex(void **state)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[AUDIT_HASH_BYTES], four[4];
	char text[2 * AUDIT_HASH_BYTES + 1];

	(void)state;
	for (size_t at = 0; at < 2 * sizeof hash; at++) {
		for (int byte = 0; byte < 256; byte++) {
			const char *digit = byte == 0 ? NULL : strchr(digits, byte);
			uint8_t value = digit == NULL ? 0 : (uint8_t)(digit - digits), wanted = (uint8_t)(at % 2 == 0 ? value << 4 | 0x5 : 0xa0 | value);

			for (size_t i = 0; i < sizeof hash; i++) {
				memcpy(text + 2 * i, "a5", 3);
			}
			text[at] = (char)byte;
			assert_int_equal(frame_hex((uint8_t *)text, hash, sizeof hash), digit != NULL);
			assert_int_equal(frame_hex((uint8_t *)text, four, sizeof four), digit != NULL || at >= 2 * sizeof four);
			for (size_t i = 0; digit != NULL && i < sizeof hash; i++) {
				assert_int_equal(hash[i], i == at / 2 ? wanted : 0xa5);
				assert_int_equal(i < sizeof four ? four[i] : hash[i], hash[i]);
			}
		}
	}
}

static void test_time(void **state)
{
	static const char *const wrong[] = { "2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-01-32T00:00:00.000Z",
		                             "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z", "2026-01-01T00:00:60.000Z", "2026-01-01 00:00:00.000Z",
		                             "2026-01-01T00:00:00,000Z", "2026-01-01T00:00:00.000+", "0000-01-01T00:00:00.000Z", "20a6-01-01T00:00:00.000Z" };
	int64_t ms = 0;

	(void)state;
	assert_true(frame_time((const uint8_t *)"1970-01-01T00:00:00.000Z", &ms) && ms == 0);
	assert_true(frame_time((const uint8_t *)"2026-11-21T18:39:00.123Z", &ms) && ms == INT64_C(1795286340123));
	assert_true(frame_time((const uint8_t *)"2024-02-29T23:59:59.999Z", &ms) && ms == INT64_C(1709251199999));
	assert_true(frame_time((const uint8_t *)"2100-03-01T00:00:00.000Z", &ms) && ms == INT64_C(4107542400000));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_false(frame_time((const uint8_t *)wrong[i], &ms));
	}
}

static void test_numbers(void **state)
{
	uint64_t number = 0;

	(void)state;
	assert_true(frame_number(of("0"), &number) && number == 0);
	assert_true(frame_number(of("18446744073709551615"), &number) && number == UINT64_MAX);
	assert_false(frame_number(of("18446744073709551616"), &number));
	assert_false(frame_number(of("01"), &number) || frame_number(of(""), &number) || frame_number(of("-1"), &number) || frame_number(of("1 "), &number));
}

static void test_text(void **state)
{
	static const char *const wrong[] = { "\x1f", "\x7f", "\xc0\x80",  "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		                             "\x80", "\xc4", "a\xe2\x82", "\xfe" };

	(void)state;
	assert_true(frame_text(of("")) && frame_text(of("příliš žluťoučký")) && frame_text(of("\xf0\x9f\x96\x8b \xef\xbf\xbd")));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_false(frame_text(of(wrong[i])));
	}
}

static void test_body(void **state)
{
	static const char *const wrong[] = { "a",         "a:",           "a: ",          "a:b\n",    "a b: c\n",   "A: c\n",
		                             ": c\n",     "b: 1\na: 2\n", "a: 1\na: 2\n", "a: 1\n\n", "a: 1\nb: 2", "ab: 1\na: 2\n",
		                             "a: \x1e\n", "a: \t\n" };
	static char wide[FRAME_VALUE_MAX + 8] = "a: ";

	(void)state;
	assert_true(frame_body(of("")) && frame_body(of("a: \n")) && frame_body(of("a: 1\na-b: 2\na.b: 3\nab: x: y\n")));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_false(frame_body(of(wrong[i])));
	}
	memset(wide + 3, 'x', FRAME_VALUE_MAX);
	wide[3 + FRAME_VALUE_MAX] = '\n';
	assert_true(frame_body((struct bytes){ .data = (uint8_t *)wide, .length = FRAME_VALUE_MAX + 4 }));
	wide[3 + FRAME_VALUE_MAX] = 'x';
	wide[4 + FRAME_VALUE_MAX] = '\n';
	assert_false(frame_body((struct bytes){ .data = (uint8_t *)wide, .length = FRAME_VALUE_MAX + 5 }));
}

static void test_record(void **state)
{
	char record[1024];
	struct fact fact;
	size_t length = make(record, sizeof record, "clock-accepted", BODY);

	(void)state;
	assert_int_equal(faults(record, length, &fact), 0);
	assert_true(fact_type_is(&rules, &fact, TYPE_CLOCK_ACCEPTED) && fact_is(&fact, FIELD_REASON, "proto") && !fact_has(&fact, FIELD_CASE));
	assert_int_equal(fact.utc_ms, INT64_C(1795286340123));
}

/* Whatever bit is turned, the record is not taken for a good one; where the body is hit, CRC and hash say so both. */
static void test_every_bit(void **state)
{
	char record[1024], turned[1024];
	struct fact fact;
	size_t length = make(record, sizeof record, "clock-accepted", BODY), body = FRAME_HEADER_BYTES + strlen(BODY);

	(void)state;
	for (size_t bit = 0; bit < 8 * length; bit++) {
		unsigned found = 0;

		memcpy(turned, record, length);
		turned[bit / 8] = (char)((unsigned char)turned[bit / 8] ^ 1U << bit % 8);
		found = faults(turned, length, &fact);
		assert_true((found & FAULTS_BYTES) != 0);
		if (bit / 8 >= FRAME_HEADER_BYTES && bit / 8 < body) {
			assert_int_equal(found & (FAULT_CRC | FAULT_HASH), FAULT_CRC | FAULT_HASH);
		} else if (bit / 8 >= body) {
			assert_int_equal(found & ~(unsigned)(FAULT_TRAILER | FAULT_HASH), 0);
		} else {
			assert_true((found & FAULT_HASH) != 0);
		}
	}
}

static void test_table_faults(void **state)
{
	static const struct {
		const char *type, *body;
		unsigned fault;
	} cases[] = {
		{ "nothing", BODY, FAULT_TYPE },
		{ "clock-accepted", "by: box\n", FAULT_REQUIRED },
		{ "clock-accepted", "by: box\nreason: \n", FAULT_REQUIRED },
		{ "clock-accepted", "by: box\ncase: 2026-000001\nreason: x\n", FAULT_FIELD },
		{ "clock-accepted", "by: box\nreason: x\nunheard-of: 1\n", FAULT_FIELD },
		{ "clock-accepted", "by: uid:01\nreason: x\n", FAULT_VALUE },
		{ "clock-accepted", "by: uid:4294967296\nreason: x\n", FAULT_VALUE },
		{ "clock-accepted", "reason: x\nby: box\n", FAULT_BODY },
		{ "erased", "basis: x\nby: box\n", FAULT_REQUIRED },
		{ "erased", "basis: x\nby: box\ncase: 2026-00001\n", FAULT_VALUE },
		{ "erased", "basis: x\nby: box\ncase: a2026-000001\n", FAULT_VALUE },
		{ "erased", CASE_BODY "prev: 00\n", FAULT_VALUE },
		{ "erased", CASE_BODY, 0 },
		{ "attached", "by: box\ncase: 2026-000001\nobject-reply: 1 1 zz\n", FAULT_VALUE },
	};
	char record[1024];
	struct fact fact;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t length = make(record, sizeof record, cases[i].type, cases[i].body);

		assert_int_equal(faults(record, length, &fact) & cases[i].fault, cases[i].fault);
		assert_int_equal(fact.faults & FAULTS_BYTES, 0);
		assert_true(cases[i].fault != 0 || fact.faults == 0);
	}
}

static void test_objects(void **state)
{
#define H64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	static const char *const wrong[] = { "",
		                             "1 1 " H64,
		                             "1 0 " H64 " " H64,
		                             "01 1 " H64 " " H64,
		                             "1 1 " H64 " " H64 ",",
		                             "1 1 " H64 " " H64 "," H64,
		                             "1048577 1 " H64 " " H64,
		                             "1 1 " H64 "  " H64,
		                             "1 1 " H64 " " H64 " ",
		                             "1048577 1 " H64 " " H64 ";" H64 };
	struct object_ref ref;
	uint8_t part[AUDIT_HASH_BYTES];

	(void)state;
	assert_true(object_ref_read(of("0 1 " H64 " " H64), &ref) && ref.part_count == 1);
	assert_true(object_ref_read(of("1048577 3 " H64 " " H64 "," H64), &ref) && ref.part_count == 2 && ref.generation == 3 && ref.size == 1048577);
	assert_true(object_ref_part(&ref, 1, part) && part[1] == 0x11 && !object_ref_part(&ref, 2, part));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_false(object_ref_read(of(wrong[i]), &ref));
	}
}

static void test_case_numbers(void **state)
{
	char text[CASE_NUMBER_SIZE];
	uint64_t plain = 0, letter = 0;

	(void)state;
	assert_true(case_key(of("2026-000001"), &plain) && case_key(of("Z9999-999999"), &letter) && plain != 0);
	case_text(plain, text);
	assert_string_equal(text, "2026-000001");
	case_text(letter, text);
	assert_string_equal(text, "Z9999-999999");
	assert_false(case_key(of("2026-0000001"), &plain) || case_key(of("2026_000001"), &plain) || case_key(of("02026-000001"), &plain));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),          cmocka_unit_test(test_hex),     cmocka_unit_test(test_time),         cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),         cmocka_unit_test(test_body),    cmocka_unit_test(test_record),       cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_table_faults), cmocka_unit_test(test_objects), cmocka_unit_test(test_case_numbers),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
