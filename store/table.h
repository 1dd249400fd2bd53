/* table.h - the normative table of record types (FORMAT.txt section 6; a unit test compares the two), and the check of one record against it. */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/span.h"

#define TABLE_CASE_MAX_BYTES 12 /* "B2026-000123" */
#define TABLE_CASE_SIZE (TABLE_CASE_MAX_BYTES + 1)
#define TABLE_WHY_SIZE 160

/* Who asks for the record. */
enum table_writer {
	TABLE_STORE = 1 << 0,
	TABLE_HUB = 1 << 1,
	TABLE_TOKEN = 1 << 2,
};

enum table_mark {
	TABLE_TRANSPARENT = 1 << 0, /* does not count as the record before (delivered, shown, erased, archived) */
	TABLE_FORCED = 1 << 1,      /* may come after any record of its case (reply, not-sent) */
	TABLE_QUIET = 1 << 2,       /* starts no checkpoint (design 2) */
};

struct table_rule {
	const char *type;
	bool of_case;         /* else of the box: no `case`, no `prev` */
	unsigned writers;     /* set of enum table_writer */
	const char *required; /* words; "object-*" is at least one object */
	const char *optional; /* words, beside those that every record may carry */
	const char *follows;  /* words: types that may come before it in its case; "-" it begins a case; "any"; "" for the box */
	unsigned marks;       /* set of enum table_mark */
};

/* NULL when there is no such type. */
const struct table_rule *table_find(const char *type);
/* The n-th rule, NULL behind the last. */
const struct table_rule *table_nth(size_t n);
/* Fields that every record of a case (or of the box) may carry. */
const char *table_common(bool of_case);

/* What the table must know of a case. Zero-initialised: there is no record yet. */
struct table_case {
	const struct table_rule *last; /* last record that counts; NULL none */
	bool failed;                   /* that record is `closed` with verdict failed */
	bool begun;                    /* there is a record, counting or not */
	bool erased;                   /* `erased` (not just asked for) stands in it: its objects may be gone */
	uint64_t archived;             /* its objects are in the archive with this id (`place`), 0: in the vault */
	uint64_t sending;              /* 1 + index of a `sending` whose bytes may have left the box; 0: none. While it stands no other may follow (P3) */
};

/* Checks type, writer, fields and order of a record with this body (canonical lines, without `prev`). `state` is that of its case, NULL for the box;
 * `index` is the one that the record will have.
 * 0; ERR_FORMAT (fields), ERR_DENIED (writer), ERR_STATE (order, or a type that does not exist); `why` says it in English.
 * On 0, `state` (when not NULL) is that after the record. */
int table_check(const char *type, enum table_writer writer, struct span body, uint64_t index, struct table_case *state, char why[TABLE_WHY_SIZE]);
/* The same for a record that stands in the journal already: no writer, `prev` allowed. */
int table_check_stored(const char *type, struct span body, uint64_t index, struct table_case *state, char why[TABLE_WHY_SIZE]);

/* Only what the record makes of the state of its case, unchecked: for the scan of records that were checked when they were written. */
void table_apply(const char *type, struct span body, uint64_t index, struct table_case *state);

/* "2026-000123", with an optional letter A-Z in front. */
bool table_case_valid(struct span number);
bool table_case_parse(struct span number, char *ret_letter, unsigned *ret_year, unsigned *ret_number);

/* One row as FORMAT.txt prints it, several lines, each ended by LF. */
void table_format(const struct table_rule *rule, char *ret, size_t size);

#endif
