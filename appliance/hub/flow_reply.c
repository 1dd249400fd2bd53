/* flow_reply.c - what a reply means: the partner's program classifies it, the hub writes down what follows. Nothing here repeats a filing: an outcome that nobody
 * can tell is `unclear`, and leaves that state by a confirmation or by a person only (P3). */
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "flow.h"
#include "partner_certs.h"

#define RECEIPT_LIMIT_BYTES 65536
#define ABSENT_ANSWERS 3 /* at least, one after the other */
#define REPORT_LIMIT_BYTES (1024U * 1024)
#define CONFIRMATION_LIMIT_BYTES (32U * 1024 * 1024)

static void on_appended(struct work *work)
{
	if (work->err != 0 && work->err != ERR_MISMATCH) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

static void begin_outcome(struct work *work)
{
	flow_record_begin(work);
	lines_set(&work->record, "evidence", work_result(work, "evidence")[0] != '\0' ? work_result(work, "evidence") : "channel");
	flow_record_result(work, "reason", "reason");
	flow_record_result(work, "errors", "errors");
	flow_record_outputs(work);
}

/* What a person attached to a case that waits for its result was no confirmation of it: the case goes on waiting. */
static void append_still_sent(struct work *work, const char *reason)
{
	flow_record_begin(work);
	lines_set(&work->record, "evidence", "person");
	lines_set(&work->record, "verdict", "undecided");
	lines_set(&work->record, "reason", reason);
	work_append(work, "sent", on_appended);
}

static void append_unclear(struct work *work, const char *reason)
{
	if (work->of->state == CASE_SENT && work->of->attached) {
		append_still_sent(work, reason);
		return;
	}
	begin_outcome(work);
	lines_set(&work->record, "errors", NULL);
	lines_set(&work->record, "evidence", NULL); /* it proves nothing */
	lines_set(&work->record, "reason", reason[0] != '\0' ? reason : "the reply does not say what became of the filing");
	work_append(work, "unclear", on_appended);
}

/* How long it must be kept, by today's configuration: erasing it before takes two persons. */
static void put_keep_until(struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	const char *retention = partner == NULL ? "" : partner->config->retention[0] != '\0' ? partner->config->retention : partner->catalogue->retention;
	char day[CONFIG_DAY_SIZE];

	if (config_retention_until(retention, clock_utc_ms(), day) && day[0] != '\0') {
		lines_set(&work->record, "keep-until", day);
	}
}

/* `evidence` NULL: as the job says. */
static void append_closed(struct work *work, const char *verdict, const char *evidence)
{
	begin_outcome(work);
	put_keep_until(work);
	flow_record_result(work, "warnings", "warnings");
	flow_record_result(work, "data", "data-kind");
	if (evidence != NULL) {
		lines_set(&work->record, "evidence", evidence);
	}
	lines_set(&work->record, "verdict", verdict);
	work_append(work, "closed", on_appended);
}

static void append_tested(struct work *work, const char *verdict)
{
	begin_outcome(work);
	lines_set(&work->record, "verdict", verdict);
	work_append(work, "tested", on_appended);
}

/* The test run says no: one batch, so that the reason and the end come together. */
static void append_tested_and_closed(struct work *work, const char *verdict)
{
	_cleanup_lines_ struct lines tested = { 0 };

	lines_set(&tested, "case", work->of->number);
	lines_set(&tested, "evidence", "channel");
	lines_set(&tested, "verdict", "failed");
	begin_outcome(work);
	put_keep_until(work);
	lines_set(&work->record, "verdict", verdict);
	work_append_two(work, "tested", &tested, "closed", on_appended);
}

/* Nothing durable changes: the same question is put again later. */
static void ask_again(struct work *work, bool reached)
{
	hub_partner_result(work->hub, work->of, reached);
	work->of->settled = work->of->authorising;
	work_end(work);
}

static void settle_test(struct work *work)
{
	if (work_result_is(work, "verdict", "passed")) {
		append_tested(work, "passed");
	} else if (work_result_is(work, "verdict", "refused")) {
		append_tested_and_closed(work, "data-error");
	} else if (work_result_is(work, "verdict", "unavailable") || work->of->tests < FLOW_TESTS_MAX) {
		hub_partner_result(work->hub, work->of, false);
		append_tested(work, "unavailable");
	} else {
		append_tested_and_closed(work, "failed");
	}
}

/* The service said that it is down, in a way that is documented to mean that nothing was filed (spec/epo 2, redirects). */
static void append_not_sent(struct work *work)
{
	hub_partner_result(work->hub, work->of, false);
	begin_outcome(work);
	lines_set(&work->record, "errors", NULL);
	lines_set(&work->record, "error", work_result(work, "reason")[0] != '\0' ? work_result(work, "reason") : "the service is down");
	lines_set(&work->record, "reason", NULL);
	lines_set(&work->record, "far", "reply-done");
	lines_set_u64(&work->record, "answers", work->of->sending_index);
	work_append(work, "not-sent", on_appended);
}

static bool needs_signature(const struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);

	return partner == NULL || partner->catalogue->evidence == CATALOGUE_SIGNED;
}

