#include "audit_pki.h"

#include <openssl/conf.h>
#include <openssl/ess.h>
#include <openssl/rsa.h>
#include <openssl/ts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLICY "1.2.3.4.1"

static EVP_PKEY *new_key(enum pki_kind kind)
{
	EVP_PKEY_CTX *pss = NULL;
	EVP_PKEY *key = NULL;

	switch (kind) {
	case PKI_P256:
		return EVP_EC_gen("P-256");
	case PKI_P384:
		return EVP_EC_gen("P-384");
	case PKI_P521:
		return EVP_EC_gen("P-521");
	case PKI_RSA2048:
		return EVP_RSA_gen(2048U);
	case PKI_RSA1024:
		return EVP_RSA_gen(1024U);
	case PKI_PSS:
		pss = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
		assert_int_equal(EVP_PKEY_keygen_init(pss), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(pss, 2048), 1);
		assert_int_equal(EVP_PKEY_keygen(pss, &key), 1);
		EVP_PKEY_CTX_free(pss);
		return key;
	}
	return NULL;
}

static void set_name(X509_NAME *name, const char *cn)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "C", MBSTRING_UTF8, (const unsigned char *)"CZ", -1, -1, 0), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0), 1);
}

static X509_EXTENSION *extension_of(X509V3_CTX *context, const char *text)
{
	char name[64] = "";
	const char *value = strchr(text, '=');
	CONF *empty = NCONF_new(NULL);
	X509_EXTENSION *made = NULL;

	assert_non_null(value);
	(void)snprintf(name, sizeof name, "%.*s", (int)(value - text), text);
	X509V3_set_nconf(context, empty);
	made = X509V3_EXT_nconf(empty, context, name, value + 1);
	NCONF_free(empty);
	assert_non_null(made);
	return made;
}

static void add_extension(X509 *cert, const struct pki *issuer, const char *name, const char *value)
{
	X509V3_CTX context;
	char text[512];
	X509_EXTENSION *made = NULL;

	if (value == NULL || value[0] == '\0') {
		return;
	}
	X509V3_set_ctx(&context, issuer == NULL ? cert : issuer->cert, cert, NULL, NULL, 0);
	(void)snprintf(text, sizeof text, "%s=%s", name, value);
	made = extension_of(&context, name[0] == '\0' ? value : text);
	assert_int_equal(X509_add_ext(cert, made, -1), 1);
	X509_EXTENSION_free(made);
}

static const char *or_else(const char *said, const char *usual)
{
	return said == NULL ? usual : said;
}

struct pki *pki_make(const struct pki_plan *plan)
{
	static long next_serial = 0x4001;
	struct pki *pki = calloc(1, sizeof *pki);
	const struct pki *issuer = plan->issuer;
	const X509 *named = plan->claims != NULL ? plan->claims->cert : issuer != NULL ? issuer->cert : NULL;
	unsigned char *der = NULL;
	int length = 0;

