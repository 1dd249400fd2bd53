#include "journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"
#include "journal_anchor.h"
#include "journal_format.h"

#define LOCK_STEP_MS 50
#define SMALL_FILE_MAX_BYTES 256
#define ORIGIN_PREFIX "podatelna.invalid/"

void journal_segment_name(uint64_t first, const char *suffix, char ret[JOURNAL_NAME_SIZE])
{
	(void)snprintf(ret, JOURNAL_NAME_SIZE, "%012llu.%s", (unsigned long long)first, suffix);
}

bool journal_segment_parse(const char *name, struct journal_segment *ret)
{
	static const char *const suffixes[] = { "open", "s", "u" };
	struct span rest = span_of_string(name), digits;
	struct journal_segment segment = { 0 };

	if (!span_read_until(&rest, '.', &digits) || digits.length != 12 || !span_parse_u64(digits, &segment.first)) {
		return false;
	}
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		if (span_equals_string(rest, suffixes[i])) {
			(void)snprintf(segment.suffix, sizeof segment.suffix, "%s", suffixes[i]);
			*ret = segment;
			return true;
		}
	}
	return false;
}

void journal_note_name(uint64_t size, char ret[JOURNAL_NAME_SIZE])
{
	(void)snprintf(ret, JOURNAL_NAME_SIZE, "%llu.note", (unsigned long long)size);
}

static int open_mark_directory(struct journal *journal)
{
	const char *path = journal->options.mark_path, *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	char directory[MARK_PATH_MAX_BYTES];

	if (strlen(path) >= sizeof directory || strlen(name) == 0 || strlen(name) >= sizeof journal->mark_name) {
		return ERR_LIMIT;
	}
	(void)snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path), slash == NULL ? "." : path);
	(void)snprintf(journal->mark_name, sizeof journal->mark_name, "%s", name);
	journal->mark_fd = journal->ops->openat(journal->ops, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return journal->mark_fd < 0 ? file_error() : 0;
}

int journal_files_open(struct journal *journal)
{
	const struct fileops *ops = journal->ops;
	int err = file_directory(ops, journal->options.data_fd, "journal", &journal->dir_fd);

	if (err == 0) {
		err = journal_files_lock(journal, journal->options.lock_wait_ms);
	}
	if (err == 0) {
		err = file_directory(ops, journal->dir_fd, "segment", &journal->segment_fd);
	}
	if (err == 0) {
		err = file_directory(ops, journal->dir_fd, "anchor", &journal->anchor_fd);
	}
	if (err == 0) {
		err = file_directory(ops, journal->options.data_fd, "quarantine", &journal->quarantine_fd);
	}
	return err != 0 ? err : open_mark_directory(journal);
}

/* A former store may still be dying when its successor starts; two writers would be the end of the journal. */
int journal_files_lock(struct journal *journal, uint64_t wait_ms)
{
	uint64_t deadline = clock_deadline(wait_ms);

	while (flock(journal->dir_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			return ERR_SYSTEM;
		}
		if (clock_expired(deadline)) {
			return ERR_BUSY;
		}
		(void)poll(NULL, 0, LOCK_STEP_MS);
	}
	return 0;
}

static int draw_hex(size_t bytes, char *ret)
{
	uint8_t random[32];

	if (bytes > sizeof random || getrandom(random, bytes, 0) != (ssize_t)bytes) {
		return ERR_SYSTEM;
	}
	hex_encode(random, bytes, ret);
	return 0;
}

static int write_line(struct journal *journal, const char *name, const char *line)
{
	char text[SMALL_FILE_MAX_BYTES];
	int length = snprintf(text, sizeof text, "%s\n", line);

	return file_replace(journal->ops, journal->dir_fd, name, text, (size_t)length, 0640);
}

/* One line of exactly `length` characters. ERR_NOTFOUND, ERR_FORMAT, ... */
static int read_line(struct journal *journal, const char *name, size_t length, char *ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t have = 0;
	struct span rest, line;
	int err = file_read_small(journal->ops, journal->dir_fd, name, SMALL_FILE_MAX_BYTES, &data, &have);

	if (err != 0) {
		return err;
	}
	rest = span_of(data, have);
	if (!span_read_until(&rest, '\n', &line) || !span_is_empty(rest) || line.length != length || !span_copy_string(line, ret, length + 1)) {
		return ERR_FORMAT;
	}
	return 0;
}

int journal_files_new_instance(struct journal *journal)
{
	char instance[MARK_INSTANCE_BYTES + 1];
	int err = draw_hex(MARK_INSTANCE_BYTES / 2, instance);

	if (err == 0) {
		err = write_line(journal, "instance", instance);
	}
	if (err == 0) {
		memcpy(journal->instance, instance, sizeof instance);
	}
	return err;
}

