#include "report_html.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "state.h"

#define TEXT_SIZE 1024
#define HASH_GROUP 4U
#define REPLACEMENT "\xef\xbf\xbd"

/* Nothing from elsewhere: neither scripts nor fonts, pictures or styles could be loaded even if some foreign text wanted it. */
static const char head[] =
    "<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>\n"
    "@page { size: A4; margin: 18mm 16mm }\n"
    "* { box-sizing: border-box }\n"
    "body { font: 15px/1.5 \"Noto Sans\", \"DejaVu Sans\", Arial, sans-serif; color: #1a1a1a; background: #fff; max-width: 62em; margin: 2em auto; padding: 0 "
    "1.2em }\n"
    "h1 { font-size: 1.5em; margin: 0 0 .1em } h2 { font-size: 1.15em; margin: 2em 0 .5em; border-bottom: 1px solid #999; padding-bottom: .2em; break-after: "
    "avoid }\n"
    "h3 { font-size: 1em; margin: 1.5em 0 .3em; break-after: avoid } p { margin: .4em 0 }\n"
    ".of { color: #555; margin: 0 0 1.2em; overflow-wrap: anywhere }\n"
    ".verdict { border: 3px solid; border-radius: 6px; padding: .8em 1em; break-inside: avoid } .verdict strong { display: block; font-size: 2em; line-height: "
    "1.2 }\n"
    ".yes { border-color: #1b6b2f; background: #eef7f0 } .yes strong { color: #1b6b2f }\n"
    ".doubt { border-color: #8a5a00; background: #fdf6e7 } .doubt strong { color: #8a5a00 }\n"
    ".damage { border-color: #a31515; background: #fcefef } .damage strong { color: #a31515 }\n"
    "table { border-collapse: collapse; width: 100%; margin: .5em 0 } td, th { text-align: left; vertical-align: top; padding: .25em .6em .25em 0 }\n"
    ".facts th { font-weight: normal; color: #555; width: 38% } .facts td { overflow-wrap: anywhere }\n"
    ".list { font-size: .9em } .list th { border-bottom: 1px solid #555; font-weight: 600 } .list td { border-bottom: 1px solid #ddd; overflow-wrap: anywhere "
    "}\n"
    "thead { display: table-header-group } tr { break-inside: avoid }\n"
    ".n { font-variant-numeric: tabular-nums; white-space: nowrap } .list .n { width: 1%; padding-right: 1.6em } .hash, pre { font-family: \"DejaVu Sans "
    "Mono\", \"Courier New\", monospace; font-size: "
    ".88em }\n"
    "pre { border: 1px solid #999; border-radius: 4px; padding: .6em .8em; margin: .5em 0; white-space: pre-wrap; overflow-wrap: anywhere; break-inside: avoid "
    "}\n"
    ".tag { border: 1px solid; border-radius: 3px; padding: 0 .4em; font-size: .85em; font-weight: 600; white-space: nowrap } .tag.damage { color: #a31515 }\n"
    ".tag.doubt { color: #8a5a00 } .tag.remark { color: #444 } .small { color: #555; font-size: .88em }\n"
    "@media screen and (max-width: 700px) { .n { white-space: normal } td, th { overflow-wrap: anywhere } .verdict strong { font-size: 1.5em } }\n"
    "@media print { body { font-size: 10pt; margin: 0; padding: 0; max-width: none } a { color: inherit; text-decoration: none } }\n"
    "</style>\n";

void html_begin(FILE *out, const char *language, const char *title)
{
	(void)fprintf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n%s<title>", language, head);
	html_text(out, title);
	(void)fputs("</title>\n</head>\n<body>\n", out);
}

void html_end(FILE *out)
{
	(void)fputs("</body>\n</html>\n", out);
}

/* Bytes of the UTF-8 character that begins here (RFC 3629); 0: there is none. */
static size_t character_length(const unsigned char *at)
{
	static const struct {
		unsigned char from, to, second_from, second_to;
		size_t length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (at[0] < forms[i].from || at[0] > forms[i].to) {
			continue;
		}
		if (at[1] < forms[i].second_from || at[1] > forms[i].second_to) {
			return 0;
		}
		for (size_t n = 2; n < forms[i].length; n++) {
			if ((at[n] & 0xc0) != 0x80) {
				return 0;
			}
		}
		return forms[i].length;
	}
	return 0;
}

/* Characters that reverse or hide text (U+200B to U+200F, U+202A to U+202E, U+2060 to U+2069, U+FEFF) are shown, not obeyed. */
static bool is_invisible(const unsigned char *at, size_t length)
{
	unsigned code = length == 3 ? (at[0] & 0x0fU) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU) : 0;

	return (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) || code == 0xfeff ||
	       (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void html_text(FILE *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
		size_t length = *at < 0x80 ? 1 : character_length(at);

		switch (*at) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		case '\'':
			(void)fputs("&#39;", out);
			break;
		default:
			if (length == 0 || (*at < 0x20 && *at != '\n') || *at == 0x7f || is_invisible(at, length)) {
				(void)fputs(REPLACEMENT, out);
			} else {
				(void)fwrite(at, 1, length, out);
			}
		}
		at += length == 0 ? 1 : length;
	}
}

void html_number(FILE *out, uint64_t number)
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, number);

	for (int i = 0; i < length; i++) {
		(void)fprintf(out, "%s%c", i > 0 && (length - i) % 3 == 0 ? "\xe2\x80\xaf" : "", digits[i]);
	}
}

void html_element(FILE *out, const char *tag, const char *text)
{
	(void)fprintf(out, "<%s>", tag);
	html_text(out, text);
	(void)fprintf(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void html_textf(FILE *out, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	html_text(out, text);
}

void html_hash(FILE *out, const uint8_t hash[AUDIT_HASH_BYTES])
{
	(void)fputs("<span class=\"hash\">", out);
	for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
		(void)fprintf(out, "%s%02x", i > 0 && i % HASH_GROUP == 0 ? "<wbr>" : "", (unsigned)hash[i]);
	}
	(void)fputs("</span>", out);
}

static void fact_begin(FILE *out, const char *name)
{
	(void)fputs("<tr><th scope=\"row\">", out);
	html_text(out, name);
	(void)fputs("</th><td>", out);
}

void html_fact(FILE *out, const char *name, const char *text)
{
	fact_begin(out, name);
	html_text(out, text);
	(void)fputs("</td></tr>\n", out);
}

void html_fact_number(FILE *out, const char *name, uint64_t number)
{
	fact_begin(out, name);
	html_number(out, number);
	(void)fputs("</td></tr>\n", out);
}

void html_fact_time(FILE *out, const char *name, int64_t utc_ms)
{
	char text[AUDIT_TIME_SIZE] = "\xe2\x80\x93";

	if (utc_ms != 0) {
		audit_time_text(utc_ms, text);
	}
	html_fact(out, name, text);
}

void html_table(FILE *out, const char *const *titles)
{
	(void)fputs("<table class=\"list\"><thead><tr>", out);
	for (; *titles != NULL; titles++) {
		(void)fputs("<th scope=\"col\">", out);
		html_text(out, *titles);
		(void)fputs("</th>", out);
	}
	(void)fputs("</tr></thead><tbody>\n", out);
}
