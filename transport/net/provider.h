/* provider.h - an OpenSSL provider of our own, built in: a private key that is somewhere else. libssl takes it for an ordinary key of a client's certificate.
 *
 * It knows RSA and EC keys by their public half and signs whole messages only: the bytes to be signed go to the signer as they are, hashed nowhere here
 * (design 2). There is no digest-only signature, no decryption, no export of a private half, no generation. It lives in a library context of its own: what the
 * rest of the process fetches is not touched. One key per process; not for several threads.
 */
#ifndef NET_PROVIDER_H
#define NET_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define PROVIDER_ALGORITHM_MAX_BYTES 32

/* What signs. `algorithm`: as SSL_CTX_set1_client_sigalgs_list spells it, "ECDSA+SHA256", "RSA+SHA256", "RSA-PSS+SHA256" (salt as long as the digest).
 * The signature as TLS carries it (ECDSA: DER) into ret; its length, or a negative error. */
struct provider_signer {
	int (*sign)(void *context, const char *algorithm, struct span message, uint8_t *ret, size_t size);
	void *context;
};

struct evp_pkey_st;

/* The key whose public half is `public`, signing through `signer` (which outlives it). NULL when OpenSSL cannot or it is neither RSA nor EC. */
struct evp_pkey_st *provider_key(struct evp_pkey_st *public, const struct provider_signer *signer);

#endif
