/* frame.h - the outer form of a record (FORMAT.txt, section 2): header of 87 bytes, body, trailer of 79 bytes; and CRC-32C.
 *
 * Nothing is copied: what a frame points to lies in the bytes it was read from. Nothing here allocates or fails but by its result.
 */
#ifndef STORE_AUDIT_FRAME_H
#define STORE_AUDIT_FRAME_H

#include <string.h>

#include "audit.h"

#define FRAME_SEPARATOR 0x1e
#define FRAME_HEADER_BYTES 87
#define FRAME_TRAILER_BYTES 79
#define FRAME_BODY_MAX_BYTES 65408
#define FRAME_LEAF_MAX_BYTES 65535
#define FRAME_MAX_BYTES (FRAME_LEAF_MAX_BYTES + FRAME_TRAILER_BYTES)
#define FRAME_TYPE_BYTES 16
#define FRAME_INDEX_MAX UINT64_C(999999999999)
#define FRAME_LINES_MAX 512
#define FRAME_NAME_MAX 48
#define FRAME_VALUE_MAX 16384

/* What the header line says, as far as one needs it to go on to the next record. */
struct frame_step {
	uint64_t index;
	uint64_t batch;
	size_t body_length;
};

struct frame {
	uint64_t index, batch;
	int64_t utc_ms;
	char type[FRAME_TYPE_BYTES]; /* padded with blanks, not terminated */
	uint32_t crc;                /* as told */
	struct bytes leaf, body;
	bool has_trailer;               /* its form, and the same index */
	uint8_t told[AUDIT_HASH_BYTES]; /* leaf hash in the trailer; zero without one */
};

/* The fixed places of a header line and its three numbers; `bytes` holds at least FRAME_HEADER_BYTES. Cheap: nothing else is looked at. */
bool frame_step(const uint8_t *bytes, struct frame_step *ret);
/* The whole header line and the trailer of a record that frame_step went over; `bytes` is exactly header, body, trailer. False: the header line is not of this
 * format in another place (time, type, CRC column). A trailer that is wrong is told by has_trailer. */
bool frame_read(struct bytes bytes, struct frame *ret);
/* A trailer of this index: its form alone. */
bool frame_trailer(const uint8_t *bytes, uint64_t index, uint8_t ret_told[AUDIT_HASH_BYTES]);
/* The same without its hash. */
bool frame_trailer_begins(const uint8_t *bytes, uint64_t index);
/* "2026-11-21T18:39:00.123Z" (24 bytes) as milliseconds since 1970; false for what is no time. */
bool frame_time(const uint8_t *text, int64_t *ret_ms);

/* One line of a body; false at its end, and on a malformed line (then something is left in `rest`). Names and values are checked by frame_body. */
bool frame_line(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_value);
/* Whether a body has the one canonical form: lines, names unique and ascending, values UTF-8 without control characters, limits. */
bool frame_body(struct bytes body);
/* The value of a field in a good body. */
bool frame_field(struct bytes body, const char *name, struct bytes *ret);
/* Whether the bytes are UTF-8 (RFC 3629) without control characters (below 0x20, 0x7f). */
bool frame_text(struct bytes text);

/* Whether a whole body is ASCII without control characters but LF: then so is each of its values. */
bool frame_plain(struct bytes body);

/* Decimal digits without sign, no leading zero but "0" itself, at most UINT64_MAX. */
bool frame_number(struct bytes text, uint64_t *ret);
/* Lower-case hex of exactly `size` bytes. */
bool frame_hex(const uint8_t *text, uint8_t *ret, size_t size);
/* `text` gets 2 * size digits and a zero byte. */
void frame_to_hex(const uint8_t *bytes, size_t size, char *text);
static inline bool bytes_equal(struct bytes bytes, const char *string)
{
	return strlen(string) == bytes.length && memcmp(bytes.data, string, bytes.length) == 0;
}

/* CRC-32C (RFC 3720), by the processor's instruction where it has one. */
uint32_t frame_crc(struct bytes bytes);

#endif
