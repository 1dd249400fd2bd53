#include "maintain.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/span.h"
#include "survey.h"
#include "verify.h"

#define STEP_BYTES (UINT64_C(4) * 1024 * 1024)
#define FOLDERS 256u /* below vault/ */
#define TEMPORARY_SUFFIX ".tmp"

/* Progress counts in parts of a whole: the index, the survey, the folders, the check. */
#define INDEX_SHARE 100u
#define SURVEY_SHARE 100u
#define CHECK_SHARE 100u

struct look {
	const struct maintain_options *options;
	struct survey survey;
	uint64_t done, count;
	int dir;            /* being listed */
	const char *folder; /* its name below the data directory */
	uint64_t *sum;      /* bytes of regular files in it */
};

unsigned maintain_parse(const char *word)
{
	static const struct {
		const char *word;
		unsigned work;
	} known[] = {
		{ "index", MAINTAIN_INDEX },         { "names", MAINTAIN_NAMES },
		{ "leftovers", MAINTAIN_LEFTOVERS }, { "check", MAINTAIN_CHECK },
		{ "space", MAINTAIN_SPACE },         { "all", MAINTAIN_INDEX | MAINTAIN_NAMES | MAINTAIN_LEFTOVERS | MAINTAIN_CHECK | MAINTAIN_SPACE },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].word, word) == 0) {
			return known[i].work;
		}
	}
	return 0;
}

static void tell(const struct look *look, const struct maintain_found *found)
{
	look->options->tell(look->options->context, found);
}

static void tell_progress(const struct look *look, uint64_t done)
{
	struct maintain_found found = { .what = MAINTAIN_PROGRESS, .done = done, .count = look->count };

	tell(look, &found);
}

static int on_survey(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
	const struct look *look = context;

	tell_progress(look, look->done + (all_bytes == 0 ? 0 : done_bytes * SURVEY_SHARE / all_bytes));
	return 0;
}

/* --- the index --- */

static void on_index(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
	const struct look *look = context;

	tell_progress(look, look->done + (all_bytes == 0 ? 0 : done_bytes * INDEX_SHARE / all_bytes));
}

/* A journal that has no closed segment yet needs none. */
static int make_index(struct look *look)
{
	struct maintain_found found = { .what = MAINTAIN_INDEXED };
	struct journal_facts facts = { 0 };
	int err = look->options->make_index(look->options->context, on_index, look, &facts);

	if (err != 0 && err != ERR_NOTFOUND && err != ERR_DAMAGE) {
		return err;
	}
	found.damaged = err == ERR_DAMAGE;
	found.index = facts.damaged_index;
	found.records = err == 0 ? facts.indexed : 0;
	memcpy(found.why, facts.why, sizeof found.why);
	tell(look, &found);
	look->done += INDEX_SHARE;
	return 0;
}

/* --- folders --- */

static bool is_old(const struct look *look, const struct stat *status, int64_t age_ms)
{
	int64_t time_ms = (int64_t)status->st_mtim.tv_sec * 1000;

	return time_ms <= look->options->now_ms - age_ms;
}

static bool is_temporary(const struct look *look, const char *name)
{
	size_t length = strlen(name), suffix = strlen(TEMPORARY_SUFFIX);

	return strcmp(look->folder, "vault/tmp") == 0 || (length > suffix && strcmp(name + length - suffix, TEMPORARY_SUFFIX) == 0);
}

static void look_at_temporary(const struct look *look, const char *name, const struct stat *status)
{
	struct maintain_found found = { .what = MAINTAIN_TEMPORARY };

	if (is_old(look, status, MAINTAIN_TEMPORARY_MS) &&
	    (size_t)snprintf(found.name, sizeof found.name, "%s%s%s", look->folder, look->folder[0] == '\0' ? "" : "/", name) < sizeof found.name) {
		tell(look, &found);
	}
}

static void look_at_part(const struct look *look, const char *name, const struct stat *status)
{
	struct maintain_found found = { .what = MAINTAIN_ORPHAN, .bytes = (uint64_t)status->st_size };

	if (span_parse_hex(span_of_string(name), found.hash, sizeof found.hash) && memcmp(look->folder + strlen("vault/"), name, 2) == 0 &&
	    survey_find_part(&look->survey, found.hash) == NULL && is_old(look, status, MAINTAIN_ORPHAN_MS)) {
		tell(look, &found);
	}
}

