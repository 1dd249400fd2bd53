/* escape.h - every foreign string passes one of these before a person or another program reads it. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#include "span.h"

enum escape_for {
	ESCAPE_TERMINAL, /* control characters, DEL, C1, invalid UTF-8, bidirectional overrides -> "?" or U+FFFD */
	ESCAPE_HTML,     /* as terminal, and & < > " ' as entities */
	ESCAPE_JSON,     /* inside quotes; invalid UTF-8 -> U+FFFD */
	ESCAPE_CSV,      /* a whole quoted field; a leading = + - @ TAB is disarmed with ' */
	ESCAPE_FILE,     /* a file name component: no / \ : * ? " < > | or control characters, no leading dot or blank, no trailing dot or blank, never empty */
};

/* Writes a terminated text of at most `size` bytes, cut at a character border. Returns the length written. */
size_t escape_text(enum escape_for target, struct span text, char *ret, size_t size);

#endif
