#include "card.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static FILE *open_in(const char *directory, const char *name, const char *mode)
{
	char path[CARD_PATH_BYTES + 64];

	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	return fopen(path, mode);
}

bool card_read_number(const char **text, int base, unsigned *ret)
{
	char *end = NULL;
	unsigned long number = 0;

	errno = 0;
	number = strtoul(*text, &end, base);
	if (errno != 0 || end == *text || number > UINT_MAX) {
		return false;
	}
	*text = end;
	*ret = (unsigned)number;
	return true;
}

static bool load_slot(struct card_slot *slot, const char *directory)
{
	char name[16];
	FILE *file = NULL;
	X509 *certificate = NULL;
	int length = 0;

	(void)snprintf(name, sizeof name, "%02X.key", slot->number);
	file = open_in(directory, name, "r");
	if (file != NULL) {
		slot->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
		(void)fclose(file);
	}
	(void)snprintf(name, sizeof name, "%02X.pem", slot->number);
	file = open_in(directory, name, "r");
	if (file == NULL) {
		return true;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file);
	length = certificate == NULL ? -1 : i2d_X509(certificate, &slot->certificate);
	X509_free(certificate);
	slot->certificate_bytes = length > 0 ? (size_t)length : 0;
	return length > 0 && length <= CARD_OBJECT_BYTES;
}

static bool load_words(struct card *card, const char *directory)
{
	char guid[33] = "", pin[CARD_PIN_BYTES + 1] = "", tries[32] = "";
	const char *place = tries;
	FILE *file = open_in(directory, "guid", "r");
	long length = 0;
	bool read = false;

	if (file != NULL) {
		read = fscanf(file, "%32[0-9a-fA-F]", guid) == 1 && strlen(guid) == 32;
		(void)fclose(file);
	}
	if (!read || OPENSSL_hexstr2buf_ex(card->guid, sizeof card->guid, &(size_t){ 0 }, guid, '\0') != 1) {
		return false;
	}
	file = open_in(directory, "pin", "r");
	if (file != NULL) {
		read = fscanf(file, "%8[0-9]", pin) == 1;
		(void)fclose(file);
		length = (long)strlen(pin);
	}
	if (!read || length < 6) {
		return false;
	}
	memset(card->pin, 0xFF, sizeof card->pin);
	memcpy(card->pin, pin, (size_t)length);
	file = open_in(directory, "tries", "r");
	card->tries_left = card->tries_most = 3;
	if (file != NULL) {
		read = fgets(tries, sizeof tries, file) != NULL && card_read_number(&place, 10, &card->tries_left) &&
		       card_read_number(&place, 10, &card->tries_most);
		(void)fclose(file);
	}
	return read;
}

void card_free(struct card *card)
{
	for (size_t i = 0; i < CARD_SLOTS; i++) {
		EVP_PKEY_free(card->slots[i].key);
		OPENSSL_free(card->slots[i].certificate);
		card->slots[i] = (struct card_slot){ 0 };
	}
}

bool card_load(struct card *card, const char *directory)
{
	static const struct {
		uint8_t number, tag;
	} places[CARD_SLOTS] = { { 0x9A, 0x05 }, { 0x9C, 0x0A }, { 0x9D, 0x0B }, { 0x9E, 0x01 } };
	bool good = strlen(directory) < sizeof card->directory;

	card_free(card);
	(void)snprintf(card->directory, sizeof card->directory, "%s", directory);
	for (size_t i = 0; good && i < CARD_SLOTS; i++) {
		card->slots[i].number = places[i].number;
		card->slots[i].tag = places[i].tag;
		good = load_slot(&card->slots[i], directory);
	}
	card_reset(card);
	return good && load_words(card, directory);
}

void card_save_tries(const struct card *card)
{
	char whole[CARD_PATH_BYTES + 64], part[CARD_PATH_BYTES + 64];
	FILE *file = NULL;
	bool written = false;

	(void)snprintf(whole, sizeof whole, "%s/tries", card->directory);
	(void)snprintf(part, sizeof part, "%s/tries.new", card->directory);
	file = fopen(part, "w");
	if (file != NULL) {
		written = fprintf(file, "%u %u\n", card->tries_left, card->tries_most) > 0;
		written = fclose(file) == 0 && written;
	}
	/* A card that forgot a try would prove nothing. */
	if (!written || rename(part, whole) != 0) {
		_exit(1);
	}
}

static unsigned rsa_raw(EVP_PKEY *key, const uint8_t *data, size_t length, uint8_t *ret, size_t *ret_length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool done = context != NULL && length == (size_t)EVP_PKEY_get_size(key) && EVP_PKEY_decrypt_init(context) == 1 &&
	            EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 && EVP_PKEY_decrypt(context, ret, ret_length, data, length) == 1;

	EVP_PKEY_CTX_free(context);
	return done ? CARD_OK : CARD_WRONG_DATA;
}

static unsigned ecdsa(EVP_PKEY *key, const uint8_t *data, size_t length, uint8_t *ret, size_t *ret_length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool done = context != NULL && EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_sign(context, ret, ret_length, data, length) == 1;

	EVP_PKEY_CTX_free(context);
	return done ? CARD_OK : CARD_WRONG_DATA;
}

static EVP_PKEY *point_of(EVP_PKEY *key, const uint8_t *data, size_t length)
{
	EVP_PKEY *peer = EVP_PKEY_new();

	if (peer == NULL || EVP_PKEY_copy_parameters(peer, key) != 1 || EVP_PKEY_set1_encoded_public_key(peer, data, length) != 1) {
		EVP_PKEY_free(peer);
		return NULL;
	}
	return peer;
}

static unsigned ecdh(EVP_PKEY *key, const uint8_t *data, size_t length, uint8_t *ret, size_t *ret_length)
{
	EVP_PKEY *peer = point_of(key, data, length);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool done = context != NULL && peer != NULL && EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
	            EVP_PKEY_derive(context, ret, ret_length) == 1;

	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return done ? CARD_OK : CARD_WRONG_DATA;
}

static bool suits(const EVP_PKEY *key, uint8_t algorithm)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (algorithm) {
	case 0x07:
		return EVP_PKEY_is_a(key, "RSA") && bits == 2048;
	case 0x05:
		return EVP_PKEY_is_a(key, "RSA") && bits == 3072;
	case 0x11:
		return EVP_PKEY_is_a(key, "EC") && bits == 256;
	case 0x14:
		return EVP_PKEY_is_a(key, "EC") && bits == 384;
	default:
		return false;
	}
}

unsigned card_operate(const struct card_slot *slot, uint8_t algorithm, bool derive, const uint8_t *data, size_t length, uint8_t *ret, size_t *ret_length)
{
	*ret_length = CARD_OPERATION_BYTES;
	if (slot->key == NULL || !suits(slot->key, algorithm)) {
		return CARD_NO_KEY;
	}
	if (EVP_PKEY_is_a(slot->key, "RSA")) {
		return derive ? CARD_WRONG_DATA : rsa_raw(slot->key, data, length, ret, ret_length);
	}
	return derive ? ecdh(slot->key, data, length, ret, ret_length) : ecdsa(slot->key, data, length, ret, ret_length);
}
