/* columns.h - texts measured by the columns that they take on a terminal, not by bytes (UTF-8; text_open has set the character set). */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

/* Columns of the terminal behind `to`; 0 for a file or pipe, where lines may have any length. */
size_t columns_terminal(FILE *to);
/* Columns of a text that passed escape_text; a byte that is no character counts as one. */
size_t columns_count(const char *text);
/* Bytes of the longest beginning that takes at most `columns`; combining characters stay with their letter. */
size_t columns_fit(const char *text, size_t columns);
/* Bytes that both texts begin with, and their columns: whole characters, and no combining mark follows. */
size_t columns_common(const char *a, const char *b, size_t *ret_columns);
/* Cuts the text to `columns`, with "…" at its end when it was longer. The buffer must have room for the text and 4 bytes. */
void columns_cut(char *text, size_t columns);
/* The text, and blanks up to `width`. */
void columns_pad(const char *text, size_t width, FILE *to);
/* The text in lines of at most `width` columns, broken at blanks; the first begins at column `indent`, where the cursor is, further ones are indented so. */
void columns_wrap(const char *text, size_t indent, size_t width, FILE *to);

#endif
