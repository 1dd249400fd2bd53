#include "journal_private.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "journal_scan.h"

#define CASE_NUMBER_MAX 999999

uint64_t journal_size(const struct journal *journal)
{
	return journal->size;
}

static size_t find_segment(const struct journal *journal, uint64_t index)
{
	size_t low = 0, high = journal->segment_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (journal->segments[middle].first <= index) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

/* First index behind the durable records of a segment. */
static uint64_t segment_end(const struct journal *journal, size_t position)
{
	uint64_t next = position + 1 < journal->segment_count ? journal->segments[position + 1].first : journal->size;

	return next < journal->size ? next : journal->size;
}

static uint64_t record_end(const struct journal *journal, size_t position, uint64_t index)
{
	if (index + 1 < segment_end(journal, position)) {
		return journal->offsets[index + 1];
	}
	return position + 1 == journal->segment_count && journal->open_fd >= 0 ? journal->open_bytes : journal->segments[position].bytes;
}

/* A descriptor to read a segment from; kept for the next time. */
static int segment_fd(struct journal *journal, size_t position)
{
	const struct journal_segment *segment = &journal->segments[position];
	char name[JOURNAL_NAME_SIZE];
	int fd = -1;

	if (position + 1 == journal->segment_count && journal->open_fd >= 0) {
		return journal->open_fd;
	}
	if (journal->read_fd >= 0 && journal->read_first == segment->first) {
		return journal->read_fd;
	}
	journal_segment_name(segment->first, segment->suffix, name);
	fd = file_open_read(journal->ops, journal->segment_fd, name);
	if (fd < 0) {
		return fd;
	}
	file_close(journal->ops, &journal->read_fd);
	journal->read_fd = fd;
	journal->read_first = segment->first;
	return fd;
}

int journal_read(struct journal *journal, uint64_t from, uint8_t *buffer, size_t size, size_t *ret_length, uint64_t *ret_next)
{
	uint64_t next = from, start = 0, end = 0;
	size_t position = 0;
	ssize_t have = 0;
	int fd = -1;

	if (from >= journal->size) {
		*ret_length = 0;
		*ret_next = journal->size;
		return 0;
	}
	if (size < RECORD_MAX_BYTES) {
		return ERR_LIMIT;
	}
	position = find_segment(journal, from);
	start = end = journal->offsets[from];
	while (next < segment_end(journal, position) && record_end(journal, position, next) - start <= size) {
		end = record_end(journal, position, next);
		next++;
	}
	fd = segment_fd(journal, position);
	if (fd < 0) {
		return fd;
	}
	have = file_pread(journal->ops, fd, buffer, (size_t)(end - start), start);
	if (have < 0) {
		return (int)have;
	}
	if ((uint64_t)have != end - start) {
		return ERR_DAMAGE;
	}
	*ret_length = (size_t)have;
	*ret_next = next;
	return 0;
}

int journal_read_one(struct journal *journal, uint64_t index, uint8_t buffer[RECORD_MAX_BYTES], struct record *ret)
{
	size_t position = 0;
	struct record record;
	struct span bytes;
	uint64_t start = 0;
	ssize_t have = 0;
	int fd = -1;

	if (index >= journal->size) {
		return ERR_NOTFOUND;
	}
	position = find_segment(journal, index);
	fd = segment_fd(journal, position);
	if (fd < 0) {
		return fd;
	}
	start = journal->offsets[index];
	have = file_pread(journal->ops, fd, buffer, (size_t)(record_end(journal, position, index) - start), start);
	if (have < 0) {
		return (int)have;
	}
	bytes = span_of(buffer, (size_t)have);
	if (record_read(&bytes, &record) != 0 || !span_is_empty(bytes) || journal_scan_check(&record, index, record.batch) != NULL) {
		return ERR_DAMAGE;
	}
	*ret = record;
	return 0;
}

int journal_read_hash(struct journal *journal, uint64_t index, uint8_t ret[JOURNAL_HASH_BYTES])
{
	char trailer[RECORD_TRAILER_BYTES], expected[RECORD_TRAILER_BYTES + 1];
	size_t position = 0;
	ssize_t have = 0;
	int fd = -1;

	if (index >= journal->size) {
		return ERR_NOTFOUND;
	}
	position = find_segment(journal, index);
	fd = segment_fd(journal, position);
	if (fd < 0) {
		return fd;
	}
	have = file_pread(journal->ops, fd, trailer, sizeof trailer, record_end(journal, position, index) - sizeof trailer);
	if (have < 0) {
		return (int)have;
	}
	if (have != (ssize_t)sizeof trailer ||
	    !span_parse_hex(span_of(trailer + sizeof trailer - 1 - (size_t)2 * JOURNAL_HASH_BYTES, (size_t)2 * JOURNAL_HASH_BYTES), ret, JOURNAL_HASH_BYTES)) {
		return ERR_DAMAGE;
	}
	record_format_trailer(index, ret, expected);
	return memcmp(trailer, expected, sizeof trailer) == 0 ? 0 : ERR_DAMAGE;
}

static void describe(const struct journal_case_entry *entry, struct journal_case *ret)
{
	memcpy(ret->number, entry->number, sizeof ret->number);
	memcpy(ret->head, entry->head, sizeof ret->head);
	ret->last_type = entry->state.last == NULL ? "" : entry->state.last->type;
	ret->first = entry->first;
	ret->last = entry->last;
	ret->count = entry->count;
	ret->erased = entry->state.erased;
	ret->archived = entry->state.archived;
}

int journal_case_find(const struct journal *journal, const char *number, struct journal_case *ret)
{
	const struct journal_case_entry *entry = journal_cases_find(&journal->cases, number);

	if (entry == NULL) {
		return ERR_NOTFOUND;
	}
	describe(entry, ret);
	return 0;
}

void journal_case_each(const struct journal *journal, void (*visit)(void *context, const struct journal_case *found), void *context)
{
	for (size_t i = 0; i < journal->cases.count; i++) {
		struct journal_case found;

		describe(&journal->cases.entries[i], &found);
		visit(context, &found);
	}
}

int journal_case_indexes(const struct journal *journal, const char *number, uint64_t **ret_indexes, size_t *ret_count)
{
	const struct journal_case_entry *entry = journal_cases_find(&journal->cases, number);
	uint64_t *indexes = NULL;
	uint64_t next = 0;
	size_t place = 0, durable = 0;

	if (entry == NULL) {
		return ERR_NOTFOUND;
	}
	indexes = calloc(entry->count, sizeof *indexes);
	if (indexes == NULL) {
		return ERR_MEMORY;
	}
	/* Each record knows the one before it: from the last to the first, filling from the back; those only staged stand last and are left out. */
	place = entry->count;
	for (next = (uint64_t)entry->last + 1; next != 0 && place > 0; next = journal->before[next - 1]) {
		indexes[--place] = next - 1;
	}
	while (durable < entry->count && indexes[durable] < journal->size) {
		durable++;
	}
	*ret_indexes = indexes;
	*ret_count = durable;
	return 0;
}

int journal_next_case(struct journal *journal, char ret[JOURNAL_CASE_SIZE])
{
	struct clock_date date;
	char number[32];
	unsigned next = 1;

	if (journal->state != JOURNAL_READY) {
		return ERR_READONLY;
	}
	clock_czech_date(journal->options.clock(journal->options.context), &date);
	for (size_t i = 0; i < journal->year_count; i++) {
		if (journal->years[i].year == (unsigned)date.year) {
			next = journal->years[i].last + 1;
		}
	}
	if (next > CASE_NUMBER_MAX || date.year < 1000 || date.year > 9999) {
		return ERR_LIMIT;
	}
	(void)snprintf(number, sizeof number, "%s%04d-%06u", journal->letter, date.year, next);
	journal_index_number(journal, number);
	memcpy(ret, number, strlen(number) + 1);
	return 0;
}
