/* Notes, their signatures and stamps as files prove them; the names and files of journal/anchor/. */
#include "vault_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/err.h"
#include "seal_help.h"
#include "store/anchor_seal.h"
#include "store/journal_anchor.h"

#define TEXT "podatelna.invalid/0123456789abcdef\n17\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define DASH "\xE2\x80\x94 "

static int parse(const char *text, struct anchor_note *ret)
{
	return anchor_note_parse(span_of_string(text), ret);
}

static void notes(void **state)
{
	static const char *const bad[] = {
		"",
		"podatelna.invalid/0123456789abcdef\n17\n",
		"podatelna.invalid/0123456789abcdef\n017\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		"podatelna.invalid/0123456789abcdef\n17\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
		"podatelna.invalid/0123456789abcdef\n17\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n", /* unused bits */
		"podatelna.invalid/0123456789abcdef\n17\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",
		TEXT "extension\n",
		TEXT "\n",
		TEXT "\n" DASH "name QUJD",
		TEXT "\n" DASH "name\n",
		TEXT "\n" DASH "na+me QUJD\n",
		TEXT "\n" DASH "name QUJD more\n",
		TEXT "\n- name QUJD\n",
		TEXT "\n" DASH "name QUJD\n\n",
		TEXT "\n" DASH "name QUJD\r\n",
	};
	struct anchor_note note;
	uint8_t out[512];
	int length = 0;

	(void)state;
	assert_int_equal(parse(TEXT, &note), 0);
	assert_int_equal(note.size, 17);
	assert_int_equal(note.root[31], 31);
	assert_true(span_equals_string(note.origin, "podatelna.invalid/0123456789abcdef"));
	assert_int_equal(note.count, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (parse(bad[i], &note) != ERR_FORMAT) {
			fail_msg("text %zu passes for a note", i);
		}
	}
	length = anchor_note_sign(span_of_string(TEXT), "key/name", span_of_string("QUJDRA=="), out, sizeof out);
	assert_true(length > 0);
	assert_int_equal(anchor_note_parse(span_of(out, (size_t)length), &note), 0);
	assert_true(span_equals_string(note.text, TEXT));
	assert_int_equal(note.count, 1);
	assert_true(span_equals_string(note.lines[0].name, "key/name"));
	assert_int_equal(anchor_note_sign(span_of_string(TEXT), "key/name", span_of_string("QUJDRA=="), out, 100), ERR_LIMIT);
}

static void names(void **state)
{
	static const char *const good[] = { "1.note", "17.p7s", "17.tsr", "17.2.tsr", "17.10000.tsr", "4000000000.note" };
	static const char *const bad[] = { "0.note",    "017.note",  "17",       "17.",     "17.txt",      "17.1.tsr",
		                           "17.02.tsr", "17.2.note", "17.2.p7s", "-1.note", "17.note.tmp", "" };
	struct journal_anchor_name name;
	char again[JOURNAL_ANCHOR_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(journal_anchor_parse_name(good[i], &name));
		journal_anchor_format_name(&name, again);
		assert_string_equal(good[i], again);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(journal_anchor_parse_name(bad[i], &name));
	}
}

static void seals(void **state)
{
	struct vault_bench *bench = *state;
	struct span text = span_of_string(TEXT);

	for (int ec = 0; ec < 2; ec++) {
		EVP_PKEY *key = ec ? bench->ec : bench->rsa;
		X509 *certificate = ec ? bench->ec_cert : bench->rsa_cert;
		struct anchor_seal seal = { 0 };
		const char *why = "";
		char signer[65], expected[65];
		size_t length = 0;
		uint8_t *cms = seal_help_cms(key, certificate, text, &length);

		assert_int_equal(anchor_seal_check(span_of(cms, length), text, &seal, &why), 0);
		hex_encode(seal.signer, 32, signer);
		seal_help_signer(certificate, expected);
		assert_string_equal(signer, expected);
		assert_int_equal(seal.p256, ec);
		anchor_seal_free(&seal);
		assert_int_equal(anchor_seal_check(span_of(cms, length), span_of(text.data, text.length - 1), &seal, &why), ERR_DAMAGE);
		assert_int_equal(anchor_seal_check(span_of(cms, length - 1), text, &seal, &why), ERR_DAMAGE);
		cms[length - 3] ^= 1;
		assert_int_equal(anchor_seal_check(span_of(cms, length), text, &seal, &why), ERR_DAMAGE);
		free(cms);
	}
}

