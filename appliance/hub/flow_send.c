/* flow_send.c - a request is composed, its exact bytes made durable, its sending announced in the journal, and only then carried (P2, P3). */
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "address.h"
#include "flow.h"
#include "partner_certs.h"

#define REQUEST_LIMIT_BYTES (64U * 1024 * 1024)

static const char *purpose_name(enum case_purpose purpose)
{
	return purpose == PURPOSE_TEST ? "test" : purpose == PURPOSE_POLL ? "poll" : purpose == PURPOSE_CHECK ? "check" : "file";
}

static void on_sending(struct work *work)
{
	if (work->err != 0) {
		work_retry(work, work->err == ERR_SPACE ? N_("too little space is free on the disk of data_dir (less than min_free): make room")
		                                        : N_("the journal does not take records"));
	} else {
		session_start(work);
	}
}

/* The reference of the very bytes, and where they go. */
static void describe_request(struct work *work, const char *ref)
{
	lines_set(&work->record, "object-request", ref);
	lines_setf(&work->record, "url", "%s%s", work->url, work_result(work, "path"));
	lines_set(&work->record, "env", work->of->env);
	lines_set_u64(&work->record, "attempt", work->of->attempt);
}

static void on_requested(struct work *work)
{
	if (work->err != 0) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		session_start(work);
	}
}

/* The bytes are an object already; their record and the announcement of their sending become durable together, and only then is a session begun. Of a batch that
 * a power cut tore, `request` alone may be left: then nothing was announced and nothing sent. */
static void append_sending(struct work *work, const char *ref)
{
	_cleanup_lines_ struct lines request = work->record;

	work->record = (struct lines){ 0 };
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	describe_request(work, ref);
	work_append_two(work, "request", &request, "sending", on_sending);
}

static void on_composed(struct work *work)
{
	enum case_purpose purpose = (enum case_purpose)work->session; /* until a session has an id */
	const char *ref = work->outputs[0].taken ? work->outputs[0].ref : work->of->signed_ref;

	if (work->err != 0 || ref == NULL) {
		work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the message could not be composed"));
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "purpose", purpose_name(purpose));
	describe_request(work, ref);
	if (purpose == PURPOSE_FILE) {
		append_sending(work, ref);
	} else {
		work_append(work, "request", on_requested);
	}
}

static void on_question(struct work *work)
{
	if (work->err != 0 || !work->outputs[0].taken) {
		work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the message could not be composed"));
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "purpose", purpose_name(PURPOSE_POLL));
	lines_set(&work->record, "object-receipt", work->outputs[1].ref); /* what to ask by is durable with the first question */
	describe_request(work, work->outputs[0].ref);
	work_append(work, "request", on_requested);
}

void flow_ask(struct work *work)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	const struct work_input receipt = { .fd = work->outputs[0].memfd };
	_cleanup_lines_ struct lines parameters = { 0 };

	work->url = address_choose(partner, work->of, PURPOSE_POLL);
	flow_job_parameters(work->hub, work->of, &parameters);
	lines_set(&parameters, "what", purpose_name(PURPOSE_POLL));
	lines_set(&parameters, "url", work->url);
	lines_set(&parameters, "stage", work_result(work, "poll"));
	work->outputs[1] = work->outputs[0]; /* its reference is wanted later; it is no output of the next job */
	work->outputs[0].memfd = -1;
	work->output_count = 0;
	work_output_add(work, "request", "same=no", REQUEST_LIMIT_BYTES);
	work_job(work, "compose", work->of->partner, &parameters, &receipt, 1, on_question);
	cleanup_close(&work->outputs[1].memfd);
}

/* The outside of this request, when it was told before there was a signature. */
static bool outside_is_known(struct work *work, const char *what)
{
	struct span rest = span_of_string(work->of->outside == NULL ? "" : work->of->outside), name, value, prefix;
	size_t length = strlen(what);

	while (lines_next(&rest, &name, &value)) {
		char key[LINES_NAME_MAX + 1];

		if (span_starts_with(name, what) && span_read_bytes(&name, length, &prefix) && span_copy_string(name, key, sizeof key) && key[0] == '.') {
			lines_set_span(&work->result, key + 1, value);
		}
	}
	return lines_get(&work->result, "path") != NULL;
}

