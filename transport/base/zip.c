#include "zip.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h> /* libzip's */ // NOLINT(readability-duplicate-include)

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "deflate.h"

#define CHUNK_BYTES 65536
#define NAME_MAX_BYTES 64
#define LOCAL_BYTES 30
#define CENTRAL_BYTES 46
#define END_BYTES 22
#define VERSION_DEFLATE 20 /* 2.0: the version that brought deflate (APPNOTE 4.4.3) */
#define METHOD_DEFLATE 8
#define FIXED_DATE 0x0021 /* 1980-01-01, the first day of the format (APPNOTE 4.4.6) */

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

/* The 26 bytes that local header and central directory share (APPNOTE 4.3.7, 4.3.12). */
static void put_common(uint8_t *to, const struct deflated *packed, size_t name_length)
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

static int write_archive(int to, const struct deflated *packed, const char *name, uint64_t *ret_size)
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
	_cleanup_deflated_ struct deflated packed = { 0 };
	int err = ERR_INTERNAL;

	if (strlen(name) > NAME_MAX_BYTES) {
		return ERR_LIMIT;
	}
	err = deflate_fd(from, DEFLATE_RAW, limit, &packed);
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
