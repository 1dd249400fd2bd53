#include "cms_sign.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/der.h"

static void free_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_free(*stack);
}

static void free_key(EVP_PKEY_CTX **key)
{
	EVP_PKEY_CTX_free(*key);
}

static void free_hash(EVP_MD_CTX **hash)
{
	EVP_MD_CTX_free(*hash);
}

#define _cleanup_cms_ __attribute__((cleanup(free_cms)))
#define _cleanup_stack_ __attribute__((cleanup(free_stack)))

static int encode(CMS_ContentInfo *cms, uint8_t **ret_der, size_t *ret_length)
{
	unsigned char *der = NULL;
	int length = i2d_CMS_ContentInfo(cms, &der);

	if (length <= 0) {
		return ERR_MEMORY;
	}
	*ret_der = der;
	*ret_length = (size_t)length;
	return 0;
}

/* --- the signed attributes (RFC 5652 5.4, 11) --- */

#define ATTRIBUTES_MAX 8

struct attribute {
	unsigned char *der;
	size_t length;
};

static void free_attributes(struct attribute (*attributes)[ATTRIBUTES_MAX])
{
	for (size_t i = 0; i < ATTRIBUTES_MAX; i++) {
		OPENSSL_free((*attributes)[i].der);
	}
}

/* SET OF in DER: ascending, a shorter one as if zeros followed (X.690 11.6). Encodings of different length differ before one of them ends. */
static int compare_attributes(const void *a, const void *b)
{
	const struct attribute *left = a, *right = b;

	return memcmp(left->der, right->der, left->length < right->length ? left->length : right->length);
}

static int add_attributes(CMS_SignerInfo *info, struct span digest)
{
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
	int err = ERR_MEMORY;

	/* CMS_final would compute the digest over content it reads itself, and sign with a key of OpenSSL's: all of it is done here instead. */
	if (now != NULL && CMS_signed_add1_attr_by_NID(info, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data), -1) == 1 &&
	    CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, ASN1_STRING_type(now), now, -1) == 1 &&
	    CMS_signed_add1_attr_by_NID(info, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest.data, (int)digest.length) == 1) {
		err = 0;
	}
	ASN1_TIME_free(now);
	return err;
}

/* The digest of the attributes as a SET OF, as they are signed. */
static int digest_attributes(CMS_SignerInfo *info, const EVP_MD *md, uint8_t *ret, size_t *ret_length)
{
	__attribute__((cleanup(free_attributes))) struct attribute attributes[ATTRIBUTES_MAX] = { 0 };
	__attribute__((cleanup(free_hash))) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	int count = CMS_signed_get_attr_count(info);
	uint8_t header[DER_HEADER_MAX_BYTES];
	size_t total = 0;
	unsigned length = 0;

	if (count <= 0 || count > ATTRIBUTES_MAX || hash == NULL) {
		return ERR_INTERNAL;
	}
	for (int i = 0; i < count; i++) {
		int size = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(info, i), &attributes[i].der);

		if (size <= 0) {
			return ERR_MEMORY;
		}
		attributes[i].length = (size_t)size;
		total += attributes[i].length;
	}
	qsort(attributes, (size_t)count, sizeof attributes[0], compare_attributes);
	if (EVP_DigestInit_ex(hash, md, NULL) != 1 || EVP_DigestUpdate(hash, header, der_header(DER_SET, total, header)) != 1) {
		return ERR_MEMORY;
	}
	for (int i = 0; i < count; i++) {
		if (EVP_DigestUpdate(hash, attributes[i].der, attributes[i].length) != 1) {
			return ERR_MEMORY;
		}
	}
	if (EVP_DigestFinal_ex(hash, ret, &length) != 1) {
		return ERR_MEMORY;
	}
	*ret_length = length;
	return 0;
}

/* --- the signature --- */

/* RSASSA-PSS-params (RFC 4055 3.1) of SHA-256, -384 or -512: the last arc of the digest's OID and the length of the salt are all that differs. */
static int set_pss(CMS_SignerInfo *info, const EVP_MD *md)
{
	static const unsigned char model[] = {
		0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00, 0x05,
		0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d,
		0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x00,
	};
	unsigned char bytes[sizeof model];
	ASN1_STRING *parameters = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
	X509_ALGOR *algorithm = NULL;
	int nid = EVP_MD_get_type(md);

	memcpy(bytes, model, sizeof bytes);
	bytes[16] = bytes[46] = nid == NID_sha256 ? 1 : nid == NID_sha384 ? 2 : 3;
	bytes[53] = (unsigned char)EVP_MD_get_size(md);
	CMS_SignerInfo_get0_algs(info, NULL, NULL, NULL, &algorithm);
	if (parameters == NULL || ASN1_STRING_set(parameters, bytes, sizeof bytes) != 1 ||
	    X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE, parameters) != 1) {
		ASN1_STRING_free(parameters);
		return ERR_MEMORY;
	}
	return 0;
}

