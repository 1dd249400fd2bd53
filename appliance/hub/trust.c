#include "trust.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "stamp_private.h"
#include "trust_private.h"

#define CHAIN_MAX_BYTES (256U * 1024)
#define LOOK_RETRY_MS INT64_C(3600000)

static bool signs_checkpoints(const struct config *config)
{
	for (size_t i = 0; i < config->key_count; i++) {
		if ((config->keys[i].use & CONFIG_USE_JOURNAL) != 0) {
			return true;
		}
	}
	return false;
}

static void load_chain(struct trust *trust, const char *path)
{
	_cleanup_close_ int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (path[0] != '\0' && (fd < 0 || fd_read_all(fd, CHAIN_MAX_BYTES, &trust->chain, &trust->chain_length) != 0)) {
		log_error("the certificates above the key of the journal (\"%s\") cannot be read: they are not collected", path);
	}
}

struct trust *trust_new(struct hub *hub)
{
	const struct config *config = hub->config;
	bool own = signs_checkpoints(config);
	struct trust *trust = config->tsa_count == 0 && !own ? NULL : calloc(1, sizeof *trust);

	if (trust == NULL) {
		return NULL;
	}
	trust->hub = hub;
	for (size_t i = 0; i < config->tsa_count; i++) {
		trust->sources[trust->source_count++] =
		    (struct trust_source){ .name = config->tsas[i].name, .urls = &config->tsas[i].crl_urls, .signed_fd = -1 };
		if (hub->stamper != NULL) {
			trust->sources[i].beside = hub->stamper->tsas[i].anchors;
			trust->sources[i].beside_length = hub->stamper->tsas[i].anchors_length;
		}
	}
	if (own) {
		load_chain(trust, config->signer_chain);
		trust->sources[trust->source_count++] = (struct trust_source){
			.name = "", .urls = &config->signer_crl_urls, .beside = trust->chain, .beside_length = trust->chain_length, .signed_fd = -1
		};
	}
	return trust;
}

/* --- what came --- */

static void copy(const char *value, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", value == NULL ? "" : value);
}

static int64_t moment_of(const struct lines *lines, const char *name)
{
	const char *text = lines_get(lines, name);
	int64_t utc_ms = 0;

	return text != NULL && clock_parse_utc(span_of_string(text), &utc_ms) ? utc_ms : 0;
}

static struct trust_point *find_point(struct trust_source *source, const char *url)
{
	for (size_t i = 0; i < source->point_count; i++) {
		if (strcmp(source->points[i].urls[0], url) == 0) {
			return &source->points[i];
		}
	}
	return NULL;
}

/* Its place, or one that is free, or that of a point whose certificate is used no more and ends first. */
static struct trust_point *point_for(struct trust_source *source, const char *url)
{
	struct trust_point *found = find_point(source, url);

	if (found != NULL) {
		return found;
	}
	if (source->point_count < TRUST_POINTS_MAX) {
		found = &source->points[source->point_count++];
	}
	for (size_t i = 0; i < source->point_count && source->point_count == TRUST_POINTS_MAX; i++) {
		struct trust_point *each = &source->points[i];

		found = !each->present && (found == NULL || each->until_ms < found->until_ms) ? each : found;
	}
	if (found != NULL) {
		*found = (struct trust_point){ 0 };
		copy(url, found->urls[0], sizeof found->urls[0]);
		found->url_count = 1;
	}
	return found;
}

static void add_point(struct trust_source *source, const char *url, int64_t until_ms)
{
	struct trust_point *point = point_for(source, url);

	if (point != NULL) {
		point->present = true;
		point->until_ms = until_ms > point->until_ms ? until_ms : point->until_ms;
	}
}

