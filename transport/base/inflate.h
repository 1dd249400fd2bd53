/* inflate.h - opens one gzip member (RFC 1952) within a limit: what a few bytes claim to be is never believed (bombs). */
#ifndef TRANSPORT_BASE_INFLATE_H
#define TRANSPORT_BASE_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

/* Does it begin like one? */
bool inflate_is_gzip(struct span data);
/* *ret is for free(), also after a failure. 0; ERR_LIMIT: more than `limit` bytes come out; ERR_FORMAT: damaged, cut off, or something follows it; ERR_MEMORY. */
int inflate_gzip(struct span data, uint64_t limit, uint8_t **ret, size_t *ret_length);

#endif
