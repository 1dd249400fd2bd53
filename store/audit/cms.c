#include "cms.h"

#include <string.h>

#include "der.h"
#include "words.h"

#define ATTRIBUTES_MAX 64
#define SIGNER_BY_KEY_ID 3

const uint8_t audit_oid_data[9] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01 };
static const uint8_t oid_signed_data[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02 };
static const uint8_t oid_content_type[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03 };
static const uint8_t oid_message_digest[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04 };
static const uint8_t oid_signing_certificate[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x0C };
static const uint8_t oid_signing_certificate_v2[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x2F };

/* What the signed attributes say. */
struct attributes {
	struct bytes content_type, message_digest, signing_certificate, signing_certificate_v2;
	bool has_content_type, has_message_digest, has_certificate, has_certificate_v2;
};

static bool no(const char **ret_why, const char *why)
{
	*ret_why = why;
	return false;
}

/* AlgorithmIdentifiers that the signer's is one of. */
static bool has_hash(struct bytes set, enum audit_hash hash)
{
	struct bytes identifier;
	bool found = false;

	while (set.length > 0) {
		if (!audit_der_read(&set, DER_SEQUENCE, &identifier)) {
			return false;
		}
		found = found || audit_hash_read(identifier) == hash;
	}
	return found;
}

static bool read_certificates(struct bytes set, struct audit_cms *ret)
{
	struct bytes content;

	while (set.length > 0) {
		if (ret->certificate_count == AUDIT_CMS_CERTIFICATES_MAX ||
		    !audit_der_read_whole(&set, DER_SEQUENCE, &content, &ret->certificates[ret->certificate_count])) {
			return false;
		}
		ret->certificate_count++;
	}
	return true;
}

/* Other kinds of revocation information (OCSP) are allowed and not used. */
static bool read_lists(struct bytes set, struct audit_cms *ret)
{
	struct bytes content, whole;
	uint8_t tag = 0;

	while (set.length > 0) {
		if (!audit_der_any(&set, &tag, &content, &whole)) {
			return false;
		}
		if (tag == DER_SEQUENCE && ret->list_count < AUDIT_CMS_LISTS_MAX) {
			ret->lists[ret->list_count++] = whole;
		}
	}
	return true;
}

static bool read_content(struct bytes info, struct audit_cms *ret)
{
	struct bytes wrapped;

	if (!audit_der_read(&info, DER_OID, &ret->content_type)) {
		return false;
	}
	if (info.length == 0) {
		return true;
	}
	ret->has_content = audit_der_last(info, DER_EXPLICIT, &wrapped) && audit_der_last(wrapped, DER_OCTETS, &ret->content);
	return ret->has_content;
}

/* Is this certificate the one that SignerIdentifier names? `sid`: the whole element. */
static bool is_named(struct bytes sid, const struct audit_certificate *certificate)
{
	struct bytes rest = sid, inner, name, issuer, serial;

	if (audit_der_read(&rest, DER_CONTEXT, &inner)) {
		return certificate->key_id.length > 0 && audit_bytes_equal(inner, certificate->key_id);
	}
	return audit_der_last(sid, DER_SEQUENCE, &inner) && audit_der_read_whole(&inner, DER_SEQUENCE, &name, &issuer) &&
	       audit_der_last(inner, DER_INTEGER, &serial) && audit_bytes_equal(issuer, certificate->issuer) && audit_bytes_equal(serial, certificate->serial);
}

static bool find_signer(struct bytes sid, struct audit_cms *ret)
{
	for (size_t i = 0; i < ret->certificate_count; i++) {
		if (audit_certificate_read(ret->certificates[i], &ret->signer) && is_named(sid, &ret->signer)) {
			return true;
		}
	}
	return false;
}

/* RSA by its plain name: the hash is the digest's. Else both have to be the same. */
static bool read_signature_algorithm(struct bytes identifier, struct audit_cms *ret)
{
	if (!audit_algorithm_read(identifier, &ret->algorithm)) {
		return false;
	}
	if (ret->algorithm.kind == AUDIT_RSA_PLAIN) {
		ret->algorithm.kind = AUDIT_RSA_PKCS1;
		ret->algorithm.hash = ret->hash;
	}
	return ret->algorithm.hash == ret->hash;
}

