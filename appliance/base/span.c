#include "span.h"

#include <string.h>

struct span span_of(const void *data, size_t length)
{
	struct span span = { .data = data, .length = length };

	return span;
}

struct span span_of_string(const char *text)
{
	return span_of(text, strlen(text));
}

bool span_is_empty(struct span span)
{
	return span.length == 0;
}

bool span_equals(struct span a, struct span b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool span_equals_string(struct span span, const char *text)
{
	return span_equals(span, span_of_string(text));
}

bool span_starts_with(struct span span, const char *text)
{
	size_t length = strlen(text);

	return span.length >= length && memcmp(span.data, text, length) == 0;
}

bool span_read_bytes(struct span *from, size_t length, struct span *ret)
{
	if (from->length < length) {
		return false;
	}
	*ret = span_of(from->data, length);
	*from = span_of(from->data + length, from->length - length);
	return true;
}

static bool read_little_endian(struct span *from, size_t length, uint64_t *ret)
{
	struct span bytes;
	uint64_t value = 0;

	if (!span_read_bytes(from, length, &bytes)) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		value |= (uint64_t)bytes.data[i] << (8 * i);
	}
	*ret = value;
	return true;
}

bool span_read_u8(struct span *from, uint8_t *ret)
{
	uint64_t value = 0;

	if (!read_little_endian(from, 1, &value)) {
		return false;
	}
	*ret = (uint8_t)value;
	return true;
}

bool span_read_u16(struct span *from, uint16_t *ret)
{
	uint64_t value = 0;

	if (!read_little_endian(from, 2, &value)) {
		return false;
	}
	*ret = (uint16_t)value;
	return true;
}

bool span_read_u32(struct span *from, uint32_t *ret)
{
	uint64_t value = 0;

	if (!read_little_endian(from, 4, &value)) {
		return false;
	}
	*ret = (uint32_t)value;
	return true;
}

bool span_read_u64(struct span *from, uint64_t *ret)
{
	return read_little_endian(from, 8, ret);
}

bool span_read_until(struct span *from, uint8_t delimiter, struct span *ret)
{
	const uint8_t *found = from->length == 0 ? NULL : memchr(from->data, delimiter, from->length);
	size_t length = 0;

	if (found == NULL) {
		return false;
	}
	length = (size_t)(found - from->data);
	*ret = span_of(from->data, length);
	*from = span_of(found + 1, from->length - length - 1);
	return true;
}

bool span_parse_u64(struct span span, uint64_t *ret)
{
	uint64_t value = 0;

	if (span.length == 0 || span.length > 20) {
		return false;
	}
	for (size_t i = 0; i < span.length; i++) {
		uint8_t digit = (uint8_t)(span.data[i] - '0');

		if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
			return false;
		}
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

/* Of each lower-case hex digit its value and one, 0 of any other byte: hashes are as good as random, and a processor that has to guess whether a digit or a
 * letter comes next guesses wrong. */
static const uint8_t hex_values[256] = {
	['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool span_parse_hex(struct span span, uint8_t *ret, size_t length)
{
	if (span.length != 2 * length) {
		return false;
	}
	for (size_t i = 0; i < span.length; i++) {
		if (hex_values[span.data[i]] == 0) {
			return false;
		}
	}
	for (size_t i = 0; i < length; i++) {
		ret[i] = (uint8_t)((hex_values[span.data[2 * i]] - 1) << 4 | (hex_values[span.data[2 * i + 1]] - 1));
	}
	return true;
}

bool span_copy_string(struct span span, char *ret, size_t size)
{
	if (span.length >= size || (span.length > 0 && memchr(span.data, 0, span.length) != NULL)) {
		return false;
	}
	if (span.length > 0) {
		memcpy(ret, span.data, span.length);
	}
	ret[span.length] = '\0';
	return true;
}

/* Length of the sequence that begins with `byte`, and the least code point it may carry (RFC 3629 section 3). */
static size_t utf8_sequence(uint8_t byte, uint32_t *ret_minimum, uint32_t *ret_bits)
{
	if (byte < 0x80) {
		*ret_minimum = 1;
		*ret_bits = byte;
		return 1;
	}
	if ((byte & 0xe0) == 0xc0) {
		*ret_minimum = 0x80;
		*ret_bits = byte & 0x1f;
		return 2;
	}
	if ((byte & 0xf0) == 0xe0) {
		*ret_minimum = 0x800;
		*ret_bits = byte & 0x0f;
		return 3;
	}
	if ((byte & 0xf8) == 0xf0) {
		*ret_minimum = 0x10000;
		*ret_bits = byte & 0x07;
		return 4;
	}
	return 0;
}

bool span_is_utf8(struct span span)
{
	while (!span_is_empty(span)) {
		struct span sequence;
		uint32_t minimum = 0, code = 0;
		size_t length = utf8_sequence(span.data[0], &minimum, &code);

		if (length == 0 || !span_read_bytes(&span, length, &sequence)) {
			return false;
		}
		for (size_t i = 1; i < length; i++) {
			if ((sequence.data[i] & 0xc0) != 0x80) {
				return false;
			}
			code = code << 6 | (sequence.data[i] & 0x3f);
		}
		if (code < minimum || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
			return false;
		}
	}
	return true;
}

void hex_encode(const uint8_t *data, size_t length, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		ret[2 * i] = digits[data[i] >> 4];
		ret[2 * i + 1] = digits[data[i] & 0x0f];
	}
	ret[2 * length] = '\0';
}

void digits_encode(uint64_t value, char *ret, size_t digits)
{
	while (digits > 0) {
		ret[--digits] = (char)('0' + value % 10);
		value /= 10;
	}
}
