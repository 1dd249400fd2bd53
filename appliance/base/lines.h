/* lines.h - the one text form of small structured data: sorted `name: value` lines, each ended by LF, in UTF-8.
 *
 * It is the body of a journal record (design 4), and what programs hand each other inside control messages (settings, results).
 * A name is 1 to LINES_NAME_MAX of [a-z0-9.-], unique, in ascending byte order; a value is UTF-8 without control characters, at most
 * LINES_VALUE_MAX bytes. The canonical form is the only form: what was parsed and written again is the same bytes.
 */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

#define LINES_NAME_MAX 48
#define LINES_VALUE_MAX 16384
#define LINES_BODY_MAX 65408 /* with the header line of a record (87 bytes) at most 65,535: a C2SP tile entry */
#define LINES_COUNT_MAX 512

/* A set under construction. Zero-initialise; lines_free when done. Errors stick: check lines_finish. */
struct lines {
	char *names[LINES_COUNT_MAX];
	char *values[LINES_COUNT_MAX];
	size_t count;
	int err;
};

/* Adds or replaces. A NULL value removes. The bytes are copied. */
void lines_set(struct lines *lines, const char *name, const char *value);
void lines_setf(struct lines *lines, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void lines_set_u64(struct lines *lines, const char *name, uint64_t value);
void lines_set_span(struct lines *lines, const char *name, struct span value);
/* NULL when there is no such name. Borrowed. */
const char *lines_get(const struct lines *lines, const char *name);
/* The canonical text into `ret` (terminated); its length or a negative error. */
int lines_finish(const struct lines *lines, char *ret, size_t size);
/* Reads a canonical text; ERR_FORMAT when it is not canonical. On failure `ret` is empty. */
int lines_parse(struct span text, struct lines *ret);
void lines_free(struct lines *lines);

/* Without allocation, on canonical text: the value of a name. */
bool lines_find(struct span text, const char *name, struct span *ret_value);
bool lines_find_string(struct span text, const char *name, char *ret, size_t size);
bool lines_find_u64(struct span text, const char *name, uint64_t *ret);
/* The next line; false at the end or on malformed text (then the span is not empty). */
bool lines_next(struct span *text, struct span *ret_name, struct span *ret_value);
/* True when the text is canonical. */
bool lines_valid(struct span text);

#define _cleanup_lines_ __attribute__((cleanup(lines_free)))

#endif
