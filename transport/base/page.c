#include "page.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define PIECE_MAX_BYTES 4096 /* of one page_putf */

static void flush(struct page *page)
{
	if (page->err == 0 && page->held > 0) {
		page->err = fd_write_all(page->fd, page->buffer, page->held);
	}
	page->held = 0;
}

static void put_bytes(struct page *page, const void *bytes, size_t length)
{
	const char *from = bytes;

	page->size += length;
	while (length > 0) {
		size_t room = sizeof page->buffer - page->held, part = length < room ? length : room;

		memcpy(page->buffer + page->held, from, part);
		page->held += part;
		from += part;
		length -= part;
		if (page->held == sizeof page->buffer) {
			flush(page);
		}
	}
}

void page_put(struct page *page, const char *html)
{
	put_bytes(page, html, strlen(html));
}

void page_putf(struct page *page, const char *format, ...)
{
	char piece[PIECE_MAX_BYTES];
	va_list arguments;
	int length = 0;

	va_start(arguments, format);
	length = vsnprintf(piece, sizeof piece, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof piece) {
		page->err = page->err != 0 ? page->err : ERR_LIMIT;
		return;
	}
	put_bytes(page, piece, (size_t)length);
}

/* Code points that show nothing, reorder what is shown, or have no meaning that people share (Unicode 15, Default_Ignorable_Code_Point and Bidi_Control; C0 and
 * C1 controls but tabulator and line feed; line separators; private use; Unicode's odd blanks; the two blanks that do not break, U+00A0 and U+202F, look as what they are). */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x00, 0x08 },       { 0x0b, 0x1f },       { 0x7f, 0x9f },       { 0xad, 0xad },        { 0x034f, 0x034f }, { 0x061c, 0x061c }, { 0x115f, 0x1160 },
	{ 0x1680, 0x1680 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x2000, 0x200f },    { 0x2028, 0x202e }, { 0x205f, 0x206f }, { 0x2800, 0x2800 },
	{ 0x3000, 0x3000 },   { 0x3164, 0x3164 },   { 0xe000, 0xf8ff },   { 0xfe00, 0xfe0f },    { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffc },
	{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

static bool is_hidden(uint32_t code)
{
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
		if (code >= hidden[i].first && code <= hidden[i].last) {
			return true;
		}
	}
	return false;
}

/* The next character off the front: its bytes, and its code point, or UINT32_MAX for one byte that begins none. */
static struct span next_character(struct span *text, uint32_t *ret_code)
{
	struct span character = { 0 };

	*ret_code = UINT32_MAX;
	for (size_t length = 1; length <= 4 && length <= text->length; length++) {
		if (!span_is_utf8(span_of(text->data, length))) {
			continue;
		}
		(void)span_read_bytes(text, length, &character);
		*ret_code = length == 1 ? character.data[0] : character.data[0] & (0xffU >> (length + 1));
		for (size_t i = 1; i < length; i++) {
			*ret_code = *ret_code << 6 | (character.data[i] & 0x3f);
		}
		return character;
	}
	(void)span_read_bytes(text, 1, &character);
	return character;
}

static const char *entity_of(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* Most text is plain: it goes over in one piece. */
static size_t plain_length(struct span text)
{
	size_t length = 0;

	while (length < text.length && text.data[length] >= 0x20 && text.data[length] < 0x7f && entity_of(text.data[length]) == NULL) {
		length++;
	}
	return length;
}

void page_foreign(struct page *page, struct span text)
{
	while (!span_is_empty(text)) {
		struct span plain = { 0 };
		uint32_t code = 0;

		(void)span_read_bytes(&text, plain_length(text), &plain);
		put_bytes(page, plain.data, plain.length);
		if (span_is_empty(text)) {
			return;
		}
		plain = next_character(&text, &code);
		if (code == UINT32_MAX) {
			page_putf(page, "<i class=u>0x%02X</i>", plain.data[0]);
		} else if (entity_of(code) != NULL) {
			page_put(page, entity_of(code));
		} else if (is_hidden(code)) {
			page_putf(page, "<i class=u>U+%04X</i>", code);
		} else {
			put_bytes(page, plain.data, plain.length);
		}
	}
}

uint64_t page_reserve(struct page *page, size_t length)
{
	uint64_t place = page->size;

	for (size_t i = 0; i < length; i++) {
		put_bytes(page, " ", 1);
	}
	return place;
}

void page_fill(struct page *page, uint64_t place, size_t length, const char *html)
{
	size_t given = strlen(html);

	flush(page);
	if (page->err != 0) {
		return;
	}
	if (given > length) {
		page->err = ERR_LIMIT;
	} else if (pwrite(page->fd, html, given, (off_t)place) != (ssize_t)given) {
		page->err = errno == ENOSPC || errno == EDQUOT ? ERR_SPACE : ERR_SYSTEM;
	}
}

bool page_is_full(const struct page *page)
{
	return page->size >= PAGE_MAX_BYTES;
}

int page_finish(struct page *page)
{
	flush(page);
	return page->err;
}
