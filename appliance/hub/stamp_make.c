/* stamp_make.c - one stamp: the request from a job, the exchange as an errand, the check of the reply by another job (spec timestamps 1 to 3). The hub reads none
 * of the bytes. The addresses of an authority are tried in the order of the configuration; what the job says decides whether the next one is worth a try. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/stampcause.h"
#include "../base/text.h"
#include "errand.h"
#include "stamp_private.h"

#define CLOCK_LIMIT_MS 300000 /* spec timestamps 3.4 */
#define QUERY_MAX_BYTES 4096
#define CONNECT_TIMEOUT_MS 10000
#define DEADLINE_MS 30000 /* of one address */
#define HEADERS_MAX 4

struct making {
	struct hub *hub;
	size_t tsa, url;
	char imprint[129], nonce[33];
	enum config_hash hash;
	struct lines outside; /* of the request: method, header.<n> */
	int query, reply, token;
	int64_t asked_ms;
	struct lines facts; /* of the last reply */
	char words[STAMP_WORDS_SIZE];
	stamp_done done;
	void *context;
};

static const struct config_tsa *config_of(const struct making *making)
{
	return &making->hub->config->tsas[making->tsa];
}

static void finish(struct making *making, enum stamp_outcome outcome, const char *words)
{
	struct stamper *stamper = making->hub->stamper;
	struct stamper_tsa *tsa = &stamper->tsas[making->tsa];
	struct stamp_result result = { .outcome = outcome,
		                       .tsa = making->tsa,
		                       .reply = outcome == STAMP_GRANTED || outcome == STAMP_BAD ? making->reply : -1,
		                       .token = outcome == STAMP_GRANTED ? making->token : -1,
		                       .facts = &making->facts,
		                       .words = outcome == STAMP_GRANTED ? "" : words };

	tsa->put_off = outcome == STAMP_NO;
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(result.words), tsa->error, sizeof tsa->error);
	stamper->making = NULL;
	stamper_tried(stamper, outcome == STAMP_GRANTED);
	if (outcome != STAMP_GRANTED) {
		log_warning("time stamp of %s: %s", config_of(making)->name, tsa->error);
	}
	making->done(making->context, &result);
	lines_free(&making->outside);
	lines_free(&making->facts);
	cleanup_close(&making->query);
	cleanup_close(&making->reply);
	cleanup_close(&making->token);
	free(making);
}

static void ask(struct making *making);

/* This address gave nothing: the next one, or later. */
static void fall_over(struct making *making, const char *words)
{
	(void)snprintf(making->words, sizeof making->words, "%s", words);
	log_info("time stamp of %s: address %zu of %zu: %s", config_of(making)->name, making->url + 1, config_of(making)->urls.count, words);
	cleanup_close(&making->reply);
	cleanup_close(&making->token);
	if (++making->url < config_of(making)->urls.count) {
		ask(making);
	} else {
		finish(making, STAMP_LATER, making->words);
	}
}

/* --- the reply --- */

/* The stable cause in words that have their translation, and what was found. */
static void say_cause(const struct work *work, char ret[STAMP_WORDS_SIZE])
{
	const char *cause = work_result(work, "cause"), *reason = work_result(work, "reason");

	cause = cause[0] == '\0' ? "" : stamp_cause_text(cause);
	(void)snprintf(ret, STAMP_WORDS_SIZE, "%s%s%s", cause, cause[0] != '\0' && reason[0] != '\0' ? ": " : "", reason);
}

static void take_facts(struct making *making, struct work *work)
{
	lines_free(&making->facts);
	making->facts = work->result;
	work->result = (struct lines){ 0 };
	making->token = take_fd(&work->outputs[0].memfd);
}

static void on_judged(struct work *work)
{
	struct making *making = work->context;
	bool granted = work_result_is(work, "verdict", "granted"), spent = work_result_is(work, "spent", "yes");
	bool next = work_result_is(work, "fall-over", "yes");
	char words[STAMP_WORDS_SIZE];
	int err = work->err;

	if (err != 0) {
		(void)snprintf(words, sizeof words, "the reply could not be looked at: %.200s", work->why);
	} else {
		say_cause(work, words);
		take_facts(making, work);
	}
	work_end(work);
	if (err != 0) {
		/* Nobody knows whether it was granted: as after a cut connection, one stamp may be lost, and it is not asked for again at once. */
		finish(making, STAMP_LATER, words);
	} else if (granted) {
		finish(making, STAMP_GRANTED, words);
	} else if (spent) {
		finish(making, STAMP_BAD, words);
	} else if (next) {
		fall_over(making, words);
	} else {
		finish(making, STAMP_NO, words);
	}
}

