/* Who a CMS is for, and how its key reaches him (RFC 5652 6.2, RFC 4055 4.1, RFC 5753). */
#include <limits.h>
#include <string.h>

#include "envelope.h"

#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "../appliance/base/der.h"

#define DER_BIT_STRING 0x03
#define DER_CONTEXT_0_PRIMITIVE 0x80
#define DER_CONTEXT_1 0xa1
#define DER_CONTEXT_2 0xa2

int envelope_nid(struct span oid)
{
	const unsigned char *place = oid.data;
	ASN1_OBJECT *object = oid.length > LONG_MAX ? NULL : d2i_ASN1_OBJECT(NULL, &place, (long)oid.length);
	int nid = object == NULL ? NID_undef : OBJ_obj2nid(object);

	ASN1_OBJECT_free(object);
	return nid;
}

bool envelope_algorithm(struct span whole, int *ret_nid, struct span *ret_parameters)
{
	struct span content, oid;

	if (!der_read(&whole, DER_SEQUENCE, &content, NULL) || !span_is_empty(whole) || !der_read(&content, DER_OID, &oid, &oid)) {
		return false;
	}
	*ret_nid = envelope_nid(oid);
	*ret_parameters = content;
	return true;
}

/* --- whose it is --- */

static bool is_issuer_and_serial(struct span whole, X509 *certificate)
{
	struct span content, issuer, serial, ignored;
	const unsigned char *place = NULL;
	X509_NAME *name = NULL;
	ASN1_INTEGER *number = NULL;
	bool same = false;

	if (!der_read(&whole, DER_SEQUENCE, &content, NULL) || !span_is_empty(whole) || !der_read(&content, DER_SEQUENCE, &ignored, &issuer) ||
	    !der_read(&content, DER_INTEGER, &ignored, &serial) || !span_is_empty(content)) {
		return false;
	}
	place = issuer.data;
	name = d2i_X509_NAME(NULL, &place, (long)issuer.length);
	place = serial.data;
	number = d2i_ASN1_INTEGER(NULL, &place, (long)serial.length);
	same = name != NULL && number != NULL && X509_NAME_cmp(name, X509_get_issuer_name(certificate)) == 0 &&
	       ASN1_INTEGER_cmp(number, X509_get0_serialNumber(certificate)) == 0;
	X509_NAME_free(name);
	ASN1_INTEGER_free(number);
	return same;
}

static bool is_key_id(struct span id, X509 *certificate)
{
	const ASN1_OCTET_STRING *ours = X509_get0_subject_key_id(certificate);

	return ours != NULL && ASN1_STRING_length(ours) > 0 && span_equals(id, span_of(ASN1_STRING_get0_data(ours), (size_t)ASN1_STRING_length(ours)));
}

/* --- key transport --- */

