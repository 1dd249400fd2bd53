/* vault.h - content on disk, encrypted (design 4; FORMAT.txt, "Vault").
 *
 *   vault/ab/<SHA-256 of the file>   one part of an object, CMS under the key of a generation
 *   keys/<owner>.<generation>        that key with its salt, CMS to the vault certificates
 *   vault/tmp/                       files on their way in; emptied at the start
 *
 * A part or key file is durable when the function that wrote it returns: file synced, renamed, directory synced. One process writes (journal.h
 * holds the lock of the data directory).
 */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include "keys_recipients.h"

#include "fileops.h"
#include "keys.h"
#include "object.h"

#define VAULT_KEY_ID_SIZE 80
#define VAULT_KEY_FILE_MAX_BYTES 32768
#define VAULT_PART_FILE_MAX_BYTES (OBJECT_PART_BYTES + 4096)

struct vault;

/* `ops`, `keys` and `recipients` are borrowed and stay as long as the vault. Makes the folders that are missing.
 * 0 or ERR_SYSTEM, ERR_SPACE, ERR_MEMORY, ERR_FORMAT (an origin that does not fit). */
int vault_open(const struct fileops *ops, int data_dir, const char *origin, struct keys *keys, const struct recipients *recipients, struct vault **ret);
/* For checking only: makes nothing, has no keys. ERR_NOTFOUND when there is no vault. */
int vault_open_reading(const struct fileops *ops, int data_dir, struct vault **ret);
/* Content that is not in the vault is looked for in the archive at this path ("": nowhere) from now on, when it is there (archive.h). */
void vault_archive(struct vault *vault, const char *path, const char *origin);
void vault_free(struct vault *vault);
struct keys *vault_keys(struct vault *vault);
const struct fileops *vault_fileops(const struct vault *vault);

/* The key identifier in the CMS of a part: "<first 8 bytes of SHA-256(origin), hex>/<owner>/<generation>". */
void vault_key_id(const struct vault *vault, const char *owner, uint32_t generation, char ret[VAULT_KEY_ID_SIZE]);

/* The key to write with: the latest of that owner in memory, or else a new generation, whose file is durable when this returns.
 * ERR_LOCKED: there are no vault certificates. ERR_LIMIT: every place of the table is held. */
int vault_key_for_writing(struct vault *vault, const char *owner, struct key **ret);
/* A new generation in any case. ERR_LIMIT, or what writing its file returned. */
int vault_key_new(struct vault *vault, const char *owner, struct key **ret);
/* A key file, to be unwrapped by a token. ERR_NOTFOUND. *ret_der is the caller's to free(). */
int vault_key_file(const struct vault *vault, const char *owner, uint32_t generation, uint8_t **ret_der, size_t *ret_length);
/* What the token made of it: ERR_DAMAGE unless it names this owner, generation and origin. `text` is the caller's to wipe. */
int vault_key_accept(struct vault *vault, const char *owner, uint32_t generation, struct span text, struct key **ret);

/* Writes one part durably; its name is the hash. */
int vault_part_write(struct vault *vault, const struct key *key, struct span content, uint8_t ret_hash[OBJECT_HASH_BYTES]);
/* Reads and decrypts one part into `ret`. ERR_NOTFOUND; ERR_DAMAGE: not what was written, or not under this key. */
int vault_part_read(const struct vault *vault, const struct key *key, const uint8_t hash[OBJECT_HASH_BYTES], uint8_t *ret, size_t size, size_t *ret_length);
/* Without a key: is the part there, and is it what was written? 0, ERR_NOTFOUND, ERR_DAMAGE, ERR_SYSTEM. */
int vault_part_check(const struct vault *vault, const uint8_t hash[OBJECT_HASH_BYTES]);
/* True when every part of it is in the vault. */
bool vault_object_exists(const struct vault *vault, const struct object_ref *ref);
/* The same where a part may lie in the archive too, when that is there now. */
bool vault_object_readable(const struct vault *vault, const struct object_ref *ref);
/* "<tag of the origin>/<owner>/": how the key identifiers of all generations of an owner begin. */
void vault_owner_id(const struct vault *vault, const char *owner, char ret[VAULT_KEY_ID_SIZE]);
/* --- erasure (vault_erase.c). Each is durable on 0, and may be repeated. --- */
/* Unlinks every key file of which `gone` says so, and forgets the keys in memory. *ret_count (may be NULL): how many files there were. */
int vault_keys_erase(struct vault *vault, bool (*gone)(void *context, const char *owner, uint32_t generation), void *context, size_t *ret_count);
/* All generations of one owner but `but` (0: none). */
int vault_keys_erase_owner(struct vault *vault, const char *owner, uint32_t but);
/* The parts of an object of that owner, out of the vault. ERR_MISMATCH: one of them is another owner's; it stays. */
int vault_object_erase(const struct vault *vault, const char *owner, const struct object_ref *ref);

/* Parts of an object of that owner that lie in the vault although the archive with that id, which must be there, has them, whole: they leave the vault (a crash between the
 * record and their removal). */
int vault_object_leave(const struct vault *vault, const char *owner, const struct object_ref *ref, uint64_t archive);

/* Takes away a part that nothing refers to (an object that was not finished). */
void vault_part_remove(const struct vault *vault, const uint8_t hash[OBJECT_HASH_BYTES]);

/* --- objects, streaming --- */
struct vault_writer;
struct vault_reader;

/* Takes an object of at most `limit` bytes. The key is held until the writer is freed. NULL without memory. */
struct vault_writer *vault_writer_new(struct vault *vault, struct key *key, uint64_t limit);
/* Where to read to, at least one byte of room; NULL without memory. Then vault_writer_filled says how much came (0 is fine): ERR_LIMIT
 * beyond the limit, or what writing a part returned. After an error the writer can only be freed. */
uint8_t *vault_writer_space(struct vault_writer *writer, size_t *ret_room);
int vault_writer_filled(struct vault_writer *writer, size_t length);
int vault_writer_add(struct vault_writer *writer, struct span content);
/* The content is whole and every part durable. */
int vault_writer_finish(struct vault_writer *writer, struct object_ref *ret);
/* Removes the parts of an object that was not finished. NULL is fine. */
void vault_writer_free(struct vault_writer *writer);

/* Reads an object back. NULL without memory. */
struct vault_reader *vault_reader_new(struct vault *vault, struct key *key, const struct object_ref *ref);
/* The next piece of content, borrowed until the next call; empty at the end, and only then size, order of the parts and commitment are
 * proved. ERR_DAMAGE, ERR_NOTFOUND, ERR_SYSTEM, ERR_MEMORY. */
int vault_reader_next(struct vault_reader *reader, struct span *ret);
void vault_reader_free(struct vault_reader *reader);

#endif
