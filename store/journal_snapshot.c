#include "journal_snapshot.h"
#include "journal_note.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"

#define LAYOUT 1
#define RULE_TEXT_SIZE 2048
#define NOTE_FILE_MAX_BYTES 65536

/* --- what it is bound to --- */

/* The table's words decide what a state means, the size of the structs how they lie here. */
static int fingerprint(uint8_t ret[TREE_HASH_BYTES])
{
	struct index_writer text = { 0 };
	const struct table_rule *rule = NULL;
	int err = 0;

	index_put(&text, PODATELNA_VERSION, sizeof PODATELNA_VERSION);
	index_put_u64(&text, sizeof(struct journal_case_entry));
	index_put_u64(&text, sizeof(struct table_case));
	for (size_t i = 0; (rule = table_nth(i)) != NULL; i++) {
		char words[RULE_TEXT_SIZE] = "";

		table_format(rule, words, sizeof words);
		index_put(&text, words, strlen(words));
		index_put_u64(&text, rule->marks);
	}
	err = text.err != 0 ? text.err : tree_plain_hash(span_of(text.data, text.length), ret);
	index_writer_free(&text);
	return err;
}

struct binding {
	uint64_t first, bytes, inode, device, changed_s, changed_ns;
	char suffix[8];
};

static int describe_segment(const struct journal *journal, const struct journal_segment *segment, struct binding *ret)
{
	struct binding binding = { .first = segment->first, .bytes = segment->bytes };
	char name[JOURNAL_NAME_SIZE];
	struct stat info;

	journal_segment_name(segment->first, segment->suffix, name);
	if (journal->ops->fstatat(journal->ops, journal->segment_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return file_error();
	}
	(void)snprintf(binding.suffix, sizeof binding.suffix, "%s", segment->suffix);
	binding.inode = info.st_ino;
	binding.device = info.st_dev;
	binding.changed_s = (uint64_t)info.st_ctim.tv_sec;
	binding.changed_ns = (uint64_t)info.st_ctim.tv_nsec;
	*ret = binding;
	return (uint64_t)info.st_size == segment->bytes ? 0 : ERR_MISMATCH;
}

/* --- taking --- */

static uint64_t rule_number(const struct table_rule *rule)
{
	for (size_t i = 0; table_nth(i) != NULL; i++) {
		if (table_nth(i) == rule) {
			return i + 1;
		}
	}
	return 0;
}

static void put_case(struct index_writer *writer, const struct journal_case_entry *entry)
{
	struct journal_case_entry plain = *entry;

	plain.state.last = NULL;
	index_put_u64(writer, rule_number(entry->state.last));
	index_put(writer, &plain, sizeof plain);
}

static void put_facts(const struct journal *journal, struct index_writer *writer)
{
	index_put_u64(writer, journal->size);
	index_put(writer, journal->letter, sizeof journal->letter);
	index_put(writer, journal->tree.edge, sizeof journal->tree.edge);
	index_put(writer, journal->last_hash, sizeof journal->last_hash);
	index_put_u64(writer, (uint64_t)journal->last_utc_ms);
	index_put_u64(writer, (uint64_t)journal->accepted_utc_ms);
	index_put_u64(writer, journal->rolled_back_noted ? 1 : 0);
	index_put_u64(writer, journal->loud_end);
	index_put_u64(writer, journal->note_known ? journal->note_size : 0);
	index_put(writer, journal->note_root, sizeof journal->note_root);
	index_put_u64(writer, journal->year_count);
	index_put(writer, journal->years, journal->year_count * sizeof journal->years[0]);
	index_put_u64(writer, journal->named_count);
	index_put(writer, journal->named, journal->named_count * sizeof journal->named[0]);
}

static void put_segments(const struct journal *journal, size_t count, struct index_writer *writer)
{
	index_put_u64(writer, count);
	for (size_t i = 0; i < count; i++) {
		struct binding binding;
		int err = describe_segment(journal, &journal->segments[i], &binding);

		if (err != 0) {
			writer->err = err;
			return;
		}
		index_put(writer, &binding, sizeof binding);
	}
}

void journal_snapshot_take(const struct journal *journal, size_t count, struct index_writer *writer)
{
	uint8_t program[TREE_HASH_BYTES] = { 0 };
	struct index_writer saved = { 0 };

	writer->err = fingerprint(program);
	index_begin(writer, JOURNAL_SNAPSHOT_NAME);
	index_put_u64(writer, LAYOUT);
	index_put(writer, program, sizeof program);
	index_put(writer, journal->origin, strlen(journal->origin) + 1);
	put_facts(journal, writer);
	put_segments(journal, count, writer);
	index_put(writer, journal->offsets, (size_t)journal->size * sizeof journal->offsets[0]);
	index_put(writer, journal->before, (size_t)journal->size * sizeof journal->before[0]);
	index_put_u64(writer, journal->tile_count);
	index_put(writer, journal->tiles, journal->tile_count * sizeof journal->tiles[0]);
	index_put_u64(writer, journal->cases.count);
	for (size_t i = 0; i < journal->cases.count; i++) {
		put_case(writer, &journal->cases.entries[i]);
	}
	if (journal->options.save != NULL) {
		journal->options.save(journal->options.context, &saved);
		writer->err = writer->err != 0 ? writer->err : saved.err;
	}
	index_put_u64(writer, saved.length);
	index_put(writer, saved.data, saved.length);
	index_writer_free(&saved);
}

void journal_snapshot_write(struct journal *journal, struct index_writer *writer)
{
	int err = index_write(writer, journal->ops, journal->options.data_fd, JOURNAL_SNAPSHOT_NAME);

	if (err != 0) {
		log_warning("journal: the index of the closed segments could not be written (%s): the next start reads more records", err_name(err));
		return;
	}
	journal->unindexed_bytes = 0;
}

static bool is_wanted(const struct journal *journal)
{
	return journal->options.on_record == NULL || (journal->options.save != NULL && journal->options.restore != NULL);
}

bool journal_snapshot_is_due(const struct journal *journal)
{
	return is_wanted(journal) && journal->unindexed_bytes >= journal->options.index_min_bytes;
}

void journal_snapshot_renew(struct journal *journal)
{
	struct index_writer writer = { 0 };

	if (!journal_snapshot_is_due(journal)) {
		return;
	}
	journal_snapshot_take(journal, journal->segment_count - 1, &writer);
	journal_snapshot_write(journal, &writer);
	index_writer_free(&writer);
}

/* --- loading --- */

static bool take_number(struct span *from, uint64_t *ret)
{
	return span_read_u64(from, ret);
}

static bool take_flag(struct span *from, bool *ret)
{
	uint64_t number = 0;

	if (!take_number(from, &number) || number > 1) {
		return false;
	}
	*ret = number == 1;
	return true;
}

static bool is_same(struct span *from, const void *expected, size_t length)
{
	struct span bytes;

	return span_read_bytes(from, length, &bytes) && span_equals(bytes, span_of(expected, length));
}

static bool take_years(struct journal *journal, struct span *from)
{
	uint64_t count = 0;

	if (!take_number(from, &count) || count > JOURNAL_YEARS_MAX || !index_take(from, journal->years, (size_t)count * sizeof journal->years[0])) {
		return false;
	}
	journal->year_count = (size_t)count;
	return true;
}

static bool take_named(struct journal *journal, struct span *from)
{
	uint64_t count = 0;

	if (!take_number(from, &count) || count > from->length / JOURNAL_NAME_SIZE) {
		return false;
	}
	journal->named = count == 0 ? NULL : calloc((size_t)count, JOURNAL_NAME_SIZE);
	if (count > 0 && (journal->named == NULL || !index_take(from, journal->named, (size_t)count * JOURNAL_NAME_SIZE))) {
		return false;
	}
	journal->named_count = (size_t)count;
	for (size_t i = 0; i < journal->named_count; i++) {
		if (memchr(journal->named[i], '\0', JOURNAL_NAME_SIZE) == NULL) {
			return false;
		}
	}
	return true;
}

static bool take_facts(struct journal *journal, struct span *from)
{
	uint64_t last_ms = 0, accepted_ms = 0, note_size = 0;
	bool good = take_number(from, &journal->tree.size) && is_same(from, journal->letter, sizeof journal->letter) &&
	            index_take(from, journal->tree.edge, sizeof journal->tree.edge) && index_take(from, journal->last_hash, sizeof journal->last_hash) &&
	            take_number(from, &last_ms) && take_number(from, &accepted_ms) && take_flag(from, &journal->rolled_back_noted) &&
	            take_number(from, &journal->loud_end) && take_number(from, &note_size) && index_take(from, journal->note_root, sizeof journal->note_root) &&
	            take_years(journal, from) && take_named(journal, from);

	journal->size = journal->tree.size;
	journal->note_known = good && note_size == journal->note_size && note_size <= journal->size;
	journal->last_utc_ms = (int64_t)last_ms;
	journal->accepted_utc_ms = (int64_t)accepted_ms;
	journal->rolled_back = journal->rolled_back_noted;
	journal->loud_first_ms = journal->loud_last_ms = journal->loud_end == 0 ? 0 : clock_mono_ms();
	return good && journal->size > 0 && journal->size < JOURNAL_RECORDS_MAX;
}

static bool take_segments(const struct journal *journal, struct span *from, size_t *ret_count)
{
	uint64_t count = 0;

	if (!take_number(from, &count) || count == 0 || count > journal->segment_count) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct binding found;

		if (strcmp(journal->segments[i].suffix, "open") == 0 || describe_segment(journal, &journal->segments[i], &found) != 0 ||
		    !is_same(from, &found, sizeof found)) {
			return false;
		}
	}
	*ret_count = (size_t)count;
	/* Where the next one begins is where this index ends. */
	return count == journal->segment_count || journal->segments[count].first == journal->size;
}

