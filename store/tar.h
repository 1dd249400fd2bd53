/* tar.h - the frame of a backup: headers of a plain POSIX tar (ustar, IEEE Std 1003.1, pax, "ustar Interchange Format"), so that any tar reads it.
 *
 * Only what a backup needs: regular files with names of at most 100 bytes and sizes of at most 8 GiB. Reading takes nothing but what writing makes.
 */
#ifndef STORE_TAR_H
#define STORE_TAR_H

#include <stdint.h>

#include "appliance/base/span.h"

#define TAR_BLOCK_BYTES 512
#define TAR_NAME_MAX_BYTES 100
#define TAR_NAME_SIZE (TAR_NAME_MAX_BYTES + 1)
#define TAR_FILE_MAX_BYTES UINT64_C(077777777777)
#define TAR_END_BLOCKS 2 /* zero blocks behind the last file */

struct tar_entry {
	char name[TAR_NAME_SIZE];
	uint64_t size, mtime; /* bytes; seconds since 1970 UTC */
	unsigned mode;
};

/* ERR_LIMIT when name, size or time do not fit. */
int tar_format(const struct tar_entry *entry, uint8_t ret[TAR_BLOCK_BYTES]);
/* ERR_FORMAT unless it is the header of a regular file that tar_format could have made (whoever owns it). ERR_NOTFOUND: a block of zeros, the end. */
int tar_parse(struct span block, struct tar_entry *ret);
/* Bytes that fill up the last block of a file. */
size_t tar_padding(uint64_t size);

#endif
