#include "journal_private.h"
#include "journal_note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"
#include "appliance/base/lines.h"
#include "journal_scan.h"
#include "journal_snapshot.h"

#define PROGRESS_BYTES (UINT64_C(1024) * 1024)
#define TAIL_MAX_BYTES (JOURNAL_BATCH_MAX_BYTES + RECORD_MAX_BYTES)

/* The scan of all segments in progress. */
struct pass {
	struct journal_scan scan;
	uint64_t limit;                   /* records from this index on were never acknowledged: UINT64_MAX unknown */
	uint64_t tail_offset, tail_bytes; /* what is to be cut off the last segment */
	uint64_t known_good;              /* the tree was compared at this size */
	uint64_t done_bytes, all_bytes, told_bytes;
	struct index_writer index; /* of the closed segments, taken where the open one begins; empty: not worth it */
};

static void close_pass(struct pass *pass)
{
	journal_scan_close(&pass->scan);
	index_writer_free(&pass->index);
}

/* Both heads are there and the newest was written in this run of the kernel, or by an orderly stop: then it is exact, not one batch behind, and what lies
 * behind it was never acknowledged. It may even be missing on the disk while the page cache still shows it (a failed sync): it must go. */
static uint64_t find_limit(const struct journal *journal)
{
	const struct head *head = head_newest(&journal->heads);
	const struct journal_segment *last = journal->segment_count > 0 ? &journal->segments[journal->segment_count - 1] : NULL;

	if (head == NULL || last == NULL || !journal->heads.valid[0] || !journal->heads.valid[1] || strcmp(last->suffix, "open") != 0) {
		return UINT64_MAX;
	}
	if (!head->clean && (head->boot[0] == '\0' || strcmp(head->boot, journal->boot) != 0)) {
		return UINT64_MAX;
	}
	return head->size >= last->first ? head->size : UINT64_MAX;
}

static int note_matches(struct journal *journal, const uint8_t root[TREE_HASH_BYTES], bool *ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	char name[JOURNAL_NAME_SIZE], expected[JOURNAL_NOTE_SIZE];
	size_t length = 0;
	int err = 0;

	journal_note_name(journal->note_size, name);
	err = file_read_small(journal->ops, journal->anchor_fd, name, 65536, &data, &length);
	if (err != 0) {
		return err;
	}
	journal_note_format(journal->origin, journal->note_size, root, expected);
	*ret = span_starts_with(span_of(data, length), expected);
	return 0;
}

/* Compares the tree with the heads and the last checkpoint when it has their size. */
static int compare_tree(struct journal *journal, struct pass *pass)
{
	const uint64_t size = journal->tree.size;
	uint8_t root[TREE_HASH_BYTES];
	bool same = true;
	int err = 0;

	if (size != journal->note_size && !(journal->heads.valid[0] && journal->heads.heads[0].size == size) &&
	    !(journal->heads.valid[1] && journal->heads.heads[1].size == size)) {
		return 0;
	}
	err = tree_root(&journal->tree, root);
	for (int i = 0; i < 2 && err == 0; i++) {
		if (journal->heads.valid[i] && journal->heads.heads[i].size == size && memcmp(journal->heads.heads[i].root, root, sizeof root) != 0) {
			journal_damage(journal, pass->known_good, "a record from here on is not the one that the head covers");
		}
	}
	if (err == 0 && size == journal->note_size) {
		err = note_matches(journal, root, &same);
		memcpy(journal->note_root, root, sizeof root);
		journal->note_known = true;
	}
	if (!same) {
		journal_damage(journal, pass->known_good, "a record from here on is not the one that the last checkpoint covers");
	}
	pass->known_good = size;
	return err;
}

static int remember_name(struct journal *journal, const struct record *record)
{
	char(*moved)[JOURNAL_NAME_SIZE] = NULL;
	char name[JOURNAL_NAME_SIZE];

	if (strcmp(record->type, "recovered") != 0 || !record_field_string(record, "file", name, sizeof name)) {
		return 0;
	}
	moved = realloc(journal->named, (journal->named_count + 1) * sizeof *moved);
	if (moved == NULL) {
		return ERR_MEMORY;
	}
	journal->named = moved;
	memcpy(journal->named[journal->named_count++], name, sizeof name);
	return 0;
}

