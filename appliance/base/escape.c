#include "escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xfffd

struct output {
	char *text;
	size_t size, length;
	bool full;
};

/* All or nothing, so that the cut falls between characters. */
static void put(struct output *out, const char *bytes, size_t length)
{
	if (out->full || out->length + length >= out->size) {
		out->full = true;
		return;
	}
	memcpy(out->text + out->length, bytes, length);
	out->length += length;
}

static void put_string(struct output *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_code(struct output *out, uint32_t code)
{
	char bytes[4];
	size_t length = 0;

	if (code < 0x80) {
		bytes[length++] = (char)code;
	} else if (code < 0x800) {
		bytes[length++] = (char)(0xc0 | code >> 6);
		bytes[length++] = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		bytes[length++] = (char)(0xe0 | code >> 12);
		bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (code & 0x3f));
	} else {
		bytes[length++] = (char)(0xf0 | code >> 18);
		bytes[length++] = (char)(0x80 | (code >> 12 & 0x3f));
		bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (code & 0x3f));
	}
	put(out, bytes, length);
}

/* One code point off the front; REPLACEMENT and one byte for what is not UTF-8. */
static uint32_t next_code(struct span *text)
{
	for (size_t length = 1; length <= 4 && length <= text->length; length++) {
		struct span sequence = span_of(text->data, length);
		uint32_t code = 0;

		if (!span_is_utf8(sequence)) {
			continue;
		}
		(void)span_read_bytes(text, length, &sequence);
		code = length == 1 ? sequence.data[0] : sequence.data[0] & (0xffU >> (length + 1));
		for (size_t i = 1; i < length; i++) {
			code = code << 6 | (sequence.data[i] & 0x3f);
		}
		return code;
	}
	if (text->length > 0) {
		struct span one;
		bool zero = text->data[0] == 0;

		(void)span_read_bytes(text, 1, &one);
		return zero ? 0 : REPLACEMENT;
	}
	return REPLACEMENT;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Marks that reorder what a person sees (Unicode bidirectional controls), zero-width marks, line separators. */
static bool is_deceptive(uint32_t code)
{
	return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void put_json(struct output *out, uint32_t code)
{
	char escaped[8];

	if (code == '"' || code == '\\') {
		escaped[0] = '\\';
		escaped[1] = (char)code;
		put(out, escaped, 2);
	} else if (is_control(code) || is_deceptive(code)) {
		(void)snprintf(escaped, sizeof escaped, "\\u%04x", code & 0xffffU);
		put_string(out, escaped);
	} else {
		put_code(out, code);
	}
}

static void put_html(struct output *out, uint32_t code)
{
	switch (code) {
	case '&':
		put_string(out, "&amp;");
		break;
	case '<':
		put_string(out, "&lt;");
		break;
	case '>':
		put_string(out, "&gt;");
		break;
	case '"':
		put_string(out, "&quot;");
		break;
	case '\'':
		put_string(out, "&#39;");
		break;
	default:
		put_code(out, is_control(code) || is_deceptive(code) ? '?' : code);
	}
}

static void put_file(struct output *out, uint32_t code)
{
	bool bad = is_control(code) || is_deceptive(code) || (code < 0x80 && strchr("/\\:*?\"<>|", (int)code) != NULL);

	if (out->length == 0 && (code == '.' || code == ' ')) {
		bad = true;
	}
	put_code(out, bad ? '_' : code);
}

static void put_one(enum escape_for target, struct output *out, uint32_t code)
{
	switch (target) {
	case ESCAPE_JSON:
		put_json(out, code);
		break;
	case ESCAPE_HTML:
		put_html(out, code);
		break;
	case ESCAPE_FILE:
		put_file(out, code);
		break;
	case ESCAPE_CSV:
		if (code == '"') {
			put_string(out, "\"\"");
		} else {
			put_code(out, is_control(code) || is_deceptive(code) ? '?' : code);
		}
		break;
	case ESCAPE_TERMINAL:
	default:
		put_code(out, is_control(code) || is_deceptive(code) ? '?' : code);
	}
}

size_t escape_text(enum escape_for target, struct span text, char *ret, size_t size)
{
	struct output out = { .text = ret, .size = target == ESCAPE_CSV && size > 0 ? size - 1 : size };

	if (size == 0) {
		return 0;
	}
	if (target == ESCAPE_CSV) {
		put_string(&out, "\"");
		if (text.length > 0 && strchr("=+-@\t", text.data[0]) != NULL) {
			put_string(&out, "'");
		}
	}
	while (!span_is_empty(text) && !out.full) {
		put_one(target, &out, next_code(&text));
	}
	if (target == ESCAPE_CSV && size >= 3) {
		out.text[out.length++] = '"';
	}
	while (target == ESCAPE_FILE && out.length > 0 && (ret[out.length - 1] == '.' || ret[out.length - 1] == ' ')) {
		out.length--;
	}
	if (target == ESCAPE_FILE && out.length == 0) {
		out.full = false;
		put_string(&out, "_");
	}
	ret[out.length] = '\0';
	return out.length;
}
