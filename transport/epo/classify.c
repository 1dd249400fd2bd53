/* What a reply of EPO means for the purpose it was asked for (spec/epo 6 to 8). Decided by bytes; the HTTP status only tells a service that is down. */
#include "classify.h"

#include <string.h>

#include "../../appliance/base/err.h"
#include "epo.h"
#include "receipt.h"
#include "reply.h"
#include "words.h"

#define OPTION_SIZE 32
#define STATE_WAITING "1" /* stav_podapl (spec/epo 8.1) */
#define STATE_REFUSED "2"
#define STATE_ACCEPTED "3"
#define PROCESSING_REFUSED "3" /* StavZpracovani@Stav (spec/epo 8.2) */

int epo_tell(struct job *job, const char *verdict, const char *evidence, const char *reason)
{
	lines_set(&job->result, "verdict", verdict);
	lines_set(&job->result, "evidence", evidence);
	lines_set(&job->result, "reason", reason);
	return 0;
}

static int tell(struct job *job, const char *verdict, const char *reason)
{
	return epo_tell(job, verdict, "channel", reason);
}

static bool option_is(const struct job *job, const char *name, const char *value)
{
	char text[OPTION_SIZE];

	(void)job_parameter(job, name, "", text, sizeof text);
	return strcmp(text, value) == 0;
}

static bool is_redirect(uint64_t status)
{
	return status >= 300 && status <= 399;
}

/* Content that is one of the answers the interface knows. */
static bool is_understood(const struct epo_reply *reply)
{
	return reply->shape == EPO_SHAPE_CMS || (reply->shape == EPO_SHAPE_XML && reply->wellformed);
}

static const char *shape_words(const struct epo_reply *reply)
{
	switch (reply->shape) {
	case EPO_SHAPE_EMPTY:
		return "an empty reply";
	case EPO_SHAPE_HTML:
		return "a web page instead of an answer";
	case EPO_SHAPE_XML:
		return reply->wellformed ? "an answer of another kind" : "malformed XML";
	case EPO_SHAPE_CMS:
		return "a signed answer where none belongs";
	case EPO_SHAPE_OTHER:
		return "a reply that is neither XML nor CMS";
	}
	return "a reply of no known kind";
}

/* Typ of which a test run, or the office, says that it stops the filing (spec/epo 7.1). */
static uint64_t stopping(const struct job *job, const struct epo_reply *reply)
{
	uint64_t serious = option_is(job, "option.treat-n-as", "passable") ? 0 : reply->serious;

	return serious + reply->structure + reply->critical + reply->server + reply->other + reply->untyped;
}

static void tell_counts(struct job *job, const struct epo_reply *reply)
{
	uint64_t stops = stopping(job, reply);

	lines_set_u64(&job->result, "errors", stops);
	lines_set_u64(&job->result, "warnings", reply->passable + (option_is(job, "option.treat-n-as", "passable") ? reply->serious : 0));
	if (reply->unread) {
		lines_set(&job->result, "unread", "yes");
	}
	if (reply->large) {
		lines_set(&job->result, "large", "yes");
	}
}

static int classify_test(struct job *job, const struct epo_reply *reply, uint64_t status)
{
	uint64_t stops = stopping(job, reply);

	if (!is_understood(reply)) {
		bool down = is_redirect(status) || status >= 500 || reply->shape == EPO_SHAPE_EMPTY || reply->shape == EPO_SHAPE_HTML;

		return tell(job, down ? "unavailable" : "unknown", is_redirect(status) ? "the service is redirected: maintenance" : shape_words(reply));
	}
	if (strcmp(reply->root, "Chyby") != 0) {
		return tell(job, status >= 500 ? "unavailable" : "unknown", "the test run was not answered with a list of checks");
	}
	if (stops > 0 && stops == reply->server) {
		return tell(job, "unavailable", "an exception on the portal's side");
	}
	if (stops > 0) {
		return tell(job, "refused", "the checks found errors that stop the filing");
	}
	return reply->test_run ? tell(job, "passed", NULL) : tell(job, "unknown", "the list does not say that it was a test run");
}

/* Chyby after a real filing: only what certainly stops it counts as a refusal (spec/epo 7.1). */
static int classify_filing_errors(struct job *job, const struct epo_reply *reply)
{
	if (reply->test_run) {
		return tell(job, "unknown", "the portal answered as if to a test run");
	}
	if (reply->critical + reply->structure + reply->other > 0) {
		return tell(job, "refused", "the portal refused the filing");
	}
	return tell(job, "unknown", reply->server > 0 ? "an exception on the portal's side" : "errors that do not stop a filing, and no confirmation");
}

static int tell_offline(struct job *job, struct epo_reply *reply)
{
	struct lines receipt = { 0 };
	int err = ERR_INTERNAL;

	if (reply->transfer[0] == '\0' || reply->password[0] == '\0') {
		return tell(job, "unknown", "a receipt without its number or password");
	}
	lines_set(&receipt, "id-predani", reply->transfer);
	lines_set(&receipt, "heslo", reply->password);
	err = receipt_write(job_fd(job, CLASSIFY_RECEIPT_OUT), &receipt);
	if (err != 0) {
		return job_fail(job, err, "the receipt cannot be written");
	}
	lines_set(&job->result, "receipt", "yes");
	lines_set(&job->result, "poll", "result");
	return tell(job, "taken", NULL);
}