/* The case of a record, made when it is new. ERR_DAMAGE when `prev` is not its head. */
static int find_case(struct journal *journal, const struct record *record, struct journal_case_entry **ret)
{
	struct journal_case_entry *entry = NULL;
	char number[TABLE_CASE_SIZE];
	uint8_t prev[TREE_HASH_BYTES];
	struct span value;
	int err = journal_cases_reserve(&journal->cases);

	if (err != 0) {
		return err;
	}
	if (!record_field_string(record, "case", number, sizeof number)) {
		*ret = NULL;
		return 0;
	}
	entry = journal_cases_find(&journal->cases, number);
	if (record_field(record, "prev", &value)) {
		if (entry == NULL || !span_parse_hex(value, prev, sizeof prev) || memcmp(prev, entry->head, sizeof prev) != 0) {
			return ERR_DAMAGE;
		}
	} else if (entry != NULL) {
		return ERR_DAMAGE;
	}
	if (entry == NULL) {
		entry = journal_cases_add(&journal->cases, number);
		journal_index_number(journal, number);
	}
	table_apply(record->type, record->body, record->index, &entry->state);
	*ret = entry;
	return 0;
}

static int take_record(struct journal *journal, struct pass *pass, const struct record *record, uint64_t offset)
{
	struct journal_case_entry *entry = NULL;
	int err = journal_index_reserve(journal, 1);

	if (err == 0) {
		err = remember_name(journal, record);
	}
	if (err == 0) {
		err = find_case(journal, record, &entry);
	}
	if (err == ERR_DAMAGE) {
		journal_damage(journal, record->index, "prev is not the record before in its case");
		return 0;
	}
	if (err == 0) {
		err = tree_append(&journal->tree, record->hash);
	}
	if (err != 0) {
		return err;
	}
	journal_index_add(journal, entry, record->index, offset, record->hash);
	journal->size = journal->tree.size;
	memcpy(journal->last_hash, record->hash, TREE_HASH_BYTES);
	journal->last_utc_ms = record->utc_ms;
	journal_index_note(journal, record);
	if (journal->options.on_record != NULL) {
		journal->options.on_record(journal->options.context, record, true);
	}
	return compare_tree(journal, pass);
}

static void tell(struct journal *journal, struct pass *pass, bool last)
{
	uint64_t done = pass->done_bytes + pass->scan.offset;

	if (journal->options.on_progress != NULL && (last || done - pass->told_bytes >= PROGRESS_BYTES)) {
		journal->options.on_progress(journal->options.context, done, pass->all_bytes);
		pass->told_bytes = done;
	}
}

/* What stands at the end of the readable part of segment `position` is no record. Design 4: an unacknowledged tail when only records of its own batch follow;
 * damage when the segment is closed, when a head counts it, or when a later batch follows. */
static int judge_break(struct journal *journal, struct pass *pass, size_t position)
{
	const struct head *head = head_newest(&journal->heads);
	int later = 0;

	if (position + 1 < journal->segment_count || strcmp(journal->segments[position].suffix, "open") != 0 || (head != NULL && journal->size < head->size) ||
	    journal->size < journal->note_size || pass->scan.end - pass->scan.offset > TAIL_MAX_BYTES) {
		journal_damage(journal, journal->size, pass->scan.why);
		return 0;
	}
	later = journal_scan_later(&pass->scan);
	if (later < 0) {
		return later;
	}
	if (later > 0) {
		journal_damage(journal, journal->size, pass->scan.why);
		return 0;
	}
	pass->tail_offset = pass->scan.offset;
	pass->tail_bytes = pass->scan.end - pass->scan.offset;
	return 0;
}

static int scan_records(struct journal *journal, struct pass *pass, size_t position)
{
	for (;;) {
		struct record record;
		uint64_t offset = 0;
		int err = 0;

		if (journal->state == JOURNAL_DAMAGED) {
			return 0;
		}
		if (journal->size == pass->limit && position + 1 == journal->segment_count) {
			pass->tail_offset = pass->scan.offset;
			pass->tail_bytes = pass->scan.end - pass->scan.offset;
			if (pass->tail_bytes > TAIL_MAX_BYTES) {
				journal_damage(journal, journal->size, "more bytes behind the head than a batch can have");
			}
			return 0;
		}
		err = journal_scan_next(&pass->scan, &record, &offset);
		if (err == ERR_NOTFOUND) {
			return 0;
		}
		if (err == ERR_DAMAGE) {
			return judge_break(journal, pass, position);
		}
		if (err == 0) {
			err = take_record(journal, pass, &record, offset);
		}
		if (err != 0) {
			return err;
		}
		journal->segments[position].summarised = strcmp(record.type, "segment") == 0;
		tell(journal, pass, false);
	}
}

