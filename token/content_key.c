#include "content_key.h"

#include <stdio.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/der.h"

#define SHARED_INFO_BYTES 1024
#define WRAP_OVERHEAD_BYTES 8 /* RFC 3394 */

static void free_hash(EVP_MD_CTX **hash)
{
	EVP_MD_CTX_free(*hash);
}

static int refuse(const struct operation *operation, const char *why)
{
	(void)snprintf(operation->module->why, sizeof operation->module->why, "%s", why);
	return ERR_UNSUPPORTED;
}

/* `plain` where it is right, else what stands in `ret`, which is random. */
static void choose(uint8_t *ret, const uint8_t *plain, size_t length, uint8_t good)
{
	for (size_t i = 0; i < length; i++) {
		ret[i] = (uint8_t)((ret[i] & (uint8_t)~good) | (plain[i] & good));
	}
}

/* --- key transport --- */

static int open_transport(const struct operation *operation, const struct envelope_recipient *recipient, uint8_t *ret, size_t length)
{
	const struct operation_oaep oaep = { .hash = recipient->hash, .mgf_hash = recipient->mgf_hash, .label = recipient->label };
	uint8_t plain[OPERATION_MAX_BYTES] = { 0 };
	size_t plain_length = 0;
	int err = operation_decrypt(operation, recipient->kind == ENVELOPE_OAEP ? &oaep : NULL, recipient->key, plain, &plain_length);

	if (err == 0 || err == ERR_FORMAT) {
		choose(ret, plain, length, (uint8_t)(padding_equal(plain_length, length) & padding_equal((size_t)-err, 0)));
		err = 0;
	}
	explicit_bzero(plain, sizeof plain);
	return err;
}

/* --- key agreement --- */

/* The point of the other side, checked to lie on the curve of ours, uncompressed. */
static int read_point(const struct operation *operation, struct span point, unsigned char **ret, size_t *ret_length)
{
	EVP_PKEY *ours = X509_get0_pubkey(operation->key->certificate), *theirs = EVP_PKEY_new();
	bool good = theirs != NULL && EVP_PKEY_copy_parameters(theirs, ours) == 1 && EVP_PKEY_set1_encoded_public_key(theirs, point.data, point.length) == 1;

	*ret_length = good ? EVP_PKEY_get1_encoded_public_key(theirs, ret) : 0;
	EVP_PKEY_free(theirs);
	return *ret_length > 0 ? 0 : ERR_FORMAT;
}

static void add(uint8_t *to, size_t *have, struct span data)
{
	memcpy(to + *have, data.data, data.length);
	*have += data.length;
}

static void add_header(uint8_t *to, size_t *have, uint8_t tag, size_t length)
{
	uint8_t header[DER_HEADER_MAX_BYTES];

	add(to, have, span_of(header, der_header(tag, length, header)));
}

/* ECC-CMS-SharedInfo (RFC 5753 7.2): keyInfo, entityUInfo [0], suppPubInfo [2] with the length of the wrapping key in bits. */
static int write_shared_info(const struct envelope_recipient *recipient, size_t key_length, uint8_t ret[SHARED_INFO_BYTES], size_t *ret_length)
{
	const uint8_t bits[4] = { 0, 0, (uint8_t)(key_length * 8 >> 8), (uint8_t)(key_length * 8) };
	size_t ukm = recipient->ukm.length, have = 0;
	size_t content = recipient->wrap.length + (ukm > 0 ? der_header_length(ukm) + ukm : 0) + 8;

	if (content + 2 * (size_t)DER_HEADER_MAX_BYTES > SHARED_INFO_BYTES) {
		return ERR_UNSUPPORTED;
	}
	add_header(ret, &have, DER_SEQUENCE, content);
	add(ret, &have, recipient->wrap);
	if (ukm > 0) {
		add_header(ret, &have, DER_CONTEXT_0, ukm);
		add(ret, &have, recipient->ukm);
	}
	add_header(ret, &have, 0xa2, 6);
	add_header(ret, &have, DER_OCTET_STRING, sizeof bits);
	add(ret, &have, span_of(bits, sizeof bits));
	*ret_length = have;
	return 0;
}

