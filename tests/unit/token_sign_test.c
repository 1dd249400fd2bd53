/* Signing and unwrapping by the real process against SoftHSM; the results are judged by the openssl program. */
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
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/der.h"

#define SAN_IK "otherName:1.3.6.1.4.1.11801.2.1;UTF8:0000000000"
#define LARGE_BYTES ((size_t)10 << 20)

static struct bench bench;
static uint64_t next_index = 10;

static const struct bench_cert rsa = { BENCH_RSA_SIGN, "critical,digitalSignature,nonRepudiation", -1, 365, SAN_IK };
static const struct bench_cert ec = { BENCH_EC_SIGN, "digitalSignature", -1, 365, NULL };
static const struct bench_cert rsa_vault = { BENCH_RSA_VAULT, "keyEncipherment", -1, 365, NULL };
static const struct bench_cert ec_vault = { BENCH_EC_VAULT, "keyAgreement", -1, 365, NULL };

static int setup(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int fds[4];

	assert_int_equal(bench_group_setup(state), 0);
	fds[0] = bench_pem(&rsa);
	fds[1] = bench_pem(&ec);
	fds[2] = bench_pem(&rsa_vault);
	fds[3] = bench_pem(&ec_vault);
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "qualified", BENCH_RSA_SIGN, "sign", 0);
	bench_setting_key(&lines, 1, "elliptic", BENCH_EC_SIGN, "sign", 1);
	bench_setting_key(&lines, 2, "archive", BENCH_RSA_VAULT, "vault", 2);
	bench_setting_key(&lines, 3, "archive-ec", BENCH_EC_VAULT, "vault", 3);
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

/* Encoded again, it is the same bytes; and no length is indefinite on the way to the content. */
static void check_der(const uint8_t *cms, size_t length)
{
	const unsigned char *place = cms;
	CMS_ContentInfo *read = d2i_CMS_ContentInfo(NULL, &place, (long)length);
	unsigned char *again = NULL;
	struct span whole = span_of(cms, length), content;
	int again_length = 0;

	assert_non_null(read);
	assert_ptr_equal(place, cms + length);
	again_length = i2d_CMS_ContentInfo(read, &again);
	assert_int_equal(again_length, length);
	assert_memory_equal(again, cms, length);
	OPENSSL_free(again);
	CMS_ContentInfo_free(read);
	assert_true(der_read(&whole, DER_SEQUENCE, &content, NULL) && span_is_empty(whole));
	assert_true(der_read(&content, DER_OID, &whole, NULL) && der_read(&content, DER_CONTEXT_0, &whole, NULL) && span_is_empty(content));
	assert_true(der_read(&whole, DER_SEQUENCE, &content, NULL));
	assert_true(der_read(&content, DER_INTEGER, &whole, NULL) && whole.length == 1 && whole.data[0] == 1);
}

static void sign_and_verify(const char *key, const char *form, const char *digest, const void *content, size_t length)
{
	struct bench_sign wanted = {
		.index = ++next_index, .key = key, .purpose = "filing", .form = form, .digest = digest, .content = content, .length = length
	};
	_cleanup_free_ uint8_t *cms = NULL;
	size_t cms_length = 0;
	char text[2048];
	bool detached = strcmp(form, "detached-der") == 0;

	assert_int_equal(bench_sign(&bench, &wanted, &cms, &cms_length, text, sizeof text), 0);
	if (length < LARGE_BYTES) {
		check_der(cms, cms_length);
	}
	bench_write("content", content, length);
	bench_write("cms", cms, cms_length);
	assert_int_equal(bench_run("cd %s && openssl cms -verify -cades -inform DER -binary -CAfile ca.pem -purpose any -in cms %s -out back 2>err ||"
	                           " { cat err; exit 1; } && cmp -s back content",
	                           bench_dir(), detached ? "-content content" : ""),
	                 0);
}

static void test_forms(void **state)
{
	static const char *const keys[] = { "qualified", "elliptic" };
	static const char *const forms[] = { "attached-der", "detached-der" };
	static const char *const digests[] = { "sha256", "sha384", "sha512" };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		for (size_t f = 0; f < 2; f++) {
			for (size_t d = 0; d < 3; d++) {
				sign_and_verify(keys[k], forms[f], digests[d], "<Pisemnost/>\r\n", 14);
			}
		}
	}
	sign_and_verify("qualified", "attached-der", "sha256", "", 0);
}

