/* TLS client login: only the full bytes of a CertificateVerify are signed. The signatures are judged by OpenSSL; whole handshakes are end-to-end tests. */
#include "token_bench.h"

#include <openssl/rsa.h>
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
#include "../../appliance/base/fdio.h"
#include "../../token/tls_signed.h"

#define SIGNED_MAX 8192

static struct bench bench;
static const struct bench_cert rsa = { BENCH_RSA_SIGN, "digitalSignature", -1, 365, NULL };
static const struct bench_cert ec = { BENCH_EC_SIGN, "digitalSignature", -1, 365, NULL };

static X509 *own; /* the certificate of "rsa" as the token has it; each one that is made anew has another signature */

static X509 *read_pem(int fd)
{
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0;
	X509 *certificate = NULL;
	BIO *bio = NULL;

	assert_int_equal(fd_read_all(fd, 65536, &text, &length), 0);
	bio = BIO_new_mem_buf(text, (int)length);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(certificate);
	BIO_free(bio);
	return certificate;
}

static int setup(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int fds[2];

	assert_int_equal(bench_group_setup(state), 0);
	fds[0] = bench_pem(&rsa);
	own = read_pem(fds[0]);
	fds[1] = bench_pem(&ec);
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "rsa", BENCH_RSA_SIGN, "tls", 0);
	bench_setting_key(&lines, 1, "ec", BENCH_EC_SIGN, "tls sign", 1);
	bench_setting_key(&lines, 2, "signer", BENCH_RSA_SIGN, "sign journal decrypt", 0);
	bench_ready(&bench, &lines, fds, 2);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(bench_stop(&bench), 0);
	X509_free(own);
	return bench_group_teardown(state);
}

/* --- bytes to be signed --- */

struct text {
	uint8_t data[SIGNED_MAX];
	size_t length;
};

static void put(struct text *text, const void *data, size_t length)
{
	assert_true(text->length + length <= sizeof text->data);
	memcpy(text->data + text->length, data, length);
	text->length += length;
}

static void put_u24(struct text *text, size_t number)
{
	const uint8_t bytes[3] = { (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };

	put(text, bytes, sizeof bytes);
}

static void put_message(struct text *text, uint8_t type, const void *body, size_t length)
{
	put(text, &type, 1);
	put_u24(text, length);
	put(text, body, length);
}

static void put_13(struct text *text, size_t hash_length)
{
	static const char context[] = "TLS 1.3, client CertificateVerify";

	memset(text, 0, sizeof *text);
	memset(text->data, ' ', 64);
	text->length = 64;
	put(text, context, sizeof context);
	memset(text->data + text->length, 0x5a, hash_length);
	text->length += hash_length;
}

static void put_certificate(struct text *text, X509 *certificate)
{
	unsigned char *der = NULL;
	int length = i2d_X509(certificate, &der);
	struct text body = { .length = 0 };

	assert_true(length > 0);
	put_u24(&body, (size_t)length + 3);
	put_u24(&body, (size_t)length);
	put(&body, der, (size_t)length);
	put_message(text, 11, body.data, body.length);
	OPENSSL_free(der);
}

/* The messages of a handshake by their types; C: our certificate, c: another one; h, s: the hellos in an older version; t: a hello that is too short. */
static void put_12(struct text *text, const char *messages)
{
	X509 *other = bench_certificate(&rsa);
	static const uint8_t hello[64] = { 3, 3 }, older[64] = { 3, 2 };

	memset(text, 0, sizeof *text);
	for (; *messages != '\0'; messages++) {
		switch (*messages) {
		case 'H':
		case 'h':
			put_message(text, 1, *messages == 'H' ? hello : older, sizeof hello);
			break;
		case 'S':
		case 's':
			put_message(text, 2, *messages == 'S' ? hello : older, sizeof hello);
			break;
		case 't':
			put_message(text, 1, hello, 20);
			break;
		case 'C':
		case 'c':
			put_certificate(text, *messages == 'C' ? own : other);
			break;
		case 'D':
			put_message(text, 14, "", 0);
			break;
		default:
			put_message(text, *messages == 'K' ? 16 : *messages == 'R' ? 13 : *messages == 'X' ? 12 : *messages == 'F' ? 20 : 11, "body", 4);
			break;
		}
	}
	X509_free(other);
}

static enum tls_signed look(const struct text *text)
{
	unsigned char *der = NULL;
	int length = i2d_X509(own, &der);
	enum tls_signed kind = tls_signed_look(span_of(text->data, text->length), span_of(der, (size_t)length));

	OPENSSL_free(der);
	return kind;
}

static void test_look_12(void **state)
{
	static const char *const good[] = { "HSPXRDCK", "HSPRDCK", "HSRDCK" };
	static const char *const bad[] = { "",         "H",        "SPXRDCK",  "HPXRDCK",  "HSPXDCK",   "HSPXRCK",   "HSPXRDK",   "HSPXRDC",   "HSPXRDcK",
		                           "hSPXRDCK", "HsPXRDCK", "tSPXRDCK", "HSPRRDCK", "HHSPXRDCK", "HSPXRDCKF", "HSPXRDCKK", "HSPXFRDCK", "HSPXRDPK" };
	struct text text;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		put_12(&text, good[i]);
		assert_int_equal(look(&text), TLS_SIGNED_12);
		for (size_t cut = 1; cut < 5; cut++) {
			text.length--;
			assert_int_equal(look(&text), TLS_SIGNED_NOT);
		}
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		put_12(&text, bad[i]);
		assert_int_equal(look(&text), TLS_SIGNED_NOT);
	}
	put_12(&text, "HSPXRDCK");
	text.data[1] = 0xff; /* a length that leads out of the bytes */
	assert_int_equal(look(&text), TLS_SIGNED_NOT);
}