static int sign_info(const struct cms_signer *signer, CMS_SignerInfo *info, struct span content_digest)
{
	uint8_t digest[EVP_MAX_MD_SIZE], signature[CMS_SIGNATURE_MAX_BYTES];
	struct span signed_digest = content_digest;
	size_t digest_length = 0, length = 0;
	int err = signer->bare ? 0 : add_attributes(info, content_digest);

	if (err == 0 && signer->pss) {
		err = set_pss(info, signer->digest);
	}
	if (err == 0 && !signer->bare) {
		err = digest_attributes(info, signer->digest, digest, &digest_length);
		signed_digest = span_of(digest, digest_length);
	}
	if (err == 0) {
		err = signer->sign(signer->context, signed_digest, signature, &length);
	}
	if (err != 0) {
		return err;
	}
	return ASN1_OCTET_STRING_set(CMS_SignerInfo_get0_signature(info), signature, (int)length) == 1 ? 0 : ERR_MEMORY;
}

int cms_sign_digest(const struct cms_signer *signer, const uint8_t *digest, size_t length, uint8_t **ret_der, size_t *ret_length)
{
	_cleanup_cms_ CMS_ContentInfo *cms = CMS_sign(NULL, NULL, signer->chain, NULL, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY);
	CMS_SignerInfo *info = NULL;
	uint8_t *der = NULL;
	size_t der_length = 0;
	int err = ERR_INTERNAL;

	if (cms == NULL) {
		return ERR_MEMORY;
	}
	/* The public key stands in for the private one: OpenSSL wants to know its kind, and signs nothing here. */
	info = CMS_add1_signer(cms, signer->certificate, X509_get0_pubkey(signer->certificate), signer->digest,
	                       CMS_BINARY | CMS_NOSMIMECAP |
	                           (signer->bare    ? CMS_NOATTR
	                            : signer->cades ? CMS_CADES
	                                            : 0U));
	if (info == NULL) {
		return ERR_CERT;
	}
	err = sign_info(signer, info, span_of(digest, length));
	if (err == 0) {
		err = encode(cms, &der, &der_length);
	}
	if (err != 0) {
		return err;
	}
	/* What left the token is judged as its receiver will see it: parsed anew, with the certificate's key. */
	if (!cms_verify_digest(span_of(der, der_length), signer->certificate, digest, length)) {
		OPENSSL_free(der);
		return ERR_DAMAGE;
	}
	*ret_der = der;
	*ret_length = der_length;
	return 0;
}

static bool attribute_is(CMS_SignerInfo *info, const uint8_t *digest, size_t length)
{
	ASN1_OCTET_STRING *value = CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);

	return value != NULL && ASN1_STRING_length(value) == (int)length && CRYPTO_memcmp(ASN1_STRING_get0_data(value), digest, length) == 0;
}

/* OpenSSL verifies a signature without attributes only beside content that it reads itself. */
static bool bare_holds(CMS_SignerInfo *info, X509 *certificate, const uint8_t *digest, size_t length)
{
	__attribute__((cleanup(free_key))) EVP_PKEY_CTX *key = EVP_PKEY_CTX_new(X509_get0_pubkey(certificate), NULL);
	const ASN1_OCTET_STRING *signature = CMS_SignerInfo_get0_signature(info);
	X509_ALGOR *of_digest = NULL, *of_signature = NULL;
	const EVP_MD *md = NULL;
	bool pss = false;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &of_digest, &of_signature);
	md = EVP_get_digestbyobj(of_digest->algorithm);
	pss = OBJ_obj2nid(of_signature->algorithm) == NID_rsassaPss;
	if (key == NULL || md == NULL || (size_t)EVP_MD_get_size(md) != length || EVP_PKEY_verify_init(key) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(key, md) != 1) {
		return false;
	}
	if (pss && (EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) != 1 || EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) != 1)) {
		return false;
	}
	return EVP_PKEY_verify(key, ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature), digest, length) == 1;
}

