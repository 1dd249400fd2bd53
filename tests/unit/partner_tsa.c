#include "partner_tsa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/span.h"

#define NONCE "00c0ffee00000001"
#define NUMBER_SIZE 24

static const uint8_t nonce[] = { 0x00, 0xc0, 0xff, 0xee, 0x00, 0x00, 0x00, 0x01 };
const uint8_t tsa_imprint[64] = { 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, [32] = 7, [63] = 9 };

static uint8_t *kept(unsigned char *der, int length, size_t *ret_length)
{
	uint8_t *copy = malloc((size_t)length + 1);

	assert_true(length > 0);
	assert_non_null(copy);
	memcpy(copy, der, (size_t)length);
	OPENSSL_free(der);
	*ret_length = (size_t)length;
	return copy;
}

struct pki_identity *tsa_new(enum pki_key kind, const char *cn, const struct pki_identity *issuer, int from_days, int to_days, const char *usage)
{
	struct pki_identity *identity = pki_new(kind, cn, "Test", issuer, from_days, to_days);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (usage != NULL) {
		BIO *pem = BIO_new(BIO_s_mem());
		char *text = NULL;
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, usage);

		assert_non_null(extension);
		assert_int_equal(X509_add_ext(identity->cert, extension, -1), 1);
		X509_EXTENSION_free(extension);
		assert_true(X509_sign(identity->cert, issuer->key, EVP_sha256()) > 0);
		assert_int_equal(X509_digest(identity->cert, EVP_sha256(), digest, &length), 1);
		hex_encode(digest, length, identity->sha256);
		assert_int_equal(PEM_write_bio_X509(pem, identity->cert), 1);
		free(identity->pem);
		length = (unsigned)BIO_get_mem_data(pem, &text);
		identity->pem = strndup(text, length);
		BIO_free(pem);
	}
	return identity;
}

const char *tsa_time(long seconds, const char *fraction, char ret[40])
{
	time_t when = time(NULL) + seconds;
	struct tm parts;
	size_t have = 0;

	assert_non_null(gmtime_r(&when, &parts));
	have = strftime(ret, 40, "%Y%m%d%H%M%S", &parts);
	(void)snprintf(ret + have, 40 - have, "%sZ", fraction);
	return ret;
}

static void set_imprint(TS_TST_INFO *info, const struct tsa_order *order)
{
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	uint8_t bytes[EVP_MAX_MD_SIZE];

	memcpy(bytes, order->imprint, order->imprint_length);
	assert_int_equal(X509_ALGOR_set0(algorithm, OBJ_nid2obj(order->hash == 0 ? NID_sha256 : order->hash), V_ASN1_NULL, NULL), 1);
	assert_int_equal(TS_MSG_IMPRINT_set_algo(imprint, algorithm), 1);
	assert_int_equal(TS_MSG_IMPRINT_set_msg(imprint, bytes, (int)order->imprint_length), 1);
	assert_int_equal(TS_TST_INFO_set_msg_imprint(info, imprint), 1);
	TS_MSG_IMPRINT_free(imprint);
	X509_ALGOR_free(algorithm);
}

static void set_accuracy(TS_TST_INFO *info, const char *text)
{
	TS_ACCURACY *accuracy = TS_ACCURACY_new();
	long parts[3] = { 0, 0, 0 };
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	assert_int_equal(sscanf(text, "%ld.%ld.%ld", &parts[0], &parts[1], &parts[2]), 3);
	assert_int_equal(ASN1_INTEGER_set(number, parts[0]), 1);
	assert_int_equal(TS_ACCURACY_set_seconds(accuracy, number), 1);
	assert_int_equal(ASN1_INTEGER_set(number, parts[1]), 1);
	assert_int_equal(TS_ACCURACY_set_millis(accuracy, number), 1);
	assert_int_equal(ASN1_INTEGER_set(number, parts[2]), 1);
	assert_int_equal(TS_ACCURACY_set_micros(accuracy, number), 1);
	assert_int_equal(TS_TST_INFO_set_accuracy(info, accuracy), 1);
	ASN1_INTEGER_free(number);
	TS_ACCURACY_free(accuracy);
}

