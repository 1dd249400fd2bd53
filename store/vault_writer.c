#include <stdlib.h>
#include <string.h>

#include "vault.h"

#include "appliance/base/err.h"
#include "vault_hmac.h"

#define FIRST_BUFFER_BYTES ((size_t)16384)

struct vault_writer {
	struct vault *vault;
	struct key *key;
	uint64_t limit;
	uint8_t *buffer; /* content of the part under way; grows, so that a small object costs little */
	size_t size, have;
	struct vault_hmac *hmac; /* begins with the first part, whose name makes the salt (keys.h) */
	bool finished;
	struct object_ref ref;
};

struct vault_writer *vault_writer_new(struct vault *vault, struct key *key, uint64_t limit)
{
	struct vault_writer *writer = calloc(1, sizeof *writer);

	if (writer == NULL) {
		return NULL;
	}
	writer->vault = vault;
	writer->key = key;
	writer->limit = limit < OBJECT_MAX_BYTES ? limit : OBJECT_MAX_BYTES;
	writer->ref.generation = key->generation;
	keys_hold(key);
	return writer;
}

void vault_writer_free(struct vault_writer *writer)
{
	if (writer == NULL) {
		return;
	}
	for (size_t i = 0; !writer->finished && i < writer->ref.part_count; i++) {
		vault_part_remove(writer->vault, writer->ref.parts[i]);
	}
	if (writer->buffer != NULL) {
		explicit_bzero(writer->buffer, writer->size);
	}
	free(writer->buffer);
	vault_hmac_free(writer->hmac);
	keys_release(writer->key);
	free(writer);
}

/* Twice the room, as long as a part has not its full size. The former bytes are content: wiped. */
static bool grow(struct vault_writer *writer)
{
	size_t size = writer->size == 0 ? FIRST_BUFFER_BYTES : writer->size * 2;
	uint8_t *larger = malloc(size);

	if (larger == NULL) {
		return false;
	}
	if (writer->have > 0) {
		memcpy(larger, writer->buffer, writer->have);
		explicit_bzero(writer->buffer, writer->size);
	}
	free(writer->buffer);
	writer->buffer = larger;
	writer->size = size;
	return true;
}

uint8_t *vault_writer_space(struct vault_writer *writer, size_t *ret_room)
{
	if (writer->have == writer->size && !grow(writer)) {
		return NULL;
	}
	*ret_room = writer->size - writer->have;
	return writer->buffer + writer->have;
}

static int begin_commitment(struct vault_writer *writer)
{
	uint8_t salt[KEYS_SECRET_BYTES];

	if (!keys_object_salt(writer->key, writer->ref.parts[0], salt)) {
		return ERR_INTERNAL;
	}
	writer->hmac = vault_hmac_new(salt);
	explicit_bzero(salt, sizeof salt);
	return writer->hmac == NULL ? ERR_INTERNAL : 0;
}

static int seal_part(struct vault_writer *writer)
{
	struct span content = span_of(writer->buffer, writer->have);
	int err = ERR_INTERNAL;

	if (writer->ref.part_count == OBJECT_PARTS_MAX) {
		return ERR_LIMIT;
	}
	err = vault_part_write(writer->vault, writer->key, content, writer->ref.parts[writer->ref.part_count]);
	if (err != 0) {
		return err;
	}
	writer->ref.part_count++;
	if (writer->hmac == NULL) {
		err = begin_commitment(writer);
	}
	if (err == 0 && !vault_hmac_update(writer->hmac, content)) {
		err = ERR_INTERNAL;
	}
	writer->have = 0;
	return err;
}

int vault_writer_filled(struct vault_writer *writer, size_t length)
{
	if (length > writer->size - writer->have) {
		return ERR_INTERNAL;
	}
	writer->have += length;
	writer->ref.size += length;
	if (writer->ref.size > writer->limit) {
		return ERR_LIMIT;
	}
	return writer->have == OBJECT_PART_BYTES ? seal_part(writer) : 0;
}

int vault_writer_add(struct vault_writer *writer, struct span content)
{
	while (!span_is_empty(content)) {
		size_t room = 0;
		uint8_t *space = vault_writer_space(writer, &room);
		struct span piece;
		int err = ERR_INTERNAL;

		if (space == NULL) {
			return ERR_MEMORY;
		}
		if (!span_read_bytes(&content, content.length < room ? content.length : room, &piece)) {
			return ERR_INTERNAL;
		}
		memcpy(space, piece.data, piece.length);
		err = vault_writer_filled(writer, piece.length);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

int vault_writer_finish(struct vault_writer *writer, struct object_ref *ret)
{
	int err = 0;

	if (writer->have > 0 || writer->ref.part_count == 0) {
		err = seal_part(writer);
	}
	if (err != 0) {
		return err;
	}
	if (!vault_hmac_finish(writer->hmac, writer->ref.commitment)) {
		return ERR_INTERNAL;
	}
	writer->finished = true;
	*ret = writer->ref;
	return 0;
}
