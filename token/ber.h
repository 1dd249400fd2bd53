/* ber.h - BER (X.690 8) read from a stream in constant memory: definite and indefinite lengths, one-byte tags, every element inside its parent.
 *
 * Failures: ERR_FORMAT, ERR_LIMIT (an element is larger than the room for it), ERR_MEMORY, and those of the source.
 */
#ifndef TOKEN_BER_H
#define TOKEN_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../appliance/base/span.h"

#define BER_STEP_BYTES 65536

/* Some bytes, 0 at the end, or a negative error. */
typedef ssize_t (*ber_source)(void *context, uint8_t *ret, size_t size);

struct ber {
	ber_source source;
	void *context;
	uint8_t *buffer; /* owned, BER_STEP_BYTES */
	size_t start, end;
	uint64_t position; /* bytes consumed */
};

struct ber_level {
	bool indefinite;
	uint64_t end; /* position after its last byte, or where the parent ends when the length is indefinite */
};

#define BER_TOP ((struct ber_level){ .indefinite = false, .end = UINT64_MAX })

/* ERR_MEMORY. ber_close in any case. */
int ber_open(struct ber *ber, ber_source source, void *context);
void ber_close(struct ber *ber);

/* Is there one more element inside `level`? */
int ber_more(struct ber *ber, const struct ber_level *level, bool *ret);
/* Tag of the next element, which must be inside `level`. */
int ber_peek(struct ber *ber, const struct ber_level *level, uint8_t *ret_tag);
/* Header of an element with this tag. Indefinite only when the tag is constructed. */
int ber_enter(struct ber *ber, const struct ber_level *parent, uint8_t tag, struct ber_level *ret);
/* The end of `level` must be here. */
int ber_leave(struct ber *ber, const struct ber_level *level);
/* A whole element of definite length, header included, into `ret`. */
int ber_element(struct ber *ber, const struct ber_level *parent, uint8_t tag, uint8_t *ret, size_t size, size_t *ret_length);
/* Passes over a whole element of definite length with at most `most` bytes of content. */
int ber_skip(struct ber *ber, const struct ber_level *parent, uint8_t tag, size_t most);
/* The next bytes of a definite `level`, as many as are at hand; empty at its end. Borrowed until the next call. */
int ber_piece(struct ber *ber, const struct ber_level *level, struct span *ret);
/* Nothing may follow. */
int ber_finish(struct ber *ber);

#endif