static int classify_filing(struct job *job, struct epo_reply *reply, uint64_t status)
{
	if (reply->shape == EPO_SHAPE_CMS) {
		return tell(job, "signed", NULL);
	}
	/* Where both stand in one reply, Potvrzeni wins (spec/epo 6). */
	if (is_understood(reply) && reply->receipt) {
		return tell_offline(job, reply);
	}
	if (is_understood(reply) && strcmp(reply->root, "Chyby") == 0) {
		return classify_filing_errors(job, reply);
	}
	if (is_redirect(status)) {
		return tell(job, option_is(job, "option.redirect-means", "unknown") ? "unknown" : "unavailable", "the service is redirected: maintenance");
	}
	if (is_understood(reply) && strcmp(reply->root, "Pisemnost") == 0) {
		return tell(job, "unknown", "a confirmation without a signature");
	}
	return tell(job, "unknown", shape_words(reply));
}

/* What both questions have in common. True when it is told. */
static bool classify_poll_faults(struct job *job, const struct epo_reply *reply, uint64_t status)
{
	if (!is_understood(reply) && is_redirect(status)) {
		(void)tell(job, "unavailable", "the service is redirected: maintenance");
		return true;
	}
	if (!is_understood(reply)) {
		(void)tell(job, "running", shape_words(reply));
		return true;
	}
	if (strcmp(reply->root, "Chyby") != 0) {
		return false;
	}
	if (reply->server > 0 && stopping(job, reply) == reply->server) {
		(void)tell(job, "running", "an exception on the portal's side");
	} else {
		(void)tell(job, "unknown", "not found or wrong password");
	}
	return true;
}

static int classify_state(struct job *job, struct report *report, const struct epo_reply *reply, const char *language)
{
	if (reply->shape == EPO_SHAPE_CMS) {
		return tell(job, "unknown", shape_words(reply));
	}
	if (strcmp(reply->root, "Stav") != 0 || !reply->state_known) {
		return tell(job, "running", "the answer names no state");
	}
	if (reply->state_contradicts) {
		return tell(job, "running", "the answer contradicts itself");
	}
	report_line(report, "%s: %s%s%s", epo_word(language, WORD_STATE), reply->state, reply->state_text[0] != '\0' ? " – " : "", reply->state_text);
	if (strcmp(reply->state, STATE_ACCEPTED) == 0) {
		return tell(job, "accepted", NULL);
	}
	if (strcmp(reply->state, STATE_REFUSED) == 0) {
		return tell(job, "refused", "the tax office refused the filing");
	}
	return tell(job, "running", strcmp(reply->state, STATE_WAITING) == 0 ? NULL : "a state that is not known");
}

static int classify_result(struct job *job, const struct epo_reply *reply)
{
	if (reply->shape == EPO_SHAPE_CMS) {
		return tell(job, "signed", NULL);
	}
	if (strcmp(reply->root, "StavZpracovani") != 0 || !reply->processing_known) {
		return tell(job, "running", "the answer names no state");
	}
	return strcmp(reply->processing, PROCESSING_REFUSED) == 0 ? tell(job, "refused", "the portal refused the filing when it processed it")
	                                                          : tell(job, "running", NULL);
}

static int classify_poll(struct job *job, struct report *report, const struct epo_reply *reply, uint64_t status, const char *language)
{
	char stage[OPTION_SIZE];

	(void)job_parameter(job, "stage", "", stage, sizeof stage);
	lines_set(&job->result, "poll", stage);
	if (strcmp(stage, "state") != 0 && strcmp(stage, "result") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "no such stage of polling");
	}
	if (classify_poll_faults(job, reply, status)) {
		return 0;
	}
	return stage[0] == 's' ? classify_state(job, report, reply, language) : classify_result(job, reply);
}

static int classify_channel(struct job *job, const char *purpose, struct epo_reply *reply)
{
	struct report report = { .fd = job_fd(job, CLASSIFY_REPORT_OUT) };
	uint64_t status = job_parameter_u64(job, "http-status", 0);
	char language[OPTION_SIZE];
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "language", "cs", language, sizeof language);
	err = epo_reply_read(job_input(job, CLASSIFY_REPLY), JOB_STREAM_MAX_BYTES, language, &report, reply);
	if (err != 0) {
		return job_fail(job, err, "the reply cannot be read, or the report cannot be written");
	}
	lines_set(&job->result, "receipt", "no");
	tell_counts(job, reply);
	if (strcmp(purpose, "test") == 0) {
		err = classify_test(job, reply, status);
	} else if (strcmp(purpose, "file") == 0) {
		err = classify_filing(job, reply, status);
	} else {
		err = classify_poll(job, &report, reply, status, language);
	}
	lines_set(&job->result, "report", report.lines > 0 ? "yes" : "no");
	if (err == 0 && report.err != 0) {
		return job_fail(job, report.err, "the report cannot be written");
	}
	return err;
}

int epo_classify(struct job *job)
{
	char purpose[OPTION_SIZE];
	struct epo_reply reply;
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "purpose", "", purpose, sizeof purpose);
	if (strcmp(purpose, "confirmation") == 0) {
		return epo_classify_confirmation(job);
	}
	if (strcmp(purpose, "test") != 0 && strcmp(purpose, "file") != 0 && strcmp(purpose, "poll") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "no such purpose");
	}
	err = classify_channel(job, purpose, &reply);
	explicit_bzero(&reply, sizeof reply);
	return err;
}
