/* notes_copy.h - puts the files of journal/anchor/, the description of the format and the name of the log into another folder, the auditors' share (FORMAT.txt
 * section 9). Runs in a process of its own: a share may hang.
 *
 * What lies there is never replaced and never removed, but a note by the same note with signatures: a file there that differs is what an auditor would have to see,
 * and it is reported. Each file appears whole, readable for all and writable for nobody.
 */
#ifndef STORE_NOTES_COPY_H
#define STORE_NOTES_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "fileops.h"

#define NOTES_NAME_SIZE 64

enum notes_outcome {
	NOTES_DONE,    /* everything is there */
	NOTES_AWAY,    /* the folder is not there */
	NOTES_DENIED,  /* it cannot be written to */
	NOTES_FULL,    /* no room */
	NOTES_FOREIGN, /* it holds the checkpoints of another journal; nothing was written */
	NOTES_OTHER,   /* some file there is not the one here; `name` is the first; all others are there */
	NOTES_FAILED,  /* anything else that the system said */
	NOTES_SLOW,    /* not finished in time (said by server_notes.c) */
};

struct notes_result {
	enum notes_outcome outcome;
	uint64_t copied; /* by this run */
	uint64_t behind; /* files that are not there yet, or are others */
	char name[NOTES_NAME_SIZE];
};

struct notes_options {
	const struct fileops *ops;
	int data_fd;      /* the data directory */
	const char *path; /* of the folder, absolute */
	uint64_t from;    /* only files of checkpoints of this size and more */
};

/* Always fills *ret. */
void notes_copy(const struct notes_options *options, struct notes_result *ret);
/* "missing", "denied" ... for STORE_HELLO; "" for NOTES_DONE. */
const char *notes_outcome_word(enum notes_outcome outcome);

#endif