static void append_sent(struct work *work, const char *verdict)
{
	begin_outcome(work);
	lines_set(&work->record, "errors", NULL);
	lines_set(&work->record, "verdict", verdict);
	flow_record_result(work, "stage", "poll");
	work_append(work, "sent", on_appended);
}

static bool is_taken_for_good(const struct work *work)
{
	return work_result_is(work, "verdict", "accepted") || work_result_is(work, "verdict", "partial");
}

/* Accepted, or some parts of it: what the partner took needs the same evidence either way. */
static void settle_accepted(struct work *work)
{
	const char *verdict = work_result(work, "verdict");

	if (!needs_signature(work)) {
		append_closed(work, verdict, NULL);
	} else if (work->of->verified) {
		/* The partner's signed confirmation is verified already; the channel only brings the final state. */
		append_closed(work, verdict, "signed");
	} else {
		append_unclear(work, "accepted, the partner says, but there is no verified confirmation");
	}
}

/* The final word came another way, and the person who attached it answers for that. */
static void settle_attached(struct work *work)
{
	if (is_taken_for_good(work)) {
		append_closed(work, work_result(work, "verdict"), "person");
	} else if (work_result_is(work, "verdict", "refused")) {
		append_closed(work, "data-error", "person");
	} else {
		append_unclear(work, work_result(work, "reason"));
	}
}

/* A form that was asked about before it is signed. What is no result leaves it as it was: flow_precheck says how often it is asked again. */
static void settle_check(struct work *work)
{
	if (work_result_is(work, "verdict", "passed")) {
		append_tested(work, "passed");
	} else if (work_result_is(work, "verdict", "refused")) {
		append_tested_and_closed(work, "data-error");
	} else {
		append_tested(work, "unavailable");
	}
}

static void settle_file(struct work *work)
{
	bool person = work->of->last == RECORD_ATTACHED;

	if (work_result_is(work, "verdict", "signed")) {
		flow_verify(work);
	} else if (person && strcmp(work->of->stage, CASE_STAGE_NONE) == 0 && work_result_is(work, "evidence", "person")) {
		settle_attached(work);
	} else if (person && needs_signature(work)) {
		append_unclear(work, "the attached file is not a signed confirmation");
	} else if (is_taken_for_good(work)) {
		settle_accepted(work);
	} else if (work_result_is(work, "verdict", "taken")) {
		append_sent(work, work_result_is(work, "evidence", "signed") ? "undecided" : "offline");
	} else if (work_result_is(work, "verdict", "refused")) {
		append_closed(work, "data-error", NULL);
	} else if (work_result_is(work, "verdict", "unavailable") && work->of->state == CASE_SENDING) {
		append_not_sent(work);
	} else if (work_result_is(work, "verdict", "ask") && work->of->state == CASE_SENDING && work->outputs[0].taken) {
		flow_ask(work);
	} else {
		append_unclear(work, work_result(work, "reason"));
	}
}

/* The partner does not know the filing: it may be a bad moment of it, or it has forgotten what nobody collected. Asked again, until a person must look: the result
 * may have come by another way, and only a person can say that there is none. What an address says that did not take the filing settles nothing. */
static void settle_gone(struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	uint64_t patience_ms = partner == NULL || work->of->asked_at != work->of->filed_at ? 0 : partner->catalogue->ask_person_after_ms;

	if (patience_ms != 0 && clock_utc_ms() - work->of->changed_ms > (int64_t)patience_ms) {
		char reason[CASE_REASON_MAX_BYTES];

		(void)snprintf(reason, sizeof reason, "the partner does not know the filing: %s", work_result(work, "reason"));
		append_unclear(work, reason);
	} else {
		log_info("%s: the partner does not know this filing: %s", work->of->number, work_result(work, "reason"));
		ask_again(work, true);
	}
}

/* Is it certain by now that what was sent never arrived? The address that took the request gave it an identifier, and says again and again, over a while and with
 * nothing else between, that it does not know it. Counted in memory alone: after a start it is found out anew. */
static bool never_arrived(const struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	struct hub_case *of = work->of;

	if (of->asked_at != of->filed_at) {
		return false; /* what another address does not know settles nothing */
	}
	if (!work_result_is(work, "arrived", "no")) {
		of->absent = 0;
		return false;
	}
	of->absent_ms = of->absent == 0 ? clock_mono_ms() : of->absent_ms;
	of->absent++;
	return partner != NULL && partner->catalogue->absent_after_ms != 0 && of->absent >= ABSENT_ANSWERS &&
	       clock_mono_ms() - of->absent_ms >= partner->catalogue->absent_after_ms;
}

