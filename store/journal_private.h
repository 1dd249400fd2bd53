/* journal_private.h - the inside of struct journal, for the files journal*.c only. */
#ifndef STORE_JOURNAL_PRIVATE_H
#define STORE_JOURNAL_PRIVATE_H

#include "head.h"
#include "journal.h"
#include "journal_cases.h"
#include "mark.h"

#define JOURNAL_NAME_SIZE 64
#define JOURNAL_OPEN_MODE 0640 /* of the segment that is being written */
#define JOURNAL_YEARS_MAX 128
#define JOURNAL_MISSED_MAX 64 /* quarantined pieces that one start writes records for; the rest is left for the next */
#define JOURNAL_RECORDS_MAX UINT64_C(4000000000)

struct journal_segment {
	uint64_t first;
	uint64_t bytes;  /* of the file, as found; the open one: see open_bytes */
	char suffix[6];  /* "open", "s", "u" */
	bool summarised; /* its last record is `segment` */
};

struct journal_year {
	unsigned year, last; /* largest case number given in that year */
};

struct journal {
	const struct fileops *ops;
	struct journal_options options;
	char letter[2];
	char boot[HEAD_BOOT_BYTES + 1];

	int dir_fd, segment_fd, anchor_fd, quarantine_fd, mark_fd; /* directories */
	char mark_name[JOURNAL_NAME_SIZE];
	char origin[JOURNAL_ORIGIN_SIZE];
	char instance[MARK_INSTANCE_BYTES + 1];
	struct head_pair heads;

	enum journal_state state;
	char why[JOURNAL_TEXT_SIZE];
	uint64_t damaged_index;
	bool created, unclean, rolled_back, rolled_back_noted;
	char rolled_back_code[24]; /* `reason` of the record */
	char rolled_back_why[JOURNAL_TEXT_SIZE];
	bool mark_found;
	struct mark mark;
	uint64_t recovered_bytes;
	int64_t found_utc_ms, accepted_utc_ms;

	struct journal_segment *segments;
	size_t segment_count;
	uint64_t indexed;         /* records that came from the index when it was opened */
	uint64_t unindexed_bytes; /* of closed segments that the index on the disk does not cover */
	int read_fd;              /* a closed segment being read, -1 none */
	uint64_t read_first;

	int open_fd;         /* the open segment; -1 when there is none (damage) */
	uint64_t open_bytes; /* committed */
	uint64_t reserved;   /* bytes of it that the disk has promised */
	bool can_reserve;
	int open_month; /* year * 12 + month of its first record in the Czech calendar, 0 while empty */

	uint64_t size; /* durable records */
	uint8_t root[TREE_HASH_BYTES];
	uint8_t last_hash[TREE_HASH_BYTES]; /* of the last durable record */
	int64_t last_utc_ms;                /* of the last record, staged ones included */
	struct tree tree;                   /* with what is staged */
	struct journal_cases cases;
	uint32_t *offsets; /* per record: place in its segment */
	uint32_t *before;  /* per record: 1 + index of the record before it in its case; 0 none */
	size_t capacity;   /* of both arrays */
	uint8_t (
	    *tiles)[TREE_HASH_BYTES]; /* roots of the full tiles from the first on, for proofs (journal_proof.c); room for every tile of `capacity` records */
	size_t tile_count;            /* may lag behind: journal_proof catches up */
	struct journal_year years[JOURNAL_YEARS_MAX];
	size_t year_count;

	uint8_t *batch; /* staged bytes */
	size_t batch_length, batch_capacity;
	uint64_t batch_count;
	struct record *staged; /* of each record of the batch what its text says; without leaf.data and body.data, as the batch may still move */
	size_t staged_capacity;
	bool batch_sends;   /* holds a `sending`: the mark must be written */
	bool batch_accepts; /* holds an accepted `rolled-back` */

	uint64_t note_size;
	uint64_t seal_size;                   /* the largest whose note is signed */
	uint8_t note_root[TREE_HASH_BYTES];   /* of the tree at note_size */
	bool note_known;                      /* note_root is filled */
	uint64_t loud_first_ms, loud_last_ms; /* monotonic: first and last record not covered by a checkpoint; 0 none */
	uint64_t loud_end;                    /* 1 + index of the last record that starts a checkpoint */
	bool segment_ended;

	char missed[JOURNAL_MISSED_MAX][JOURNAL_NAME_SIZE]; /* files in quarantine/ that no record names yet */
	size_t missed_count;
	char (*named)[JOURNAL_NAME_SIZE]; /* files in quarantine/ that records name */
	size_t named_count;
};

/* Stops all writing; keeps the first reason. Returns `err`. */
int journal_fail(struct journal *journal, int err, const char *what);
/* Read-only: record `index` is not what was written. */
void journal_damage(struct journal *journal, uint64_t index, const char *why);

/* journal_files.c: names, directories, identity. */
int journal_files_open(struct journal *journal);
int journal_files_lock(struct journal *journal, uint64_t wait_ms);
/* Loads origin and instance; makes a new journal when there is none. */
int journal_files_identity(struct journal *journal);
int journal_files_new_instance(struct journal *journal);
int journal_files_segments(struct journal *journal);
/* Largest N of anchor/N.note and of anchor/N.p7s, 0 none. Takes away what a crash left half-written there. */
int journal_files_notes(struct journal *journal);
/* Missed pieces of quarantine/. */
int journal_files_quarantine(struct journal *journal);
void journal_segment_name(uint64_t first, const char *suffix, char ret[JOURNAL_NAME_SIZE]);
bool journal_segment_parse(const char *name, struct journal_segment *ret);
void journal_note_name(uint64_t size, char ret[JOURNAL_NAME_SIZE]);

/* journal_recover.c: the scan at start, and what must be put right before the first append. */
int journal_recover(struct journal *journal);
/* Its segments, which are all closed, are read and nothing is put right. ERR_DAMAGE: state, damaged_index and why say more. */
int journal_recover_closed(struct journal *journal);

/* journal_index.c: what is kept in memory of each record. */
int journal_index_reserve(struct journal *journal, size_t more);
/* After journal_index_reserve(1) and journal_cases_reserve. `entry` is NULL for the box. */
void journal_index_add(struct journal *journal, struct journal_case_entry *entry, uint64_t index, uint64_t offset, const uint8_t hash[TREE_HASH_BYTES]);
void journal_index_number(struct journal *journal, const char *number);
/* What a durable record means for the journal itself (roll-back, clock, checkpoints, month of the segment). */
void journal_index_note(struct journal *journal, const struct record *record);

/* journal_segment.c */
/* One more at the end of the list. 0 or ERR_MEMORY. */
int journal_segment_add(struct journal *journal, const struct journal_segment *segment);
/* Creates <first>.open and makes it the one that is written. */
int journal_segment_begin(struct journal *journal, uint64_t first);
/* Gives the open segment its final name. */
int journal_segment_end(struct journal *journal, const char *suffix);
/* Renames a closed segment. */
int journal_segment_rename(struct journal *journal, size_t position, const char *suffix);
int journal_segment_reserve(struct journal *journal, size_t bytes);
bool journal_segment_is_full(const struct journal *journal);
int journal_segment_rotate(struct journal *journal);

/* journal_commit.c: without rotation. */
int journal_commit_batch(struct journal *journal);
int journal_write_head(struct journal *journal, bool clean);

/* journal_mark.c */
int journal_mark_check(struct journal *journal);
int journal_mark_write(struct journal *journal);

#endif