static void read_cert(struct trust_source *source, const struct lines *result, size_t n, bool root)
{
	struct trust_cert *cert = &source->chain[n];
	char name[LINES_NAME_MAX + 1];

	(void)snprintf(name, sizeof name, "cert.%zu.sha256", n);
	copy(lines_get(result, name), cert->sha256, sizeof cert->sha256);
	(void)snprintf(name, sizeof name, "cert.%zu.from", n);
	cert->from_ms = moment_of(result, name);
	(void)snprintf(name, sizeof name, "cert.%zu.until", n);
	cert->until_ms = moment_of(result, name);
	for (size_t k = 0; k < TRUST_URLS_MAX && !root; k++) {
		struct trust_point *point = NULL;
		const char *url = NULL;

		(void)snprintf(name, sizeof name, "cert.%zu.url.%zu", n, k);
		url = lines_get(result, name);
		if (url == NULL || strlen(url) >= TRUST_URL_SIZE) {
			return;
		}
		if (k == 0) {
			add_point(source, url, cert->until_ms);
			continue;
		}
		(void)snprintf(name, sizeof name, "cert.%zu.url.0", n);
		point = find_point(source, lines_get(result, name));
		if (point != NULL && point->url_count == k) {
			copy(url, point->urls[point->url_count++], sizeof point->urls[0]);
		}
	}
}

static void count_points(struct trust_source *source)
{
	bool any = source->urls->count > 0;

	for (size_t i = 0; i < source->urls->count; i++) {
		add_point(source, source->urls->items[i], source->chain_count > 0 ? source->chain[0].until_ms : 0);
	}
	for (size_t i = 0; i < source->point_count; i++) {
		any = any || source->points[i].present;
	}
	if (!any && !source->told) {
		log_info("the certificates of %s name no list of revoked certificates: none is collected",
		         source->name[0] == '\0' ? "the journal's key" : source->name);
	}
	source->told = !any;
}

void trust_seen(struct trust *trust, struct trust_source *source, const struct lines *result)
{
	uint64_t count = 0;
	bool root = lines_get(result, "root") != NULL && strcmp(lines_get(result, "root"), "yes") == 0;

	if (lines_get(result, "count") == NULL || !span_parse_u64(span_of_string(lines_get(result, "count")), &count) || count == 0 ||
	    count > TRUST_CHAIN_MAX) {
		trust_unseen(trust, source, "a chain that cannot be");
		return;
	}
	copy(source->trying, source->seen, sizeof source->seen);
	source->chain_count = 0;
	for (size_t i = 0; i < source->point_count; i++) {
		source->points[i].present = false;
	}
	for (size_t n = 0; n < count; n++) {
		read_cert(source, result, n, root && n + 1 == count);
	}
	source->chain_count = (size_t)count;
	count_points(source);
	if (lines_get(result, "digest") != NULL) {
		renew_learn(&trust->hub->renew_book, source->file, source->chain[0].until_ms, lines_get(result, "digest"));
	}
}

void trust_unseen(struct trust *trust, struct trust_source *source, const char *why)
{
	(void)trust;
	log_warning("whose signature %s has cannot be told: %s", source->file, why);
	source->retry_ms = clock_utc_ms() + LOOK_RETRY_MS;
}

void trust_tried(struct trust *trust, struct trust_point *point, const char *error)
{
	int64_t now = clock_utc_ms();

	(void)trust;
	if (error == NULL) {
		point->failures = 0;
		point->failing_ms = 0;
		point->error[0] = '\0';
		point->next = 0;
		point->tried_ms = now;
		return;
	}
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(error), point->error, sizeof point->error);
	log_warning("the list of revoked certificates at %s: %s", point->urls[point->next], point->error);
	point->next++;
	if (point->next < point->url_count) {
		return; /* the next address of the same list, at once */
	}
	point->next = 0;
	point->failures++;
	point->tried_ms = now;
	point->failing_ms = point->failing_ms == 0 ? now : point->failing_ms;
}

/* --- what is next --- */

/* What this source signed last: its file, and what tells it from one whose chain was seen. False when there is nothing. */
static bool find_signed(const struct trust *trust, const struct trust_source *source, char file[RENEW_FILE_SIZE], char what[65], int64_t *ret_used_ms)
{
	const struct hub *hub = trust->hub;
	size_t n = (size_t)(source - trust->sources);

	if (source->name[0] != '\0') {
		copy(hub->renew_book.tsas[n].file, file, RENEW_FILE_SIZE);
		copy(file, what, 65);
		*ret_used_ms = hub->renew_book.tsas[n].made_ms;
		return file[0] != '\0';
	}
	(void)snprintf(file, RENEW_FILE_SIZE, "%llu.p7s", (unsigned long long)hub->anchors.seal_size);
	copy(hub->anchors.seal_signer, what, 65);
	*ret_used_ms = hub->checkpoint_ms;
	return hub->anchors.seal_size > 0 && what[0] != '\0';
}

