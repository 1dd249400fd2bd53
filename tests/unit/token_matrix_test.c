/* Everything a key can do, key by key, with openssl as the other side: over SoftHSM as it is, and over a token that refuses raw RSA. One row, one combination.
 *
 * With CARD_MODULE the same rows over a card (tests/card/test_operations.py): CARD_URI of the token, CARD_SIGN and CARD_OPEN two digits of the key's id, CARD_KIND rsa or
 * ec (of CARD_OPEN), CARD_CERT the PEM of CARD_OPEN, CARD_CA that of the authority, CARD_ENVIRONMENT two settings divided by a comma. */
#include "token_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"

#define RSA_3072 7
#define EC_384 8
#define LIMIT ((uint64_t)64 << 20)
#define LARGE_BYTES ((size_t)20 << 20)

static struct bench bench;
static uint64_t next_index = 100;

/* Every key twice: once for signatures, once for messages. */
static const struct matrix_key {
	const char *name;
	struct bench_cert sign, open;
} keys[] = {
	{ "rsa-2048", { BENCH_RSA_SIGN, "digitalSignature", -1, 365, NULL }, { BENCH_RSA_SIGN, "keyEncipherment", -1, 365, NULL } },
	{ "rsa-3072", { (enum bench_key)RSA_3072, "digitalSignature", -1, 365, NULL }, { (enum bench_key)RSA_3072, "keyEncipherment", -1, 365, NULL } },
	{ "p256", { BENCH_EC_SIGN, "digitalSignature", -1, 365, NULL }, { BENCH_EC_SIGN, "keyAgreement", -1, 365, NULL } },
	{ "p384", { (enum bench_key)EC_384, "digitalSignature", -1, 365, NULL }, { (enum bench_key)EC_384, "keyAgreement", -1, 365, NULL } },
};

#define KEYS (sizeof keys / sizeof keys[0])

static void write_certificate(const char *name, const struct bench_cert *wanted)
{
	X509 *certificate = bench_certificate(wanted);
	BIO *text = BIO_new(BIO_s_mem());
	char *data = NULL;
	long length = 0;

	assert_int_equal(PEM_write_bio_X509(text, certificate), 1);
	length = BIO_get_mem_data(text, &data);
	bench_write(name, data, (size_t)length);
	BIO_free(text);
	X509_free(certificate);
}

static const char *stale; /* FILTER_STALE */

static void start(const char *refuse)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int fds[2 * KEYS];
	char name[64];

	bench_settings(&lines);
	if (refuse != NULL) {
		lines_set(&lines, "module", FILTER_MODULE);
		lines_setf(&lines, "environment.1", "FILTER_REFUSE=%s", refuse);
		lines_setf(&lines, "environment.2", "FILTER_LOG=%s/filter.log", bench_dir());
		lines_setf(&lines, "environment.3", "FILTER_REAL=%s", SOFTHSM_MODULE);
		lines_set(&lines, "environment.4", stale);
		bench_write("filter.log", "", 0);
	}
	for (size_t i = 0; i < KEYS; i++) {
		fds[2 * i] = bench_pem(&keys[i].sign);
		bench_setting_key(&lines, (unsigned)(2 * i), keys[i].name, keys[i].sign.key, "sign", (int)(2 * i));
		(void)snprintf(name, sizeof name, "open-%s", keys[i].name);
		fds[2 * i + 1] = bench_pem(&keys[i].open);
		bench_setting_key(&lines, (unsigned)(2 * i + 1), name, keys[i].open.key, "decrypt", (int)(2 * i + 1));
		(void)snprintf(name, sizeof name, "%s.pem", keys[i].name);
		write_certificate(name, &keys[i].open);
	}
	bench_ready(&bench, &lines, fds, 2 * KEYS);
	for (size_t i = 0; i < 2 * KEYS; i++) {
		(void)close(fds[i]);
	}
}

static int setup(void **state)
{
	assert_int_equal(bench_group_setup(state), 0);
	bench_make_key(RSA_3072, "rsa:3072", "");
	bench_make_key(EC_384, "EC:secp384r1", "");
	return 0;
}

/* --- signing --- */

