/* survey.h - one reading of the journal from its files: what its records name. A backup must hold that, and maintenance may take away nothing of it.
 *
 * Every record is checked by itself (journal_scan.h) and the root of the tree is computed; chains, table, checkpoints and content are verify.h's business.
 * Memory: about 36 bytes for each part of the vault and 120 for each case.
 */
#ifndef STORE_SURVEY_H
#define STORE_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fileops.h"
#include "journal_cases.h"
#include "tree.h"

#define SURVEY_HASH_BYTES 32

struct survey_segment {
	uint64_t first;
	uint64_t bytes; /* of the records below the limit */
	char suffix[6]; /* "open", "s", "u": as found */
	bool cut;       /* there is more in the file than that */
};

struct survey_part {
	uint8_t hash[SURVEY_HASH_BYTES];
	uint32_t of; /* place in `cases` of one case that names it */
};

/* What became of the content of a case, by its records. */
struct survey_fate {
	bool erased;   /* an `erased` record that erased */
	bool archived; /* out of the vault by the last `archived` record */
};

struct survey {
	uint64_t records, bytes;
	int64_t utc_ms;                  /* of the last record, 0: none */
	uint8_t root[TREE_HASH_BYTES];   /* of all records read */
	uint8_t head[TREE_HASH_BYTES];   /* leaf hash of the last record */
	struct survey_segment *segments; /* ascending */
	size_t segment_count;
	struct survey_part *parts; /* ascending by hash, each once */
	size_t part_count, part_room;
	struct journal_cases cases;
	struct survey_fate *fates; /* beside `cases.entries` */
	size_t fate_room;
};

struct survey_options {
	const struct fileops *ops;
	int data_fd;    /* the data directory; borrowed */
	uint64_t until; /* records below this index, all of which must be there; UINT64_MAX: as many as can be read */
	/* Now and then; anything but 0 ends the survey with it. May be NULL. */
	int (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes);
	void *context;
};

/* 0; ERR_DAMAGE: a record below `until` is missing or is not what was written; ERR_NOTFOUND: no journal there; ERR_SYSTEM, ERR_MEMORY. survey_free in any case. */
int survey_make(const struct survey_options *options, struct survey *ret);
void survey_free(struct survey *survey);
/* NULL: no record names it. */
const struct survey_part *survey_find_part(const struct survey *survey, const uint8_t hash[SURVEY_HASH_BYTES]);
/* NULL: no record of such a case. */
const struct survey_fate *survey_find_case(const struct survey *survey, const char *number);

#define _cleanup_survey_ __attribute__((cleanup(survey_free)))

#endif
