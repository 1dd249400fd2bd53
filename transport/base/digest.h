/* digest.h - running digests of streams. */
#ifndef TRANSPORT_BASE_DIGEST_H
#define TRANSPORT_BASE_DIGEST_H

#include "libcrypto.h"

#include "../../appliance/base/span.h"

#define DIGEST_HEX_SIZE (2 * EVP_MAX_MD_SIZE + 1)

/* NULL without memory or algorithm ("MD5", "SHA256"). Free with EVP_MD_CTX_free. */
EVP_MD_CTX *digest_new(const char *algorithm);
/* 0 or a negative error. */
int digest_feed(EVP_MD_CTX *digest, struct span bytes);
/* Lower-case hex. 0 or a negative error. */
int digest_hex(EVP_MD_CTX *digest, char ret[DIGEST_HEX_SIZE]);

static inline void cleanup_digest(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
	*digest = NULL;
}
#define _cleanup_digest_ __attribute__((cleanup(cleanup_digest)))

#endif
