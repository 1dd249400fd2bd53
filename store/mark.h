/* mark.h - the high-water mark: how far the journal had come when something was last sent (design 3, FORMAT.txt section 5). It lies outside the
 * data directory and its backups, so that a journal put back from a backup, or copied to another machine, is recognised.
 *
 * One line: podatelna-mark 1 origin(34) instance(32 hex) size(12) hash(64 hex) crc32c(8 hex) LF
 * `size` records existed, `hash` is the leaf hash of the last of them (zero for none). `instance` is also in journal/instance; a new one is drawn
 * when a person accepts a roll-back, so that of two copies only one goes on.
 */
#ifndef STORE_MARK_H
#define STORE_MARK_H

#include <stdint.h>

#include "appliance/base/span.h"
#include "fileops.h"
#include "tree.h"

#define MARK_ORIGIN_BYTES 34
#define MARK_INSTANCE_BYTES 32
#define MARK_BYTES 172
#define MARK_PATH_MAX_BYTES 4096

struct mark {
	char origin[MARK_ORIGIN_BYTES + 1];
	char instance[MARK_INSTANCE_BYTES + 1];
	uint64_t size;
	uint8_t hash[TREE_HASH_BYTES];
};

void mark_format(const struct mark *mark, char ret[MARK_BYTES + 1]);
/* ERR_FORMAT unless it is exactly one such line with a right CRC. */
int mark_parse(struct span text, struct mark *ret);
/* ERR_NOTFOUND, ERR_FORMAT, ... */
int mark_read(const struct fileops *ops, int dir, const char *name, struct mark *ret);
/* Durable on 0. */
int mark_write(const struct fileops *ops, int dir, const char *name, const struct mark *mark);

#endif
