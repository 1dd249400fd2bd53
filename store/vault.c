#include "vault_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"
#include "keys_text.h"
#include "parts.h"
#include "vault_cms.h"

#define FILE_NAME_SIZE (OBJECT_OWNER_SIZE + 16)
#define HASH_TEXT_SIZE (2 * OBJECT_HASH_BYTES + 1)

/* --- opening --- */

static int remove_stray(void *context, const char *name)
{
	const struct vault *vault = context;

	return vault->ops->unlinkat(vault->ops, vault->tmp_fd, name, 0) == 0 ? 0 : file_error();
}

/* The 256 folders, so that no write has to make one. */
static int make_folders(struct vault *vault)
{
	for (unsigned i = 0; i < 256; i++) {
		char name[4];
		struct stat status;

		(void)snprintf(name, sizeof name, "%02x", i);
		if (vault->ops->fstatat(vault->ops, vault->vault_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
			continue;
		}
		if (vault->ops->mkdirat(vault->ops, vault->vault_fd, name, 0750) != 0 && file_error() != ERR_EXISTS) {
			return file_error();
		}
	}
	return file_sync_directory(vault->ops, vault->vault_fd);
}

static int open_folders(struct vault *vault, int data_dir)
{
	int err = file_directory(vault->ops, data_dir, "vault", &vault->vault_fd);

	if (err == 0) {
		err = file_directory(vault->ops, data_dir, "keys", &vault->keys_fd);
	}
	if (err == 0) {
		err = file_directory(vault->ops, vault->vault_fd, "tmp", &vault->tmp_fd);
	}
	if (err == 0) {
		err = file_list(vault->ops, vault->tmp_fd, remove_stray, vault);
	}
	return err != 0 ? err : make_folders(vault);
}

int vault_open(const struct fileops *ops, int data_dir, const char *origin, struct keys *keys, const struct recipients *recipients, struct vault **ret)
{
	struct vault *vault = calloc(1, sizeof *vault);
	uint8_t hash[SHA256_DIGEST_LENGTH];
	int err = ERR_INTERNAL;

	if (vault == NULL) {
		return ERR_MEMORY;
	}
	*vault = (struct vault){ .ops = ops, .keys = keys, .recipients = recipients, .vault_fd = -1, .tmp_fd = -1, .keys_fd = -1 };
	if (origin[0] == '\0' || strlen(origin) >= sizeof vault->origin) {
		free(vault);
		return ERR_FORMAT;
	}
	memcpy(vault->origin, origin, strlen(origin) + 1);
	(void)SHA256((const unsigned char *)origin, strlen(origin), hash);
	hex_encode(hash, 8, vault->origin_tag);
	err = open_folders(vault, data_dir);
	if (err != 0) {
		vault_free(vault);
		return err;
	}
	*ret = vault;
	return 0;
}

int vault_open_reading(const struct fileops *ops, int data_dir, struct vault **ret)
{
	struct vault *vault = calloc(1, sizeof *vault);

	if (vault == NULL) {
		return ERR_MEMORY;
	}
	*vault = (struct vault){ .ops = ops, .vault_fd = -1, .tmp_fd = -1, .keys_fd = -1 };
	vault->vault_fd = ops->openat(ops, data_dir, "vault", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (vault->vault_fd < 0) {
		int err = file_error();

		free(vault);
		return err;
	}
	*ret = vault;
	return 0;
}

void vault_free(struct vault *vault)
{
	if (vault == NULL) {
		return;
	}
	file_close(vault->ops, &vault->vault_fd);
	file_close(vault->ops, &vault->tmp_fd);
	file_close(vault->ops, &vault->keys_fd);
	free(vault);
}

void vault_archive(struct vault *vault, const char *path, const char *origin)
{
	(void)snprintf(vault->archive, sizeof vault->archive, "%s", path);
	(void)snprintf(vault->origin, sizeof vault->origin, "%s", origin);
}

struct keys *vault_keys(struct vault *vault)
{
	return vault->keys;
}

const struct fileops *vault_fileops(const struct vault *vault)
{
	return vault->ops;
}

void vault_key_id(const struct vault *vault, const char *owner, uint32_t generation, char ret[VAULT_KEY_ID_SIZE])
{
	(void)snprintf(ret, VAULT_KEY_ID_SIZE, "%s/%s/%" PRIu32, vault->origin_tag, owner, generation);
}

/* --- keys --- */

static void key_file_name(const char *owner, uint32_t generation, char ret[FILE_NAME_SIZE])
{
	(void)snprintf(ret, FILE_NAME_SIZE, "%s.%" PRIu32, owner, generation);
}

/* The first generation that has no file yet. There is one per restart in which the case was written to: few. */
static int free_generation(const struct vault *vault, const char *owner, uint32_t *ret)
{
	char name[FILE_NAME_SIZE];
	struct stat status;

	for (uint32_t generation = 1; generation <= OBJECT_GENERATION_MAX; generation++) {
		key_file_name(owner, generation, name);
		if (vault->ops->fstatat(vault->ops, vault->keys_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
			continue;
		}
		if (file_error() != ERR_NOTFOUND) {
			return file_error();
		}
		*ret = generation;
		return 0;
	}
	return ERR_LIMIT;
}

static int write_key_file(const struct vault *vault, const struct key_text *text)
{
	char plain[KEYS_TEXT_MAX_BYTES];
	char name[FILE_NAME_SIZE];
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0;
	int err = key_text_format(text, plain, sizeof plain);

	if (err > 0) {
		err = vault_cms_seal_to(span_of(plain, (size_t)err), vault->recipients->certificates, vault->recipients->count, &der, &length);
	}
	explicit_bzero(plain, sizeof plain);
	if (err != 0) {
		return err;
	}
	if (length > VAULT_KEY_FILE_MAX_BYTES) {
		return ERR_LIMIT;
	}
	key_file_name(text->owner, text->generation, name);
	return file_replace(vault->ops, vault->keys_fd, name, der, length, 0640);
}

int vault_key_new(struct vault *vault, const char *owner, struct key **ret)
{
	struct key_text text = { 0 };
	struct key *key = NULL;
	int err = free_generation(vault, owner, &text.generation);

	if (err != 0) {
		return err;
	}
	(void)snprintf(text.owner, sizeof text.owner, "%s", owner);
	(void)snprintf(text.origin, sizeof text.origin, "%s", vault->origin);
	if (RAND_priv_bytes(text.kek, sizeof text.kek) != 1 || RAND_priv_bytes(text.salt, sizeof text.salt) != 1) {
		err = ERR_INTERNAL;
	} else {
		err = write_key_file(vault, &text);
	}
	if (err == 0) {
		key = keys_insert(vault->keys, owner, text.generation, text.kek, text.salt);
		err = key == NULL ? ERR_LIMIT : 0;
	}
	key_text_wipe(&text);
	if (err == 0) {
		*ret = key;
	}
	return err;
}

int vault_key_for_writing(struct vault *vault, const char *owner, struct key **ret)
{
	struct key *key = NULL;

	if (!object_owner_valid(owner)) {
		return ERR_FORMAT;
	}
	key = keys_find_latest(vault->keys, owner);
	if (key != NULL) {
		*ret = key;
		return 0;
	}
	return vault->recipients->count == 0 ? ERR_LOCKED : vault_key_new(vault, owner, ret);
}

int vault_key_file(const struct vault *vault, const char *owner, uint32_t generation, uint8_t **ret_der, size_t *ret_length)
{
	char name[FILE_NAME_SIZE];

	if (!object_owner_valid(owner)) {
		return ERR_FORMAT;
	}
	key_file_name(owner, generation, name);
	return file_read_small(vault->ops, vault->keys_fd, name, VAULT_KEY_FILE_MAX_BYTES, ret_der, ret_length);
}

int vault_key_accept(struct vault *vault, const char *owner, uint32_t generation, struct span text, struct key **ret)
{
	struct key_text read = { 0 };
	struct key *key = NULL;
	int err = key_text_parse(text, &read) == 0 ? 0 : ERR_DAMAGE;

	if (err == 0 && (strcmp(read.owner, owner) != 0 || read.generation != generation || strcmp(read.origin, vault->origin) != 0)) {
		err = ERR_DAMAGE; /* a key file of another case or box under this name */
	}
	if (err == 0) {
		key = keys_insert(vault->keys, owner, generation, read.kek, read.salt);
		err = key == NULL ? ERR_LIMIT : 0;
	}
	key_text_wipe(&read);
	if (err == 0) {
		*ret = key;
	}
	return err;
}

/* --- parts --- */

static void part_path(const uint8_t hash[OBJECT_HASH_BYTES], char ret_folder[3], char ret_name[HASH_TEXT_SIZE], char ret_path[HASH_TEXT_SIZE + 3])
{
	hex_encode(hash, OBJECT_HASH_BYTES, ret_name);
	(void)snprintf(ret_folder, 3, "%.2s", ret_name);
	(void)snprintf(ret_path, HASH_TEXT_SIZE + 3, "%.2s/%.64s", ret_name, ret_name);
}

static int write_file(const struct vault *vault, const char *name, struct span data)
{
	int fd = vault->ops->openat(vault->ops, vault->tmp_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0440);
	int err = ERR_INTERNAL;

	if (fd < 0) {
		return file_error();
	}
	err = file_write_all(vault->ops, fd, data.data, data.length);
	if (err == 0 && vault->ops->fsync(vault->ops, fd) != 0) {
		err = file_error();
	}
	file_close(vault->ops, &fd);
	return err;
}

static int sync_folder(const struct vault *vault, const char *folder)
{
	int fd = vault->ops->openat(vault->ops, vault->vault_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int err = fd < 0 ? file_error() : file_sync_directory(vault->ops, fd);

	file_close(vault->ops, &fd);
	return err;
}

int vault_part_write(struct vault *vault, const struct key *key, struct span content, uint8_t ret_hash[OBJECT_HASH_BYTES])
{
	char id[VAULT_KEY_ID_SIZE], folder[3], name[HASH_TEXT_SIZE], path[HASH_TEXT_SIZE + 3];
	_cleanup_free_ uint8_t *der = NULL;
	uint8_t hash[OBJECT_HASH_BYTES];
	size_t length = 0;
	int err = ERR_INTERNAL;

	vault_key_id(vault, key->owner, key->generation, id);
	err = vault_cms_seal(content, key->kek, id, &der, &length);
	if (err != 0) {
		return err;
	}
	(void)SHA256(der, length, hash);
	part_path(hash, folder, name, path);
	err = write_file(vault, name, span_of(der, length));
	if (err == 0 && vault->ops->renameat2(vault->ops, vault->tmp_fd, name, vault->vault_fd, path, 0) != 0) {
		err = file_error();
	}
	if (err != 0) {
		(void)vault->ops->unlinkat(vault->ops, vault->tmp_fd, name, 0);
		return err;
	}
	err = sync_folder(vault, folder);
	if (err == 0) {
		memcpy(ret_hash, hash, sizeof hash);
	}
	return err;
}

/* The file of a part, from the vault or from the archive; ERR_NOTFOUND also where there is no archive now. */
static int read_file(const struct vault *vault, const uint8_t hash[OBJECT_HASH_BYTES], uint8_t **ret_der, size_t *ret_length)
{
	struct archive archive;
	int err = part_read(vault->ops, vault->vault_fd, hash, ret_der, ret_length);

	if (err != ERR_NOTFOUND || vault->archive[0] == '\0' || archive_open(vault->ops, vault->archive, vault->origin, &archive) != 0) {
		return err;
	}
	err = part_read(vault->ops, archive.vault_fd, hash, ret_der, ret_length);
	archive_close(vault->ops, &archive);
	return err;
}

int vault_part_check(const struct vault *vault, const uint8_t hash[OBJECT_HASH_BYTES])
{
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0;

	return read_file(vault, hash, &der, &length);
}

int vault_part_read(const struct vault *vault, const struct key *key, const uint8_t hash[OBJECT_HASH_BYTES], uint8_t *ret, size_t size, size_t *ret_length)
{
	char id[VAULT_KEY_ID_SIZE];
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0;
	int err = read_file(vault, hash, &der, &length);

	if (err != 0) {
		return err;
	}
	vault_key_id(vault, key->owner, key->generation, id);
	return vault_cms_open(span_of(der, length), key->kek, id, ret, size, ret_length);
}

bool vault_object_exists(const struct vault *vault, const struct object_ref *ref)
{
	for (size_t i = 0; i < ref->part_count; i++) {
		if (!part_exists(vault->ops, vault->vault_fd, ref->parts[i])) {
			return false;
		}
	}
	return true;
}

bool vault_object_readable(const struct vault *vault, const struct object_ref *ref)
{
	struct archive archive;
	bool there = true;

	if (vault_object_exists(vault, ref)) {
		return true;
	}
	if (vault->archive[0] == '\0' || archive_open(vault->ops, vault->archive, vault->origin, &archive) != 0) {
		return false;
	}
	for (size_t i = 0; i < ref->part_count && there; i++) {
		there = part_exists(vault->ops, vault->vault_fd, ref->parts[i]) || part_exists(vault->ops, archive.vault_fd, ref->parts[i]);
	}
	archive_close(vault->ops, &archive);
	return there;
}

void vault_part_remove(const struct vault *vault, const uint8_t hash[OBJECT_HASH_BYTES])
{
	char folder[3], name[HASH_TEXT_SIZE], path[HASH_TEXT_SIZE + 3];

	part_path(hash, folder, name, path);
	if (vault->ops->unlinkat(vault->ops, vault->vault_fd, path, 0) != 0) {
		log_warning("a part of an unfinished object could not be removed");
	}
}
