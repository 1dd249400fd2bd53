/* What an answer of VREP means for the purpose it was asked for (spec/cssz 4, 6.2). The gateway alone never says yes or no for ČSSZ: that is sealed (verify.c) and read
 * when the seal was found good (purpose confirmation). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/receipt.h"
#include "facts.h"
#include "isds.h"
#include "jmhz_protocol.h"
#include "numbers.h"
#include "reply.h"
#include "result.h"
#include "validator.h"

#define OPTION_SIZE 33
#define NUMBER_NOT_KNOWN "2000" /* the gateway knows no such CorrelationID: wrong, closed already, or too old (4.2) */

static int tell(struct job *job, const char *verdict, const char *reason)
{
	lines_set(&job->result, "verdict", verdict);
	lines_set(&job->result, "evidence", "channel");
	lines_set(&job->result, "reason", reason);
	return 0;
}

/* "the gateway says 1020: ..." with the gateway's own words cleaned. */
static int tell_error(struct job *job, const char *verdict, const struct cssz_reply *reply)
{
	const struct cssz_number *known = cssz_number_find(reply->number);

	lines_setf(&job->result, "reason", "the gateway says %s: %s", reply->number[0] != '\0' ? reply->number : "an error without a number",
	           known != NULL ? known->en : reply->text);
	lines_set(&job->result, "verdict", verdict);
	lines_set(&job->result, "evidence", "channel");
	return 0;
}

static const char *shape_words(const struct cssz_reply *reply, uint64_t status)
{
	if (status >= 500) {
		return "the gateway failed (HTTP 5xx)";
	}
	if (!reply->wellformed) {
		return "an answer that is no XML, or not whole";
	}
	return reply->envelope ? "an answer of another kind" : "an answer without the envelope";
}

static bool same_class(const struct job *job, const struct cssz_reply *reply)
{
	char class_name[CSSZ_CLASS_SIZE];

	(void)job_parameter(job, "option.class", "", class_name, sizeof class_name);
	return class_name[0] != '\0' && strcmp(class_name, reply->class_name) == 0;
}

/* An acknowledgement: VREP has the filing, and from now on everything hangs on the CorrelationID. */
static int take(struct job *job, const struct cssz_reply *reply)
{
	struct cssz_facts facts;
	struct lines receipt = { 0 };
	int err = 0;
	const char *fault = cssz_facts_read(job, job_input(job, CLASSIFY_ORIGINAL), &facts, &err);

	if (err != 0) {
		return job_fail(job, err, "%s", fault);
	}
	if (reply->moment[0] != '\0') {
		lines_set(&receipt, "acknowledged", reply->moment); /* no result of it can be older (binding.h) */
	}
	lines_set(&receipt, "class", reply->class_name);
	lines_set(&receipt, "correlation-id", reply->id);
	lines_set(&receipt, "interval", reply->interval);
	lines_set(&receipt, "vs", facts.vs);
	err = receipt_write(job_fd(job, CLASSIFY_RECEIPT_OUT), &receipt);
	if (err != 0) {
		return job_fail(job, err, "the receipt cannot be written");
	}
	lines_set(&job->result, "receipt", "yes");
	lines_set(&job->result, "poll", "result");
	return reply->has_error ? tell_error(job, "ask", reply) : tell(job, "taken", NULL);
}

/* Errors that the gateway makes before it takes a message: nothing was filed (spec/cssz 10.1). */
static bool was_not_taken(const struct cssz_reply *reply)
{
	static const char *const numbers[] = { "1001", "1002", "1020", "1042", "1046", "1047" };

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (strcmp(reply->number, numbers[i]) == 0) {
			return true;
		}
	}
	return false;
}

static int classify_filing(struct job *job, const struct cssz_reply *reply, uint64_t status)
{
	if (!reply->wellformed || !reply->envelope) {
		return tell(job, "unknown", shape_words(reply, status));
	}
	if (reply->has_result) {
		return tell(job, "signed", NULL); /* a protocol at once; its seal decides */
	}
	if (strcmp(reply->qualifier, "acknowledgement") == 0) {
		if (!cssz_is_id(reply->id)) {
			return tell(job, "unknown", "an acknowledgement without a usable CorrelationID");
		}
		return same_class(job, reply) ? take(job, reply) : tell(job, "unknown", "an acknowledgement for another service");
	}
	if (reply->has_error && !was_not_taken(reply) && cssz_is_id(reply->id) && same_class(job, reply)) {
		return take(job, reply); /* whether it arrived nobody knows, but it has an identifier: it can be asked about */
	}
	if (reply->has_error) {
		return tell_error(job, was_not_taken(reply) ? "unavailable" : "unknown", reply);
	}
	return tell(job, "unknown", shape_words(reply, status));
}

