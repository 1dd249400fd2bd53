#include "ber.h"

#include <stdlib.h>
#include <string.h>

#include "../appliance/base/err.h"

#define CONSTRUCTED 0x20
#define LONG_TAG 0x1f
#define LENGTH_BYTES_MAX 8

int ber_open(struct ber *ber, ber_source source, void *context)
{
	*ber = (struct ber){ .source = source, .context = context, .buffer = malloc(BER_STEP_BYTES) };
	return ber->buffer == NULL ? ERR_MEMORY : 0;
}

void ber_close(struct ber *ber)
{
	free(ber->buffer);
	ber->buffer = NULL;
}

/* At least `least` bytes at hand (few: a header), or ERR_FORMAT at the end of the source. */
static int fill(struct ber *ber, size_t least)
{
	if (ber->end - ber->start >= least) {
		return 0;
	}
	memmove(ber->buffer, ber->buffer + ber->start, ber->end - ber->start);
	ber->end -= ber->start;
	ber->start = 0;
	while (ber->end < least) {
		ssize_t got = ber->source(ber->context, ber->buffer + ber->end, BER_STEP_BYTES - ber->end);

		if (got < 0) {
			return (int)got;
		}
		if (got == 0) {
			return ERR_FORMAT;
		}
		ber->end += (size_t)got;
	}
	return 0;
}

static void consume(struct ber *ber, size_t length)
{
	ber->start += length;
	ber->position += length;
}

/* Reads a header without consuming it: 1 + 1 + up to 8 bytes. */
static int look_at_header(struct ber *ber, const struct ber_level *parent, uint8_t tag, uint8_t *ret_header_length, struct ber_level *ret)
{
	const uint8_t *bytes = NULL;
	uint64_t length = 0;
	uint8_t more = 0;
	int err = fill(ber, 2);

	if (err != 0) {
		return err;
	}
	bytes = ber->buffer + ber->start;
	if (bytes[0] != tag || (tag & LONG_TAG) == LONG_TAG) {
		return ERR_FORMAT;
	}
	if (bytes[1] == 0x80) {
		*ret = (struct ber_level){ .indefinite = true, .end = parent->end };
		*ret_header_length = 2;
		return (tag & CONSTRUCTED) != 0 && parent->end - ber->position >= 2 ? 0 : ERR_FORMAT;
	}
	if (bytes[1] < 0x80) {
		length = bytes[1];
	} else {
		more = bytes[1] & 0x7f;
		if (more > LENGTH_BYTES_MAX) {
			return ERR_FORMAT;
		}
		err = fill(ber, 2 + (size_t)more);
		if (err != 0) {
			return err;
		}
		for (size_t i = 0; i < more; i++) {
			length = length << 8 | ber->buffer[ber->start + 2 + i];
		}
	}
	*ret_header_length = (uint8_t)(2 + more);
	if (parent->end - ber->position < *ret_header_length || length > parent->end - ber->position - *ret_header_length) {
		return ERR_FORMAT;
	}
	*ret = (struct ber_level){ .indefinite = false, .end = ber->position + *ret_header_length + length };
	return 0;
}

int ber_more(struct ber *ber, const struct ber_level *level, bool *ret)
{
	int err = 0;

	if (!level->indefinite) {
		*ret = ber->position < level->end;
		return 0;
	}
	err = fill(ber, 2);
	if (err == 0) {
		*ret = ber->buffer[ber->start] != 0 || ber->buffer[ber->start + 1] != 0;
	}
	return err;
}

int ber_peek(struct ber *ber, const struct ber_level *level, uint8_t *ret_tag)
{
	bool more = false;
	int err = ber_more(ber, level, &more);

	if (err == 0) {
		err = more ? fill(ber, 1) : ERR_FORMAT;
	}
	if (err == 0) {
		*ret_tag = ber->buffer[ber->start];
	}
	return err;
}

int ber_enter(struct ber *ber, const struct ber_level *parent, uint8_t tag, struct ber_level *ret)
{
	uint8_t header = 0;
	int err = look_at_header(ber, parent, tag, &header, ret);

	if (err == 0) {
		consume(ber, header);
	}
	return err;
}

int ber_leave(struct ber *ber, const struct ber_level *level)
{
	bool more = true;
	int err = ber_more(ber, level, &more);

	if (err != 0 || more) {
		return err != 0 ? err : ERR_FORMAT;
	}
	if (level->indefinite) {
		if (level->end - ber->position < 2) {
			return ERR_FORMAT;
		}
		consume(ber, 2);
	}
	return 0;
}

int ber_piece(struct ber *ber, const struct ber_level *level, struct span *ret)
{
	uint64_t left = level->end - ber->position;
	int err = left == 0 ? 0 : fill(ber, 1);

	if (err != 0 || level->indefinite) {
		return err != 0 ? err : ERR_FORMAT;
	}
	*ret = span_of(ber->buffer + ber->start, ber->end - ber->start < left ? ber->end - ber->start : (size_t)left);
	consume(ber, ret->length);
	return 0;
}

int ber_element(struct ber *ber, const struct ber_level *parent, uint8_t tag, uint8_t *ret, size_t size, size_t *ret_length)
{
	struct ber_level level;
	struct span piece = { NULL, 1 };
	uint8_t header = 0;
	size_t have = 0;
	int err = look_at_header(ber, parent, tag, &header, &level);

	if (err != 0) {
		return err;
	}
	if (level.indefinite) {
		return ERR_UNSUPPORTED;
	}
	if (level.end - ber->position > size) {
		return ERR_LIMIT;
	}
	memcpy(ret, ber->buffer + ber->start, header);
	have = header;
	consume(ber, header);
	while (err == 0 && piece.length > 0) {
		err = ber_piece(ber, &level, &piece);
		if (err == 0) {
			memcpy(ret + have, piece.data, piece.length);
			have += piece.length;
		}
	}
	*ret_length = have;
	return err;
}

int ber_skip(struct ber *ber, const struct ber_level *parent, uint8_t tag, size_t most)
{
	struct ber_level level;
	struct span piece = { NULL, 1 };
	int err = ber_enter(ber, parent, tag, &level);

	if (err == 0 && level.indefinite) {
		err = ERR_UNSUPPORTED;
	}
	if (err == 0 && level.end - ber->position > most) {
		err = ERR_LIMIT;
	}
	while (err == 0 && piece.length > 0) {
		err = ber_piece(ber, &level, &piece);
	}
	return err;
}

int ber_finish(struct ber *ber)
{
	uint8_t byte = 0;
	ssize_t got = ber->end > ber->start ? 1 : ber->source(ber->context, &byte, 1);

	return got == 0 ? 0 : got < 0 ? (int)got : ERR_FORMAT;
}
