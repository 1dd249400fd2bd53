/* zip.h - ZIP archives with exactly one file: written with zlib alone, read through libzip. */
#ifndef TRANSPORT_BASE_ZIP_H
#define TRANSPORT_BASE_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

/* One deflated entry `name` with everything that can be read from `from`, at most `limit` bytes (below 4 GiB), to `to`. The same content gives the same bytes:
 * the time stamp is fixed. Sizes stand in the local header, so that every reader is content. Memory: the compressed size. 0 or a negative error. */
int zip_write_single(int from, int to, const char *name, uint64_t limit, uint64_t *ret_size);

/* The only file of the archive `bytes`, handed over in pieces. ERR_FORMAT when it is no archive or holds not exactly one file, ERR_LIMIT beyond `limit` bytes. */
int zip_read_single(struct span bytes, uint64_t limit, int (*on_bytes)(void *context, struct span bytes), void *context);

#endif
