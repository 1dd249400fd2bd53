/* journal.h - the append-only journal of the box (design 4; FORMAT.txt is its normative description).
 *
 * One process owns it (exclusive lock). Every function belongs to one thread. Times are milliseconds since 1970 UTC.
 *
 * Life: journal_open (recovers, scans, calls on_record for every record there is) -> journal_boot (appends boot, recovered, rolled-back) ->
 * journal_stage ... journal_commit -> journal_close.
 *
 * Promise: when journal_commit has returned 0, every record staged before it is durable and will be there after any crash or power cut.
 * When it failed, the records of that batch may be there or not (as a prefix of the batch), nothing was acknowledged, and the journal is faulty:
 * each later call that would write returns ERR_READONLY until the process starts anew (never again on the same file: after a failed sync the
 * kernel may have dropped the pages and call them clean).
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/record.h"
#include "appliance/base/span.h"
#include "fileops.h"
#include "index_file.h"
#include "journal_ref.h"
#include "table.h"

#define JOURNAL_SEGMENT_MAX_BYTES (UINT64_C(64) * 1024 * 1024)
#define JOURNAL_BATCH_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define JOURNAL_INDEX_MIN_BYTES (UINT64_C(1024) * 1024)
#define JOURNAL_LOCK_WAIT_MS 10000
#define JOURNAL_QUIET_MS 5000
#define JOURNAL_BUSY_MS 60000
#define JOURNAL_ORIGIN_SIZE 64
#define JOURNAL_NOTE_SIZE 256
#define JOURNAL_TEXT_SIZE 192
#define JOURNAL_CASE_SIZE TABLE_CASE_SIZE
#define JOURNAL_HASH_BYTES RECORD_HASH_BYTES

struct journal;

struct journal_options {
	const struct fileops *ops;
	int data_fd;                     /* the data directory; borrowed, must stay open */
	const char *mark_path;           /* high-water mark, outside the data directory; its directory must exist */
	const char *box_letter;          /* "" or one letter A-Z in front of case numbers */
	const char *boot_id;             /* /proc/sys/kernel/random/boot_id, 36 characters; "" when unknown */
	int64_t (*clock)(void *context); /* UTC now; NULL: clock_utc_ms */
	/* Every record once, in order of index: those found by journal_open (replay), later each one when it is durable, from within journal_commit
	 * and before it returns. `record` is borrowed for the call; hash is the verified leaf hash. The callback must not call into the journal
	 * except for reading. May be NULL. */
	void (*on_record)(void *context, const struct record *record, bool replay);
	void (*on_progress)(void *context, uint64_t done_bytes, uint64_t all_bytes); /* while opening, about every MiB; may be NULL */
	/* What on_record has made of the records so far, to be kept with the index of the closed segments (journal_snapshot.h), and the way back: `restore` is called at
	 * most once, before any record; then only the records behind it are told. False: it cannot be used, nothing was changed, all records are told. With an
	 * on_record but without these two every start reads every record. */
	void (*save)(void *context, struct index_writer *writer);
	bool (*restore)(void *context, struct span saved);
	void *context;
	uint64_t index_min_bytes;   /* closed segments that the index does not cover yet: with so many it is made anew; 0: JOURNAL_INDEX_MIN_BYTES */
	uint64_t segment_max_bytes; /* 0: JOURNAL_SEGMENT_MAX_BYTES */
	uint64_t lock_wait_ms;      /* 0: JOURNAL_LOCK_WAIT_MS */
	uint64_t quiet_ms, busy_ms; /* when a checkpoint is due; 0: JOURNAL_QUIET_MS, JOURNAL_BUSY_MS */
};

enum journal_state {
	JOURNAL_READY,
	JOURNAL_FAULTY,  /* a write or sync failed in this process; restart it */
	JOURNAL_DAMAGED, /* stored records are not what was written; read-only until a person acts */
};

