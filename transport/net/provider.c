#include "provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROVIDER_NAME "podatelna"
#define DIGEST_MAX_BYTES 16

/* One process, one key: OpenSSL hands no argument of ours to a built-in provider. */
static struct provider_signer in_use;

/* --- keys: the public half, as an ordinary key of the default context --- */

struct half {
	EVP_PKEY *public;
};

static void *half_new(void *unused)
{
	(void)unused;
	return calloc(1, sizeof(struct half));
}

static void half_free(void *key)
{
	struct half *half = key;

	if (half != NULL) {
		EVP_PKEY_free(half->public);
		free(half);
	}
}

/* The private half is there as far as libssl is concerned: it can be used, only not seen. */
static int half_has(const void *key, int selection)
{
	const struct half *half = key;

	(void)selection;
	return half != NULL && half->public != NULL;
}

static int half_match(const void *one, const void *other, int selection)
{
	const struct half *here = one, *there = other;

	(void)selection;
	return here->public != NULL && there->public != NULL && EVP_PKEY_eq(here->public, there->public) == 1;
}

static int import(struct half *half, const char *type, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	int good = context != NULL && half->public == NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	           EVP_PKEY_fromdata(context, &half->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) == 1;

	EVP_PKEY_CTX_free(context);
	return good;
}

static int rsa_import(void *key, int selection, const OSSL_PARAM params[])
{
	return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && import(key, "RSA", params);
}

static int ec_import(void *key, int selection, const OSSL_PARAM params[])
{
	return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && import(key, "EC", params);
}

/* Where the private half is wanted too, this fails; then OpenSSL comes to our signature instead of taking the key to another provider's. */
static int half_export(void *key, int selection, OSSL_CALLBACK *take, void *context)
{
	const struct half *half = key;
	OSSL_PARAM *params = NULL;
	int good = 0;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || half->public == NULL || EVP_PKEY_todata(half->public, EVP_PKEY_PUBLIC_KEY, &params) != 1) {
		return 0;
	}
	good = take(params, context);
	OSSL_PARAM_free(params);
	return good;
}

/* What there is to pass depends on the group: nothing is promised. */
static const OSSL_PARAM *half_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static int half_get_params(void *key, OSSL_PARAM params[])
{
	const struct half *half = key;

	return half->public != NULL && EVP_PKEY_get_params(half->public, params);
}

static const OSSL_PARAM *half_gettable(void *unused)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)unused;
	return gettable;
}

/* Without this the name of the key type would be taken, which for EC is no signature. */
static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* --- signatures: one call with all the bytes --- */

struct signing {
	const struct half *half;
	bool pss;
	char digest[DIGEST_MAX_BYTES];
};

static void *signing_new(void *unused, const char *properties)
{
	(void)unused;
	(void)properties;
	return calloc(1, sizeof(struct signing));
}

static void signing_free(void *context)
{
	free(context);
}

/* libssl says "SHA256" or "SHA2-256", after the digest's provider. */
static bool note_digest(struct signing *signing, const char *name)
{
	static const char *const known[] = { "SHA256", "SHA384", "SHA512" };

	for (size_t i = 0; name != NULL && i < sizeof known / sizeof known[0]; i++) {
		if (strcasecmp(name, known[i]) == 0 || (strncasecmp(name, "SHA2-", 5) == 0 && strcmp(name + 5, known[i] + 3) == 0)) {
			(void)snprintf(signing->digest, sizeof signing->digest, "%s", known[i]);
			return true;
		}
	}
	return false;
}

/* TLS knows one length of the salt (RFC 8446 section 4.2.3), and so do we. */
static bool is_digest_length(const OSSL_PARAM *param)
{
	int length = 0;

	if (param->data_type == OSSL_PARAM_UTF8_STRING) {
		return strcmp(param->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0 || strcmp(param->data, "-1") == 0;
	}
	return OSSL_PARAM_get_int(param, &length) == 1 && length == RSA_PSS_SALTLEN_DIGEST;
}

static bool read_padding(const OSSL_PARAM *param, bool *ret_pss)
{
	int mode = 0;

	if (param->data_type == OSSL_PARAM_UTF8_STRING) {
		*ret_pss = strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
		return *ret_pss || strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
	}
	*ret_pss = OSSL_PARAM_get_int(param, &mode) == 1 && mode == RSA_PKCS1_PSS_PADDING;
	return *ret_pss || mode == RSA_PKCS1_PADDING;
}

static int signing_set_params(void *context, const OSSL_PARAM params[])
{
	struct signing *signing = context;
	const OSSL_PARAM *padding = params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	const OSSL_PARAM *salt = params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);

	return (padding == NULL || read_padding(padding, &signing->pss)) && (salt == NULL || is_digest_length(salt));
}

static const OSSL_PARAM *signing_settable(void *context, void *unused)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	(void)unused;
	return settable;
}

static int signing_init(void *context, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *signing = context;

	signing->half = key;
	signing->pss = false;
	return key != NULL && note_digest(signing, digest) && signing_set_params(signing, params);
}

