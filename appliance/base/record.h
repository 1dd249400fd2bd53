/* record.h - the outer form of a journal record (design 4, FORMAT.txt section 2), for everyone who reads one.
 *
 *   RS "J1" SP index(12) SP utc(24) SP type(16, padded with blanks) SP batch(12) SP length(5) SP crc32c(8 hex) LF    header, 87 bytes
 *   body: `length` bytes of lines.h
 *   "." index(12) SP leaf hash(64 hex) LF                                                                            trailer, 79 bytes
 *
 * The leaf is header and body exactly as stored; the leaf hash is SHA-256(0x00 || leaf) (RFC 6962 section 2.1).
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "span.h"

#define RECORD_SEPARATOR 0x1e
#define RECORD_HEADER_BYTES 87
#define RECORD_TRAILER_BYTES 79
#define RECORD_TYPE_BYTES 16
#define RECORD_LEAF_MAX_BYTES 65535
#define RECORD_MAX_BYTES (RECORD_LEAF_MAX_BYTES + RECORD_TRAILER_BYTES)
#define RECORD_INDEX_MAX UINT64_C(999999999999)
#define RECORD_HASH_BYTES 32

struct record {
	uint64_t index;
	int64_t utc_ms;
	char type[RECORD_TYPE_BYTES + 1]; /* without padding */
	uint64_t batch;                   /* index of the first record of its batch */
	uint32_t crc;                     /* CRC32C of the body, as stored; not checked here */
	struct span leaf;                 /* header and body */
	struct span body;
	uint8_t hash[RECORD_HASH_BYTES]; /* from the trailer, as stored; not checked here */
};

/* Writes a header line for `record` (index, utc_ms, type, batch, crc) and a body of `body_length` bytes. */
void record_format_header(const struct record *record, uint32_t body_length, char ret[RECORD_HEADER_BYTES + 1]);
void record_format_trailer(uint64_t index, const uint8_t hash[RECORD_HASH_BYTES], char ret[RECORD_TRAILER_BYTES + 1]);

/* Reads one record off the front of `from`. Checks form only: fixed fields, lengths, lines_valid(body), equal indexes in header and trailer.
 * 0; ERR_AGAIN when `from` is a proper beginning of a record; ERR_FORMAT. */
int record_read(struct span *from, struct record *ret);

/* Reads a leaf alone (header and body, nothing left over); `hash` is left zero. */
int record_read_leaf(struct span leaf, struct record *ret);

/* A field of the body. */
bool record_field(const struct record *record, const char *name, struct span *ret);
bool record_field_string(const struct record *record, const char *name, char *ret, size_t size);
bool record_field_is(const struct record *record, const char *name, const char *value);

#endif