static int sign(const char *key, const char *padding, const char *digest, const char *form, const char *attributes, char *text, size_t size)
{
	static const char content[] = "<Pisemnost/>\r\n";
	struct bench_sign wanted = { .index = ++next_index,
		                     .key = key,
		                     .purpose = "filing",
		                     .form = form,
		                     .digest = digest,
		                     .padding = padding,
		                     .attributes = attributes,
		                     .content = content,
		                     .length = sizeof content - 1 };
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;
	int err = bench_sign(&bench, &wanted, &cms, &length, text, size);

	if (err == 0) {
		bench_write("content", content, sizeof content - 1);
		bench_write("cms", cms, length);
		assert_int_equal(
		    bench_run("cd %s && openssl cms -verify %s -inform DER -binary -CAfile ca.pem -purpose any -in cms %s -out back 2>err ||"
		              " { cat err; exit 1; } && cmp -s back content && openssl asn1parse -inform DER -in cms > der && ! grep -q 'l= *inf' der",
		              bench_dir(), attributes == NULL ? "-cades" : "", strcmp(form, "detached-der") == 0 ? "-content content" : ""),
		    0);
	}
	return err;
}

static void sign_with(const char *key, bool is_rsa, int pss_err)
{
	static const char *const digests[] = { "sha256", "sha384", "sha512" };
	static const char *const paddings[] = { "pkcs1", "pss" };
	char text[1024], expected[64];

	for (size_t d = 0; d < 3; d++) {
		for (size_t p = 0; p < 2; p++) {
			bool pss = p == 1 && is_rsa;
			int bare = sign(key, paddings[p], digests[d], d % 2 == 0 ? "detached-der" : "attached-der", "no", text, sizeof text);
			int err = sign(key, paddings[p], digests[d], d % 2 == 0 ? "attached-der" : "detached-der", NULL, text, sizeof text);

			assert_int_equal(bare, err); /* over the content itself: by the same mechanisms */
			assert_int_equal(err, pss ? pss_err : 0);
			if (err == 0) {
				(void)snprintf(expected, sizeof expected, "algorithm: %s-%s\n", !is_rsa ? "ecdsa" : pss ? "rsa-pss" : "rsa-pkcs1", digests[d]);
				assert_non_null(strstr(text, expected));
				/* The signer says what it used, and openssl believed it. */
				assert_int_equal(bench_run("cd %s && openssl cms -cmsout -print -noout -inform DER -in cms > print && sed -n "
				                           "'/signerInfos/,$p' print | grep %s > /dev/null",
				                           bench_dir(),
				                           pss      ? "rsassaPss"
				                           : is_rsa ? "rsaEncryption"
				                                    : "ecdsa-with-SHA"),
				                 0);
			}
		}
	}
}

static void sign_all(int pss_err)
{
	char text[1024];

	for (size_t k = 0; k < KEYS; k++) {
		sign_with(keys[k].name, keys[k].name[0] == 'r', pss_err);
	}
	assert_int_equal(sign("rsa-2048", "none", "sha256", "detached-der", NULL, text, sizeof text), ERR_UNSUPPORTED);
}

/* --- opening --- */

#define OAEP "-keyopt rsa_padding_mode:oaep "
#define RSA_KEYS 3 /* bits of `keys` */
#define EC_KEYS 12

