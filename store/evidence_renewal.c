/* The chain of stamps that goes on proving an old case: each over a tree that contains the record of the one before, made while that one's certificate lasted (FORMAT.txt
 * section 6). Of the many stamps of many years a few are enough: from each the step goes to one whose certificate ends latest, and of these to the first that is found.
 *
 * Nothing is taken on trust here: a step is taken only where the records themselves say that it holds; what a search misses makes the chain longer or shorter, not wrong.
 * Reads a bounded number of records, however long the journal is. */
#include "evidence.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"

#define RECORDS_AHEAD_MAX 16384 /* between a checkpoint and the record of a stamp over it */
#define READ_BYTES ((size_t)256 * 1024)
#define FILES_MAX ((size_t)16 * 1024 * 1024)
#define WINDOW 64 /* stamps before an end that are compared; there are several authorities at most */
#define NEIGHBOURS_MAX 8

struct stamp {
	uint64_t size;
	uint8_t number;
	enum { STAMP_UNREAD, STAMP_UNKNOWN, STAMP_KNOWN } state;
	uint64_t index; /* of its record */
	int64_t time_ms, until_ms;
};

struct search {
	struct journal *journal;
	uint64_t until; /* records before it */
	uint64_t from;  /* no smaller checkpoints */
	struct stamp *stamps;
	size_t count, room;
	uint8_t *buffer;
	int err;
};

static int visit(void *context, const struct journal_anchor_name *name)
{
	struct search *search = context;

	if (name->kind != JOURNAL_ANCHOR_STAMP || name->size < search->from || name->number == 0 || name->number > EVIDENCE_STAMPS_MAX) {
		return 0;
	}
	if (search->count == search->room) {
		size_t room = search->room == 0 ? 64 : 2 * search->room;
		struct stamp *larger = room > FILES_MAX ? NULL : reallocarray(search->stamps, room, sizeof *larger);

		if (larger == NULL) {
			return ERR_MEMORY;
		}
		search->stamps = larger;
		search->room = room;
	}
	search->stamps[search->count++] = (struct stamp){ .size = name->size, .number = (uint8_t)name->number };
	return 0;
}

static int by_place(const void *left, const void *right)
{
	const struct stamp *a = left, *b = right;

	return a->size != b->size ? (a->size < b->size ? -1 : 1) : (int)a->number - (int)b->number;
}

/* --- the record of a stamp --- */

static bool read_moment(const struct record *record, const char *field, int64_t *ret_ms)
{
	struct span text;

	return record_field(record, field, &text) && clock_parse_utc(text, ret_ms);
}

bool evidence_is_stamp_record(const struct record *record)
{
	return strcmp(record->type, "anchor") == 0 && (record_field_is(record, "event", "stamp") || record_field_is(record, "event", "renewal"));
}

static bool take_record(struct stamp *stamp, const struct record *record)
{
	const struct journal_anchor_name name = { .kind = JOURNAL_ANCHOR_STAMP, .size = stamp->size, .number = stamp->number };
	char file[JOURNAL_ANCHOR_NAME_SIZE];

	journal_anchor_format_name(&name, file);
	if (!evidence_is_stamp_record(record) || !record_field_is(record, "file", file)) {
		return false;
	}
	stamp->index = record->index;
	stamp->state = read_moment(record, "time", &stamp->time_ms) && read_moment(record, "until", &stamp->until_ms) ? STAMP_KNOWN : STAMP_UNKNOWN;
	return true;
}

/* It stands behind the records that the stamp is over, and mostly soon. */
static void find_record(struct search *search, struct stamp *stamp)
{
	uint64_t next = stamp->size, end = search->until - stamp->size > RECORDS_AHEAD_MAX ? stamp->size + RECORDS_AHEAD_MAX : search->until;

	stamp->state = STAMP_UNKNOWN;
	while (search->err == 0 && next < end) {
		struct record record;
		struct span bytes;
		size_t length = 0;

		search->err = journal_read(search->journal, next, search->buffer, READ_BYTES, &length, &next);
		bytes = span_of(search->buffer, length);
		while (search->err == 0 && !span_is_empty(bytes)) {
			search->err = record_read(&bytes, &record) == 0 ? 0 : ERR_DAMAGE;
			if (search->err == 0 && record.index < end && take_record(stamp, &record)) {
				return;
			}
		}
	}
}

static const struct stamp *look(struct search *search, size_t place)
{
	struct stamp *stamp = &search->stamps[place];

	if (stamp->state == STAMP_UNREAD) {
		if (stamp->size < search->until) {
			find_record(search, stamp);
		} else {
			stamp->state = STAMP_UNKNOWN;
		}
	}
	return stamp->state == STAMP_KNOWN ? stamp : NULL;
}