/* Records stand one after the other in their segments, and each names only an earlier one. */
static bool places_are_sound(const struct journal *journal, size_t count)
{
	size_t position = 0;

	for (uint64_t index = 0; index < journal->size; index++) {
		bool begins = position < count && journal->segments[position].first == index;

		position += begins ? 1 : 0;
		if (position == 0 || (begins ? journal->offsets[index] != 0 : journal->offsets[index] <= journal->offsets[index - 1]) ||
		    journal->offsets[index] >= journal->segments[position - 1].bytes || journal->before[index] > index) {
			return false;
		}
	}
	return position == count;
}

static bool take_places(struct journal *journal, struct span *from, size_t count)
{
	const size_t bytes = (size_t)journal->size * sizeof journal->offsets[0];

	journal->tree.size = 0; /* journal_index_reserve counts from it */
	if (from->length / 2 < bytes || journal_index_reserve(journal, (size_t)journal->size) != 0) {
		return false;
	}
	journal->tree.size = journal->size;
	return index_take(from, journal->offsets, bytes) && index_take(from, journal->before, bytes) && places_are_sound(journal, count);
}

/* All full tiles, and together they are the tree. */
static bool take_tiles(struct journal *journal, struct span *from)
{
	struct tree tree = { 0 };
	uint64_t count = 0;

	if (!take_number(from, &count) || count != journal->size / TREE_TILE_LEAVES ||
	    !index_take(from, journal->tiles, (size_t)count * sizeof journal->tiles[0])) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (tree_append_subtree(&tree, TREE_TILE_LEVEL, journal->tiles[i]) != 0) {
			return false;
		}
	}
	for (unsigned level = TREE_TILE_LEVEL; level < TREE_LEVELS_MAX; level++) {
		if ((tree.size >> level & 1) != 0 && memcmp(tree.edge[level], journal->tree.edge[level], TREE_HASH_BYTES) != 0) {
			return false;
		}
	}
	journal->tile_count = (size_t)count;
	return true;
}

