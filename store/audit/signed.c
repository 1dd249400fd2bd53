#include "signed.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/md.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <string.h>

#include "der.h"

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192
#define RSA_EXPONENT_MAX_BITS 64 /* longer ones only take time */
#define PSS_SALT_MAX 64
#define PSS_SALT_DEFAULT 20
#define NOTE_KEY_ID_BYTES 4

static const uint8_t oid_rsa[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01 };
static const uint8_t oid_rsa_pss[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A };
static const uint8_t oid_mgf1[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08 };
static const uint8_t oid_ec_key[] = { 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01 };
static const uint8_t oid_p256[] = { 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
static const uint8_t oid_p384[] = { 0x2B, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t oid_sha1[] = { 0x2B, 0x0E, 0x03, 0x02, 0x1A };

/* The last byte of an OID whose beginning is shared says which. */
static const struct {
	enum audit_hash hash;
	mbedtls_md_type_t md;
	const char *name;
	uint8_t plain, rsa, ecdsa; /* 2.16.840.1.101.3.4.2.*, 1.2.840.113549.1.1.*, 1.2.840.10045.4.3.* */
	int64_t ends_s;            /* strength: what is known to end gets its day here */
} hashes[] = {
	{ AUDIT_SHA256, MBEDTLS_MD_SHA256, "SHA-256", 1, 11, 2, INT64_MAX },
	{ AUDIT_SHA384, MBEDTLS_MD_SHA384, "SHA-384", 2, 12, 3, INT64_MAX },
	{ AUDIT_SHA512, MBEDTLS_MD_SHA512, "SHA-512", 3, 13, 4, INT64_MAX },
	{ AUDIT_SHA1, MBEDTLS_MD_SHA1, "SHA-1", 0, 0, 0, 0 },
};
#define HASH_COUNT (sizeof hashes / sizeof hashes[0])

static const uint8_t hash_arc[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };
static const uint8_t rsa_arc[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01 };
static const uint8_t ecdsa_arc[] = { 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03 };

/* The last number of an OID below `arc`; 0: it is another one. */
static uint8_t below(struct bytes oid, const uint8_t *arc, size_t length)
{
	return oid.length == length + 1 && memcmp(oid.data, arc, length) == 0 ? oid.data[length] : 0;
}

/* Parameters that may be NULL or absent (RFC 5754 2, RFC 4055 5). */
static bool no_parameters(struct bytes rest)
{
	struct bytes null;

	return rest.length == 0 || (audit_der_last(rest, DER_NULL, &null) && null.length == 0);
}

enum audit_hash audit_hash_read(struct bytes identifier)
{
	enum audit_hash hash = audit_hash_of_id(identifier);

	return hash == AUDIT_SHA1 ? AUDIT_HASH_NONE : hash;
}

enum audit_hash audit_hash_of_id(struct bytes identifier)
{
	struct bytes oid;
	uint8_t last = 0;

	if (!audit_der_read(&identifier, DER_OID, &oid) || !no_parameters(identifier)) {
		return AUDIT_HASH_NONE;
	}
	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_sha1))) {
		return AUDIT_SHA1;
	}
	last = below(oid, hash_arc, sizeof hash_arc);
	for (size_t i = 0; i < HASH_COUNT && last != 0; i++) {
		if (hashes[i].plain == last) {
			return hashes[i].hash;
		}
	}
	return AUDIT_HASH_NONE;
}