static const EVP_MD *hash_by_nid(int nid)
{
	switch (nid) {
	case NID_sha1:
		return EVP_sha1();
	case NID_sha256:
		return EVP_sha256();
	case NID_sha384:
		return EVP_sha384();
	case NID_sha512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* [n] { AlgorithmIdentifier }, or the default where it is absent. */
static bool read_tagged_algorithm(struct span *from, uint8_t tag, int *ret_nid, struct span *ret_parameters)
{
	struct span content;

	return der_read(from, tag, &content, NULL) && envelope_algorithm(content, ret_nid, ret_parameters);
}

/* RSAES-OAEP-params; every field has a default (RFC 8017 A.2.1). */
static int read_oaep(struct span parameters, struct envelope_recipient *ret)
{
	struct span fields = parameters, rest;
	int nid = NID_sha1, mgf = NID_mgf1, mgf_hash = NID_sha1, source = NID_pSpecified;

	if (!span_is_empty(parameters) && (!der_read(&parameters, DER_SEQUENCE, &fields, NULL) || !span_is_empty(parameters))) {
		return ERR_FORMAT;
	}
	if (!span_is_empty(fields) && fields.data[0] == DER_CONTEXT_0 && !read_tagged_algorithm(&fields, DER_CONTEXT_0, &nid, &rest)) {
		return ERR_FORMAT;
	}
	if (!span_is_empty(fields) && fields.data[0] == DER_CONTEXT_1) {
		if (!read_tagged_algorithm(&fields, DER_CONTEXT_1, &mgf, &rest) || !envelope_algorithm(rest, &mgf_hash, &rest)) {
			return ERR_FORMAT;
		}
	}
	if (!span_is_empty(fields) && fields.data[0] == DER_CONTEXT_2) {
		if (!read_tagged_algorithm(&fields, DER_CONTEXT_2, &source, &rest) || !der_read(&rest, DER_OCTET_STRING, &ret->label, NULL) ||
		    !span_is_empty(rest)) {
			return ERR_FORMAT;
		}
	}
	ret->hash = hash_by_nid(nid);
	ret->mgf_hash = hash_by_nid(mgf_hash);
	if (!span_is_empty(fields)) {
		return ERR_FORMAT;
	}
	return ret->hash != NULL && ret->mgf_hash != NULL && mgf == NID_mgf1 && source == NID_pSpecified ? 0 : ERR_UNSUPPORTED;
}

static int read_transport(struct span info, X509 *certificate, struct envelope_recipient *ret, const char **ret_why)
{
	struct span content, version, whole, id, algorithm, parameters;
	int nid = NID_undef;
	bool ours = false;

	if (!der_read(&info, DER_SEQUENCE, &content, NULL) || !span_is_empty(info) || !der_read(&content, DER_INTEGER, &version, NULL)) {
		return ERR_FORMAT;
	}
	if (der_read(&content, DER_SEQUENCE, &id, &whole)) {
		ours = is_issuer_and_serial(whole, certificate);
	} else if (der_read(&content, DER_CONTEXT_0_PRIMITIVE, &id, NULL)) {
		ours = is_key_id(id, certificate);
	} else {
		return ERR_FORMAT;
	}
	if (!ours) {
		return ERR_NOTFOUND;
	}
	if (!der_read(&content, DER_SEQUENCE, &id, &algorithm) || !envelope_algorithm(algorithm, &nid, &parameters) ||
	    !der_read(&content, DER_OCTET_STRING, &ret->key, NULL) || !span_is_empty(content)) {
		return ERR_FORMAT;
	}
	*ret_why = N_("the key is encrypted in a way that is not supported");
	switch (nid) {
	case NID_rsaEncryption:
		ret->kind = ENVELOPE_RSA;
		return 0;
	case NID_rsaesOaep:
		ret->kind = ENVELOPE_OAEP;
		return read_oaep(parameters, ret);
	default:
		return ERR_UNSUPPORTED;
	}
}

/* --- key agreement --- */

static const struct scheme {
	int nid;
	const EVP_MD *(*hash)(void);
} schemes[] = {
	/* Cofactor and plain ECDH are the same on curves of cofactor 1. */
	{ NID_dhSinglePass_stdDH_sha1kdf_scheme, EVP_sha1 },          { NID_dhSinglePass_stdDH_sha256kdf_scheme, EVP_sha256 },
	{ NID_dhSinglePass_stdDH_sha384kdf_scheme, EVP_sha384 },      { NID_dhSinglePass_stdDH_sha512kdf_scheme, EVP_sha512 },
	{ NID_dhSinglePass_cofactorDH_sha1kdf_scheme, EVP_sha1 },     { NID_dhSinglePass_cofactorDH_sha256kdf_scheme, EVP_sha256 },
	{ NID_dhSinglePass_cofactorDH_sha384kdf_scheme, EVP_sha384 }, { NID_dhSinglePass_cofactorDH_sha512kdf_scheme, EVP_sha512 },
};

static int read_scheme(struct span algorithm, struct envelope_recipient *ret)
{
	struct span parameters, ignored;
	int nid = NID_undef, wrap = NID_undef;

	if (!envelope_algorithm(algorithm, &nid, &parameters)) {
		return ERR_FORMAT;
	}
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		if (schemes[i].nid == nid) {
			ret->hash = schemes[i].hash();
		}
	}
	ret->wrap = parameters;
	if (ret->hash == NULL) {
		return ERR_UNSUPPORTED;
	}
	if (!envelope_algorithm(parameters, &wrap, &ignored)) {
		return ERR_FORMAT;
	}
	ret->wrap_cipher = wrap == NID_id_aes128_wrap   ? EVP_aes_128_wrap()
	                   : wrap == NID_id_aes192_wrap ? EVP_aes_192_wrap()
	                   : wrap == NID_id_aes256_wrap ? EVP_aes_256_wrap()
	                                                : NULL;
	return ret->wrap_cipher != NULL ? 0 : ERR_UNSUPPORTED;
}

/* originator [0] { originatorKey [1] { AlgorithmIdentifier, BIT STRING } }; a static key of the sender is another thing. */
static int read_originator(struct span *from, struct envelope_recipient *ret)
{
	struct span originator, key, ignored, bits;
	uint8_t unused = 0;

	if (!der_read(from, DER_CONTEXT_0, &originator, NULL)) {
		return ERR_FORMAT;
	}
	if (!der_read(&originator, DER_CONTEXT_1, &key, NULL)) {
		return ERR_UNSUPPORTED;
	}
	if (!span_is_empty(originator) || !der_read(&key, DER_SEQUENCE, &ignored, NULL) || !der_read(&key, DER_BIT_STRING, &bits, NULL) ||
	    !span_is_empty(key) || !span_read_u8(&bits, &unused) || unused != 0 || bits.length > ENVELOPE_POINT_MAX_BYTES) {
		return ERR_FORMAT;
	}
	ret->point = bits;
	return 0;
}

/* RecipientEncryptedKeys: the one that is ours. */
static int find_encrypted_key(struct span list, X509 *certificate, struct envelope_recipient *ret)
{
	struct span one, whole, id, key, key_id;

	while (!span_is_empty(list)) {
		bool ours = false;

		if (!der_read(&list, DER_SEQUENCE, &one, NULL)) {
			return ERR_FORMAT;
		}
		if (der_read(&one, DER_SEQUENCE, &id, &whole)) {
			ours = is_issuer_and_serial(whole, certificate);
		} else if (der_read(&one, DER_CONTEXT_0, &id, NULL) && der_read(&id, DER_OCTET_STRING, &key_id, NULL)) {
			ours = is_key_id(key_id, certificate);
		} else {
			return ERR_FORMAT;
		}
		if (!der_read(&one, DER_OCTET_STRING, &key, NULL) || !span_is_empty(one)) {
			return ERR_FORMAT;
		}
		if (ours) {
			ret->key = key;
			return 0;
		}
	}
	return ERR_NOTFOUND;
}

static int read_agreement(struct span info, X509 *certificate, struct envelope_recipient *ret, const char **ret_why)
{
	struct span content, version, ukm, algorithm, list, ignored;
	int err = ERR_FORMAT, originator = ERR_INTERNAL;

	if (!der_read(&info, DER_CONTEXT_1, &content, NULL) || !span_is_empty(info) || !der_read(&content, DER_INTEGER, &version, NULL)) {
		return err;
	}
	originator = read_originator(&content, ret);
	if (originator == ERR_FORMAT) {
		return err;
	}
	if (der_read(&content, DER_CONTEXT_1, &ukm, NULL)) {
		ret->ukm = ukm;
		if (!der_read(&ukm, DER_OCTET_STRING, &ignored, NULL) || !span_is_empty(ukm)) {
			return err;
		}
	}
	if (!der_read(&content, DER_SEQUENCE, &ignored, &algorithm) || !der_read(&content, DER_SEQUENCE, &list, NULL) || !span_is_empty(content)) {
		return err;
	}
	err = find_encrypted_key(list, certificate, ret);
	if (err != 0) {
		return err;
	}
	*ret_why = N_("the key is agreed upon in a way that is not supported");
	ret->kind = ENVELOPE_ECDH;
	return originator != 0 ? originator : read_scheme(algorithm, ret);
}

int envelope_recipient_read(struct span info, X509 *certificate, struct envelope_recipient *ret, const char **ret_why)
{
	memset(ret, 0, sizeof *ret);
	ret->label = ret->ukm = span_of("", 0);
	if (span_is_empty(info)) {
		return ERR_FORMAT;
	}
	switch (info.data[0]) {
	case DER_SEQUENCE:
		return read_transport(info, certificate, ret, ret_why);
	case DER_CONTEXT_1:
		return read_agreement(info, certificate, ret, ret_why);
	default:
		return ERR_NOTFOUND; /* by a key that both sides had before, by a password, or of another kind */
	}
}
