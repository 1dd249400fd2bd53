/* anchor_note.h - reads and writes a checkpoint as C2SP signed note (FORMAT.txt section 9; C2SP tlog-checkpoint and signed-note).
 *
 *   origin LF size LF root in base64 LF                                 the text: what is signed and stamped
 *   LF                                                                  only where there are signatures
 *   em dash, blank, key name, blank, base64(key id, signature) LF       each
 *
 * Nothing else is a note here: extension lines are not for logs that are watched (C2SP tlog-checkpoint).
 */
#ifndef STORE_ANCHOR_NOTE_H
#define STORE_ANCHOR_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/span.h"

#define ANCHOR_NOTE_MAX_BYTES 65536
#define ANCHOR_LINES_MAX 16 /* signatures; what a verifier must accept at least (C2SP signed-note) */
#define ANCHOR_KEY_ID_BYTES 4
#define ANCHOR_ROOT_BYTES 32

/* Borrows the bytes it was read from. */
struct anchor_note {
	struct span text;
	size_t file_length; /* with the signatures; `text` is where it begins */
	struct span origin;
	uint64_t size;
	uint8_t root[ANCHOR_ROOT_BYTES];
	struct {
		struct span name, base64;
	} lines[ANCHOR_LINES_MAX];
	size_t count;
};

/* ERR_FORMAT: not such a note, or something is left over. ERR_LIMIT: too long, too many lines. */
int anchor_note_parse(struct span bytes, struct anchor_note *ret);
/* Strict base64 (RFC 4648 section 4: with padding, whose unused bits are zero) of at most `size` bytes. */
bool anchor_base64_decode(struct span text, uint8_t *ret, size_t size, size_t *ret_length);
/* The text, then one signature line: the length, or ERR_LIMIT. `ret` is not terminated. */
int anchor_note_sign(struct span text, const char *name, struct span base64, uint8_t *ret, size_t size);

#endif
