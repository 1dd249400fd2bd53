#include "anchor_note.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"

#define DASH "\xE2\x80\x94 " /* U+2014 and a blank */
#define DASH_BYTES 4

static int digit_of(uint8_t byte)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *place = byte == '\0' ? NULL : strchr(digits, byte);

	return place == NULL ? -1 : (int)(place - digits);
}

/* Four characters to three bytes; the last group may end in one or two '='. The number of bytes, 0 when it is none. */
static size_t decode_group(struct span group, bool last, uint8_t ret[3])
{
	uint32_t bits = 0;
	size_t pad = 0;

	while (last && pad < 2 && group.data[3 - pad] == '=') {
		pad++;
	}
	for (size_t i = 0; i < 4; i++) {
		int digit = i < 4 - pad ? digit_of(group.data[i]) : 0;

		if (digit < 0) {
			return 0;
		}
		bits = bits << 6 | (uint32_t)digit;
	}
	if ((pad == 1 && (bits & 0xFF) != 0) || (pad == 2 && (bits & 0xFFFF) != 0)) {
		return 0;
	}
	ret[0] = (uint8_t)(bits >> 16);
	ret[1] = (uint8_t)(bits >> 8);
	ret[2] = (uint8_t)bits;
	return 3 - pad;
}

bool anchor_base64_decode(struct span text, uint8_t *ret, size_t size, size_t *ret_length)
{
	size_t length = 0;
	struct span group;

	while (span_read_bytes(&text, 4, &group)) {
		uint8_t bytes[3];
		size_t count = decode_group(group, span_is_empty(text), bytes);

		if (count == 0 || count > size - length) {
			return false;
		}
		memcpy(ret + length, bytes, count);
		length += count;
	}
	*ret_length = length;
	return span_is_empty(text) && length > 0;
}

static bool parse_text(struct span bytes, struct anchor_note *ret, struct span *ret_rest)
{
	struct span rest = bytes, size, root;
	size_t length = 0;

	if (!span_read_until(&rest, '\n', &ret->origin) || span_is_empty(ret->origin) || !span_read_until(&rest, '\n', &size) ||
	    !span_parse_u64(size, &ret->size) || (size.length > 1 && size.data[0] == '0') || !span_read_until(&rest, '\n', &root) ||
	    !anchor_base64_decode(root, ret->root, sizeof ret->root, &length) || length != sizeof ret->root) {
		return false;
	}
	ret->text = span_of(bytes.data, bytes.length - rest.length);
	*ret_rest = rest;
	return true;
}

/* Key names have neither blanks nor plus signs; the blanks of other scripts do not occur in ours, and other people's names are not looked at. */
static bool parse_line(struct span line, struct anchor_note *ret)
{
	struct span dash, name;

	if (!span_starts_with(line, DASH) || !span_read_bytes(&line, DASH_BYTES, &dash) || !span_read_until(&line, ' ', &name) || span_is_empty(name) ||
	    memchr(name.data, '+', name.length) != NULL || span_is_empty(line) || memchr(line.data, ' ', line.length) != NULL) {
		return false;
	}
	ret->lines[ret->count].name = name;
	ret->lines[ret->count++].base64 = line;
	return true;
}

static bool has_control(struct span bytes)
{
	for (size_t i = 0; i < bytes.length; i++) {
		if (bytes.data[i] < 0x20 && bytes.data[i] != '\n') {
			return true;
		}
	}
	return false;
}

int anchor_note_parse(struct span bytes, struct anchor_note *ret)
{
	struct span rest, line;

	memset(ret, 0, sizeof *ret);
	ret->file_length = bytes.length;
	if (bytes.length > ANCHOR_NOTE_MAX_BYTES) {
		return ERR_LIMIT;
	}
	if (!span_is_utf8(bytes) || has_control(bytes) || !parse_text(bytes, ret, &rest)) {
		return ERR_FORMAT;
	}
	if (span_is_empty(rest)) {
		return 0;
	}
	if (!span_read_until(&rest, '\n', &line) || !span_is_empty(line) || span_is_empty(rest)) {
		return ERR_FORMAT;
	}
	while (!span_is_empty(rest)) {
		if (ret->count == ANCHOR_LINES_MAX) {
			return ERR_LIMIT;
		}
		if (!span_read_until(&rest, '\n', &line) || !parse_line(line, ret)) {
			return ERR_FORMAT;
		}
	}
	return 0;
}

int anchor_note_sign(struct span text, const char *name, struct span base64, uint8_t *ret, size_t size)
{
	int length = 0;

	if (text.length > ANCHOR_NOTE_MAX_BYTES || base64.length > ANCHOR_NOTE_MAX_BYTES) {
		return ERR_LIMIT;
	}
	length = snprintf((char *)ret, size, "%.*s\n" DASH "%s %.*s\n", (int)text.length, (const char *)text.data, name, (int)base64.length,
	                  (const char *)base64.data);
	return length < 0 || (size_t)length >= size ? ERR_LIMIT : length;
}
