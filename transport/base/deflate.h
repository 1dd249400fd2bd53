/* deflate.h - compresses a stream into memory with zlib: raw for a ZIP entry, or as a gzip member (RFC 1952). */
#ifndef TRANSPORT_BASE_DEFLATE_H
#define TRANSPORT_BASE_DEFLATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum deflate_form { DEFLATE_RAW, DEFLATE_GZIP };

/* Zero-initialise. The compressed bytes and what is known of the original ones. */
struct deflated {
	uint8_t *data;
	size_t length, size;
	uint64_t original;
	uint32_t crc; /* of the original */
};

/* Everything that can be read from `from`, at most `limit` bytes (and below 2 GiB). The same content gives the same bytes: a gzip header has no time and no name.
 * 0, ERR_LIMIT, ERR_MEMORY or an error of reading. */
int deflate_fd(int from, enum deflate_form form, uint64_t limit, struct deflated *ret);

static inline void cleanup_deflated(struct deflated *deflated)
{
	free(deflated->data);
}
#define _cleanup_deflated_ __attribute__((cleanup(cleanup_deflated)))

#endif
