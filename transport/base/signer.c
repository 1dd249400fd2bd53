#include "signer.h"

#include <ctype.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "certificates.h"
#include "partner.h"

#define NAME_SIZE 257

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

static void cleanup_store(X509_STORE **store)
{
	X509_STORE_free(*store);
}

static void cleanup_store_ctx(X509_STORE_CTX **context)
{
	X509_STORE_CTX_free(*context);
}

static void cleanup_certs(STACK_OF(X509) * *certs)
{
	sk_X509_pop_free(*certs, X509_free);
}

/* The single value of a name's part, in UTF-8. False when there is none, more than one, or it does not fit. */
static bool name_part(X509 *cert, int nid, char *ret, size_t size)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int place = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *text = NULL;
	int length = 0;
	bool fits = false;

	if (place < 0 || X509_NAME_get_index_by_NID(name, nid, place) >= 0) {
		return false;
	}
	length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place)));
	fits = length > 0 && span_copy_string(span_of(text, (size_t)length), ret, size);
	OPENSSL_free(text);
	return fits;
}

bool signer_name(X509 *cert, char *ret, size_t size)
{
	char name[NAME_SIZE] = "";
	bool named = name_part(cert, NID_commonName, name, sizeof name);

	job_copy_value(span_of_string(named ? name : ""), ret, size);
	return named;
}

/* True when one of the words between '|' occurs in `text`. */
static bool contains_one_of(const char *text, const char *list)
{
	while (*list != '\0') {
		size_t length = strcspn(list, "|");

		if (length > 0 && memmem(text, strlen(text), list, length) != NULL) {
			return true;
		}
		list += length;
		list += strspn(list, "|");
	}
	return false;
}

static const char *identity_fault(X509 *cert, const struct signer_wish *wish, struct lines *result)
{
	char name[NAME_SIZE] = "", organisation[NAME_SIZE] = "", shown[NAME_SIZE];
	bool named = name_part(cert, NID_commonName, name, sizeof name);

	if (signer_name(cert, shown, sizeof shown)) {
		lines_set(result, "signer-name", shown);
	}
	if (wish->names[0] != '\0' && (!named || !job_list_has(wish->names, "|", name))) {
		return "the signer has another name";
	}
	if (wish->organisations[0] != '\0' &&
	    (!name_part(cert, NID_organizationName, organisation, sizeof organisation) || !contains_one_of(organisation, wish->organisations))) {
		return "the signer belongs to another organisation";
	}
	return NULL;
}

/* Digest, key and usage of the signer. */
static const char *strength_fault(CMS_SignerInfo *info, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	X509_ALGOR *digest = NULL;
	int nid = NID_undef;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &digest, NULL);
	nid = digest == NULL ? NID_undef : OBJ_obj2nid(digest->algorithm);
	if (nid != NID_sha256 && nid != NID_sha384 && nid != NID_sha512) {
		return "the digest algorithm is not accepted";
	}
	if (key == NULL || EVP_PKEY_get_security_bits(key) < SIGNER_BITS_MIN) {
		return "the signer's key is too weak";
	}
	if ((X509_get_extension_flags(cert) & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(cert) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
		return "the signer's certificate is not for signatures";
	}
	return NULL;
}

void signer_fingerprint(X509 *cert, char ret[SIGNER_HEX_SIZE])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	ret[0] = '\0';
	if (X509_digest(cert, EVP_sha256(), digest, &length) == 1) {
		hex_encode(digest, length, ret);
	}
}

/* Pins may be written with colons and in capitals, as tools print them. */
static bool is_pinned(const char *pins, const char *hex)
{
	char clean[SIGNER_LIST_SIZE];
	size_t length = 0;

	for (; *pins != '\0'; pins++) {
		if (*pins != ':' && *pins != ' ') {
			clean[length++] = (char)tolower((unsigned char)*pins);
		}
	}
	clean[length] = '\0';
	return job_list_has(clean, "|", hex);
}

