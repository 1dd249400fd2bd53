#include "der.h"

static size_t length_bytes(uint64_t length)
{
	size_t bytes = 0;

	while (length > 0) {
		bytes++;
		length >>= 8;
	}
	return bytes;
}

size_t der_header_length(uint64_t length)
{
	return length < 0x80 ? 2 : 2 + length_bytes(length);
}

size_t der_header(uint8_t tag, uint64_t length, uint8_t ret[DER_HEADER_MAX_BYTES])
{
	size_t bytes = length_bytes(length);

	ret[0] = tag;
	if (length < 0x80) {
		ret[1] = (uint8_t)length;
		return 2;
	}
	ret[1] = (uint8_t)(0x80 | bytes);
	for (size_t i = 0; i < bytes; i++) {
		ret[2 + i] = (uint8_t)(length >> 8 * (bytes - 1 - i));
	}
	return 2 + bytes;
}

static bool read_length(struct span *from, uint64_t *ret)
{
	uint8_t first = 0, next = 0;
	uint64_t length = 0;

	if (!span_read_u8(from, &first)) {
		return false;
	}
	if (first < 0x80) {
		*ret = first;
		return true;
	}
	if (first == 0x80 || first > 0x88) {
		return false;
	}
	for (unsigned i = 0; i < (first & 0x7fU); i++) {
		if (!span_read_u8(from, &next) || (i == 0 && next == 0)) {
			return false;
		}
		length = length << 8 | next;
	}
	if (length < 0x80) {
		return false;
	}
	*ret = length;
	return true;
}

bool der_read(struct span *from, uint8_t tag, struct span *ret_content, struct span *ret_whole)
{
	struct span rest = *from, content, whole = *from;
	uint64_t length = 0;
	uint8_t found = 0;

	if (!span_read_u8(&rest, &found) || found != tag || !read_length(&rest, &length) || length > rest.length ||
	    !span_read_bytes(&rest, (size_t)length, &content) || !span_read_bytes(from, whole.length - rest.length, &whole)) {
		return false;
	}
	*ret_content = content;
	if (ret_whole != NULL) {
		*ret_whole = whole;
	}
	return true;
}