/* RFC 4055 3.1. The defaults are SHA-1, so hash and mask are there; the mask is made with the same hash, and the trailer is the only one there is. */
static bool read_pss(struct bytes rest, struct audit_algorithm *ret)
{
	struct bytes parameters, part, identifier, oid, mask;
	int64_t salt = PSS_SALT_DEFAULT;

	if (!audit_der_last(rest, DER_SEQUENCE, &parameters) || !audit_der_read(&parameters, DER_EXPLICIT, &part) ||
	    !audit_der_last(part, DER_SEQUENCE, &identifier)) {
		return false;
	}
	ret->kind = AUDIT_RSA_PSS;
	ret->hash = audit_hash_read(identifier);
	if (ret->hash == AUDIT_HASH_NONE || !audit_der_read(&parameters, DER_EXPLICIT | 1, &part) || !audit_der_last(part, DER_SEQUENCE, &mask) ||
	    !audit_der_read(&mask, DER_OID, &oid) || !audit_bytes_equal(oid, AUDIT_BYTES(oid_mgf1)) || !audit_der_last(mask, DER_SEQUENCE, &identifier) ||
	    audit_hash_read(identifier) != ret->hash) {
		return false;
	}
	if (audit_der_read(&parameters, DER_EXPLICIT | 2, &part) && (!audit_der_read_number(&part, &salt) || part.length != 0 || salt > PSS_SALT_MAX)) {
		return false;
	}
	ret->salt_length = (int)salt;
	return parameters.length == 0;
}

bool audit_algorithm_read(struct bytes identifier, struct audit_algorithm *ret)
{
	struct bytes oid;
	uint8_t rsa = 0, ecdsa = 0;

	memset(ret, 0, sizeof *ret);
	if (!audit_der_read(&identifier, DER_OID, &oid)) {
		return false;
	}
	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_rsa_pss))) {
		return read_pss(identifier, ret);
	}
	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_rsa))) {
		ret->kind = AUDIT_RSA_PLAIN;
		return no_parameters(identifier);
	}
	rsa = below(oid, rsa_arc, sizeof rsa_arc);
	ecdsa = below(oid, ecdsa_arc, sizeof ecdsa_arc);
	for (size_t i = 0; i < HASH_COUNT && (rsa != 0 || ecdsa != 0); i++) {
		if (rsa != 0 && hashes[i].rsa == rsa) {
			*ret = (struct audit_algorithm){ .kind = AUDIT_RSA_PKCS1, .hash = hashes[i].hash };
			return no_parameters(identifier);
		}
		if (ecdsa != 0 && hashes[i].ecdsa == ecdsa) {
			*ret = (struct audit_algorithm){ .kind = AUDIT_ECDSA, .hash = hashes[i].hash };
			return identifier.length == 0;
		}
	}
	return false;
}

static mbedtls_md_type_t md_of(enum audit_hash hash)
{
	for (size_t i = 0; i < HASH_COUNT; i++) {
		if (hashes[i].hash == hash) {
			return hashes[i].md;
		}
	}
	return MBEDTLS_MD_NONE;
}

const char *audit_hash_name(enum audit_hash hash)
{
	for (size_t i = 0; i < HASH_COUNT; i++) {
		if (hashes[i].hash == hash) {
			return hashes[i].name;
		}
	}
	return "?";
}

int64_t audit_hash_ends(enum audit_hash hash)
{
	for (size_t i = 0; i < HASH_COUNT; i++) {
		if (hashes[i].hash == hash) {
			return hashes[i].ends_s;
		}
	}
	return 0;
}

size_t audit_hash_bytes(enum audit_hash hash, struct bytes data, uint8_t ret[AUDIT_DIGEST_MAX])
{
	const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md_of(hash));

	if (info == NULL || mbedtls_md_get_size(info) > AUDIT_DIGEST_MAX || mbedtls_md(info, data.data, data.length, ret) != 0) {
		return 0;
	}
	return mbedtls_md_get_size(info);
}

void audit_sha256(struct bytes data, uint8_t ret[AUDIT_HASH_BYTES])
{
	/* It fails only where an accelerator does, and there is none in this build. */
	if (mbedtls_sha256_ret(data.data, data.length, ret, 0) != 0) {
		memset(ret, 0, AUDIT_HASH_BYTES);
	}
}

/* --- keys --- */

