/* anchors.h - what the files anchors*.c share: everything in journal/anchor/ and journal/trust/ as it is read, judged, and laid over the records.
 *
 *   anchors_files.c   names, files, folders, certificates and lists
 *   anchors_record.c  each record with its file and each file with its record
 *   anchors_note.c    the files of one checkpoint: text, CMS signature, signature line, stamps
 *   anchors_judge.c   whose signatures they are, and whether that held at the time that counts
 *   anchors_cover.c   renewals; what is signed and stamped, and how late
 */
#ifndef STORE_AUDIT_ANCHORS_H
#define STORE_AUDIT_ANCHORS_H

#include "path.h"
#include "stamp.h"

#define ANCHORS_FILE_MAX_BYTES ((size_t)1024 * 1024) /* note, signature, stamp */
#define ANCHORS_NAME_SIZE 80
#define ANCHORS_SAID_MAX 100  /* findings of a kind that are listed; the rest is counted */
#define ANCHORS_LISTS_MAX 256 /* lists that came in signatures and in files of the auditor */
#define ANCHORS_UNTIL_SIZE 24 /* "2046-11-21 18:39:00Z" */

/* A key that signed something, and the ways from its certificate to what the auditor trusts. */
struct anchors_signer {
	const struct audit_entry *entry;
	enum audit_purpose purpose;
	struct audit_paths paths;
};

struct anchors_note {
	uint64_t size;
	size_t first_stamp, stamp_count;
	bool has_note, has_seal;             /* files */
	bool good;                           /* its text is right */
	const struct audit_entry *signed_by; /* the CMS fits; NULL: none, or it does not */
	const struct anchors_signer *signer;
	bool trusted;
};

struct anchors_stamp {
	uint64_t size;
	unsigned number;
	bool read; /* sha256 is that of the file */
	bool good; /* a stamp over this checkpoint, and its own signature fits */
	uint8_t sha256[AUDIT_HASH_BYTES];
	const struct audit_entry *signed_by;
	const struct anchors_signer *signer;
	const struct audit_anchor *record; /* NULL: none */
	int64_t utc_s, hash_ends_s;
	int64_t earliest_s;           /* of all that count and are over no smaller tree; INT64_MAX: none */
	struct audit_verdict verdict; /* at its own time */
	bool trusted;                 /* by the verdict */
	bool unjudged;                /* no certificates to trust were given at all */
	bool holds;                   /* still, or renewed by one that does */
	bool counts;                  /* its time may be relied on */
};

struct anchors_run {
	struct audit *audit;
	const struct audit_settings *settings;
	const struct audit_records *records;
	bool (*root_of)(void *context, uint64_t size, uint8_t ret[AUDIT_HASH_BYTES]);
	void *context;
	struct audit_anchors_result *ret;
	int anchor_fd, trust_fd, quarantine_fd; /* -1: there is none */
	struct audit_pool pool;
	struct anchors_note *notes;   /* by size */
	struct anchors_stamp *stamps; /* by size, then number */
	struct anchors_signer **signers;
	size_t note_count, stamp_count, signer_count, trusted_count;
	struct bytes lists[ANCHORS_LISTS_MAX];
	size_t list_count;
	uint64_t beyond;                 /* largest checkpoint over records that are not there */
	uint64_t said[AUDIT_KIND_COUNT]; /* findings of each kind */
	size_t next;                     /* note that the next thread takes */
	bool failed;                     /* no memory */
	pthread_mutex_t lock;
};

/* True as long as a finding of this kind is to be listed. */
bool anchors_may_say(struct anchors_run *run, enum audit_kind kind);
/* Seconds since 1970 as UTC. */
void anchors_time_text(int64_t utc_s, char ret[ANCHORS_UNTIL_SIZE]);
/* Room for one more in an array that doubles. */
void *anchors_grow(void *array, size_t count, size_t size);

/* --- anchors_files.c --- */

enum anchors_read { ANCHORS_READ, ANCHORS_MISSING, ANCHORS_UNREADABLE };

/* A regular file as a whole; *ret->data is to be freed. One that is longer than `most` is unreadable. */
enum anchors_read anchors_file_read(int folder, const char *name, size_t most, struct bytes *ret);
void anchors_stamp_name(const struct anchors_stamp *stamp, char ret[ANCHORS_NAME_SIZE]);
/* Fills notes and stamps. False: the folder cannot be read. */
bool anchors_files_list(struct anchors_run *run);
/* What the auditor trusts, and certificates that the box collected. */
void anchors_files_trust(struct anchors_run *run);
/* A list that came with something else; a copy is kept. Thread-safe. */
void anchors_keep_list(struct anchors_run *run, struct bytes der);
/* All lists: those kept and those that the box collected, one after the other. */
void anchors_files_lists(struct anchors_run *run);

/* anchors_record.c: each record of type anchor against its file; then files without a record. Fills `record` of the stamps. */
void anchors_files_records(struct anchors_run *run);

/* --- anchors_note.c: one checkpoint with all its files. Thread-safe for different ones. --- */
void anchors_note_check(struct anchors_run *run, struct anchors_note *note);

/* --- anchors_judge.c --- */

/* Signers of all good notes and stamps, with their paths. False: no memory. */
bool anchors_judge_signers(struct anchors_run *run);
/* Stamps at their own time; then notes at the time of the first stamp that counts for them, which anchors_cover_renewals() found. */
void anchors_judge_stamps(struct anchors_run *run);
void anchors_judge_notes(struct anchors_run *run);

/* --- anchors_cover.c --- */

/* Which stamps still hold at settings.now_s. */
void anchors_cover_renewals(struct anchors_run *run);
/* Earliest time of a stamp that counts and covers a tree of this size; INT64_MAX: none. */
int64_t anchors_cover_time(const struct anchors_run *run, uint64_t size);
/* Records against the limit: late, unstamped, unsigned. Fills the figures. */
void anchors_cover_records(struct anchors_run *run);

#endif