/* Lengths around every change of the length encoding. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1, 125, 126, 127, 128, 129, 254, 255, 256, 257, 65533, 65535, 65536, 70000 };
	_cleanup_free_ uint8_t *content = malloc(70000);

	(void)state;
	memset(content, 0xa5, 70000);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		sign_and_verify("elliptic", "attached-der", "sha256", content, sizes[i]);
	}
}

static void test_large(void **state)
{
	_cleanup_free_ uint8_t *content = malloc(LARGE_BYTES);

	(void)state;
	for (size_t i = 0; i < LARGE_BYTES; i++) {
		content[i] = (uint8_t)(i * 31);
	}
	sign_and_verify("qualified", "attached-der", "sha256", content, LARGE_BYTES);
	sign_and_verify("qualified", "detached-der", "sha256", content, LARGE_BYTES);
}

/* What spec/epo 3.3 says of the signature, in the words of openssl. */
static void test_attributes(void **state)
{
	struct bench_sign wanted = { .index = ++next_index,
		                     .key = "qualified",
		                     .purpose = "filing",
		                     .form = "attached-der",
		                     .digest = "sha256",
		                     .want = "epo",
		                     .content = "x",
		                     .length = 1 };
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;
	char text[2048];

	(void)state;
	assert_int_equal(bench_sign(&bench, &wanted, &cms, &length, text, sizeof text), 0);
	assert_null(strstr(text, "warning"));
	assert_non_null(strstr(text, "algorithm: rsa-pkcs1-sha256\n"));
	bench_write("cms", cms, length);
	assert_int_equal(
	    bench_run("cd %s && openssl cms -cmsout -print -noout -inform DER -in cms >print 2>&1 && grep -q 'id-smime-aa-signingCertificateV2' print &&"
	              " grep -q signingTime print && ! grep -qi 'S/MIME Capab' print && grep -q issuerAndSerialNumber print &&"
	              " grep -q 'rsaEncryption' print && [ $(grep -c 'd.certificate:' print) = 2 ]",
	              bench_dir()),
	    0);
}

/* Without signed attributes: for partners that take the signature over the very content. */
static void sign_bare(const char *key, const char *form, const char *digest)
{
	struct bench_sign wanted = { .index = ++next_index,
		                     .key = key,
		                     .purpose = "filing",
		                     .form = form,
		                     .digest = digest,
		                     .attributes = "no",
		                     .content = "<Form/>\r\n",
		                     .length = 9 };
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;
	char text[2048];
	bool detached = strcmp(form, "detached-der") == 0;

	assert_int_equal(bench_sign(&bench, &wanted, &cms, &length, text, sizeof text), 0);
	check_der(cms, length);
	bench_write("content", wanted.content, wanted.length);
	bench_write("cms", cms, length);
	assert_int_equal(
	    bench_run("cd %s && openssl cms -verify -inform DER -binary -CAfile ca.pem -purpose any -in cms %s -out back 2>err ||"
	              " { cat err; exit 1; } && cmp -s back content && openssl cms -cmsout -print -noout -inform DER -in cms >print &&"
	              " sed -n '/signedAttrs/,/signatureAlg/p' print | grep -q ABSENT && ! grep -qE 'signingTime|messageDigest|signingCertificate' print",
	              bench_dir(), detached ? "-content content" : ""),
	    0);
	if (detached) {
		bench_write("content", "<form/>\r\n", wanted.length);
		assert_int_not_equal(
		    bench_run("cd %s && openssl cms -verify -inform DER -binary -CAfile ca.pem -purpose any -in cms -content content -out back 2>err",
		              bench_dir()),
		    0);
	}
}

static int try_sign(struct bench_sign wanted, char *text, size_t size)
{
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;

	wanted.purpose = wanted.purpose != NULL ? wanted.purpose : "filing";
	wanted.form = wanted.form != NULL ? wanted.form : "attached-der";
	wanted.digest = "sha256";
	wanted.content = "content";
	wanted.length = 7;
	return bench_sign(&bench, &wanted, &cms, &length, text, size);
}

static void test_bare(void **state)
{
	static const char set[] = "1\x0a\x30\x08 a set";
	char text[2048];

	(void)state;
	for (size_t d = 0; d < 3; d++) {
		const char *digest = d == 0 ? "sha256" : d == 1 ? "sha384" : "sha512";

		sign_bare("qualified", "attached-der", digest);
		sign_bare("qualified", "detached-der", digest);
		sign_bare("elliptic", "attached-der", digest);
		sign_bare("elliptic", "detached-der", digest);
	}
	/* What could be taken for attributes is signed with attributes only. */
	for (size_t i = 0; i < 2; i++) {
		struct bench_sign wanted = { .index = ++next_index,
			                     .key = "qualified",
			                     .purpose = "filing",
			                     .form = "detached-der",
			                     .digest = "sha256",
			                     .attributes = i == 0 ? "no" : "yes",
			                     .content = set,
			                     .length = sizeof set - 1 };
		_cleanup_free_ uint8_t *cms = NULL;
		size_t length = 0;

		assert_int_equal(bench_sign(&bench, &wanted, &cms, &length, text, sizeof text), i == 0 ? ERR_UNSUPPORTED : 0);
		assert_int_equal(length == 0, i == 0);
	}
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .attributes = "some" }, text, sizeof text), ERR_UNSUPPORTED);
}

