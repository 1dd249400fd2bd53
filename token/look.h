/* look.h - what a PKCS#11 module shows: readers, tokens, and the keys and certificates on one token, configured or not.
 *
 * Nothing is changed and no PIN is needed: a locked token is shown as far as it shows itself. Everything that comes from readers and tokens is foreign and is
 * made harmless here (escape.h). The names of the lines are those of TOKEN_SEEN in token.h.
 */
#ifndef TOKEN_LOOK_H
#define TOKEN_LOOK_H

#include "../appliance/base/lines.h"
#include "module.h"
#include "setup.h"

#define LOOK_READERS_MAX 8
#define LOOK_OBJECTS_MAX 20 /* key pairs and certificates, those that belong together counted as one */
#define LOOK_URI_BYTES 1024

/* All readers with their tokens. 0, or ERR_TOKEN with words in module->why. */
int look_readers(struct module *module, struct lines *lines);
/* The objects that `session` shows. `keys`: those of the configuration, so that each object can name its own; may be none. 0 or ERR_TOKEN, ERR_MEMORY. */
int look_objects(struct module *module, unsigned long session, const struct setup_key *keys, size_t key_count, int64_t now_ms, struct lines *lines);

/* RFC 7512: of a token by label and serial number; of an object by its id, by its label where it has none. False when it does not fit. */
bool look_token_uri(const char *label, const char *serial, char *ret, size_t size);
bool look_object_uri(struct span id, const char *label, char *ret, size_t size);

#endif
