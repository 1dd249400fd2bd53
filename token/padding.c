#include "padding.h"

#include <string.h>

#include "../appliance/base/err.h"

static void free_hash(EVP_MD_CTX **hash)
{
	EVP_MD_CTX_free(*hash);
}

uint8_t padding_equal(size_t a, size_t b)
{
	size_t different = a ^ b;

	/* The highest bit of (x | -x) is set for every x but 0. */
	return (uint8_t)(((different | (0 - different)) >> (sizeof different * 8 - 1)) - 1);
}

/* MGF1 (RFC 8017 B.2.1), XORed over `data`. */
static int mask(const EVP_MD *hash, struct span seed, uint8_t *data, size_t length)
{
	__attribute__((cleanup(free_hash))) EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t block[EVP_MAX_MD_SIZE];
	unsigned block_length = 0;

	if (context == NULL) {
		return ERR_MEMORY;
	}
	for (uint32_t counter = 0; length > 0; counter++) {
		const uint8_t number[4] = { (uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8), (uint8_t)counter };

		if (EVP_DigestInit_ex(context, hash, NULL) != 1 || EVP_DigestUpdate(context, seed.data, seed.length) != 1 ||
		    EVP_DigestUpdate(context, number, sizeof number) != 1 || EVP_DigestFinal_ex(context, block, &block_length) != 1) {
			return ERR_MEMORY;
		}
		for (unsigned i = 0; i < block_length && length > 0; i++, length--) {
			*data++ ^= block[i];
		}
	}
	return 0;
}

static int hash_salted(const EVP_MD *hash, struct span digest, struct span salt, uint8_t *ret)
{
	static const uint8_t zeros[8] = { 0 };
	__attribute__((cleanup(free_hash))) EVP_MD_CTX *context = EVP_MD_CTX_new();

	return context != NULL && EVP_DigestInit_ex(context, hash, NULL) == 1 && EVP_DigestUpdate(context, zeros, sizeof zeros) == 1 &&
	               EVP_DigestUpdate(context, digest.data, digest.length) == 1 && EVP_DigestUpdate(context, salt.data, salt.length) == 1 &&
	               EVP_DigestFinal_ex(context, ret, NULL) == 1
	           ? 0
	           : ERR_MEMORY;
}

int padding_pss_encode(const EVP_MD *hash, struct span digest, int bits, uint8_t ret[PADDING_RSA_MAX_BYTES])
{
	uint8_t salt[EVP_MAX_MD_SIZE];
	size_t size = (size_t)(bits + 7) / 8, length = digest.length, block = (size_t)(bits + 6) / 8;
	uint8_t *encoded = ret + (size - block), *salted = NULL;
	int err = ERR_INTERNAL;

	if (bits < 0 || size > PADDING_RSA_MAX_BYTES || digest.length != (size_t)EVP_MD_get_size(hash) || block < 2 * length + 2) {
		return ERR_LIMIT;
	}
	if (RAND_bytes(salt, (int)length) != 1) {
		return ERR_SYSTEM;
	}
	memset(ret, 0, size);
	salted = encoded + block - 1 - length;
	encoded[block - 2 * length - 2] = 1;
	memcpy(salted - length, salt, length);
	encoded[block - 1] = 0xbc;
	err = hash_salted(hash, digest, span_of(salt, length), salted);
	if (err == 0) {
		err = mask(hash, span_of(salted, length), encoded, block - 1 - length);
	}
	encoded[0] &= (uint8_t)(0xff >> (8 * block - (size_t)(bits - 1)));
	return err;
}

/* Where the 01 that ends the zeros stands, and whether all before it is right: one pass over every byte, whatever they are. */
static uint8_t find_message(struct span data, const uint8_t *label_hash, size_t hash_length, size_t *ret_start)
{
	uint8_t good = padding_equal((size_t)CRYPTO_memcmp(data.data, label_hash, hash_length), 0), found = 0;
	size_t start = 0;

	for (size_t i = hash_length; i < data.length; i++) {
		uint8_t is_one = padding_equal(data.data[i], 1), is_zero = padding_equal(data.data[i], 0);
		uint8_t first = (uint8_t)(is_one & (uint8_t)~found);

		start |= (i + 1) & (0 - (size_t)(first & 1));
		good &= (uint8_t)(found | is_one | is_zero);
		found |= is_one;
	}
	*ret_start = start;
	return good & found;
}

/* Moves the message to the front, by powers of two, so that no access depends on where it begins. */
static void shift_down(uint8_t *data, size_t length, size_t by)
{
	for (size_t step = 1; step < length; step <<= 1) {
		uint8_t keep = padding_equal(by & step, 0);

		for (size_t i = 0; i < length; i++) {
			uint8_t moved = i + step < length ? data[i + step] : 0;

			data[i] = (uint8_t)((data[i] & keep) | (moved & (uint8_t)~keep));
		}
	}
}

int padding_oaep_decode(const EVP_MD *hash, const EVP_MD *mgf_hash, struct span label, struct span block, uint8_t *ret, size_t *ret_length)
{
	uint8_t label_hash[EVP_MAX_MD_SIZE], work[PADDING_RSA_MAX_BYTES];
	size_t length = (size_t)EVP_MD_get_size(hash), start = 0;
	uint8_t *seed = work + 1, *data = work + 1 + length, good = 0;
	int err = ERR_INTERNAL;

	if (block.length > sizeof work || block.length < 2 * length + 2) {
		return ERR_FORMAT;
	}
	memcpy(work, block.data, block.length);
	err = EVP_Digest(label.data, label.length, label_hash, NULL, hash, NULL) == 1 ? 0 : ERR_MEMORY;
	if (err == 0) {
		err = mask(mgf_hash, span_of(data, block.length - 1 - length), seed, length);
	}
	if (err == 0) {
		err = mask(mgf_hash, span_of(seed, length), data, block.length - 1 - length);
	}
	if (err == 0) {
		size_t whole = block.length - 1 - length;

		good = (uint8_t)(find_message(span_of(data, whole), label_hash, length, &start) & padding_equal(work[0], 0));
		shift_down(data, whole, start);
		memcpy(ret, data, whole);
		*ret_length = (whole - start) & (0 - (size_t)(good & 1));
	}
	explicit_bzero(work, sizeof work);
	return err != 0 ? err : good != 0 ? 0 : ERR_FORMAT;
}