/* What is to be known about the journal; filled by journal_facts. */
struct journal_facts {
	enum journal_state state;
	char why[JOURNAL_TEXT_SIZE]; /* English words for FAULTY, DAMAGED */
	uint64_t damaged_index;      /* DAMAGED: first index that is damaged or missing */
	uint64_t size;               /* durable records */
	uint8_t root[JOURNAL_HASH_BYTES];
	char origin[JOURNAL_ORIGIN_SIZE]; /* C2SP origin line, without LF */
	bool created;                     /* by this journal_open */
	bool unclean;                     /* the last run was not ended by journal_close */
	bool rolled_back;                 /* journal behind its mark, restored or cloned, and no person accepted it yet: `request` and `sending` are refused */
	char rolled_back_why[JOURNAL_TEXT_SIZE];
	uint64_t mark_index; /* of the mark found when opening */
	uint8_t mark_hash[JOURNAL_HASH_BYTES];
	uint64_t recovered_bytes; /* cut into quarantine by this journal_open */
	int64_t last_utc_ms;      /* time of the last record found when opening (0: none): the server holds the clock against it (design 3) */
	int64_t accepted_utc_ms;  /* time of the last `clock-accepted`, 0: none */
	uint64_t segment_first;   /* index of the first record of the open segment */
	uint64_t segment_bytes;
	uint64_t note_size; /* tree size of the last checkpoint, 0: none */
	uint64_t seal_size; /* of the last one that is signed */
	uint64_t indexed;   /* records that journal_open knew from the index without reading them */
};

/* Opens, or creates when the data directory holds no journal. Also with damage it returns 0: see journal_facts. Failures: ERR_BUSY (locked by
 * another process for too long), ERR_SPACE, ERR_SYSTEM, ERR_MEMORY, ERR_UNSUPPORTED (a format it does not know). */
int journal_open(const struct journal_options *options, struct journal **ret);
/* Appends `boot` {version, boot-id, unclean}, and what opening found: `recovered`, `rolled-back`. One durable batch; first append after opening.
 * With damage: ERR_READONLY. */
int journal_boot(struct journal *journal, const char *version);
/* Syncs the head, marks it clean, unlocks, frees. Staged but uncommitted records are dropped. NULL is fine. */
void journal_close(struct journal *journal);
void journal_facts(const struct journal *journal, struct journal_facts *ret);
uint64_t journal_size(const struct journal *journal);

/* --- appending --- */
struct journal_entry {
	const char *type;
	struct span body; /* canonical lines without `prev`; a record of a case carries its `case` */
};

struct journal_append {
	enum table_writer writer;
	const char *case_number; /* "" for records of the box */
	const uint8_t *prev;     /* 32 bytes: expected head of the case, all zero: the case does not exist yet; NULL: whatever it is (store's own) */
	const struct journal_entry *entries; /* all of this case, one after the other */
	size_t count;
};

struct journal_receipt {
	uint64_t index;                   /* of the first record */
	uint64_t last;                    /* of the last record */
	uint8_t hash[JOURNAL_HASH_BYTES]; /* leaf hash of the last */
	int64_t utc_ms;
};

/* Puts the records into the batch under construction, all or none. Several callers' records may stand in one batch. The receipt holds only once
 * journal_commit has returned 0. Case heads as seen by further stages include what is staged.
 * ERR_MISMATCH (prev is not the head: journal_case_find says which is), ERR_STATE/ERR_FORMAT/ERR_DENIED (record table), ERR_LIMIT (record too long),
 * ERR_SPACE (the disk has no room; nothing is harmed), ERR_AGAIN (batch full: commit first), ERR_READONLY, ERR_MEMORY. `why` may be NULL. */
int journal_stage(struct journal *journal, const struct journal_append *append, struct journal_receipt *ret, char why[TABLE_WHY_SIZE]);
bool journal_has_staged(const struct journal *journal);
/* Makes the batch durable: write, fdatasync, head; with a `sending` or an accepted `rolled-back` in it also the mark; then on_record for each.
 * Closes the segment when it is full or its month is over (appends `segment`). Nothing staged: 0. */
int journal_commit(struct journal *journal);
/* journal_stage and journal_commit (which commits what others staged, too). */
int journal_append(struct journal *journal, const struct journal_append *append, struct journal_receipt *ret, char why[TABLE_WHY_SIZE]);

/* --- its index (journal_snapshot.h), made again while the journal works: journal_remake.c --- */
#define JOURNAL_INDEX_NAME "journal" /* below index/ */
/* In a child process, which has a copy of `of` and no descriptor of it: reads every record of the segments that are closed and writes the index beside the former one.
 * Of `options` count ops, data_fd, on_record, save, on_progress and context; the listener begins with nothing. Of *ret count state, damaged_index, why, indexed.
 * ERR_NOTFOUND: there is no closed segment; ERR_DAMAGE; what index_write returns. */
