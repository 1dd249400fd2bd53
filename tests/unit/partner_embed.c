/* Stamps of signatures: what is stamped, and the stamp inside (RFC 5126 6.1.1). libcrypto reads what the job wrote. */
#include "partner_help.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_tsa.h"

#define CONTENT "<Pisemnost><Podani Cislo='1'/></Pisemnost>"

static struct pki_identity *authority, *tsa, *person, *rsa_person;

static int make_all(void **state)
{
	(void)state;
	authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -10, 100);
	tsa = tsa_new(PKI_P256, "Test TSA", authority, -1, 50, TSA_USAGE);
	person = pki_new(PKI_P256, "Jana Nováková", "Test", authority, -1, 50);
	rsa_person = pki_new(PKI_RSA2048, "Jana Nováková", "Test", authority, -1, 50);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	pki_free(authority);
	pki_free(tsa);
	pki_free(person);
	pki_free(rsa_person);
	return 0;
}

static CMS_ContentInfo *read_back(const void *der, size_t length)
{
	const unsigned char *place = der;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &place, (long)length);

	assert_non_null(cms);
	assert_ptr_equal(place, (const unsigned char *)der + length);
	return cms;
}

static CMS_SignerInfo *signer_of(CMS_ContentInfo *cms)
{
	return sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
}

/* The hash of the signature value, by libcrypto's own reading. */
static void hash_of(const void *der, size_t length, const EVP_MD *hash, uint8_t ret[EVP_MAX_MD_SIZE])
{
	CMS_ContentInfo *cms = read_back(der, length);
	const ASN1_OCTET_STRING *value = CMS_SignerInfo_get0_signature(signer_of(cms));

	assert_int_equal(EVP_Digest(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), ret, NULL, hash, NULL), 1);
	CMS_ContentInfo_free(cms);
}

static uint8_t *token_of(const uint8_t *imprint, int hash, size_t size, size_t *ret_length)
{
	struct tsa_order order = { .signer = tsa, .imprint = imprint, .imprint_length = size, .hash = hash };

	return tsa_token(&order, ret_length);
}

static int embed(struct try *try, const void *cms, size_t length, const void *token, size_t token_length)
{
	try_begin(try, "stamp-embed", "");
	try_in(try, cms, length);
	try_in(try, token, token_length);
	try_out(try);
	return try_run(try);
}

static void expect_verified(CMS_ContentInfo *cms, bool detached)
{
	BIO *content = detached ? BIO_new_mem_buf(CONTENT, -1) : NULL, *out = BIO_new(BIO_s_mem());
	char *text = NULL;

	assert_int_equal(CMS_verify(cms, NULL, NULL, content, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY), 1);
	assert_int_equal(BIO_get_mem_data(out, &text), sizeof CONTENT - 1);
	assert_memory_equal(text, CONTENT, sizeof CONTENT - 1);
	BIO_free(content);
	BIO_free(out);
}

/* Hash, stamp, embed; the signature still holds, and the attribute is the token. */
static void round_trip(const struct pki_identity *by, unsigned how, const char *hash, int nid, size_t size)
{
	size_t length = 0, token_length = 0, out_length = 0;
	unsigned char *cms = pki_sign(by, CONTENT, strlen(CONTENT), how, &length);
	uint8_t imprint[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	uint8_t *token = NULL;
	char *out = NULL;
	CMS_ContentInfo *stamped = NULL;
	X509_ATTRIBUTE *attribute = NULL;
	const ASN1_TYPE *value = NULL;
	struct try try;

	hash_of(cms, length, EVP_get_digestbynid(nid), imprint);
	hex_encode(imprint, size, hex);
	try_begin(&try, "stamp-imprint", "");
	try_in(&try, cms, length);
	try_set(&try, "hash", hash);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "imprint", hex);
	assert_result(&try, "stamped", "no");
	try_end(&try);
	token = token_of(imprint, nid, size, &token_length);
	assert_int_equal(embed(&try, cms, length, token, token_length), 0);
	assert_result(&try, "imprint", hex);
	assert_result(&try, "hash", hash);
	out = try_output(&try, 3, &out_length);
	try_end(&try);
	stamped = read_back(out, out_length);
	expect_verified(stamped, (how & PKI_DETACHED) != 0);
	attribute = CMS_unsigned_get_attr(signer_of(stamped), CMS_unsigned_get_attr_by_NID(signer_of(stamped), NID_id_smime_aa_timeStampToken, -1));
	assert_non_null(attribute);
	assert_int_equal(X509_ATTRIBUTE_count(attribute), 1);
	value = X509_ATTRIBUTE_get0_type(attribute, 0);
	assert_int_equal(value->type, V_ASN1_SEQUENCE);
	assert_int_equal(ASN1_STRING_length(value->value.sequence), token_length);
	assert_memory_equal(ASN1_STRING_get0_data(value->value.sequence), token, token_length);
	assert_int_equal(embed(&try, out, out_length, token, token_length), ERR_EXISTS);
	try_end(&try);
	try_begin(&try, "stamp-imprint", "");
	try_in(&try, out, out_length);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "stamped", "yes");
	try_end(&try);
	CMS_ContentInfo_free(stamped);
	free(cms);
	free(token);
	free(out);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip(person, 0, "sha256", NID_sha256, 32);
	round_trip(person, PKI_DETACHED, "sha384", NID_sha384, 48);
	round_trip(rsa_person, 0, "sha512", NID_sha512, 64);
	round_trip(rsa_person, PKI_NO_ATTRIBUTES, "sha256", NID_sha256, 32);
}

