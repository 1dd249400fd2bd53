#include "closing.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/lines.h"
#include "../base/log.h"
#include "address.h"
#include "errand.h"
#include "flow.h"

/* Its sealed word is stored, nothing more comes this way, and the case goes on waiting for one that comes another way. */
static bool is_taken_in(const struct hub_case *of)
{
	return of->state == CASE_SENT && of->verified && of->last == RECORD_SENT && strcmp(of->stage, CASE_STAGE_NONE) == 0;
}

/* Closed by the partner's own word, about something it knows by the receipt that we hold. */
static bool is_wanted(struct hub *hub, const struct hub_case *of)
{
	const struct hub_partner *partner = of->partner[0] == '\0' ? NULL : hub_partner_find(hub, of->partner);
	bool by_partner = (of->state == CASE_DONE && of->verified) || of->state == CASE_DATA_ERROR;

	if (partner != NULL && partner->catalogue->close && is_taken_in(of)) {
		return of->has_receipt && of->erased == 0 && clock_utc_ms() - of->head_ms < HUB_CLOSE_LATEST_MS;
	}
	return partner != NULL && partner->catalogue->close && by_partner && of->last == RECORD_CLOSED && of->purpose != PURPOSE_TEST &&
	       of->purpose != PURPOSE_CHECK && of->has_receipt && of->delivered && of->erased == 0 && clock_utc_ms() - of->closed_ms < HUB_CLOSE_LATEST_MS;
}

static void add(struct hub *hub, struct hub_case *of)
{
	struct closing *added = hub->closing_count == HUB_CLOSINGS_MAX ? NULL : calloc(1, sizeof *added);
	struct closing **place = &hub->closings;

	if (added == NULL) {
		log_info("%s: the partner is not told that its final word is stored here: too many wait", of->number);
		return;
	}
	*added = (struct closing){ .hub = hub, .of = of };
	while (*place != NULL) {
		place = &(*place)->next;
	}
	*place = added;
	hub->closing_count++;
}

void closing_begin(struct hub *hub)
{
	for (struct hub_case *each = hub->cases.all; each != NULL; each = each->next_all) {
		closing_note(hub, each);
	}
}

void closing_note(struct hub *hub, struct hub_case *of)
{
	if (!of->partner_told && is_wanted(hub, of)) {
		of->partner_told = true;
		add(hub, of);
	}
}

static void drop(struct closing *closing)
{
	struct closing **place = &closing->hub->closings;

	while (*place != closing) {
		place = &(*place)->next;
	}
	*place = closing->next;
	closing->hub->closing_count--;
	free(closing);
}

/* This try is over. `why` NULL: the partner answered. */
static void finish(struct closing *closing, const char *why)
{
	struct hub *hub = closing->hub;

	hub->closing = NULL;
	if (why == NULL) {
		log_info("%s: the partner was told that its final word is stored here", closing->of->number);
		drop(closing);
		return;
	}
	log_info("%s: the partner could not be told that its final word is stored here (%s), try %u of %u", closing->of->number, why, closing->tries,
	         HUB_CLOSE_TRIES);
	if (closing->tries >= HUB_CLOSE_TRIES) {
		drop(closing);
	} else {
		closing->due_ms = clock_deadline(closing->tries == 1 ? HUB_CLOSE_PAUSE_MS : UINT64_C(10) * HUB_CLOSE_PAUSE_MS);
	}
}

static void on_answered(void *context, const struct errand_result *result)
{
	char error[CASE_REASON_MAX_BYTES] = "no answer", status[8] = "";

	(void)lines_find_string(result->lines, "error", error, sizeof error);
	(void)lines_find_string(result->lines, "http-status", status, sizeof status);
	if (status[0] == '2') {
		finish(context, NULL);
	} else if (status[0] != '\0') {
		(void)snprintf(error, sizeof error, "HTTP status %s", status);
		finish(context, error);
	} else {
		finish(context, error);
	}
}

static void on_composed(struct work *work)
{
	struct closing *closing = work->context;
	_cleanup_lines_ struct lines request = { 0 };
	const char *why = work->why[0] != '\0' ? work->why : err_name(work->err);
	int err = work->err;

	if (err == 0) {
		session_request(work, &request);
		err = fd_seal(work->outputs[0].memfd) != 0 ? ERR_SYSTEM : errand_begin(work->hub, &request, work->outputs[0].memfd, on_answered, closing, NULL);
		why = err_name(err);
	}
	if (err != 0) {
		finish(closing, why);
	}
	work_end(work);
}

static void compose(struct closing *closing)
{
	static const struct work_input inputs[] = { { .role = "receipt" } };
	struct work *work = work_begin_aside(closing->hub, closing->of);
	_cleanup_lines_ struct lines parameters = { 0 };

	if (work == NULL) {
		return;
	}
	closing->tries++;
	closing->hub->closing = closing;
	flow_job_parameters(closing->hub, closing->of, &parameters);
	lines_set(&parameters, "what", "close");
	work->url = address_choose(hub_partner_find(closing->hub, closing->of->partner), closing->of, PURPOSE_POLL);
	lines_set(&parameters, "url", work->url);
	lines_set(&parameters, "stage", closing->of->stage);
	work->context = closing;
	work_output_keep(work);
	work_job(work, "compose", closing->of->partner, &parameters, inputs, 1, on_composed);
}

/* The partner, the network and the hub itself have nothing more important to do. */
static bool is_free(struct hub *hub, const struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);

	return hub_is_working(hub) && !hub->rolled_back && hub->transport != NULL && hub->partner != NULL && hub->works < HUB_WORKS_MAX && of->work == NULL &&
	       partner != NULL && clock_expired(partner->not_before_ms) && strcmp(of->env, config_env_name(partner->config->env)) == 0 &&
	       flow_login_waiting(hub, partner) == NULL;
}

void closing_look(struct hub *hub)
{
	struct closing *next = NULL;

	for (struct closing *each = hub->closings; hub->closing == NULL && each != NULL; each = next) {
		next = each->next;
		if (!clock_expired(each->due_ms) || !is_free(hub, each->of)) {
			continue;
		}
		if (is_wanted(hub, each->of)) {
			compose(each);
		} else {
			drop(each); /* erased meanwhile, or it waited for too long */
		}
	}
}
