/* block.h - rows that are shown as a title with lines below it, not as a line of a table: key, reader, object (rows.h). */
#ifndef CLI_BLOCK_H
#define CLI_BLOCK_H

#include <stdbool.h>
#include <stdio.h>

#include "rows.h"

/* False for rows of other kinds: nothing was printed. Blocks are divided by an empty line; `first`: nothing stands before this one. */
bool block_print(const struct row *row, bool first, FILE *to);

#endif
