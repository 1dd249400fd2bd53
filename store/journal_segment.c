#include "journal_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"

#define RESERVE_STEP_BYTES (UINT64_C(1024) * 1024)
#define SPARE_BYTES (UINT64_C(64) * 1024)

int journal_segment_add(struct journal *journal, const struct journal_segment *segment)
{
	struct journal_segment *moved = realloc(journal->segments, (journal->segment_count + 1) * sizeof *moved);

	if (moved == NULL) {
		return ERR_MEMORY;
	}
	journal->segments = moved;
	journal->segments[journal->segment_count++] = *segment;
	return 0;
}

static int append_segment(struct journal *journal, uint64_t first)
{
	struct journal_segment segment = { .first = first, .suffix = "open" };

	if (journal->segment_count > 0 && journal->segments[journal->segment_count - 1].first == first) {
		journal->segments[journal->segment_count - 1] = segment;
		return 0;
	}
	return journal_segment_add(journal, &segment);
}

/* A new file, never one that a failed write has touched. The file and its name are durable before the first record goes into it, so that a
 * power cut cannot take away the name of acknowledged records. O_APPEND: whatever goes wrong, nothing that was written is overwritten. */
int journal_segment_begin(struct journal *journal, uint64_t first)
{
	const struct fileops *ops = journal->ops;
	char name[JOURNAL_NAME_SIZE];
	int err = append_segment(journal, first), fd = -1;

	if (err != 0) {
		return err;
	}
	journal_segment_name(first, "open", name);
	fd = ops->openat(ops, journal->segment_fd, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, JOURNAL_OPEN_MODE);
	if (fd < 0) {
		return file_error();
	}
	if (ops->fsync(ops, fd) != 0) {
		err = file_error();
	} else {
		err = file_sync_directory(ops, journal->segment_fd);
	}
	if (err != 0) {
		file_close(ops, &fd);
		return err;
	}
	file_close(ops, &journal->open_fd);
	journal->open_fd = fd;
	journal->open_bytes = journal->reserved = 0;
	journal->open_month = 0;
	return 0;
}

int journal_segment_rename(struct journal *journal, size_t position, const char *suffix)
{
	struct journal_segment *segment = &journal->segments[position];
	char from[JOURNAL_NAME_SIZE], to[JOURNAL_NAME_SIZE];

	journal_segment_name(segment->first, segment->suffix, from);
	journal_segment_name(segment->first, suffix, to);
	if (journal->ops->renameat2(journal->ops, journal->segment_fd, from, journal->segment_fd, to, 0) != 0) {
		return file_error();
	}
	(void)snprintf(segment->suffix, sizeof segment->suffix, "%s", suffix);
	return file_sync_directory(journal->ops, journal->segment_fd);
}

/* Content and mode are durable before the name says that it is closed: whoever finds .s or .u may rely on all of it. */
int journal_segment_end(struct journal *journal, const char *suffix)
{
	const struct fileops *ops = journal->ops;
	size_t last = journal->segment_count - 1;
	int err = 0;

	/* Gives back what was reserved beyond the end, and cuts an unacknowledged tail off (recovery). */
	if (ops->ftruncate(ops, journal->open_fd, (off_t)journal->open_bytes) != 0 || ops->fchmod(ops, journal->open_fd, 0444) != 0 ||
	    ops->fsync(ops, journal->open_fd) != 0) {
		return file_error();
	}
	err = journal_segment_rename(journal, last, suffix);
	if (err == 0) {
		journal->segments[last].bytes = journal->open_bytes;
		journal->unindexed_bytes += journal->open_bytes;
		file_close(ops, &journal->open_fd);
	}
	return err;
}

static int check_free(struct journal *journal, size_t bytes)
{
	struct statvfs info;

	if (journal->ops->fstatvfs(journal->ops, journal->open_fd, &info) != 0) {
		return file_error();
	}
	return (uint64_t)info.f_bavail * info.f_frsize < bytes + SPARE_BYTES ? ERR_SPACE : 0;
}

/* The disk promises the room before a record is accepted, so that a full disk refuses work instead of breaking the journal. The size of the file
 * stays (KEEP_SIZE): no zeros behind the last record. */
int journal_segment_reserve(struct journal *journal, size_t bytes)
{
	const struct fileops *ops = journal->ops;
	uint64_t need = journal->open_bytes + journal->batch_length + bytes;

	if (!journal->can_reserve) {
		return check_free(journal, journal->batch_length + bytes);
	}
	if (need <= journal->reserved) {
		return 0;
	}
	if (ops->fallocate(ops, journal->open_fd, FALLOC_FL_KEEP_SIZE, (off_t)journal->open_bytes, (off_t)(need - journal->open_bytes + RESERVE_STEP_BYTES)) ==
	    0) {
		journal->reserved = need + RESERVE_STEP_BYTES;
		return 0;
	}
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM || errno == EINVAL) {
		journal->can_reserve = false;
		return check_free(journal, journal->batch_length + bytes);
	}
	return file_error();
}

bool journal_segment_is_full(const struct journal *journal)
{
	struct clock_date date;

	if (journal->open_bytes == 0) {
		return false;
	}
	clock_czech_date(journal->last_utc_ms, &date);
	return journal->open_bytes >= journal->options.segment_max_bytes || journal->open_month != date.year * 12 + date.month;
}

static int append_summary(struct journal *journal)
{
	struct lines lines = { 0 };
	char root[2 * TREE_HASH_BYTES + 1], body[1024];
	const uint64_t first = journal->segments[journal->segment_count - 1].first;
	struct journal_entry entry = { .type = "segment" };
	struct journal_append append = { .writer = TABLE_STORE, .case_number = "", .entries = &entry, .count = 1 };
	struct journal_receipt receipt;
	int length = 0, err = 0;

	hex_encode(journal->root, TREE_HASH_BYTES, root);
	lines_set_u64(&lines, "first", first);
	lines_set_u64(&lines, "last", journal->size);
	lines_set_u64(&lines, "count", journal->size - first + 1);
	lines_set(&lines, "root", root);
	length = lines_finish(&lines, body, sizeof body);
	lines_free(&lines);
	if (length < 0) {
		return length;
	}
	entry.body = span_of(body, (size_t)length);
	err = journal_stage(journal, &append, &receipt, NULL);
	return err != 0 ? err : journal_commit_batch(journal);
}

/* Each step is one that recovery finishes when it finds it half done: a segment whose last record is its summary gets the name .s; where there is no open
 * segment, the next one is begun. */
int journal_segment_rotate(struct journal *journal)
{
	int err = append_summary(journal);

	if (err == 0) {
		err = journal_segment_end(journal, "s");
	}
	if (err == 0) {
		err = journal_segment_begin(journal, journal->size);
	}
	if (err == 0) {
		journal->segment_ended = true;
		journal_snapshot_renew(journal);
	}
	return err;
}
