#include "inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "../../appliance/base/err.h"

#define GZIP_ONLY (MAX_WBITS + 16)
#define FIRST_BYTES ((size_t)65536)

bool inflate_is_gzip(struct span data)
{
	return data.length >= 2 && data.data[0] == 0x1f && data.data[1] == 0x8b;
}

/* Room doubles as content comes out, never beyond one byte more than the limit: with that byte it is too much. */
static int make_room(uint8_t **place, size_t *size, size_t length, uint64_t limit)
{
	size_t larger = *size == 0 ? FIRST_BYTES : *size * 2;
	uint8_t *moved = NULL;

	if (length < *size) {
		return 0;
	}
	larger = larger > limit + 1 ? (size_t)limit + 1 : larger;
	if (larger <= *size) {
		return ERR_LIMIT;
	}
	moved = realloc(*place, larger);
	if (moved == NULL) {
		return ERR_MEMORY;
	}
	*place = moved;
	*size = larger;
	return 0;
}

static int run(z_stream *stream, uint64_t limit, uint8_t **ret, size_t *ret_length)
{
	size_t size = 0;
	int answer = Z_OK, err = 0;

	while (answer == Z_OK) {
		size_t room = 0;

		err = make_room(ret, &size, *ret_length, limit);
		if (err != 0) {
			return err;
		}
		room = size - *ret_length;
		stream->next_out = *ret + *ret_length;
		stream->avail_out = (uInt)room;
		answer = inflate(stream, Z_NO_FLUSH);
		*ret_length += room - stream->avail_out;
		if (answer == Z_OK && stream->avail_in == 0 && stream->avail_out > 0) {
			return ERR_FORMAT; /* cut off */
		}
	}
	if (answer == Z_MEM_ERROR) {
		return ERR_MEMORY;
	}
	if (answer != Z_STREAM_END || stream->avail_in != 0) {
		return ERR_FORMAT;
	}
	return *ret_length > limit ? ERR_LIMIT : 0;
}

int inflate_gzip(struct span data, uint64_t limit, uint8_t **ret, size_t *ret_length)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)data.data, .avail_in = (uInt)data.length };
	int err = ERR_LIMIT;

	*ret = NULL;
	*ret_length = 0;
	if (data.length > INT_MAX || limit >= INT_MAX) {
		return err;
	}
	if (inflateInit2(&stream, GZIP_ONLY) != Z_OK) {
		return ERR_MEMORY;
	}
	err = run(&stream, limit, ret, ret_length);
	(void)inflateEnd(&stream);
	return err;
}
