/* rows.h - what the hub sends as WIRE_OUTPUT, and how a person or another program gets to see it.
 *
 * KIND says which layout; LINES (lines.h) are the cells. Known kinds and their lines (all optional, further lines appear in --json only):
 *   case     case, state (id), partner, form, env, time, changed (UTC as in clock.h), name, by, reason, why (the reason in words)
 *   field    name, value, [label]       one "label: value"; the value of the names `state` and `*-state` is a state id, of `time` and `*-time` UTC,
 *            of `*-free` a number of bytes, of `led` what the LED shows
 *   record   index, time, type, detail
 *   program  program, pid, protection, restarts, text
 *   token    token, state, label, serial, software, text
 *   partner  partner, env, state, since, next, open, text
 *   key      key, token, use, state, note, subject, issuer, serial, not-after, days-left, allows, algorithm, warning      shown as a block (block.h),
 *   reader   reader, module, holds (yes no blank unreadable), label, serial, model, maker, pin, pinpad, uri, configured   as are these
 *   object   token, id, label, uri, key, use, private, public, certificate, and as for a key; suited. Those with a `key` are shown as that only
 *   test     key, token, result (good failed), operation (sign decrypt), algorithm, ms, text
 *   finding  file, line, level, text
 *   tsa      tsa, state, used, text     package  tsa, package, of, used, left, from, until     stamp-use  month, tsa, what, purpose, case, count, bad
 *   text     line
 * Consecutive rows of one kind make one table. In JSON: one array of objects, each with `kind` and all lines as strings.
 */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "../base/lines.h"
#include "cli.h"

#define ROWS_MAX 200000
#define ROWS_KIND_MAX 24
#define ROWS_CONTENT_MAX_BYTES (16u << 20) /* of names, and of content that is printed */

struct row {
	char kind[ROWS_KIND_MAX];
	char *text; /* canonical lines, terminated; owned */
	size_t length;
};

struct rows {
	struct row *rows;
	size_t count;
};

/* Copies a row to the end. 0, ERR_LIMIT (ROWS_MAX), ERR_FORMAT (not canonical lines, kind too long) or ERR_MEMORY. */
int rows_add(struct rows *rows, struct span kind, struct span lines);
/* Puts `name` into the `case` rows, from lines "case TAB name LF". Lines without TAB are ignored. */
int rows_join_names(struct rows *rows, struct span names);
void rows_free(struct rows *rows);
/* fetch.c: what the hub answers to a command of one word, without printing anything. 0, or an exit code after saying why not. */
int rows_fetch(struct cli *cli, const char *word, struct rows *ret);
/* The value of a line, "" when absent; at most `size` - 1 bytes, unescaped. */
void rows_value(const struct row *row, const char *name, char *ret, size_t size);

/* All rows, escaped, for a person (a table for each run of one kind) or for another program (one array). */
void rows_print_table(const struct rows *rows, FILE *to);
void rows_print_json(const struct rows *rows, FILE *to);
/* csv.c: the overview of `stamps`, by RFC 4180: a header, then the rows; every cell is quoted and harmless in a spreadsheet. */
void rows_print_csv(const struct rows *rows, FILE *to);

/* label.c: words for a state id of a case (design 3); the id itself when unknown. Translated. */
const char *label_state(const char *id);
/* How a closed case ended, where its state alone does not say it. Translated. */
const char *label_outcome(const char *id);
/* What the LED shows and what that means; how a partner was last found. Translated. */
const char *label_led(const char *id);
const char *label_partner_state(const char *id);
const char *label_cert_state(const char *id);
/* "yes" and "no"; what a test of a key was, and how it ended. */
const char *label_yes(const char *id);
/* How a key of the configuration is. */
const char *label_key_state(const char *id);
/* What kind a case is of. */
const char *label_kind(const char *id);
/* "uid:1000" -> "jana (uid:1000)" where this machine knows the login; the journal itself has no names. */
void label_person(const char *by, char *ret, size_t size);
/* A number of bytes for people: "12.3 GB". Other text stays. */
void label_size(const char *bytes, char *ret, size_t size);
/* What a person calls a `field`; the name itself when unknown. Translated. */
const char *label_field(const char *name);
/* "2026-11-21T18:39:00.123Z" -> Czech time "2026-11-21 19:39:00"; other text stays. */
void label_time(const char *utc, char *ret, size_t size);

#endif
