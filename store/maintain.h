/* maintain.h - looking after the data directory: what was left over, what can be made again, how much room it takes (STORE_MAINTAIN).
 *
 * Kinds of work, the words of STORE_MAINTAIN:
 *   index       files derived from the journal are made again: the index of the closed segments from every one of their records, while the box works and the former one
 *               is still there; what the hub keeps it makes itself
 *   names       names that are missing beside the case numbers are made again from the vault (needs a token that opens it)
 *   leftovers   content that no record names, half-written files, and erasures that did not end
 *   check       the journal as in its check, the content only by its being there
 *   space       how much room what takes
 *   all         all of these
 *
 * Nothing that a record names is ever taken away: content goes only when no record of the whole journal names it, when it is older than MAINTAIN_ORPHAN_MS, when
 * nothing is being taken in at that moment, and when no record written since names it either. Every step can be repeated; one that was cut off leaves nothing.
 *
 * STORE_MAINTAINED LINES, each where that work was done: check-index, check-why (damage), check-objects, check-records; erasures (looked at again); index (records that the
 * index covers now); names-left (no key could be had), names-made; orphans, orphans-bytes, orphans-left (something was under way), temporaries; space-anchors, space-free,
 * space-index, space-keys, space-names, space-quarantine, space-segments, space-vault (bytes).
 */
#ifndef STORE_MAINTAIN_H
#define STORE_MAINTAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "fileops.h"
#include "journal.h"

#define MAINTAIN_ORPHAN_MS (INT64_C(24) * 3600 * 1000)
#define MAINTAIN_TEMPORARY_MS (INT64_C(3600) * 1000)
#define MAINTAIN_NAME_SIZE 128

enum maintain_work {
	MAINTAIN_INDEX = 1 << 0,
	MAINTAIN_NAMES = 1 << 1,
	MAINTAIN_LEFTOVERS = 1 << 2,
	MAINTAIN_CHECK = 1 << 3,
	MAINTAIN_SPACE = 1 << 4,
};

/* 0: no such word. */
unsigned maintain_parse(const char *word);

struct maintain_space {
	uint64_t segments, anchors, vault, keys, names, index, quarantine, left;
};

struct maintain_found {
	enum { MAINTAIN_PROGRESS, MAINTAIN_INDEXED, MAINTAIN_ORPHAN, MAINTAIN_TEMPORARY, MAINTAIN_CHECKED, MAINTAIN_MEASURED, MAINTAIN_DONE } what;
	int err;                       /* DONE */
	uint64_t done, count;          /* PROGRESS */
	uint8_t hash[32];              /* ORPHAN */
	uint64_t bytes;                /* of it */
	char name[MAINTAIN_NAME_SIZE]; /* TEMPORARY: below the data directory */
	/* CHECKED, INDEXED (records: covered) */
	bool damaged;
	uint64_t index, records, objects;
	char why[JOURNAL_TEXT_SIZE];
	struct maintain_space space; /* MEASURED */
};

struct maintain_options {
	const struct fileops *ops;
	int data_fd;      /* borrowed */
	uint64_t records; /* size of the journal */
	unsigned work;    /* NAMES does not count here */
	int64_t now_ms;   /* UTC: what is older than */
	void (*tell)(void *context, const struct maintain_found *found);
	/* Makes the index beside the former one: what was read and what there is to read, as often as it likes. As journal_index_make. */
	int (*make_index)(void *context, void (*progress)(void *look, uint64_t done_bytes, uint64_t all_bytes), void *look, struct journal_facts *ret);
	void *context;
};

/* Looks and tells, changes nothing: for a child process. The last thing told is DONE. */
void maintain_look(const struct maintain_options *options);

#endif
