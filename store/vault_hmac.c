#include "vault_hmac.h"

#include "vault_crypto.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* Nothing but the context of libcrypto under a name of our own. */
static EVP_MAC_CTX *context_of(struct vault_hmac *hmac)
{
	return (EVP_MAC_CTX *)(void *)hmac;
}

/* HMAC with SHA-256 under a key of zeroes, which every use replaces: libcrypto's search for the two is done once. Lives as long as the program. */
static EVP_MAC_CTX *prototype(void)
{
	static EVP_MAC_CTX *context;
	static const uint8_t zeroes[VAULT_HMAC_BYTES];
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac = NULL;

	if (context != NULL) {
		return context;
	}
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (context != NULL && EVP_MAC_init(context, zeroes, sizeof zeroes, parameters) != 1) {
		EVP_MAC_CTX_free(context);
		context = NULL;
	}
	return context;
}

struct vault_hmac *vault_hmac_new(const uint8_t key[VAULT_HMAC_BYTES])
{
	EVP_MAC_CTX *model = prototype();
	EVP_MAC_CTX *context = model == NULL ? NULL : EVP_MAC_CTX_dup(model);

	if (context == NULL || EVP_MAC_init(context, key, VAULT_HMAC_BYTES, NULL) != 1) {
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
