/* Parts of podatelna-token that need no token: settings, DER, intents, PIN memory, certificates. */
#include "../../token/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/record.h"
#include "../../token/cms_sign.h"
#include "../../appliance/base/der.h"
#include "../../token/intent.h"

static struct token_setup setup;

static int read_settings(const struct lines *lines)
{
	char text[LINES_BODY_MAX + 1], why[256];
	int length = lines_finish(lines, text, sizeof text);

	assert_true(length >= 0);
	return setup_read(span_of(text, (size_t)length), &setup, why, sizeof why);
}

static void usual(struct lines *lines)
{
	lines_set(lines, "module", "/usr/lib/some/module.so");
	lines_set(lines, "uri", "pkcs11:token=office");
	lines_set(lines, "key.0.name", "qualified");
	lines_set(lines, "key.0.uri", "pkcs11:id=%01");
	lines_set(lines, "key.0.use", "sign journal");
}

static void test_settings(void **state)
{
	static const struct {
		const char *name, *value;
	} bad[] = {
		{ "module", "module.so" },        { "module", NULL },           { "uri", NULL },
		{ "uri", "pkcs11:id=%01" },       { "pin-file", "maybe" },      { "key.0.uri", "pkcs11:token=office" },
		{ "key.0.use", "sign vault" },    { "key.0.use", "" },          { "key.0.use", "sign sign" },
		{ "key.0.use", "everything" },    { "key.0.cert-fd", "first" }, { "environment.0", "LD_PRELOAD=/tmp/x.so" },
		{ "environment.0", "no-equals" }, { "writable.0", "relative" }, { "readable.0", "" },
	};

	(void)state;
	for (size_t i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
		_cleanup_lines_ struct lines lines = { 0 };

		usual(&lines);
		if (i < sizeof bad / sizeof bad[0]) {
			lines_set(&lines, bad[i].name, bad[i].value);
			assert_int_equal(read_settings(&lines), ERR_FORMAT);
		} else {
			lines_set(&lines, "writable.0", "/var/lib/module");
			assert_int_equal(read_settings(&lines), 0);
			assert_int_equal(setup.key_count, 1);
			assert_int_equal(setup.keys[0].use, USE_SIGN | USE_JOURNAL);
			assert_int_equal(setup.keys[0].cert_fd, -1);
			assert_int_equal(setup.path_count, 4);
			assert_true(setup.rules[3].write);
		}
	}
}

static void test_der(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 24, UINT64_C(1) << 32 };
	static const struct {
		uint8_t bytes[8];
		size_t length;
	} bad[] = {
		{ { 0x30, 0x80, 0, 0 }, 4 },          /* indefinite */
		{ { 0x30, 0x81, 0x01, 0 }, 4 },       /* not the shortest */
		{ { 0x30, 0x82, 0x00, 0x80, 0 }, 5 }, /* leading zero */
		{ { 0x30, 0x02, 0 }, 3 },             /* too short */
		{ { 0x30 }, 1 },
		{ { 0x31, 0 }, 2 },
		{ { 0x30, 0x89, 1, 1, 1, 1, 1, 1 }, 8 }, /* longer than anything */
	};

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		uint8_t header[DER_HEADER_MAX_BYTES];

		assert_int_equal(der_header(DER_SEQUENCE, lengths[i], header), der_header_length(lengths[i]));
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct span from = span_of(bad[i].bytes, bad[i].length), content;

		assert_false(der_read(&from, DER_SEQUENCE, &content, NULL));
		assert_int_equal(from.length, bad[i].length);
	}
}

static size_t make_leaf(char *ret, size_t size, const char *type)
{
	char body[] = "case: 2026-000001\ndigest: sha256\nform: attached-der\nkey: qualified\npurpose: filing\n";
	char header[RECORD_HEADER_BYTES + 1];
	struct record record = { .index = 12, .batch = 12, .utc_ms = 1800000000000 };

	(void)snprintf(record.type, sizeof record.type, "%s", type);
	record_format_header(&record, (uint32_t)strlen(body), header);
	return (size_t)snprintf(ret, size, "%s%s", header, body);
}

