#include "deflate.h"

#include <zlib.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define CHUNK_BYTES 65536
#define ORIGINAL_MAX_BYTES (UINT32_MAX / 2)
#define RAW_DEFLATE (-MAX_WBITS)
#define GZIP_DEFLATE (MAX_WBITS + 16)
#define MEMORY_LEVEL 8

static int deflate_step(z_stream *stream, struct deflated *ret, int flush)
{
	do {
		if (ret->size - ret->length < CHUNK_BYTES) {
			size_t larger = ret->size * 2 + CHUNK_BYTES;
			uint8_t *moved = realloc(ret->data, larger);

			if (moved == NULL) {
				return ERR_MEMORY;
			}
			ret->data = moved;
			ret->size = larger;
		}
		stream->next_out = ret->data + ret->length;
		stream->avail_out = CHUNK_BYTES;
		if (deflate(stream, flush) == Z_STREAM_ERROR) {
			return ERR_INTERNAL;
		}
		ret->length += CHUNK_BYTES - stream->avail_out;
	} while (stream->avail_out == 0);
	return 0;
}

static int deflate_all(z_stream *stream, int from, uint64_t limit, struct deflated *ret)
{
	uint8_t chunk[CHUNK_BYTES];

	for (;;) {
		ssize_t length = fd_read_full(from, chunk, sizeof chunk);
		int err = 0;

		if (length < 0) {
			return (int)length;
		}
		ret->original += (uint64_t)length;
		if (ret->original > limit || ret->original > ORIGINAL_MAX_BYTES) {
			return ERR_LIMIT;
		}
		ret->crc = (uint32_t)crc32(ret->crc, chunk, (uInt)length);
		stream->next_in = chunk;
		stream->avail_in = (uInt)length;
		err = deflate_step(stream, ret, length < (ssize_t)sizeof chunk ? Z_FINISH : Z_NO_FLUSH);
		stream->next_in = NULL; /* all of it was taken, and `chunk` does not outlive us */
		if (err != 0 || length < (ssize_t)sizeof chunk) {
			return err;
		}
	}
}

int deflate_fd(int from, enum deflate_form form, uint64_t limit, struct deflated *ret)
{
	z_stream stream = { 0 };
	int bits = form == DEFLATE_GZIP ? GZIP_DEFLATE : RAW_DEFLATE, err = ERR_INTERNAL;

	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		return ERR_MEMORY;
	}
	err = deflate_all(&stream, from, limit, ret);
	(void)deflateEnd(&stream);
	return err;
}