static int has_content(void *context, const char *name)
{
	struct journal_segment segment;
	struct journal *journal = context;
	struct stat info;

	if (!journal_segment_parse(name, &segment)) {
		return 0;
	}
	if (journal->ops->fstatat(journal->ops, journal->segment_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return file_error();
	}
	return info.st_size > 0 ? ERR_EXISTS : 0;
}

/* A journal exists from the moment its `origin` is in place, which is written last; until then every step may be done again. */
static int create(struct journal *journal)
{
	char hex[17], origin[JOURNAL_ORIGIN_SIZE];
	int err = file_list(journal->ops, journal->segment_fd, has_content, journal);

	if (err == ERR_EXISTS) {
		journal_damage(journal, 0, "there are records, but the file journal/origin is missing");
		return 0;
	}
	if (err == 0) {
		err = draw_hex(8, hex);
	}
	if (err == 0) {
		err = file_replace(journal->ops, journal->dir_fd, "FORMAT.txt", journal_format_text, journal_format_length, 0444);
	}
	if (err == 0) {
		err = journal_files_new_instance(journal);
	}
	if (err == 0) {
		(void)snprintf(origin, sizeof origin, ORIGIN_PREFIX "%s", hex);
		err = write_line(journal, "origin", origin);
	}
	if (err == 0) {
		memcpy(journal->origin, origin, sizeof origin);
		journal->created = true;
	}
	return err;
}

int journal_files_identity(struct journal *journal)
{
	int err = read_line(journal, "origin", MARK_ORIGIN_BYTES, journal->origin);

	if (err == ERR_NOTFOUND) {
		return create(journal);
	}
	if (err == ERR_FORMAT || err == ERR_LIMIT) {
		return ERR_UNSUPPORTED;
	}
	if (err != 0) {
		return err;
	}
	err = read_line(journal, "instance", MARK_INSTANCE_BYTES, journal->instance);
	if (err == ERR_NOTFOUND || err == ERR_FORMAT || err == ERR_LIMIT) {
		/* Unknown, hence not that of the mark: a person will be asked. */
		memset(journal->instance, 0, sizeof journal->instance);
		return 0;
	}
	return err;
}

static int visit_segment(void *context, const char *name)
{
	struct journal *journal = context;
	struct journal_segment segment;
	struct stat info;

	if (!journal_segment_parse(name, &segment)) {
		log_warning("journal: a foreign file lies in journal/segment");
		return 0;
	}
	if (journal->ops->fstatat(journal->ops, journal->segment_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return file_error();
	}
	segment.bytes = (uint64_t)info.st_size;
	return journal_segment_add(journal, &segment);
}

static int compare_segments(const void *a, const void *b)
{
	const struct journal_segment *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

int journal_files_segments(struct journal *journal)
{
	int err = file_list(journal->ops, journal->segment_fd, visit_segment, journal);

	if (err == 0 && journal->segment_count > 1) {
		qsort(journal->segments, journal->segment_count, sizeof *journal->segments, compare_segments);
	}
	return err;
}

/* A temporary name of file_replace was never in place; it is read-only, so that the next write under it would fail. */
static void remove_temporary(const struct journal *journal, const char *name)
{
	size_t length = strlen(name);

	if (length > 4 && strcmp(name + length - 4, ".tmp") == 0 && journal->ops->unlinkat(journal->ops, journal->anchor_fd, name, 0) != 0) {
		log_warning("journal: what was left of an unfinished file in journal/anchor cannot be removed");
	}
}

static int visit_anchor(void *context, const char *text)
{
	struct journal *journal = context;
	struct journal_anchor_name name;

	if (!journal_anchor_parse_name(text, &name)) {
		remove_temporary(journal, text);
	} else if (name.kind == JOURNAL_ANCHOR_NOTE && name.size > journal->note_size) {
		journal->note_size = name.size;
	} else if (name.kind == JOURNAL_ANCHOR_SEAL && name.size > journal->seal_size) {
		journal->seal_size = name.size;
	}
	return 0;
}

int journal_files_notes(struct journal *journal)
{
	journal->note_size = journal->seal_size = 0;
	return file_list(journal->ops, journal->anchor_fd, visit_anchor, journal);
}

static bool is_tail_name(const char *name)
{
	struct span rest = span_of_string(name), digits, hex;
	uint8_t bytes[8];
	uint64_t index = 0;

	return span_read_until(&rest, '-', &digits) && digits.length == 12 && span_parse_u64(digits, &index) && span_read_until(&rest, '.', &hex) &&
	       span_parse_hex(hex, bytes, sizeof bytes) && span_equals_string(rest, "tail");
}

static int visit_quarantine(void *context, const char *name)
{
	struct journal *journal = context;

	if (!is_tail_name(name) || journal->missed_count == JOURNAL_MISSED_MAX) {
		return 0;
	}
	for (size_t i = 0; i < journal->named_count; i++) {
		if (strcmp(journal->named[i], name) == 0) {
			return 0;
		}
	}
	(void)snprintf(journal->missed[journal->missed_count++], JOURNAL_NAME_SIZE, "%s", name);
	return 0;
}

int journal_files_quarantine(struct journal *journal)
{
	journal->missed_count = 0;
	return file_list(journal->ops, journal->quarantine_fd, visit_quarantine, journal);
}