/* --- steps --- */

static bool renews(const struct stamp *later, const struct stamp *earlier)
{
	return later->size > earlier->index && later->time_ms >= earlier->time_ms && later->time_ms <= earlier->until_ms && later->until_ms > earlier->until_ms;
}

/* In the order of places times and ends grow, but for what several authorities and late records bring; a stamp without a record is skipped. The first place of [from, to)
 * where `is_behind` says so. */
static size_t first_behind(struct search *search, size_t from, size_t to, const struct stamp *current,
                           bool (*is_behind)(const struct stamp *, const struct stamp *))
{
	while (from < to) {
		size_t middle = from + (to - from) / 2, at = middle;
		const struct stamp *stamp = look(search, at);

		while (stamp == NULL && at > from && middle - at < NEIGHBOURS_MAX) {
			stamp = look(search, --at);
		}
		if (stamp == NULL || is_behind(stamp, current)) {
			to = at;
		} else {
			from = middle + 1;
		}
	}
	return to;
}

static bool is_over_its_record(const struct stamp *stamp, const struct stamp *current)
{
	return stamp->size > current->index;
}

static bool is_too_late(const struct stamp *stamp, const struct stamp *current)
{
	return stamp->time_ms > current->until_ms;
}

static bool ends_as_late(const struct stamp *stamp, const struct stamp *best)
{
	return stamp->until_ms >= best->until_ms;
}

static size_t next_step(struct search *search, const struct stamp *current)
{
	size_t from = 0, to = search->count, best = search->count, first = 0;

	while (from < to) { /* sizes are known without their records */
		size_t middle = from + (to - from) / 2;

		if (is_over_its_record(&search->stamps[middle], current)) {
			to = middle;
		} else {
			from = middle + 1;
		}
	}
	to = first_behind(search, from, search->count, current, is_too_late);
	first = from;
	from = to - from > WINDOW ? to - WINDOW : from;
	for (size_t i = from; i < to; i++) {
		const struct stamp *stamp = look(search, i);

		if (stamp != NULL && renews(stamp, current) && (best == search->count || stamp->until_ms > search->stamps[best].until_ms)) {
			best = i;
		}
	}
	if (best < search->count) {
		size_t earlier = first_behind(search, first, best, &search->stamps[best], ends_as_late);
		const struct stamp *stamp = earlier < best ? look(search, earlier) : NULL;

		best = stamp != NULL && renews(stamp, current) && ends_as_late(stamp, &search->stamps[best]) ? earlier : best;
	}
	return best;
}

/* Of those over the first checkpoint, the one whose certificate ends last; they stand in front. */
static size_t first_step(struct search *search, const struct evidence_note *note)
{
	size_t best = search->count;

	for (size_t i = 0; i < search->count && search->stamps[i].size == note->size && search->stamps[i].number <= note->stamps; i++) {
		const struct stamp *stamp = look(search, i);

		if (stamp != NULL && (best == search->count || stamp->until_ms > search->stamps[best].until_ms)) {
			best = i;
		}
	}
	return best;
}

static int walk(struct search *search, struct evidence *evidence)
{
	size_t at = first_step(search, &evidence->notes[0]);

	while (search->err == 0 && at < search->count && evidence->renewal_count < EVIDENCE_RENEWALS_MAX) {
		const struct stamp *earlier = &search->stamps[at];
		struct evidence_renewal *added = &evidence->renewals[evidence->renewal_count];

		at = next_step(search, earlier);
		if (search->err != 0 || at == search->count) {
			break;
		}
		*added = (struct evidence_renewal){
			.index = earlier->index, .size = earlier->size, .number = earlier->number, .by_number = search->stamps[at].number
		};
		search->err = evidence_read_note(search->journal, search->stamps[at].size, &added->by);
		evidence->renewal_count += search->err == 0 ? 1 : 0;
	}
	return search->err;
}

int evidence_find_renewals(struct journal *journal, struct evidence *evidence)
{
	struct search search = { .journal = journal, .until = evidence->until };
	int err = 0;

	if (evidence->note_count == 0 || evidence->notes[0].stamps == 0 || evidence->notes[0].size >= evidence->until) {
		return 0;
	}
	search.from = evidence->notes[0].size;
	search.buffer = malloc(READ_BYTES);
	err = search.buffer == NULL ? ERR_MEMORY : journal_anchor_each(journal, visit, &search);
	if (err == 0 && search.count > 0) {
		qsort(search.stamps, search.count, sizeof *search.stamps, by_place);
		err = walk(&search, evidence);
	}
	free(search.buffer);
	free(search.stamps);
	return err;
}
