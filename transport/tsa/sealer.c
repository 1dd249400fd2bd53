/* Who signed the token, and may they (spec timestamps 3, step 3)? Each step by itself, so that each has its words: TS_RESP_verify_response would say yes
 * to a certificate with other uses beside time stamps or one whose usage is not critical, and would judge the chain by our clock instead of genTime. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/der.h"
#include "../base/signer.h"
#include "tsa.h"

#define NAME_SIZE 257
#define HASH_NAME_SIZE 80

static void cleanup_cert(X509 **cert)
{
	X509_free(*cert);
}

static void cleanup_certs(STACK_OF(X509) * *certs)
{
	sk_X509_pop_free(*certs, X509_free);
}

static void cleanup_usage(EXTENDED_KEY_USAGE **usage)
{
	EXTENDED_KEY_USAGE_free(*usage);
}

static void cleanup_ids(ESS_SIGNING_CERT **ids)
{
	ESS_SIGNING_CERT_free(*ids);
}

static void cleanup_ids_v2(ESS_SIGNING_CERT_V2 **ids)
{
	ESS_SIGNING_CERT_V2_free(*ids);
}

/* The name that people know a certificate by. */
static const char *name_of(X509 *cert, char ret[NAME_SIZE])
{
	return cert != NULL && signer_name(cert, ret, NAME_SIZE) ? ret : "a certificate without a name";
}

static bool signature_holds(CMS_ContentInfo *cms, CMS_SignerInfo *signer, struct stamp_fault *fault)
{
	const ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);

	ERR_clear_error();
	/* The chain is judged below, at genTime. */
	if (CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1) {
		int reason = ERR_GET_REASON(ERR_peek_last_error());

		return reason == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND ? stamp_no(fault, "signer-missing", "the signer's certificate is not included")
		       : reason == CMS_R_CONTENT_VERIFY_ERROR       ? stamp_no(fault, "signature", "the signature is not of this content")
		                                                    : stamp_no(fault, "signature", "the signature does not verify");
	}
	return (type != NULL && OBJ_obj2nid(type) == NID_id_smime_ct_TSTInfo) ||
	       stamp_no(fault, "signature", "the signature is not one of a time stamp (attribute contentType)");
}

/* libcrypto takes a signature algorithm that it does not know for the one of the key; other people's programs would not. */
static bool algorithms_fit(const X509_ALGOR *digest, const X509_ALGOR *signature)
{
	int nid = OBJ_obj2nid(signature->algorithm), of_digest = NID_undef;

	return nid == NID_rsaEncryption || nid == NID_rsassaPss ||
	       (OBJ_find_sigid_algs(nid, &of_digest, NULL) == 1 && of_digest == OBJ_obj2nid(digest->algorithm));
}

static bool strong_enough(CMS_SignerInfo *signer, X509 *cert, struct stamp_fault *fault)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	X509_ALGOR *digest = NULL, *signature = NULL;
	char name[HASH_NAME_SIZE] = "?";
	int bits = key == NULL ? 0 : EVP_PKEY_get_security_bits(key);

	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
	if (digest == NULL || stamp_hash_of(OBJ_obj2nid(digest->algorithm)) == NULL) {
		(void)OBJ_obj2txt(name, sizeof name, digest == NULL ? NULL : digest->algorithm, 0);
		return stamp_no(fault, "weak", "the token is signed with %s", name);
	}
	if (signature == NULL || !algorithms_fit(digest, signature)) {
		return stamp_no(fault, "signature", "hash and signature algorithm do not fit each other");
	}
	return bits >= SIGNER_BITS_MIN || stamp_no(fault, "weak", "the signer's key has a strength of %d bits only", bits);
}

/* The value of a signed attribute that must stand there once with one value. False when it stands there in another way. */
static bool attribute_of(CMS_SignerInfo *signer, int nid, const ASN1_STRING **ret)
{
	const ASN1_OBJECT *object = OBJ_nid2obj(nid);

	*ret = CMS_signed_get0_data_by_OBJ(signer, object, -3, V_ASN1_SEQUENCE);
	return *ret != NULL || CMS_signed_get_attr_by_OBJ(signer, object, -1) < 0;
}

/* SigningCertificate with its first id alone, which is the signer's (RFC 2634 5.4.1). The others name certificates of the chain, which need not be
 * included; ours is built to the anchors anyway. NULL without memory, or when there is no first. */
