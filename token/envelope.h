/* envelope.h - CMS EnvelopedData (RFC 5652) and AuthEnvelopedData (RFC 5083, 5084) read from a stream: the head in memory up to a limit, the content in constant
 * memory, DER or BER.
 *
 * Content: AES-128, -192, -256 or 3DES in CBC, AES in GCM. Recipients by issuerAndSerialNumber or subjectKeyIdentifier: key transport by RSA PKCS#1 v1.5 or OAEP
 * (RFC 4055), key agreement by ECDH with an ephemeral key (RFC 5753). Not read: authenticated attributes (they would be needed before the content, and stand after it),
 * recipients of indefinite length.
 *
 * Failures, with words in `why` where they say nothing of the key: ERR_NOTFOUND (not for this certificate), ERR_UNSUPPORTED, ERR_FORMAT, ERR_LIMIT, ERR_MEMORY, those of
 * source and sink.
 */
#ifndef TOKEN_ENVELOPE_H
#define TOKEN_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcrypto.h"
#include "ber.h"

#define ENVELOPE_HEAD_MAX_BYTES 65536 /* of all recipients, and of each other piece around the content */
#define ENVELOPE_KEY_MAX_BYTES 32
#define ENVELOPE_POINT_MAX_BYTES 160
#define ENVELOPE_LEVELS 5

enum envelope_kind { ENVELOPE_RSA, ENVELOPE_OAEP, ENVELOPE_ECDH };

/* How the key of the content reaches us; spans point into the envelope's own memory. */
struct envelope_recipient {
	enum envelope_kind kind;
	struct span key;               /* encrypted */
	const EVP_MD *hash, *mgf_hash; /* OAEP; ECDH: `hash` of the derivation */
	struct span label;             /* OAEP */
	struct span point;             /* ECDH: the other side's public key, as it came */
	struct span wrap;              /* ECDH: AlgorithmIdentifier of the key wrap, whole */
	const EVP_CIPHER *wrap_cipher; /* ECDH: EVP_aes_*_wrap */
	struct span ukm;               /* ECDH: user keying material, whole OCTET STRING; empty: none */
};

struct envelope {
	struct ber ber;
	struct ber_level levels[ENVELOPE_LEVELS];
	uint8_t *head;                   /* owned: the recipient that is ours */
	bool authenticated, constructed; /* AuthEnvelopedData; the content is a sequence of strings */
	struct envelope_recipient recipient;
	const EVP_CIPHER *cipher;
	const char *cipher_name; /* "aes-256-gcm" */
	uint8_t iv[16];
	size_t iv_length, tag_length, key_length;
	const char *why; /* static English words, never NULL */
};

typedef int (*envelope_sink)(void *context, const uint8_t *data, size_t length);

/* Reads up to the content and finds the recipient of this certificate. envelope_close in any case. */
int envelope_open(struct envelope *envelope, ber_source source, void *context, X509 *certificate);
/* Decrypts the content with `key` (envelope->key_length bytes) and reads to the end of everything. At most `limit` bytes leave (ERR_LIMIT). What left counts only when
 * this returns 0: a tag or padding that is wrong shows at the end (ERR_FORMAT). */
int envelope_content(struct envelope *envelope, const uint8_t *key, envelope_sink sink, void *context, uint64_t limit, uint64_t *ret_written);
void envelope_close(struct envelope *envelope);

/* envelope_recipient.c: one RecipientInfo, whole, in DER. ERR_NOTFOUND: for someone else, or of a kind that is not for certificates. */
int envelope_recipient_read(struct span info, X509 *certificate, struct envelope_recipient *ret, const char **ret_why);
/* NID of an OBJECT IDENTIFIER (whole), NID_undef when it has none here. */
int envelope_nid(struct span oid);
/* SEQUENCE { OID, parameters }: the rest behind the OID in *ret_parameters. */
bool envelope_algorithm(struct span whole, int *ret_nid, struct span *ret_parameters);

#endif