static void test_look_13(void **state)
{
	struct text text;

	(void)state;
	put_13(&text, 32);
	assert_int_equal(look(&text), TLS_SIGNED_13);
	for (size_t i = 0; i < 64 + 34; i++) {
		text.data[i] ^= 1;
		assert_int_equal(look(&text), TLS_SIGNED_NOT);
		text.data[i] ^= 1;
	}
	put_13(&text, 48);
	assert_int_equal(look(&text), TLS_SIGNED_13);
	for (size_t length = 0; length < 80; length++) {
		put_13(&text, length);
		assert_int_equal(look(&text), length == 32 || length == 48 ? TLS_SIGNED_13 : TLS_SIGNED_NOT);
	}
}

/* --- the token --- */

static int ask_client(const char *key, char *algorithms, size_t size, X509 **ret)
{
	struct wire_message message, *answer = NULL;
	struct span pem;
	BIO *text = NULL;

	wire_begin(&message, WIRE_TOKEN_CLIENT, 61, clock_deadline(20000));
	wire_put_string(&message, WIRE_F_KEY, key);
	answer = bench_ask(&bench, &message, WIRE_TOKEN_CLIENT_IS);
	if (bench_code(answer) != 0) {
		return bench_code(answer);
	}
	assert_true(lines_find_string(wire_span(answer, WIRE_F_LINES), "algorithms", algorithms, size));
	pem = wire_span(answer, WIRE_F_BYTES);
	text = BIO_new_mem_buf(pem.data, (int)pem.length);
	*ret = PEM_read_bio_X509(text, NULL, NULL, NULL);
	assert_non_null(*ret);
	BIO_free(text);
	return 0;
}

static int ask_sign(const char *key, const char *algorithm, const struct text *text, uint8_t *ret, size_t *ret_length)
{
	struct wire_message message, *answer = NULL;
	struct span signature;
	char lines[64];

	(void)snprintf(lines, sizeof lines, "algorithm: %s\n", algorithm);
	wire_begin(&message, WIRE_TOKEN_TLS, 62, clock_deadline(20000));
	wire_put_number(&message, WIRE_F_INDEX, 9);
	wire_put_string(&message, WIRE_F_KEY, key);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(text->data, text->length));
	answer = bench_ask(&bench, &message, WIRE_TOKEN_TLS_SIGNED);
	if (bench_code(answer) != 0) {
		return bench_code(answer);
	}
	signature = wire_span(answer, WIRE_F_BYTES);
	assert_true(signature.length <= 1024);
	memcpy(ret, signature.data, signature.length);
	*ret_length = signature.length;
	return 0;
}

