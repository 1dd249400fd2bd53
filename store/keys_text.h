/* keys_text.h - the content of a key file (FORMAT.txt, "Vault"): what a vault token unwraps.
 *
 *   case: <case number, or names-<year>>
 *   generation: <decimal>
 *   kek: <64 hex digits>       AES-256 key that wraps the content keys of the parts
 *   origin: <identity line of the log>
 *   salt: <64 hex digits>      from which the salts of the commitments are derived (keys.h)
 *
 * Exactly these lines, in this order.
 */
#ifndef STORE_KEYS_TEXT_H
#define STORE_KEYS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "keys.h"

#define KEYS_ORIGIN_SIZE 257
#define KEYS_TEXT_MAX_BYTES 1024

struct key_text {
	char owner[OBJECT_OWNER_SIZE];
	uint32_t generation;
	char origin[KEYS_ORIGIN_SIZE];
	uint8_t kek[KEYS_SECRET_BYTES];
	uint8_t salt[KEYS_SECRET_BYTES];
};

/* ERR_FORMAT. On failure *ret is untouched. The caller wipes *ret. */
int key_text_parse(struct span text, struct key_text *ret);
/* The length; the caller wipes `ret`. ERR_FORMAT for an invalid owner or origin, ERR_LIMIT. */
int key_text_format(const struct key_text *text, char *ret, size_t size);
void key_text_wipe(struct key_text *text);

#endif
