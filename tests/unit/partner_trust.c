/* The chain behind a stamp or a signature, and lists of revoked certificates: good ones, and such as must not be kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/span.h"
#include "partner_tsa.h"
#include "transport/tsa/trust.h"

#define DAY 86400L
#define ROOT_URL "http://crl.example/root.crl"
#define MIDDLE_URL "http://crl.example/middle.crl"

static struct pki_identity *root, *middle, *signer, *stranger, *no_lists;
static uint8_t *reply, *cms;
static size_t reply_length, cms_length;
static char *beside; /* PEM of the two authorities */

static void set_extension(X509 *cert, int nid, const char *value)
{
	int place = X509_get_ext_by_NID(cert, nid, -1);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (place >= 0) {
		X509_EXTENSION_free(X509_delete_ext(cert, place));
	}
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Signs it again, and renews what is known of it. */
static void finish(struct pki_identity *identity, const struct pki_identity *issuer)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	BIO *pem = BIO_new(BIO_s_mem());
	char *text = NULL;

	assert_true(X509_sign(identity->cert, issuer->key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(identity->cert, EVP_sha256(), digest, &length), 1);
	hex_encode(digest, length, identity->sha256);
	assert_int_equal(PEM_write_bio_X509(pem, identity->cert), 1);
	free(identity->pem);
	length = (unsigned)BIO_get_mem_data(pem, &text);
	identity->pem = strndup(text, length);
	BIO_free(pem);
}

static struct pki_identity *authority(const char *name, const struct pki_identity *issuer, const char *usage)
{
	struct pki_identity *identity = pki_new(PKI_P256, name, "Test", issuer, -100, 1000);

	set_extension(identity->cert, NID_basic_constraints, "critical,CA:TRUE");
	set_extension(identity->cert, NID_key_usage, usage);
	if (issuer != NULL) {
		set_extension(identity->cert, NID_crl_distribution_points, "URI:" ROOT_URL);
	}
	finish(identity, issuer == NULL ? identity : issuer);
	return identity;
}

static int make_all(void **state)
{
	struct tsa_order order;
	uint8_t *token = NULL;
	size_t length = 0;

	(void)state;
	root = authority("Root", NULL, "critical,keyCertSign,cRLSign");
	middle = authority("Middle", root, "critical,keyCertSign,cRLSign");
	no_lists = authority("Middle", root, "critical,keyCertSign"); /* the same name */
	stranger = authority("Stranger", NULL, "critical,keyCertSign,cRLSign");
	signer = tsa_new(PKI_P256, "TSA", middle, -1, 500, TSA_USAGE);
	set_extension(signer->cert, NID_crl_distribution_points, "URI:ldap://dir.example/x,URI:" MIDDLE_URL ",URI:https://crl.example/2");
	finish(signer, middle);
	order = tsa_good_order(signer);
	token = tsa_token(&order, &length);
	reply = tsa_reply(0, -1, NULL, token, length, &reply_length);
	free(token);
	cms = pki_sign(signer, "text", 4, PKI_DETACHED, &cms_length);
	assert_true(asprintf(&beside, "%s%s%s", stranger->pem, root->pem, middle->pem) > 0);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	pki_free(root);
	pki_free(middle);
	pki_free(signer);
	pki_free(stranger);
	pki_free(no_lists);
	free(reply);
	OPENSSL_free(cms);
	free(beside);
	return 0;
}

/* --- chain --- */

static void ask_chain(struct try *try, const void *data, size_t length, const char *pem, const char *n)
{
	try_begin(try, "trust-chain", "");
	try_in(try, data, length);
	try_in_text(try, pem);
	try_out(try);
	if (n != NULL) {
		try_set(try, "n", n);
	}
}

static void expect_written(const struct try *try, X509 *cert)
{
	size_t length = 0;
	char *out = try_output(try, 3, &length);
	unsigned char *der = NULL;
	int expected = i2d_X509(cert, &der);

	assert_int_equal(length, expected);
	assert_memory_equal(out, der, length);
	OPENSSL_free(der);
	free(out);
}

static void test_chain(void **state)
{
	struct pki_identity *const order[] = { signer, middle, root };
	struct try try;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char n[8];

		(void)snprintf(n, sizeof n, "%zu", i);
		ask_chain(&try, i == 1 ? cms : reply, i == 1 ? cms_length : reply_length, beside, n);
		assert_int_equal(try_run(&try), 0);
		assert_result(&try, "count", "3");
		assert_result(&try, "root", "yes");
		assert_result(&try, "cert.0.sha256", signer->sha256);
		assert_result(&try, "cert.1.sha256", middle->sha256);
		assert_result(&try, "cert.2.sha256", root->sha256);
		assert_result(&try, "cert.0.name", "TSA");
		assert_result(&try, "cert.0.url.0", MIDDLE_URL);
		assert_result(&try, "cert.0.url.1", "https://crl.example/2");
		assert_result(&try, "cert.0.url.2", "-");
		assert_result(&try, "cert.1.url.0", ROOT_URL);
		assert_result(&try, "cert.2.url.0", "-");
		assert_result(&try, "digest", i == 1 ? "-" : "sha256 sha256");
		assert_string_not_equal(try_get(&try, "cert.0.until"), "-");
		expect_written(&try, order[i]->cert);
		try_end(&try);
	}
}

