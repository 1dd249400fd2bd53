#include "vault_crypto.h"

#include "archive.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"

void archive_id_text(uint64_t id, char ret[ARCHIVE_ID_SIZE])
{
	(void)snprintf(ret, ARCHIVE_ID_SIZE, "%016" PRIx64, id);
}

static int open_folder(const struct fileops *ops, const char *path)
{
	int fd = path[0] != '/' ? -1 : ops->openat(ops, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	return fd >= 0 ? fd : path[0] != '/' ? ERR_NOTFOUND : file_error();
}

static int read_marker(const struct fileops *ops, int dir, const char *origin, uint64_t *ret_id)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	struct span value;
	uint8_t bytes[8];
	int err = file_read_small(ops, dir, ARCHIVE_MARKER, ARCHIVE_MARKER_MAX_BYTES, &data, &length);

	if (err != 0) {
		return err == ERR_LIMIT ? ERR_FORMAT : err;
	}
	if (!lines_valid(span_of(data, length)) || !lines_find(span_of(data, length), "id", &value) || !span_parse_hex(value, bytes, sizeof bytes)) {
		return ERR_FORMAT;
	}
	*ret_id = 0;
	for (size_t i = 0; i < sizeof bytes; i++) {
		*ret_id = *ret_id << 8 | bytes[i];
	}
	if (*ret_id == 0 || !lines_find(span_of(data, length), "origin", &value)) {
		return ERR_FORMAT;
	}
	return span_equals_string(value, origin) ? 0 : ERR_MISMATCH;
}

int archive_open(const struct fileops *ops, const char *path, const char *origin, struct archive *ret)
{
	int dir = open_folder(ops, path), err = dir < 0 ? dir : 0;

	*ret = (struct archive){ .vault_fd = -1 };
	if (err == 0) {
		err = read_marker(ops, dir, origin, &ret->id);
	}
	if (err == 0) {
		ret->vault_fd = ops->openat(ops, dir, "vault", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		err = ret->vault_fd < 0 ? file_error() : 0;
	}
	file_close(ops, &dir);
	return err;
}

void archive_close(const struct fileops *ops, struct archive *archive)
{
	file_close(ops, &archive->vault_fd);
}

static bool is_same_disk(const struct fileops *ops, int dir, int data_fd)
{
	struct stat one, other;

	return ops->fstat(ops, dir, &one) != 0 || ops->fstat(ops, data_fd, &other) != 0 || one.st_dev == other.st_dev;
}

static int write_marker(const struct fileops *ops, int dir, const char *origin, uint64_t id)
{
	char text[ARCHIVE_MARKER_MAX_BYTES], hex[ARCHIVE_ID_SIZE];
	int length = 0;

	archive_id_text(id, hex);
	length = snprintf(text, sizeof text, "id: %s\norigin: %s\n", hex, origin);
	if (length < 0 || (size_t)length >= sizeof text) {
		return ERR_LIMIT;
	}
	return file_replace(ops, dir, ARCHIVE_MARKER, text, (size_t)length, 0444);
}

/* The marker comes last: without it there is no archive. */
int archive_init(const struct fileops *ops, const char *path, const char *origin, int data_fd, bool same_disk, uint64_t *ret_id)
{
	int dir = open_folder(ops, path), vault = -1, err = dir < 0 ? dir : 0;
	struct stat status;

	if (err == 0 && ops->fstatat(ops, dir, ARCHIVE_MARKER, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		err = ERR_EXISTS;
	}
	if (err == 0 && !same_disk && is_same_disk(ops, dir, data_fd)) {
		err = ERR_STATE;
	}
	if (err == 0) {
		err = file_directory(ops, dir, "vault", &vault);
	}
	*ret_id = 0;
	while (err == 0 && *ret_id == 0) {
		err = RAND_bytes((unsigned char *)ret_id, sizeof *ret_id) == 1 ? 0 : ERR_INTERNAL;
	}
	if (err == 0) {
		err = write_marker(ops, dir, origin, *ret_id);
	}
	file_close(ops, &vault);
	file_close(ops, &dir);
	return err;
}
