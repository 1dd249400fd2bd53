#include "vault_hmac.h"

#include "vault_crypto.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* Nothing but the context of libcrypto under a name of our own. */
static EVP_MAC_CTX *context_of(struct vault_hmac *hmac)
{
	return (EVP_MAC_CTX *)(void *)hmac;
}

struct vault_hmac *vault_hmac_new(const uint8_t key[VAULT_HMAC_BYTES])
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	if (context == NULL || EVP_MAC_init(context, key, VAULT_HMAC_BYTES, parameters) != 1) {
		EVP_MAC_CTX_free(context);
		return NULL;
	}
	return (struct vault_hmac *)(void *)context;
}

bool vault_hmac_update(struct vault_hmac *hmac, struct span piece)
{
	return piece.length == 0 || EVP_MAC_update(context_of(hmac), piece.data, piece.length) == 1;
}

bool vault_hmac_finish(struct vault_hmac *hmac, uint8_t ret[VAULT_HMAC_BYTES])
{
	size_t length = 0;

	return EVP_MAC_final(context_of(hmac), ret, &length, VAULT_HMAC_BYTES) == 1 && length == VAULT_HMAC_BYTES;
}

void vault_hmac_free(struct vault_hmac *hmac)
{
	EVP_MAC_CTX_free(context_of(hmac));
}
