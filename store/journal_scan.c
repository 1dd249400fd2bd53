#include "journal_scan.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "crc32c.h"
#include "tree.h"

#define BUFFER_BYTES ((size_t)4 * 65536)
#define BATCH_COLUMN 59 /* record.h: RS J1 SP index SP utc SP type SP */

const char *journal_scan_check(const struct record *record, uint64_t expect, uint64_t batch_before)
{
	uint8_t hash[TREE_HASH_BYTES];

	if (record->index != expect) {
		return "another index than expected";
	}
	if (crc32c(record->body) != record->crc) {
		return "the CRC of the body is wrong";
	}
	if (tree_leaf_hash(record->leaf, hash) != 0 || memcmp(hash, record->hash, sizeof hash) != 0) {
		return "the leaf hash is wrong";
	}
	if (record->batch != record->index && record->batch != batch_before) {
		return "the batch column is wrong";
	}
	return NULL;
}

int journal_scan_open(struct journal_scan *scan, const struct fileops *ops, int fd, uint64_t expect)
{
	struct stat info;

	if (ops->fstat(ops, fd, &info) != 0) {
		return file_error();
	}
	if (scan->buffer == NULL) {
		scan->buffer = malloc(BUFFER_BYTES);
	}
	if (scan->buffer == NULL) {
		return ERR_MEMORY;
	}
	scan->ops = ops;
	scan->fd = fd;
	scan->offset = scan->at = 0;
	scan->have = 0;
	scan->end = (uint64_t)info.st_size;
	scan->expect = expect;
	scan->batch = UINT64_MAX;
	scan->why = NULL;
	return 0;
}

void journal_scan_close(struct journal_scan *scan)
{
	free(scan->buffer);
	scan->buffer = NULL;
}

/* The bytes from `offset` on, at least `least` of them unless the file ends before. */
static int view(struct journal_scan *scan, uint64_t offset, size_t least, struct span *ret)
{
	uint64_t skip = offset - scan->at;
	struct span all, skipped;

	if (skip + least > scan->have && scan->at + scan->have < scan->end) {
		uint64_t left = scan->end - offset;
		ssize_t done = file_pread(scan->ops, scan->fd, scan->buffer, left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES, offset);

		if (done < 0) {
			return (int)done;
		}
		scan->at = offset;
		scan->have = (size_t)done;
		skip = 0;
	}
	all = span_of(scan->buffer, scan->have);
	if (!span_read_bytes(&all, (size_t)skip, &skipped)) {
		return ERR_SYSTEM; /* the file became shorter under us */
	}
	*ret = all;
	return 0;
}

int journal_scan_next(struct journal_scan *scan, struct record *ret, uint64_t *ret_offset)
{
	struct record record;
	struct span bytes;
	int err = 0;

	if (scan->offset == scan->end) {
		return ERR_NOTFOUND;
	}
	err = view(scan, scan->offset, RECORD_MAX_BYTES, &bytes);
	if (err != 0) {
		return err;
	}
	err = record_read(&bytes, &record);
	scan->why = err == ERR_AGAIN ? "the record is cut short"
	            : err != 0       ? "the bytes are not a record"
	                             : journal_scan_check(&record, scan->expect, scan->batch);
	if (scan->why != NULL) {
		return ERR_DAMAGE;
	}
	*ret = record;
	*ret_offset = scan->offset;
	scan->offset += record.leaf.length + RECORD_TRAILER_BYTES;
	scan->expect++;
	scan->batch = record.batch;
	return 0;
}

/* Whether these bytes begin with the header line of a record of a later batch than that of `expect`. */
static bool is_later_header(struct span bytes, uint64_t expect)
{
	struct record record;
	struct span header, whole, skipped, column;
	uint64_t batch = 0;

	if (!span_read_bytes(&bytes, RECORD_HEADER_BYTES, &header)) {
		return false;
	}
	/* A header alone is the proper beginning of a record: ERR_AGAIN, and everything else is ERR_FORMAT. */
	whole = header;
	if (record_read(&whole, &record) != ERR_AGAIN) {
		return false;
	}
	return span_read_bytes(&header, BATCH_COLUMN, &skipped) && span_read_bytes(&header, 12, &column) && span_parse_u64(column, &batch) && batch > expect;
}

int journal_scan_later(struct journal_scan *scan)
{
	uint64_t offset = scan->offset + 1;

	while (offset < scan->end) {
		struct span bytes, before;
		const uint8_t *found = NULL;
		int err = view(scan, offset, RECORD_HEADER_BYTES, &bytes);

		if (err != 0) {
			return err;
		}
		if (bytes.length < RECORD_HEADER_BYTES) {
			return 0;
		}
		found = memchr(bytes.data, RECORD_SEPARATOR, bytes.length);
		if (found == NULL) {
			offset += bytes.length;
			continue;
		}
		offset += (uint64_t)(found - bytes.data);
		if (!span_read_bytes(&bytes, (size_t)(found - bytes.data), &before)) {
			return ERR_INTERNAL;
		}
		if (bytes.length < RECORD_HEADER_BYTES) {
			err = view(scan, offset, RECORD_HEADER_BYTES, &bytes);
			if (err != 0) {
				return err;
			}
		}
		if (is_later_header(bytes, scan->expect)) {
			return 1;
		}
		offset++;
	}
	return 0;
}
