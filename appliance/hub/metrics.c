#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "metrics_private.h"

#define FILE_MODE 0644 /* node_exporter has a user of its own */

const double metrics_bounds[METRICS_BUCKETS] = { 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 86400 };

struct metrics *metrics_new(const struct config *config)
{
	struct metrics *metrics = NULL;
	const char *slash = strrchr(config->metrics_file, '/');

	if (slash == NULL || strlen(slash + 1) >= sizeof metrics->name || (size_t)(slash - config->metrics_file) >= sizeof metrics->path - 1) {
		return NULL;
	}
	metrics = calloc(1, sizeof *metrics);
	if (metrics == NULL) {
		return NULL;
	}
	(void)snprintf(metrics->path, sizeof metrics->path, "%.*s", slash == config->metrics_file ? 1 : (int)(slash - config->metrics_file),
	               config->metrics_file);
	(void)snprintf(metrics->name, sizeof metrics->name, "%s", slash + 1);
	metrics->folder = open(metrics->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (metrics->folder < 0) {
		log_error("metrics_file: %s: %s", metrics->path, strerror(errno));
		free(metrics);
		return NULL;
	}
	return metrics;
}

const char *metrics_folder(const struct metrics *metrics)
{
	return metrics == NULL ? NULL : metrics->path;
}

/* --- counting --- */

static void observe(struct metrics_histogram *histogram, int64_t ms)
{
	size_t place = 0;

	/* A clock that was set back in between says nothing. */
	if (ms < 0) {
		return;
	}
	while (place < METRICS_BUCKETS && (double)ms / 1000 > metrics_bounds[place]) {
		place++;
	}
	histogram->buckets[place]++;
	histogram->sum_ms += (uint64_t)ms;
}

size_t metrics_partner(const struct config *config, const char *name)
{
	size_t place = 0;

	while (place < config->partner_count && strcmp(config->partners[place].name, name) != 0) {
		place++;
	}
	return place;
}

static size_t find_token(const struct config *config, const char *name)
{
	size_t place = 0;

	while (place < config->token_count && strcmp(config->tokens[place].name, name) != 0) {
		place++;
	}
	return place;
}

static void count_signature(struct hub *hub, const struct hub_case *of)
{
	const struct config_key *key = of->times.key == NULL ? NULL : config_key_find(hub->config, of->times.key);

	if (key != NULL && key->token_index < CONFIG_TOKENS_MAX) {
		hub->metrics->signatures[key->token_index]++;
	}
}

static void count_token(struct hub *hub, const struct record *record)
{
	char name[CONFIG_NAME_MAX + 1];
	size_t token = hub->config->token_count;

	if (strcmp(record->type, "token") == 0 && record_field_string(record, "token", name, sizeof name)) {
		token = find_token(hub->config, name);
	}
	if (token < hub->config->token_count) {
		hub->metrics->logins[token] += record_field_is(record, "event", "login") ? 1 : 0;
		hub->metrics->refusals[token] += record_field_is(record, "event", "pin-refused") ? 1 : 0;
	}
}

static void note_intent(const struct record *record, struct hub_case *of)
{
	char key[CONFIG_NAME_MAX + 1];

	of->times.intent_ms = record->utc_ms;
	of->times.key = record_field_string(record, "key", key, sizeof key) ? intern(key) : NULL;
}

/* How long the steps of a case took. */
static void count_case(struct hub *hub, const struct record *record, struct hub_case *of)
{
	struct metrics *metrics = hub->metrics;

	switch (record_kind_of(record->type)) {
	case RECORD_HELD:
	case RECORD_UNKNOWN:
		of->times.posted = true; /* it waits for a person: how long that takes says nothing of the box */
		break;
	case RECORD_INTENT:
		note_intent(record, of);
		break;
	case RECORD_SIGNED:
		count_signature(hub, of);
		observe(&metrics->signing, record->utc_ms - of->times.intent_ms);
		break;
	case RECORD_REQUEST:
		if (!of->times.posted) {
			observe(&metrics->first_post, record->utc_ms - of->received_ms);
		}
		of->times.posted = true;
		break;
	case RECORD_SENDING:
		of->times.sending_ms = record->utc_ms;
		break;
	case RECORD_CLOSED:
		if (of->times.sending_ms != 0) {
			observe(&metrics->verdict, record->utc_ms - of->times.sending_ms);
		}
		break;
	default:
		break;
	}
	if (of->state != of->times.counted && state_is_closed(of->state)) {
		metrics->closed[metrics_partner(hub->config, of->partner)][of->state]++;
	}
	of->times.counted = of->state;
}

void metrics_record(struct hub *hub, const struct record *record, struct hub_case *of)
{
	if (hub->metrics == NULL) {
		return;
	}
	hub->metrics->journal_bytes += record->leaf.length + RECORD_TRAILER_BYTES;
	if (of != NULL) {
		count_case(hub, record, of);
	} else {
		count_token(hub, record);
	}
}

/* --- writing --- */

/* Under a name that node_exporter does not read, then renamed: a reader finds the old file or the new one, whole. It is not synced: it is of this minute only. */
static int put_file(const struct metrics *metrics, const char *text, size_t length)
{
	char temporary[sizeof metrics->name + 8];
	_cleanup_close_ int fd = -1;

	(void)snprintf(temporary, sizeof temporary, ".%s.part", metrics->name);
	(void)unlinkat(metrics->folder, temporary, 0);
	fd = openat(metrics->folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0) {
		return ERR_SYSTEM;
	}
	if (fchmod(fd, FILE_MODE) != 0 || fd_write_all(fd, text, length) != 0 || renameat(metrics->folder, temporary, metrics->folder, metrics->name) != 0) {
		int error = errno;

		(void)unlinkat(metrics->folder, temporary, 0);
		errno = error;
		return ERR_SYSTEM;
	}
	return 0;
}

static int write_page(struct hub *hub)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *page = open_memstream(&text, &length);

	if (page == NULL) {
		return ERR_MEMORY;
	}
	metrics_page(page, hub, hub->metrics);
	return fclose(page) != 0 ? ERR_MEMORY : put_file(hub->metrics, text, length);
}

void metrics_update(struct hub *hub)
{
	struct metrics *metrics = hub->metrics;
	bool failed = false;

	if (metrics == NULL || !hub->replayed || !clock_expired(metrics->next_ms)) {
		return;
	}
	metrics->next_ms = clock_deadline(hub->config->metrics_every_ms);
	failed = write_page(hub) != 0;
	if (failed && !metrics->failed) {
		log_error("%s/%s cannot be written: %s", metrics->path, metrics->name, strerror(errno));
	}
	metrics->failed = failed;
}
