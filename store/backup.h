/* backup.h - a whole box in one file (FORMAT.txt section 10): a plain tar of the journal as it was at one size, of the content that its records name, and where
 * asked for of the keys that open it.
 *
 *   backup/manifest         first: lines podatelna-backup: 1, created, head (leaf hash of the last record), keys (yes, no), origin, records, root, version
 *   journal/... vault/... quarantine/... keys/... seen seen.key       as in a data directory; the last segment and the heads as they were at that size
 *   backup/000001.sha256    after at most BACKUP_LIST_FILES files: "<SHA-256>  <name>" of each since the list before, in their order (for `sha256sum -c`)
 *   backup/end              last: lines archived-parts (named, but moved to the archive), bytes, files, lists, sha256 (of all lists, one after the other)
 *
 * Not in it: journal/instance (a restored journal is another copy: it counts as rolled back), the mark, and what is derived from the rest (names/ with its
 * keys, index/). The keys of erased cases are never in it.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fileops.h"
#include "journal.h"
#include "tar.h"

#define BACKUP_FORMAT 1
#define BACKUP_LIST_FILES 1024
#define BACKUP_LINES_MAX_BYTES 4096 /* of manifest and end */
#define BACKUP_LIST_MAX_BYTES ((size_t)BACKUP_LIST_FILES * (TAR_NAME_MAX_BYTES + 67))
#define BACKUP_FILES_MAX UINT64_C(1000000000)

enum backup_kind { BACKUP_MANIFEST, BACKUP_LIST, BACKUP_END, BACKUP_FILE };

/* What a name in a backup is. Nothing else may stand there. */
struct backup_name {
	enum backup_kind kind;
	const char *folder; /* of a file: below the data directory, "" for itself */
	char file[TAR_NAME_SIZE];
	char sub[3];    /* of a part: its folder below "vault" */
	unsigned mode;  /* when put back */
	uint64_t limit; /* bytes */
	bool key;       /* belongs to keys/, seen or seen.key: only where the manifest says keys: yes */
};

/* False: a name that no backup has. */
bool backup_name_parse(const char *name, struct backup_name *ret);

/* --- writing (backup_write.c) --- */
struct backup_options {
	const struct fileops *ops;
	int data_fd; /* the data directory; borrowed */
	int out;     /* written through ops->write; borrowed, not synced */
	bool with_keys;
	uint64_t records; /* the size of the journal to be backed up, at least 1 */
	char origin[JOURNAL_ORIGIN_SIZE];
	int64_t now_ms; /* UTC */
	/* Files done of about so many; anything but 0 ends the backup with it. May be NULL. */
	int (*progress)(void *context, uint64_t done, uint64_t count);
	void *context;
};

struct backup_result {
	uint64_t bytes, files, parts, archived; /* of the backup; `archived`: parts that records name and that are in the archive */
	uint64_t records;
	uint8_t root[JOURNAL_HASH_BYTES];
	char why[JOURNAL_TEXT_SIZE]; /* English, after ERR_DAMAGE */
};

/* 0; ERR_AGAIN: content was erased or archived meanwhile (begin anew, with the present size of the journal); ERR_DAMAGE: journal or vault are not whole; ERR_SPACE, ERR_GONE, ERR_SYSTEM (of `out` too), ERR_MEMORY. The box may work meanwhile. */
int backup_write(const struct backup_options *options, struct backup_result *ret);

/* --- reading (backup_read.c): foreign bytes --- */
struct backup_manifest {
	char origin[JOURNAL_ORIGIN_SIZE];
	uint64_t records;
	uint8_t root[JOURNAL_HASH_BYTES], head[JOURNAL_HASH_BYTES];
	bool keys;
	char created[32];
};

struct backup_reader {
	/* Bytes of the backup; fewer than `size` only at its end; or a negative error. */
	ssize_t (*read)(void *context, void *buffer, size_t size);
	/* A file, its content in pieces, its end. Anything but 0 ends the reading with it. */
	int (*begin)(void *context, const struct backup_name *name, uint64_t size);
	int (*data)(void *context, struct span bytes);
	int (*end)(void *context);
	void *context;
};

struct backup_found {
	struct backup_manifest manifest;
	uint64_t files, bytes, archived;
	const char *why;          /* English, static: what is wrong, after ERR_FORMAT */
	char name[TAR_NAME_SIZE]; /* where */
};

/* Reads the whole backup and compares every file with the lists. 0: whole, nothing left over. ERR_FORMAT: it is not a whole backup; what the callbacks returned. */
int backup_read(const struct backup_reader *reader, struct backup_found *ret);

#endif
