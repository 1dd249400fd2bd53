/* anchor_seal.h - is a checkpoint signed, and is it stamped? (FORMAT.txt section 9). Only what the files themselves prove is judged here: that a signature fits the
 * text and the certificate that lies with it. Whether that certificate is to be trusted is for whoever reads the journal.
 */
#ifndef STORE_ANCHOR_SEAL_H
#define STORE_ANCHOR_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault_crypto.h"

#include "anchor_note.h"
#include "appliance/base/span.h"

#define ANCHOR_SEAL_MAX_BYTES 65536
#define ANCHOR_STAMP_MAX_BYTES 65536

/* Who signed. Zero-initialise before; anchor_seal_free is fine at any time. */
struct anchor_seal {
	uint8_t signer[32]; /* SHA-256 of the certificate */
	EVP_PKEY *key;      /* its public key */
	bool p256;          /* the key can sign a note (C2SP signed-note, type 0x02) */
	uint8_t key_id[ANCHOR_KEY_ID_BYTES];
};

/* A detached CMS over `text` with exactly one signature, which the certificate inside verifies. ERR_DAMAGE with static English words in *ret_why; ERR_MEMORY. */
int anchor_seal_check(struct span der, struct span text, struct anchor_seal *ret, const char **ret_why);
/* Is this the base64 of key id and signature over `text` by that key? (key id: the first bytes of SHA-256 of its SubjectPublicKeyInfo; signature: DER of ECDSA
 * over SHA-256; C2SP signed-note, type 0x02.) */
bool anchor_seal_check_note(const struct anchor_seal *seal, struct span text, struct span base64);
/* Looks through the lines of a note for those under `name` (the origin of the log, which is the name of its key). 1: one is there and right. 0: none is
 * there. ERR_DAMAGE: one is of another key or wrong. */
int anchor_seal_check_lines(const struct anchor_seal *seal, const struct anchor_note *note);
void anchor_seal_free(struct anchor_seal *seal);

/* A TimeStampResp (RFC 3161) that grants a token, whose signature the certificate inside verifies, over one of `of` (its whole bytes under the token's own hash
 * algorithm, SHA-256 or longer). *ret_which says which one. ERR_DAMAGE with words, ERR_MEMORY. */
int anchor_stamp_check(struct span reply, const struct span *of, size_t count, size_t *ret_which, const char **ret_why);
/* Without reading the reply at all, as the store itself does not read what comes from a network: do the bytes of a hash (SHA-256, SHA-384, SHA-512) of `of` occur in it? */
bool anchor_stamp_mentions(struct span reply, struct span of);

#endif
