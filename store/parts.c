#include "vault_crypto.h"

#include "parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"

#define HASH_TEXT_SIZE (2 * OBJECT_HASH_BYTES + 1)
#define PATH_SIZE (HASH_TEXT_SIZE + 3)
#define HEAD_BYTES ((size_t)256) /* of a part: its key identifier stands among the first hundred */

static void path_of(const uint8_t hash[OBJECT_HASH_BYTES], char ret[PATH_SIZE])
{
	char name[HASH_TEXT_SIZE];

	hex_encode(hash, OBJECT_HASH_BYTES, name);
	(void)snprintf(ret, PATH_SIZE, "%.2s/%.64s", name, name);
}

int part_read(const struct fileops *ops, int dir, const uint8_t hash[OBJECT_HASH_BYTES], uint8_t **ret_der, size_t *ret_length)
{
	char path[PATH_SIZE];
	_cleanup_free_ uint8_t *der = NULL;
	uint8_t found[OBJECT_HASH_BYTES];
	size_t length = 0;
	int err = ERR_INTERNAL;

	path_of(hash, path);
	err = file_read_small(ops, dir, path, PARTS_FILE_MAX_BYTES, &der, &length);
	if (err != 0) {
		return err == ERR_LIMIT ? ERR_DAMAGE : err;
	}
	(void)SHA256(der, length, found);
	if (memcmp(found, hash, sizeof found) != 0) {
		return ERR_DAMAGE;
	}
	*ret_der = der;
	*ret_length = length;
	der = NULL;
	return 0;
}

bool part_exists(const struct fileops *ops, int dir, const uint8_t hash[OBJECT_HASH_BYTES])
{
	char path[PATH_SIZE];
	struct stat status;

	path_of(hash, path);
	return ops->fstatat(ops, dir, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

/* The folder of a part; made when it is not there. */
static int open_folder(const struct fileops *ops, int dir, const char *path, bool make, int *ret)
{
	char folder[3];

	(void)snprintf(folder, sizeof folder, "%.2s", path);
	if (make) {
		return file_directory(ops, dir, folder, ret);
	}
	*ret = ops->openat(ops, dir, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	return *ret < 0 ? file_error() : 0;
}

static int write_part(const struct fileops *ops, int to, const uint8_t hash[OBJECT_HASH_BYTES], const uint8_t *der, size_t length)
{
	char path[PATH_SIZE];
	int folder = -1, err = ERR_INTERNAL;

	path_of(hash, path);
	err = open_folder(ops, to, path, true, &folder);
	if (err == 0) {
		err = file_replace(ops, folder, path + 3, der, length, 0440);
	}
	file_close(ops, &folder);
	return err;
}

int part_copy(const struct fileops *ops, int from, int to, const uint8_t hash[OBJECT_HASH_BYTES])
{
	_cleanup_free_ uint8_t *der = NULL;
	_cleanup_free_ uint8_t *again = NULL;
	size_t length = 0;
	int err = part_read(ops, to, hash, &again, &length);

	if (err == 0) {
		return 0;
	}
	if (err != ERR_NOTFOUND && err != ERR_DAMAGE) {
		return err;
	}
	err = part_read(ops, from, hash, &der, &length);
	if (err == 0) {
		err = write_part(ops, to, hash, der, length);
	}
	return err != 0 ? err : part_read(ops, to, hash, &again, &length);
}

/* Is the key of the part one of that owner? */
static int check_owner(const struct fileops *ops, int folder, const char *name, const char *owner_id)
{
	uint8_t head[HEAD_BYTES];
	ssize_t length = 0;
	int fd = file_open_read(ops, folder, name);

	if (fd < 0) {
		return fd;
	}
	length = file_pread(ops, fd, head, sizeof head, 0);
	file_close(ops, &fd);
	if (length < 0) {
		return (int)length;
	}
	return memmem(head, (size_t)length, owner_id, strlen(owner_id)) != NULL ? 0 : ERR_MISMATCH;
}

/* What a power cut left of writing it (file_replace). Nobody but this case can have begun a part of that name. 1: it was there. */
static int remove_half(const struct fileops *ops, int folder, const char *name)
{
	char half[PATH_SIZE + sizeof ".tmp"];

	(void)snprintf(half, sizeof half, "%s.tmp", name);
	if (ops->unlinkat(ops, folder, half, 0) == 0) {
		return 1;
	}
	return file_error() == ERR_NOTFOUND ? 0 : file_error();
}

int part_remove(const struct fileops *ops, int dir, const uint8_t hash[OBJECT_HASH_BYTES], const char *owner_id)
{
	char path[PATH_SIZE];
	int folder = -1, half = 0, err = ERR_INTERNAL;

	path_of(hash, path);
	err = open_folder(ops, dir, path, false, &folder);
	if (err == 0) {
		half = remove_half(ops, folder, path + 3);
		err = half < 0 ? half : check_owner(ops, folder, path + 3, owner_id);
	}
	if (err == 0 && ops->unlinkat(ops, folder, path + 3, 0) != 0) {
		err = file_error();
	}
	if (err == 0 || (err == ERR_NOTFOUND && half == 1)) {
		err = file_sync_directory(ops, folder);
	}
	file_close(ops, &folder);
	return err == ERR_NOTFOUND ? 0 : err;
}