static void test_refusals(void **state)
{
	uint64_t used = 0;
	char text[2048];

	(void)state;
	used = ++next_index;
	assert_int_equal(try_sign((struct bench_sign){ .index = used, .key = "qualified" }, text, sizeof text), 0);
	assert_int_equal(try_sign((struct bench_sign){ .index = used, .key = "qualified" }, text, sizeof text), ERR_STATE);
	assert_int_equal(try_sign((struct bench_sign){ .index = used - 1, .key = "qualified" }, text, sizeof text), ERR_STATE);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .leaf_key = "elliptic" }, text, sizeof text), ERR_MISMATCH);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .leaf_other_index = true }, text, sizeof text), ERR_MISMATCH);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "archive" }, text, sizeof text), ERR_DENIED);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .purpose = "tls" }, text, sizeof text), ERR_DENIED);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "nobody" }, text, sizeof text), ERR_NOTFOUND);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .form = "attached-ber" }, text, sizeof text),
	                 ERR_UNSUPPORTED);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "elliptic", .want = "epo" }, text, sizeof text), ERR_CERT);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "elliptic", .want = "epo-ecdsa" }, text, sizeof text), 0);
	assert_non_null(strstr(text, "IK MPSV"));
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .second = "CONTENT" }, text, sizeof text), ERR_MISMATCH);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified", .announced_less = 1 }, text, sizeof text), ERR_MISMATCH);
	assert_int_equal(try_sign((struct bench_sign){ .index = ++next_index, .key = "qualified" }, text, sizeof text), 0);
}

/* A key file as the store makes it: AuthEnvelopedData, AES-256-GCM, for one certificate. */
static void wrap(const struct bench_cert *wanted, const char *cipher, uint8_t **ret, size_t *ret_length)
{
	X509 *certificate = bench_certificate(wanted);
	STACK_OF(X509) *to = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf("the key of the case", -1);
	CMS_ContentInfo *cms = NULL;
	int length = 0;

	assert_true(sk_X509_push(to, certificate) > 0);
	cms = CMS_encrypt(to, in, EVP_get_cipherbyname(cipher), CMS_BINARY);
	assert_non_null(cms);
	*ret = NULL;
	length = i2d_CMS_ContentInfo(cms, ret);
	assert_true(length > 0);
	*ret_length = (size_t)length;
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	sk_X509_free(to);
	X509_free(certificate);
}

static int unwrap_is_right(const struct bench_cert *wanted, const char *cipher, size_t damage)
{
	uint8_t *wrapped = NULL, content[256];
	size_t length = 0, content_length = sizeof content;
	int err = ERR_INTERNAL;

	wrap(wanted, cipher, &wrapped, &length);
	if (damage > 0) {
		wrapped[length - damage] ^= 1;
	}
	err = bench_unwrap(&bench, wrapped, length, content, &content_length);
	if (err == 0) {
		assert_int_equal(content_length, strlen("the key of the case"));
		assert_memory_equal(content, "the key of the case", content_length);
	}
	OPENSSL_free(wrapped);
	return err;
}

static void test_unwrap(void **state)
{
	(void)state;
	assert_int_equal(unwrap_is_right(&rsa_vault, "AES-256-GCM", 0), 0);
	assert_int_equal(unwrap_is_right(&ec_vault, "AES-256-GCM", 0), 0);
	assert_int_equal(unwrap_is_right(&rsa_vault, "AES-256-CBC", 0), 0);
	assert_int_equal(unwrap_is_right(&rsa_vault, "AES-256-GCM", 1), ERR_FORMAT);
	/* For the sign key: never. */
	assert_int_equal(unwrap_is_right(&rsa, "AES-256-GCM", 0), ERR_FORMAT);
	assert_int_equal(bench_unwrap(&bench, (const uint8_t *)"0", 1, NULL, &(size_t){ 0 }), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms), cmocka_unit_test(test_sizes),    cmocka_unit_test(test_large),  cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_bare),  cmocka_unit_test(test_refusals), cmocka_unit_test(test_unwrap),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
