/* journal_anchor.h - the files of journal/anchor/ beside the notes, and stamps that failed (FORMAT.txt sections 1 and 9). The notes themselves: journal_note.c.
 *
 *   <size>.note   <size>.p7s   <size>.tsr, <size>.2.tsr, <size>.3.tsr ...    quarantine/<size>-<16 hex digits of its SHA-256>.tsr
 *
 * Each is in place whole or not at all, and durable when the call returned 0. What failed with anything but ERR_SPACE makes the journal faulty.
 */
#ifndef STORE_JOURNAL_ANCHOR_H
#define STORE_JOURNAL_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anchor_note.h"
#include "appliance/base/span.h"
#include "journal.h"

#define JOURNAL_ANCHOR_MAX_BYTES ANCHOR_NOTE_MAX_BYTES /* of each of these files */
#define JOURNAL_STAMPS_MAX 10000                       /* over one checkpoint */
#define JOURNAL_ANCHOR_NAME_SIZE 64

enum journal_anchor_kind { JOURNAL_ANCHOR_NOTE, JOURNAL_ANCHOR_SEAL, JOURNAL_ANCHOR_STAMP };

struct journal_anchor_name {
	enum journal_anchor_kind kind;
	uint64_t size;   /* of the tree */
	uint64_t number; /* of a stamp: 1, 2 ... */
};

/* "17.note", "17.2.tsr". Parsing takes nothing but what formatting writes. */
void journal_anchor_format_name(const struct journal_anchor_name *name, char ret[JOURNAL_ANCHOR_NAME_SIZE]);
bool journal_anchor_parse_name(const char *name, struct journal_anchor_name *ret);

/* The note as it lies there, at least its text; *ret_note borrows from *ret_bytes, which is the caller's to free. ERR_NOTFOUND: no checkpoint of that size. ERR_DAMAGE:
 * it is not the note of this log and this size. */
int journal_anchor_note(const struct journal *journal, uint64_t size, uint8_t **ret_bytes, struct anchor_note *ret_note);
/* The CMS over it. ERR_NOTFOUND: it is not signed. */
int journal_anchor_seal_read(const struct journal *journal, uint64_t size, uint8_t **ret_bytes, size_t *ret_length);
/* Any of these files as it lies there; the caller's to free. ERR_NOTFOUND. */
int journal_anchor_read(const struct journal *journal, const struct journal_anchor_name *name, uint8_t **ret_bytes, size_t *ret_length);
/* When the file of the CMS was written (its time in the file system), UTC in ms; 0: not known. */
int64_t journal_anchor_seal_time(const struct journal *journal, uint64_t size);
/* The note with signature lines (empty: it stays as it is), then the CMS: whoever finds the CMS finds the whole seal. */
int journal_anchor_seal(struct journal *journal, uint64_t size, struct span note, struct span cms);
/* Keeps a reply of a time-stamp authority under the next free name; the same bytes again keep their name. `bad`: in quarantine/. */
int journal_anchor_stamp(struct journal *journal, uint64_t size, struct span reply, bool bad, char ret_file[JOURNAL_ANCHOR_NAME_SIZE]);

#endif
