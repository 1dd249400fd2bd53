/* signed.h - hashes, public keys and signatures, by mbedTLS: what is taken for good, and nothing else.
 *
 *   hashes      SHA-256, SHA-384, SHA-512. SHA-1 and older sign nothing here; SHA-1 only names a certificate (audit_hash_of_id, RFC 5035 ESSCertID).
 *   signatures  RSA PKCS#1 v1.5 and PSS (RFC 8017, RFC 4055), 2048 to 8192 bits; ECDSA on P-256 and P-384 (RFC 5758)
 *   notes       C2SP signed-note, type 0x02
 */
#ifndef STORE_AUDIT_SIGNED_H
#define STORE_AUDIT_SIGNED_H

#include "audit.h"

enum audit_hash { AUDIT_HASH_NONE, AUDIT_SHA1, AUDIT_SHA256, AUDIT_SHA384, AUDIT_SHA512 };

#define AUDIT_DIGEST_MAX 64

/* An AlgorithmIdentifier of a signature. */
struct audit_algorithm {
	enum { AUDIT_RSA_PKCS1, AUDIT_RSA_PSS, AUDIT_ECDSA, AUDIT_RSA_PLAIN /* rsaEncryption: the hash is told elsewhere (CMS) */ } kind;
	enum audit_hash hash;
	int salt_length; /* PSS */
};

/* `identifier`: content of the SEQUENCE. AUDIT_HASH_NONE and false: unknown, or too weak to prove anything. _of_id takes SHA-1 too. */
enum audit_hash audit_hash_read(struct bytes identifier);
enum audit_hash audit_hash_of_id(struct bytes identifier);
bool audit_algorithm_read(struct bytes identifier, struct audit_algorithm *ret);

/* The digest; its length, 0 when it cannot be made. */
size_t audit_hash_bytes(enum audit_hash hash, struct bytes data, uint8_t ret[AUDIT_DIGEST_MAX]);
const char *audit_hash_name(enum audit_hash hash);
/* When this hash stops to prove anything by itself, in seconds since 1970; INT64_MAX: not known. Stamps made with it have to be renewed before. */
int64_t audit_hash_ends(enum audit_hash hash);
void audit_sha256(struct bytes data, uint8_t ret[AUDIT_HASH_BYTES]);

/* A signature over a digest made by `algorithm.hash`. `spki`: SubjectPublicKeyInfo with its tag, as the certificate has it. Fails closed. */
bool audit_key_verify(struct bytes spki, const struct audit_algorithm *algorithm, const uint8_t *digest, size_t length, struct bytes signature);
/* The same over data. */
bool audit_key_verify_data(struct bytes spki, const struct audit_algorithm *algorithm, struct bytes data, struct bytes signature);
/* C2SP has a type for keys on P-256 only. */
bool audit_key_is_p256(struct bytes spki);

/* A line of a signed note: `blob` is 4 bytes of key id and the signature in DER, `text` what is signed. */
bool audit_note_verify(struct bytes spki, struct bytes text, struct bytes blob);

#endif
