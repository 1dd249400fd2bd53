#include "checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "../appliance/base/err.h"

#define ROOT_BYTES 32
#define ROOT_TEXT_BYTES 44 /* in base64 */

/* The name of a note's key has neither blanks nor a plus (C2SP signed-note); ours is printable ASCII besides. */
static bool origin_is_valid(struct span origin)
{
	for (size_t i = 0; i < origin.length; i++) {
		if (origin.data[i] <= ' ' || origin.data[i] > '~' || origin.data[i] == '+') {
			return false;
		}
	}
	return origin.length > 0;
}

/* Decoded and encoded again it must be the same text: base64 has more than one way to write the last bits. */
static bool root_is_valid(struct span text)
{
	unsigned char bytes[ROOT_TEXT_BYTES], again[ROOT_TEXT_BYTES + 1];

	return text.length == ROOT_TEXT_BYTES && EVP_DecodeBlock(bytes, text.data, ROOT_TEXT_BYTES) == ROOT_BYTES + 1 &&
	       EVP_EncodeBlock(again, bytes, ROOT_BYTES) == ROOT_TEXT_BYTES && memcmp(again, text.data, ROOT_TEXT_BYTES) == 0;
}

int checkpoint_check(struct span text, uint64_t size, struct span *ret_origin)
{
	struct span origin, number, root;
	char expected[24];

	if (text.length > CHECKPOINT_MAX_BYTES || !span_read_until(&text, '\n', &origin) || !span_read_until(&text, '\n', &number) ||
	    !span_read_until(&text, '\n', &root) || !span_is_empty(text) || !origin_is_valid(origin) || !root_is_valid(root)) {
		return ERR_FORMAT;
	}
	(void)snprintf(expected, sizeof expected, "%llu", (unsigned long long)size);
	if (!span_equals_string(number, expected)) {
		return ERR_MISMATCH;
	}
	*ret_origin = origin;
	return 0;
}

int checkpoint_key_id(X509 *certificate, uint8_t ret[CHECKPOINT_KEY_ID_BYTES])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned char *key = NULL;
	int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key), err = ERR_CERT;

	if (length > 0 && EVP_Digest(key, (size_t)length, digest, NULL, EVP_sha256(), NULL) == 1) {
		memcpy(ret, digest, CHECKPOINT_KEY_ID_BYTES);
		err = 0;
	}
	OPENSSL_free(key);
	return err;
}