static bool read_key(struct bytes spki, struct bytes *ret_algorithm, struct bytes *ret_oid, struct bytes *ret_key)
{
	struct bytes outer, algorithm;

	if (!audit_der_last(spki, DER_SEQUENCE, &outer) || !audit_der_read(&outer, DER_SEQUENCE, &algorithm) || !audit_der_read_bits(&outer, ret_key) ||
	    outer.length != 0 || !audit_der_read(&algorithm, DER_OID, ret_oid)) {
		return false;
	}
	*ret_algorithm = algorithm;
	return true;
}

/* A positive INTEGER without its sign octet. */
static bool read_positive(struct bytes *from, struct bytes *ret)
{
	if (!audit_der_read(from, DER_INTEGER, ret) || ret->length == 0 || ret->data[0] >= 0x80) {
		return false;
	}
	if (ret->length > 1 && ret->data[0] == 0) {
		if (ret->data[1] < 0x80) {
			return false;
		}
		ret->data++;
		ret->length--;
	}
	return ret->length > 1 || ret->data[0] != 0;
}

/* A key that is for PSS only may say for which hash and how much salt at least. */
static bool key_allows(struct bytes oid, struct bytes parameters, const struct audit_algorithm *algorithm)
{
	struct audit_algorithm only = { 0 };

	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_rsa))) {
		return no_parameters(parameters);
	}
	if (!audit_bytes_equal(oid, AUDIT_BYTES(oid_rsa_pss)) || algorithm->kind != AUDIT_RSA_PSS) {
		return false;
	}
	return parameters.length == 0 || (read_pss(parameters, &only) && only.hash == algorithm->hash && algorithm->salt_length >= only.salt_length);
}

static bool load_rsa(mbedtls_rsa_context *rsa, struct bytes key)
{
	struct bytes numbers, modulus, exponent;

	if (!audit_der_is_whole(key) || !audit_der_last(key, DER_SEQUENCE, &numbers) || !read_positive(&numbers, &modulus) ||
	    !read_positive(&numbers, &exponent) || numbers.length != 0 || modulus.length > RSA_MAX_BITS / 8 || exponent.length > RSA_EXPONENT_MAX_BITS / 8) {
		return false;
	}
	return mbedtls_rsa_import_raw(rsa, modulus.data, modulus.length, NULL, 0, NULL, 0, NULL, 0, exponent.data, exponent.length) == 0 &&
	       mbedtls_rsa_complete(rsa) == 0 && mbedtls_rsa_check_pubkey(rsa) == 0 && mbedtls_mpi_bitlen(&rsa->N) >= RSA_MIN_BITS;
}

static bool verify_rsa(struct bytes key, const struct audit_algorithm *algorithm, const uint8_t *digest, size_t length, struct bytes signature)
{
	mbedtls_rsa_context rsa;
	mbedtls_md_type_t md = md_of(algorithm->hash);
	int err = -1;

	mbedtls_rsa_init(&rsa, MBEDTLS_RSA_PKCS_V15, 0);
	if (load_rsa(&rsa, key) && signature.length == mbedtls_rsa_get_len(&rsa)) {
		if (algorithm->kind == AUDIT_RSA_PKCS1) {
			err = mbedtls_rsa_rsassa_pkcs1_v15_verify(&rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, md, (unsigned)length, digest, signature.data);
		} else if (algorithm->kind == AUDIT_RSA_PSS) {
			mbedtls_rsa_set_padding(&rsa, MBEDTLS_RSA_PKCS_V21, (int)md);
			err = mbedtls_rsa_rsassa_pss_verify_ext(&rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, md, (unsigned)length, digest, md, algorithm->salt_length,
			                                        signature.data);
		}
	}
	mbedtls_rsa_free(&rsa);
	return err == 0;
}