static bool begin_look(struct trust *trust, struct trust_source *source, int64_t now_ms)
{
	char file[RENEW_FILE_SIZE], what[65];
	int64_t used_ms = 0;

	if (!find_signed(trust, source, file, what, &used_ms)) {
		return false;
	}
	/* Whatever is in the chain that was seen last is still in use. */
	for (size_t i = 0; i < source->point_count; i++) {
		source->points[i].used_ms = source->points[i].present && strcmp(what, source->seen) == 0 ? used_ms : source->points[i].used_ms;
	}
	if (strcmp(what, source->seen) == 0 || (now_ms < source->retry_ms && source->retry_ms - now_ms <= LOOK_RETRY_MS)) {
		return false;
	}
	copy(file, source->file, sizeof source->file);
	copy(what, source->trying, sizeof source->trying);
	trust_step_look(trust, source);
	return true;
}

static bool begin_cert(struct trust *trust, struct trust_source *source)
{
	for (size_t i = 0; i < source->chain_count; i++) {
		if (!trust_book_has(&trust->hub->trust_book, source->chain[i].sha256)) {
			trust_step_cert(trust, source, i);
			return true;
		}
	}
	return false;
}

static const struct trust_list *last_list(const struct hub *hub, const struct trust_point *point)
{
	const struct trust_list *last = NULL;

	for (size_t i = 0; i < point->url_count; i++) {
		const struct trust_list *each = trust_book_list(&hub->trust_book, point->urls[i]);

		last = each != NULL && (last == NULL || each->time_ms > last->time_ms) ? each : last;
	}
	return last;
}

static bool begin_list(struct trust *trust, struct trust_source *source, int64_t now_ms)
{
	for (size_t i = 0; i < source->point_count && source->signed_fd >= 0; i++) {
		struct trust_point *point = &source->points[i];
		struct trust_need need = { .last = last_list(trust->hub, point),
			                   .used_ms = point->used_ms,
			                   .until_ms = point->until_ms,
			                   .tried_ms = point->tried_ms,
			                   .failures = point->failures };

		if (point->next > 0 || trust_book_due(&need, (int64_t)trust->hub->config->crl_every_ms, now_ms)) {
			trust_step_list(trust, source, point);
			return true;
		}
	}
	return false;
}

void trust_update(struct hub *hub)
{
	struct trust *trust = hub->trust;
	int64_t now = clock_utc_ms();
	bool collects = hub->config->crl_every_ms > 0;

	if (trust == NULL || trust->step != NULL || stamps_busy(hub) || hub->works >= HUB_WORKS_MAX || !hub_is_working(hub) || hub->store == NULL ||
	    hub->partner == NULL || hub->transport == NULL || (now < trust->not_before_ms && trust->not_before_ms - now <= LOOK_RETRY_MS)) {
		return;
	}
	for (size_t i = 0; i < trust->source_count; i++) {
		struct trust_source *source = &trust->sources[i];

		if (begin_look(trust, source, now) || (collects && (begin_cert(trust, source) || begin_list(trust, source, now)))) {
			return;
		}
	}
}

bool trust_nth(const struct hub *hub, size_t n, struct trust_row *ret)
{
	for (size_t i = 0; hub->trust != NULL && i < hub->trust->source_count; i++) {
		const struct trust_source *source = &hub->trust->sources[i];
		size_t rows = source->point_count == 0 && source->told ? 1 : source->point_count;

		if (n < rows) {
			const struct trust_point *point = source->point_count == 0 ? NULL : &source->points[n];

			*ret = (struct trust_row){ .of = source->name,
				                   .url = point == NULL ? "" : point->urls[0],
				                   .last = point == NULL ? NULL : last_list(hub, point),
				                   .error = point == NULL ? "" : point->error,
				                   .failing_ms = point == NULL ? 0 : point->failing_ms };
			return true;
		}
		n -= rows;
	}
	return false;
}
