/* The readers of what lies in the data directory and could have been altered there: records (framing, resynchronisation), head, mark, object
 * references, names of files, the record table. The first byte chooses the reader. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "store/head.h"
#include "store/journal_anchor.h"
#include "store/journal_private.h"
#include "store/journal_scan.h"
#include "store/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth) {
		abort();
	}
}

/* Whatever is read is read again the same from what it points to. */
static void try_records(struct span bytes)
{
	struct record record, again;
	struct table_case state = { 0 };
	char why[TABLE_WHY_SIZE];

	while (!span_is_empty(bytes) && record_read(&bytes, &record) == 0) {
		require(record.leaf.length <= RECORD_LEAF_MAX_BYTES && record.batch <= record.index);
		require(record_read_leaf(record.leaf, &again) == 0 && again.index == record.index);
		(void)journal_scan_check(&record, record.index, record.batch);
		(void)table_check_stored(record.type, record.body, record.index, &state, why);
	}
}

static void try_scan(struct span bytes)
{
	struct journal_scan scan = { 0 };
	struct record record;
	uint64_t offset = 0;
	int fd = memfd_create("fuzz", MFD_CLOEXEC), err = 0;

	require(fd >= 0 && write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
	require(journal_scan_open(&scan, &fileops_posix, fd, 0) == 0);
	while ((err = journal_scan_next(&scan, &record, &offset)) == 0) {
		require(offset + record.leaf.length + RECORD_TRAILER_BYTES == scan.offset && scan.offset <= scan.end);
	}
	require(err == ERR_NOTFOUND ? scan.offset == scan.end : err == ERR_DAMAGE);
	if (err == ERR_DAMAGE) {
		require(journal_scan_later(&scan) >= 0);
	}
	journal_scan_close(&scan);
	close(fd);
}

static void try_lines(struct span bytes)
{
	struct head head;
	struct mark mark;
	char line[HEAD_BYTES + 1];

	if (head_parse(bytes, &head) == 0) {
		head_format(&head, line);
		require(span_equals(bytes, span_of(line, HEAD_BYTES)));
	}
	(void)mark_parse(bytes, &mark);
}

static void try_names(struct span bytes)
{
	struct journal_segment segment;
	struct journal_ref ref;
	char text[JOURNAL_REF_MAX_BYTES];
	struct journal_anchor_name anchor;

	if (journal_ref_parse(bytes, &ref) == 0) {
		require(journal_ref_format(&ref, text, sizeof text) == (int)bytes.length && memcmp(text, bytes.data, bytes.length) == 0);
	}
	(void)table_case_valid(bytes);
	if (span_copy_string(bytes, text, 256)) {
		(void)journal_segment_parse(text, &segment);
		(void)journal_anchor_parse_name(text, &anchor);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	uint8_t choice = 0;

	if (!span_read_u8(&bytes, &choice)) {
		return 0;
	}
	switch (choice) {
	case 'r':
		try_records(bytes);
		break;
	case 's':
		try_scan(bytes);
		break;
	case 'h':
		try_lines(bytes);
		break;
	case 'n':
		try_names(bytes);
		break;
	default:
		break;
	}
	return 0;
}
