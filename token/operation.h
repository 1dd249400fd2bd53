/* operation.h - the one place where a private key works: PKCS#11 calls on our own session, mechanism and padding chosen here.
 *
 * The token pads by itself wherever it can. Only where it has neither PSS nor OAEP of the wanted kind but lets RSA be used raw, the padding is made here
 * (padding.h). A key that asks before every use (CKA_ALWAYS_AUTHENTICATE) gets the kept PIN between Init and use, after a look at the flags: never the last try.
 * When the module does not know the handle any more, the key is looked for once again and its public half compared with the certificate before anything is done.
 *
 * Failures, always with words in module->why: ERR_UNSUPPORTED (the token cannot do it), ERR_PIN, ERR_PIN_LAST, ERR_PIN_BLOCKED (of a key that asks before every
 * use), ERR_CERT (found again, but it is another key), ERR_TOKEN (anything else), ERR_LIMIT, ERR_MEMORY. No call is made twice after the token began to act.
 */
#ifndef TOKEN_OPERATION_H
#define TOKEN_OPERATION_H

#include <stddef.h>
#include <stdint.h>

#include "key.h"
#include "libcrypto.h"
#include "module.h"
#include "padding.h"
#include "pin.h"
#include "../appliance/base/span.h"

#define OPERATION_MAX_BYTES PADDING_RSA_MAX_BYTES /* of a signature, a block, a shared secret */

enum operation_padding { OPERATION_PKCS1, OPERATION_PSS, OPERATION_OAEP };

struct operation {
	struct module *module;
	struct pin *pin;
	struct token_key *key;
	/* Where a person enters the PIN at the reader: told before and after, for whoever shows that. NULL: the PIN is here. */
	void (*at_reader)(void *context, bool waiting);
	void *context;
};

/* What may be asked of this key at all, so that nobody has to try. */
bool operation_can_sign(const struct token_key *key, enum operation_padding padding);

/* Signs a digest made with `hash` (SHA-256, -384, -512). RSA: PKCS#1 v1.5 over DigestInfo, or PSS with the same hash and a salt of its length. ECDSA (whatever
 * `padding` says): Ecdsa-Sig-Value in DER (RFC 3279 2.2.3). `ret`: OPERATION_MAX_BYTES. The result is not verified here. */
int operation_sign(const struct operation *operation, enum operation_padding padding, const EVP_MD *hash, struct span digest, uint8_t *ret, size_t *ret_length);

/* Is this what operation_sign should have made, by the certificate? A faulty RSA signature can give the key away, so nothing leaves unverified. */
bool operation_verify(const struct token_key *key, enum operation_padding padding, const EVP_MD *hash, struct span digest, struct span signature);

struct operation_oaep {
	const EVP_MD *hash, *mgf_hash;
	struct span label;
};

/* Opens an RSA block. `oaep` NULL: PKCS#1 v1.5. ERR_FORMAT: the token, or the padding, says that the block is not right; the caller must not let that show.
 * `ret`: OPERATION_MAX_BYTES. */
int operation_decrypt(const struct operation *operation, const struct operation_oaep *oaep, struct span block, uint8_t *ret, size_t *ret_length);

/* ECDH with the point of the other side (uncompressed, X9.62): the x coordinate, as long as the field. */
int operation_derive(const struct operation *operation, struct span point, uint8_t *ret, size_t *ret_length);

#endif