/* The index is of closed segments only; it is written when all is read and found right. */
static void take_index(struct journal *journal, struct pass *pass, size_t position)
{
	if (strcmp(journal->segments[position].suffix, "open") != 0) {
		journal->unindexed_bytes += journal->segments[position].bytes;
	} else if (position + 1 == journal->segment_count && journal_snapshot_is_due(journal)) {
		journal_snapshot_take(journal, position, &pass->index);
	}
}

static int scan_segment(struct journal *journal, struct pass *pass, size_t position)
{
	const struct journal_segment *segment = &journal->segments[position];
	char name[JOURNAL_NAME_SIZE];
	int fd = -1, err = 0;

	if (segment->first != journal->size) {
		journal_damage(journal, journal->size, "a segment is missing or stands at the wrong place");
		return 0;
	}
	take_index(journal, pass, position);
	journal_segment_name(segment->first, segment->suffix, name);
	fd = file_open_read(journal->ops, journal->segment_fd, name);
	if (fd < 0) {
		return fd;
	}
	journal->open_month = 0;
	err = journal_scan_open(&pass->scan, journal->ops, fd, journal->size);
	if (err == 0) {
		err = scan_records(journal, pass, position);
	}
	pass->done_bytes += pass->scan.offset;
	journal->segments[position].bytes = pass->scan.offset;
	pass->scan.offset = 0;
	file_close(journal->ops, &fd);
	return err;
}

static int scan_all(struct journal *journal, struct pass *pass)
{
	const struct head *head = head_newest(&journal->heads);
	const size_t known = journal_snapshot_load(journal);
	int err = 0;

	pass->limit = find_limit(journal);
	pass->known_good = journal->size;
	for (size_t i = 0; i < journal->segment_count; i++) {
		pass->all_bytes += journal->segments[i].bytes;
		pass->done_bytes += i < known ? journal->segments[i].bytes : 0;
	}
	for (size_t i = known; i < journal->segment_count && err == 0 && journal->state != JOURNAL_DAMAGED; i++) {
		err = scan_segment(journal, pass, i);
	}
	if (err != 0) {
		return err;
	}
	tell(journal, pass, true);
	if ((head != NULL && journal->size < head->size) || journal->size < journal->note_size) {
		journal_damage(journal, journal->size, "records that the head or a checkpoint counts are missing");
	}
	return tree_root(&journal->tree, journal->root);
}

int journal_recover_closed(struct journal *journal)
{
	_cleanup_(close_pass) struct pass pass = { .limit = UINT64_MAX };
	int err = 0;

	for (size_t i = 0; i < journal->segment_count; i++) {
		pass.all_bytes += journal->segments[i].bytes;
	}
	for (size_t i = 0; i < journal->segment_count && err == 0; i++) {
		err = scan_segment(journal, &pass, i);
		err = err == 0 && journal->state == JOURNAL_DAMAGED ? ERR_DAMAGE : err;
	}
	return err;
}

/* Copies the tail to quarantine/ before it is cut; the name says what it is, so that doing it twice after another crash gives the same file. */
static int quarantine_tail(struct journal *journal, const struct pass *pass)
{
	_cleanup_free_ uint8_t *data = malloc(pass->tail_bytes);
	uint8_t hash[TREE_HASH_BYTES];
	char hex[2 * TREE_HASH_BYTES + 1], name[JOURNAL_NAME_SIZE];
	ssize_t have = 0;
	int err = 0;

	if (data == NULL) {
		return ERR_MEMORY;
	}
	have = file_pread(journal->ops, journal->open_fd, data, (size_t)pass->tail_bytes, pass->tail_offset);
	if (have < 0) {
		return (int)have;
	}
	err = tree_plain_hash(span_of(data, (size_t)have), hash);
	if (err != 0) {
		return err;
	}
	hex_encode(hash, TREE_HASH_BYTES, hex);
	(void)snprintf(name, sizeof name, "%012llu-%.16s.tail", (unsigned long long)journal->size, hex);
	journal->recovered_bytes = (uint64_t)have;
	log_warning("journal: %zd bytes of an unacknowledged batch behind record %llu put into quarantine", have, (unsigned long long)journal->size);
	return file_replace(journal->ops, journal->quarantine_fd, name, data, (size_t)have, 0440);
}