static bool read_signer(struct bytes signer, int64_t version, struct bytes hashes, struct audit_cms *ret, const char **ret_why)
{
	struct bytes sid_content, sid, identifier, content;
	int64_t signer_version = 0;
	bool by_key = false, plain = audit_bytes_equal(ret->content_type, AUDIT_BYTES(audit_oid_data));
	uint8_t tag = 0;

	if (!audit_der_read_number(&signer, &signer_version) || !audit_der_any(&signer, &tag, &sid_content, &sid)) {
		return no(ret_why, N_("the part about the signer is malformed"));
	}
	by_key = tag == (DER_CONTEXT);
	if ((!by_key && tag != DER_SEQUENCE) || signer_version != (by_key ? SIGNER_BY_KEY_ID : 1) || version != (by_key || !plain ? 3 : 1)) {
		return no(ret_why, N_("its version is not the right one"));
	}
	if (!audit_der_read(&signer, DER_SEQUENCE, &identifier) || (ret->hash = audit_hash_read(identifier)) == AUDIT_HASH_NONE ||
	    !has_hash(hashes, ret->hash)) {
		return no(ret_why, N_("its hash is not one that proves anything"));
	}
	if (!audit_der_read_whole(&signer, DER_EXPLICIT, &content, &ret->attributes)) {
		if (!ret->plain) {
			return no(ret_why, N_("it has no signed attributes"));
		}
		ret->attributes = (struct bytes){ .length = 0 };
	}
	if (!audit_der_read(&signer, DER_SEQUENCE, &identifier) || !read_signature_algorithm(identifier, ret)) {
		return no(ret_why, N_("its kind of signature is not one that proves anything"));
	}
	if (!audit_der_read(&signer, DER_OCTETS, &ret->signature)) {
		return no(ret_why, N_("the part about the signer is malformed"));
	}
	/* Unsigned attributes: anybody could have put them there. */
	(void)audit_der_read(&signer, DER_EXPLICIT | 1, &content);
	if (signer.length != 0) {
		return no(ret_why, N_("the part about the signer is malformed"));
	}
	return find_signer(sid, ret) || no(ret_why, N_("the signer's certificate is not in it"));
}

static bool read_data(struct bytes data, struct audit_cms *ret, const char **ret_why)
{
	struct bytes hashes, info, part, signers, signer;
	int64_t version = 0;

	if (!audit_der_read_number(&data, &version) || !audit_der_read(&data, DER_SET, &hashes) || !audit_der_read(&data, DER_SEQUENCE, &info) ||
	    !read_content(info, ret)) {
		return no(ret_why, N_("it is malformed"));
	}
	if (audit_der_read(&data, DER_EXPLICIT, &part) && !read_certificates(part, ret)) {
		return no(ret_why, N_("its certificates are malformed, or too many"));
	}
	if (audit_der_read(&data, DER_EXPLICIT | 1, &part) && !read_lists(part, ret)) {
		return no(ret_why, N_("its lists of revoked certificates are malformed"));
	}
	if (!audit_der_last(data, DER_SET, &signers)) {
		return no(ret_why, N_("it is malformed"));
	}
	if (!audit_der_last(signers, DER_SEQUENCE, &signer)) {
		return no(ret_why, N_("it is not signed by one key"));
	}
	return read_signer(signer, version, hashes, ret, ret_why);
}

/* --- attributes --- */

static bool take(bool *has, struct bytes value, struct bytes *place)
{
	bool first = !*has;

	*has = true;
	*place = value;
	return first;
}

static bool read_attribute(struct bytes attribute, struct attributes *ret)
{
	struct bytes oid, values, value, whole;
	uint8_t tag = 0;

	if (!audit_der_read(&attribute, DER_OID, &oid) || !audit_der_last(attribute, DER_SET, &values)) {
		return false;
	}
	if (!audit_bytes_equal(oid, AUDIT_BYTES(oid_content_type)) && !audit_bytes_equal(oid, AUDIT_BYTES(oid_message_digest)) &&
	    !audit_bytes_equal(oid, AUDIT_BYTES(oid_signing_certificate)) && !audit_bytes_equal(oid, AUDIT_BYTES(oid_signing_certificate_v2))) {
		return true;
	}
	if (!audit_der_any(&values, &tag, &value, &whole) || values.length != 0) {
		return false;
	}
	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_content_type))) {
		return tag == DER_OID && take(&ret->has_content_type, value, &ret->content_type);
	}
	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_message_digest))) {
		return tag == DER_OCTETS && take(&ret->has_message_digest, value, &ret->message_digest);
	}
	if (tag != DER_SEQUENCE) {
		return false;
	}
	return audit_bytes_equal(oid, AUDIT_BYTES(oid_signing_certificate)) ? take(&ret->has_certificate, value, &ret->signing_certificate)
	                                                                    : take(&ret->has_certificate_v2, value, &ret->signing_certificate_v2);
}

static bool read_attributes(struct bytes whole, struct attributes *ret)
{
	struct bytes list, attribute;
	size_t count = 0;

	memset(ret, 0, sizeof *ret);
	if (!audit_der_last(whole, DER_EXPLICIT, &list)) {
		return false;
	}
	while (list.length > 0) {
		if (count++ == ATTRIBUTES_MAX || !audit_der_read(&list, DER_SEQUENCE, &attribute) || !read_attribute(attribute, ret)) {
			return false;
		}
	}
	return ret->has_content_type && ret->has_message_digest;
}

/* IssuerSerial (RFC 5035 5): GeneralNames with one directoryName, serial number. */
static bool is_issuer_serial(struct bytes value, const struct audit_certificate *certificate)
{
	struct bytes names, name, content, issuer;
	struct bytes serial;

	return audit_der_read(&value, DER_SEQUENCE, &names) && audit_der_last(value, DER_INTEGER, &serial) && audit_der_last(names, DER_EXPLICIT | 4, &name) &&
	       audit_der_read_whole(&name, DER_SEQUENCE, &content, &issuer) && name.length == 0 && audit_bytes_equal(issuer, certificate->issuer) &&
	       audit_bytes_equal(serial, certificate->serial);
}

