#include "paper.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"

#define INDENT "  "
#define LABEL_MAX_BYTES 320 /* a name of a file may be one */

void paper_begin(struct paper *paper, char *text, size_t size)
{
	*paper = (struct paper){ .text = text, .size = size };
	text[0] = '\0';
}

/* All or nothing, so that no line is half there. */
static void put(struct paper *paper, const char *a, size_t a_length, const char *b, size_t b_length, const char *end)
{
	size_t end_length = strlen(end);

	if (paper->length + a_length + b_length + end_length >= paper->size) {
		return;
	}
	memcpy(paper->text + paper->length, a, a_length);
	memcpy(paper->text + paper->length + a_length, b, b_length);
	memcpy(paper->text + paper->length + a_length + b_length, end, end_length + 1);
	paper->length += a_length + b_length + end_length;
}

void paper_line(struct paper *paper, const char *label, const char *value)
{
	char head[LABEL_MAX_BYTES];

	(void)snprintf(head, sizeof head, "%s: ", label);
	put(paper, head, strlen(head), value, strlen(value), "\r\n");
}

void paper_blank(struct paper *paper)
{
	put(paper, "", 0, "", 0, "\r\n");
}

/* Bytes of the next line: as many whole words as fit, one at least. Columns are counted by characters. */
static size_t line_length(const char *words)
{
	size_t columns = sizeof INDENT - 1, fits = 0, i = 0;

	for (; words[i] != '\0'; i++) {
		if (words[i] == ' ') {
			fits = i;
		}
		columns += ((unsigned char)words[i] & 0xc0) != 0x80 ? 1 : 0;
		if (columns > PAPER_COLUMNS && fits > 0) {
			return fits;
		}
	}
	return i;
}

void paper_words(struct paper *paper, const char *label, const char *words)
{
	put(paper, label, strlen(label), "", 0, ":\r\n");
	while (*words != '\0') {
		size_t length = line_length(words);

		put(paper, INDENT, sizeof INDENT - 1, words, length, "\r\n");
		words += length + strspn(words + length, " ");
	}
}

void paper_time(int64_t utc_ms, char ret[PAPER_TIME_SIZE])
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	(void)snprintf(ret, PAPER_TIME_SIZE, "%d. %d. %d %02d:%02d", date.day, date.month, date.year, date.hour, date.minute);
}
