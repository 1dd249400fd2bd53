/* parts.h - parts of objects as files, in the vault or in an archive (FORMAT.txt, "Vault"): <folder>/ab/<SHA-256 of the file>. Nothing here needs a key.
 *
 * `dir` is the folder that holds the 256 folders, borrowed.
 */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fileops.h"
#include "object.h"

#define PARTS_FILE_MAX_BYTES (OBJECT_PART_BYTES + 4096)

/* The file, compared with its name; *ret_der is the caller's to free. ERR_NOTFOUND; ERR_DAMAGE: not what was written; ERR_SYSTEM, ERR_MEMORY. */
int part_read(const struct fileops *ops, int dir, const uint8_t hash[OBJECT_HASH_BYTES], uint8_t **ret_der, size_t *ret_length);
/* Is there a regular file of that name? */
bool part_exists(const struct fileops *ops, int dir, const uint8_t hash[OBJECT_HASH_BYTES]);
/* The part becomes durable in `to`, and is read again there before 0 is returned. One that is there already and right is left alone. */
int part_copy(const struct fileops *ops, int from, int to, const uint8_t hash[OBJECT_HASH_BYTES]);
/* Takes the part away, durably, when its key is one of that owner (`owner_id`: "<tag of the origin>/<owner>/", as the file itself says), and what was left of writing it;
 * one that is not there is no failure. ERR_MISMATCH: it is another one's, or no part at all, and stays. */
int part_remove(const struct fileops *ops, int dir, const uint8_t hash[OBJECT_HASH_BYTES], const char *owner_id);

#endif