static mbedtls_ecp_group_id curve_of(struct bytes parameters)
{
	struct bytes oid;

	if (!audit_der_last(parameters, DER_OID, &oid)) {
		return MBEDTLS_ECP_DP_NONE;
	}
	return audit_bytes_equal(oid, AUDIT_BYTES(oid_p256))   ? MBEDTLS_ECP_DP_SECP256R1
	       : audit_bytes_equal(oid, AUDIT_BYTES(oid_p384)) ? MBEDTLS_ECP_DP_SECP384R1
	                                                       : MBEDTLS_ECP_DP_NONE;
}

static bool verify_ecdsa(mbedtls_ecp_group_id curve, struct bytes key, const uint8_t *digest, size_t length, struct bytes signature)
{
	struct bytes numbers, r_bytes, s_bytes;
	mbedtls_ecp_group group;
	mbedtls_ecp_point point;
	mbedtls_mpi r, s;
	bool good = false;

	if (curve == MBEDTLS_ECP_DP_NONE || !audit_der_is_whole(signature) || !audit_der_last(signature, DER_SEQUENCE, &numbers) ||
	    !read_positive(&numbers, &r_bytes) || !read_positive(&numbers, &s_bytes) || numbers.length != 0) {
		return false;
	}
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	good = mbedtls_ecp_group_load(&group, curve) == 0 && mbedtls_ecp_point_read_binary(&group, &point, key.data, key.length) == 0 &&
	       mbedtls_ecp_check_pubkey(&group, &point) == 0 && mbedtls_mpi_read_binary(&r, r_bytes.data, r_bytes.length) == 0 &&
	       mbedtls_mpi_read_binary(&s, s_bytes.data, s_bytes.length) == 0 && mbedtls_ecdsa_verify(&group, digest, length, &point, &r, &s) == 0;
	mbedtls_mpi_free(&s);
	mbedtls_mpi_free(&r);
	mbedtls_ecp_point_free(&point);
	mbedtls_ecp_group_free(&group);
	return good;
}

bool audit_key_verify(struct bytes spki, const struct audit_algorithm *algorithm, const uint8_t *digest, size_t length, struct bytes signature)
{
	struct bytes parameters, oid, key;

	if (algorithm->hash == AUDIT_HASH_NONE || algorithm->hash == AUDIT_SHA1 || !read_key(spki, &parameters, &oid, &key)) {
		return false;
	}
	if (audit_bytes_equal(oid, AUDIT_BYTES(oid_ec_key))) {
		return algorithm->kind == AUDIT_ECDSA && verify_ecdsa(curve_of(parameters), key, digest, length, signature);
	}
	return algorithm->kind != AUDIT_ECDSA && key_allows(oid, parameters, algorithm) && verify_rsa(key, algorithm, digest, length, signature);
}

bool audit_key_verify_data(struct bytes spki, const struct audit_algorithm *algorithm, struct bytes data, struct bytes signature)
{
	uint8_t digest[AUDIT_DIGEST_MAX];
	size_t length = audit_hash_bytes(algorithm->hash, data, digest);

	return length > 0 && audit_key_verify(spki, algorithm, digest, length, signature);
}

bool audit_key_is_p256(struct bytes spki)
{
	struct bytes parameters, oid, key;

	return read_key(spki, &parameters, &oid, &key) && audit_bytes_equal(oid, AUDIT_BYTES(oid_ec_key)) && curve_of(parameters) == MBEDTLS_ECP_DP_SECP256R1;
}

bool audit_note_verify(struct bytes spki, struct bytes text, struct bytes blob)
{
	struct audit_algorithm algorithm = { .kind = AUDIT_ECDSA, .hash = AUDIT_SHA256 };
	uint8_t id[AUDIT_HASH_BYTES];

	audit_sha256(spki, id);
	return audit_key_is_p256(spki) && blob.length > NOTE_KEY_ID_BYTES && memcmp(blob.data, id, NOTE_KEY_ID_BYTES) == 0 &&
	       audit_key_verify_data(spki, &algorithm, text, (struct bytes){ blob.data + NOTE_KEY_ID_BYTES, blob.length - NOTE_KEY_ID_BYTES });
}
