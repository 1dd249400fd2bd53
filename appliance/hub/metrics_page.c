/* metrics_page.c - the text of the metrics file: for each metric HELP, TYPE and its samples, together and once. */
#include <string.h>

#include "../base/clock.h"
#include "attention.h"
#include "inbox.h"
#include "facts.h"
#include "metrics_private.h"

#define DAY_MS 86400000.0
#define LABEL_MAX_BYTES 256

static void head(FILE *to, const char *name, const char *type, const char *help)
{
	(void)fprintf(to, "# HELP podatelna_%s %s\n# TYPE podatelna_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line end are escaped. */
static const char *label(const char *value, char ret[LABEL_MAX_BYTES])
{
	size_t length = 0;

	for (; *value != '\0' && length + 3 < LABEL_MAX_BYTES; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n') {
			ret[length++] = '\\';
		}
		ret[length++] = *value == '\n' ? 'n' : *value;
	}
	ret[length] = '\0';
	return ret;
}

static void one(FILE *to, const char *name, const char *type, const char *help, double value)
{
	head(to, name, type, help);
	(void)fprintf(to, "podatelna_%s %.17g\n", name, value);
}

static void sample(FILE *to, const char *name, const char *label_name, const char *value, double number)
{
	char escaped[LABEL_MAX_BYTES];

	(void)fprintf(to, "podatelna_%s{%s=\"%s\"} %.17g\n", name, label_name, label(value, escaped), number);
}

/* --- cases --- */

static const char *partner_name(const struct config *config, size_t place)
{
	return place < config->partner_count ? config->partners[place].name : "";
}

static void put_grid(FILE *to, const struct config *config, const char *name, const char *second, uint64_t counts[][CASE_STATE_COUNT], bool closed_only)
{
	char escaped[LABEL_MAX_BYTES];

	for (size_t place = 0; place <= config->partner_count; place++) {
		for (unsigned state = CASE_RECEIVED; state < CASE_STATE_COUNT; state++) {
			if (!closed_only || (state_is_closed((enum case_state)state) && state != CASE_DELETED)) {
				(void)fprintf(to, "podatelna_%s{partner=\"%s\",%s=\"%s\"} %llu\n", name, label(partner_name(config, place), escaped), second,
				              state_name((enum case_state)state), (unsigned long long)counts[place][state]);
			}
		}
	}
}

static void put_cases(FILE *to, struct hub *hub, const struct metrics *metrics)
{
	static uint64_t counts[CONFIG_PARTNERS_MAX + 1][CASE_STATE_COUNT], closed[CONFIG_PARTNERS_MAX + 1][CASE_STATE_COUNT];

	memset(counts, 0, sizeof counts);
	memcpy(closed, metrics->closed, sizeof closed);
	for (const struct hub_case *each = hub->cases.all; each != NULL; each = each->next_all) {
		counts[metrics_partner(hub->config, each->partner)][each->state]++;
	}
	head(to, "cases", "gauge", "Cases by partner and present state.");
	put_grid(to, hub->config, "cases", "state", counts, false);
	head(to, "closed_total", "counter", "Cases that were closed, by partner and result.");
	put_grid(to, hub->config, "closed_total", "result", closed, true);
}

static void put_histogram(FILE *to, const char *name, const char *help, const struct metrics_histogram *histogram)
{
	uint64_t count = 0;

	head(to, name, "histogram", help);
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		count += histogram->buckets[i];
		(void)fprintf(to, "podatelna_%s_bucket{le=\"%g\"} %llu\n", name, metrics_bounds[i], (unsigned long long)count);
	}
	count += histogram->buckets[METRICS_BUCKETS];
	(void)fprintf(to, "podatelna_%s_bucket{le=\"+Inf\"} %llu\npodatelna_%s_sum %.3f\npodatelna_%s_count %llu\n", name, (unsigned long long)count, name,
	              (double)histogram->sum_ms / 1000, name, (unsigned long long)count);
}

/* --- tokens --- */

static void put_counts(FILE *to, const struct config *config, const char *name, const char *help, const uint64_t *counts)
{
	head(to, name, "counter", help);
	for (size_t i = 0; i < config->token_count; i++) {
		sample(to, name, "token", config->tokens[i].name, (double)counts[i]);
	}
}

static void put_certificates(FILE *to, const struct hub *hub, size_t token)
{
	struct fact_key key;

	for (size_t n = 0; fact_key(&hub->tokens[token], n, &key); n++) {
		char first[LABEL_MAX_BYTES], second[LABEL_MAX_BYTES];

		if (key.not_after_ms != 0) {
			(void)fprintf(to, "podatelna_certificate_days{token=\"%s\",key=\"%s\"} %.3f\n", label(hub->config->tokens[token].name, first),
			              label(key.name, second), (double)(key.not_after_ms - clock_utc_ms()) / DAY_MS);
		}
	}
}