static bool take_case(const struct journal *journal, struct span *from, struct journal_case_entry *ret)
{
	uint64_t number = 0;

	if (!take_number(from, &number) || !index_take(from, ret, sizeof *ret)) {
		return false;
	}
	ret->state.last = number == 0 ? NULL : table_nth((size_t)number - 1);
	return (number == 0) == (ret->state.last == NULL) && memchr(ret->number, '\0', sizeof ret->number) != NULL &&
	       table_case_valid(span_of_string(ret->number)) && ret->count > 0 && ret->first <= ret->last && ret->last < journal->size;
}

static bool take_cases(struct journal *journal, struct span *from)
{
	_cleanup_free_ struct journal_case_entry *entries = NULL;
	uint64_t count = 0;

	if (!take_number(from, &count) || count > from->length / (sizeof *entries + 8)) {
		return false;
	}
	entries = calloc((size_t)count + 1, sizeof *entries);
	for (size_t i = 0; entries != NULL && i < count; i++) {
		if (!take_case(journal, from, &entries[i])) {
			return false;
		}
	}
	return entries != NULL && journal_cases_fill(&journal->cases, entries, (size_t)count) == 0;
}

/* --- what it must agree with --- */

static bool note_is(const struct journal *journal, const uint8_t root[TREE_HASH_BYTES])
{
	_cleanup_free_ uint8_t *note = NULL;
	char name[JOURNAL_NAME_SIZE], expected[JOURNAL_NOTE_SIZE];
	size_t length = 0;

	journal_note_name(journal->note_size, name);
	journal_note_format(journal->origin, journal->note_size, root, expected);
	return file_read_small(journal->ops, journal->anchor_fd, name, NOTE_FILE_MAX_BYTES, &note, &length) == 0 &&
	       span_starts_with(span_of(note, length), expected);
}

