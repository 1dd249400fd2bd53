#include "zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h> /* libzip's */ // NOLINT(readability-duplicate-include)
#include <zlib.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define CHUNK_BYTES 65536
#define NAME_MAX_BYTES 64
#define LOCAL_BYTES 30
#define CENTRAL_BYTES 46
#define END_BYTES 22
#define VERSION_DEFLATE 20 /* 2.0: the version that brought deflate (APPNOTE 4.4.3) */
#define METHOD_DEFLATE 8
#define FIXED_DATE 0x0021 /* 1980-01-01, the first day of the format (APPNOTE 4.4.6) */
#define RAW_DEFLATE (-MAX_WBITS)
#define MEMORY_LEVEL 8

/* The compressed entry as it grows. */
struct packed {
	uint8_t *data;
	size_t length, size;
	uint64_t original;
	uint32_t crc;
};

static void cleanup_packed(struct packed *packed)
{
	free(packed->data);
}

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *to, uint32_t value)
{
	put16(to, value);
	put16(to + 2, value >> 16);
}

static int deflate_step(z_stream *stream, struct packed *packed, int flush)
{
	do {
		if (packed->size - packed->length < CHUNK_BYTES) {
			size_t larger = packed->size * 2 + CHUNK_BYTES;
			uint8_t *moved = realloc(packed->data, larger);

			if (moved == NULL) {
				return ERR_MEMORY;
			}
			packed->data = moved;
			packed->size = larger;
		}
		stream->next_out = packed->data + packed->length;
		stream->avail_out = CHUNK_BYTES;
		if (deflate(stream, flush) == Z_STREAM_ERROR) {
			return ERR_INTERNAL;
		}
		packed->length += CHUNK_BYTES - stream->avail_out;
	} while (stream->avail_out == 0);
	return 0;
}

static int deflate_fd(z_stream *stream, int from, uint64_t limit, struct packed *packed)
{
	uint8_t chunk[CHUNK_BYTES];

	for (;;) {
		ssize_t length = fd_read_full(from, chunk, sizeof chunk);
		int err = 0;

		if (length < 0) {
			return (int)length;
		}
		packed->original += (uint64_t)length;
		if (packed->original > limit || packed->original > UINT32_MAX / 2) {
			return ERR_LIMIT;
		}
		packed->crc = (uint32_t)crc32(packed->crc, chunk, (uInt)length);
		stream->next_in = chunk;
		stream->avail_in = (uInt)length;
		err = deflate_step(stream, packed, length < (ssize_t)sizeof chunk ? Z_FINISH : Z_NO_FLUSH);
		stream->next_in = NULL; /* all of it was taken, and `chunk` does not outlive us */
		if (err != 0 || length < (ssize_t)sizeof chunk) {
			return err;
		}
	}
}

/* The 26 bytes that local header and central directory share (APPNOTE 4.3.7, 4.3.12). */
static void put_common(uint8_t *to, const struct packed *packed, size_t name_length)
{
	put16(to, VERSION_DEFLATE);
	put16(to + 2, 0);
	put16(to + 4, METHOD_DEFLATE);
	put16(to + 6, 0);
	put16(to + 8, FIXED_DATE);
	put32(to + 10, packed->crc);
	put32(to + 14, (uint32_t)packed->length);
	put32(to + 18, (uint32_t)packed->original);
	put16(to + 22, (uint32_t)name_length);
	put16(to + 24, 0);
}

static int write_archive(int to, const struct packed *packed, const char *name, uint64_t *ret_size)
{
	size_t name_length = strlen(name), directory = LOCAL_BYTES + name_length + packed->length;
	uint8_t local[LOCAL_BYTES] = { 'P', 'K', 3, 4 }, central[CENTRAL_BYTES] = { 'P', 'K', 1, 2 }, end[END_BYTES] = { 'P', 'K', 5, 6 };
	int err = ERR_INTERNAL;

	put_common(local + 4, packed, name_length);
	put16(central + 4, VERSION_DEFLATE);
	put_common(central + 6, packed, name_length);
	put16(end + 8, 1);
	put16(end + 10, 1);
	put32(end + 12, (uint32_t)(CENTRAL_BYTES + name_length));
	put32(end + 16, (uint32_t)directory);
	err = fd_write_all(to, local, sizeof local);
	err = err != 0 ? err : fd_write_all(to, name, name_length);
	err = err != 0 ? err : fd_write_all(to, packed->data, packed->length);
	err = err != 0 ? err : fd_write_all(to, central, sizeof central);
	err = err != 0 ? err : fd_write_all(to, name, name_length);
	err = err != 0 ? err : fd_write_all(to, end, sizeof end);
	if (err == 0) {
		*ret_size = directory + CENTRAL_BYTES + name_length + END_BYTES;
	}
	return err;
}

int zip_write_single(int from, int to, const char *name, uint64_t limit, uint64_t *ret_size)
{
	_cleanup_(cleanup_packed) struct packed packed = { 0 };
	z_stream stream = { 0 };
	int err = ERR_INTERNAL;

	if (strlen(name) > NAME_MAX_BYTES) {
		return ERR_LIMIT;
	}
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_DEFLATE, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		return ERR_MEMORY;
	}
	err = deflate_fd(&stream, from, limit, &packed);
	(void)deflateEnd(&stream);
	return err != 0 ? err : write_archive(to, &packed, name, ret_size);
}

static void cleanup_archive(zip_t **archive)
{
	if (*archive != NULL) {
		zip_discard(*archive);
	}
}

static void cleanup_entry(zip_file_t **entry)
{
	if (*entry != NULL) {
		(void)zip_fclose(*entry);
	}
}

static zip_t *open_archive(struct span bytes)
{
	zip_error_t error;
	zip_source_t *source = NULL;
	zip_t *archive = NULL;

	zip_error_init(&error);
	source = zip_source_buffer_create(bytes.data, bytes.length, 0, &error);
	if (source != NULL && (archive = zip_open_from_source(source, ZIP_RDONLY, &error)) == NULL) {
		zip_source_free(source);
	}
	zip_error_fini(&error);
	return archive;
}

int zip_read_single(struct span bytes, uint64_t limit, int (*on_bytes)(void *context, struct span bytes), void *context)
{
	_cleanup_(cleanup_archive) zip_t *archive = open_archive(bytes);
	_cleanup_(cleanup_entry) zip_file_t *entry = NULL;
	uint8_t chunk[CHUNK_BYTES];
	uint64_t total = 0;

	if (archive == NULL || zip_get_num_entries(archive, 0) != 1 || (entry = zip_fopen_index(archive, 0, 0)) == NULL) {
		return ERR_FORMAT;
	}
	for (;;) {
		zip_int64_t length = zip_fread(entry, chunk, sizeof chunk);
		int err = 0;

		if (length < 0) {
			return ERR_FORMAT;
		}
		if (length == 0) {
			return 0;
		}
		total += (uint64_t)length;
		if (total > limit) {
			return ERR_LIMIT;
		}
		err = on_bytes(context, span_of(chunk, (size_t)length));
		if (err != 0) {
			return err;
		}
	}
}
