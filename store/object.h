/* object.h - references to content in the vault, as they stand in records (FORMAT.txt, "Vault").
 *
 *   object-<role>: <size> <generation> <commitment> <part>[,<part>...]
 *
 * size: decimal bytes of the content; generation: decimal number of the key of the case (keys/<case>.<generation>); commitment: 64 hex digits;
 * part: 64 hex digits, SHA-256 of the part's file, which is also its name below vault/. Every part but the last holds OBJECT_PART_BYTES of content;
 * an empty object has one part. The form is canonical: what is parsed and written again is the same text.
 */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/span.h"

#define OBJECT_PART_BYTES ((size_t)1024 * 1024)
#define OBJECT_PARTS_MAX 60 /* so that a reference fits a string of the control plane */
#define OBJECT_MAX_BYTES ((uint64_t)OBJECT_PARTS_MAX * OBJECT_PART_BYTES)
#define OBJECT_HASH_BYTES 32
#define OBJECT_REF_SIZE 4096 /* bytes of a text of the longest reference and its zero byte, with room */
#define OBJECT_ROLE_SIZE 33
#define OBJECT_OWNER_SIZE 33
#define OBJECT_GENERATION_MAX 999999

struct object_ref {
	uint64_t size;
	uint32_t generation;
	uint8_t commitment[OBJECT_HASH_BYTES];
	size_t part_count;
	uint8_t parts[OBJECT_PARTS_MAX][OBJECT_HASH_BYTES];
};

/* ERR_FORMAT unless `text` is the canonical form and the number of parts fits the size. */
int object_ref_parse(struct span text, struct object_ref *ret);
/* The length written; ERR_LIMIT when it does not fit. */
int object_ref_format(const struct object_ref *ref, char *ret, size_t size);
/* How many parts content of `size` bytes has. */
size_t object_part_count(uint64_t size);

/* A role: 1 to 32 of [a-z0-9-]. */
bool object_role_valid(const char *role);
/* Whose key it is: a case number or "names-<year>": 1 to 32 of [A-Za-z0-9-], not beginning with "-". */
bool object_owner_valid(const char *owner);

#endif