/* The first of the certificates that the attribute names has to be the signer's (RFC 5035 3, 4); the others are of its issuers. */
static bool names_signer(struct bytes value, bool v2, const struct audit_certificate *signer)
{
	struct bytes list, id, identifier, hash;
	enum audit_hash algorithm = v2 ? AUDIT_SHA256 : AUDIT_SHA1;
	uint8_t digest[AUDIT_DIGEST_MAX];
	size_t length = 0;

	if (!audit_der_read(&value, DER_SEQUENCE, &list) || !audit_der_read(&list, DER_SEQUENCE, &id)) {
		return false;
	}
	if (v2 && audit_der_read(&id, DER_SEQUENCE, &identifier)) {
		algorithm = audit_hash_of_id(identifier);
	}
	if (!audit_der_read(&id, DER_OCTETS, &hash)) {
		return false;
	}
	length = audit_hash_bytes(algorithm, signer->der, digest);
	if (length == 0 || !audit_bytes_equal(hash, (struct bytes){ digest, length })) {
		return false;
	}
	if (id.length > 0) {
		struct bytes issuer_serial;

		return audit_der_last(id, DER_SEQUENCE, &issuer_serial) && is_issuer_serial(issuer_serial, signer);
	}
	return true;
}

static bool read_cms(struct bytes der, bool plain, struct audit_cms *ret, const char **ret_why)
{
	struct bytes outer, oid, wrapped, data;
	struct attributes attributes;

	memset(ret, 0, sizeof *ret);
	ret->plain = plain;
	if (der.length > AUDIT_CMS_MAX_BYTES || !audit_der_is_whole(der) || !audit_der_last(der, DER_SEQUENCE, &outer) ||
	    !audit_der_read(&outer, DER_OID, &oid) || !audit_bytes_equal(oid, AUDIT_BYTES(oid_signed_data)) || !audit_der_last(outer, DER_EXPLICIT, &wrapped) ||
	    !audit_der_last(wrapped, DER_SEQUENCE, &data)) {
		return no(ret_why, N_("it is not a CMS signature in DER"));
	}
	if (!read_data(data, ret, ret_why)) {
		return false;
	}
	ret->plain = ret->attributes.length == 0;
	if (ret->plain) {
		return true;
	}
	if (!read_attributes(ret->attributes, &attributes)) {
		return no(ret_why, N_("its signed attributes are malformed"));
	}
	if (!audit_bytes_equal(attributes.content_type, ret->content_type)) {
		return no(ret_why, N_("it is signed as another kind of content"));
	}
	if ((attributes.has_certificate && !names_signer(attributes.signing_certificate, false, &ret->signer)) ||
	    (attributes.has_certificate_v2 && !names_signer(attributes.signing_certificate_v2, true, &ret->signer))) {
		return no(ret_why, N_("it names another certificate as the signer's"));
	}
	ret->names_signer = attributes.has_certificate || attributes.has_certificate_v2;
	return true;
}

/* RFC 5652 5.4: what is signed is the attributes as SET OF, not under their tag [0]. */
static size_t hash_attributes(const struct audit_cms *cms, uint8_t digest[AUDIT_DIGEST_MAX])
{
	uint8_t copy[16384];

	if (cms->attributes.length > sizeof copy) {
		return 0;
	}
	memcpy(copy, cms->attributes.data, cms->attributes.length);
	copy[0] = DER_SET;
	return audit_hash_bytes(cms->hash, (struct bytes){ copy, cms->attributes.length }, digest);
}

bool audit_cms_read(struct bytes der, struct audit_cms *ret, const char **ret_why)
{
	return read_cms(der, false, ret, ret_why);
}

bool audit_cms_read_plain(struct bytes der, struct audit_cms *ret, const char **ret_why)
{
	return read_cms(der, true, ret, ret_why);
}

bool audit_cms_verify(const struct audit_cms *cms, struct bytes content, const char **ret_why)
{
	struct attributes attributes;
	uint8_t digest[AUDIT_DIGEST_MAX];
	size_t length = audit_hash_bytes(cms->hash, content, digest);

	/* Signed attributes of somebody's, given out as content, would bear his signature (RFC 5652 5.4). */
	if (cms->plain && content.length > 0 && content.data[0] == DER_SET && audit_der_is_whole(content)) {
		return no(ret_why, N_("what it signs looks like signed attributes"));
	}
	if (!cms->plain && (length == 0 || !read_attributes(cms->attributes, &attributes) ||
	                    !audit_bytes_equal(attributes.message_digest, (struct bytes){ digest, length }))) {
		return no(ret_why, N_("it is over other bytes"));
	}
	if (!cms->plain) {
		length = hash_attributes(cms, digest);
	}
	if (length == 0 || !audit_key_verify(cms->signer.spki, &cms->algorithm, digest, length, cms->signature)) {
		return no(ret_why, cms->plain ? N_("it is over other bytes, or the signature does not fit") : N_("the signature does not fit"));
	}
	return true;
}