/* What is not known ends the chain; nothing is written that was not asked for. */
static void test_short_chain(void **state)
{
	struct try try;
	size_t length = 1;

	(void)state;
	ask_chain(&try, reply, reply_length, root->pem, NULL);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "count", "1");
	assert_result(&try, "root", "no");
	free(try_output(&try, 3, &length));
	assert_int_equal(length, 0);
	try_end(&try);
	ask_chain(&try, reply, reply_length, no_lists->pem, "7"); /* the right name, another key; no such place */
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "count", "1");
	free(try_output(&try, 3, &length));
	assert_int_equal(length, 0);
	try_end(&try);
}

/* Foreign bytes: whatever is cut off or turned over ends in words, not in a chain of somebody else. */
static void test_bad_chain(void **state)
{
	uint8_t *copy = malloc(reply_length + 1);
	struct try try;

	(void)state;
	for (size_t i = 0; i < reply_length; i += 7) {
		ask_chain(&try, reply, i, beside, NULL);
		assert_true(try_run(&try) < 0);
		assert_true(try.job.reason[0] != '\0');
		try_end(&try);
	}
	memcpy(copy, reply, reply_length);
	copy[reply_length] = 0;
	ask_chain(&try, copy, reply_length + 1, beside, NULL);
	assert_true(try_run(&try) < 0);
	try_end(&try);
	for (size_t i = 0; i < reply_length; i++) {
		memcpy(copy, reply, reply_length);
		copy[i] ^= 0x20;
		ask_chain(&try, copy, reply_length, beside, NULL);
		if (try_run(&try) == 0 && strcmp(try_get(&try, "count"), "3") == 0) {
			assert_result(&try, "cert.0.sha256", signer->sha256); /* it was elsewhere */
		}
		try_end(&try);
	}
	free(copy);
	ask_chain(&try, "", 0, "", NULL);
	assert_true(try_run(&try) < 0);
	try_end(&try);
}

/* --- lists --- */

struct order {
	const struct pki_identity *issuer, *named; /* named: another one's name */
	long from, until;                          /* seconds from now; until 0: it does not say */
	bool delta, pem;
	const EVP_MD *digest;
};

static uint8_t *make_list(const struct order *order, size_t *ret_length)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_new();
	uint8_t *copy = NULL, *der = NULL;
	int length = 0;

	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(order->named != NULL ? order->named->cert : order->issuer->cert)), 1);
	assert_non_null(X509_gmtime_adj(time, order->from));
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, time), 1);
	if (order->until != 0) {
		assert_non_null(X509_gmtime_adj(time, order->until));
		assert_int_equal(X509_CRL_set1_nextUpdate(crl, time), 1);
	}
	if (order->delta) {
		ASN1_INTEGER *base = ASN1_INTEGER_new();

		assert_int_equal(ASN1_INTEGER_set(base, 1), 1);
		assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0), 1);
		ASN1_INTEGER_free(base);
	}
	assert_true(X509_CRL_sign(crl, order->issuer->key, order->digest != NULL ? order->digest : EVP_sha256()) > 0);
	if (order->pem) {
		BIO *bio = BIO_new(BIO_s_mem());
		char *text = NULL;

		assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
		length = (int)BIO_get_mem_data(bio, &text);
		copy = malloc((size_t)length + 1);
		memcpy(copy, text, (size_t)length);
		BIO_free(bio);
	} else {
		length = i2d_X509_CRL(crl, &der);
		copy = malloc((size_t)length + 1);
		memcpy(copy, der, (size_t)length);
		OPENSSL_free(der);
	}
	ASN1_TIME_free(time);
	X509_CRL_free(crl);
	*ret_length = (size_t)length;
	return copy;
}