/* KDF of X9.63 (SEC 1, 3.6.1) */
static int derive(const EVP_MD *md, struct span secret, struct span info, uint8_t *ret, size_t length)
{
	__attribute__((cleanup(free_hash))) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t block[EVP_MAX_MD_SIZE], counter[4] = { 0, 0, 0, 0 };
	unsigned block_length = 0;

	while (length > 0) {
		size_t part = 0;

		counter[3]++;
		if (hash == NULL || EVP_DigestInit_ex(hash, md, NULL) != 1 || EVP_DigestUpdate(hash, secret.data, secret.length) != 1 ||
		    EVP_DigestUpdate(hash, counter, sizeof counter) != 1 || EVP_DigestUpdate(hash, info.data, info.length) != 1 ||
		    EVP_DigestFinal_ex(hash, block, &block_length) != 1) {
			return ERR_MEMORY;
		}
		part = length < block_length ? length : block_length;
		memcpy(ret, block, part);
		ret += part;
		length -= part;
	}
	explicit_bzero(block, sizeof block);
	return 0;
}

/* RFC 3394; a wrong key or a wrong length leaves the random one. */
static int unwrap(const struct envelope_recipient *recipient, const uint8_t *wrapping, uint8_t *ret, size_t length)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t plain[ENVELOPE_KEY_MAX_BYTES + 2 * WRAP_OVERHEAD_BYTES] = { 0 };
	int plain_length = 0, err = ERR_MEMORY;

	if (cipher != NULL) {
		EVP_CIPHER_CTX_set_flags(cipher, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		if (EVP_DecryptInit_ex(cipher, recipient->wrap_cipher, NULL, wrapping, NULL) == 1) {
			bool good = recipient->key.length == length + WRAP_OVERHEAD_BYTES &&
			            EVP_DecryptUpdate(cipher, plain, &plain_length, recipient->key.data, (int)recipient->key.length) == 1;

			choose(ret, plain, length, (uint8_t)(padding_equal((size_t)plain_length, length) & padding_equal(good, 1)));
			err = 0;
		}
	}
	EVP_CIPHER_CTX_free(cipher);
	explicit_bzero(plain, sizeof plain);
	return err;
}

static int open_agreement(const struct operation *operation, const struct envelope_recipient *recipient, uint8_t *ret, size_t length)
{
	uint8_t secret[OPERATION_MAX_BYTES], info[SHARED_INFO_BYTES], wrapping[ENVELOPE_KEY_MAX_BYTES];
	size_t point_length = 0, secret_length = 0, info_length = 0, wrapping_length = (size_t)EVP_CIPHER_get_key_length(recipient->wrap_cipher);
	unsigned char *point = NULL;
	int err = read_point(operation, recipient->point, &point, &point_length);

	if (err != 0) {
		return refuse(operation, "the sender's key is not on the curve of ours");
	}
	err = write_shared_info(recipient, wrapping_length, info, &info_length);
	if (err == 0) {
		err = operation_derive(operation, span_of(point, point_length), secret, &secret_length);
	}
	OPENSSL_free(point);
	if (err == 0) {
		err = derive(recipient->hash, span_of(secret, secret_length), span_of(info, info_length), wrapping, wrapping_length);
	}
	if (err == 0) {
		err = unwrap(recipient, wrapping, ret, length);
	}
	explicit_bzero(secret, sizeof secret);
	explicit_bzero(wrapping, sizeof wrapping);
	return err;
}

int content_key_open(const struct operation *operation, const struct envelope_recipient *recipient, uint8_t *ret, size_t length)
{
	if (length > ENVELOPE_KEY_MAX_BYTES || RAND_bytes(ret, (int)length) != 1) {
		return ERR_SYSTEM;
	}
	if (operation->key->facts.is_rsa != (recipient->kind != ENVELOPE_ECDH)) {
		return refuse(operation, "the recipient is of another kind than our key");
	}
	return recipient->kind == ENVELOPE_ECDH ? open_agreement(operation, recipient, ret, length) : open_transport(operation, recipient, ret, length);
}
