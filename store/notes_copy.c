#include "notes_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "journal_anchor.h"

#define FORMAT_MAX_BYTES ((size_t)1024 * 1024)
#define TEMPORARY ".podatelna.tmp" /* one at a time; left over after a crash, it is in nobody's way */

struct copy {
	const struct notes_options *options;
	const struct fileops *ops;
	int journal, from, to; /* directories */
	struct journal_anchor_name *names;
	size_t count, capacity;
};

static void copy_close(struct copy *copy)
{
	file_close(copy->ops, &copy->journal);
	file_close(copy->ops, &copy->from);
	file_close(copy->ops, &copy->to);
	free(copy->names);
}

static int open_folder(const struct copy *copy, int dir, const char *name, int *ret)
{
	int fd = copy->ops->openat(copy->ops, dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd < 0) {
		return errno == EACCES || errno == EPERM ? ERR_DENIED : file_error();
	}
	*ret = fd;
	return 0;
}

static int visit(void *context, const char *text)
{
	struct copy *copy = context;
	struct journal_anchor_name name;

	if (!journal_anchor_parse_name(text, &name) || name.size < copy->options->from) {
		return 0;
	}
	if (copy->count == copy->capacity) {
		size_t capacity = copy->capacity == 0 ? 256 : 2 * copy->capacity;
		void *moved = reallocarray(copy->names, capacity, sizeof *copy->names);

		if (moved == NULL) {
			return ERR_MEMORY;
		}
		copy->names = moved;
		copy->capacity = capacity;
	}
	copy->names[copy->count++] = name;
	return 0;
}

/* Oldest first, and a note before what is about it. */
static int compare(const void *a, const void *b)
{
	const struct journal_anchor_name *left = a, *right = b;

	if (left->size != right->size) {
		return left->size < right->size ? -1 : 1;
	}
	if (left->kind != right->kind) {
		return left->kind < right->kind ? -1 : 1;
	}
	return left->number < right->number ? -1 : left->number > right->number;
}

/* Under a name of its own first. A file system without syncing of directories is no reason to keep auditors waiting. */
static int put(const struct copy *copy, const char *name, struct span bytes)
{
	const struct fileops *ops = copy->ops;
	int fd = -1, err = 0;

	(void)ops->unlinkat(ops, copy->to, TEMPORARY, 0);
	fd = ops->openat(ops, copy->to, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0) {
		return errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : file_error();
	}
	err = file_write_all(ops, fd, bytes.data, bytes.length);
	if (err == 0 && ops->fsync(ops, fd) != 0) {
		err = file_error();
	}
	if (ops->close(ops, fd) != 0 && err == 0) {
		err = file_error();
	}
	if (err == 0 && ops->renameat2(ops, copy->to, TEMPORARY, copy->to, name, 0) != 0) {
		err = file_error();
	}
	if (err != 0) {
		(void)ops->unlinkat(ops, copy->to, TEMPORARY, 0);
		return err;
	}
	(void)ops->fsync(ops, copy->to);
	return 0;
}

/* 0: it is there (now). ERR_EXISTS: another file of that name is. `is_note`: theirs may be the beginning of ours, then ours takes its place. */
static int bring(const struct copy *copy, int from, const char *name, size_t limit, bool is_note, struct notes_result *result)
{
	_cleanup_free_ uint8_t *ours = NULL;
	_cleanup_free_ uint8_t *theirs = NULL;
	size_t length = 0, their_length = 0;
	int err = file_read_small(copy->ops, from, name, limit, &ours, &length);

	if (err != 0) {
		return err;
	}
	err = file_read_small(copy->ops, copy->to, name, limit, &theirs, &their_length);
	if (err == 0 && their_length == length && memcmp(theirs, ours, length) == 0) {
		return 0;
	}
	if (err == ERR_LIMIT || (err == 0 && !(is_note && their_length < length && memcmp(theirs, ours, their_length) == 0))) {
		return ERR_EXISTS;
	}
	if (err != 0 && err != ERR_NOTFOUND) {
		return err;
	}
	err = put(copy, name, span_of(ours, length));
	result->copied += err == 0 ? 1 : 0;
	return err;
}

static enum notes_outcome outcome_of(int err)
{
	switch (err) {
	case 0:
		return NOTES_DONE;
	case ERR_NOTFOUND:
		return NOTES_AWAY;
	case ERR_DENIED:
		return NOTES_DENIED;
	case ERR_SPACE:
		return NOTES_FULL;
	default:
		return NOTES_FAILED;
	}
}

static void bring_all(const struct copy *copy, struct notes_result *result)
{
	for (size_t i = 0; i < copy->count; i++) {
		char name[JOURNAL_ANCHOR_NAME_SIZE];
		int err = ERR_INTERNAL;

		journal_anchor_format_name(&copy->names[i], name);
		err = bring(copy, copy->from, name, JOURNAL_ANCHOR_MAX_BYTES, copy->names[i].kind == JOURNAL_ANCHOR_NOTE, result);
		if (err == 0) {
			result->behind--;
		} else if (err != ERR_EXISTS) {
			result->outcome = err == ERR_NOTFOUND ? NOTES_FAILED : outcome_of(err);
			return;
		} else if (result->outcome == NOTES_DONE) {
			result->outcome = NOTES_OTHER;
			(void)snprintf(result->name, sizeof result->name, "%s", name);
		}
	}
}

void notes_copy(const struct notes_options *options, struct notes_result *ret)
{
	_cleanup_(copy_close) struct copy copy = { .options = options, .ops = options->ops, .journal = -1, .from = -1, .to = -1 };
	int err = open_folder(&copy, options->data_fd, "journal", &copy.journal);

	memset(ret, 0, sizeof *ret);
	if (err == 0) {
		err = open_folder(&copy, copy.journal, "anchor", &copy.from);
	}
	if (err == 0) {
		err = file_list(copy.ops, copy.from, visit, &copy);
	}
	if (err != 0) {
		ret->outcome = NOTES_FAILED;
		return;
	}
	ret->behind = copy.count;
	if (copy.count > 1) {
		qsort(copy.names, copy.count, sizeof *copy.names, compare);
	}
	err = open_folder(&copy, AT_FDCWD, options->path, &copy.to);
	if (err == 0) {
		err = bring(&copy, copy.journal, "origin", 256, false, ret);
	}
	if (err == ERR_EXISTS) {
		ret->outcome = NOTES_FOREIGN;
		return;
	}
	if (err == 0) {
		/* A newer version describes the format in other words; the description that came first stays. */
		err = bring(&copy, copy.journal, "FORMAT.txt", FORMAT_MAX_BYTES, false, ret);
		err = err == ERR_EXISTS ? 0 : err;
	}
	if (err != 0) {
		ret->outcome = outcome_of(err);
		return;
	}
	bring_all(&copy, ret);
}

const char *notes_outcome_word(enum notes_outcome outcome)
{
	static const char *const words[] = { [NOTES_DONE] = "",           [NOTES_AWAY] = "missing", [NOTES_DENIED] = "denied", [NOTES_FULL] = "full",
		                             [NOTES_FOREIGN] = "foreign", [NOTES_OTHER] = "other",  [NOTES_FAILED] = "failed", [NOTES_SLOW] = "slow" };

	return words[outcome];
}