static int visit(void *context, const char *name)
{
	struct look *look = context;
	struct stat status;

	/* What goes away meanwhile is no matter. */
	if (look->options->ops->fstatat(look->options->ops, look->dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
		return 0;
	}
	if (look->sum != NULL) {
		*look->sum += (uint64_t)status.st_blocks * 512;
	}
	if ((look->options->work & MAINTAIN_LEFTOVERS) == 0) {
		return 0;
	}
	if (is_temporary(look, name)) {
		look_at_temporary(look, name, &status);
	} else if (span_starts_with(span_of_string(look->folder), "vault/")) {
		look_at_part(look, name, &status);
	}
	return 0;
}

static int look_into(struct look *look, const char *folder, uint64_t *sum)
{
	const struct fileops *ops = look->options->ops;
	int err = 0;

	look->folder = folder;
	look->sum = sum;
	look->dir = ops->openat(ops, look->options->data_fd, folder[0] == '\0' ? "." : folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (look->dir < 0) {
		err = file_error();
		look->folder = "";
		look->sum = NULL;
		return err == ERR_NOTFOUND ? 0 : err;
	}
	err = file_list(ops, look->dir, visit, look);
	file_close(ops, &look->dir);
	look->folder = "";
	look->sum = NULL;
	return err;
}

static int look_at_vault(struct look *look, struct maintain_space *space)
{
	char folder[16];
	int err = look_into(look, "vault/tmp", &space->vault);

	for (unsigned i = 0; i < FOLDERS && err == 0; i++) {
		(void)snprintf(folder, sizeof folder, "vault/%02x", i);
		err = look_into(look, folder, &space->vault);
		tell_progress(look, ++look->done);
	}
	return err;
}

static int look_at_folders(struct look *look)
{
	struct maintain_found found = { .what = MAINTAIN_MEASURED };
	struct maintain_space *space = &found.space;
	const struct {
		const char *name;
		uint64_t *sum;
	} folders[] = {
		{ "", NULL },
		{ "journal", NULL },
		{ "journal/segment", &space->segments },
		{ "journal/anchor", &space->anchors },
		{ "journal/trust", &space->anchors },
		{ "keys", &space->keys },
		{ "names", &space->names },
		{ "index", &space->index },
		{ "quarantine", &space->quarantine },
	};
	struct statvfs disk;
	int err = 0;

	for (size_t i = 0; i < sizeof folders / sizeof folders[0] && err == 0; i++) {
		err = look_into(look, folders[i].name, folders[i].sum);
	}
	if (err == 0) {
		err = look_at_vault(look, space);
	}
	if (err == 0 && (look->options->work & MAINTAIN_SPACE) != 0) {
		space->left =
		    look->options->ops->fstatvfs(look->options->ops, look->options->data_fd, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
		tell(look, &found);
	}
	return err;
}

/* --- the check --- */

static int check_object(void *context, const struct record *record, struct span role, const struct journal_ref *ref, char why[JOURNAL_TEXT_SIZE])
{
	const struct look *look = context;

	(void)record;
	(void)role;
	for (size_t i = 0; i < ref->part_count; i++) {
		char hex[65], path[128];
		struct stat status;

		hex_encode(ref->parts[i], 32, hex);
		(void)snprintf(path, sizeof path, "vault/%.2s/%s", hex, hex);
		if (look->options->ops->fstatat(look->options->ops, look->options->data_fd, path, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(status.st_mode)) {
			(void)snprintf(why, JOURNAL_TEXT_SIZE, "part %zu of an object of the vault is missing", i + 1);
			return ERR_NOTFOUND;
		}
	}
	return 0;
}

static int check(struct look *look)
{
	struct verify_options options = {
		.ops = look->options->ops, .data_fd = look->options->data_fd, .until = look->options->records, .on_object = check_object, .context = look
	};
	struct maintain_found found = { .what = MAINTAIN_CHECKED };
	struct journal_verify *verify = NULL;
	struct verify_result result = { 0 };
	int err = journal_verify_open(&options, &verify);

	while (err == 0 && (err = journal_verify_step(verify, STEP_BYTES)) == ERR_AGAIN) {
		journal_verify_result(verify, &result);
		tell_progress(look, look->done + (result.all_bytes == 0 ? 0 : result.done_bytes * CHECK_SHARE / result.all_bytes));
		err = 0;
	}
	if (err == 0) {
		journal_verify_result(verify, &result);
		found.damaged = result.damaged;
		found.index = result.index;
		found.records = result.records;
		found.objects = result.objects;
		memcpy(found.why, result.why, sizeof found.why);
		tell(look, &found);
	}
	journal_verify_close(verify);
	return err;
}

void maintain_look(const struct maintain_options *options)
{
	const bool leftovers = (options->work & MAINTAIN_LEFTOVERS) != 0, folders = leftovers || (options->work & MAINTAIN_SPACE) != 0;
	struct look look = { .options = options, .dir = -1 };
	struct survey_options survey = { .ops = options->ops, .data_fd = options->data_fd, .until = options->records, .progress = on_survey, .context = &look };
	struct maintain_found found = { .what = MAINTAIN_DONE };

	look.count = ((options->work & MAINTAIN_INDEX) != 0 ? INDEX_SHARE : 0u) + (leftovers ? SURVEY_SHARE : 0u) + (folders ? FOLDERS : 0u) +
	             ((options->work & MAINTAIN_CHECK) != 0 ? CHECK_SHARE : 0u);
	if ((options->work & MAINTAIN_INDEX) != 0) {
		found.err = make_index(&look);
	}
	if (found.err == 0 && leftovers) {
		/* Without knowing all records nothing is called left over. */
		found.err = survey_make(&survey, &look.survey);
		look.done += SURVEY_SHARE;
	}
	if (found.err == 0 && folders) {
		found.err = look_at_folders(&look);
	}
	survey_free(&look.survey);
	if (found.err == 0 && (options->work & MAINTAIN_CHECK) != 0) {
		found.err = check(&look);
	}
	tell(&look, &found);
}
