/* journal_ref.h - the reference of a record to an object of the vault, the value of a field `object-<role>` (FORMAT.txt section 7):
 *
 *   <size> <generation> <commitment, 64 hex> <SHA-256 of the stored part, 64 hex>[,<SHA-256 of the next part>...]
 *
 * Numbers are decimal without leading zeros. There is at least one part; an empty object has one.
 */
#ifndef STORE_JOURNAL_REF_H
#define STORE_JOURNAL_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/span.h"

#define JOURNAL_REF_PART_BYTES (1024 * 1024) /* content of a part; only the last may be shorter */
#define JOURNAL_REF_PARTS_MAX 240            /* fits LINES_VALUE_MAX */
#define JOURNAL_REF_MAX_BYTES (20 + 1 + 20 + 1 + 64 + JOURNAL_REF_PARTS_MAX * 65 + 1)

struct journal_ref {
	uint64_t size;       /* bytes of content */
	uint64_t generation; /* of the case's key, from 1 */
	uint8_t commitment[32];
	size_t part_count;
	uint8_t parts[JOURNAL_REF_PARTS_MAX][32];
};

/* ERR_FORMAT unless it is exactly that form and the number of parts fits the size; what *ret holds then means nothing. parts[] behind part_count is not touched. */
int journal_ref_parse(struct span text, struct journal_ref *ret);
/* Writes the terminated text; its length or ERR_LIMIT. */
int journal_ref_format(const struct journal_ref *ref, char *ret, size_t size);
/* The n-th field of a body whose name begins with "object-"; *ret_role is what follows. */
bool journal_ref_nth(struct span body, size_t n, struct span *ret_role, struct span *ret_value);

#endif
