/* padding.h - RSA paddings of RFC 8017 for tokens that offer raw RSA but not the padding itself. */
#ifndef TOKEN_PADDING_H
#define TOKEN_PADDING_H

#include <stddef.h>
#include <stdint.h>

#include "libcrypto.h"
#include "../appliance/base/span.h"

#define PADDING_RSA_MAX_BYTES 1024 /* of a modulus: 8192 bits */

/* EMSA-PSS-ENCODE (RFC 8017 9.1.1), salt as long as the digest, one hash for both. Fills the bytes of the modulus of `bits` bits, a leading zero included.
 * ERR_LIMIT: the modulus is too short or too long. */
int padding_pss_encode(const EVP_MD *hash, struct span digest, int bits, uint8_t ret[PADDING_RSA_MAX_BYTES]);

/* EME-OAEP decoding (RFC 8017 7.1.2 step 3) of a whole block, in a time that does not depend on what is inside. `ret` has room for the block.
 * ERR_FORMAT says nothing of what was wrong. */
int padding_oaep_decode(const EVP_MD *hash, const EVP_MD *mgf_hash, struct span label, struct span block, uint8_t *ret, size_t *ret_length);

/* 0xff where a equals b, else 0; without a branch. */
uint8_t padding_equal(size_t a, size_t b);

#endif
