/* Sealing checkpoints: nothing but a checkpoint is signed; the results are judged by the openssl program. */
#include "token_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../token/checkpoint.h"

#define ORIGIN "podatelna.invalid/0123456789abcdef"
#define ROOT "Y2gQfzLvdGnJ1O1rMGcz2k7yG0o1oRwzWjUbYk3rZ1g="
#define P384 8

static struct bench bench;
static const struct bench_cert rsa = { BENCH_RSA_SIGN, "digitalSignature", -1, 365, NULL };
static const struct bench_cert ec = { BENCH_EC_SIGN, "digitalSignature", -1, 365, NULL };
static const struct bench_cert large = { (enum bench_key)P384, "digitalSignature", -1, 365, NULL };
static const struct bench_cert expired = { BENCH_EC_VAULT, "digitalSignature", -20, -10, NULL };

static int setup(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int fds[4];

	assert_int_equal(bench_group_setup(state), 0);
	bench_make_key(P384, "EC:secp384r1", "");
	fds[0] = bench_pem(&rsa);
	fds[1] = bench_pem(&ec);
	fds[2] = bench_pem(&large);
	fds[3] = bench_pem(&expired);
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "rsa", BENCH_RSA_SIGN, "journal", 0);
	bench_setting_key(&lines, 1, "ec", BENCH_EC_SIGN, "sign journal", 1);
	bench_setting_key(&lines, 2, "large", (enum bench_key)P384, "journal", 2);
	bench_setting_key(&lines, 3, "expired", BENCH_EC_VAULT, "journal", 3);
	bench_setting_key(&lines, 4, "signer", BENCH_RSA_SIGN, "sign", 0);
	bench_ready(&bench, &lines, fds, 4);
	for (int i = 0; i < 4; i++) {
		(void)close(fds[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(bench_stop(&bench), 0);
	return bench_group_teardown(state);
}

static struct wire_message *seal(const char *key, uint64_t size, const char *text)
{
	struct wire_message message;

	wire_begin(&message, WIRE_TOKEN_SEAL, 55, clock_deadline(20000));
	wire_put_number(&message, WIRE_F_INDEX, size);
	wire_put_string(&message, WIRE_F_KEY, key);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of_string(text));
	return bench_ask(&bench, &message, WIRE_TOKEN_SEALED);
}

static void check_cms(const char *text, struct span cms)
{
	bench_write("note", text, strlen(text));
	bench_write("p7s", cms.data, cms.length);
	assert_int_equal(
	    bench_run("cd %s && openssl cms -verify -cades -inform DER -binary -CAfile ca.pem -purpose any -in p7s -content note -out back 2>err ||"
	              " { cat err; exit 1; } && cmp -s back note",
	              bench_dir()),
	    0);
}

/* The note's signature by hand: key id over the SPKI that openssl writes, signature by openssl's own verdict. */
static void check_note(const char *key, const char *text, const char *note)
{
	bench_write("note", text, strlen(text));
	bench_write("b64", note, strlen(note));
	assert_int_equal(bench_run("cd %s && base64 -d b64 > raw && head -c 4 raw > id && tail -c +5 raw > sig &&"
	                           " cat %s.pub | openssl sha256 -binary | head -c 4 | cmp - id &&"
	                           " openssl dgst -sha256 -verify %s.pub -keyform DER -signature sig note > /dev/null",
	                           bench_dir(), key, key),
	                 0);
}

static void test_seals(void **state)
{
	static const char text[] = ORIGIN "\n1234\n" ROOT "\n";
	struct wire_message *answer = NULL;
	char note[512];

	(void)state;
	answer = seal("ec", 1234, text);
	assert_int_equal(bench_code(answer), 0);
	check_cms(text, wire_span(answer, WIRE_F_BYTES));
	assert_true(lines_find_string(wire_span(answer, WIRE_F_LINES), "note", note, sizeof note));
	check_note("3", text, note);
	answer = seal("rsa", 1234, text);
	assert_int_equal(bench_code(answer), 0);
	check_cms(text, wire_span(answer, WIRE_F_BYTES));
	assert_false(lines_find_string(wire_span(answer, WIRE_F_LINES), "note", note, sizeof note));
	answer = seal("large", 1234, text);
	assert_int_equal(bench_code(answer), 0);
	check_cms(text, wire_span(answer, WIRE_F_BYTES));
	assert_false(lines_find_string(wire_span(answer, WIRE_F_LINES), "note", note, sizeof note));
}

static void test_refusals(void **state)
{
	static const char good[] = ORIGIN "\n7\n" ROOT "\n";

	(void)state;
	assert_int_equal(bench_code(seal("signer", 7, good)), ERR_DENIED);
	assert_int_equal(bench_code(seal("nobody", 7, good)), ERR_NOTFOUND);
	assert_int_equal(bench_code(seal("expired", 7, good)), ERR_CERT);
	assert_int_equal(bench_code(seal("ec", 8, good)), ERR_MISMATCH);
	assert_int_equal(bench_code(seal("ec", 7, "<Pisemnost/>\n")), ERR_FORMAT);
	assert_int_equal(bench_code(seal("ec", 7, good)), 0);
}

static void test_text(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
		int err;
	} rows[] = {
		{ ORIGIN "\n7\n" ROOT "\n", 7, 0 },
		{ ORIGIN "\n18446744073709551615\n" ROOT "\n", UINT64_MAX, 0 },
		{ ORIGIN "\n7\n" ROOT, 7, ERR_FORMAT },
		{ ORIGIN "\n7\n" ROOT "\n\n", 7, ERR_FORMAT },
		{ ORIGIN "\n7\n" ROOT "\nmore\n", 7, ERR_FORMAT },
		{ ORIGIN "\n07\n" ROOT "\n", 7, ERR_MISMATCH },
		{ ORIGIN "\n+7\n" ROOT "\n", 7, ERR_MISMATCH },
		{ ORIGIN "\n8\n" ROOT "\n", 7, ERR_MISMATCH },
		{ ORIGIN "\n\n" ROOT "\n", 7, ERR_MISMATCH },
		{ ORIGIN "\r\n7\n" ROOT "\n", 7, ERR_FORMAT },
		{ "\n7\n" ROOT "\n", 7, ERR_FORMAT },
		{ "two words\n7\n" ROOT "\n", 7, ERR_FORMAT },
		{ "a+b\n7\n" ROOT "\n", 7, ERR_FORMAT },
		{ ORIGIN "\n7\n" ROOT "A\n", 7, ERR_FORMAT },
		{ ORIGIN "\n7\nY2gQfzLvdGnJ1O1rMGcz2k7yG0o1oRwzWjUbYk3rZ1h=\n", 7, ERR_FORMAT }, /* other last bits of the same 32 bytes */
		{ ORIGIN "\n7\n Y2gQfzLvdGnJ1O1rMGcz2k7yG0o1oRwzWjUbYk3rZ1g\n", 7, ERR_FORMAT },
		{ ORIGIN "\n7\nY2gQfzLvdGnJ1O1rMGcz2k7yG0o1oRwzWjUbYk3rZ1gg\n", 7, ERR_FORMAT }, /* 33 bytes */
		{ ORIGIN "\n7\n\n", 7, ERR_FORMAT },
		{ "", 0, ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct span origin = span_of("", 0);

		assert_int_equal(checkpoint_check(span_of_string(rows[i].text), rows[i].size, &origin), rows[i].err);
		assert_true(rows[i].err != 0 || span_equals_string(origin, ORIGIN));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_seals), cmocka_unit_test(test_refusals), cmocka_unit_test(test_text) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