	assert_non_null(pki);
	pki->key = plan->key_of != NULL ? plan->key_of->key : new_key(plan->kind);
	if (plan->key_of != NULL) {
		EVP_PKEY_up_ref(pki->key);
	}
	pki->cert = X509_new();
	assert_non_null(pki->key);
	assert_int_equal(X509_set_version(pki->cert, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(pki->cert), plan->serial != 0 ? plan->serial : next_serial++), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(pki->cert), plan->from_s != 0 ? plan->from_s : T0 - YEAR));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(pki->cert), plan->until_s != 0 ? plan->until_s : T0 + YEAR));
	set_name(X509_get_subject_name(pki->cert), plan->cn);
	assert_int_equal(X509_set_issuer_name(pki->cert, X509_get_subject_name(named == NULL ? pki->cert : named)), 1);
	assert_int_equal(X509_set_pubkey(pki->cert, pki->key), 1);
	add_extension(pki->cert, issuer, "basicConstraints", or_else(plan->basic, issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE"));
	add_extension(pki->cert, issuer, "keyUsage",
	              or_else(plan->usage, issuer == NULL ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature,nonRepudiation"));
	add_extension(pki->cert, issuer, "extendedKeyUsage", plan->purposes);
	add_extension(pki->cert, issuer, "subjectKeyIdentifier", "hash");
	if (plan->claims == NULL) {
		add_extension(pki->cert, issuer, "authorityKeyIdentifier", issuer == NULL ? "" : "keyid:always");
	}
	for (size_t i = 0; i < 4; i++) {
		add_extension(pki->cert, issuer, "", plan->extra[i]);
	}
	assert_true(X509_sign(pki->cert, issuer == NULL ? pki->key : issuer->key, plan->md == NULL ? EVP_sha256() : plan->md) > 0);
	length = i2d_X509(pki->cert, &der);
	assert_true(length > 0);
	pki->der = der;
	pki->length = (size_t)length;
	return pki;
}

struct pki *pki_root(enum pki_kind kind, const char *cn)
{
	return pki_make(&(struct pki_plan){ .kind = kind, .cn = cn, .from_s = T0 - 10 * YEAR, .until_s = T0 + 30 * YEAR });
}

struct pki *pki_under(const struct pki *issuer, enum pki_kind kind, const char *cn)
{
	return pki_make(&(struct pki_plan){ .kind = kind, .cn = cn, .issuer = issuer });
}

struct pki *pki_tsa(const struct pki *issuer, enum pki_kind kind, const char *cn)
{
	return pki_make(&(struct pki_plan){ .kind = kind, .cn = cn, .issuer = issuer, .purposes = "critical,timeStamping" });
}

void pki_drop(struct pki *pki)
{
	EVP_PKEY_free(pki->key);
	X509_free(pki->cert);
	OPENSSL_free(pki->der);
	free(pki);
}

struct bytes pki_bytes(const struct pki *pki)
{
	return (struct bytes){ pki->der, pki->length };
}

static uint8_t *kept(unsigned char *der, int length, size_t *ret_length)
{
	uint8_t *copy = length > 0 ? malloc((size_t)length) : NULL;

	assert_non_null(copy);
	memcpy(copy, der, (size_t)length);
	OPENSSL_free(der);
	*ret_length = (size_t)length;
	return copy;
}

uint8_t *pki_list(const struct pki_crl *plan, size_t *ret_length)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, plan->this_s);
	unsigned char *der = NULL;
	int length = 0;

	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(plan->issuer->cert)), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, when), 1);
	if (plan->next_s != 0) {
		assert_non_null(ASN1_TIME_set(when, plan->next_s));
		assert_int_equal(X509_CRL_set1_nextUpdate(crl, when), 1);
	}
	if (plan->revoked != NULL) {
		X509_REVOKED *entry = X509_REVOKED_new();

		assert_non_null(ASN1_TIME_set(when, plan->revoked_s));
		assert_int_equal(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(plan->revoked->cert)), 1);
		assert_int_equal(X509_REVOKED_set_revocationDate(entry, when), 1);
		if (plan->reason >= 0) {
			ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

			assert_int_equal(ASN1_ENUMERATED_set(reason, plan->reason), 1);
			assert_int_equal(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0), 1);
			ASN1_ENUMERATED_free(reason);
		}
		assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	}
	if (plan->extension != NULL) {
		X509V3_CTX context;
		X509_EXTENSION *made = NULL;

		X509V3_set_ctx(&context, plan->issuer->cert, NULL, NULL, crl, 0);
		made = extension_of(&context, plan->extension);
		assert_int_equal(X509_CRL_add_ext(crl, made, -1), 1);
		X509_EXTENSION_free(made);
	}
	assert_true(X509_CRL_sign(crl, plan->key_of != NULL ? plan->key_of->key : plan->issuer->key, plan->md == NULL ? EVP_sha256() : plan->md) > 0);
	length = i2d_X509_CRL(crl, &der);
	ASN1_TIME_free(when);
	X509_CRL_free(crl);
	return kept(der, length, ret_length);
}

