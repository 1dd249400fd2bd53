/* overview_html.c - the few forms in which a text gets into the page: escaped, as an address, as a time. */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/escape.h"
#include "overview_private.h"

#define ENTITY_MAX_BYTES 6 /* "&quot;" for one byte */

void html_text(FILE *page, const char *text)
{
	char escaped[ENTITY_MAX_BYTES * OVERVIEW_TEXT_BYTES + 1];

	(void)escape_text(ESCAPE_HTML, span_of_string(text), escaped, sizeof escaped);
	(void)fputs(escaped, page);
}

void html_format(FILE *page, const char *format, ...)
{
	char text[OVERVIEW_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	html_text(page, text);
}

void html_address(FILE *page, const char *path)
{
	for (const unsigned char *c = (const unsigned char *)path; *c != '\0'; c++) {
		bool plain = (*c < 0x80 && isalnum(*c)) || strchr("-._~/", *c) != NULL;

		(void)fprintf(page, plain ? "%c" : "%%%02X", *c);
	}
}

void format_moment(int64_t utc_ms, char *ret, size_t size)
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	(void)snprintf(ret, size, "%d. %d. %d %02d:%02d", date.day, date.month, date.year, date.hour, date.minute);
}

void html_time(FILE *page, int64_t utc_ms)
{
	char machine[CLOCK_UTC_SIZE], text[64];

	clock_format_utc(utc_ms, machine);
	format_moment(utc_ms, text, sizeof text);
	(void)fprintf(page, "<time datetime=\"%s\">%s</time>", machine, text);
}