/* The newest head lies at its size or beyond, the last checkpoint too, or it is the one that was the last when the index was made. What has its size has its root;
 * what lies beyond is compared by the scan. */
static bool fits_heads(const struct journal *journal)
{
	const struct head *newest = head_newest(&journal->heads);
	uint8_t root[TREE_HASH_BYTES];

	if (newest == NULL || newest->size < journal->size || tree_root(&journal->tree, root) != 0) {
		return false;
	}
	for (int i = 0; i < 2; i++) {
		if (journal->heads.valid[i] && journal->heads.heads[i].size == journal->size && memcmp(journal->heads.heads[i].root, root, sizeof root) != 0) {
			return false;
		}
	}
	if (journal->note_size > journal->size) {
		return true;
	}
	return journal->note_size == journal->size ? note_is(journal, root) : journal->note_known && note_is(journal, journal->note_root);
}

/* The last leaves are read and hashed again: they must be the last tile, or the subtrees of less than a tile on the tree's edge. */
static bool fits_records(struct journal *journal)
{
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct tree tail = { 0 };
	uint64_t rest = journal->size % TREE_TILE_LEAVES, first = 0;
	struct record record = { .index = 0 };

	rest = rest == 0 && journal->size > 0 ? TREE_TILE_LEAVES : rest;
	first = journal->size - rest;
	for (uint64_t index = first; buffer != NULL && index < journal->size; index++) {
		if (journal_read_one(journal, index, buffer, &record) != 0 || tree_append(&tail, record.hash) != 0) {
			return false;
		}
	}
	if (buffer == NULL || memcmp(record.hash, journal->last_hash, TREE_HASH_BYTES) != 0) {
		return false;
	}
	if (rest == TREE_TILE_LEAVES) {
		return memcmp(tail.tile, journal->tiles[journal->tile_count - 1], TREE_HASH_BYTES) == 0;
	}
	for (unsigned level = 0; level < TREE_TILE_LEVEL; level++) {
		if ((tail.size >> level & 1) != 0 && memcmp(tail.edge[level], journal->tree.edge[level], TREE_HASH_BYTES) != 0) {
			return false;
		}
	}
	return true;
}

static bool restore_listener(struct journal *journal, struct span *from)
{
	uint64_t length = 0;
	struct span saved;

	if (!take_number(from, &length) || length != from->length || !span_read_bytes(from, (size_t)length, &saved)) {
		return false;
	}
	return journal->options.restore == NULL || journal->options.restore(journal->options.context, saved);
}

static bool load(struct journal *journal, struct span content, size_t *ret_count)
{
	uint8_t program[TREE_HASH_BYTES];
	uint64_t layout = 0;

	return fingerprint(program) == 0 && take_number(&content, &layout) && layout == LAYOUT && is_same(&content, program, sizeof program) &&
	       is_same(&content, journal->origin, strlen(journal->origin) + 1) && take_facts(journal, &content) &&
	       take_segments(journal, &content, ret_count) && take_places(journal, &content, *ret_count) && take_tiles(journal, &content) &&
	       take_cases(journal, &content) && fits_heads(journal) && fits_records(journal) && restore_listener(journal, &content);
}

/* As if it had never been looked at. */
static void forget(struct journal *journal)
{
	journal_cases_free(&journal->cases);
	free(journal->named);
	journal->named = NULL;
	journal->named_count = journal->year_count = journal->tile_count = 0;
	memset(&journal->tree, 0, sizeof journal->tree);
	memset(journal->last_hash, 0, sizeof journal->last_hash);
	journal->size = journal->loud_end = journal->loud_first_ms = journal->loud_last_ms = 0;
	journal->last_utc_ms = journal->accepted_utc_ms = 0;
	journal->rolled_back = journal->rolled_back_noted = journal->note_known = false;
	file_close(journal->ops, &journal->read_fd);
}

size_t journal_snapshot_load(struct journal *journal)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct span content;
	size_t count = 0;
	int err = is_wanted(journal) ? index_read(journal->ops, journal->options.data_fd, JOURNAL_SNAPSHOT_NAME, &data, &content) : ERR_NOTFOUND;

	if (err == 0 && !load(journal, content, &count)) {
		err = ERR_MISMATCH;
		forget(journal);
	}
	if (err != 0) {
		if (err != ERR_NOTFOUND) {
			log_info("journal: the index is not of these segments (%s): every record is read", err_name(err));
		}
		return 0;
	}
	journal->indexed = journal->size;
	return count;
}
