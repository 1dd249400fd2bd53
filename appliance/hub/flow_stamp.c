/* flow_stamp.c - signed -> stamped: a time stamp over the signature value, put into the signature as an unsigned attribute (CAdES-T, spec timestamps 4), for the
 * partners whose catalogue says so. The signature that is filed is the one with the stamp. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/text.h"
#include "stamps.h"

#define SIGNED_LIMIT_BYTES (64U * 1024 * 1024)
#define TURN_MS 500
#define OBSTACLE_MS 60000

static bool partner_stamps(const struct hub *hub, const struct hub_case *of)
{
	const struct catalogue_partner *partner = catalogue_partner_find(hub->catalogue, of->partner);

	return partner != NULL && partner->stamp;
}

bool flow_wants_stamp(const struct hub *hub, const struct hub_case *of)
{
	return partner_stamps(hub, of) && !of->stamped;
}

const char *flow_stamp_obstacle(const struct hub *hub, const struct hub_case *of)
{
	const char *why = NULL;

	return !partner_stamps(hub, of) || stamps_pick(hub, true, false, &why) != SIZE_MAX ? NULL : why;
}

/* The stamp of this case; the work is pending until it has come. */
struct stamping {
	struct work *work;
	size_t tsa;
	struct stamp_result result; /* kept until it is in a record */
	struct lines facts;
	int reply, token;
};

static void release(struct stamping *stamping)
{
	lines_free(&stamping->facts);
	cleanup_close(&stamping->reply);
	cleanup_close(&stamping->token);
	free(stamping);
}

static void give_up(struct stamping *stamping, const char *waiting)
{
	struct work *work = stamping->work;

	release(stamping);
	work_retry(work, waiting);
}

static void on_kept_bad(void *context, int err)
{
	(void)err; /* logged; the pause is kept either way */
	give_up(context, N_("the time stamp does not hold: podatelna stamps tells why"));
}

static void on_appended(struct work *work)
{
	release(work->context);
	if (work->err != 0) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

/* A stamp that was granted and cannot be used is spent all the same: it is counted, and not asked for again at once. */
static void keep_unused(struct stamping *stamping, const char *why)
{
	char clean[CASE_REASON_MAX_BYTES];

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(why), clean, sizeof clean);
	stamping->result.outcome = STAMP_BAD;
	lines_set(&stamping->facts, "cause", "not-embedded");
	lines_set(&stamping->facts, "reason", clean);
	stamping->result.facts = &stamping->facts;
	stamping->result.reply = stamping->reply;
	stamps_keep_bad(stamping->work->hub, &stamping->result, stamping->work->of->number, on_kept_bad, stamping);
}

static void on_embedded(struct work *work)
{
	static const char *const copied[] = { "sha256", "time", "serial", "policy", "off-ms" };
	struct stamping *stamping = work->context;

	if (work->err != 0 || !work->outputs[0].taken) {
		keep_unused(stamping, work->why);
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "tsa", work->hub->config->tsas[stamping->tsa].name);
	for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
		if (lines_get(&stamping->facts, copied[i]) != NULL) {
			lines_set(&work->record, copied[i], lines_get(&stamping->facts, copied[i]));
		}
	}
	lines_set(&work->record, "object-signed", work->outputs[0].ref);
	work_append(work, "stamped", on_appended);
}

static void embed(struct stamping *stamping)
{
	struct work *work = stamping->work;
	struct work_input inputs[] = { { .role = "signed" }, { .fd = stamping->token } };
	_cleanup_lines_ struct lines parameters = { 0 };

	work_output_add(work, "signed", NULL, SIGNED_LIMIT_BYTES);
	work_job(work, "stamp-embed", "", &parameters, inputs, 2, on_embedded);
}

static void on_stamp(void *context, const struct stamp_result *result)
{
	struct stamping *stamping = context;

	switch (result->outcome) {
	case STAMP_GRANTED:
		stamping->result = *result;
		for (size_t i = 0; i < result->facts->count; i++) {
			lines_set(&stamping->facts, result->facts->names[i], result->facts->values[i]);
		}
		stamping->reply = dup(result->reply);
		stamping->token = dup(result->token);
		embed(stamping);
		break;
	case STAMP_BAD:
		stamps_keep_bad(stamping->work->hub, result, stamping->work->of->number, on_kept_bad, stamping);
		break;
	case STAMP_NO:
		give_up(stamping, N_("the time-stamp authority said no: podatelna stamps tells why"));
		break;
	default:
		give_up(stamping, N_("no time stamp could be had; it is tried again later"));
	}
}

static void on_imprint(struct work *work)
{
	struct stamping *stamping = work->context;
	char imprint[129] = "";

	if (work->err != 0) {
		give_up(stamping, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault")
		                                          : N_("the signature could not be made ready for a time stamp"));
		return;
	}
	(void)snprintf(imprint, sizeof imprint, "%s", work_result(work, "imprint"));
	work->output_count = 0;
	if (stamp_make(work->hub, stamping->tsa, imprint, work->hub->config->tsas[stamping->tsa].hash, on_stamp, stamping) != 0) {
		give_up(stamping, N_("waits for its turn with the time-stamp authority"));
	}
}

void flow_stamp(struct hub *hub, struct hub_case *of)
{
	static const struct work_input input = { .role = "signed" };
	_cleanup_lines_ struct lines parameters = { 0 };
	struct stamping *stamping = NULL;
	const char *why = NULL;
	size_t tsa = stamps_pick(hub, true, false, &why);

	if (tsa == SIZE_MAX || stamps_busy(hub)) {
		of->waiting = tsa == SIZE_MAX ? why : N_("waits for its turn with the time-stamp authority");
		of->due_ms = clock_deadline(tsa == SIZE_MAX ? OBSTACLE_MS : TURN_MS);
		return;
	}
	stamping = calloc(1, sizeof *stamping);
	if (stamping == NULL) {
		return;
	}
	*stamping = (struct stamping){ .work = work_begin(hub, of), .tsa = tsa, .reply = -1, .token = -1 };
	if (stamping->work == NULL) {
		free(stamping);
		return;
	}
	stamping->work->context = stamping;
	lines_set(&parameters, "hash", config_hash_name(hub->config->tsas[tsa].hash));
	work_job(stamping->work, "stamp-imprint", "", &parameters, &input, 1, on_imprint);
}