/* Who closed the segment was killed between its mode and its name. */
static int make_writable(const struct journal *journal, const char *name)
{
	int fd = file_open_read(journal->ops, journal->segment_fd, name), err = fd < 0 ? fd : 0;

	if (err == 0 && journal->ops->fchmod(journal->ops, fd, JOURNAL_OPEN_MODE) != 0) {
		err = file_error();
	}
	file_close(journal->ops, &fd);
	return err;
}

/* Opens the last segment for writing where it stands. */
static int resume_segment(struct journal *journal)
{
	const struct journal_segment *last = &journal->segments[journal->segment_count - 1];
	char name[JOURNAL_NAME_SIZE];

	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC;

	journal_segment_name(last->first, "open", name);
	journal->open_fd = journal->ops->openat(journal->ops, journal->segment_fd, name, flags, 0);
	if (journal->open_fd < 0 && errno == EACCES && make_writable(journal, name) == 0) {
		journal->open_fd = journal->ops->openat(journal->ops, journal->segment_fd, name, flags, 0);
	}
	journal->open_bytes = last->bytes;
	journal->reserved = 0;
	return journal->open_fd < 0 ? file_error() : 0;
}

/* An open segment without a whole record: its file may have seen a failed write, so a new one takes its place. */
static int replace_empty(struct journal *journal)
{
	char name[JOURNAL_NAME_SIZE];

	journal_segment_name(journal->size, "open", name);
	if (journal->ops->unlinkat(journal->ops, journal->segment_fd, name, 0) != 0) {
		return file_error();
	}
	return journal_segment_begin(journal, journal->size);
}

static int settle_last(struct journal *journal, const struct pass *pass)
{
	const struct journal_segment *last = journal->segment_count > 0 ? &journal->segments[journal->segment_count - 1] : NULL;
	const bool summarised = last != NULL && last->summarised;
	int err = 0;

	if (last == NULL || strcmp(last->suffix, "open") != 0) {
		return journal_segment_begin(journal, journal->size);
	}
	err = resume_segment(journal);
	if (err == 0 && pass->tail_bytes > 0) {
		err = quarantine_tail(journal, pass);
	}
	if (err != 0 || (!journal->unclean && !summarised)) {
		return err;
	}
	if (last->first == journal->size) {
		return replace_empty(journal);
	}
	err = journal_segment_end(journal, summarised && pass->tail_bytes == 0 ? "s" : "u");
	return err != 0 ? err : journal_segment_begin(journal, journal->size);
}

/* A crash between the steps of closing a segment leaves one that still has its former name. */
static int settle_names(struct journal *journal)
{
	for (size_t i = 0; journal->segments != NULL && i + 1 < journal->segment_count; i++) {
		if (strcmp(journal->segments[i].suffix, "open") == 0) {
			int err = journal_segment_rename(journal, i, journal->segments[i].summarised ? "s" : "u");

			if (err != 0) {
				return err;
			}
		}
	}
	return 0;
}

static bool stopped_cleanly(const struct journal *journal, const struct pass *pass)
{
	const struct head *head = head_newest(&journal->heads);
	const struct journal_segment *last = journal->segment_count > 0 ? &journal->segments[journal->segment_count - 1] : NULL;

	if (head == NULL) {
		return last == NULL && journal->created;
	}
	return head->clean && last != NULL && strcmp(last->suffix, "open") == 0 && head->size == journal->size && pass->tail_bytes == 0 &&
	       head->segment == last->first && head->offset == last->bytes;
}

int journal_recover(struct journal *journal)
{
	_cleanup_(close_pass) struct pass pass = { 0 };
	int err = scan_all(journal, &pass);

	if (err != 0 || journal->state == JOURNAL_DAMAGED) {
		return err;
	}
	journal->unclean = !stopped_cleanly(journal, &pass);
	err = settle_names(journal);
	if (err == 0) {
		err = settle_last(journal, &pass);
	}
	/* Both files, so that both are valid and the next start can trust the newest (find_limit). */
	for (int i = 0; i < 2 && err == 0; i++) {
		err = journal_write_head(journal, false);
		if (err == 0) {
			err = head_sync(journal->ops, &journal->heads);
		}
	}
	if (err == 0 && journal->segments[journal->segment_count - 1].first == journal->size) {
		journal_snapshot_renew(journal);
	} else if (err == 0 && pass.index.length > 0) {
		journal_snapshot_write(journal, &pass.index);
	}
	return err;
}
