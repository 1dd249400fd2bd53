/* run.c - a run from opening to closing, and work on several threads. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state.h"
#include "words.h"

struct parallel {
	void (*work)(void *context, uint64_t n);
	void *context;
	uint64_t count;
	atomic_uint_fast64_t next;
};

static void *run(void *context)
{
	struct parallel *parallel = context;
	uint64_t n = 0;

	while ((n = atomic_fetch_add(&parallel->next, 1)) < parallel->count) {
		parallel->work(parallel->context, n);
	}
	return NULL;
}

int audit_parallel(const struct audit *audit, uint64_t count, void (*work)(void *context, uint64_t n), void *context)
{
	struct parallel parallel = { .work = work, .context = context, .count = count };
	pthread_t threads[AUDIT_THREADS_MAX];
	unsigned started = 0;

	while (started + 1 < audit->settings.threads && pthread_create(&threads[started], NULL, run, &parallel) == 0) {
		started++;
	}
	(void)run(&parallel);
	while (started > 0) {
		(void)pthread_join(threads[--started], NULL);
	}
	return 0;
}

int audit_open(struct audit *audit, const struct audit_settings *settings)
{
	struct bytes format = { .data = audit_format_text, .length = audit_format_length };
	char words[AUDIT_WHY_SIZE] = "";
	const char *why = "";

	*audit = (struct audit){ .settings = *settings, .source = { .data_fd = -1, .journal_fd = -1, .segment_fd = -1 } };
	(void)pthread_mutex_init(&audit->lock, NULL);
	audit->progress = isatty(STDERR_FILENO) == 1;
	if (rules_load(format, &audit->rules, words) != 0) {
		(void)fprintf(stderr, _("FORMAT.txt in this program is not understood: %s"), words);
		(void)fprintf(stderr, "\n");
		return AUDIT_NO;
	}
	if (source_open(settings->data_dir, &audit->source, &why) != 0) {
		(void)fprintf(stderr, "%s: %s%s%s\n", settings->data_dir, _(why), errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
		return AUDIT_NO;
	}
	audit->settings.layout = audit->source.layout;
	if (audit->source.origin[0] == '\0') {
		audit_found(audit, AUDIT_ORIGIN, AUDIT_NO_INDEX, "journal/origin is missing or malformed");
	}
	return 0;
}

void audit_close(struct audit *audit)
{
	source_close(&audit->source);
	tree_free(&audit->tree);
	free(audit->utc_ms);
	free(audit->types);
	free(audit->case_of);
	free(audit->anchors);
	free(audit->cases);
	free(audit->case_slots);
	free(audit->uses);
	free(audit->list);
	(void)pthread_mutex_destroy(&audit->lock);
}