bool cms_verify_digest(struct span der, X509 *certificate, const uint8_t *digest, size_t length)
{
	const unsigned char *place = der.data;
	_cleanup_cms_ CMS_ContentInfo *cms = NULL;
	_cleanup_stack_ STACK_OF(X509) *signers = sk_X509_new_null();
	STACK_OF(CMS_SignerInfo) *infos = NULL;
	CMS_SignerInfo *info = NULL;

	if (signers == NULL || der.length > LONG_MAX || sk_X509_push(signers, certificate) != 1) {
		return false;
	}
	cms = d2i_CMS_ContentInfo(NULL, &place, (long)der.length);
	if (cms == NULL || place != der.data + der.length) {
		return false;
	}
	infos = CMS_get0_SignerInfos(cms);
	if (infos == NULL || sk_CMS_SignerInfo_num(infos) != 1 || CMS_set1_signers_certs(cms, signers, CMS_NOINTERN) != 1) {
		return false;
	}
	info = sk_CMS_SignerInfo_value(infos, 0);
	if (CMS_signed_get_attr_count(info) <= 0) {
		return bare_holds(info, certificate, digest, length);
	}
	return attribute_is(info, digest, length) && CMS_SignerInfo_verify(info) == 1;
}

struct layout {
	struct span type;   /* OID signedData, whole */
	struct span before; /* version and digestAlgorithms, whole */
	struct span data;   /* OID id-data, whole */
	struct span after;  /* certificates and signerInfos, whole */
};

static bool read_layout(struct span der, struct layout *ret)
{
	struct span info, wrapped, signed_data, content, version, algorithms, encapsulated;

	if (!der_read(&der, DER_SEQUENCE, &info, NULL) || !span_is_empty(der) || !der_read(&info, DER_OID, &content, &ret->type) ||
	    !der_read(&info, DER_CONTEXT_0, &wrapped, NULL) || !span_is_empty(info) || !der_read(&wrapped, DER_SEQUENCE, &signed_data, NULL) ||
	    !span_is_empty(wrapped) || !der_read(&signed_data, DER_INTEGER, &content, &version) || !der_read(&signed_data, DER_SET, &content, &algorithms) ||
	    !der_read(&signed_data, DER_SEQUENCE, &encapsulated, NULL) || !der_read(&encapsulated, DER_OID, &content, &ret->data) ||
	    !span_is_empty(encapsulated)) {
		return false;
	}
	ret->before = span_of(version.data, version.length + algorithms.length);
	ret->after = signed_data;
	return true;
}

static void append(uint8_t *to, size_t *have, const void *data, size_t length)
{
	memcpy(to + *have, data, length);
	*have += length;
}

static void append_header(uint8_t *to, size_t *have, uint8_t tag, uint64_t length)
{
	uint8_t header[DER_HEADER_MAX_BYTES];

	append(to, have, header, der_header(tag, length, header));
}

int cms_attach_frame(struct span detached, uint64_t content_length, uint8_t **ret_head, size_t *ret_head_length, struct span *ret_tail)
{
	struct layout layout;
	uint64_t octets = 0, wrapped = 0, encapsulated = 0, signed_data = 0, outer = 0;
	uint8_t *head = NULL;
	size_t have = 0;

	if (!read_layout(detached, &layout) || content_length > INT64_MAX) {
		return ERR_FORMAT;
	}
	octets = der_header_length(content_length) + content_length;
	wrapped = layout.data.length + der_header_length(octets) + octets;
	encapsulated = der_header_length(wrapped) + wrapped;
	signed_data = layout.before.length + encapsulated + layout.after.length;
	outer = der_header_length(signed_data) + signed_data;
	head = OPENSSL_malloc(layout.type.length + layout.before.length + layout.data.length + 6 * (size_t)DER_HEADER_MAX_BYTES);
	if (head == NULL) {
		return ERR_MEMORY;
	}
	append_header(head, &have, DER_SEQUENCE, layout.type.length + der_header_length(outer) + outer);
	append(head, &have, layout.type.data, layout.type.length);
	append_header(head, &have, DER_CONTEXT_0, outer);
	append_header(head, &have, DER_SEQUENCE, signed_data);
	append(head, &have, layout.before.data, layout.before.length);
	append_header(head, &have, DER_SEQUENCE, wrapped);
	append(head, &have, layout.data.data, layout.data.length);
	append_header(head, &have, DER_CONTEXT_0, octets);
	append_header(head, &have, DER_OCTET_STRING, content_length);
	*ret_head = head;
	*ret_head_length = have;
	*ret_tail = layout.after;
	return 0;
}