static void note_signatures(void **state)
{
	struct vault_bench *bench = *state;
	struct span text = span_of_string(TEXT);
	struct anchor_seal seal = { 0 };
	struct anchor_note note;
	const char *why = "";
	uint8_t out[1024];
	size_t length = 0;
	uint8_t *cms = seal_help_cms(bench->ec, bench->ec_cert, text, &length);
	char *base64 = seal_help_note(bench->ec, bench->ec_cert, text), *wrong = NULL;
	int size = 0;

	assert_int_equal(anchor_seal_check(span_of(cms, length), text, &seal, &why), 0);
	assert_true(anchor_seal_check_note(&seal, text, span_of_string(base64)));
	assert_false(anchor_seal_check_note(&seal, span_of_string("other\n"), span_of_string(base64)));
	wrong = strdup(base64);
	wrong[0] = wrong[0] == 'A' ? 'B' : 'A'; /* the key id */
	assert_false(anchor_seal_check_note(&seal, text, span_of_string(wrong)));

	size = anchor_note_sign(text, "podatelna.invalid/0123456789abcdef", span_of_string(base64), out, sizeof out);
	assert_int_equal(anchor_note_parse(span_of(out, (size_t)size), &note), 0);
	assert_int_equal(anchor_seal_check_lines(&seal, &note), 1);
	size = anchor_note_sign(text, "podatelna.invalid/0123456789abcdef", span_of_string(wrong), out, sizeof out);
	assert_int_equal(anchor_note_parse(span_of(out, (size_t)size), &note), 0);
	assert_int_equal(anchor_seal_check_lines(&seal, &note), ERR_DAMAGE);
	size = anchor_note_sign(text, "a-witness", span_of_string(wrong), out, sizeof out); /* unknown keys are ignored */
	assert_int_equal(anchor_note_parse(span_of(out, (size_t)size), &note), 0);
	assert_int_equal(anchor_seal_check_lines(&seal, &note), 0);
	anchor_seal_free(&seal);
	free(wrong);
	free(base64);
	free(cms);
}

static void stamps(void **state)
{
	struct vault_bench *bench = *state;
	struct span of[2] = { span_of_string(TEXT), span_of_string("the signature") };
	static const char *const digests[] = { "sha256", "sha384", "sha512" };
	const char *why = "";

	seal_help_tsa(bench->path);
	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
		size_t length = 0, which = 9;
		uint8_t *reply = seal_help_stamp(bench->path, of[i % 2], digests[i], &length);

		assert_int_equal(anchor_stamp_check(span_of(reply, length), of, 2, &which, &why), 0);
		assert_int_equal(which, i % 2);
		assert_true(anchor_stamp_mentions(span_of(reply, length), of[i % 2]));
		assert_false(anchor_stamp_mentions(span_of(reply, length), of[1 - i % 2]));
		assert_int_equal(anchor_stamp_check(span_of(reply, length), &of[1 - i % 2], 1, &which, &why), ERR_DAMAGE);
		assert_int_equal(anchor_stamp_check(span_of(reply, length - 1), of, 2, &which, &why), ERR_DAMAGE);
		reply[length - 4] ^= 1;
		assert_int_equal(anchor_stamp_check(span_of(reply, length), of, 2, &which, &why), ERR_DAMAGE);
		assert_string_equal(why, "its signature does not fit");
		free(reply);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(seals, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(note_signatures, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(stamps, bench_set_up, bench_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