static bool verifies(X509 *certificate, const char *hash, bool pss, const struct text *text, const uint8_t *signature, size_t length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key = NULL;
	bool good = EVP_DigestVerifyInit(context, &key, EVP_get_digestbyname(hash), NULL, X509_get0_pubkey(certificate)) == 1;

	if (pss) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
		            EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) == 1);
	}
	good = good && EVP_DigestVerify(context, signature, length, text->data, text->length) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static void test_signatures(void **state)
{
	static const struct {
		const char *key, *algorithm, *hash;
		bool pss;
		int err_12, err_13;
	} rows[] = {
		{ "rsa", "RSA-PSS+SHA256", "sha256", true, 0, 0 },
		{ "rsa", "RSA-PSS+SHA384", "sha384", true, 0, 0 },
		{ "rsa", "RSA-PSS+SHA512", "sha512", true, 0, 0 },
		{ "rsa", "RSA+SHA256", "sha256", false, 0, ERR_UNSUPPORTED },
		{ "rsa", "RSA+SHA384", "sha384", false, 0, ERR_UNSUPPORTED },
		{ "rsa", "RSA+SHA512", "sha512", false, 0, ERR_UNSUPPORTED },
		{ "rsa", "RSA+SHA1", "sha1", false, ERR_UNSUPPORTED, ERR_UNSUPPORTED },
		{ "rsa", "ECDSA+SHA256", "sha256", false, ERR_UNSUPPORTED, ERR_UNSUPPORTED },
		{ "ec", "ECDSA+SHA256", "sha256", false, ERR_FORMAT, 0 }, /* the handshake shows the certificate of the other key */
		{ "ec", "ECDSA+SHA384", "sha384", false, ERR_FORMAT, ERR_UNSUPPORTED },
		{ "signer", "RSA-PSS+SHA256", "sha256", true, ERR_DENIED, ERR_DENIED },
		{ "nobody", "RSA-PSS+SHA256", "sha256", true, ERR_NOTFOUND, ERR_NOTFOUND },
	};
	struct text texts[2];
	uint8_t signature[1024];
	size_t length = 0;

	(void)state;
	put_12(&texts[0], "HSPXRDCK");
	put_13(&texts[1], 48);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		X509 *certificate = bench_certificate(rows[i].key[0] == 'r' ? &rsa : &ec);

		for (size_t t = 0; t < 2; t++) {
			int err = t == 0 ? rows[i].err_12 : rows[i].err_13;

			assert_int_equal(ask_sign(rows[i].key, rows[i].algorithm, &texts[t], signature, &length), err);
			assert_true(err != 0 || verifies(certificate, rows[i].hash, rows[i].pss, &texts[t], signature, length));
		}
		X509_free(certificate);
	}
}

static void test_client(void **state)
{
	X509 *found = NULL, *expected = bench_certificate(&ec);
	char algorithms[256];

	(void)state;
	assert_int_equal(ask_client("rsa", algorithms, sizeof algorithms, &found), 0);
	assert_string_equal(algorithms, "RSA-PSS+SHA256 RSA-PSS+SHA384 RSA-PSS+SHA512 RSA+SHA256 RSA+SHA384 RSA+SHA512");
	X509_free(found);
	assert_int_equal(ask_client("ec", algorithms, sizeof algorithms, &found), 0);
	assert_string_equal(algorithms, "ECDSA+SHA256 ECDSA+SHA384 ECDSA+SHA512");
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(found), X509_get0_pubkey(expected)), 1);
	assert_int_equal(ask_client("signer", algorithms, sizeof algorithms, &found), ERR_DENIED);
	X509_free(found);
	X509_free(expected);
}

/* Digests, forms and other lengths are not signed with a tls key. */
static void test_refusals(void **state)
{
	static const char *const contents[] = { "", "<Pisemnost/>", "0123456789abcdef0123456789abcdef" };
	struct text text;
	uint8_t signature[1024];
	size_t length = 0;

	(void)state;
	for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
		text = (struct text){ .length = 0 };
		put(&text, contents[i], strlen(contents[i]));
		assert_int_equal(ask_sign("rsa", "RSA-PSS+SHA256", &text, signature, &length), ERR_FORMAT);
		assert_int_equal(ask_sign("ec", "ECDSA+SHA256", &text, signature, &length), ERR_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look_12), cmocka_unit_test(test_look_13),  cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_client),  cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
