#include "journal_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "crc32c.h"

#define PREV_NAME "prev"
#define PREV_LINE_BYTES (sizeof PREV_NAME - 1 + 2 + 2 * (size_t)TREE_HASH_BYTES + 1)
#define JITTER_MS 10000
#define FIRST_STAGED 64

/* A clock that a time server corrects by moments does not run backwards in the journal; a clock that is wrong by more shows as it is. */
static int64_t choose_time(const struct journal *journal)
{
	int64_t now = journal->options.clock(journal->options.context);

	return now < journal->last_utc_ms && journal->last_utc_ms - now < JITTER_MS ? journal->last_utc_ms : now;
}

static int say(char *why, int err, const char *text)
{
	if (why != NULL) {
		(void)snprintf(why, TABLE_WHY_SIZE, "%s", text);
	}
	return err;
}

static int check_prev(const struct journal_append *append, const struct journal_case_entry *entry)
{
	static const uint8_t none[TREE_HASH_BYTES];

	if (append->prev == NULL) {
		return 0;
	}
	if (memcmp(append->prev, none, sizeof none) == 0) {
		return entry == NULL ? 0 : ERR_MISMATCH;
	}
	return entry != NULL && memcmp(append->prev, entry->head, TREE_HASH_BYTES) == 0 ? 0 : ERR_MISMATCH;
}

static int check_entry(const struct journal *journal, const struct journal_append *append, const struct journal_entry *entry, uint64_t index,
                       struct table_case *state, char *why)
{
	char words[TABLE_WHY_SIZE] = "";
	struct span number;
	int err = ERR_INTERNAL;

	if (!lines_valid(entry->body) || entry->body.length + PREV_LINE_BYTES > LINES_BODY_MAX) {
		return say(why, entry->body.length + PREV_LINE_BYTES > LINES_BODY_MAX ? ERR_LIMIT : ERR_FORMAT, "the body is not canonical lines or too long");
	}
	err = table_check(entry->type, append->writer, entry->body, index, state, words);
	if (err != 0) {
		return say(why, err, words);
	}
	if (state != NULL && (!lines_find(entry->body, "case", &number) || !span_equals_string(number, append->case_number))) {
		return say(why, ERR_FORMAT, "the record names another case");
	}
	/* Both authorise an exchange with a partner: nothing is sent until a person has accepted the roll-back. */
	if (journal->rolled_back && (strcmp(entry->type, "sending") == 0 || strcmp(entry->type, "request") == 0)) {
		return say(why, ERR_STATE, "the journal is rolled back and nobody has accepted it");
	}
	return 0;
}

/* All entries against the table, the state going on from one to the next; *ret_bytes is what they take at most. */
static int check_entries(const struct journal *journal, const struct journal_append *append, struct table_case *state, size_t *ret_bytes, char *why)
{
	size_t bytes = 0;

	for (size_t i = 0; i < append->count; i++) {
		int err = check_entry(journal, append, &append->entries[i], journal->tree.size + i, state, why);

		if (err != 0) {
			return err;
		}
		bytes += RECORD_HEADER_BYTES + append->entries[i].body.length + PREV_LINE_BYTES + RECORD_TRAILER_BYTES;
	}
	if (bytes > JOURNAL_BATCH_MAX_BYTES) {
		return say(why, ERR_LIMIT, "too many records at once");
	}
	*ret_bytes = bytes;
	return journal->batch_length + bytes > JOURNAL_BATCH_MAX_BYTES ? ERR_AGAIN : 0;
}

static int reserve_batch(struct journal *journal, size_t bytes)
{
	size_t need = journal->batch_length + bytes, larger = journal->batch_capacity == 0 ? 65536 : journal->batch_capacity;
	uint8_t *moved = NULL;

	while (larger < need) {
		larger *= 2;
	}
	if (larger == journal->batch_capacity) {
		return 0;
	}
	moved = realloc(journal->batch, larger);
	if (moved == NULL) {
		return ERR_MEMORY;
	}
	journal->batch = moved;
	journal->batch_capacity = larger;
	return 0;
}

static int reserve_staged(struct journal *journal, size_t count)
{
	size_t need = (size_t)journal->batch_count + count, larger = journal->staged_capacity == 0 ? FIRST_STAGED : journal->staged_capacity;
	struct record *moved = NULL;

	while (larger < need) {
		larger *= 2;
	}
	if (larger == journal->staged_capacity) {
		return 0;
	}
	moved = realloc(journal->staged, larger * sizeof *moved);
	if (moved == NULL) {
		return ERR_MEMORY;
	}
	journal->staged = moved;
	journal->staged_capacity = larger;
	return 0;
}

static int reserve_room(struct journal *journal, size_t bytes, size_t count)
{
	int err = reserve_batch(journal, bytes);

	if (err == 0) {
		err = reserve_staged(journal, count);
	}
	if (err == 0) {
		err = journal_index_reserve(journal, count);
	}
	if (err == 0) {
		err = journal_cases_reserve(&journal->cases);
	}
	if (err != 0) {
		return err;
	}
	err = journal_segment_reserve(journal, bytes);
	return err == 0 || err == ERR_SPACE ? err : journal_fail(journal, err, "the disk refuses to reserve room");
}

static void put(struct journal *journal, const void *data, size_t length)
{
	memcpy(journal->batch + journal->batch_length, data, length);
	journal->batch_length += length;
}

