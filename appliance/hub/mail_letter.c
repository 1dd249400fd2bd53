#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "mail_private.h"

#define WORD_BYTES 39 /* of text in one encoded-word: with the name of the header, a line has at most 76 bytes (RFC 2047 section 2) */
#define LINE_BYTES 57 /* of text in one line of the body: 76 letters (RFC 2045 section 6.8) */

static void put_base64(FILE *to, const char *data, size_t length)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *bytes = (const uint8_t *)data;

	for (size_t i = 0; i < length; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16 | (i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0) | (i + 2 < length ? bytes[i + 2] : 0);

		(void)fputc(letters[group >> 18 & 63], to);
		(void)fputc(letters[group >> 12 & 63], to);
		(void)fputc(i + 1 < length ? letters[group >> 6 & 63] : '=', to);
		(void)fputc(i + 2 < length ? letters[group & 63] : '=', to);
	}
}

/* Encoded-words of whole characters, each on a line of its own: whatever the text is, nothing of it stands in the header in clear. */
static void put_subject(FILE *to, const char *text)
{
	size_t left = strlen(text);

	(void)fputs("Subject:", to);
	while (left > 0) {
		size_t part = left < WORD_BYTES ? left : WORD_BYTES;

		while (part < left && part > 1 && ((unsigned char)text[part] & 0xc0) == 0x80) {
			part--;
		}
		(void)fputs(" =?UTF-8?B?", to);
		put_base64(to, text, part);
		(void)fputs("?=\r\n", to);
		text += part;
		left -= part;
	}
}

static void put_date(FILE *to, int64_t utc_ms)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }; /* 1 January 1970 was a Thursday */
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct clock_date date;
	int64_t day_seconds = utc_ms / 1000 % 86400, local_seconds = 0, offset = 0;

	clock_czech_date(utc_ms, &date);
	local_seconds = date.hour * 3600 + date.minute * 60 + date.second;
	offset = (local_seconds - day_seconds + 86400) % 86400 / 3600;
	(void)fprintf(to, "Date: %s, %d %s %d %02d:%02d:%02d +0%d00\r\n", days[(utc_ms / 1000 + offset * 3600) / 86400 % 7], date.day, months[date.month - 1],
	              date.year, date.hour, date.minute, date.second, (int)offset);
}

static void put_body(FILE *to, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t part = left < LINE_BYTES ? left : LINE_BYTES;

		put_base64(to, text, part);
		(void)fputs("\r\n", to);
		text += part;
		left -= part;
	}
}

char *mail_letter_write(const struct mail_letter *letter, size_t *ret_length)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, ret_length);

	if (to == NULL) {
		return NULL;
	}
	(void)fprintf(to, "From: Podatelna <%s>\r\nTo: <%s>\r\n", letter->from, letter->to);
	put_subject(to, letter->subject);
	put_date(to, letter->utc_ms);
	/* RFC 3834 section 5: no holiday notice answers this. */
	(void)fprintf(to, "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n", letter->id, strrchr(letter->from, '@') + 1);
	(void)fputs("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", to);
	put_body(to, letter->body);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