static void put_tokens(FILE *to, const struct hub *hub, const struct metrics *metrics)
{
	head(to, "token_ready", "gauge", "1 when the token is logged in and can be used.");
	for (size_t i = 0; i < hub->config->token_count; i++) {
		sample(to, "token_ready", "token", hub->config->tokens[i].name, strcmp(hub->tokens[i].state, "ready") == 0 ? 1 : 0);
	}
	put_counts(to, hub->config, "token_signatures_total", "Signatures of filings.", metrics->signatures);
	put_counts(to, hub->config, "token_logins_total", "Logins with the PIN.", metrics->logins);
	put_counts(to, hub->config, "token_pin_refusals_total", "PINs that the token refused.", metrics->refusals);
	head(to, "certificate_days", "gauge", "Days until the certificate of a key ends; negative when it has.");
	for (size_t i = 0; i < hub->config->token_count; i++) {
		put_certificates(to, hub, i);
	}
}

/* --- the box --- */

static void put_free(FILE *to, const char *place, const char *path)
{
	uint64_t left = 0, all = 0;

	if (fact_disk(path, &left, &all)) {
		sample(to, "disk_free_bytes", "place", place, (double)left);
	}
}

static void put_programs(FILE *to, const struct hub *hub)
{
	head(to, "program_restarts_total", "counter", "Restarts of each program since the box was started.");
	for (size_t i = 0; i < hub->program_count; i++) {
		const struct hub_program *program = &hub->programs[i];
		char name[LABEL_MAX_BYTES];

		(void)snprintf(name, sizeof name, "%s%s%s", wire_role_name(program->role), program->name[0] == '\0' ? "" : " ", program->name);
		sample(to, "program_restarts_total", "program", name, program->starts > 0 ? (double)(program->starts - 1) : 0);
	}
}

static void put_stamps(FILE *to, const struct hub *hub)
{
	int64_t now = clock_utc_ms();
	struct stamp_left left;

	if (hub->config->tsa_count == 0) {
		return;
	}
	head(to, "stamps_left", "gauge", "Time stamps left of the packages that are valid now.");
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		if (stamp_book_left(&hub->stamp_book, i, now, &left)) {
			sample(to, "stamps_left", "tsa", hub->config->tsas[i].name, (double)left.left);
		}
	}
	head(to, "stamps_spent_total", "counter", "Time stamps that were spent, good or not.");
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		sample(to, "stamps_spent_total", "tsa", hub->config->tsas[i].name, (double)hub->stamp_book.accounts[i].spent);
	}
	one(to, "stamp_timestamp_seconds", "gauge", "When the journal was stamped last, 0: never.", (double)hub->stamp_book.anchored_ms / 1000);
	one(to, "stamp_waiting_seconds", "gauge", "How long the oldest record that no time stamp covers has been waiting.",
	    (double)stamp_book_age(&hub->stamp_book, now) / 1000);
}

static void put_clock(FILE *to, const struct hub *hub)
{
	const struct clock_figure *figure = timekeeper_figure(hub);

	one(to, "clock_in_doubt", "gauge", "1 while nothing is worked on because the clock is not believed.", hub->clock_bad ? 1 : 0);
	if (figure != NULL) {
		one(to, "clock_off_seconds", "gauge", "How far the clock is ahead of a time stamp or a server's date; negative: behind.",
		    (double)figure->off_ms / 1000);
	}
}

void metrics_page(FILE *to, struct hub *hub, const struct metrics *metrics)
{
	const char *inbox_why = "";

	head(to, "info", "gauge", "The version of the box.");
	sample(to, "info", "version", PODATELNA_VERSION, 1);
	one(to, "working", "gauge", "1 when the box works on cases.", hub_is_working(hub) ? 1 : 0);
	one(to, "waits_for_person", "gauge", "1 when a PIN, a case or the journal waits for a person.", attention_any(hub) || hub->rolled_back ? 1 : 0);
	one(to, "inbox_files", "gauge", "Files in the inbox that were not taken in yet.", (double)inbox_waiting(hub, &inbox_why));
	put_cases(to, hub, metrics);
	put_histogram(to, "first_post_seconds", "From the record of a file (the end of its quiet) to the first POST; without cases that waited for a person.",
	              &metrics->first_post);
	put_histogram(to, "signing_seconds", "From the intent to the signature.", &metrics->signing);
	put_histogram(to, "verdict_seconds", "From sending to the partner's verdict.", &metrics->verdict);
	put_tokens(to, hub, metrics);
	head(to, "partner_reachable", "gauge", "0 while the partner cannot be reached.");
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		sample(to, "partner_reachable", "partner", hub->config->partners[i].name, hub->partners[i].failures == 0 ? 1 : 0);
	}
	put_clock(to, hub);
	one(to, "journal_records", "gauge", "Records of the journal.", (double)hub->replay_next);
	one(to, "journal_bytes", "gauge", "Bytes of these records.", (double)metrics->journal_bytes);
	one(to, "checkpoint_timestamp_seconds", "gauge", "When the last checkpoint was made, 0: never.", (double)hub->checkpoint_ms / 1000);
	put_stamps(to, hub);
	head(to, "disk_free_bytes", "gauge", "Room that is left.");
	put_free(to, "journal", hub->config->data_dir);
	put_free(to, "share", hub->config->share.path);
	put_programs(to, hub);
}
