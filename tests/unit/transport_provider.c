/* The built-in provider: libssl on both ends in memory, the client's private key only in the signer of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "../../transport/net/provider.h"

#define FLIGHTS_MAX 16
#define VALID_S 3600

/* What the store and the token are to the real program. */
struct elsewhere {
	EVP_PKEY *key;
	unsigned calls;
	char algorithm[PROVIDER_ALGORITHM_MAX_BYTES];
	uint8_t message[65536];
	size_t length;
	bool refuses, lies;
};

static int sign(void *context, const char *algorithm, struct span message, uint8_t *ret, size_t size)
{
	struct elsewhere *elsewhere = context;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL;
	size_t length = size;

	elsewhere->calls++;
	(void)snprintf(elsewhere->algorithm, sizeof elsewhere->algorithm, "%s", algorithm);
	assert_true(message.length <= sizeof elsewhere->message);
	memcpy(elsewhere->message, message.data, message.length);
	elsewhere->length = message.length;
	if (elsewhere->refuses) {
		EVP_MD_CTX_free(digest);
		return -1;
	}
	assert_int_equal(EVP_DigestSignInit_ex(digest, &parameters, strchr(algorithm, '+') + 1, NULL, NULL, elsewhere->key, NULL), 1);
	if (strncmp(algorithm, "RSA-PSS+", 8) == 0) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(digest, ret, &length, message.data, message.length), 1);
	ret[length / 2] ^= elsewhere->lies ? 1 : 0;
	EVP_MD_CTX_free(digest);
	return (int)length;
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();

	assert_non_null(certificate);
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"box", -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

static SSL_CTX *make_server(X509 *trusted, int version)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make_certificate(key);
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(server, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(server), trusted), 1);
	SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	assert_int_equal(SSL_CTX_set_max_proto_version(server, version), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return server;
}

static bool shake(SSL_CTX *here, SSL_CTX *there)
{
	SSL *client = SSL_new(here), *server = SSL_new(there);
	BIO *one = NULL, *other = NULL;
	bool good = false;
	char byte = 0;

	assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
	SSL_set_bio(client, one, one);
	SSL_set_bio(server, other, other);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (unsigned i = 0; i < FLIGHTS_MAX && !good; i++) {
		int mine = SSL_do_handshake(client), theirs = SSL_do_handshake(server);

		good = mine == 1 && theirs == 1 && SSL_write(client, "?", 1) == 1 && SSL_read(server, &byte, 1) == 1;
	}
	good = good && SSL_get0_peer_certificate(server) != NULL;
	SSL_free(client);
	SSL_free(server);
	ERR_clear_error();
	return good;
}

