/* crash_trace.h - a file of everything that a store did to the disk, in order, and what its caller was told in between.
 *
 * Written by the table of file operations in store_record_ops.c (each event after the operation succeeded, one write to a file opened with O_APPEND, so
 * that the order in the file is the order of things, also with several processes), and by the test itself (marks). Read back by crash_disk.c. An inode is
 * named by its number while the run lasts; a number that is used again begins with CREATE or MKDIR.
 */
#ifndef TESTS_UNIT_CRASH_TRACE_H
#define TESTS_UNIT_CRASH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_VARIABLE "STORE_FAULT_FILE" /* the variable that store_fault_life.c sets for its store */
#define TRACE_NAME_SIZE 160
#define TRACE_DATA_MAX ((size_t)4 * 1024 * 1024)
#define TRACE_EVENTS_MAX 20000

enum trace_kind {
	TRACE_CREATE = 1, /* dir, name, inode */
	TRACE_MKDIR,      /* dir, name, inode */
	TRACE_WRITE,      /* inode, offset, data */
	TRACE_TRUNCATE,   /* inode, offset: the new length */
	TRACE_SYNC,       /* inode: a file's content is durable, or, of a directory, its names */
	TRACE_SYNC_FAILED, /* inode: a sync said no; the kernel may have dropped what was not yet written, and a later sync that succeeds says nothing about it */
	TRACE_RENAME,      /* dir, name, dir_to, name_to, inode: what was moved */
	TRACE_LINK,        /* the same */
	TRACE_UNLINK,      /* dir, name */
	TRACE_CHMOD,       /* inode, offset: the mode */
	TRACE_ROOT,        /* by the test: inode of a directory that is there from the beginning, name: what it is called in a copy */
	TRACE_MARK,        /* by the test: offset: so many records were acknowledged by now */
};

/* As it stands in the file; `name`, `name_to` and `data` follow. */
struct trace_head {
	uint32_t kind;
	uint32_t name_length, name_to_length, data_length;
	uint64_t inode, dir, dir_to, offset;
};

struct trace_event {
	struct trace_head head;
	char name[TRACE_NAME_SIZE], name_to[TRACE_NAME_SIZE];
	const uint8_t *data; /* into the trace */
};

struct trace {
	uint8_t *bytes;
	struct trace_event *events;
	size_t count;
};

/* Appends to an open trace. 0, or -1 when it could not. */
int trace_add(int fd, const struct trace_head *head, const char *name, const char *name_to, const void *data);
/* Puts a folder that is there already into a trace, with all that is below it, as if it had been made and synced just now. `name`: what it is called in a copy. */
void trace_add_folder(int fd, const char *path, const char *name);
/* store_record_ops.c: where the table writes to, in a process that is not started with TRACE_VARIABLE. Without either the first change ends the process. */
void store_record_to(int fd);
int store_record_fd(void);
/* Of a recorded podatelna-store: which run of the kernel it takes this for. Not set: the real one. */
#define TRACE_BOOT_VARIABLE "STORE_RECORD_BOOT"
/* The n-th sync from now on fails with EIO (0: none). True when it came to that since the last call. */
bool store_record_fail_sync(unsigned n);
/* Before the n-th operation from now on that would be recorded the process ends (TRACE_DIED), as if killed. 0: it does not. */
#define TRACE_DIED 77
void store_record_die(unsigned n);
/* Reads all of it; the process ends when it is not whole. */
void trace_read(const char *path, struct trace *ret);
void trace_free(struct trace *trace);

#endif
