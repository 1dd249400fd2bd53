/* config_scan.h - the first pass over a file of libconfuse syntax, before libconfuse sees it.
 *
 * libconfuse stops at the first unknown key, counts a line too many for every block comment, expands environment variables and stays inside a string that
 * is not closed. So this pass finds all unknown and repeated keys, remembers the line of each key, and hands on a text in which comments and what was
 * complained about are blank. What is left means the same to both.
 *
 *   statement := NAME ["+"] "=" value | NAME [title] "{" statement* "}"      value := text | "{" [text {"," text}] "}"
 *   text := "..." with \" and \\ | '...' | a word of [A-Za-z0-9_.:%/@-]
 */
#ifndef CONFIG_CONFIG_SCAN_H
#define CONFIG_CONFIG_SCAN_H

#include "config.h"

#define SCAN_TITLE_MAX 64
#define SCAN_KEY_MAX 40
#define SCAN_ENTRIES_MAX 16384
#define SCAN_SECTIONS_MAX 2048

enum schema_type {
	SCHEMA_TEXT,        /* char *: one line of printable UTF-8 */
	SCHEMA_NAME,        /* char *: [a-z][a-z0-9-]* */
	SCHEMA_LOGIN,       /* char *: login or group name */
	SCHEMA_PATH,        /* char *: absolute, no "." or ".." parts, or "" when `words` is "empty" */
	SCHEMA_FILENAME,    /* char *: one component */
	SCHEMA_URL,         /* char *: https */
	SCHEMA_PROXY,       /* char *: http://host:port and nothing else */
	SCHEMA_MAIL_URL,    /* char *: smtps://host:port or smtp://host:port */
	SCHEMA_ADDRESS,     /* char *: user@domain in ASCII */
	SCHEMA_TIME,        /* char *: "07:00" */
	SCHEMA_PKCS11,      /* char *: RFC 7512; `words`: "token" or "key" */
	SCHEMA_PIN,         /* char *: "prompt" or an absolute path */
	SCHEMA_HEX256,      /* char *: 64 hex digits, stored in lower case */
	SCHEMA_OPTION,      /* char *: name=value */
	SCHEMA_ENVIRONMENT, /* char *: NAME=value, none that changes the loader */
	SCHEMA_WORD,        /* unsigned: index in `words` ("a|b|c") */
	SCHEMA_WORD_TEXT,   /* char *: one of `words` */
	SCHEMA_FLAGS,       /* uint32_t of a list: bit n for word n */
	SCHEMA_LETTERS,     /* char[3] or char[2]: see `words` ("cs|en", or "A-Z") */
	SCHEMA_BOOL,        /* bool */
	SCHEMA_DURATION,    /* uint64_t milliseconds */
	SCHEMA_SIZE,        /* uint64_t bytes */
	SCHEMA_COUNT,       /* uint64_t */
};

struct schema_field {
	const char *name;
	enum schema_type type;
	bool list; /* the place is a struct config_list (SCHEMA_FLAGS: uint32_t) */
	size_t offset;
	const char *fallback; /* default, in the form of the file; NULL: must be given. A list: one value, or "" for none */
	const char *words;
	uint64_t least, most; /* of durations, sizes and counts; `most` 0: no bound */
};

/* Section 0 of a schema is the file itself. A titled section may stand often, each title once; the others once. */
struct schema_section {
	const char *name;
	bool titled;
	size_t most; /* titled: how often at most */
	const struct schema_field *fields;
	size_t field_count;
};

struct schema {
	const struct schema_section *sections;
	size_t count;
};

struct scan_section {
	const struct schema_section *schema;
	char title[SCAN_TITLE_MAX + 1];
	int line;
	size_t first_entry; /* in entries */
};

struct scan_entry {
	size_t section; /* index in sections */
	const struct schema_field *field;
	int line;
};

struct scan {
	struct scan_section *sections; /* [0] the file; then in the order of the file */
	size_t section_count;
	struct scan_entry *entries;
	size_t entry_count;
	char *clean; /* for libconfuse */
	bool cut;    /* a syntax error ended the pass; `clean` is closed properly before it */
};

/* Adds findings; a negative error only when nothing can be read at all (memory, limits, not a text). */
int config_scan(struct span text, const char *file, const struct schema *schema, struct scan *ret, struct config_report *report);
void config_scan_free(struct scan *scan);
/* The line of a key, 0 when it is not given. `section`: index in scan->sections. */
int config_scan_line(const struct scan *scan, size_t section, const char *key);
/* The n-th section of that name: its index in scan->sections, or SIZE_MAX. */
size_t config_scan_section(const struct scan *scan, const char *name, size_t n);

#endif