static uint8_t *first_only(const ASN1_STRING *value, long *ret_length)
{
	struct span all = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)), inside, ids, ignored, first;
	uint8_t list[DER_HEADER_MAX_BYTES], outer[DER_HEADER_MAX_BYTES];
	size_t list_length = 0, outer_length = 0;
	uint8_t *made = NULL;

	if (!der_read(&all, DER_SEQUENCE, &inside, NULL) || !der_read(&inside, DER_SEQUENCE, &ids, NULL) || !der_read(&ids, DER_SEQUENCE, &ignored, &first)) {
		return NULL;
	}
	list_length = der_header(DER_SEQUENCE, first.length, list);
	outer_length = der_header(DER_SEQUENCE, list_length + first.length, outer);
	made = malloc(outer_length + list_length + first.length);
	if (made != NULL) {
		memcpy(made, outer, outer_length);
		memcpy(made + outer_length, list, list_length);
		memcpy(made + outer_length + list_length, first.data, first.length);
		*ret_length = (long)(outer_length + list_length + first.length);
	}
	return made;
}

static ESS_SIGNING_CERT *read_id(const ASN1_STRING *value)
{
	long length = 0;
	_cleanup_free_ uint8_t *first = value == NULL ? NULL : first_only(value, &length);
	const unsigned char *place = first;

	return first == NULL ? NULL : d2i_ESS_SIGNING_CERT(NULL, &place, length);
}

static ESS_SIGNING_CERT_V2 *read_id_v2(const ASN1_STRING *value)
{
	long length = 0;
	_cleanup_free_ uint8_t *first = value == NULL ? NULL : first_only(value, &length);
	const unsigned char *place = first;

	return first == NULL ? NULL : d2i_ESS_SIGNING_CERT_V2(NULL, &place, length);
}

/* SigningCertificate (RFC 2634 5.4) or V2 (RFC 5035, RFC 5816): without it, another certificate of the same key could be put in its place. */
static bool identified(CMS_SignerInfo *signer, X509 *cert, struct stamp_fault *fault)
{
	const ASN1_STRING *old = NULL, *new = NULL;
	bool readable = attribute_of(signer, NID_id_smime_aa_signingCertificate, &old) && attribute_of(signer, NID_id_smime_aa_signingCertificateV2, &new);
	_cleanup_(cleanup_ids) ESS_SIGNING_CERT *id = read_id(old);
	_cleanup_(cleanup_ids_v2) ESS_SIGNING_CERT_V2 *id_v2 = read_id_v2(new);
	_cleanup_(cleanup_certs) STACK_OF(X509) *it = sk_X509_new_null();
	char name[NAME_SIZE];

	if (!readable || (old != NULL && id == NULL) || (new != NULL &&id_v2 == NULL)) {
		return stamp_no(fault, "signer-id", "the attribute that names the signer's certificate (SigningCertificate) cannot be read");
	}
	if (id == NULL && id_v2 == NULL) {
		return stamp_no(fault, "signer-id-missing", "the attribute that names the signer's certificate (SigningCertificate) is missing");
	}
	if (it == NULL || X509_add_cert(it, cert, X509_ADD_FLAG_UP_REF) != 1) {
		return stamp_no(fault, "signer-id", "no memory");
	}
	return OSSL_ESS_check_signing_certs(id, id_v2, it, 1) == 1 ||
	       stamp_no(fault, "signer-id", "the token does not name the certificate of %s, which signed it", name_of(cert, name));
}

/* RFC 3161 2.3: id-kp-timeStamping, critical, and nothing beside it. */
static bool for_stamps(X509 *cert, struct stamp_fault *fault)
{
	int place = X509_get_ext_by_NID(cert, NID_ext_key_usage, -1);
	_cleanup_(cleanup_usage) EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	bool found = false;
	char name[NAME_SIZE];

	for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
		found = found || OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i)) == NID_time_stamp;
	}
	if (place < 0 || !found) {
		return stamp_no(fault, "usage-missing", "the certificate of %s is not for time stamps (extended key usage)", name_of(cert, name));
	}
	if (X509_EXTENSION_get_critical(X509_get_ext(cert, place)) != 1) {
		return stamp_no(fault, "usage-not-critical", "the usage is not critical in the certificate of %s", name_of(cert, name));
	}
	if (sk_ASN1_OBJECT_num(usage) != 1) {
		return stamp_no(fault, "usage-not-alone", "the certificate of %s is for %d uses", name_of(cert, name), sk_ASN1_OBJECT_num(usage));
	}
	if ((X509_get_extension_flags(cert) & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(cert) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
		return stamp_no(fault, "usage-missing", "the certificate of %s is not for signatures (key usage)", name_of(cert, name));
	}
	return true;
}

