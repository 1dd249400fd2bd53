#include "stamps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "stamp_private.h"

#define ANCHORS_MAX_BYTES (256U * 1024)
#define UNKEPT_MOST 10

/* The journal being stamped: checkpoint, stamp, record. */
struct anchoring {
	struct hub *hub;
	enum stamp_purpose purpose;
	size_t tsa;
	uint64_t size;
	char by[32];
	bool good;
	char words[STAMP_WORDS_SIZE];
	stamp_told told;
	void *context;
};

static void load_anchors(const struct config_tsa *config, struct stamper_tsa *ret)
{
	_cleanup_close_ int fd = config->anchors[0] == '\0' ? -1 : open(config->anchors, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fd_read_all(fd, ANCHORS_MAX_BYTES, &ret->anchors, &ret->anchors_length) != 0) {
		log_error("the trust anchors of %s (\"%s\") cannot be read: none of its stamps will count", config->name, config->anchors);
	}
}

struct stamper *stamps_new(struct hub *hub)
{
	struct stamper *stamper = hub->config->tsa_count == 0 ? NULL : calloc(1, sizeof *stamper);

	if (stamper == NULL) {
		return NULL;
	}
	stamper->hub = hub;
	stamper->not_before_ms = CLOCK_NEVER_MS;
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		load_anchors(&hub->config->tsas[i], &stamper->tsas[i]);
	}
	return stamper;
}

void stamps_begin(struct hub *hub)
{
	if (hub->stamper != NULL) {
		hub->stamper->not_before_ms = clock_deadline(STAMP_START_MS);
	}
}

bool stamps_busy(const struct hub *hub)
{
	return hub->stamper != NULL && (hub->stamper->making != NULL || hub->stamper->anchoring != NULL);
}

const char *stamps_failure(const struct hub *hub, size_t tsa, bool *ret_put_off)
{
	*ret_put_off = hub->stamper != NULL && hub->stamper->tsas[tsa].put_off;
	return hub->stamper == NULL ? "" : hub->stamper->tsas[tsa].error;
}

size_t stamps_pick(const struct hub *hub, bool filing, bool person, const char **ret_why)
{
	int64_t now = clock_utc_ms();

	*ret_why = N_("no time-stamp authority is configured");
	if (filing && hub->config->tsa_count > 0 && !clock_expired(hub->stamper->not_before_ms)) {
		*ret_why = N_("no time stamp could be had; it is tried again later");
		return SIZE_MAX;
	}
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		if (person) {
			return i;
		}
		if (hub->stamper->tsas[i].put_off) {
			*ret_why = N_("the time-stamp authority said no: podatelna stamps tells why");
		} else if (stamp_book_pause(&hub->stamp_book, i, now) > 0) {
			*ret_why = N_("a time stamp did not hold: podatelna stamps tells why");
		} else if (filing && !stamp_book_may_file(&hub->stamp_book, i, now)) {
			*ret_why = N_("too few time stamps are left: only the journal is stamped");
		} else {
			return i;
		}
	}
	return SIZE_MAX;
}

/* --- pauses --- */

static uint64_t doubled(uint64_t first, uint32_t times, uint64_t most)
{
	for (uint32_t i = 1; i < times && first < most; i++) {
		first *= 2;
	}
	return first < most ? first : most;
}

static void put_off(struct stamper *stamper, uint64_t ms)
{
	uint64_t until = clock_deadline(ms);

	stamper->not_before_ms = until > stamper->not_before_ms ? until : stamper->not_before_ms;
}

void stamper_tried(struct stamper *stamper, bool good)
{
	stamper->failures = good ? 0 : stamper->failures + 1;
	if (!good) {
		put_off(stamper, doubled(HUB_RETRY_FIRST_MS, stamper->failures, HUB_RETRY_MAX_MS));
	}
}

void stamper_unkept(struct stamper *stamper)
{
	stamper->unkept += stamper->unkept < UNKEPT_MOST ? 1 : 0;
	put_off(stamper, doubled((uint64_t)STAMP_BAD_FIRST_MS, stamper->unkept, (uint64_t)STAMP_BAD_MOST_MS));
}

/* --- the journal's own stamps --- */

void stamp_describe(const struct hub *hub, const struct stamp_result *result, enum stamp_purpose purpose, struct lines *ret)
{
	static const char *const copied[] = { "time", "serial", "policy", "off-ms" };
	const char *cause = lines_get(result->facts, "cause"), *reason = lines_get(result->facts, "reason");

	lines_set(ret, "tsa", hub->config->tsas[result->tsa].name);
	lines_set(ret, "purpose", stamp_purpose_name(purpose));
	for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
		if (lines_get(result->facts, copied[i]) != NULL) {
			lines_set(ret, copied[i], lines_get(result->facts, copied[i]));
		}
	}
	if (result->outcome == STAMP_BAD) {
		lines_setf(ret, "reason", "%s%s%s", cause == NULL ? "bad" : cause, reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
	}
}

static void finish(struct anchoring *anchoring)
{
	anchoring->hub->stamper->anchoring = NULL;
	if (anchoring->told != NULL) {
		anchoring->told(anchoring->context, anchoring->good, anchoring->words, anchoring->size);
	}
	free(anchoring);
}