static void ask_list(struct try *try, const void *data, size_t length, const char *status)
{
	try_begin(try, "trust-crl", "");
	try_in(try, data, length);
	try_in(try, reply, reply_length);
	try_in_text(try, beside);
	try_out(try);
	try_set(try, "http-status", status);
	tsa_set_number(try, "at", (long long)time(NULL) * 1000);
	assert_int_equal(try_run(try), 0);
}

static void expect_list(const struct order *order, const char *reason)
{
	size_t length = 0, written = 0;
	uint8_t *list = make_list(order, &length);
	struct try try;
	char *out = NULL;

	ask_list(&try, list, length, "200");
	assert_result(&try, "verdict", reason == NULL ? "good" : "bad");
	assert_result(&try, "reason", reason == NULL ? "-" : reason);
	out = try_output(&try, 4, &written);
	if (reason != NULL) {
		assert_int_equal(written, 0);
	} else if (order->pem) {
		assert_true(written > 0 && out[0] == 0x30);
	} else {
		assert_int_equal(written, length);
		assert_memory_equal(out, list, length);
		assert_string_not_equal(try_get(&try, "time"), "-");
		assert_string_not_equal(try_get(&try, "until"), "-");
		assert_int_equal(strlen(try_get(&try, "sha256")), 64);
	}
	free(out);
	free(list);
	try_end(&try);
}

static void test_lists(void **state)
{
	struct order order = { .issuer = middle, .from = -DAY, .until = DAY };

	(void)state;
	expect_list(&order, NULL);
	order.issuer = root;
	expect_list(&order, NULL);
	order.pem = true;
	expect_list(&order, NULL);
	order.digest = EVP_sha512();
	expect_list(&order, NULL);
	order = (struct order){ .issuer = middle, .from = 60, .until = DAY }; /* a clock that is a little ahead */
	expect_list(&order, NULL);
	order.from = 3600;
	expect_list(&order, "it was made in the future");
	order = (struct order){ .issuer = middle, .from = -2 * DAY, .until = -DAY };
	expect_list(&order, "it is out of date");
	order.until = 0;
	expect_list(&order, "it does not say when the next one comes");
	order = (struct order){ .issuer = stranger, .from = -DAY, .until = DAY };
	expect_list(&order, "its issuer is none of the authorities of this chain");
	order.named = middle;
	expect_list(&order, "its signature does not hold");
	order = (struct order){ .issuer = signer, .from = -DAY, .until = DAY };
	expect_list(&order, "its issuer may not sign lists");
	order = (struct order){ .issuer = middle, .from = -DAY, .until = DAY, .delta = true };
	expect_list(&order, "it lists changes only (a delta list)");
	order = (struct order){ .issuer = middle, .from = -DAY, .until = DAY, .digest = EVP_sha1() };
	expect_list(&order, "it is signed with a hash that is not accepted");
}

static void test_no_lists(void **state)
{
	struct order order = { .issuer = middle, .from = -DAY, .until = DAY };
	size_t length = 0;
	uint8_t *list = make_list(&order, &length), *long_one = calloc(1, TRUST_CRL_MAX_BYTES + 1);
	struct try try;

	(void)state;
	ask_list(&try, list, length, "404");
	assert_result(&try, "reason", "the server has no such list");
	try_end(&try);
	ask_list(&try, "<html>", 6, "200");
	assert_result(&try, "reason", "it is not a list of revoked certificates");
	try_end(&try);
	ask_list(&try, long_one, TRUST_CRL_MAX_BYTES + 1, "200");
	assert_result(&try, "reason", "it is longer than allowed");
	try_end(&try);
	for (size_t i = 0; i < length; i++) { /* every byte of it counts */
		list[i] ^= 1;
		ask_list(&try, list, length, "200");
		assert_result(&try, "verdict", "bad");
		try_end(&try);
		list[i] ^= 1;
		if (i % 5 == 0) {
			ask_list(&try, list, i, "200");
			assert_result(&try, "verdict", "bad");
			try_end(&try);
		}
	}
	list[length] = 0;
	ask_list(&try, list, length + 1, "200");
	assert_result(&try, "verdict", "bad");
	try_end(&try);
	free(list);
	free(long_one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain), cmocka_unit_test(test_short_chain), cmocka_unit_test(test_bad_chain),
		cmocka_unit_test(test_lists), cmocka_unit_test(test_no_lists),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
