/* report_html.h - the page that --report writes, piece by piece: everything foreign goes through html_text.
 *
 * Failures of writing stay in the FILE and are asked for once, at the end.
 */
#ifndef STORE_AUDIT_REPORT_HTML_H
#define STORE_AUDIT_REPORT_HTML_H

#include <stdint.h>
#include <stdio.h>

#include "audit.h"

/* Head of the page with its style sheet, up to and with <body>; and the end. `title` is a text of words.h; `language` cs or en. */
void html_begin(FILE *out, const char *language, const char *title);
void html_end(FILE *out);

/* Text in the page: <, >, &, quotes escaped; bytes that are no UTF-8 and control characters shown as U+FFFD. */
void html_text(FILE *out, const char *text);
/* Groups of three digits parted by narrow no-break spaces. */
void html_number(FILE *out, uint64_t number);
/* "<tag>text</tag>"; `tag` may carry attributes. */
void html_element(FILE *out, const char *tag, const char *text);
/* Printf of a translated format; the result is foreign text. */
void html_textf(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A hash as 64 digits, parted into groups of eight that may break. */
void html_hash(FILE *out, const uint8_t hash[AUDIT_HASH_BYTES]);
/* A row of the table of facts: a name and a text, a number, a time (milliseconds since 1970; 0: a dash). */
void html_fact(FILE *out, const char *name, const char *text);
void html_fact_number(FILE *out, const char *name, uint64_t number);
void html_fact_time(FILE *out, const char *name, int64_t utc_ms);
/* "<table class=list><thead>" with these titles (NULL at the end), up to <tbody>. */
void html_table(FILE *out, const char *const *titles);

#endif
