#include "verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "verify_private.h"

#define STEP_BYTES (UINT64_C(4) * 1024 * 1024)
#define ORIGIN_FILE_MAX_BYTES 256

void verify_damage(struct journal_verify *verify, uint64_t index, const char *why)
{
	struct verify_result *result = &verify->result;

	if (result->damaged && result->index <= index) {
		return;
	}
	result->damaged = true;
	result->index = index;
	(void)snprintf(result->why, sizeof result->why, "%s", why);
}

static int open_directory(struct journal_verify *verify, int dir, const char *name, int *ret_fd)
{
	int fd = verify->options.ops->openat(verify->options.ops, dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd < 0) {
		return file_error();
	}
	*ret_fd = fd;
	return 0;
}

static int read_origin(struct journal_verify *verify)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct span rest, line;
	size_t length = 0;
	int err = file_read_small(verify->options.ops, verify->dir_fd, "origin", ORIGIN_FILE_MAX_BYTES, &data, &length);

	if (err != 0 && err != ERR_NOTFOUND && err != ERR_LIMIT) {
		return err;
	}
	rest = span_of(data, length);
	if (err != 0 || !span_read_until(&rest, '\n', &line) || !span_is_empty(rest) ||
	    !span_copy_string(line, verify->result.origin, sizeof verify->result.origin)) {
		verify_damage(verify, 0, "the file journal/origin is missing or malformed");
	}
	return 0;
}

static void *grow(void *array, size_t count, size_t size)
{
	/* A power of two is reached: double. */
	return (count & (count - 1)) == 0 ? realloc(array, (count == 0 ? 1 : 2 * count) * size) : array;
}