static const struct row {
	unsigned keys;         /* a bit for each of `keys` */
	const char *options;   /* of openssl cms -encrypt, after -recip */
	const char *algorithm; /* of the answer */
	const char *cipher;
	int without_raw; /* what becomes of it without raw RSA */
} rows[] = {
	{ RSA_KEYS, "-aes256", "rsa-pkcs1", "aes-256-cbc", 0 },
	{ RSA_KEYS, "-aes128 -stream", "rsa-pkcs1", "aes-128-cbc", 0 },
	{ RSA_KEYS, "-aes192 -keyid", "rsa-pkcs1", "aes-192-cbc", 0 },
	{ RSA_KEYS, "-des3", "rsa-pkcs1", "des-ede3-cbc", 0 },
	{ RSA_KEYS, "-aes-128-gcm", "rsa-pkcs1", "aes-128-gcm", 0 },
	{ RSA_KEYS, "-aes-192-gcm -keyid", "rsa-pkcs1", "aes-192-gcm", 0 },
	{ RSA_KEYS, "-aes-256-gcm -stream", "rsa-pkcs1", "aes-256-gcm", 0 },
	{ RSA_KEYS, OAEP "-aes256", "rsa-oaep", "aes-256-cbc", 0 },
	{ RSA_KEYS, OAEP "-keyopt rsa_oaep_md:sha256 -aes256 -stream", "rsa-oaep", "aes-256-cbc", ERR_UNSUPPORTED },
	{ RSA_KEYS, OAEP "-keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha1 -aes-256-gcm", "rsa-oaep", "aes-256-gcm", ERR_UNSUPPORTED },
	{ RSA_KEYS, OAEP "-keyopt rsa_oaep_label:706f706973656b -aes256", "rsa-oaep", "aes-256-cbc", ERR_UNSUPPORTED },
	{ EC_KEYS, "-aes256", "ecdh", "aes-256-cbc", 0 },
	{ EC_KEYS, "-aes128 -keyid -stream", "ecdh", "aes-128-cbc", 0 },
	{ EC_KEYS, "-keyopt ecdh_kdf_md:sha256 -aes256 -stream", "ecdh", "aes-256-cbc", 0 },
	{ EC_KEYS, "-keyopt ecdh_kdf_md:sha384 -keyopt ecdh_cofactor_mode:1 -aes-256-gcm", "ecdh", "aes-256-gcm", 0 },
	{ EC_KEYS, "-keyopt ecdh_kdf_md:sha512 -aes-128-gcm", "ecdh", "aes-128-gcm", 0 },
};

static void encrypt(const char *key, const char *options)
{
	assert_int_equal(bench_run("cd %s && openssl cms -encrypt -binary -in content -outform DER -out cms -recip %s.pem %s 2>err || { cat err; exit 1; }",
	                           bench_dir(), key, options),
	                 0);
}

static int open_with(const char *key, uint64_t limit, char *text, size_t size)
{
	char name[64];

	(void)snprintf(name, sizeof name, "open-%s", key);
	return bench_decrypt(&bench, name, "cms", "back", limit, text, size);
}

static void write_content(size_t length)
{
	_cleanup_free_ uint8_t *content = malloc(length + 1);

	for (size_t i = 0; i < length; i++) {
		content[i] = (uint8_t)(i * 7 + i / 256);
	}
	bench_write("content", content, length);
}

static void open_row(const char *key, const struct row *row, bool raw)
{
	char text[1024], expected[128];
	int wanted = raw ? 0 : row->without_raw, err = ERR_INTERNAL;

	encrypt(key, row->options);
	err = open_with(key, LIMIT, text, sizeof text);
	if (err != wanted) {
		fail_msg("%s %s: %d (%s), expected %d", key, row->options, err, text, wanted);
	}
	if (err == 0) {
		assert_int_equal(bench_run("cmp %s/content %s/back", bench_dir(), bench_dir()), 0);
		(void)snprintf(expected, sizeof expected, "algorithm: %s\ncipher: %s\n", row->algorithm, row->cipher);
		assert_non_null(strstr(text, expected));
	}
}

static void open_all(bool raw)
{
	write_content(100000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t k = 0; k < KEYS; k++) {
			if ((rows[i].keys & 1U << k) != 0) {
				open_row(keys[k].name, &rows[i], raw);
			}
		}
	}
}

/* --- the tests --- */

