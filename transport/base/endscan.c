#include "endscan.h"

#include <string.h>

#define PDF_END_WINDOW_BYTES 1024 /* readers look for %%EOF in the last 1024 bytes (ISO 32000-1, annex H, note 18) */
#define PRESIZED_BYTES 64
#define ZIP_END_BYTES 22

/* Reads one header {tag, length} if it is whole. 1: read, 0: more bytes needed, -1: not BER. */
static int read_header(struct span from, bool *ret_indefinite, bool *ret_end, uint64_t *ret_length)
{
	uint8_t first = 0, byte = 0;
	uint64_t length = 0;

	if (!span_read_u8(&from, &first)) {
		return 0;
	}
	if ((first & 0x1f) == 0x1f) {
		do {
			if (!span_read_u8(&from, &byte)) {
				return 0;
			}
		} while ((byte & 0x80) != 0);
	}
	if (!span_read_u8(&from, &byte)) {
		return 0;
	}
	*ret_end = first == 0 && byte == 0;
	*ret_indefinite = byte == 0x80;
	if (*ret_indefinite || byte < 0x80) {
		*ret_length = byte & 0x7f;
		return *ret_indefinite && (first & 0x20) == 0 ? -1 : 1;
	}
	if ((byte & 0x7f) > 7) {
		return -1;
	}
	for (size_t left = byte & 0x7f; left > 0; left--) {
		if (!span_read_u8(&from, &byte)) {
			return 0;
		}
		length = length << 8 | byte;
	}
	*ret_length = length;
	return 1;
}

static void take_header_byte(struct endscan_ber *scan, uint8_t byte)
{
	bool indefinite = false, end = false;
	uint64_t length = 0;
	int got = 0;

	scan->header[scan->header_length++] = byte;
	got = read_header(span_of(scan->header, scan->header_length), &indefinite, &end, &length);
	if (got == 0) {
		scan->broken = scan->header_length == sizeof scan->header;
		return;
	}
	scan->header_length = 0;
	if (got < 0 || (end && scan->open == 0) || (indefinite && scan->open == ENDSCAN_BER_DEPTH_MAX)) {
		scan->broken = true;
		return;
	}
	if (indefinite) {
		scan->open++;
		return;
	}
	scan->skip = length;
	scan->open -= end ? 1 : 0;
	scan->done = scan->open == 0 && scan->skip == 0;
}

void endscan_ber_feed(struct endscan_ber *scan, struct span bytes)
{
	struct span passed;
	uint8_t byte = 0;

	while (bytes.length > 0 && !scan->broken) {
		if (scan->done) {
			scan->surplus = true;
			return;
		}
		if (scan->skip > 0) {
			size_t length = scan->skip < bytes.length ? (size_t)scan->skip : bytes.length;

			(void)span_read_bytes(&bytes, length, &passed);
			scan->skip -= length;
			scan->done = scan->skip == 0 && scan->open == 0;
			continue;
		}
		(void)span_read_u8(&bytes, &byte);
		take_header_byte(scan, byte);
	}
}

bool endscan_ber_complete(const struct endscan_ber *scan)
{
	return scan->done && !scan->broken && !scan->surplus;
}

void endscan_tail_feed(struct endscan_tail *tail, struct span bytes)
{
	struct span skipped;

	if (bytes.length > ENDSCAN_TAIL_BYTES) {
		(void)span_read_bytes(&bytes, bytes.length - ENDSCAN_TAIL_BYTES, &skipped);
		tail->length = 0;
	}
	if (tail->length + bytes.length > sizeof tail->bytes) {
		size_t surplus = tail->length - ENDSCAN_TAIL_BYTES;

		memmove(tail->bytes, tail->bytes + surplus, ENDSCAN_TAIL_BYTES);
		tail->length = ENDSCAN_TAIL_BYTES;
	}
	if (bytes.length > 0) {
		memcpy(tail->bytes + tail->length, bytes.data, bytes.length);
		tail->length += bytes.length;
	}
}

struct span endscan_tail_span(const struct endscan_tail *tail)
{
	struct span all = span_of(tail->bytes, tail->length), skipped;

	if (all.length > ENDSCAN_TAIL_BYTES) {
		(void)span_read_bytes(&all, all.length - ENDSCAN_TAIL_BYTES, &skipped);
	}
	return all;
}

bool endscan_zip_complete(struct span tail)
{
	struct span skipped;

	while (tail.length >= ZIP_END_BYTES) {
		struct span record = tail;
		uint16_t comment = 0;

		if (span_starts_with(tail, "PK\x05\x06") && span_read_bytes(&record, ZIP_END_BYTES - 2, &skipped) && span_read_u16(&record, &comment) &&
		    record.length == comment) {
			return true;
		}
		(void)span_read_bytes(&tail, 1, &skipped);
	}
	return false;
}

bool endscan_pdf_complete(struct span tail)
{
	struct span skipped;

	if (endscan_is_presized(tail)) {
		return false;
	}
	if (tail.length > PDF_END_WINDOW_BYTES) {
		(void)span_read_bytes(&tail, tail.length - PDF_END_WINDOW_BYTES, &skipped);
	}
	return tail.length > 0 && memmem(tail.data, tail.length, "%%EOF", 5) != NULL;
}

bool endscan_is_presized(struct span tail)
{
	struct span skipped;

	if (tail.length > PRESIZED_BYTES) {
		(void)span_read_bytes(&tail, tail.length - PRESIZED_BYTES, &skipped);
	}
	for (size_t i = 0; i < tail.length; i++) {
		if (tail.data[i] != 0) {
			return false;
		}
	}
	return tail.length > 0;
}