static int visit_segment(void *context, const char *name)
{
	struct journal_verify *verify = context;
	struct journal_segment segment, *moved = NULL;
	struct stat info;

	if (!journal_segment_parse(name, &segment)) {
		return 0;
	}
	if (verify->options.ops->fstatat(verify->options.ops, verify->segment_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return file_error();
	}
	moved = grow(verify->segments, verify->segment_count, sizeof *moved);
	if (moved == NULL) {
		return ERR_MEMORY;
	}
	segment.bytes = (uint64_t)info.st_size;
	verify->result.all_bytes += segment.bytes;
	verify->segments = moved;
	verify->segments[verify->segment_count++] = segment;
	return 0;
}

static int compare_segments(const void *a, const void *b)
{
	const struct journal_segment *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

static int read_head(struct journal_verify *verify, int which, const char *name)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	int err = file_read_small(verify->options.ops, verify->dir_fd, name, HEAD_BYTES, &data, &length);

	if (err != 0 && err != ERR_NOTFOUND && err != ERR_LIMIT) {
		return err;
	}
	verify->head_valid[which] =
	    err == 0 && head_parse(span_of(data, length), &verify->heads[which]) == 0 && verify->heads[which].size <= verify->options.until;
	verify->result.heads += verify->head_valid[which] ? 1 : 0;
	return 0;
}

static int load(struct journal_verify *verify)
{
	const struct fileops *ops = verify->options.ops;
	int err = open_directory(verify, verify->options.data_fd, "journal", &verify->dir_fd);

	if (err == 0) {
		err = open_directory(verify, verify->dir_fd, "segment", &verify->segment_fd);
	}
	if (err == 0) {
		err = open_directory(verify, verify->dir_fd, "anchor", &verify->anchor_fd);
	}
	if (err == 0) { /* without it there are just no stamps that failed */
		err = open_directory(verify, verify->options.data_fd, "quarantine", &verify->quarantine_fd);
		err = err == ERR_NOTFOUND ? 0 : err;
	}
	if (err == 0) {
		err = read_origin(verify);
	}
	if (err == 0) {
		err = read_head(verify, 0, "head.a");
	}
	if (err == 0) {
		err = read_head(verify, 1, "head.b");
	}
	if (err == 0) {
		err = file_list(ops, verify->segment_fd, visit_segment, verify);
	}
	if (err == 0) {
		err = verify_anchor_load(verify);
	}
	if (err != 0) {
		return err;
	}
	if (verify->segment_count > 1) {
		qsort(verify->segments, verify->segment_count, sizeof *verify->segments, compare_segments);
	}
	return 0;
}

int journal_verify_open(const struct verify_options *options, struct journal_verify **ret)
{
	struct journal_verify *verify = calloc(1, sizeof *verify);
	int err = 0;

	if (verify == NULL) {
		return ERR_MEMORY;
	}
	verify->options = *options;
	verify->dir_fd = verify->segment_fd = verify->anchor_fd = verify->quarantine_fd = verify->fd = -1;
	err = load(verify);
	if (err != 0) {
		journal_verify_close(verify);
		return err;
	}
	*ret = verify;
	return 0;
}

void journal_verify_close(struct journal_verify *verify)
{
	const struct fileops *ops = NULL;

	if (verify == NULL) {
		return;
	}
	ops = verify->options.ops;
	file_close(ops, &verify->fd);
	file_close(ops, &verify->anchor_fd);
	file_close(ops, &verify->quarantine_fd);
	file_close(ops, &verify->segment_fd);
	file_close(ops, &verify->dir_fd);
	journal_scan_close(&verify->scan);
	journal_cases_free(&verify->cases);
	free(verify->segments);
	free(verify->notes);
	free(verify->files);
	free(verify->missing);
	free(verify);
}

/* The living journal may have given the segment another name since it was listed. */
static int open_segment(struct journal_verify *verify)
{
	static const char *const others[] = { "s", "u", "open" };
	const struct journal_segment *segment = &verify->segments[verify->position];
	char name[JOURNAL_NAME_SIZE];
	int fd = -1;

	journal_segment_name(segment->first, segment->suffix, name);
	fd = file_open_read(verify->options.ops, verify->segment_fd, name);
	for (size_t i = 0; i < sizeof others / sizeof others[0] && fd == ERR_NOTFOUND; i++) {
		journal_segment_name(segment->first, others[i], name);
		fd = file_open_read(verify->options.ops, verify->segment_fd, name);
	}
	if (fd < 0) {
		return fd;
	}
	verify->fd = fd;
	return 0;
}

static int begin_segment(struct journal_verify *verify)
{
	const struct journal_segment *segment = &verify->segments[verify->position];
	int err = 0;

	if (segment->first != verify->tree.size) {
		verify_damage(verify, verify->tree.size, "a segment is missing or stands at the wrong place");
		return 0;
	}
	err = open_segment(verify);
	if (err == 0) {
		err = journal_scan_open(&verify->scan, verify->options.ops, verify->fd, verify->tree.size);
	}
	verify->summarised = false;
	verify->result.segments++;
	verify->result.unclean_segments += strcmp(segment->suffix, "u") == 0 ? 1 : 0;
	return err;
}

static void end_segment(struct journal_verify *verify)
{
	const struct journal_segment *segment = &verify->segments[verify->position];

	if (strcmp(segment->suffix, "s") == 0 && !verify->summarised) {
		verify_damage(verify, verify->tree.size, "a closed segment lacks its last record");
	}
	verify->result.done_bytes += verify->scan.offset;
	file_close(verify->options.ops, &verify->fd);
	verify->position++;
}

/* The same judgement as at the start of the store (journal_recover.c), from the files alone. */
static int judge_break(struct journal_verify *verify)
{
	const struct journal_segment *segment = &verify->segments[verify->position];
	uint64_t size = verify->tree.size, notes = verify->note_count == 0 ? 0 : verify->notes[verify->note_count - 1].size;
	int later = 0;

	if (verify->position + 1 < verify->segment_count || strcmp(segment->suffix, "open") != 0 || verify->options.until != UINT64_MAX || size < notes ||
	    (verify->head_valid[0] && size < verify->heads[0].size) || (verify->head_valid[1] && size < verify->heads[1].size)) {
		verify_damage(verify, size, verify->scan.why);
		return 0;
	}
	later = journal_scan_later(&verify->scan);
	if (later < 0) {
		return later;
	}
	if (later > 0) {
		verify_damage(verify, size, verify->scan.why);
		return 0;
	}
	verify->result.tail_bytes = verify->scan.end - verify->scan.offset;
	end_segment(verify);
	return 0;
}

static int step(struct journal_verify *verify)
{
	struct record record;
	uint64_t offset = 0;
	int err = 0;

	if (verify->fd < 0) {
		return begin_segment(verify);
	}
	err = journal_scan_next(&verify->scan, &record, &offset);
	if (err == ERR_NOTFOUND) {
		end_segment(verify);
		return 0;
	}
	if (err == ERR_DAMAGE) {
		return judge_break(verify);
	}
	return err != 0 ? err : verify_record(verify, &record);
}

static void finish(struct journal_verify *verify)
{
	uint64_t size = verify->tree.size, most = verify->options.until == UINT64_MAX ? 0 : verify->options.until;

	for (int i = 0; i < 2; i++) {
		if (verify->head_valid[i] && verify->heads[i].size > most) {
			most = verify->heads[i].size;
		}
	}
	if (verify->note_count > 0 && verify->notes[verify->note_count - 1].size > most) {
		most = verify->notes[verify->note_count - 1].size;
	}
	if (size < most && !verify->result.damaged) {
		verify_damage(verify, size, "records that the head or a checkpoint counts are missing");
	}
	verify_missing(verify);
	verify_anchor_finish(verify);
	verify->result.cases = verify->cases.count;
	verify->result.records = size;
	verify->result.erased = verify->result.archived = 0;
	for (size_t i = 0; i < verify->cases.count; i++) {
		verify->result.archived += verify->cases.entries[i].state.archived != 0 && !verify->cases.entries[i].state.erased ? 1 : 0;
		verify->result.erased += verify->cases.entries[i].state.erased ? 1 : 0;
	}
	verify->finished = true;
}

int journal_verify_step(struct journal_verify *verify, uint64_t bytes)
{
	uint64_t start = verify->result.done_bytes + verify->scan.offset, rounds = 0;

	/* Rounds are counted too, so that many empty segments cannot keep the loop busy. */
	while (!verify->finished && rounds++ <= bytes / RECORD_HEADER_BYTES) {
		int err = 0;

		if (verify->result.damaged || verify->position == verify->segment_count || verify->tree.size >= verify->options.until) {
			finish(verify);
			return tree_root(&verify->tree, verify->result.root);
		}
		err = step(verify);
		if (err != 0) {
			return err == ERR_AGAIN ? ERR_SYSTEM : err;
		}
		if (verify->result.done_bytes + (verify->fd >= 0 ? verify->scan.offset : 0) >= start + bytes) {
			break;
		}
	}
	return verify->finished ? 0 : ERR_AGAIN;
}

void journal_verify_result(const struct journal_verify *verify, struct verify_result *ret)
{
	*ret = verify->result;
	ret->records = verify->tree.size;
	ret->done_bytes += verify->fd >= 0 ? verify->scan.offset : 0;
}

int journal_verify(const struct verify_options *options, void (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes), struct verify_result *ret)
{
	struct journal_verify *verify = NULL;
	int err = journal_verify_open(options, &verify);

	if (err != 0) {
		return err;
	}
	do {
		err = journal_verify_step(verify, STEP_BYTES);
		if (progress != NULL && (err == 0 || err == ERR_AGAIN)) {
			struct verify_result now;

			journal_verify_result(verify, &now);
			progress(options->context, now.done_bytes, now.all_bytes);
		}
	} while (err == ERR_AGAIN);
	if (err == 0) {
		journal_verify_result(verify, ret);
	}
	journal_verify_close(verify);
	return err;
}