static void fail(struct anchoring *anchoring, const char *words)
{
	anchoring->good = false;
	stamper_tried(anchoring->hub->stamper, false);
	if (anchoring->words[0] == '\0') {
		(void)snprintf(anchoring->words, sizeof anchoring->words, "%s", words);
	}
	finish(anchoring);
}

static void on_kept(void *context, int err)
{
	if (err != 0) {
		fail(context, N_("the store could not keep the time stamp"));
	} else {
		finish(context);
	}
}

static void on_stamp(void *context, const struct stamp_result *result)
{
	struct anchoring *anchoring = context;
	_cleanup_lines_ struct lines lines = { 0 };

	anchoring->good = result->outcome == STAMP_GRANTED;
	(void)snprintf(anchoring->words, sizeof anchoring->words, "%s", result->words);
	if (result->outcome != STAMP_GRANTED && result->outcome != STAMP_BAD) {
		finish(anchoring);
		return;
	}
	stamp_describe(anchoring->hub, result, anchoring->purpose, &lines);
	lines_set(&lines, "event", result->outcome == STAMP_BAD ? "bad-stamp" : anchoring->purpose == STAMP_RENEWAL ? "renewal" : "stamp");
	if (result->outcome == STAMP_GRANTED) {
		lines_set(&lines, "until", lines_get(result->facts, "not-after"));
		lines_set(&lines, "detail", lines_get(result->facts, "digest"));
	}
	lines_set(&lines, "by", anchoring->by);
	stamp_keep(anchoring->hub, anchoring->size, result->reply, &lines, on_kept, anchoring);
}

static void on_note(void *context, int err, struct wire_message *message)
{
	struct anchoring *anchoring = context;
	struct span hash;
	char hex[2 * RECORD_HASH_BYTES + 1] = "";

	if (err != 0 || message->type == WIRE_ERROR) {
		fail(anchoring, N_("the store could not make a checkpoint"));
		return;
	}
	hash = wire_span(message, WIRE_F_HASH);
	for (size_t i = 0; i < hash.length && i < RECORD_HASH_BYTES; i++) {
		(void)snprintf(hex + 2 * i, 3, "%02x", hash.data[i]);
	}
	anchoring->size = wire_number(message, WIRE_F_INDEX, 0);
	if (stamp_make(anchoring->hub, anchoring->tsa, hex, CONFIG_HASH_SHA256, on_stamp, anchoring) != 0) {
		fail(anchoring, N_("another time stamp is being made"));
	}
}

int stamps_anchor(struct hub *hub, enum stamp_purpose purpose, const char *by, size_t tsa, stamp_told told, void *context, const char **ret_why)
{
	struct anchoring *anchoring = NULL;
	struct wire_message message;
	struct renew_plan plan;

	if (tsa == SIZE_MAX) {
		tsa = stamps_pick(hub, false, purpose == STAMP_PERSON, ret_why);
	}
	if (tsa == SIZE_MAX) {
		return ERR_STATE;
	}
	if (stamps_busy(hub)) {
		*ret_why = N_("another time stamp is being made");
		return ERR_AGAIN;
	}
	anchoring = calloc(1, sizeof *anchoring);
	*ret_why = N_("the store does not answer");
	if (anchoring == NULL || hub->store == NULL) {
		free(anchoring);
		return ERR_GONE;
	}
	*anchoring = (struct anchoring){ .hub = hub, .purpose = purpose, .tsa = tsa, .told = told, .context = context };
	(void)snprintf(anchoring->by, sizeof anchoring->by, "%s", by);
	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, CLOCK_NEVER_MS);
	stamps_plan(hub, clock_utc_ms(), &plan);
	if (purpose == STAMP_RENEWAL || (purpose == STAMP_PERSON && plan.near)) {
		wire_put_number(&message, WIRE_F_BITS, 1); /* above the records of the stamps that it is to take over */
	}
	if (channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_note, anchoring, NULL) != 0) {
		free(anchoring);
		return ERR_GONE;
	}
	hub->stamper->anchoring = anchoring;
	*ret_why = "";
	return 0;
}

void stamps_plan(const struct hub *hub, int64_t now_ms, struct renew_plan *ret)
{
	bool usable[CONFIG_TSAS_MAX] = { false };

	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		usable[i] = hub->stamper != NULL && !hub->stamper->tsas[i].put_off && stamp_book_pause(&hub->stamp_book, i, now_ms) == 0;
	}
	renew_look(&hub->renew_book, hub->config, usable, now_ms, ret);
}

void stamps_update(struct hub *hub)
{
	enum stamp_purpose purpose = STAMP_SCHEDULE;
	struct renew_plan plan;
	const char *why = "";

	if (hub->stamper == NULL || stamps_busy(hub) || hub->works >= HUB_WORKS_MAX || !hub_is_working(hub) || !clock_expired(hub->stamper->not_before_ms)) {
		return;
	}
	stamps_plan(hub, clock_utc_ms(), &plan);
	if (plan.tsa != SIZE_MAX && (plan.due || stamp_book_due(&hub->stamp_book, &hub->config->tsas[plan.tsa], clock_utc_ms(), &purpose))) {
		(void)stamps_anchor(hub, plan.due ? STAMP_RENEWAL : purpose, "box", plan.tsa, NULL, NULL, &why);
	}
}