/* A token that answers with something else is found out here and not by the far end; a faulty RSA signature could betray the key to whoever sees it. */
static bool is_right(const struct signing *signing, struct span message, const uint8_t *signature, size_t length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL;
	bool good = context != NULL && EVP_DigestVerifyInit_ex(context, &parameters, signing->digest, NULL, NULL, signing->half->public, NULL) == 1;

	if (good && signing->pss) {
		good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
	}
	good = good && EVP_DigestVerify(context, signature, length, message.data, message.length) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static int signing_sign(void *context, unsigned char *ret, size_t *length, size_t size, const unsigned char *message, size_t message_length)
{
	const struct signing *signing = context;
	char algorithm[PROVIDER_ALGORITHM_MAX_BYTES];
	struct span whole = span_of(message, message_length);
	int most = EVP_PKEY_get_size(signing->half->public), done = 0;

	if (most <= 0 || ret == NULL) {
		*length = most > 0 ? (size_t)most : 0;
		return most > 0;
	}
	(void)snprintf(algorithm, sizeof algorithm, "%s+%s",
	               EVP_PKEY_is_a(signing->half->public, "EC") ? "ECDSA"
	               : signing->pss                             ? "RSA-PSS"
	                                                          : "RSA",
	               signing->digest);
	done = in_use.sign(in_use.context, algorithm, whole, ret, size);
	if (done <= 0 || (size_t)done > size || !is_right(signing, whole, ret, (size_t)done)) {
		return 0;
	}
	*length = (size_t)done;
	return 1;
}

/* --- what OpenSSL is told --- */

#define CALL(number, function)                                                                                                                                 \
	{                                                                                                                                                      \
		OSSL_FUNC_##number, (void (*)(void))(function)                                                                                                 \
	}

#define KEYS_IN_COMMON                                                                                                                                         \
	CALL(KEYMGMT_NEW, half_new), CALL(KEYMGMT_FREE, half_free), CALL(KEYMGMT_HAS, half_has), CALL(KEYMGMT_MATCH, half_match),                              \
	    CALL(KEYMGMT_IMPORT_TYPES, half_types), CALL(KEYMGMT_EXPORT, half_export), CALL(KEYMGMT_EXPORT_TYPES, half_types),                                 \
	    CALL(KEYMGMT_GET_PARAMS, half_get_params), CALL(KEYMGMT_GETTABLE_PARAMS, half_gettable)

static const OSSL_DISPATCH rsa_keys[] = { KEYS_IN_COMMON, CALL(KEYMGMT_IMPORT, rsa_import), { 0, NULL } };
static const OSSL_DISPATCH ec_keys[] = { KEYS_IN_COMMON, CALL(KEYMGMT_IMPORT, ec_import), CALL(KEYMGMT_QUERY_OPERATION_NAME, ec_operation), { 0, NULL } };

static const OSSL_DISPATCH signatures[] = {
	CALL(SIGNATURE_NEWCTX, signing_new),
	CALL(SIGNATURE_FREECTX, signing_free),
	CALL(SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	CALL(SIGNATURE_DIGEST_SIGN, signing_sign),
	CALL(SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	CALL(SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	{ 0, NULL },
};

#define PROPERTIES "provider=" PROVIDER_NAME

static const OSSL_ALGORITHM all_keys[] = {
	{ "RSA:rsaEncryption", PROPERTIES, rsa_keys, "public half of an RSA key" },
	{ "EC:id-ecPublicKey", PROPERTIES, ec_keys, "public half of an EC key" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM all_signatures[] = {
	{ "RSA:rsaEncryption", PROPERTIES, signatures, "signed elsewhere" },
	{ "ECDSA", PROPERTIES, signatures, "signed elsewhere" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *unused, int operation, int *no_cache)
{
	(void)unused;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? all_keys : operation == OSSL_OP_SIGNATURE ? all_signatures : NULL;
}

static int begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ret_context)
{
	static const OSSL_DISPATCH provider[] = { CALL(PROVIDER_QUERY_OPERATION, query), { 0, NULL } };

	(void)in;
	*out = provider;
	*ret_context = (void *)(uintptr_t)handle;
	return 1;
}

static OSSL_LIB_CTX *own_context(void)
{
	static OSSL_LIB_CTX *own;

	if (own == NULL) {
		own = OSSL_LIB_CTX_new();
		if (own != NULL && (OSSL_PROVIDER_add_builtin(own, PROVIDER_NAME, begin) != 1 || OSSL_PROVIDER_load(own, PROVIDER_NAME) == NULL)) {
			OSSL_LIB_CTX_free(own);
			own = NULL;
		}
	}
	return own;
}

EVP_PKEY *provider_key(EVP_PKEY *public, const struct provider_signer *signer)
{
	OSSL_LIB_CTX *own = own_context();
	const char *type = EVP_PKEY_is_a(public, "RSA") ? "RSA" : EVP_PKEY_is_a(public, "EC") ? "EC" : NULL;
	EVP_PKEY_CTX *context = own == NULL || type == NULL ? NULL : EVP_PKEY_CTX_new_from_name(own, type, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	in_use = *signer;
	if (context != NULL && EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &params) == 1 && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		key = NULL;
	}
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return key;
}
