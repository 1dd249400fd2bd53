/* Paddings made here, against OpenSSL's: keys of every odd size, every length, every byte altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "../../token/padding.h"

#include <openssl/rsa.h>

#include <cmocka.h>

#include "../../appliance/base/err.h"

#define BLOCK 1024

static EVP_PKEY_CTX *begin(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *), int padding)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

	assert_int_equal(init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
	return context;
}

/* What a token does with CKM_RSA_X_509. */
static size_t raw(EVP_PKEY *key, const uint8_t *block, size_t length, uint8_t ret[BLOCK])
{
	EVP_PKEY_CTX *context = begin(key, EVP_PKEY_decrypt_init, RSA_NO_PADDING);
	size_t ret_length = BLOCK;

	assert_int_equal(EVP_PKEY_decrypt(context, ret, &ret_length, block, length), 1);
	EVP_PKEY_CTX_free(context);
	return ret_length;
}

static void test_pss(void **state)
{
	static const unsigned sizes[] = { 1024, 1025, 1026, 1031, 1032, 2047, 2048 };
	const EVP_MD *hashes[] = { EVP_sha256(), EVP_sha384() };

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		EVP_PKEY *key = EVP_RSA_gen(sizes[s]);

		for (size_t h = 0; h < 2; h++) {
			uint8_t digest[64], block[BLOCK], signature[BLOCK];
			size_t length = (size_t)EVP_MD_get_size(hashes[h]);
			EVP_PKEY_CTX *context = NULL;

			memset(digest, (int)s + 1, sizeof digest);
			assert_int_equal(padding_pss_encode(hashes[h], span_of(digest, length), (int)sizes[s], block), 0);
			assert_int_equal(raw(key, block, (sizes[s] + 7) / 8, signature), (sizes[s] + 7) / 8);
			context = begin(key, EVP_PKEY_verify_init, RSA_PKCS1_PSS_PADDING);
			assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, hashes[h]), 1);
			assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
			assert_int_equal(EVP_PKEY_verify(context, signature, (sizes[s] + 7) / 8, digest, length), 1);
			EVP_PKEY_CTX_free(context);
		}
		EVP_PKEY_free(key);
	}
}

static void test_pss_limits(void **state)
{
	uint8_t digest[64] = { 0 }, block[BLOCK];

	(void)state;
	assert_int_equal(padding_pss_encode(EVP_sha512(), span_of(digest, 64), 1024, block), ERR_LIMIT);
	assert_int_equal(padding_pss_encode(EVP_sha256(), span_of(digest, 31), 2048, block), ERR_LIMIT);
	assert_int_equal(padding_pss_encode(EVP_sha256(), span_of(digest, 32), 8193, block), ERR_LIMIT);
}

struct oaep {
	EVP_PKEY *key;
	const EVP_MD *hash, *mgf;
	const char *label;
};

static void encrypt(const struct oaep *oaep, const uint8_t *plain, size_t length, uint8_t ret[BLOCK])
{
	EVP_PKEY_CTX *context = begin(oaep->key, EVP_PKEY_encrypt_init, RSA_PKCS1_OAEP_PADDING);
	uint8_t sealed[BLOCK];
	size_t sealed_length = sizeof sealed;

	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, oaep->hash), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(context, oaep->mgf), 1);
	assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_strdup(oaep->label), (int)strlen(oaep->label)), 1);
	assert_int_equal(EVP_PKEY_encrypt(context, sealed, &sealed_length, plain, length), 1);
	EVP_PKEY_CTX_free(context);
	(void)raw(oaep->key, sealed, sealed_length, ret);
}

static int decode(const struct oaep *oaep, const uint8_t *block, size_t size, uint8_t *ret, size_t *ret_length)
{
	return padding_oaep_decode(oaep->hash, oaep->mgf, span_of_string(oaep->label), span_of(block, size), ret, ret_length);
}

static void test_oaep(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	const struct oaep kinds[] = { { key, EVP_sha1(), EVP_sha1(), "" },
		                      { key, EVP_sha256(), EVP_sha256(), "" },
		                      { key, EVP_sha256(), EVP_sha1(), "popisek" } };
	uint8_t plain[128], block[BLOCK], back[BLOCK];

	(void)state;
	for (size_t i = 0; i < sizeof plain; i++) {
		plain[i] = (uint8_t)(i % 3); /* zeros and ones, as the padding has them */
	}
	for (size_t k = 0; k < 3; k++) {
		size_t most = 128 - 2 - 2 * (size_t)EVP_MD_get_size(kinds[k].hash), length = 0;

		for (size_t have = 0; have <= most; have++) {
			encrypt(&kinds[k], plain, have, block);
			assert_int_equal(decode(&kinds[k], block, 128, back, &length), 0);
			assert_int_equal(length, have);
			assert_memory_equal(back, plain, have);
		}
		for (size_t i = 0; i < 128; i++) {
			block[i] ^= 0x10;
			/* Of a whole message, an altered byte may be one of its own only when nothing else changed: MGF1 sees to it that more does. */
			assert_int_equal(decode(&kinds[k], block, 128, back, &length), ERR_FORMAT);
			assert_int_equal(length, 0);
			block[i] ^= 0x10;
		}
		assert_int_equal(decode(&kinds[k], block, 127, back, &length), ERR_FORMAT);
		assert_int_equal(decode(&(struct oaep){ key, kinds[k].hash, kinds[k].mgf, "jiny" }, block, 128, back, &length), ERR_FORMAT);
	}
	assert_int_equal(padding_oaep_decode(EVP_sha512(), EVP_sha512(), span_of("", 0), span_of(block, 128), back, &(size_t){ 0 }), ERR_FORMAT);
	EVP_PKEY_free(key);
}

static void test_equal(void **state)
{
	(void)state;
	assert_int_equal(padding_equal(0, 0), 0xff);
	assert_int_equal(padding_equal(SIZE_MAX, SIZE_MAX), 0xff);
	assert_int_equal(padding_equal(0, 1), 0);
	assert_int_equal(padding_equal(SIZE_MAX, 0), 0);
	assert_int_equal(padding_equal((size_t)1 << 63, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pss), cmocka_unit_test(test_pss_limits), cmocka_unit_test(test_oaep),
		                            cmocka_unit_test(test_equal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