static TS_TST_INFO *make_info(const struct tsa_order *order)
{
	TS_TST_INFO *info = TS_TST_INFO_new();
	ASN1_OBJECT *policy = OBJ_txt2obj(order->policy == NULL ? "1.2.3.4" : order->policy, 1);
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_GENERALIZEDTIME *when = ASN1_GENERALIZEDTIME_new();
	char now[40];
	const char *time = order->time == NULL ? tsa_time(0, "", now) : order->time;

	assert_int_equal(TS_TST_INFO_set_version(info, order->version == 0 ? 1 : order->version), 1);
	assert_int_equal(TS_TST_INFO_set_policy_id(info, policy), 1);
	assert_int_equal(ASN1_INTEGER_set(serial, 0xabcdef), 1);
	assert_int_equal(TS_TST_INFO_set_serial(info, serial), 1);
	assert_int_equal(ASN1_STRING_set(when, time, -1), 1);
	assert_int_equal(TS_TST_INFO_set_time(info, when), 1);
	set_imprint(info, order);
	if (order->accuracy != NULL) {
		set_accuracy(info, order->accuracy);
	}
	if (order->nonce_length > 0) {
		BIGNUM *number = BN_bin2bn(order->nonce, (int)order->nonce_length, NULL);
		ASN1_INTEGER *made = BN_to_ASN1_INTEGER(number, NULL);

		assert_int_equal(TS_TST_INFO_set_nonce(info, made), 1);
		BN_free(number);
		ASN1_INTEGER_free(made);
	}
	if (order->critical) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, "critical,x");

		assert_int_equal(TS_TST_INFO_add_ext(info, extension, -1), 1);
		X509_EXTENSION_free(extension);
	}
	ASN1_OBJECT_free(policy);
	ASN1_INTEGER_free(serial);
	ASN1_GENERALIZEDTIME_free(when);
	return info;
}

/* SigningCertificate (V1) or V2 as a signed attribute, naming one certificate or two. */
static void name_signer(CMS_SignerInfo *signer, X509 *cert, X509 *beside, bool old)
{
	STACK_OF(X509) *more = sk_X509_new_null();
	ESS_SIGNING_CERT *ids = NULL;
	ESS_SIGNING_CERT_V2 *ids_v2 = NULL;
	unsigned char *der = NULL;
	int length = 0;

	assert_true(beside == NULL || sk_X509_push(more, beside) > 0);
	ids = old ? OSSL_ESS_signing_cert_new_init(cert, more, 1) : NULL;
	ids_v2 = old ? NULL : OSSL_ESS_signing_cert_v2_new_init(EVP_sha256(), cert, more, 1);
	length = old ? i2d_ESS_SIGNING_CERT(ids, &der) : i2d_ESS_SIGNING_CERT_V2(ids_v2, &der);
	assert_true(length > 0);
	assert_int_equal(
	    CMS_signed_add1_attr_by_NID(signer, old ? NID_id_smime_aa_signingCertificate : NID_id_smime_aa_signingCertificateV2, V_ASN1_SEQUENCE, der, length),
	    1);
	OPENSSL_free(der);
	ESS_SIGNING_CERT_free(ids);
	ESS_SIGNING_CERT_V2_free(ids_v2);
	sk_X509_free(more);
}

static void name_as(CMS_SignerInfo *signer, const struct tsa_order *order)
{
	X509 *own = order->signer->cert, *other = order->named == NULL ? NULL : order->named->cert;

	switch (order->id) {
	case TSA_ID_NONE:
		break;
	case TSA_ID_OTHER:
		name_signer(signer, other, NULL, false);
		break;
	case TSA_ID_SECOND:
		name_signer(signer, other, own, false);
		break;
	case TSA_ID_V1:
	case TSA_ID_CHAIN_V1:
		name_signer(signer, own, other, true);
		break;
	case TSA_ID_V2:
	case TSA_ID_CHAIN:
		name_signer(signer, own, other, false);
		break;
	}
}

uint8_t *tsa_token(const struct tsa_order *order, size_t *ret_length)
{
	TS_TST_INFO *info = make_info(order);
	unsigned char *content = NULL, *der = NULL;
	int length = i2d_TS_TST_INFO(info, &content);
	BIO *in = BIO_new_mem_buf(content, length);
	unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL | (order->detached ? CMS_DETACHED : 0);
	unsigned own = CMS_NOSMIMECAP | ((order->how & PKI_NO_CERTS) != 0 ? CMS_NOCERTS : 0);
	const EVP_MD *digest = EVP_get_digestbynid(order->digest == 0 ? NID_sha256 : order->digest);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags);
	CMS_SignerInfo *signer = NULL;

	assert_non_null(cms);
	assert_int_equal(CMS_set1_eContentType(cms, OBJ_nid2obj(order->content_type == 0 ? NID_id_smime_ct_TSTInfo : order->content_type)), 1);
	signer = CMS_add1_signer(cms, order->signer->cert, order->signer->key, digest, own | CMS_PARTIAL);
	assert_non_null(signer);
	name_as(signer, order);
	if ((order->how & PKI_TWO_SIGNERS) != 0) {
		assert_non_null(CMS_add1_signer(cms, order->signer->cert, order->signer->key, EVP_sha512(), own | CMS_NOCERTS));
	}
	assert_int_equal(CMS_final(cms, in, NULL, flags), 1);
	length = i2d_CMS_ContentInfo(cms, &der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	OPENSSL_free(content);
	TS_TST_INFO_free(info);
	return kept(der, length, ret_length);
}