static void name_signer(CMS_SignerInfo *signer, X509 *cert, bool v1)
{
	ESS_SIGNING_CERT *id = v1 ? OSSL_ESS_signing_cert_new_init(cert, NULL, 1) : NULL;
	ESS_SIGNING_CERT_V2 *id_v2 = v1 ? NULL : OSSL_ESS_signing_cert_v2_new_init(EVP_sha256(), cert, NULL, 1);
	unsigned char *der = NULL;
	int length = v1 ? i2d_ESS_SIGNING_CERT(id, &der) : i2d_ESS_SIGNING_CERT_V2(id_v2, &der);

	assert_true(length > 0);
	assert_int_equal(
	    CMS_signed_add1_attr_by_NID(signer, v1 ? NID_id_smime_aa_signingCertificate : NID_id_smime_aa_signingCertificateV2, V_ASN1_SEQUENCE, der, length),
	    1);
	OPENSSL_free(der);
	ESS_SIGNING_CERT_free(id);
	ESS_SIGNING_CERT_V2_free(id_v2);
}

static void use_pss(CMS_SignerInfo *signer)
{
	EVP_PKEY_CTX *context = CMS_SignerInfo_get0_pkey_ctx(signer);

	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
}

uint8_t *pki_cms(const struct pki *signer, const struct pki *beside, struct bytes data, int content_type, const EVP_MD *md, unsigned how, size_t *ret_length)
{
	unsigned flags =
	    CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL | ((how & PKI_ATTACHED) != 0 ? 0 : CMS_DETACHED) | ((how & PKI_STREAM) != 0 ? CMS_STREAM : 0);
	unsigned own = CMS_NOSMIMECAP | CMS_PARTIAL | ((how & PKI_NO_ATTRIBUTES) != 0 ? CMS_NOATTR : 0) | ((how & PKI_NO_CERTIFICATE) != 0 ? CMS_NOCERTS : 0) |
	               ((how & PKI_KEY_ID) != 0 ? CMS_USE_KEYID : 0) | ((how & PKI_USE_PSS) != 0 ? CMS_KEY_PARAM : 0);
	BIO *in = BIO_new_mem_buf(data.data, (int)data.length), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags);
	CMS_SignerInfo *info = NULL;
	unsigned char *der = NULL;
	int length = 0;

	assert_non_null(cms);
	assert_int_equal(CMS_set1_eContentType(cms, OBJ_nid2obj(content_type)), 1);
	info = CMS_add1_signer(cms, signer->cert, signer->key, md == NULL ? EVP_sha256() : md, own);
	assert_non_null(info);
	if ((how & PKI_USE_PSS) != 0) {
		use_pss(info);
	}
	if ((how & (PKI_NOT_NAMED | PKI_NO_ATTRIBUTES)) == 0) {
		name_signer(info, (how & PKI_NAMES_OTHER) != 0 ? beside->cert : signer->cert, (how & PKI_NAMES_V1) != 0);
	}
	if (beside != NULL) {
		assert_int_equal(CMS_add1_cert(cms, beside->cert), 1);
	}
	if ((how & PKI_TWO_SIGNERS) != 0) {
		assert_non_null(CMS_add1_signer(cms, signer->cert, signer->key, EVP_sha512(), CMS_NOSMIMECAP | CMS_NOCERTS));
	}
	if ((how & PKI_STREAM) != 0) {
		unsigned char *bytes = NULL;

		assert_int_equal(i2d_CMS_bio_stream(out, cms, in, (int)flags), 1);
		length = (int)BIO_get_mem_data(out, &bytes);
		der = OPENSSL_memdup(bytes, (size_t)length);
	} else {
		assert_int_equal(CMS_final(cms, in, NULL, flags), 1);
		length = i2d_CMS_ContentInfo(cms, &der);
	}
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(out);
	return kept(der, length, ret_length);
}

