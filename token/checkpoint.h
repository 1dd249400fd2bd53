/* checkpoint.h - the one text that a `journal` key signs: a C2SP tlog-checkpoint (design 4), and the key id of its C2SP signed-note signature. */
#ifndef TOKEN_CHECKPOINT_H
#define TOKEN_CHECKPOINT_H

#include <stdint.h>

#include "libcrypto.h"
#include "../appliance/base/span.h"

#define CHECKPOINT_MAX_BYTES 512
#define CHECKPOINT_KEY_ID_BYTES 4

/* Origin LF, size LF, base64 of 32 bytes LF, and not one byte more; the size is `size`, in decimal without leading zeros. *ret_origin points into `text`.
 * ERR_FORMAT, ERR_MISMATCH (another size). */
int checkpoint_check(struct span text, uint64_t size, struct span *ret_origin);

/* First four bytes of SHA-256 of the SubjectPublicKeyInfo in DER: C2SP signed-note says so of type 0x02, other than of its younger types, whose ids are over the
 * name of the key, too. ERR_CERT. */
int checkpoint_key_id(X509 *certificate, uint8_t ret[CHECKPOINT_KEY_ID_BYTES]);

#endif
