/* journal_cases.h - what the journal and the verifier keep in memory of each case: a hash table from the number to head, order and places. */
#ifndef STORE_JOURNAL_CASES_H
#define STORE_JOURNAL_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"
#include "tree.h"

struct journal_case_entry {
	char number[TABLE_CASE_SIZE];
	uint32_t first, last, count; /* indexes of records */
	uint8_t head[TREE_HASH_BYTES];
	struct table_case state;
};

/* Zero-initialise. */
struct journal_cases {
	struct journal_case_entry *entries;
	size_t count, capacity;
	uint32_t *slots; /* 1 + position in entries; 0 empty */
	size_t slot_count;
};

/* NULL when it is not there. Valid until the next journal_cases_add. */
struct journal_case_entry *journal_cases_find(const struct journal_cases *cases, const char *number);
/* Room for one more, so that the next journal_cases_add cannot fail. ERR_MEMORY. */
int journal_cases_reserve(struct journal_cases *cases);
/* An entry with this number and nothing else; the number must not be there yet and room must be reserved. */
struct journal_case_entry *journal_cases_add(struct journal_cases *cases, const char *number);
/* Fills an empty table with a copy of these entries. ERR_MEMORY, ERR_FORMAT (a number stands twice); then it is empty again. */
int journal_cases_fill(struct journal_cases *cases, const struct journal_case_entry *entries, size_t count);
void journal_cases_free(struct journal_cases *cases);

#endif
