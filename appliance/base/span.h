/* span.h - a borrowed run of bytes, read only through checked readers.
 *
 * Every reader advances the span on success and leaves it and the output untouched on failure. After a structure the caller
 * checks span_is_empty(): nothing may be left over.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *data; /* borrowed */
	size_t length;       /* bytes */
};

/* Borrow and compare; the text of span_of_string ends before its zero byte. */
struct span span_of(const void *data, size_t length);
struct span span_of_string(const char *text);
bool span_is_empty(struct span span);
bool span_equals(struct span a, struct span b);
bool span_equals_string(struct span span, const char *text);
bool span_starts_with(struct span span, const char *text);

/* All return false when there are too few bytes. Integers are little-endian. */
bool span_read_bytes(struct span *from, size_t length, struct span *ret);
bool span_read_u8(struct span *from, uint8_t *ret);
bool span_read_u16(struct span *from, uint16_t *ret);
bool span_read_u32(struct span *from, uint32_t *ret);
bool span_read_u64(struct span *from, uint64_t *ret);

/* Up to and without `delimiter`, which is consumed too; false when it does not occur. */
bool span_read_until(struct span *from, uint8_t delimiter, struct span *ret);

/* The whole span as a decimal number without sign, at most 20 digits and no other byte. */
bool span_parse_u64(struct span span, uint64_t *ret);

/* The whole span as lower-case hex of exactly `length` bytes. */
bool span_parse_hex(struct span span, uint8_t *ret, size_t length);

/* Copies the span as a terminated string; false when it does not fit `size` or holds a zero byte. */
bool span_copy_string(struct span span, char *ret, size_t size);

/* Strict UTF-8 (no overlong forms, no surrogates, no zero byte). */
bool span_is_utf8(struct span span);

/* Writes 2 * length hex digits and a zero byte. */
void hex_encode(const uint8_t *data, size_t length, char *ret);

/* Writes exactly `digits` decimal digits with leading zeros, the lowest ones of a value that has more, and no zero byte. */
void digits_encode(uint64_t value, char *ret, size_t digits);

#endif
