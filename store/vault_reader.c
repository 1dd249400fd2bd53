#include <stdlib.h>
#include <string.h>

#include "vault.h"

#include "appliance/base/err.h"
#include "vault_hmac.h"

struct vault_reader {
	struct vault *vault;
	struct key *key;
	struct object_ref ref;
	size_t next; /* part */
	uint8_t *buffer;
	size_t size;
	struct vault_hmac *hmac;
};

struct vault_reader *vault_reader_new(struct vault *vault, struct key *key, const struct object_ref *ref)
{
	struct vault_reader *reader = calloc(1, sizeof *reader);
	uint8_t salt[KEYS_SECRET_BYTES];

	if (reader == NULL) {
		return NULL;
	}
	reader->vault = vault;
	reader->key = key;
	reader->ref = *ref;
	keys_hold(key);
	reader->size = ref->size < OBJECT_PART_BYTES ? (size_t)ref->size : OBJECT_PART_BYTES;
	reader->buffer = malloc(reader->size + 1);
	if (keys_object_salt(key, ref->parts[0], salt)) {
		reader->hmac = vault_hmac_new(salt);
	}
	explicit_bzero(salt, sizeof salt);
	if (reader->buffer == NULL || reader->hmac == NULL) {
		vault_reader_free(reader);
		return NULL;
	}
	return reader;
}

void vault_reader_free(struct vault_reader *reader)
{
	if (reader == NULL) {
		return;
	}
	if (reader->buffer != NULL) {
		explicit_bzero(reader->buffer, reader->size);
	}
	free(reader->buffer);
	vault_hmac_free(reader->hmac);
	keys_release(reader->key);
	free(reader);
}

/* How long part `n` must be, by the recorded size. */
static size_t expected_length(const struct object_ref *ref, size_t n)
{
	return n + 1 < ref->part_count ? OBJECT_PART_BYTES : (size_t)(ref->size - (uint64_t)n * OBJECT_PART_BYTES);
}

/* The commitment covers all content in its order: swapped parts, or those of another object under the same key, end here. */
static int check_commitment(struct vault_reader *reader)
{
	uint8_t found[VAULT_HMAC_BYTES];

	if (!vault_hmac_finish(reader->hmac, found)) {
		return ERR_INTERNAL;
	}
	return CRYPTO_memcmp(found, reader->ref.commitment, sizeof found) == 0 ? 0 : ERR_DAMAGE;
}

int vault_reader_next(struct vault_reader *reader, struct span *ret)
{
	size_t length = 0;
	int err = ERR_INTERNAL;

	if (reader->next < reader->ref.part_count) {
		err = vault_part_read(reader->vault, reader->key, reader->ref.parts[reader->next], reader->buffer, reader->size, &length);
		if (err != 0) {
			return err;
		}
		if (length != expected_length(&reader->ref, reader->next)) {
			return ERR_DAMAGE;
		}
		if (!vault_hmac_update(reader->hmac, span_of(reader->buffer, length))) {
			return ERR_INTERNAL;
		}
		reader->next++;
		if (length > 0) {
			*ret = span_of(reader->buffer, length);
			return 0;
		}
	}
	if (reader->next == reader->ref.part_count) {
		err = check_commitment(reader);
		if (err != 0) {
			return err;
		}
		reader->next++;
	}
	*ret = span_of("", 0);
	return 0;
}