static void test_softhsm(void **state)
{
	(void)state;
	start(NULL);
	sign_all(0);
	open_all(true);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_no_raw(void **state)
{
	(void)state;
	start("raw");
	sign_all(0);
	open_all(false);
	assert_int_equal(bench_stop(&bench), 0);
	assert_int_equal(bench_run("cd %s && grep -q 'C_SignInit CKM_RSA_PKCS_PSS ok' filter.log && grep -q 'C_DecryptInit CKM_RSA_PKCS_OAEP ok' filter.log &&"
	                           " grep -q 'C_SignInit CKM_RSA_PKCS ok' filter.log && grep -q 'C_DeriveKey CKM_ECDH1_DERIVE ok' filter.log &&"
	                           " ! grep CKM_RSA_X_509 filter.log",
	                           bench_dir()),
	                 0);
}

/* Padding made here, on a token that offers nothing but raw RSA for it. */
static void test_only_raw(void **state)
{
	(void)state;
	start("pss oaep");
	sign_all(0);
	open_all(true);
	assert_int_equal(bench_stop(&bench), 0);
	assert_int_equal(
	    bench_run("cd %s && grep -q 'C_SignInit CKM_RSA_X_509 ok' filter.log && grep -q 'C_DecryptInit CKM_RSA_X_509 ok' filter.log", bench_dir()), 0);
}

static void test_neither(void **state)
{
	char text[1024];

	(void)state;
	start("raw pss oaep");
	sign_all(ERR_UNSUPPORTED);
	write_content(1000);
	encrypt("rsa-2048", OAEP "-aes256");
	assert_int_equal(open_with("rsa-2048", LIMIT, text, sizeof text), ERR_UNSUPPORTED);
	assert_non_null(strstr(text, "neither RSA-OAEP"));
	encrypt("rsa-2048", "-aes256");
	assert_int_equal(open_with("rsa-2048", LIMIT, text, sizeof text), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* A handle that the module does not know any more: the key is looked for again, and nothing is signed or opened twice. */
static void test_stale(void **state)
{
	char text[1024];

	(void)state;
	stale = "FILTER_STALE=2";
	start("raw");
	stale = NULL;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sign("rsa-2048", "pkcs1", "sha256", "detached-der", NULL, text, sizeof text), 0);
		write_content(1000);
		encrypt("rsa-2048", "-aes256");
		assert_int_equal(open_with("rsa-2048", LIMIT, text, sizeof text), 0);
	}
	assert_int_equal(bench_stop(&bench), 0);
	assert_int_equal(bench_run("[ $(grep -c 'C_SignInit CKM_RSA_PKCS ok' %s/filter.log) = 3 ]", bench_dir()), 0);
}

static const char *word(const char *name)
{
	const char *found = getenv(name);

	assert_non_null(found);
	return found;
}

static void test_card(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char first[512], *second = NULL;
	unsigned wanted = strcmp(word("CARD_KIND"), "rsa") == 0 ? RSA_KEYS : EC_KEYS;

	(void)state;
	bench_dir_make();
	assert_int_equal(bench_run("cp %s %s/card.pem && cp %s %s/ca.pem", word("CARD_CERT"), bench_dir(), word("CARD_CA"), bench_dir()), 0);
	(void)snprintf(first, sizeof first, "%s", word("CARD_ENVIRONMENT"));
	second = strchr(first, ',');
	assert_non_null(second);
	*second++ = '\0';
	lines_set(&lines, "module", word("CARD_MODULE"));
	lines_set(&lines, "uri", word("CARD_URI"));
	lines_set(&lines, "pcsc", "yes");
	lines_set(&lines, "pin-file", "no");
	lines_set(&lines, "environment.0", first);
	lines_set(&lines, "environment.1", second);
	bench_setting_key(&lines, 0, "card", (enum bench_key)strtol(word("CARD_SIGN"), NULL, 10), "sign", -1);
	bench_setting_key(&lines, 1, "open-card", (enum bench_key)strtol(word("CARD_OPEN"), NULL, 10), "decrypt", -1);
	bench_ready(&bench, &lines, NULL, 0);
	sign_with("card", strstr(bench.lines, "key.0.algorithm: rsa") != NULL, 0);
	write_content(100000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if ((rows[i].keys & wanted) != 0) {
			open_row("card", &rows[i], true);
		}
	}
	assert_int_equal(bench_stop(&bench), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_softhsm), cmocka_unit_test(test_no_raw), cmocka_unit_test(test_only_raw),
		cmocka_unit_test(test_neither), cmocka_unit_test(test_stale),
	};

	const struct CMUnitTest card[] = { cmocka_unit_test(test_card) };

	if (getenv("CARD_MODULE") != NULL) {
		return cmocka_run_group_tests(card, NULL, bench_group_teardown);
	}
	return cmocka_run_group_tests(tests, setup, bench_group_teardown);
}