/* Did the filing arrive? Until that is known it is neither sent again nor given up (P3). */
static void settle_arrival(struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	uint64_t patience_ms = partner == NULL ? 0 : partner->catalogue->ask_person_after_ms;

	if (work_result_is(work, "arrived", "yes")) {
		append_sent(work, "offline");
	} else if (never_arrived(work)) {
		append_not_sent(work);
	} else if (patience_ms != 0 && clock_utc_ms() - work->of->changed_ms > (int64_t)patience_ms) {
		append_unclear(work, "the partner does not say whether the filing arrived");
	} else {
		ask_again(work, !work_result_is(work, "verdict", "unavailable"));
	}
}

static void settle_poll(struct work *work)
{
	if (work_result_is(work, "verdict", "signed")) {
		flow_verify(work);
	} else if (is_taken_for_good(work)) {
		settle_accepted(work);
	} else if (work_result_is(work, "verdict", "refused")) {
		append_closed(work, "data-error", NULL);
	} else if (work->of->state == CASE_SENDING) {
		settle_arrival(work);
	} else if (work_result_is(work, "verdict", "gone")) {
		settle_gone(work);
	} else {
		if (work_result(work, "reason")[0] != '\0' && !work_result_is(work, "verdict", "running")) {
			log_info("%s: a question was not answered: %s", work->of->number, work_result(work, "reason"));
		}
		ask_again(work, !work_result_is(work, "verdict", "unavailable"));
	}
}

/* The job died or could not be done. When jobs die on this reply always, it counts as one that nobody understands. */
static void settle_failure(struct work *work)
{
	flow_note_death(work);
	work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the reply could not be looked at"));
}

static void give_up(struct work *work)
{
	log_warning("%s: jobs die on the reply", work->of->number);
	if (work->of->purpose == PURPOSE_FILE) {
		append_unclear(work, "the reply cannot be read by the partner's program");
	} else if (work->of->purpose == PURPOSE_TEST || work->of->purpose == PURPOSE_CHECK) {
		append_tested(work, "unavailable");
	} else {
		ask_again(work, false);
	}
}

static void on_classified(struct work *work)
{
	if (work->err != 0) {
		settle_failure(work);
		return;
	}
	switch (work->of->purpose) {
	case PURPOSE_TEST:
		settle_test(work);
		break;
	case PURPOSE_CHECK:
		settle_check(work);
		break;
	case PURPOSE_POLL:
		settle_poll(work);
		break;
	default:
		settle_file(work);
	}
}

static const char *purpose_word(const struct hub_case *of)
{
	return of->purpose == PURPOSE_TEST ? "test" : of->purpose == PURPOSE_POLL ? "poll" : of->purpose == PURPOSE_CHECK ? "check" : "file";
}

/* A reply that broke off: for a filing nobody knows, for the rest it is asked again. */
static void settle_incomplete(struct work *work)
{
	if (work->of->purpose == PURPOSE_FILE) {
		append_unclear(work, "the connection broke off before the reply was whole");
	} else if (work->of->purpose == PURPOSE_CHECK) {
		append_tested(work, "unavailable");
	} else if (work->of->purpose == PURPOSE_TEST) {
		hub_partner_result(work->hub, work->of, false);
		append_tested(work, "unavailable");
	} else {
		ask_again(work, false);
	}
}

/* [1] to [3] of a classification (job.h). What a poll was about stands in the receipt: its answer must be about the same. */
static void run_classify(struct work *work, const char *reply, struct lines *parameters, work_done done)
{
	const struct hub_case *of = work->of;
	_cleanup_close_ int none = fd_memfd_sealed("none", "", 0);
	bool asked = of->has_receipt && of->purpose == PURPOSE_POLL;
	const struct work_input inputs[] = { { .role = reply, .index = strcmp(reply, "reply") == 0 ? of->reply_index : 0 },
		                             { .role = flow_basis(of) },
		                             { .role = asked ? "receipt" : NULL, .fd = none } };

	work_output_add(work, "receipt", "receipt=yes", RECEIPT_LIMIT_BYTES);
	work->outputs[0].held = true;
	work_output_add(work, "report", "report=yes", REPORT_LIMIT_BYTES);
	work_output_add(work, "attachment", "data=yes", CONFIRMATION_LIMIT_BYTES);
	work_job(work, "classify", of->partner, parameters, inputs, sizeof inputs / sizeof inputs[0], done);
}

