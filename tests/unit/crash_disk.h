/* crash_disk.h - what a disk may hold after a power cut at any moment of a recorded run (crash_trace.h).
 *
 * The model is harsher than the file systems that the box runs on. After a cut behind the first `cut` events:
 *  - a write that a sync of its file followed is there. Of any other write each sector (512 or 4096 bytes) is there or not, independently; what is missing below
 *    the length of the file reads as zeros or as what was there before. The length itself may have grown without any of the content;
 *  - what a failed sync of a file was about stays open for ever, whatever syncs follow (names are kept in the file system's own journal: a later sync holds);
 *  - a truncation is there or not, independently of writes after it;
 *  - a name that was made, moved or taken away is so when a sync of its folder (for a move: of the folder it went to) followed, else either way,
 *    independently of all others and of the content. A move happens whole or not at all;
 *  - modes are what they were.
 * Each of these open questions is a unit; a state of the disk is an answer to all of them.
 */
#ifndef TESTS_UNIT_CRASH_DISK_H
#define TESTS_UNIT_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crash_trace.h"

#define DISK_UNITS_MAX 4096
#define DISK_THINGS_MAX 2000 /* files and folders of one run */
#define DISK_CLASSES_MAX 64
#define DISK_CLASS_SIZE 96

enum disk_unit_kind {
	DISK_SECTOR, /* the part of a write that lies in one sector */
	DISK_LENGTH, /* the file has grown to the end of a write */
	DISK_CUT,    /* a truncation */
	DISK_NAME,   /* a change of names */
};

struct disk_unit {
	enum disk_unit_kind kind;
	size_t event;
	uint64_t from, to; /* DISK_SECTOR: bytes of the file */
};

struct disk;

/* `trace` is borrowed. */
struct disk *disk_new(const struct trace *trace);
void disk_free(struct disk *disk);

/* Kinds of files and folders that were synced, numbers and hashes as N: "journal/segment/N.open", "vault/N/". */
size_t disk_class_count(const struct disk *disk);
const char *disk_class_name(const struct disk *disk, size_t class);
/* The class of the file or folder that event `event`, a TRACE_SYNC, is about. */
size_t disk_class_of_sync(const struct disk *disk, size_t event);
/* The class of the file that a TRACE_WRITE goes to; "" when it was never named. */
const char *disk_name_of_write(const struct disk *disk, size_t event);

/* Opens the questions of a cut. `without`: syncs of this class count for nothing, as if the program did not call them; SIZE_MAX: all count. Returns how many units. */
size_t disk_cut(struct disk *disk, size_t cut, unsigned sector, size_t without);
const struct disk_unit *disk_units(const struct disk *disk);
/* Writes the state below `path`, an empty folder. there[u]: unit u reached the disk. */
void disk_build(struct disk *disk, const bool *there, const char *path);
/* One line on a unit, for who looks at a failure. */
void disk_describe(const struct disk *disk, size_t unit, char *ret, size_t size);

#endif
