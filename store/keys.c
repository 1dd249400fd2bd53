#include "keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "appliance/base/log.h"
#include "vault_hmac.h"

struct keys {
	size_t count, used; /* places; those ever filled: none becomes free again */
	size_t bytes;
	uint64_t clock;
	bool locked;
	struct key *table;          /* its own mapping */
	uint32_t *buckets, *chains; /* by owner: 1 + place of the newest in its table; per place the next of the same bucket; 0: none */
};

struct keys *keys_new(size_t count)
{
	struct keys *keys = calloc(1, sizeof *keys);
	void *table = MAP_FAILED;

	if (keys == NULL || count == 0 || count > KEYS_COUNT_MAX) {
		free(keys);
		return NULL;
	}
	keys->count = count;
	keys->buckets = calloc(count, sizeof *keys->buckets);
	keys->chains = calloc(count, sizeof *keys->chains);
	keys->bytes = count * sizeof *keys->table;
	table = mmap(NULL, keys->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED || keys->buckets == NULL || keys->chains == NULL) {
		if (table != MAP_FAILED) {
			(void)munmap(table, keys->bytes);
		}
		free(keys->buckets);
		free(keys->chains);
		free(keys);
		return NULL;
	}
	keys->table = table;
	keys->locked = mlock(table, keys->bytes) == 0;
	if (!keys->locked) {
		log_warning("the memory of the keys cannot be locked: raise RLIMIT_MEMLOCK");
	}
	/* Children (server_verify.c) get zeroes in its place. */
	if (madvise(table, keys->bytes, MADV_DONTDUMP) != 0 || madvise(table, keys->bytes, MADV_WIPEONFORK) != 0) {
		keys->locked = false;
	}
	return keys;
}

void keys_free(struct keys *keys)
{
	if (keys == NULL) {
		return;
	}
	explicit_bzero(keys->table, keys->bytes);
	(void)munmap(keys->table, keys->bytes);
	free(keys->buckets);
	free(keys->chains);
	free(keys);
}

bool keys_are_locked(const struct keys *keys)
{
	return keys->locked;
}

static struct key *touch(struct keys *keys, struct key *key)
{
	if (key != NULL) {
		key->used = ++keys->clock;
	}
	return key;
}

/* Where the chain of this owner begins (FNV-1a). */
static uint32_t *bucket_of(const struct keys *keys, const char *owner)
{
	uint32_t hash = 2166136261U;

	for (; *owner != '\0'; owner++) {
		hash = (hash ^ (uint8_t)*owner) * 16777619U;
	}
	return &keys->buckets[hash % keys->count];
}

struct key *keys_find(struct keys *keys, const char *owner, uint32_t generation)
{
	for (uint32_t place = *bucket_of(keys, owner); place != 0; place = keys->chains[place - 1]) {
		struct key *key = &keys->table[place - 1];

		if (key->generation == generation && strcmp(key->owner, owner) == 0) {
			return touch(keys, key);
		}
	}
	return NULL;
}

struct key *keys_find_latest(struct keys *keys, const char *owner)
{
	struct key *latest = NULL;

	for (uint32_t place = *bucket_of(keys, owner); place != 0; place = keys->chains[place - 1]) {
		struct key *key = &keys->table[place - 1];

		if (strcmp(key->owner, owner) == 0 && (latest == NULL || key->generation > latest->generation)) {
			latest = key;
		}
	}
	return touch(keys, latest);
}

static void unchain(struct keys *keys, const struct key *key)
{
	uint32_t place = (uint32_t)(key - keys->table) + 1, *at = bucket_of(keys, key->owner);

	while (*at != place) {
		at = &keys->chains[*at - 1];
	}
	*at = keys->chains[place - 1];
}

/* A place that was never used, or the least recently used one that nobody holds, off its chain. */
static struct key *take_place(struct keys *keys)
{
	struct key *oldest = NULL;

	if (keys->used < keys->count) {
		return &keys->table[keys->used++];
	}
	for (size_t i = 0; i < keys->count; i++) {
		struct key *key = &keys->table[i];

		if (key->holds == 0 && (oldest == NULL || key->used < oldest->used)) {
			oldest = key;
		}
	}
	if (oldest != NULL) {
		unchain(keys, oldest);
	}
	return oldest;
}

static void chain(struct keys *keys, const struct key *key)
{
	uint32_t *bucket = bucket_of(keys, key->owner);

	keys->chains[key - keys->table] = *bucket;
	*bucket = (uint32_t)(key - keys->table) + 1;
}

struct key *keys_insert(struct keys *keys, const char *owner, uint32_t generation, const uint8_t kek[KEYS_SECRET_BYTES], const uint8_t salt[KEYS_SECRET_BYTES])
{
	struct key *key = NULL;
	uint32_t holds = 0;
	bool there = false;

	if (!object_owner_valid(owner)) {
		return NULL;
	}
	key = keys_find(keys, owner, generation);
	there = key != NULL;
	if (there) {
		holds = key->holds;
	} else {
		key = take_place(keys);
	}
	if (key == NULL) {
		return NULL;
	}
	explicit_bzero(key, sizeof *key);
	memcpy(key->owner, owner, strlen(owner) + 1);
	key->generation = generation;
	key->holds = holds;
	memcpy(key->kek, kek, sizeof key->kek);
	memcpy(key->salt, salt, sizeof key->salt);
	if (!there) {
		chain(keys, key);
	}
	return touch(keys, key);
}

/* The place stays on a chain, under an owner that nobody can ask for, until it is taken for another key. */
void keys_forget(struct keys *keys, const char *owner, uint32_t generation)
{
	struct key *key = keys_find(keys, owner, generation);
	uint32_t holds = key == NULL ? 0 : key->holds;

	if (key == NULL) {
		return;
	}
	unchain(keys, key);
	explicit_bzero(key, sizeof *key);
	key->holds = holds;
	chain(keys, key);
}

bool keys_in_use(const struct keys *keys, const char *owner)
{
	for (uint32_t place = *bucket_of(keys, owner); place != 0; place = keys->chains[place - 1]) {
		if (keys->table[place - 1].holds > 0 && strcmp(keys->table[place - 1].owner, owner) == 0) {
			return true;
		}
	}
	return false;
}

void keys_hold(struct key *key)
{
	key->holds++;
}

void keys_release(struct key *key)
{
	if (key != NULL && key->holds > 0) {
		key->holds--;
	}
}

bool keys_object_salt(const struct key *key, const uint8_t first_part[OBJECT_HASH_BYTES], uint8_t ret[KEYS_SECRET_BYTES])
{
	char hex[2 * OBJECT_HASH_BYTES + 1];
	struct vault_hmac *hmac = vault_hmac_new(key->salt);
	bool good = false;

	hex_encode(first_part, OBJECT_HASH_BYTES, hex);
	good = hmac != NULL && vault_hmac_update(hmac, span_of(hex, sizeof hex - 1)) && vault_hmac_finish(hmac, ret);
	vault_hmac_free(hmac);
	return good;
}
