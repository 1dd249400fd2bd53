#include "record.h"

#include <string.h>

#include "err.h"
#include "lines.h"

#define INDEX_DIGITS 12
#define LENGTH_DIGITS 5

void record_format_header(const struct record *record, uint32_t body_length, char ret[RECORD_HEADER_BYTES + 1])
{
	const uint8_t crc[4] = { (uint8_t)(record->crc >> 24), (uint8_t)(record->crc >> 16), (uint8_t)(record->crc >> 8), (uint8_t)record->crc };
	char utc[CLOCK_UTC_SIZE];
	char *at = ret;

	clock_format_utc(record->utc_ms, utc);
	memset(ret, ' ', RECORD_HEADER_BYTES);
	*at++ = RECORD_SEPARATOR;
	*at++ = 'J';
	*at++ = '1';
	digits_encode(record->index, ++at, INDEX_DIGITS);
	at += INDEX_DIGITS;
	memcpy(++at, utc, CLOCK_UTC_SIZE - 1);
	at += CLOCK_UTC_SIZE - 1;
	memcpy(++at, record->type, strnlen(record->type, RECORD_TYPE_BYTES));
	at += RECORD_TYPE_BYTES;
	digits_encode(record->batch, ++at, INDEX_DIGITS);
	at += INDEX_DIGITS;
	digits_encode(body_length, ++at, LENGTH_DIGITS);
	at += LENGTH_DIGITS;
	hex_encode(crc, sizeof crc, ++at);
	ret[RECORD_HEADER_BYTES - 1] = '\n';
	ret[RECORD_HEADER_BYTES] = '\0';
}

void record_format_trailer(uint64_t index, const uint8_t hash[RECORD_HASH_BYTES], char ret[RECORD_TRAILER_BYTES + 1])
{
	ret[0] = '.';
	digits_encode(index, ret + 1, INDEX_DIGITS);
	ret[1 + INDEX_DIGITS] = ' ';
	hex_encode(hash, RECORD_HASH_BYTES, ret + 2 + INDEX_DIGITS);
	ret[RECORD_TRAILER_BYTES - 1] = '\n';
	ret[RECORD_TRAILER_BYTES] = '\0';
}

/* A run of `length` bytes followed by `after`. */
static bool read_column(struct span *from, size_t length, uint8_t after, struct span *ret)
{
	struct span column, end;

	if (!span_read_bytes(from, length, &column) || !span_read_bytes(from, 1, &end) || end.data[0] != after) {
		return false;
	}
	*ret = column;
	return true;
}

static bool read_number(struct span *from, size_t length, uint8_t after, uint64_t *ret)
{
	struct span column;

	return read_column(from, length, after, &column) && span_parse_u64(column, ret);
}

static bool read_type(struct span *from, char ret[RECORD_TYPE_BYTES + 1])
{
	struct span column;
	size_t length = RECORD_TYPE_BYTES;

	if (!read_column(from, RECORD_TYPE_BYTES, ' ', &column)) {
		return false;
	}
	while (length > 0 && column.data[length - 1] == ' ') {
		length--;
	}
	for (size_t i = 0; i < length; i++) {
		uint8_t c = column.data[i];

		if (!((c >= 'a' && c <= 'z') || c == '-')) {
			return false;
		}
	}
	return length > 0 && span_copy_string(span_of(column.data, length), ret, RECORD_TYPE_BYTES + 1);
}

static bool read_header(struct span line, struct record *ret, uint64_t *ret_length)
{
	static const uint8_t mark[] = { RECORD_SEPARATOR, 'J', '1' };
	struct span column;
	uint8_t crc[4];

	if (!read_column(&line, sizeof mark, ' ', &column) || !span_equals(column, span_of(mark, sizeof mark)) || !read_number(&line, 12, ' ', &ret->index) ||
	    !read_column(&line, CLOCK_UTC_SIZE - 1, ' ', &column) || !clock_parse_utc(column, &ret->utc_ms) || !read_type(&line, ret->type) ||
	    !read_number(&line, 12, ' ', &ret->batch) || !read_number(&line, 5, ' ', ret_length) || !read_column(&line, 8, '\n', &column) ||
	    !span_parse_hex(column, crc, sizeof crc)) {
		return false;
	}
	ret->crc = (uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 | crc[3];
	return span_is_empty(line) && ret->batch <= ret->index && *ret_length <= LINES_BODY_MAX;
}

/* Header and body off the front of `from`. */
static int read_leaf(struct span *from, struct record *ret)
{
	struct record record = { 0 };
	struct span rest = *from, header;
	uint64_t length = 0;

	if (!span_read_bytes(&rest, RECORD_HEADER_BYTES, &header)) {
		return from->length > 0 && from->data[0] != RECORD_SEPARATOR ? ERR_FORMAT : ERR_AGAIN;
	}
	if (!read_header(header, &record, &length)) {
		return ERR_FORMAT;
	}
	if (!span_read_bytes(&rest, (size_t)length, &record.body)) {
		return ERR_AGAIN;
	}
	if (!lines_valid(record.body)) {
		return ERR_FORMAT;
	}
	record.leaf = span_of(from->data, RECORD_HEADER_BYTES + (size_t)length);
	*from = rest;
	*ret = record;
	return 0;
}

int record_read(struct span *from, struct record *ret)
{
	struct record record = { 0 };
	struct span rest = *from, column;
	uint64_t index = 0;
	int err = read_leaf(&rest, &record);

	if (err != 0) {
		return err;
	}
	if (rest.length < RECORD_TRAILER_BYTES) {
		return ERR_AGAIN;
	}
	if (!span_read_bytes(&rest, 1, &column) || column.data[0] != '.' || !read_number(&rest, 12, ' ', &index) || index != record.index ||
	    !read_column(&rest, 64, '\n', &column) || !span_parse_hex(column, record.hash, sizeof record.hash)) {
		return ERR_FORMAT;
	}
	*from = rest;
	*ret = record;
	return 0;
}

int record_read_leaf(struct span leaf, struct record *ret)
{
	struct record record = { 0 };
	int err = read_leaf(&leaf, &record);

	if (err != 0 || !span_is_empty(leaf)) {
		return ERR_FORMAT;
	}
	*ret = record;
	return 0;
}

bool record_field(const struct record *record, const char *name, struct span *ret)
{
	return lines_find(record->body, name, ret);
}

bool record_field_string(const struct record *record, const char *name, char *ret, size_t size)
{
	return lines_find_string(record->body, name, ret, size);
}

bool record_field_is(const struct record *record, const char *name, const char *value)
{
	struct span found;

	return lines_find(record->body, name, &found) && span_equals_string(found, value);
}