/* The body with `prev` in its sorted place. Returns its length. */
static size_t put_body(struct journal *journal, struct span body, const uint8_t *prev)
{
	size_t before = journal->batch_length;
	struct span rest = body, name, value;
	char hex[2 * TREE_HASH_BYTES + 1];

	if (prev != NULL) {
		while (lines_next(&rest, &name, &value)) {
			size_t common = name.length < 4 ? name.length : 4;
			int order = memcmp(name.data, PREV_NAME, common);

			if (order > 0 || (order == 0 && name.length > 4)) {
				break;
			}
			put(journal, name.data, name.length);
			put(journal, ": ", 2);
			put(journal, value.data, value.length);
			put(journal, "\n", 1);
		}
		/* What is left of the body is a suffix of it; the line that ended the loop included. */
		body = span_of(body.data + (journal->batch_length - before), body.length - (journal->batch_length - before));
		hex_encode(prev, TREE_HASH_BYTES, hex);
		put(journal, PREV_NAME ": ", sizeof PREV_NAME + 1);
		put(journal, hex, 2 * (size_t)TREE_HASH_BYTES);
		put(journal, "\n", 1);
	}
	put(journal, body.data, body.length);
	return journal->batch_length - before;
}

/* Writes one record behind the batch, and keeps what its text says: journal_commit needs it without reading the text again. Room is reserved; only libcrypto can
 * fail. */
static int put_record(struct journal *journal, const struct journal_entry *from, struct journal_case_entry *entry, int64_t utc_ms,
                      uint8_t hash[TREE_HASH_BYTES])
{
	struct record record = { .index = journal->tree.size, .utc_ms = utc_ms, .batch = journal->tree.size - journal->batch_count };
	size_t start = journal->batch_length, length = 0;
	char line[RECORD_HEADER_BYTES + 1], trailer[RECORD_TRAILER_BYTES + 1];
	int err = 0;

	(void)snprintf(record.type, sizeof record.type, "%s", from->type);
	journal->batch_length += RECORD_HEADER_BYTES;
	length = put_body(journal, from->body, entry != NULL && entry->count > 0 ? entry->head : NULL);
	record.crc = crc32c(span_of(journal->batch + start + RECORD_HEADER_BYTES, length));
	record_format_header(&record, (uint32_t)length, line);
	memcpy(journal->batch + start, line, RECORD_HEADER_BYTES);
	record.body.length = length;
	record.leaf.length = RECORD_HEADER_BYTES + length;
	err = tree_leaf_hash(span_of(journal->batch + start, record.leaf.length), hash);
	if (err == 0) {
		err = tree_append(&journal->tree, hash);
	}
	if (err != 0) {
		return err;
	}
	memcpy(record.hash, hash, TREE_HASH_BYTES);
	record_format_trailer(record.index, hash, trailer);
	put(journal, trailer, RECORD_TRAILER_BYTES);
	journal_index_add(journal, entry, record.index, journal->open_bytes + start, hash);
	journal->staged[journal->batch_count++] = record;
	journal->last_utc_ms = utc_ms;
	journal->batch_sends = journal->batch_sends || strcmp(from->type, "sending") == 0;
	return 0;
}

static int put_records(struct journal *journal, const struct journal_append *append, struct journal_case_entry *entry, struct journal_receipt *ret)
{
	struct journal_receipt receipt = { .index = journal->tree.size, .utc_ms = choose_time(journal) };
	struct span accepted;

	for (size_t i = 0; i < append->count; i++) {
		int err = put_record(journal, &append->entries[i], entry, receipt.utc_ms, receipt.hash);

		if (err != 0) {
			return journal_fail(journal, err, "libcrypto failed");
		}
		if (strcmp(append->entries[i].type, "rolled-back") == 0 && lines_find(append->entries[i].body, "accepted", &accepted)) {
			journal->batch_accepts = true;
		}
	}
	receipt.last = journal->tree.size - 1;
	*ret = receipt;
	return 0;
}

int journal_stage(struct journal *journal, const struct journal_append *append, struct journal_receipt *ret, char why[TABLE_WHY_SIZE])
{
	struct table_case state = { 0 };
	struct journal_case_entry *entry = NULL;
	const bool of_case = append->case_number[0] != '\0';
	size_t bytes = 0, position = 0;
	int err = 0;

	if (journal->state != JOURNAL_READY) {
		return say(why, ERR_READONLY, journal->why);
	}
	if (append->count == 0 || (of_case && !table_case_valid(span_of_string(append->case_number)))) {
		return say(why, ERR_FORMAT, "no record, or the number of the case is malformed");
	}
	if (of_case) {
		entry = journal_cases_find(&journal->cases, append->case_number);
		position = entry != NULL ? (size_t)(entry - journal->cases.entries) : 0;
		err = check_prev(append, entry);
	}
	if (err != 0) {
		return say(why, err, "prev is not the head of the case");
	}
	state = entry != NULL ? entry->state : state;
	err = check_entries(journal, append, of_case ? &state : NULL, &bytes, why);
	if (err == 0) {
		err = reserve_room(journal, bytes, append->count);
	}
	if (err != 0) {
		return err;
	}
	if (of_case) { /* the entries may have moved to make room */
		entry = entry != NULL ? &journal->cases.entries[position] : journal_cases_add(&journal->cases, append->case_number);
		entry->state = state;
		journal_index_number(journal, append->case_number);
	}
	return put_records(journal, append, entry, ret);
}

int journal_append(struct journal *journal, const struct journal_append *append, struct journal_receipt *ret, char why[TABLE_WHY_SIZE])
{
	struct journal_receipt receipt;
	int err = journal_stage(journal, append, &receipt, why);

	if (err == ERR_AGAIN) {
		err = journal_commit(journal);
		if (err == 0) {
			err = journal_stage(journal, append, &receipt, why);
		}
	}
	if (err == 0) {
		err = journal_commit(journal);
	}
	if (err == 0) {
		*ret = receipt;
	}
	return err;
}