static void test_intent(void **state)
{
	char leaf[512];
	const char *why = "";
	struct intent_claim good = { .index = 12, .key = "qualified", .purpose = "filing", .form = "attached-der", .digest = "sha256", .last = 11 }, claim;

	(void)state;
	good.leaf = span_of(leaf, make_leaf(leaf, sizeof leaf, "intent"));
	assert_int_equal(intent_check(&good, &why), 0);
	claim = good, claim.last = 12;
	assert_int_equal(intent_check(&claim, &why), ERR_STATE);
	claim = good, claim.index = 13;
	assert_int_equal(intent_check(&claim, &why), ERR_MISMATCH);
	claim = good, claim.key = "other";
	assert_int_equal(intent_check(&claim, &why), ERR_MISMATCH);
	claim = good, claim.purpose = "tls";
	assert_int_equal(intent_check(&claim, &why), ERR_MISMATCH);
	claim = good, claim.form = "detached-der";
	assert_int_equal(intent_check(&claim, &why), ERR_MISMATCH);
	claim = good, claim.digest = "sha512";
	assert_int_equal(intent_check(&claim, &why), ERR_MISMATCH);
	claim = good, claim.leaf.length--;
	assert_int_equal(intent_check(&claim, &why), ERR_FORMAT);
	good.leaf = span_of(leaf, make_leaf(leaf, sizeof leaf, "signed"));
	assert_int_equal(intent_check(&good, &why), ERR_FORMAT);
}

static int feed_pin(struct pin *pin, const char *text, size_t length)
{
	int ends[2], err = ERR_INTERNAL;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, length), (ssize_t)length);
	(void)close(ends[1]);
	pin_wipe(pin);
	err = pin_read(pin, ends[0]);
	(void)close(ends[0]);
	return err;
}

static void test_pin(void **state)
{
	struct pin pin;
	char longest[PIN_MAX_BYTES + 4];

	(void)state;
	memset(longest, '1', sizeof longest);
	assert_int_equal(pin_open(&pin), 0);
	assert_int_equal(feed_pin(&pin, "1234\n", 5), 0);
	assert_string_equal(pin.page, "1234");
	assert_int_equal(feed_pin(&pin, "1234\r\n", 6), 0);
	assert_int_equal(pin.length, 4);
	assert_false(pin_was_refused(&pin));
	pin_note_refused(&pin);
	assert_true(pin_was_refused(&pin));
	assert_int_equal(feed_pin(&pin, "12345", 5), 0);
	assert_false(pin_was_refused(&pin));
	assert_int_equal(feed_pin(&pin, "", 0), ERR_FORMAT);
	assert_int_equal(feed_pin(&pin, "\n", 1), ERR_FORMAT);
	assert_int_equal(feed_pin(&pin,
	                          "1\0"
	                          "2",
	                          3),
	                 ERR_FORMAT);
	assert_int_equal(feed_pin(&pin, longest, sizeof longest), ERR_LIMIT);
	assert_int_equal(pin.length, 0);
	assert_int_equal(pin.page[0], 0);
	assert_int_equal(feed_pin(&pin, longest, PIN_MAX_BYTES), 0);
	pin_close(&pin);
}

static void test_wishes(void **state)
{
	struct certificate good = { .is_rsa = true, .bits = 2048, .has_ik_mpsv = true, .may_sign = true, .not_after_ms = 1000000000, .algorithm = "rsa-2048" };
	struct certificate other = good;
	char words[256];

	(void)state;
	assert_int_equal(certificate_check_wishes(&good, "epo software-ok", words, sizeof words), 0);
	assert_string_equal(words, "");
	other.bits = 1024;
	assert_int_equal(certificate_check_wishes(&other, "epo", words, sizeof words), ERR_CERT);
	assert_int_equal(certificate_check_wishes(&other, "", words, sizeof words), 0);
	other = good, other.has_ik_mpsv = false, other.self_signed = true;
	assert_int_equal(certificate_check_wishes(&other, "epo", words, sizeof words), 0);
	assert_non_null(strstr(words, "IK MPSV; "));
	assert_int_equal(certificate_judge(&good, USE_SIGN, 0, words, sizeof words), CERTIFICATE_OK);
	assert_non_null(strstr(words, "expires in 11 days"));
	assert_int_equal(certificate_judge(&good, USE_SIGN, 1000000001, words, sizeof words), CERTIFICATE_EXPIRED);
	assert_int_equal(certificate_judge(&good, USE_VAULT, 0, words, sizeof words), CERTIFICATE_BAD_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings), cmocka_unit_test(test_der),    cmocka_unit_test(test_intent),
		cmocka_unit_test(test_pin),      cmocka_unit_test(test_wishes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
