#include "cms_sign.h"

#include <limits.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "der.h"

static void free_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_free(*stack);
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

/* CMS_final would compute the digest over content it reads itself; the attributes are therefore set by hand and signed (RFC 5652 section 5.4). */
static int sign_attributes(CMS_SignerInfo *info, const uint8_t *digest, size_t length)
{
	if (CMS_signed_add1_attr_by_NID(info, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data), -1) != 1 ||
	    CMS_signed_add1_attr_by_NID(info, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest, (int)length) != 1) {
		return ERR_MEMORY;
	}
	return CMS_SignerInfo_sign(info) == 1 ? 0 : ERR_TOKEN;
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
	info = CMS_add1_signer(cms, signer->certificate, signer->key, signer->digest, CMS_BINARY | CMS_NOSMIMECAP | (signer->cades ? CMS_CADES : 0U));
	if (info == NULL) {
		return ERR_TOKEN;
	}
	err = sign_attributes(info, digest, length);
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