static ASN1_TYPE *element(const uint8_t *der, size_t length)
{
	ASN1_TYPE *type = d2i_ASN1_TYPE(NULL, &der, (long)length);

	assert_non_null(type);
	return type;
}

uint8_t *tsa_reply(long status, int fail_bit, const char *text, const uint8_t *token, size_t token_length, size_t *ret_length)
{
	ASN1_SEQUENCE_ANY *info = sk_ASN1_TYPE_new_null(), *texts = sk_ASN1_TYPE_new_null(), *all = sk_ASN1_TYPE_new_null();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	ASN1_UTF8STRING *words = ASN1_UTF8STRING_new();
	unsigned char *der = NULL;
	int length = 0;

	assert_int_equal(ASN1_INTEGER_set(number, status), 1);
	length = i2d_ASN1_INTEGER(number, &der);
	assert_true(sk_ASN1_TYPE_push(info, element(der, (size_t)length)) > 0);
	OPENSSL_free(der);
	if (text != NULL) {
		der = NULL;
		assert_int_equal(ASN1_STRING_set(words, text, -1), 1);
		length = i2d_ASN1_UTF8STRING(words, &der);
		assert_true(sk_ASN1_TYPE_push(texts, element(der, (size_t)length)) > 0);
		OPENSSL_free(der);
		der = NULL;
		length = i2d_ASN1_SEQUENCE_ANY(texts, &der);
		assert_true(sk_ASN1_TYPE_push(info, element(der, (size_t)length)) > 0);
		OPENSSL_free(der);
	}
	if (fail_bit >= 0) {
		der = NULL;
		assert_int_equal(ASN1_BIT_STRING_set_bit(bits, fail_bit, 1), 1);
		length = i2d_ASN1_BIT_STRING(bits, &der);
		assert_true(sk_ASN1_TYPE_push(info, element(der, (size_t)length)) > 0);
		OPENSSL_free(der);
	}
	der = NULL;
	length = i2d_ASN1_SEQUENCE_ANY(info, &der);
	assert_true(sk_ASN1_TYPE_push(all, element(der, (size_t)length)) > 0);
	OPENSSL_free(der);
	if (token != NULL) {
		assert_true(sk_ASN1_TYPE_push(all, element(token, token_length)) > 0);
	}
	der = NULL;
	length = i2d_ASN1_SEQUENCE_ANY(all, &der);
	sk_ASN1_TYPE_pop_free(info, ASN1_TYPE_free);
	sk_ASN1_TYPE_pop_free(texts, ASN1_TYPE_free);
	sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
	ASN1_INTEGER_free(number);
	ASN1_BIT_STRING_free(bits);
	ASN1_UTF8STRING_free(words);
	return kept(der, length, ret_length);
}

struct tsa_order tsa_good_order(const struct pki_identity *signer)
{
	struct tsa_order order = { .signer = signer, .imprint = tsa_imprint, .imprint_length = 32, .nonce = nonce, .nonce_length = sizeof nonce };

	return order;
}

void tsa_set_number(struct try *try, const char *name, long long number)
{
	char text[NUMBER_SIZE];

	(void)snprintf(text, sizeof text, "%lld", number);
	try_set(try, name, text);
}

void tsa_ask(struct try *try, const uint8_t *reply, size_t length, const char *anchors, long long late_ms)
{
	char hex[65];
	long long now = (long long)time(NULL) * 1000 + late_ms;

	hex_encode(tsa_imprint, 32, hex);
	try_begin(try, "stamp-reply", "");
	try_in(try, reply, length);
	try_in_text(try, anchors);
	try_out(try);
	try_set(try, "imprint", hex);
	try_set(try, "hash", "sha256");
	try_set(try, "policy", "");
	try_set(try, "nonce", NONCE);
	try_set(try, "http-status", "200");
	try_set(try, "content-type", TSA_TYPE);
	tsa_set_number(try, "asked-from", now - 500);
	tsa_set_number(try, "asked-to", now + 1500);
}

void tsa_expect(struct try *try, const char *verdict, const char *cause)
{
	assert_int_equal(try_run(try), 0);
	if (strcmp(try_get(try, "verdict"), verdict) != 0 || strcmp(try_get(try, "cause"), cause) != 0) {
		print_error("%s, %s: %s\n", try_get(try, "verdict"), try_get(try, "cause"), try_get(try, "reason"));
	}
	assert_result(try, "verdict", verdict);
	assert_result(try, "cause", cause);
	assert_int_equal(strcmp(try_get(try, "reason"), "-") == 0, strcmp(verdict, "granted") == 0 && strcmp(try_get(try, "clock"), "off") != 0);
}
