#include "columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define ELLIPSIS "…"
#define WIDTH_DEFAULT 80 /* of a serial line, which knows none */
#define WIDTH_LEAST 40

/* The next character: its bytes, and its columns. */
static size_t next(const char *text, size_t *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t character = L'\0';
	size_t length = mbrtowc(&character, text, strlen(text), &state);
	int width = 1;

	if (length == 0 || length > strlen(text)) {
		length = 1; /* no character */
	} else {
		width = wcwidth(character);
	}
	*ret_columns = width < 0 ? 1 : (size_t)width;
	return length;
}

size_t columns_count(const char *text)
{
	size_t count = 0, columns = 0;

	while (*text != '\0') {
		text += next(text, &columns);
		count += columns;
	}
	return count;
}

size_t columns_fit(const char *text, size_t columns)
{
	size_t bytes = 0, count = 0, wide = 0;

	while (text[bytes] != '\0') {
		size_t length = next(text + bytes, &wide);

		if (count + wide > columns) {
			break;
		}
		count += wide;
		bytes += length;
	}
	return bytes;
}

/* Does the text begin with a mark that belongs to the letter before it? */
static bool begins_with_mark(const char *text)
{
	size_t columns = 1;

	if (*text != '\0') {
		(void)next(text, &columns);
	}
	return columns == 0;
}

size_t columns_common(const char *a, const char *b, size_t *ret_columns)
{
	size_t bytes = 0, columns = 0, letter = 0, letter_columns = 0, wide = 0;

	while (a[bytes] != '\0') {
		size_t length = next(a + bytes, &wide);

		if (strncmp(a + bytes, b + bytes, length) != 0) {
			break;
		}
		if (wide > 0) {
			letter = bytes;
			letter_columns = columns;
		}
		columns += wide;
		bytes += length;
	}
	if (begins_with_mark(a + bytes) || begins_with_mark(b + bytes)) {
		bytes = letter;
		columns = letter_columns;
	}
	*ret_columns = columns;
	return bytes;
}

void columns_cut(char *text, size_t columns)
{
	if (columns_count(text) <= columns) {
		return;
	}
	if (columns == 0) {
		text[0] = '\0';
		return;
	}
	(void)memcpy(text + columns_fit(text, columns - 1), ELLIPSIS, sizeof ELLIPSIS);
}

void columns_pad(const char *text, size_t width, FILE *to)
{
	(void)fputs(text, to);
	for (size_t columns = columns_count(text); columns < width; columns++) {
		(void)fputc(' ', to);
	}
}

/* Bytes of the words that fit into `room` columns, without the blanks behind them; a word that is longer than a line is broken. */
static size_t line_length(const char *text, size_t room)
{
	size_t fits = columns_fit(text, room), end = fits;

	if (text[fits] == '\0' || text[fits] == ' ') {
		return fits;
	}
	while (end > 0 && text[end - 1] != ' ') {
		end--;
	}
	while (end > 0 && text[end - 1] == ' ') {
		end--;
	}
	return end > 0 ? end : fits > 0 ? fits : 1;
}

void columns_wrap(const char *text, size_t indent, size_t width, FILE *to)
{
	size_t room = width > indent + 8 ? width - indent : 8;

	for (;;) {
		size_t length = line_length(text, room);

		(void)fwrite(text, 1, length, to);
		(void)fputc('\n', to);
		text += length;
		text += strspn(text, " ");
		if (*text == '\0') {
			return;
		}
		for (size_t i = 0; i < indent; i++) {
			(void)fputc(' ', to);
		}
	}
}

size_t columns_terminal(FILE *to)
{
	int fd = fileno(to);
	struct winsize size = { 0 };

	if (fd < 0 || isatty(fd) != 1) {
		return 0;
	}
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_LEAST ? size.ws_col : WIDTH_DEFAULT;
}
