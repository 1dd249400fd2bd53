/* anchors.c - the order in which checkpoints, signatures, certificates, lists and stamps are judged (audit_anchors_check in audit.h). */
#include "anchors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "words.h"

void *anchors_grow(void *array, size_t count, size_t size)
{
	return (count & (count - 1)) == 0 ? reallocarray(array, count == 0 ? 1 : 2 * count, size) : array;
}

bool anchors_may_say(struct anchors_run *run, enum audit_kind kind)
{
	bool may = false;

	(void)pthread_mutex_lock(&run->lock);
	may = run->said[kind]++ < ANCHORS_SAID_MAX;
	(void)pthread_mutex_unlock(&run->lock);
	return may;
}

void anchors_time_text(int64_t utc_s, char ret[ANCHORS_UNTIL_SIZE])
{
	time_t when = (time_t)utc_s;
	struct tm parts;

	if (gmtime_r(&when, &parts) == NULL || strftime(ret, ANCHORS_UNTIL_SIZE, "%Y-%m-%d %H:%M:%SZ", &parts) == 0) {
		(void)snprintf(ret, ANCHORS_UNTIL_SIZE, "?");
	}
}

/* --- all checkpoints, on all threads --- */

static struct anchors_note *take_next(struct anchors_run *run)
{
	struct anchors_note *note = NULL;

	(void)pthread_mutex_lock(&run->lock);
	if (run->next < run->note_count) {
		note = &run->notes[run->next++];
	}
	(void)pthread_mutex_unlock(&run->lock);
	return note;
}

static void *work(void *context)
{
	struct anchors_run *run = context;
	struct anchors_note *note = NULL;

	while ((note = take_next(run)) != NULL) {
		anchors_note_check(run, note);
	}
	return NULL;
}

/* A thread that cannot be had is done without. */
static void check_notes(struct anchors_run *run)
{
	pthread_t threads[AUDIT_THREADS_MAX];
	size_t count = 0, wanted = run->settings->threads > AUDIT_THREADS_MAX ? AUDIT_THREADS_MAX : run->settings->threads;

	while (count + 1 < wanted && count + 1 < run->note_count && pthread_create(&threads[count], NULL, work, run) == 0) {
		count++;
	}
	(void)work(run);
	while (count > 0) {
		(void)pthread_join(threads[--count], NULL);
	}
}

static void say_rest(struct anchors_run *run)
{
	if (run->beyond > 0) {
		audit_found(run->audit, AUDIT_TRUNCATED, run->records->size, N_("there is a checkpoint of %ju records, and only %ju are here"), run->beyond,
		            run->records->size);
	}
	for (size_t kind = 0; kind < AUDIT_KIND_COUNT; kind++) {
		if (run->said[kind] > ANCHORS_SAID_MAX) {
			audit_found(run->audit, (enum audit_kind)kind, AUDIT_NO_INDEX,
			            N_("more findings of this kind about checkpoints, which are not listed: %ju"), run->said[kind] - ANCHORS_SAID_MAX);
		}
	}
}

static void judge(struct anchors_run *run)
{
	check_notes(run);
	anchors_files_records(run);
	if (!anchors_judge_signers(run)) {
		run->failed = true;
		return;
	}
	/* Lists are laid over the paths that were found. */
	anchors_files_lists(run);
	anchors_judge_stamps(run);
	anchors_cover_renewals(run);
	anchors_judge_notes(run);
	anchors_cover_records(run);
	say_rest(run);
}

/* --- begin and end --- */

static int folder(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void open_folders(struct anchors_run *run, int journal_fd)
{
	bool notes_only = run->settings->layout == AUDIT_LAYOUT_NOTES;

	run->anchor_fd = notes_only ? folder(journal_fd, ".") : folder(journal_fd, "anchor");
	run->trust_fd = folder(journal_fd, "trust");
	run->quarantine_fd = run->settings->layout == AUDIT_LAYOUT_DATA ? folder(journal_fd, "../quarantine") : -1;
}

static void finish(struct anchors_run *run)
{
	const int fds[] = { run->anchor_fd, run->trust_fd, run->quarantine_fd };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
		}
	}
	for (size_t i = 0; i < run->list_count; i++) {
		free((void *)(uintptr_t)run->lists[i].data);
	}
	for (size_t i = 0; i < run->signer_count; i++) {
		free(run->signers[i]);
	}
	free(run->signers);
	free(run->notes);
	free(run->stamps);
	audit_pool_free(&run->pool);
	(void)pthread_mutex_destroy(&run->lock);
}

int audit_anchors_check(struct audit *audit, const struct audit_settings *settings, int journal_fd, const struct audit_records *records,
                        bool (*root_of)(void *context, uint64_t size, uint8_t ret[AUDIT_HASH_BYTES]), void *context, struct audit_anchors_result *ret)
{
	struct anchors_run run = { .audit = audit, .settings = settings, .records = records, .root_of = root_of, .context = context, .ret = ret };
	int result = -1;

	memset(ret, 0, sizeof *ret);
	(void)pthread_mutex_init(&run.lock, NULL);
	audit_pool_init(&run.pool);
	open_folders(&run, journal_fd);
	if (anchors_files_list(&run) && !run.failed) {
		anchors_files_trust(&run);
		judge(&run);
		result = run.failed ? -1 : 0;
	}
	finish(&run);
	return result;
}