static TS_TST_INFO *make_info(const struct pki_stamp *plan)
{
	TS_TST_INFO *info = TS_TST_INFO_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	ASN1_OBJECT *policy = OBJ_txt2obj(POLICY, 1);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_GENERALIZEDTIME *when = ASN1_GENERALIZEDTIME_new();
	const EVP_MD *hash = plan->hash == NULL ? EVP_sha256() : plan->hash;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	assert_int_equal(EVP_Digest(plan->data.data, plan->data.length, digest, &length, hash, NULL), 1);
	assert_int_equal(X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(hash)), V_ASN1_NULL, NULL), 1);
	assert_int_equal(TS_MSG_IMPRINT_set_algo(imprint, algorithm), 1);
	assert_int_equal(TS_MSG_IMPRINT_set_msg(imprint, digest, (int)length), 1);
	assert_int_equal(TS_TST_INFO_set_version(info, plan->version == 0 ? 1 : plan->version), 1);
	assert_int_equal(TS_TST_INFO_set_policy_id(info, policy), 1);
	assert_int_equal(TS_TST_INFO_set_msg_imprint(info, imprint), 1);
	assert_int_equal(ASN1_INTEGER_set(number, 0x1001), 1);
	assert_int_equal(TS_TST_INFO_set_serial(info, number), 1);
	if (plan->time != NULL) {
		assert_int_equal(ASN1_STRING_set(when, plan->time, -1), 1);
	} else {
		assert_non_null(ASN1_GENERALIZEDTIME_set(when, plan->at_s));
	}
	assert_int_equal(TS_TST_INFO_set_time(info, when), 1);
	if (plan->accuracy) {
		TS_ACCURACY *accuracy = TS_ACCURACY_new();

		assert_int_equal(ASN1_INTEGER_set(number, 2), 1);
		assert_int_equal(TS_ACCURACY_set_seconds(accuracy, number), 1);
		assert_int_equal(ASN1_INTEGER_set(number, 500), 1);
		assert_int_equal(TS_ACCURACY_set_millis(accuracy, number), 1);
		assert_int_equal(TS_TST_INFO_set_accuracy(info, accuracy), 1);
		TS_ACCURACY_free(accuracy);
	}
	if (plan->nonce) {
		assert_int_equal(ASN1_INTEGER_set(number, 0x00C0FFEE), 1);
		assert_int_equal(TS_TST_INFO_set_nonce(info, number), 1);
	}
	if (plan->critical) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, "critical,x");

		assert_int_equal(TS_TST_INFO_add_ext(info, extension, -1), 1);
		X509_EXTENSION_free(extension);
	}
	TS_MSG_IMPRINT_free(imprint);
	X509_ALGOR_free(algorithm);
	ASN1_OBJECT_free(policy);
	ASN1_INTEGER_free(number);
	ASN1_GENERALIZEDTIME_free(when);
	return info;
}

/* SEQUENCE around two parts. */
static uint8_t *wrap(const uint8_t *first, size_t first_length, const uint8_t *second, size_t second_length, size_t *ret_length)
{
	size_t length = first_length + second_length;
	uint8_t *made = malloc(length + 4);

	assert_non_null(made);
	assert_true(length > 255 && length < 65536);
	memcpy(made, (const uint8_t[]){ 0x30, 0x82, (uint8_t)(length >> 8), (uint8_t)length }, 4);
	memcpy(made + 4, first, first_length);
	if (second_length > 0) {
		memcpy(made + 4 + first_length, second, second_length);
	}
	*ret_length = length + 4;
	return made;
}

uint8_t *pki_reply(const struct pki_stamp *plan, size_t *ret_length)
{
	const uint8_t status[] = { 0x30, 0x03, 0x02, 0x01, (uint8_t)plan->status };
	TS_TST_INFO *info = make_info(plan);
	unsigned char *content = NULL;
	int content_length = i2d_TS_TST_INFO(info, &content);
	uint8_t *token = NULL, *reply = NULL;
	size_t length = 0;

	TS_TST_INFO_free(info);
	assert_true(content_length > 0);
	token = pki_cms(plan->tsa, plan->beside, (struct bytes){ content, (size_t)content_length },
	                plan->content_type == 0 ? NID_id_smime_ct_TSTInfo : plan->content_type, plan->md, plan->how ^ PKI_ATTACHED, &length);
	reply = wrap(status, sizeof status, token, length, ret_length);
	OPENSSL_free(content);
	free(token);
	return reply;
}