void flow_classify(struct hub *hub, struct hub_case *of)
{
	struct work *work = work_begin(hub, of);
	_cleanup_lines_ struct lines parameters = { 0 };

	if (work == NULL) {
		return;
	}
	if (!of->reply_complete) {
		settle_incomplete(work);
		return;
	}
	if (flow_dies_always(hub, of)) {
		give_up(work);
		return;
	}
	flow_job_parameters(hub, of, &parameters);
	lines_set(&parameters, "purpose", purpose_word(of));
	lines_set_u64(&parameters, "http-status", of->last == RECORD_ATTACHED ? 200 : of->http_status);
	lines_set(&parameters, "stage", of->stage);
	run_classify(work, "reply", &parameters, on_classified);
}

/* --- a CMS reply --- */

static void join(const struct config_list *list, char *ret, size_t size)
{
	size_t have = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < list->count && have < size; i++) {
		int wrote = snprintf(ret + have, size - have, "%s%s", i == 0 ? "" : "|", list->items[i]);

		have += wrote < 0 ? 0 : (size_t)wrote;
	}
}

static void on_verified(struct work *work)
{
	bool valid = work_result_is(work, "result", "valid") && work->outputs[0].taken;
	bool unknown = !valid && work_result_is(work, "unknown-signer", "yes");

	if (work->err != 0) {
		settle_failure(work);
		return;
	}
	if (unknown) {
		partner_certs_propose(work->hub, work->of, &work->result);
	}
	if (unknown && work->of->last == RECORD_UNCLEAR) {
		flow_seal_wait(work); /* it was looked at only for what its certificate says; the record of it stands already */
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "detail", unknown ? CASE_UNKNOWN_SIGNER : NULL);
	lines_set(&work->record, "evidence", "signed");
	lines_set(&work->record, "result", valid ? "valid" : "invalid");
	flow_record_result(work, "reason", "reason");
	flow_record_result(work, "signer", "signer-sha256");
	flow_record_result(work, "signer-name", "signer-name");
	flow_record_result(work, "form", "form");
	if (valid) {
		flow_record_outputs(work);
	}
	work_append(work, "verified", on_appended);
}

void flow_verify(struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	int anchors = fd_memfd_sealed("anchors", partner->anchors != NULL ? (const void *)partner->anchors : "", partner->anchors_length);
	struct work_input inputs[] = { { .role = "reply", .index = work->of->reply_index }, { .fd = anchors } };
	_cleanup_lines_ struct lines parameters = { 0 };
	char list[LINES_VALUE_MAX], pins[PARTNER_CERT_PINS_SIZE];

	join(&partner->config->signer_cn, list, sizeof list);
	lines_set(&parameters, "signer-cn", list);
	partner_certs_pins(work->hub, partner, pins);
	lines_set(&parameters, "signer-sha256", pins);
	lines_set(&parameters, "signer-o", partner->config->signer_o);
	lines_set_u64(&parameters, "limit", CONFIRMATION_LIMIT_BYTES);
	work->output_count = 0;
	work_output_add(work, "confirmation", "result=valid", CONFIRMATION_LIMIT_BYTES);
	work_job(work, "verify", work->of->partner, &parameters, inputs, 2, on_verified);
	cleanup_close(&anchors);
}

/* --- the content of a verified confirmation --- */

static void settle_confirmed(struct work *work)
{
	if (work->err != 0) {
		settle_failure(work);
	} else if (is_taken_for_good(work)) {
		append_closed(work, work_result(work, "verdict"), NULL);
	} else if (work_result_is(work, "verdict", "taken")) {
		append_sent(work, "undecided");
	} else if (work_result_is(work, "verdict", "refused")) {
		append_closed(work, "data-error", NULL);
	} else {
		append_unclear(work, work_result(work, "reason"));
	}
}

/* What a signed confirmation says is evidence by signature, whatever the job calls it. */
static void on_confirmed(struct work *work)
{
	if (work->err == 0) {
		lines_set(&work->result, "evidence", "signed");
	}
	settle_confirmed(work);
}

void flow_confirm(struct hub *hub, struct hub_case *of)
{
	struct work *work = work_begin(hub, of);
	_cleanup_lines_ struct lines parameters = { 0 };

	if (work == NULL) {
		return;
	}
	if (!of->result_valid) {
		lines_set(&work->result, "reason", of->reason == NULL ? "" : of->reason);
		append_unclear(work, "the confirmation's signature is not valid; it is kept and can be checked again");
		return;
	}
	if (flow_dies_always(hub, of)) { /* to ask again would bring the same words under the same seal */
		log_warning("%s: jobs die on the content of a verified reply", of->number);
		append_unclear(work, "the reply is under a valid seal, and the partner's program cannot read it");
		return;
	}
	flow_job_parameters(hub, of, &parameters);
	lines_set(&parameters, "purpose", "confirmation");
	lines_set(&parameters, "stage", of->stage);
	run_classify(work, "confirmation", &parameters, on_confirmed);
}
