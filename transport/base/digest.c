#include "digest.h"

#include "../../appliance/base/err.h"

EVP_MD_CTX *digest_new(const char *algorithm)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	const EVP_MD *kind = EVP_get_digestbyname(algorithm);

	if (digest == NULL || kind == NULL || EVP_DigestInit_ex(digest, kind, NULL) != 1) {
		EVP_MD_CTX_free(digest);
		return NULL;
	}
	return digest;
}

int digest_feed(EVP_MD_CTX *digest, struct span bytes)
{
	return EVP_DigestUpdate(digest, bytes.data, bytes.length) == 1 ? 0 : ERR_INTERNAL;
}

int digest_hex(EVP_MD_CTX *digest, char ret[DIGEST_HEX_SIZE])
{
	uint8_t value[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (EVP_DigestFinal_ex(digest, value, &length) != 1) {
		return ERR_INTERNAL;
	}
	hex_encode(value, length, ret);
	return 0;
}
