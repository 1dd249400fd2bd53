/* Keys and content are destroyed, or content that is in the archive leaves the vault (FORMAT.txt sections 6 and 8). The record stands before (server_erase.c). */
#include "vault_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "parts.h"

void vault_owner_id(const struct vault *vault, const char *owner, char ret[VAULT_KEY_ID_SIZE])
{
	(void)snprintf(ret, VAULT_KEY_ID_SIZE, "%s/%s/", vault->origin_tag, owner);
}

struct erasing {
	struct vault *vault;
	bool (*gone)(void *context, const char *owner, uint32_t generation);
	void *context;
	size_t count;
};

/* "<owner>.<generation>", or what a crash left of writing it, "<owner>.<generation>.tmp". */
static bool parse_name(const char *name, char ret_owner[OBJECT_OWNER_SIZE], uint32_t *ret_generation)
{
	struct span rest = span_of_string(name), owner, number;
	uint64_t generation = 0;

	if (!span_read_until(&rest, '.', &owner) || !span_copy_string(owner, ret_owner, OBJECT_OWNER_SIZE) || !object_owner_valid(ret_owner)) {
		return false;
	}
	if (!span_read_until(&rest, '.', &number)) {
		number = rest;
	} else if (!span_equals_string(rest, "tmp")) {
		return false;
	}
	if (!span_parse_u64(number, &generation) || generation == 0 || generation > OBJECT_GENERATION_MAX) {
		return false;
	}
	*ret_generation = (uint32_t)generation;
	return true;
}

static int erase_key(void *context, const char *name)
{
	struct erasing *erasing = context;
	const struct vault *vault = erasing->vault;
	char owner[OBJECT_OWNER_SIZE];
	uint32_t generation = 0;

	if (!parse_name(name, owner, &generation) || !erasing->gone(erasing->context, owner, generation)) {
		return 0;
	}
	if (vault->ops->unlinkat(vault->ops, vault->keys_fd, name, 0) != 0 && file_error() != ERR_NOTFOUND) {
		return file_error();
	}
	keys_forget(vault->keys, owner, generation);
	erasing->count++;
	return 0;
}

int vault_keys_erase(struct vault *vault, bool (*gone)(void *context, const char *owner, uint32_t generation), void *context, size_t *ret_count)
{
	struct erasing erasing = { .vault = vault, .gone = gone, .context = context };
	int err = file_list(vault->ops, vault->keys_fd, erase_key, &erasing);

	/* Also after a failure: what did go must not come back. */
	if (erasing.count > 0 || err != 0) {
		int synced = file_sync_directory(vault->ops, vault->keys_fd);

		err = err != 0 ? err : synced;
	}
	if (ret_count != NULL) {
		*ret_count = erasing.count;
	}
	return err;
}

struct of_owner {
	const char *owner;
	uint32_t but;
};

static bool is_of_owner(void *context, const char *owner, uint32_t generation)
{
	const struct of_owner *of = context;

	return generation != of->but && strcmp(owner, of->owner) == 0;
}

int vault_keys_erase_owner(struct vault *vault, const char *owner, uint32_t but)
{
	struct of_owner of = { .owner = owner, .but = but };

	return vault_keys_erase(vault, is_of_owner, &of, NULL);
}

int vault_object_erase(const struct vault *vault, const char *owner, const struct object_ref *ref)
{
	char id[VAULT_KEY_ID_SIZE];
	int err = 0;

	vault_owner_id(vault, owner, id);
	for (size_t i = 0; i < ref->part_count; i++) {
		int removed = part_remove(vault->ops, vault->vault_fd, ref->parts[i], id);

		err = err != 0 ? err : removed;
	}
	return err;
}

static int leave_part(const struct vault *vault, const struct archive *archive, const uint8_t hash[OBJECT_HASH_BYTES], const char *id)
{
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0;
	int err = part_read(vault->ops, archive->vault_fd, hash, &der, &length);

	return err != 0 ? err : part_remove(vault->ops, vault->vault_fd, hash, id);
}

int vault_object_leave(const struct vault *vault, const char *owner, const struct object_ref *ref, uint64_t archive)
{
	struct archive there = { .vault_fd = -1 };
	char id[VAULT_KEY_ID_SIZE];
	int err = 0;

	vault_owner_id(vault, owner, id);
	for (size_t i = 0; i < ref->part_count; i++) {
		int left = 0;

		if (!part_exists(vault->ops, vault->vault_fd, ref->parts[i])) {
			continue;
		}
		left = there.vault_fd >= 0 ? 0 : archive_open(vault->ops, vault->archive, vault->origin, &there);
		if (left == 0) {
			left = there.id == archive ? leave_part(vault, &there, ref->parts[i], id) : ERR_NOTFOUND;
		}
		err = err != 0 ? err : left;
	}
	archive_close(vault->ops, &there);
	return err;
}
