#include "trial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/text.h"

#define RANDOM_BYTES 32
#define TRIAL_BYTES (sizeof TRIAL_PREFIX - 1 + RANDOM_BYTES)
#define POINT_MAX_BYTES 133 /* uncompressed, P-521 */
#define TRIAL_MAX_MS 60000

static void free_context(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static int fail(struct trial *trial, int err, const char *why)
{
	(void)snprintf(trial->why, sizeof trial->why, "%s", why);
	return err;
}

/* --- a signature --- */

static bool verifies(const struct token_key *key, const uint8_t words[TRIAL_BYTES], const uint8_t *signature, size_t length)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool good = hash != NULL && EVP_DigestVerifyInit(hash, NULL, EVP_sha256(), NULL, X509_get0_pubkey(key->certificate)) == 1 &&
	            EVP_DigestVerify(hash, signature, length, words, TRIAL_BYTES) == 1;

	EVP_MD_CTX_free(hash);
	return good;
}

static int try_signature(struct token *token, struct token_key *key, struct trial *trial)
{
	const struct operation operation = token_operation(token, key);
	uint8_t words[TRIAL_BYTES], digest[EVP_MAX_MD_SIZE], signature[OPERATION_MAX_BYTES];
	size_t length = 0;
	unsigned digest_length = 0;
	uint64_t begun_ms = clock_mono_ms();
	int err = ERR_INTERNAL;

	memcpy(words, TRIAL_PREFIX, sizeof TRIAL_PREFIX - 1);
	if (RAND_bytes(words + sizeof TRIAL_PREFIX - 1, RANDOM_BYTES) != 1 || EVP_Digest(words, TRIAL_BYTES, digest, &digest_length, EVP_sha256(), NULL) != 1) {
		return fail(trial, ERR_MEMORY, "no random bytes");
	}
	err = operation_sign(&operation, OPERATION_PKCS1, EVP_sha256(), span_of(digest, digest_length), signature, &length);
	trial->ms = clock_mono_ms() - begun_ms;
	if (err != 0) {
		return fail(trial, err, token->module.why);
	}
	return verifies(key, words, signature, length) ? 0 : fail(trial, ERR_DAMAGE, N_("the signature does not fit the certificate"));
}

/* --- a decryption --- */

static int try_rsa(struct token *token, struct token_key *key, struct trial *trial)
{
	const struct operation operation = token_operation(token, key);
	__attribute__((cleanup(free_context))) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(X509_get0_pubkey(key->certificate), NULL);
	uint8_t words[RANDOM_BYTES], block[OPERATION_MAX_BYTES], opened[OPERATION_MAX_BYTES];
	size_t length = sizeof block, opened_length = 0;
	uint64_t begun_ms = 0;
	int err = ERR_INTERNAL;

	if (context == NULL || RAND_bytes(words, sizeof words) != 1 || EVP_PKEY_encrypt_init(context) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 || EVP_PKEY_encrypt(context, block, &length, words, sizeof words) != 1) {
		return fail(trial, ERR_CERT, N_("nothing can be encrypted for this certificate"));
	}
	begun_ms = clock_mono_ms();
	err = operation_decrypt(&operation, NULL, span_of(block, length), opened, &opened_length);
	trial->ms = clock_mono_ms() - begun_ms;
	if (err != 0 && err != ERR_FORMAT) {
		return fail(trial, err, token->module.why);
	}
	if (err != 0 || opened_length != sizeof words || CRYPTO_memcmp(opened, words, sizeof words) != 0) {
		return fail(trial, ERR_DAMAGE, N_("what the token decrypted is not what was encrypted with the certificate"));
	}
	return 0;
}

/* An ephemeral key on the curve of the certificate, and the secret that both sides must come to. */
static bool make_secret(EVP_PKEY *public_key, uint8_t point[POINT_MAX_BYTES], size_t *ret_point, uint8_t secret[OPERATION_MAX_BYTES], size_t *ret_secret)
{
	__attribute__((cleanup(free_context))) EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new(public_key, NULL);
	__attribute__((cleanup(free_key))) EVP_PKEY *own = NULL;
	__attribute__((cleanup(free_context))) EVP_PKEY_CTX *agreement = NULL;

	*ret_secret = OPERATION_MAX_BYTES;
	return maker != NULL && EVP_PKEY_keygen_init(maker) == 1 && EVP_PKEY_generate(maker, &own) == 1 &&
	       EVP_PKEY_get_octet_string_param(own, "encoded-pub-key", point, POINT_MAX_BYTES, ret_point) == 1 &&
	       (agreement = EVP_PKEY_CTX_new(own, NULL)) != NULL && EVP_PKEY_derive_init(agreement) == 1 &&
	       EVP_PKEY_derive_set_peer(agreement, public_key) == 1 && EVP_PKEY_derive(agreement, secret, ret_secret) == 1;
}

static int try_ecdh(struct token *token, struct token_key *key, struct trial *trial)
{
	const struct operation operation = token_operation(token, key);
	uint8_t point[POINT_MAX_BYTES], secret[OPERATION_MAX_BYTES], derived[OPERATION_MAX_BYTES];
	size_t point_length = 0, secret_length = 0, derived_length = 0;
	uint64_t begun_ms = 0;
	int err = ERR_INTERNAL;

	if (!make_secret(X509_get0_pubkey(key->certificate), point, &point_length, secret, &secret_length)) {
		return fail(trial, ERR_CERT, N_("nothing can be encrypted for this certificate"));
	}
	begun_ms = clock_mono_ms();
	err = operation_derive(&operation, span_of(point, point_length), derived, &derived_length);
	trial->ms = clock_mono_ms() - begun_ms;
	if (err != 0) {
		return fail(trial, err, token->module.why);
	}
	if (derived_length != secret_length || CRYPTO_memcmp(derived, secret, secret_length) != 0) {
		return fail(trial, ERR_DAMAGE, N_("what the token decrypted is not what was encrypted with the certificate"));
	}
	return 0;
}

int trial_run(struct token *token, const char *name, struct trial *ret)
{
	struct token_key *key = NULL;
	const char *why = "";
	bool signs = false;
	int err = token_use_key(token, name, USE_SIGN | USE_TLS | USE_JOURNAL | USE_VAULT | USE_DECRYPT, &key, &why);

	*ret = (struct trial){ .ms = 0 };
	if (err != 0) {
		return fail(ret, err, why);
	}
	signs = (key->setup->use & (USE_SIGN | USE_TLS | USE_JOURNAL)) != 0;
	(void)snprintf(ret->operation, sizeof ret->operation, "%s", signs ? "sign" : "decrypt");
	(void)snprintf(ret->algorithm, sizeof ret->algorithm, "%s", key->facts.algorithm);
	token_guard(clock_deadline(TRIAL_MAX_MS));
	err = signs ? try_signature(token, key, ret) : key->facts.is_rsa ? try_rsa(token, key, ret) : try_ecdh(token, key, ret);
	token_unguard();
	return err;
}
