/* verify_private.h - the inside of struct journal_verify, for verify*.c only. */
#ifndef STORE_VERIFY_PRIVATE_H
#define STORE_VERIFY_PRIVATE_H

#include "head.h"
#include "journal_anchor.h"
#include "journal_private.h"
#include "journal_scan.h"
#include "verify.h"

/* An object that is not there, forgiven when the case turns out to be erased. */
struct verify_missing_object {
	uint64_t index;
	size_t entry; /* of the case */
};

struct verify_note {
	uint64_t size;
	uint8_t root[TREE_HASH_BYTES]; /* of the tree, once the scan was there */
};

/* A signature or a stamp. */
struct verify_file {
	struct journal_anchor_name name;
	bool recorded; /* a record speaks of it */
};

struct journal_verify {
	struct verify_options options;
	struct verify_result result;
	int dir_fd, segment_fd, anchor_fd, quarantine_fd;
	bool head_valid[2];
	struct head heads[2];
	struct journal_segment *segments;
	size_t segment_count;
	struct verify_note *notes; /* the checkpoints there are, ascending */
	size_t note_count, note_position;
	struct verify_file *files; /* ascending */
	size_t file_count, file_position;
	struct tree tree;
	struct journal_cases cases;
	struct verify_missing_object *missing;
	size_t missing_count;

	size_t position; /* segment under way */
	int fd;          /* of it; -1 not begun */
	struct journal_scan scan;
	bool summarised;     /* the last record was `segment` */
	uint64_t known_good; /* the tree was right at this size */
	bool finished;
};

/* Keeps the damage with the smallest index. */
void verify_damage(struct journal_verify *verify, uint64_t index, const char *why);
/* verify_record.c: one record that is right by itself, in the light of those before it. */
int verify_record(struct journal_verify *verify, const struct record *record);
/* At the end: missing objects whose case is not erased. */
void verify_missing(struct journal_verify *verify);

/* verify_anchor.c: lists journal/anchor/; the checkpoint of the size that the tree has now; a record `anchor` (*ret_bad: English words, NULL when right); at the
 * end: what lies there without its checkpoint. */
int verify_anchor_load(struct journal_verify *verify);
int verify_anchor_note(struct journal_verify *verify, const uint8_t root[TREE_HASH_BYTES]);
int verify_anchor_record(struct journal_verify *verify, const struct record *record, const char **ret_bad);
void verify_anchor_finish(struct journal_verify *verify);

#endif