/* The id that was asked for. */
static bool asked_for(const struct job *job, const char *id)
{
	char receipt[RECEIPT_MAX_BYTES], wanted[CSSZ_ID_SIZE];
	ssize_t length = fd_read_full(job_input(job, CLASSIFY_RECEIPT), receipt, sizeof receipt);

	return length > 0 && lines_find_string(span_of(receipt, (size_t)length), "correlation-id", wanted, sizeof wanted) && strcmp(wanted, id) == 0;
}

static const char *without_result(const struct cssz_reply *reply)
{
	return strcmp(reply->number, NUMBER_NOT_KNOWN) == 0 ? "gone" : "running";
}

static int classify_poll(struct job *job, const struct cssz_reply *reply, uint64_t status)
{
	lines_set(&job->result, "poll", "result");
	if (!reply->wellformed || !reply->envelope) {
		return tell(job, status >= 500 || status < 200 || status > 299 ? "unavailable" : "running", shape_words(reply, status));
	}
	if (!asked_for(job, reply->id) || !same_class(job, reply)) {
		/* Nothing of it is about this filing. It is asked again; that nothing else comes is shown to people after a while. */
		return reply->has_error && !reply->has_result ? tell_error(job, without_result(reply), reply)
		                                              : tell(job, "running", "an answer about another filing");
	}
	if (reply->has_error || strcmp(reply->qualifier, "acknowledgement") == 0) {
		/* Only what names the filing says whether it arrived. */
		lines_set(&job->result, "arrived", !reply->has_error ? "yes" : strcmp(reply->number, NUMBER_NOT_KNOWN) == 0 ? "no" : NULL);
	}
	if (reply->has_result && (strcmp(reply->qualifier, "response") == 0 || strcmp(reply->qualifier, "error") == 0)) {
		return tell(job, "signed", NULL);
	}
	if (reply->has_error) {
		return tell_error(job, without_result(reply), reply);
	}
	return tell(job, "running", strcmp(reply->qualifier, "acknowledgement") == 0 ? NULL : "an answer of another kind");
}

int cssz_classify(struct job *job)
{
	char purpose[OPTION_SIZE], stage[OPTION_SIZE];
	_cleanup_close_ int kept = -1;
	bool found = false;
	_cleanup_(cssz_reply_free) struct cssz_reply reply = { .inside = NULL };
	uint64_t status = job_parameter_u64(job, "http-status", 0);
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "purpose", "", purpose, sizeof purpose);
	lines_set(&job->result, "receipt", "no");
	lines_set(&job->result, "report", "no");
	if (strcmp(purpose, "confirmation") == 0) {
		return cssz_classify_result(job);
	}
	if (strcmp(purpose, "check") == 0) {
		return cssz_classify_check(job);
	}
	if (strcmp(purpose, "file") != 0 && strcmp(purpose, "poll") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "no such purpose");
	}
	if (!isds_is_answer(job)) {
		return tell(job, "mismatch", "an answer to another data message");
	}
	(void)job_parameter(job, "stage", "", stage, sizeof stage);
	if (strcmp(stage, "none") == 0 && purpose[0] == 'f') { /* attached while nobody is asked: the final word, or once more what came before */
		err = job_keep(job_input(job, CLASSIFY_REPLY), CSSZ_DATA_MAX_BYTES, &kept);
		err = err != 0 ? job_fail(job, err, "the file cannot be read") : jmhz_protocol_classify(job, kept, &found);
		if (err != 0 || found) {
			return err;
		}
	}
	err = cssz_reply_read(kept >= 0 && lseek(kept, 0, SEEK_SET) == 0 ? kept : job_input(job, CLASSIFY_REPLY), JOB_STREAM_MAX_BYTES, &reply);
	if (err != 0) {
		return job_fail(job, err, "the reply cannot be read");
	}
	/* WS names the operation that it answers: one to another question is none to this. */
	reply.envelope = reply.envelope && (reply.operation[0] == '\0' || strcmp(reply.operation, purpose[0] == 'f' ? "Submit" : "Poll") == 0);
	return purpose[0] == 'f' ? classify_filing(job, &reply, status) : classify_poll(job, &reply, status);
}