static X509_STORE *anchors_open(const void *anchors, size_t length)
{
	_cleanup_(cleanup_bio) BIO *pem = BIO_new_mem_buf(anchors, (int)length);
	X509_STORE *store = X509_STORE_new();

	while (store != NULL && pem != NULL) {
		X509 *anchor = PEM_read_bio_X509(pem, NULL, NULL, NULL);

		if (anchor == NULL) {
			break;
		}
		(void)X509_STORE_add_cert(store, anchor);
		X509_free(anchor);
	}
	return store;
}

int signer_chain(CMS_ContentInfo *cms, X509 *cert, const void *anchors, size_t anchors_length, time_t at, X509 **ret_with)
{
	_cleanup_(cleanup_store) X509_STORE *store = anchors_open(anchors, anchors_length);
	_cleanup_(cleanup_store_ctx) X509_STORE_CTX *context = X509_STORE_CTX_new();
	_cleanup_(cleanup_certs) STACK_OF(X509) *included = CMS_get1_certs(cms);
	X509_VERIFY_PARAM *how = NULL;
	X509 *with = NULL;
	int code = X509_V_ERR_UNSPECIFIED;

	if (store == NULL || context == NULL || X509_STORE_CTX_init(context, store, cert, included) != 1) {
		return X509_V_ERR_OUT_OF_MEM;
	}
	how = X509_STORE_CTX_get0_param(context);
	(void)X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_ANY);
	(void)X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_auth_level(how, 2);
	X509_VERIFY_PARAM_set_time(how, at);
	if (X509_verify_cert(context) == 1) {
		return X509_V_OK;
	}
	code = X509_STORE_CTX_get_error(context);
	with = X509_STORE_CTX_get_current_cert(context);
	if (ret_with != NULL && with != NULL && X509_up_ref(with) == 1) {
		*ret_with = with;
	}
	return code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code;
}

static const char *chain_fault(CMS_ContentInfo *cms, X509 *cert, const struct signer_wish *wish)
{
	int code = signer_chain(cms, cert, wish->anchors, wish->anchors_length, wish->at, NULL);

	return code == X509_V_OK ? NULL : X509_verify_cert_error_string(code);
}

static const char *validity_fault(X509 *cert, time_t at)
{
	return X509_cmp_time(X509_get0_notBefore(cert), &at) >= 0  ? "certificate is not yet valid"
	       : X509_cmp_time(X509_get0_notAfter(cert), &at) <= 0 ? "certificate has expired"
	                                                           : NULL;
}

static const char *trust_fault(CMS_ContentInfo *cms, X509 *cert, const char *hex, const struct signer_wish *wish, struct lines *result)
{
	const char *fault = NULL;

	if (wish->pins[0] != '\0') {
		if (!is_pinned(wish->pins, hex)) {
			lines_set(result, "unknown-signer", "yes");
			certificates_tell(cert, "signer.", result);
			return "the signer's certificate is not the pinned one";
		}
		lines_set(result, "chain", wish->anchors_length > 0 && chain_fault(cms, cert, wish) == NULL ? "yes" : "pinned");
		return validity_fault(cert, wish->at);
	}
	if (wish->anchors_length == 0) {
		return "no trust anchors and no pinned certificate";
	}
	fault = chain_fault(cms, cert, wish);
	if (fault == NULL) {
		lines_set(result, "chain", "yes");
	}
	return fault;
}

const char *signer_fault(CMS_ContentInfo *cms, const struct signer_wish *wish, struct lines *result)
{
	CMS_SignerInfo *info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
	char hex[SIGNER_HEX_SIZE];
	X509 *cert = NULL;
	const char *fault = NULL;

	CMS_SignerInfo_get0_algs(info, NULL, &cert, NULL, NULL);
	if (cert == NULL) {
		return "the signer's certificate is not included";
	}
	signer_fingerprint(cert, hex);
	lines_set(result, "signer-sha256", hex);
	lines_set(result, "chain", "no");
	fault = trust_fault(cms, cert, hex, wish, result);
	if (fault == NULL) {
		fault = strength_fault(info, cert);
	}
	if (fault == NULL) {
		fault = identity_fault(cert, wish, result);
	} else {
		(void)identity_fault(cert, wish, result);
	}
	return fault;
}
