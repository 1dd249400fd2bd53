#include "survey.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "journal_private.h"
#include "journal_ref.h"
#include "journal_scan.h"

#define PROGRESS_RECORDS 4096
#define FIRST_ROOM 1024

struct reading {
	const struct survey_options *options;
	struct survey *survey;
	struct tree tree;
	int segment_fd;
	uint64_t all_bytes;
};

/* --- the segments there are --- */

static int visit_segment(void *context, const char *name)
{
	struct reading *reading = context;
	struct survey *survey = reading->survey;
	struct journal_segment found;
	struct survey_segment *moved = NULL;
	struct stat info;

	if (!journal_segment_parse(name, &found) || found.first >= reading->options->until) {
		return 0;
	}
	if (reading->options->ops->fstatat(reading->options->ops, reading->segment_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return file_error() == ERR_NOTFOUND ? 0 : file_error(); /* renamed at this moment: listed under its new name, or missed and found missing */
	}
	for (size_t i = 0; i < survey->segment_count; i++) {
		if (survey->segments[i].first == found.first) {
			return 0;
		}
	}
	moved = realloc(survey->segments, (survey->segment_count + 1) * sizeof *moved);
	if (moved == NULL) {
		return ERR_MEMORY;
	}
	survey->segments = moved;
	moved[survey->segment_count] = (struct survey_segment){ .first = found.first };
	memcpy(moved[survey->segment_count++].suffix, found.suffix, sizeof found.suffix);
	reading->all_bytes += (uint64_t)info.st_size;
	return 0;
}

static int compare_segments(const void *a, const void *b)
{
	const struct survey_segment *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

/* The living journal may have closed it since it was listed. */
static int open_segment(struct reading *reading, struct survey_segment *segment)
{
	static const char *const suffixes[] = { "s", "u", "open" };
	char name[JOURNAL_NAME_SIZE];
	int fd = ERR_NOTFOUND;

	journal_segment_name(segment->first, segment->suffix, name);
	fd = file_open_read(reading->options->ops, reading->segment_fd, name);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0] && fd == ERR_NOTFOUND; i++) {
		journal_segment_name(segment->first, suffixes[i], name);
		fd = file_open_read(reading->options->ops, reading->segment_fd, name);
		if (fd >= 0) {
			(void)snprintf(segment->suffix, sizeof segment->suffix, "%s", suffixes[i]);
		}
	}
	return fd;
}

/* --- records --- */

static int keep_part(struct survey *survey, const uint8_t hash[SURVEY_HASH_BYTES], size_t of)
{
	if (survey->part_count == survey->part_room) {
		size_t room = survey->part_room == 0 ? FIRST_ROOM : survey->part_room + survey->part_room / 2;
		struct survey_part *moved = realloc(survey->parts, room * sizeof *moved);

		if (moved == NULL) {
			return ERR_MEMORY;
		}
		survey->parts = moved;
		survey->part_room = room;
	}
	memcpy(survey->parts[survey->part_count].hash, hash, SURVEY_HASH_BYTES);
	survey->parts[survey->part_count++].of = (uint32_t)of;
	return 0;
}

static int find_case(struct survey *survey, const char *number, size_t *ret)
{
	struct journal_case_entry *entry = journal_cases_find(&survey->cases, number);

	if (entry == NULL) {
		if (journal_cases_reserve(&survey->cases) != 0) {
			return ERR_MEMORY;
		}
		entry = journal_cases_add(&survey->cases, number);
	}
	*ret = (size_t)(entry - survey->cases.entries);
	if (survey->cases.count > survey->fate_room) {
		size_t room = survey->fate_room == 0 ? FIRST_ROOM : survey->fate_room * 2;
		struct survey_fate *moved = realloc(survey->fates, room * sizeof *moved);

		if (moved == NULL) {
			return ERR_MEMORY;
		}
		memset(moved + survey->fate_room, 0, (room - survey->fate_room) * sizeof *moved);
		survey->fates = moved;
		survey->fate_room = room;
	}
	return 0;
}

static int take_record(struct survey *survey, const struct record *record)
{
	struct journal_ref ref;
	struct span role, value;
	char number[TABLE_CASE_SIZE];
	size_t of = 0;
	int err = 0;

	if (!record_field_string(record, "case", number, sizeof number)) {
		return 0;
	}
	err = find_case(survey, number, &of);
	if (err == 0 && strcmp(record->type, "erased") == 0 && !record_field_is(record, "stage", "asked")) {
		survey->fates[of].erased = true;
	}
	if (err == 0 && strcmp(record->type, "archived") == 0) {
		survey->fates[of].archived = !record_field_is(record, "event", "back");
	}
	for (size_t i = 0; err == 0 && journal_ref_nth(record->body, i, &role, &value); i++) {
		if (journal_ref_parse(value, &ref) != 0) {
			return ERR_DAMAGE;
		}
		for (size_t k = 0; k < ref.part_count && err == 0; k++) {
			err = keep_part(survey, ref.parts[k], of);
		}
	}
	return err;
}

