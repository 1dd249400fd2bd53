/* head.h - the committed head of the journal, journal/head.a and head.b, written alternately (FORMAT.txt section 4).
 *
 * One line of fixed length:
 *   podatelna-head 1 seq(12) size(12) root(64 hex) segment(12) offset(12) state(5) boot-id(36) crc32c(8 hex) LF
 * state is "clean" after an orderly stop, else "open " with a blank. The CRC covers everything before it. The valid file with the larger seq counts.
 */
#ifndef STORE_HEAD_H
#define STORE_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/span.h"
#include "fileops.h"
#include "tree.h"

#define HEAD_BYTES 186
#define HEAD_BOOT_BYTES 36

struct head {
	uint64_t sequence; /* one more with every write */
	uint64_t size;     /* committed records */
	uint8_t root[TREE_HASH_BYTES];
	uint64_t segment; /* name of the open segment */
	uint64_t offset;  /* its committed bytes */
	bool clean;
	char boot[HEAD_BOOT_BYTES + 1]; /* run of the kernel that wrote it; "" unknown */
};

void head_format(const struct head *head, char ret[HEAD_BYTES + 1]);
/* ERR_FORMAT unless it is exactly one such line with a right CRC. */
int head_parse(struct span text, struct head *ret);

/* Both files, as found. */
struct head_pair {
	int fds[2]; /* a, b; -1 not open */
	bool valid[2];
	struct head heads[2];
};

/* Opens (makes, when they are not there) head.a and head.b below `journal_dir` and reads them. */
int head_open(const struct fileops *ops, int journal_dir, struct head_pair *ret);
void head_close(const struct fileops *ops, struct head_pair *pair);
/* The newest valid one; NULL when there is none. */
const struct head *head_newest(const struct head_pair *pair);
/* Writes over the older (or invalid) of the two, makes it the newest and starts its write-out. It is in the kernel's hands then, not durable: see head_settle,
 * head_sync. */
int head_write(const struct fileops *ops, struct head_pair *pair, const struct head *head);
/* Waits until the device has the newest; the next flush of the device (fdatasync of a segment) makes it durable. */
int head_settle(const struct fileops *ops, const struct head_pair *pair);
/* Durable on 0. */
int head_sync(const struct fileops *ops, const struct head_pair *pair);

#endif
