#include "rehearse.h"

#include "base/libcrypto.h"
#include "base/xmlwalk.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "../appliance/base/cleanup.h"

#define MODULUS_BITS 2048
#define EXPONENT 65537

static void cleanup_number(BIGNUM **number)
{
	BN_free(*number);
}

static void cleanup_builder(OSSL_PARAM_BLD **builder)
{
	OSSL_PARAM_BLD_free(*builder);
}

static void cleanup_parameters(OSSL_PARAM **parameters)
{
	OSSL_PARAM_free(*parameters);
}

static void cleanup_context(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
}

static void cleanup_digest(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static void cleanup_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* A public key with the form of an RSA key; nobody can sign with it. */
static EVP_PKEY *make_key(void)
{
	_cleanup_(cleanup_number) BIGNUM *modulus = BN_new();
	_cleanup_(cleanup_number) BIGNUM *exponent = BN_new();
	_cleanup_(cleanup_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	_cleanup_(cleanup_parameters) OSSL_PARAM *parameters = NULL;
	_cleanup_(cleanup_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (modulus == NULL || exponent == NULL || builder == NULL || context == NULL || BN_set_bit(modulus, MODULUS_BITS - 1) != 1 ||
	    BN_add_word(modulus, 1) != 1 || BN_set_word(exponent, EXPONENT) != 1 || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1 || (parameters = OSSL_PARAM_BLD_to_param(builder)) == NULL ||
	    EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
		return NULL;
	}
	return key;
}

/* Written and read again, as it stands in a certificate, and asked about a signature. That the answer is no is the rehearsal's end. */
static bool rehearse_signature(void)
{
	static const unsigned char nothing[MODULUS_BITS / 8];
	_cleanup_(cleanup_key) EVP_PKEY *key = make_key();
	_cleanup_(cleanup_key) EVP_PKEY *again = NULL;
	_cleanup_(cleanup_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	const unsigned char *place = NULL;
	int length = key == NULL ? -1 : i2d_PUBKEY(key, &der);
	bool good = false;

	place = der;
	again = length <= 0 ? NULL : d2i_PUBKEY(NULL, &place, length);
	good = again != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, again) == 1 &&
	       EVP_DigestVerify(context, nothing, sizeof nothing, nothing, sizeof nothing) != 1;
	OPENSSL_free(der);
	ERR_clear_error();
	return good;
}

static bool rehearse_document(void)
{
	static const struct xml_handler nobody = { 0 };
	static const char document[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"c\">d</a>";
	_cleanup_xmlwalk_ struct xmlwalk *walk = xmlwalk_new(&nobody, NULL);

	return walk != NULL && xmlwalk_feed(walk, span_of_string(document)) == 0 && xmlwalk_finish(walk) == 0;
}

bool rehearse_jobs(void)
{
	return rehearse_document() && rehearse_signature();
}