void flow_request(struct hub *hub, struct hub_case *of, enum case_purpose purpose)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	struct work *work = work_begin(hub, of);
	bool poll = purpose == PURPOSE_POLL, check = purpose == PURPOSE_CHECK;
	struct work_input inputs[3] = { { .role = poll ? "receipt" : check ? "original" : "signed" }, { .role = flow_basis(of) }, { .fd = -1 } };
	_cleanup_lines_ struct lines parameters = { 0 };

	if (work == NULL) {
		return;
	}
	work->session = (uint64_t)purpose;
	work->url = address_choose(partner, of, purpose);
	if (!poll && outside_is_known(work, purpose_name(purpose))) {
		on_composed(work);
		return;
	}
	flow_job_parameters(hub, of, &parameters);
	lines_set(&parameters, "what", purpose_name(purpose));
	lines_set(&parameters, "url", work->url);
	if (partner->config->email[0] != '\0') {
		lines_set(&parameters, "email", partner->config->email);
	}
	if (poll) {
		lines_set(&parameters, "stage", of->stage);
	} else if (!check) {
		const struct partner_cert *recipient = partner_certs_used(hub, partner, clock_utc_ms());

		lines_set(&parameters, "encrypt-sha256", recipient != NULL ? recipient->sha256 : NULL);
		inputs[2].fd = fd_memfd_sealed("encrypt-to", partner->encrypt_to != NULL ? (const void *)partner->encrypt_to : "", partner->encrypt_to_length);
	}
	work_output_add(work, "request", "same=no", REQUEST_LIMIT_BYTES);
	work_job(work, "compose", of->partner, &parameters, inputs, poll || check ? 1 : 3, on_composed);
	cleanup_close(&inputs[2].fd);
}

static void on_unclear(struct work *work)
{
	/* ERR_MISMATCH: a reply became durable in this very moment; the case is looked at again with it. */
	if (work->err != 0 && work->err != ERR_MISMATCH) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

static void append_unclear(struct hub *hub, struct hub_case *of, const char *reason)
{
	struct work *work = work_begin(hub, of);

	if (work == NULL) {
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "reason", reason);
	work_append(work, "unclear", on_unclear);
}

void flow_roll_back(struct hub *hub, struct hub_case *of)
{
	append_unclear(hub, of, "the journal was rolled back: what was sent since is not known");
}

void flow_lost(struct hub *hub, struct hub_case *of)
{
	if (of->last == RECORD_REQUEST) {
		/* A test run or a question files nothing: it is asked anew, under a record of its own. */
		if (of->purpose == PURPOSE_TEST) {
			flow_next_send(hub, of);
		} else if (of->purpose == PURPOSE_CHECK) {
			flow_precheck(hub, of);
		} else {
			flow_next_poll(hub, of);
		}
		return;
	}
	append_unclear(hub, of, "the sending was cut off and left no word");
}

/* Sent, or asked whether what was sent arrived. */
static bool is_asked_about(const struct hub_case *of)
{
	return of->state == CASE_SENT || of->state == CASE_SENDING;
}

void flow_not_sent(struct hub *hub, struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	const char *why = NULL;

	if (partner != NULL && !clock_expired(partner->not_before_ms)) {
		of->waiting = hub_partner_waiting(partner);
		of->due_ms = partner->not_before_ms;
	} else if (of->state == CASE_TESTING) {
		flow_next_send(hub, of);
	} else if (is_asked_about(of) && partner != NULL && (why = flow_login_waiting(hub, partner)) != NULL) {
		of->waiting = why; /* a token that becomes ready wakes it */
		of->due_ms = clock_deadline(HUB_RETRY_MAX_MS);
	} else if (is_asked_about(of)) {
		flow_request(hub, of, PURPOSE_POLL);
	}
}
