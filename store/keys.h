/* keys.h - keys of cases that are in memory now: locked, kept out of dumps, wiped, the least recently used one leaves first.
 *
 * A key is one generation of one owner (a case, or "names-<year>"). Pointers stay valid while held: keys_hold before keeping one over a call
 * that may insert, keys_release after.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"

#define KEYS_SECRET_BYTES 32
#define KEYS_COUNT_MAX 4096 /* about half a MiB of locked memory */

struct key {
	char owner[OBJECT_OWNER_SIZE]; /* empty: a free place */
	uint32_t generation;
	uint32_t holds;
	uint64_t used; /* rises with each use */
	uint8_t kek[KEYS_SECRET_BYTES];
	uint8_t salt[KEYS_SECRET_BYTES];
};

struct keys;

/* NULL without memory. Memory that cannot be locked (RLIMIT_MEMLOCK) is used all the same: see keys_are_locked. */
struct keys *keys_new(size_t count);
/* Wipes everything. NULL is fine. */
void keys_free(struct keys *keys);
bool keys_are_locked(const struct keys *keys);

/* NULL when it is not in memory. */
struct key *keys_find(struct keys *keys, const char *owner, uint32_t generation);
struct key *keys_find_latest(struct keys *keys, const char *owner);
/* Puts a key in, in the place of the least recently used one that nobody holds if need be. NULL when all are held. An owner and generation that
 * is there already is replaced. */
struct key *keys_insert(struct keys *keys, const char *owner, uint32_t generation, const uint8_t kek[KEYS_SECRET_BYTES], const uint8_t salt[KEYS_SECRET_BYTES]);
/* Wipes one generation of an owner, held or not: who holds it reads nothing any more. */
void keys_forget(struct keys *keys, const char *owner, uint32_t generation);
/* Is a key of this owner held by anybody? */
bool keys_in_use(const struct keys *keys, const char *owner);
void keys_hold(struct key *key);
void keys_release(struct key *key);

/* The salt of one object: HMAC-SHA256(salt of the generation, lower-case hex of the SHA-256 of the object's first part). Every first part is
 * unique (fresh content key and nonce), so is every salt, and the key file need not be written again for an object. False: libcrypto failed. */
bool keys_object_salt(const struct key *key, const uint8_t first_part[OBJECT_HASH_BYTES], uint8_t ret[KEYS_SECRET_BYTES]);

#endif
