/* journal_scan.h - reads the records of one segment file in order and checks each by itself: framing, CRC32C, leaf hash, index, batch rule.
 * The journal at its start and the verifier use the same reader. */
#ifndef STORE_JOURNAL_SCAN_H
#define STORE_JOURNAL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/record.h"
#include "fileops.h"

struct journal_scan {
	const struct fileops *ops;
	int fd;          /* borrowed */
	uint64_t offset; /* in the file, of the next record */
	uint64_t end;    /* length of the file when the scan began */
	uint64_t expect; /* index of the next record */
	uint64_t batch;  /* batch of the record before; UINT64_MAX at the start of a segment */
	const char *why; /* after ERR_DAMAGE: static English words */
	uint8_t *buffer;
	uint64_t at; /* file offset of buffer[0] */
	size_t have;
};

/* Checks one record that was read already (framing is record_read's): CRC, leaf hash, index, batch. NULL when it is right, else static words. */
const char *journal_scan_check(const struct record *record, uint64_t expect, uint64_t batch_before);

/* Zero-initialise `scan` before; journal_scan_close is fine at any time. ERR_SYSTEM, ERR_MEMORY. */
int journal_scan_open(struct journal_scan *scan, const struct fileops *ops, int fd, uint64_t expect);
/* The next record (borrowed until the next call) and its offset. ERR_NOTFOUND: the file ends here, nothing left over.
 * ERR_DAMAGE: what stands at `offset` is not record `expect`; the scan stays there. ERR_SYSTEM. */
int journal_scan_next(struct journal_scan *scan, struct record *ret, uint64_t *ret_offset);
/* After ERR_DAMAGE: 1 when behind the broken place stands the header of a record of a later batch, 0 when not, or a negative error.
 * A later batch is only begun after the earlier one is durable, so the broken place was acknowledged then: damage, not an unfinished tail. */
int journal_scan_later(struct journal_scan *scan);
void journal_scan_close(struct journal_scan *scan);

#endif