static void judge(struct making *making, struct span report)
{
	const struct stamper_tsa *tsa = &making->hub->stamper->tsas[making->tsa];
	struct work *work = work_begin(making->hub, NULL);
	_cleanup_close_ int anchors = fd_memfd_sealed("anchors", tsa->anchors != NULL ? (const void *)tsa->anchors : "", tsa->anchors_length);
	struct work_input inputs[] = { { .fd = making->reply }, { .fd = anchors } };
	_cleanup_lines_ struct lines parameters = { 0 };
	struct span value;

	if (work == NULL) {
		finish(making, STAMP_LATER, "no memory");
		return;
	}
	work->context = making;
	lines_set(&parameters, "imprint", making->imprint);
	lines_set(&parameters, "hash", config_hash_name(making->hash));
	lines_set(&parameters, "policy", config_of(making)->policy);
	lines_set(&parameters, "nonce", making->nonce);
	lines_set_u64(&parameters, "asked-from", (uint64_t)making->asked_ms);
	lines_set_u64(&parameters, "asked-to", (uint64_t)clock_utc_ms());
	lines_set_u64(&parameters, "clock-limit-ms", CLOCK_LIMIT_MS);
	lines_set_u64(&parameters, "limit", STAMP_REPLY_MAX_BYTES);
	if (lines_find(report, "http-status", &value)) {
		lines_set_span(&parameters, "http-status", value);
	}
	if (lines_find(report, "content-type", &value)) {
		lines_set_span(&parameters, "content-type", value);
	}
	work_output_keep(work);
	work_job(work, "stamp-reply", "", &parameters, inputs, 2, on_judged);
}

/* --- the exchange --- */

static void on_reply(void *context, const struct errand_result *result)
{
	struct making *making = context;
	char far[32] = "", error[STAMP_WORDS_SIZE] = "";

	(void)lines_find_string(result->lines, "far", far, sizeof far);
	if (!lines_find_string(result->lines, "error", error, sizeof error)) {
		(void)snprintf(error, sizeof error, "the connection broke off");
	}
	if (strcmp(far, "reply-done") != 0 || result->reply < 0) {
		fall_over(making, error);
	} else {
		making->reply = dup(result->reply);
		judge(making, result->lines);
	}
}

static void ask(struct making *making)
{
	const struct config_tsa *tsa = config_of(making);
	_cleanup_lines_ struct lines lines = { 0 };

	lines_set(&lines, "method", "POST");
	lines_set(&lines, "url", tsa->urls.items[making->url]);
	lines_set(&lines, "proxy", "configured");
	lines_set(&lines, "user-agent", "Podatelna/" PODATELNA_VERSION);
	lines_set_u64(&lines, "connect-timeout-ms", CONNECT_TIMEOUT_MS);
	lines_set_u64(&lines, "deadline-ms", DEADLINE_MS);
	lines_set_u64(&lines, "reply-limit", STAMP_REPLY_MAX_BYTES);
	for (size_t i = 0; i < HEADERS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "header.%zu", i);
		if (lines_get(&making->outside, name) != NULL) {
			lines_set(&lines, name, lines_get(&making->outside, name));
		}
	}
	if (tsa->ca_file[0] != '\0') {
		lines_set(&lines, "ca-file", tsa->ca_file);
	}
	if (tsa->user[0] != '\0') {
		lines_set(&lines, "login", tsa->name);
	}
	if (tsa->tls_key[0] != '\0') {
		lines_set(&lines, "tls-key", tsa->tls_key);
	}
	making->asked_ms = clock_utc_ms();
	if (errand_begin(making->hub, &lines, making->query, on_reply, making, NULL) != 0) {
		finish(making, STAMP_LATER, N_("a program of the box is being restarted"));
	}
}

/* --- the request --- */

static void on_query(struct work *work)
{
	struct making *making = work->context;
	int err = work->err;

	if (err == 0) {
		(void)snprintf(making->nonce, sizeof making->nonce, "%s", work_result(work, "nonce"));
		making->outside = work->result;
		work->result = (struct lines){ 0 };
		making->query = take_fd(&work->outputs[0].memfd);
		err = making->query < 0 || fd_seal(making->query) != 0 || lseek(making->query, 0, SEEK_SET) != 0 ? ERR_SYSTEM : 0;
	}
	work_end(work);
	if (err != 0) {
		finish(making, STAMP_LATER, N_("the request for a time stamp could not be made"));
	} else {
		ask(making);
	}
}

int stamp_make(struct hub *hub, size_t tsa, const char *imprint, enum config_hash hash, stamp_done done, void *context)
{
	struct making *making = NULL;
	struct work *work = NULL;
	_cleanup_lines_ struct lines parameters = { 0 };

	if (hub->stamper->making != NULL) {
		return ERR_AGAIN;
	}
	making = calloc(1, sizeof *making);
	work = making == NULL ? NULL : work_begin(hub, NULL);
	if (work == NULL) {
		free(making);
		return ERR_MEMORY;
	}
	*making = (struct making){ .hub = hub, .tsa = tsa, .hash = hash, .query = -1, .reply = -1, .token = -1, .done = done, .context = context };
	(void)snprintf(making->imprint, sizeof making->imprint, "%s", imprint);
	hub->stamper->making = making;
	work->context = making;
	lines_set(&parameters, "imprint", imprint);
	lines_set(&parameters, "hash", config_hash_name(hash));
	lines_set(&parameters, "policy", hub->config->tsas[tsa].policy);
	work_output_keep(work);
	work_job(work, "stamp-query", "", &parameters, NULL, 0, on_query);
	return 0;
}