static int tell(struct reading *reading, uint64_t done)
{
	return reading->options->progress == NULL || reading->survey->records % PROGRESS_RECORDS != 0
	           ? 0
	           : reading->options->progress(reading->options->context, done, reading->all_bytes);
}

static int read_records(struct reading *reading, struct survey_segment *segment, struct journal_scan *scan)
{
	struct survey *survey = reading->survey;
	const bool all = reading->options->until == UINT64_MAX;
	int err = 0;

	while (err == 0 && survey->records < reading->options->until) {
		struct record record;
		uint64_t offset = 0;

		err = journal_scan_next(scan, &record, &offset);
		if (err == ERR_NOTFOUND || (err == ERR_DAMAGE && all)) {
			return 0; /* with a limit the next segment, or its absence, shows what is missing */
		}
		if (err == 0) {
			err = take_record(survey, &record);
		}
		if (err == 0) {
			err = tree_append(&reading->tree, record.hash);
		}
		if (err == 0) {
			survey->records++;
			survey->utc_ms = record.utc_ms;
			memcpy(survey->head, record.hash, sizeof survey->head);
			segment->bytes = scan->offset;
			err = tell(reading, survey->bytes + scan->offset);
		}
	}
	return err;
}

static int read_segment(struct reading *reading, struct survey_segment *segment)
{
	struct journal_scan scan = { 0 };
	int fd = -1, err = 0;

	if (segment->first != reading->survey->records) {
		return reading->options->until == UINT64_MAX ? 0 : ERR_DAMAGE;
	}
	fd = open_segment(reading, segment);
	if (fd < 0) {
		return fd == ERR_NOTFOUND ? ERR_DAMAGE : fd;
	}
	err = journal_scan_open(&scan, reading->options->ops, fd, segment->first);
	if (err == 0) {
		err = read_records(reading, segment, &scan);
	}
	segment->cut = scan.end > segment->bytes;
	reading->survey->bytes += segment->bytes;
	journal_scan_close(&scan);
	file_close(reading->options->ops, &fd);
	return err;
}

/* --- all of it --- */

static int compare_parts(const void *a, const void *b)
{
	const struct survey_part *left = a, *right = b;
	int order = memcmp(left->hash, right->hash, SURVEY_HASH_BYTES);

	return order != 0 ? order : left->of < right->of ? -1 : left->of > right->of;
}

static void sort_parts(struct survey *survey)
{
	size_t kept = 0;

	if (survey->part_count == 0) {
		return;
	}
	qsort(survey->parts, survey->part_count, sizeof *survey->parts, compare_parts);
	for (size_t i = 1; i < survey->part_count; i++) {
		if (memcmp(survey->parts[kept].hash, survey->parts[i].hash, SURVEY_HASH_BYTES) != 0) {
			survey->parts[++kept] = survey->parts[i];
		}
	}
	survey->part_count = kept + 1;
}

static int open_segments(struct reading *reading)
{
	const struct fileops *ops = reading->options->ops;

	reading->segment_fd = ops->openat(ops, reading->options->data_fd, "journal/segment", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	return reading->segment_fd < 0 ? file_error() : file_list(ops, reading->segment_fd, visit_segment, reading);
}

int survey_make(const struct survey_options *options, struct survey *ret)
{
	struct reading reading = { .options = options, .survey = ret, .segment_fd = -1 };
	int err = 0;

	memset(ret, 0, sizeof *ret);
	err = open_segments(&reading);
	if (err == 0 && ret->segment_count > 1) {
		qsort(ret->segments, ret->segment_count, sizeof *ret->segments, compare_segments);
	}
	for (size_t i = 0; i < ret->segment_count && err == 0; i++) {
		err = read_segment(&reading, &ret->segments[i]);
	}
	file_close(options->ops, &reading.segment_fd);
	if (err == 0 && options->until != UINT64_MAX && ret->records < options->until) {
		err = ERR_DAMAGE;
	}
	if (err == 0) {
		sort_parts(ret);
		err = tree_root(&reading.tree, ret->root);
	}
	return err;
}

void survey_free(struct survey *survey)
{
	journal_cases_free(&survey->cases);
	free(survey->segments);
	free(survey->parts);
	free(survey->fates);
	memset(survey, 0, sizeof *survey);
}

const struct survey_part *survey_find_part(const struct survey *survey, const uint8_t hash[SURVEY_HASH_BYTES])
{
	size_t low = 0, high = survey->part_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(survey->parts[middle].hash, hash, SURVEY_HASH_BYTES);

		if (order == 0) {
			return &survey->parts[middle];
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

const struct survey_fate *survey_find_case(const struct survey *survey, const char *number)
{
	const struct journal_case_entry *entry = journal_cases_find(&survey->cases, number);

	return entry == NULL ? NULL : &survey->fates[entry - survey->cases.entries];
}
