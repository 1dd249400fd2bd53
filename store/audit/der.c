#include "der.h"

#include <string.h>

#define LONG_FORM 0x80
#define LENGTH_BYTES_MAX 4
#define CONSTRUCTED 0x20
#define CLASS_MASK 0xC0
#define HIGH_TAG 0x1F /* tags of several bytes: nothing that is read here has them */

bool audit_bytes_equal(struct bytes a, struct bytes b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Length octets behind the tag. The count of octets they take, 0 when they are not DER. */
static size_t read_length(struct bytes from, size_t *ret)
{
	size_t count = 0, length = 0;

	if (from.length < 2) {
		return 0;
	}
	if (from.data[1] < LONG_FORM) {
		*ret = from.data[1];
		return 1;
	}
	count = from.data[1] & 0x7FU;
	if (count == 0 || count > LENGTH_BYTES_MAX || from.length < 2 + count || from.data[2] == 0) {
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		length = length << 8 | from.data[2 + i];
	}
	*ret = length;
	return length < LONG_FORM || length > AUDIT_DER_MAX_BYTES ? 0 : count + 1;
}

bool audit_der_any(struct bytes *from, uint8_t *ret_tag, struct bytes *ret, struct bytes *ret_whole)
{
	size_t length = 0, head = read_length(*from, &length);

	if (head == 0 || (from->data[0] & HIGH_TAG) == HIGH_TAG || length > from->length - head - 1) {
		return false;
	}
	*ret_tag = from->data[0];
	*ret = (struct bytes){ from->data + head + 1, length };
	if (ret_whole != NULL) {
		*ret_whole = (struct bytes){ from->data, head + 1 + length };
	}
	from->data += head + 1 + length;
	from->length -= head + 1 + length;
	return true;
}

bool audit_der_next_is(struct bytes from, uint8_t tag)
{
	return from.length > 0 && from.data[0] == tag;
}

bool audit_der_read_whole(struct bytes *from, uint8_t tag, struct bytes *ret, struct bytes *ret_whole)
{
	uint8_t found = 0;

	return audit_der_next_is(*from, tag) && audit_der_any(from, &found, ret, ret_whole);
}

bool audit_der_read(struct bytes *from, uint8_t tag, struct bytes *ret)
{
	return audit_der_read_whole(from, tag, ret, NULL);
}

bool audit_der_last(struct bytes from, uint8_t tag, struct bytes *ret)
{
	return audit_der_read(&from, tag, ret) && from.length == 0;
}

/* X.690 8.3.2: the first nine bits are not all alike. */
static bool is_minimal_integer(struct bytes value)
{
	if (value.length == 0) {
		return false;
	}
	return value.length == 1 || !((value.data[0] == 0x00 && value.data[1] < 0x80) || (value.data[0] == 0xFF && value.data[1] >= 0x80));
}

/* X.690 8.6, 11.2: unused bits are zero. */
static bool is_bit_string(struct bytes value)
{
	if (value.length == 0 || value.data[0] > 7 || (value.length == 1 && value.data[0] != 0)) {
		return false;
	}
	return value.length == 1 || (value.data[value.length - 1] & ((1U << value.data[0]) - 1)) == 0;
}

/* X.690 8.19: each part ends, and none begins with 0x80. */
static bool is_oid(struct bytes value)
{
	bool begins = true;

	for (size_t i = 0; i < value.length; i++) {
		if (begins && value.data[i] == 0x80) {
			return false;
		}
		begins = value.data[i] < 0x80;
	}
	return value.length > 0 && begins;
}

static bool is_primitive_good(uint8_t tag, struct bytes value)
{
	switch (tag) {
	case DER_BOOLEAN:
		return value.length == 1 && (value.data[0] == 0x00 || value.data[0] == 0xFF);
	case DER_INTEGER:
	case DER_ENUMERATED:
		return is_minimal_integer(value);
	case DER_BITS:
		return is_bit_string(value);
	case DER_NULL:
		return value.length == 0;
	case DER_OID:
		return is_oid(value);
	default:
		/* 0x00 would be the end of an indefinite length; SEQUENCE, SET and the like are never primitive. */
		return tag != 0x00 && tag != (DER_SEQUENCE & ~CONSTRUCTED) && tag != (DER_SET & ~CONSTRUCTED) && tag != 0x08 && tag != 0x0B;
	}
}

/* Of the universal types only SEQUENCE and SET are constructed in DER; EXTERNAL and EMBEDDED PDV do not occur here. */
static bool may_be_constructed(uint8_t tag)
{
	return (tag & CLASS_MASK) != 0 || tag == DER_SEQUENCE || tag == DER_SET;
}

bool audit_der_is_whole(struct bytes der)
{
	struct bytes open[AUDIT_DER_DEPTH + 1] = { der };
	size_t depth = 0, elements = 0;

	for (;;) {
		struct bytes value;
		uint8_t tag = 0;

		if (open[depth].length == 0) {
			if (depth == 0) {
				return elements == 1;
			}
			depth--;
			continue;
		}
		if (!audit_der_any(&open[depth], &tag, &value, NULL) || (depth == 0 && ++elements > 1)) {
			return false;
		}
		if ((tag & CONSTRUCTED) == 0) {
			if (!is_primitive_good(tag, value)) {
				return false;
			}
		} else if (!may_be_constructed(tag) || depth == AUDIT_DER_DEPTH) {
			return false;
		} else {
			open[++depth] = value;
		}
	}
}

bool audit_der_number(struct bytes value, int64_t *ret)
{
	uint64_t number = 0;

	if (!is_minimal_integer(value) || value.data[0] >= 0x80 || value.length > 8) {
		return false;
	}
	for (size_t i = 0; i < value.length; i++) {
		number = number << 8 | value.data[i];
	}
	*ret = (int64_t)number;
	return true;
}

bool audit_der_read_number(struct bytes *from, int64_t *ret)
{
	struct bytes rest = *from, value;

	if (!audit_der_read(&rest, DER_INTEGER, &value) || !audit_der_number(value, ret)) {
		return false;
	}
	*from = rest;
	return true;
}

bool audit_der_read_bits(struct bytes *from, struct bytes *ret)
{
	struct bytes rest = *from, value;

	if (!audit_der_read(&rest, DER_BITS, &value) || value.length < 1 || value.data[0] != 0) {
		return false;
	}
	*ret = (struct bytes){ value.data + 1, value.length - 1 };
	*from = rest;
	return true;
}

static bool read_digits(const uint8_t *text, size_t count, unsigned least, unsigned most, unsigned *ret)
{
	unsigned number = 0;

	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	*ret = number;
	return number >= least && number <= most;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool audit_der_moment(const uint8_t text[14], int64_t *ret_s)
{
	static const unsigned before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
	unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, leap = 0;
	int64_t days = 0;

	if (!read_digits(text, 4, 1900, 9999, &year) || !read_digits(text + 4, 2, 1, 12, &month) || !read_digits(text + 6, 2, 1, 31, &day) ||
	    !read_digits(text + 8, 2, 0, 23, &hour) || !read_digits(text + 10, 2, 0, 59, &minute) || !read_digits(text + 12, 2, 0, 59, &second)) {
		return false;
	}
	leap = is_leap(year) ? 1 : 0;
	if (day > before[month] - before[month - 1] + (month == 2 ? leap : 0)) {
		return false;
	}
	/* Leap days from year 1 to the end of last year, less those to the end of 1969. */
	days = ((int64_t)year - 1970) * 365 + ((year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400) - 477;
	days += before[month - 1] + (month > 2 ? leap : 0) + day - 1;
	*ret_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
	return true;
}

bool audit_der_read_time(struct bytes *from, int64_t *ret_s)
{
	struct bytes rest = *from, value;
	uint8_t text[14] = { '1', '9' };
	uint8_t tag = 0;

	if (!audit_der_any(&rest, &tag, &value, NULL)) {
		return false;
	}
	if (tag == DER_UTC_TIME && value.length == 13) {
		if (value.data[0] < '5') { /* RFC 5280: 50 to 99 are of the last century */
			text[0] = '2';
			text[1] = '0';
		}
		memcpy(text + 2, value.data, 12);
	} else if (tag == DER_TIME && value.length == 15) {
		memcpy(text, value.data, 14);
	} else {
		return false;
	}
	if (value.data[value.length - 1] != 'Z' || !audit_der_moment(text, ret_s)) {
		return false;
	}
	*from = rest;
	return true;
}
