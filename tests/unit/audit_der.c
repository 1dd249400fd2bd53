/* The reader of DER: what is DER, and all the near misses. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "store/audit/der.h"

#define OF(...)                                                                                                                                                \
	(struct bytes)                                                                                                                                         \
	{                                                                                                                                                      \
		(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })                                                                     \
	}

static void whole(void **state)
{
	uint8_t longer[300] = { 0x04, 0x81, 0x80 }, longest[600] = { 0x04, 0x82, 0x01, 0x00 };

	(void)state;
	assert_true(audit_der_is_whole(OF(0x30, 0x00)));
	assert_true(audit_der_is_whole(OF(0x30, 0x03, 0x02, 0x01, 0x05)));
	assert_true(audit_der_is_whole(OF(0x01, 0x01, 0xFF)));
	assert_true(audit_der_is_whole(OF(0x03, 0x02, 0x03, 0xF8)));
	assert_true(audit_der_is_whole(OF(0x06, 0x03, 0x55, 0x1D, 0x13)));
	assert_true(audit_der_is_whole(OF(0x06, 0x03, 0x2A, 0x86, 0x48)));
	assert_true(audit_der_is_whole(OF(0x02, 0x02, 0x00, 0x80)));
	assert_true(audit_der_is_whole((struct bytes){ longer, 3 + 128 }));
	assert_true(audit_der_is_whole((struct bytes){ longest, 4 + 256 }));
}

static void not_der(void **state)
{
	uint8_t padded[300] = { 0x04, 0x82, 0x00, 0x90 };
	const struct bytes bad[] = {
		OF(0x30),                                     /* cut */
		OF(0x30, 0x01),                               /* cut */
		OF(0x30, 0x00, 0x00),                         /* something behind it */
		OF(0x30, 0x00, 0x30, 0x00),                   /* two of them */
		OF(0x30, 0x80, 0x00, 0x00),                   /* indefinite length */
		OF(0x24, 0x80, 0x04, 0x01, 0x61, 0x00, 0x00), /* OCTET STRING in pieces */
		OF(0x24, 0x03, 0x04, 0x01, 0x61),             /* the same with a length */
		OF(0x30, 0x81, 0x01, 0x00),                   /* length in the long form without need */
		OF(0x30, 0x81),                               /* length cut */
		OF(0x30, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00), /* length of five octets */
		OF(0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF),       /* more than there is */
		OF(0x30, 0xFF, 0x00),
		OF(0x1F, 0x81, 0x01, 0x00), /* tag of several octets */
		OF(0x00, 0x00),             /* end of contents */
		OF(0x10, 0x00),             /* SEQUENCE that is not constructed */
		OF(0x11, 0x00),
		OF(0x28, 0x00),       /* EXTERNAL */
		OF(0x01, 0x01, 0x01), /* TRUE is 0xFF */
		OF(0x01, 0x00),
		OF(0x01, 0x02, 0xFF, 0xFF),
		OF(0x02, 0x00),             /* INTEGER of nothing */
		OF(0x02, 0x02, 0x00, 0x7F), /* not minimal */
		OF(0x02, 0x02, 0xFF, 0x80),
		OF(0x0A, 0x02, 0x00, 0x01),
		OF(0x03, 0x00),             /* BIT STRING without its first octet */
		OF(0x03, 0x01, 0x01),       /* unused bits of nothing */
		OF(0x03, 0x02, 0x08, 0x00), /* more than seven */
		OF(0x03, 0x02, 0x03, 0xFF), /* unused bits that are set */
		OF(0x05, 0x01, 0x00),       /* NULL with something in it */
		OF(0x06, 0x00),
		OF(0x06, 0x02, 0x2A, 0x86),       /* a part that does not end */
		OF(0x06, 0x03, 0x2A, 0x80, 0x01), /* a part that begins with zeros */
		OF(0x30, 0x02, 0x02, 0x01),       /* cut inside */
		OF(0x30, 0x03, 0x02, 0x05, 0x00), /* longer than what it stands in */
	};

	(void)state;
	assert_false(audit_der_is_whole((struct bytes){ NULL, 0 }));
	assert_false(audit_der_is_whole((struct bytes){ padded, 4 + 0x90 }));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (audit_der_is_whole(bad[i])) {
			fail_msg("number %zu was taken", i);
		}
	}
}

static void no_deeper_than_said(void **state)
{
	uint8_t nest[2 * (AUDIT_DER_DEPTH + 1)];

	(void)state;
	for (size_t depth = 1; depth <= AUDIT_DER_DEPTH + 1; depth++) {
		for (size_t i = 0; i < depth; i++) {
			nest[2 * i] = 0x30;
			nest[2 * i + 1] = (uint8_t)(2 * (depth - i - 1));
		}
		assert_int_equal(audit_der_is_whole((struct bytes){ nest, 2 * depth }), depth <= AUDIT_DER_DEPTH);
	}
}

static void numbers(void **state)
{
	struct bytes many = OF(0x02, 0x01, 0x00, 0x02, 0x02, 0x01, 0x00, 0x02, 0x01, 0xFF);
	int64_t number = -1;

	(void)state;
	assert_true(audit_der_read_number(&many, &number));
	assert_int_equal(number, 0);
	assert_true(audit_der_read_number(&many, &number));
	assert_int_equal(number, 256);
	assert_false(audit_der_read_number(&many, &number)); /* negative: stays where it is */
	assert_int_equal(many.length, 3);
	assert_true(audit_der_number(OF(0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), &number));
	assert_true(number == INT64_MAX);
	assert_false(audit_der_number(OF(0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), &number));
}

static struct bytes time_element(uint8_t buffer[32], uint8_t tag, const char *text)
{
	buffer[0] = tag;
	buffer[1] = (uint8_t)strlen(text);
	memcpy(buffer + 2, text, strlen(text));
	return (struct bytes){ buffer, 2 + strlen(text) };
}

static void times(void **state)
{
	static const char *const bad[] = { "20300229000000Z", "20301301000000Z", "20300001000000Z",   "20300100000000Z",     "20300432000000Z",
		                           "20300101240000Z", "20300101006000Z", "20300101000060Z",   "2030010100000 Z",     "20300101000000",
		                           "20300101000000z", "18991231235959Z", "20300101000000.5Z", "20300101000000+0100", "" };
	uint8_t buffer[32];
	int64_t found = 0;

	(void)state;
	for (int64_t at = -INT64_C(2208988800); at < INT64_C(7258118400); at += 86400 * 3 + 12347) {
		time_t clock = (time_t)at;
		struct tm parts;
		char text[32];
		struct bytes element;

		assert_non_null(gmtime_r(&clock, &parts));
		(void)strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
		element = time_element(buffer, DER_TIME, text);
		assert_true(audit_der_read_time(&element, &found));
		assert_true(found == at);
		assert_int_equal(element.length, 0);
		if (parts.tm_year + 1900 >= 1950 && parts.tm_year + 1900 < 2050) {
			element = time_element(buffer, DER_UTC_TIME, text + 2);
			assert_true(audit_der_read_time(&element, &found));
			assert_true(found == at);
		}
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct bytes element = time_element(buffer, DER_TIME, bad[i]);

		if (audit_der_read_time(&element, &found)) {
			fail_msg("%s was taken", bad[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(not_der), cmocka_unit_test(no_deeper_than_said), cmocka_unit_test(numbers), cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