/* Another unsigned attribute stays beside the stamp. */
static void test_beside_another(void **state)
{
	size_t length = 0, token_length = 0;
	unsigned char *cms = pki_sign(person, CONTENT, strlen(CONTENT), 0, &length), *der = NULL;
	CMS_ContentInfo *more = read_back(cms, length);
	uint8_t imprint[EVP_MAX_MD_SIZE];
	uint8_t *token = NULL;
	char *out = NULL;
	int size = 0;
	struct try try;

	(void)state;
	hash_of(cms, length, EVP_sha256(), imprint);
	token = token_of(imprint, NID_sha256, 32, &token_length);
	assert_int_equal(CMS_unsigned_add1_attr_by_NID(signer_of(more), NID_pkcs9_unstructuredName, V_ASN1_IA5STRING, "beside", 6), 1);
	size = i2d_CMS_ContentInfo(more, &der);
	CMS_ContentInfo_free(more);
	assert_true(size > 0);
	assert_int_equal(embed(&try, der, (size_t)size, token, token_length), 0);
	out = try_output(&try, 3, &length);
	try_end(&try);
	more = read_back(out, length);
	expect_verified(more, false);
	assert_int_equal(CMS_unsigned_get_attr_count(signer_of(more)), 2);
	assert_true(CMS_unsigned_get_attr_by_NID(signer_of(more), NID_pkcs9_unstructuredName, -1) >= 0);
	assert_true(CMS_unsigned_get_attr_by_NID(signer_of(more), NID_id_smime_aa_timeStampToken, -1) >= 0);
	CMS_ContentInfo_free(more);
	OPENSSL_free(der);
	free(cms);
	free(token);
	free(out);
}

static void test_refused(void **state)
{
	size_t length = 0, ber_length = 0, two_length = 0, token_length = 0;
	unsigned char *cms = pki_sign(person, CONTENT, strlen(CONTENT), 0, &length);
	unsigned char *ber = pki_sign(person, CONTENT, strlen(CONTENT), PKI_BER, &ber_length);
	unsigned char *two = pki_sign(person, CONTENT, strlen(CONTENT), PKI_TWO_SIGNERS, &two_length);
	uint8_t imprint[EVP_MAX_MD_SIZE];
	uint8_t *token = NULL;
	struct try try;

	(void)state;
	hash_of(cms, length, EVP_sha256(), imprint);
	token = token_of(imprint, NID_sha256, 32, &token_length);
	assert_int_equal(embed(&try, ber, ber_length, token, token_length), ERR_FORMAT);
	assert_string_equal(try.job.reason, "not CMS signed data with definite lengths");
	try_end(&try);
	assert_int_equal(embed(&try, two, two_length, token, token_length), ERR_FORMAT);
	assert_string_equal(try.job.reason, "more than one signature");
	try_end(&try);
	assert_int_equal(embed(&try, cms, length, cms, length), ERR_FORMAT);
	try_end(&try);
	free(token);
	imprint[0] ^= 1;
	token = token_of(imprint, NID_sha256, 32, &token_length);
	assert_int_equal(embed(&try, cms, length, token, token_length), ERR_MISMATCH);
	try_end(&try);
	try_begin(&try, "stamp-imprint", "");
	try_in(&try, cms, length);
	try_set(&try, "limit", "100");
	assert_int_equal(try_run(&try), ERR_LIMIT);
	assert_string_equal(try.job.reason, "the signed file is too large to be stamped");
	try_end(&try);
	for (size_t i = 0; i < length; i++) {
		try_begin(&try, "stamp-imprint", "");
		try_in(&try, cms, i);
		assert_int_equal(try_run(&try), ERR_FORMAT);
		try_end(&try);
	}
	free(cms);
	free(ber);
	free(two);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_beside_another),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