int journal_index_make(const struct journal *of, const struct journal_options *options, struct journal_facts *ret);
/* In the process that writes: puts it in the place of the former one. It covers so many records. */
int journal_index_adopt(struct journal *journal, uint64_t indexed);

/* --- cases --- */
struct journal_case {
	char number[JOURNAL_CASE_SIZE];
	uint8_t head[JOURNAL_HASH_BYTES]; /* leaf hash of its last record, staged ones included */
	const char *last_type;            /* of the last record that counts for the order rule; "" when none */
	uint64_t first, last;             /* index of its first and last record */
	uint32_t count;
	bool erased;       /* staged records included, as is */
	uint64_t archived; /* id of the archive that holds its content; 0: the vault does */
};

/* ERR_NOTFOUND when the case has no record. */
int journal_case_find(const struct journal *journal, const char *number, struct journal_case *ret);
/* Indexes of the durable records of a case, ascending; *ret_indexes is the caller's to free. */
int journal_case_indexes(const struct journal *journal, const char *number, uint64_t **ret_indexes, size_t *ret_count);
/* Calls for every case, in no order. */
void journal_case_each(const struct journal *journal, void (*visit)(void *context, const struct journal_case *found), void *context);
/* The next free number of the present Czech year. Kept in memory only: its first record keeps it. ERR_LIMIT after 999,999. */
int journal_next_case(struct journal *journal, char ret[JOURNAL_CASE_SIZE]);

/* --- reading what is durable --- */
/* Raw records (leaf and trailer) from index `from` on, whole ones only, as many as fit `size` (at least RECORD_MAX_BYTES). *ret_next is the index to ask for
 * next; equal to journal_size when there is no more. ERR_DAMAGE when the bytes do not parse. */
int journal_read(struct journal *journal, uint64_t from, uint8_t *buffer, size_t size, size_t *ret_length, uint64_t *ret_next);
/* One record, its CRC and leaf hash checked; `ret` points into `buffer`. ERR_NOTFOUND, ERR_DAMAGE. */
int journal_read_one(struct journal *journal, uint64_t index, uint8_t buffer[RECORD_MAX_BYTES], struct record *ret);

/* The leaf hash of a durable record as its trailer says it, not checked. ERR_NOTFOUND, ERR_DAMAGE. */
int journal_read_hash(struct journal *journal, uint64_t index, uint8_t ret[JOURNAL_HASH_BYTES]);

/* --- proofs (journal_proof.c) --- */
#define JOURNAL_PROOF_MAX 64
struct journal_proof {
	size_t count;
	uint8_t hashes[JOURNAL_PROOF_MAX][JOURNAL_HASH_BYTES]; /* from the leaf upwards */
};
/* That record `index` is in the tree of the first `size` records (RFC 6962 section 2.1.1). Reads the trailers of at most two tiles; everything else is in memory.
 * It is not checked against a root: see tree_proof_root. ERR_NOTFOUND unless index < size <= journal_size; ERR_DAMAGE. */
int journal_proof(struct journal *journal, uint64_t index, uint64_t size, struct journal_proof *ret);

/* --- checkpoints (C2SP tlog-checkpoint) --- */
/* When the next checkpoint is due: monotonic milliseconds as in clock.h, CLOCK_NEVER_MS when nothing new is to be covered. After 5 s of quiet, at the
 * latest 60 s after the first uncovered record, at once after a segment was closed. */
uint64_t journal_checkpoint_due(const struct journal *journal);
/* Commits what is staged, writes anchor/<size>.note (durable), appends `anchor` {size, root}, commits. Without news the last note's text is given again (its
 * size is note_size of the facts). ERR_STATE when the journal is empty. `note` is terminated. */
int journal_checkpoint(struct journal *journal, char note[JOURNAL_NOTE_SIZE]);
/* The same, also when nothing but quiet records came since the last one: so that a stamp over it covers the records of earlier stamps. */
int journal_checkpoint_anew(struct journal *journal, char note[JOURNAL_NOTE_SIZE]);

/* --- high-water mark --- */
/* Writes {index, leaf hash} of the last durable record to the mark, durable on 0. journal_commit does it for every batch with a `sending`, before
 * anybody learns that the record is durable, hence before a byte is sent. ERR_STATE while rolled back. */
int journal_mark(struct journal *journal);

#endif
