/* verify.h - the full check of a journal from its files alone (design 4; FORMAT.txt section 9). It changes nothing and trusts no memory of the store.
 *
 * Checked, for every record: framing, CRC32C, leaf hash, continuity of indexes, batch rules, segments without gap, record table, `prev` chain of its
 * case; then: every anchor/<size>.note, every `anchor` and `segment` record has the root of the tree; both heads agree; objects, by callback. Signatures of
 * notes fit their text and the certificate with them, stamps fit what they stamp; whether these certificates are to be trusted is the auditor's business. Every
 * record about a checkpoint or stamp has its file.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "fileops.h"
#include "journal.h"
#include "journal_ref.h"

struct journal_verify;

struct verify_options {
	const struct fileops *ops;
	int data_fd;    /* the data directory; borrowed */
	uint64_t until; /* check records below this index only (journal_size of a living journal); UINT64_MAX: all there is */
	/* Called for every `object-<role>` field. 0, or an error with words in `why`: ERR_NOTFOUND is forgiven when an `erased` record stands in the case; ERR_SYSTEM
	 * and ERR_MEMORY end the check; every other one is damage of this record. NULL: objects are not looked at. An object that is missing is forgiven too where
	 * its case is in an archive, unless that archive is the one that was looked into. */
	int (*on_object)(void *context, const struct record *record, struct span role, const struct journal_ref *ref, char why[JOURNAL_TEXT_SIZE]);
	void *context;
	uint64_t archive; /* id of the archive that on_object looks into, 0: none */
};

struct verify_result {
	bool damaged;
	uint64_t index;              /* first damaged or missing record, where damaged */
	char why[JOURNAL_TEXT_SIZE]; /* English */
	uint64_t records, segments, unclean_segments, cases, notes, objects;
	uint64_t signed_notes;            /* notes with a CMS that fits */
	uint64_t note_signatures;         /* of these, notes with a signature line that fits, too */
	uint64_t stamps, bad_stamps;      /* stamps that fit their checkpoint; records of replies that failed */
	uint64_t unrecorded;              /* stamps that no record speaks of: the store ended between file and record */
	uint64_t unknown;                 /* files in journal/anchor/ that are nothing of this format */
	char unknown_names[256];          /* the first of them, parted by blanks */
	unsigned heads;                   /* readable ones of head.a, head.b; fewer than 2 costs nothing but a longer start */
	uint64_t erased;                  /* cases that carry an `erased` record (not a mere wish) */
	uint64_t archived;                /* cases whose content is in an archive */
	char erased_names[256];           /* the first of the erased: "2026-000001 (record 57)", parted by commas */
	uint64_t tail_bytes;              /* unacknowledged tail behind the last record of a journal that nobody has open */
	uint8_t root[JOURNAL_HASH_BYTES]; /* of all records checked */
	char origin[JOURNAL_ORIGIN_SIZE];
	uint64_t done_bytes, all_bytes; /* progress */
};

/* In steps, for an event loop: open, step until it is not ERR_AGAIN, read the result, close. Failures are those of reading (ERR_SYSTEM, ERR_MEMORY,
 * ERR_NOTFOUND: no journal there); damage is not a failure but a result. */
int journal_verify_open(const struct verify_options *options, struct journal_verify **ret);
/* Checks about `bytes` more bytes. ERR_AGAIN: more to do. 0: done. */
int journal_verify_step(struct journal_verify *verify, uint64_t bytes);
void journal_verify_result(const struct journal_verify *verify, struct verify_result *ret);
void journal_verify_close(struct journal_verify *verify);

/* All at once; `progress` may be NULL. */
int journal_verify(const struct verify_options *options, void (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes), struct verify_result *ret);

#endif