static const char *chain_cause(int code)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "certificate-expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "certificate-not-yet";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "issuer-unknown";
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return "weak";
	default:
		return "certificate-chain";
	}
}

static bool trusted(const struct stamp_token *token, X509 *cert, const struct stamp_wish *wish, struct stamp_fault *fault)
{
	_cleanup_(cleanup_cert) X509 *with = NULL;
	char name[NAME_SIZE], issuer[NAME_SIZE], at[CLOCK_UTC_SIZE], until[CLOCK_UTC_SIZE] = "?";
	time_t when = (time_t)(token->time_ms / 1000);
	int code = X509_V_ERR_UNSPECIFIED;

	if (memmem(wish->anchors, wish->anchors_length, "-----BEGIN", 10) == NULL) {
		return stamp_no(fault, "no-anchors", "there is no trust anchor");
	}
	code = signer_chain(token->cms, cert, wish->anchors, wish->anchors_length, when, &with);
	if (code == X509_V_OK) {
		return true;
	}
	with = with == NULL && X509_up_ref(cert) == 1 ? cert : with;
	clock_format_utc((int64_t)when * 1000, at);
	if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID) {
		bool expired = code == X509_V_ERR_CERT_HAS_EXPIRED;

		(void)stamp_moment(expired ? X509_get0_notAfter(with) : X509_get0_notBefore(with), until, sizeof until);
		return stamp_no(fault, chain_cause(code), "the certificate of %s is valid %s %s, the stamp says %s", name_of(with, name),
		                expired ? "until" : "from", until, at);
	}
	job_copy_value(span_of_string(X509_verify_cert_error_string(code)), issuer, sizeof issuer);
	return stamp_no(fault, chain_cause(code), "the certificate of %s at %s: %s", name_of(with, name), at, issuer);
}

static void tell_signer(X509 *cert, struct lines *result)
{
	char hex[SIGNER_HEX_SIZE], name[NAME_SIZE], until[CLOCK_UTC_SIZE];

	signer_fingerprint(cert, hex);
	lines_set(result, "signer-sha256", hex);
	if (signer_name(cert, name, sizeof name)) {
		lines_set(result, "signer-name", name);
	}
	if (stamp_moment(X509_get0_notAfter(cert), until, sizeof until)) {
		lines_set(result, "not-after", until);
	}
}

static const char *hash_name(const ASN1_OBJECT *algorithm)
{
	const struct stamp_hash *hash = algorithm == NULL ? NULL : stamp_hash_of(OBJ_obj2nid(algorithm));

	return hash == NULL ? "other" : hash->name;
}

void stamp_tell_digests(const struct stamp_token *token, struct lines *result)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(token->cms);
	const ASN1_OBJECT *imprint = TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(token->info))->algorithm;
	X509_ALGOR *digest = NULL;

	if (sk_CMS_SignerInfo_num(signers) > 0) {
		CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(signers, 0), NULL, NULL, &digest, NULL);
	}
	lines_setf(result, "digest", "%s %s", hash_name(imprint), hash_name(digest == NULL ? NULL : digest->algorithm));
}

bool stamp_sealed(const struct stamp_token *token, const struct stamp_wish *wish, struct lines *result, struct stamp_fault *fault)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(token->cms);
	CMS_SignerInfo *signer = NULL;
	X509 *cert = NULL;
	bool holds = false;

	/* RFC 3161 2.4.2: no signature but the authority's. */
	if (sk_CMS_SignerInfo_num(signers) != 1) {
		return stamp_no(fault, "token-form", "not exactly one signature");
	}
	signer = sk_CMS_SignerInfo_value(signers, 0);
	stamp_tell_digests(token, result);
	holds = signature_holds(token->cms, signer, fault);
	CMS_SignerInfo_get0_algs(signer, NULL, &cert, NULL, NULL);
	if (cert != NULL) {
		tell_signer(cert, result);
	}
	return holds && cert != NULL && strong_enough(signer, cert, fault) && identified(signer, cert, fault) && for_stamps(cert, fault) &&
	       trusted(token, cert, wish, fault);
}