/* One handshake; true when the server knows the client at its end. */
static bool log_in(struct elsewhere *elsewhere, int version, const char *algorithms)
{
	const struct provider_signer signer = { .sign = sign, .context = elsewhere };
	X509 *certificate = make_certificate(elsewhere->key);
	SSL_CTX *there = make_server(certificate, version), *here = SSL_CTX_new(TLS_client_method());
	EVP_PKEY *key = provider_key(X509_get0_pubkey(certificate), &signer);
	bool good = false;

	elsewhere->calls = 0;
	assert_non_null(key);
	assert_int_equal(SSL_CTX_use_certificate(here, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(here, key), 1);
	assert_int_equal(SSL_CTX_check_private_key(here), 1);
	assert_int_equal(SSL_CTX_set1_client_sigalgs_list(here, algorithms), 1);
	good = shake(here, there);
	EVP_PKEY_free(key);
	SSL_CTX_free(here);
	SSL_CTX_free(there);
	X509_free(certificate);
	return good;
}

static void expect(EVP_PKEY *key, int version, const char *algorithms, const char *used)
{
	struct elsewhere elsewhere = { .key = key };
	static const char words[] = "TLS 1.3, client CertificateVerify";

	assert_non_null(key);
	if (!log_in(&elsewhere, version, algorithms)) {
		fail_msg("no handshake: %x %s", (unsigned)version, algorithms);
	}
	assert_int_equal(elsewhere.calls, 1);
	assert_string_equal(elsewhere.algorithm, used);
	/* All that is signed, not its hash (RFC 8446 section 4.4.3; RFC 5246 section 7.4.8: the handshake so far, from the ClientHello on). */
	if (version == TLS1_3_VERSION) {
		assert_memory_equal(elsewhere.message + 64, words, sizeof words);
		assert_true(elsewhere.length == 64 + sizeof words + 32 || elsewhere.length == 64 + sizeof words + 48);
	} else {
		assert_int_equal(elsewhere.message[0], 1);
		assert_true(elsewhere.length > 500);
	}
	EVP_PKEY_free(key);
}

static void test_all_ways(void **state)
{
	(void)state;
	expect(EVP_RSA_gen(2048), TLS1_2_VERSION, "RSA+SHA256", "RSA+SHA256");
	expect(EVP_RSA_gen(2048), TLS1_2_VERSION, "RSA-PSS+SHA384:RSA+SHA384", "RSA-PSS+SHA384");
	expect(EVP_RSA_gen(2048), TLS1_2_VERSION, "RSA+SHA512", "RSA+SHA512");
	expect(EVP_RSA_gen(2048), TLS1_3_VERSION, "RSA-PSS+SHA256:RSA+SHA256", "RSA-PSS+SHA256");
	expect(EVP_RSA_gen(2048), TLS1_3_VERSION, "RSA-PSS+SHA512", "RSA-PSS+SHA512");
	expect(EVP_EC_gen("P-256"), TLS1_2_VERSION, "ECDSA+SHA256", "ECDSA+SHA256");
	expect(EVP_EC_gen("P-256"), TLS1_3_VERSION, "ECDSA+SHA256", "ECDSA+SHA256");
	expect(EVP_EC_gen("P-384"), TLS1_2_VERSION, "ECDSA+SHA384", "ECDSA+SHA384");
	expect(EVP_EC_gen("P-384"), TLS1_3_VERSION, "ECDSA+SHA384", "ECDSA+SHA384");
}

/* TLS 1.3 has no PKCS#1 v1.5: a key that can nothing else is not used for it. */
static void test_no_pss(void **state)
{
	struct elsewhere elsewhere = { .key = EVP_RSA_gen(2048) };

	(void)state;
	assert_false(log_in(&elsewhere, TLS1_3_VERSION, "RSA+SHA256"));
	assert_int_equal(elsewhere.calls, 0);
	EVP_PKEY_free(elsewhere.key);
}

static void test_refusals(void **state)
{
	struct elsewhere elsewhere = { .key = EVP_RSA_gen(2048), .refuses = true };

	(void)state;
	assert_false(log_in(&elsewhere, TLS1_2_VERSION, "RSA+SHA256"));
	assert_int_equal(elsewhere.calls, 1);
	elsewhere.refuses = false;
	elsewhere.lies = true; /* is seen here, before it is sent */
	assert_false(log_in(&elsewhere, TLS1_3_VERSION, "RSA-PSS+SHA256"));
	assert_int_equal(elsewhere.calls, 1);
	EVP_PKEY_free(elsewhere.key);
}

/* The certificate of another key is refused before anything goes out. */
static void test_wrong_key(void **state)
{
	const struct provider_signer signer = { .sign = sign };
	EVP_PKEY *mine = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *certificate = make_certificate(mine);
	EVP_PKEY *key = provider_key(other, &signer);
	SSL_CTX *here = SSL_CTX_new(TLS_client_method());

	(void)state;
	assert_int_equal(SSL_CTX_use_certificate(here, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(here, key), 0);
	ERR_clear_error();
	SSL_CTX_free(here);
	EVP_PKEY_free(key);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(other);
	X509_free(certificate);
}

/* No half-way house: a digest alone is signed by nobody, and ordinary keys are none of its business. */
static void test_digest_only(void **state)
{
	struct elsewhere elsewhere = { .key = EVP_EC_gen("P-256") };
	const struct provider_signer signer = { .sign = sign, .context = &elsewhere };
	EVP_PKEY *key = provider_key(elsewhere.key, &signer), *ordinary = EVP_RSA_gen(2048);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t hash[32] = { 0 }, signature[512];
	size_t length = sizeof signature;

	(void)state;
	assert_true(EVP_PKEY_sign_init(context) <= 0 || EVP_PKEY_sign(context, signature, &length, hash, sizeof hash) <= 0);
	assert_true(EVP_PKEY_derive_init(context) <= 0);
	assert_int_equal(elsewhere.calls, 0);
	length = sizeof signature;
	assert_int_equal(EVP_DigestSignInit_ex(digest, NULL, "SHA256", NULL, NULL, ordinary, NULL), 1);
	assert_int_equal(EVP_DigestSign(digest, signature, &length, hash, sizeof hash), 1);
	assert_int_equal(elsewhere.calls, 0);
	ERR_clear_error();
	EVP_MD_CTX_free(digest);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ordinary);
	EVP_PKEY_free(elsewhere.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_ways),  cmocka_unit_test(test_no_pss),      cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wrong_key), cmocka_unit_test(test_digest_only),
	};

	return cmocka_run_group_tests_name("transport_provider", tests, NULL, NULL);
}
