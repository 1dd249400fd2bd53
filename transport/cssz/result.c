#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../base/queryform.h"
#include "../base/report.h"
#include "binding.h"
#include "facts.h"
#include "numbers.h"
#include "query.h"
#include "returned.h"
#include "words.h"

#define MESSAGE_MAX_BYTES (UINT64_C(32) << 20)
#define WORD_SIZE 65
#define NAME_SIZE 129
#define TEXT_SIZE 2049
#define TIMESTAMP_NAMESPACE "http://www.cssz.cz/emp/timestamp"

/* An Item: the first one, without a number, is about the filing as a whole. */
struct item {
	char number[NAME_SIZE], identifier[NAME_SIZE], subtype[WORD_SIZE], result[WORD_SIZE], text[TEXT_SIZE], error[WORD_SIZE];
};

struct result {
	struct job *job;
	struct report report;
	char language[4];
	bool found, whole_seen, whole_bad, strange;
	char type[CSSZ_CLASS_SIZE], verdict[WORD_SIZE], text[TEXT_SIZE], error[WORD_SIZE];
	uint64_t count, warnings, good, bad;
	struct binding binding;
	char *collecting; /* the text of this element: date or time of the seal */
	size_t room;
	struct returned data;
};

static void take(const struct xml_element *element, const char *name, char *ret, size_t size)
{
	struct span value;

	ret[0] = '\0';
	if (xml_attribute_find(element, name, &value)) {
		job_copy_value(value, ret, size);
		job_trim(ret);
	}
}

static uint64_t take_u64(const struct xml_element *element, const char *name)
{
	struct span value;
	uint64_t number = 0;

	return xml_attribute_find(element, name, &value) && span_parse_u64(value, &number) ? number : 0;
}

static void advise(struct result *result, const char *number)
{
	const struct cssz_number *known = cssz_number_find(number);
	bool english = strcmp(result->language, "en") == 0;

	if (known != NULL) {
		report_line(&result->report, "    %s: %s. %s: %s", number, english ? known->en : known->cs, cssz_word(result->language, WORD_ADVICE),
		            english ? known->advice_en : known->advice_cs);
	}
}

static void report_item(struct result *result, const struct item *item, bool bad)
{
	const char *language = result->language;
	char what[2 * NAME_SIZE + WORD_SIZE];

	if (item->number[0] == '\0') {
		(void)snprintf(what, sizeof what, "%s", cssz_word(language, WORD_WHOLE));
	} else {
		(void)snprintf(what, sizeof what, "%s %s%s%s%s%s%s", cssz_word(language, WORD_FORM), item->number, item->subtype[0] != '\0' ? " " : "",
		               item->subtype, item->identifier[0] != '\0' ? " (" : "", item->identifier, item->identifier[0] != '\0' ? ")" : "");
	}
	report_line(&result->report, "%s: %s%s%s%s%s%s", what,
	            cssz_word(language, bad                     ? WORD_REFUSED
	                                : item->text[0] != '\0' ? WORD_TAKEN_WITH_WARNINGS
	                                                        : WORD_TAKEN),
	            item->error[0] != '\0' ? " [" : "", item->error, item->error[0] != '\0' ? "]" : "", item->text[0] != '\0' ? ": " : "", item->text);
	advise(result, item->error);
}

static void on_item(struct result *result, const struct xml_element *element)
{
	struct item item = { .number = "" };
	bool bad = false, empty = false;

	take(element, "sqnr", item.number, sizeof item.number);
	take(element, "identifier", item.identifier, sizeof item.identifier);
	take(element, "subtype", item.subtype, sizeof item.subtype);
	take(element, "result", item.result, sizeof item.result);
	take(element, "errMsg", item.text, sizeof item.text);
	take(element, "errNum", item.error, sizeof item.error);
	bad = strcmp(item.result, "ERROR") == 0;
	empty = item.number[0] == '\0' && item.result[0] == '\0'; /* of a refusal before processing (6.1) */
	result->strange = result->strange || (!bad && !empty && strcmp(item.result, "OK") != 0);
	if (item.number[0] == '\0') {
		result->strange = result->strange || result->whole_seen || result->good + result->bad > 0;
		result->whole_seen = true;
		result->whole_bad = result->whole_bad || bad;
	} else {
		result->good += !bad;
		result->bad += bad;
	}
	binding_add(&result->binding, item.number, item.identifier, item.subtype);
	if (bad || item.text[0] != '\0') {
		report_item(result, &item, bad);
	}
}

static void on_moment(struct result *result, const struct xml_element *element)
{
	bool date = span_equals_string(element->name, "date");

	if (span_equals_string(element->space, TIMESTAMP_NAMESPACE) && (date || span_equals_string(element->name, "time"))) {
		result->collecting = date ? result->binding.date : result->binding.time;
		result->room = sizeof result->binding.date;
		result->collecting[0] = '\0';
	}
}

static int on_text(void *context, struct span text)
{
	struct result *result = context;

	if (result->collecting != NULL) {
		size_t have = strlen(result->collecting);

		job_copy_value(text, result->collecting + have, result->room - have);
	}
	returned_text(&result->data, text);
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct result *result = context;

	(void)depth;
	result->collecting = NULL;
	returned_end(&result->data, name);
	return 0;
}

static int on_start(void *context, const struct xml_element *element)
{
	struct result *result = context;

	result->collecting = NULL;
	on_moment(result, element);
	if (span_equals_string(element->name, "ProcessingResult")) {
		result->strange = result->strange || result->found;
		result->found = true;
		take(element, "type", result->type, sizeof result->type);
		take(element, "result", result->verdict, sizeof result->verdict);
		take(element, "errMsg", result->text, sizeof result->text);
		take(element, "errNumber", result->error, sizeof result->error);
		result->count = take_u64(element, "count");
		result->warnings = take_u64(element, "countWar");
	} else if (span_equals_string(element->name, "Item") && result->found) {
		on_item(result, element);
	}
	returned_start(&result->data, element);
	return 0;
}

static int tell(const struct result *result, const char *verdict, const char *reason)
{
	lines_set(&result->job->result, "verdict", verdict);
	lines_set(&result->job->result, "reason", reason);
	return 0;
}

/* Of another of our filings: whatever it says, it does not count here. */
static int tell_foreign(struct result *result, const char *why)
{
	lines_setf(&result->job->result, "reason", "a sealed result of another filing: %s", why);
	lines_set(&result->job->result, "verdict", "mismatch");
	return 0;
}

/* The whole was refused: in words and numbers of ČSSZ where it gave some. */
static int tell_refused(struct result *result)
{
	if (result->report.lines == 0) {
		report_line(&result->report, "%s: %s%s%s%s%s%s", cssz_word(result->language, WORD_WHOLE), cssz_word(result->language, WORD_REFUSED),
		            result->error[0] != '\0' ? " [" : "", result->error, result->error[0] != '\0' ? "]" : "", result->text[0] != '\0' ? ": " : "",
		            result->text);
		advise(result, result->error);
	}
	lines_set_u64(&result->job->result, "errors", result->bad > 0 ? result->bad : 1);
	lines_setf(&result->job->result, "reason", "ČSSZ refused the filing%s%s",
	           result->error[0] != '\0' && strcmp(result->error, "0") != 0 ? ", number " : "", strcmp(result->error, "0") != 0 ? result->error : "");
	lines_set(&result->job->result, "verdict", "refused");
	return 0;
}

static int tell_partial(struct result *result)
{
	lines_set_u64(&result->job->result, "errors", result->bad);
	lines_setf(&result->job->result, "reason", "ČSSZ accepted %" PRIu64 " of %" PRIu64 " forms", result->good, result->good + result->bad);
	lines_set(&result->job->result, "verdict", "partial");
	return 0;
}

/* A query is answered when the data that it asked for came, and are about what was asked. */
static int tell_answered(struct result *result)
{
	const char *kind = returned_kind(&result->data), *fault = NULL;
	struct cssz_facts facts;
	int err = 0;

	if (!cssz_asks(result->job)) {
		return tell(result, "accepted", NULL);
	}
	if (kind == NULL) {
		report_line(&result->report, "%s", cssz_word(result->language, WORD_NO_DATA));
		return tell(result, "unknown", "the answer holds no data that can be read");
	}
	fault = cssz_facts_read(result->job, job_input(result->job, CLASSIFY_ORIGINAL), &facts, &err);
	if (err != 0) {
		return job_fail(result->job, err, "%s", fault);
	}
	fault = strcmp(kind, "plain") == 0 ? returned_report(result->data.fd, facts.vs, result->language, &result->report) : NULL;
	if (fault != NULL) {
		return tell(result, "mismatch", fault);
	}
	lines_set(&result->job->result, "data", "yes");
	lines_set(&result->job->result, "data-kind", kind);
	return tell(result, "accepted", NULL);
}

/* 6.2 */
static int judge(struct result *result)
{
	char class_name[CSSZ_CLASS_SIZE], partial[4], second[4];
	bool says_ok = strcmp(result->verdict, "OK") == 0, says_error = strcmp(result->verdict, "ERROR") == 0;
	const char *foreign = NULL;
	int err = 0;

	(void)job_parameter(result->job, "option.class", "", class_name, sizeof class_name);
	(void)job_parameter(result->job, "option.partial", "no", partial, sizeof partial);
	if (!result->found || result->strange || (!says_ok && !says_error)) {
		return tell(result, "unknown", "a sealed result that is not understood");
	}
	if (strcmp(class_name, result->type) != 0) {
		return tell(result, "mismatch", "a sealed result of another service");
	}
	foreign = binding_check(&result->binding, says_ok || result->binding.items > 0 ? result->count : 0, &err);
	if (err == ERR_FORMAT || err == ERR_LIMIT) {
		return tell(result, "unknown", "the form cannot be compared with the sealed result");
	}
	if (err != 0) {
		return job_fail(result->job, err, "the form cannot be compared with the result");
	}
	if (foreign != NULL) {
		return tell_foreign(result, foreign);
	}
	if (says_ok && (result->whole_bad || result->bad > 0)) {
		return tell(result, "unknown", "the sealed result contradicts itself: accepted, with a part refused");
	}
	if (says_ok) {
		lines_set_u64(&result->job->result, "warnings", result->warnings);
		(void)job_parameter(result->job, "option.second-stage", "no", second, sizeof second);
		if (strcmp(second, "yes") == 0) { /* taken in; what ČSSZ says of its content comes another way (8.3) */
			lines_set(&result->job->result, "poll", "none");
			return tell(result, "taken", NULL);
		}
		return tell_answered(result);
	}
	if (result->whole_bad || result->good == 0) {
		return tell_refused(result);
	}
	if (result->bad == 0) {
		return result->error[0] != '\0' && strcmp(result->error, "0") != 0
		           ? tell_refused(result)
		           : tell(result, "unknown", "the sealed result says refused and names no part that was");
	}
	return strcmp(partial, "yes") == 0 ? tell_partial(result) : tell_refused(result);
}

static int classify(struct job *job)
{
	static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };
	struct result result = { .job = job, .report = { .fd = job_fd(job, CLASSIFY_REPORT_OUT) }, .data = { .fd = job_fd(job, CLASSIFY_DATA_OUT) } };
	struct xml_outcome outcome;
	int err = 0;

	(void)job_parameter(job, "language", "cs", result.language, sizeof result.language);
	binding_begin(job, &result.binding);
	err = xmlwalk_read(job_input(job, CLASSIFY_REPLY), MESSAGE_MAX_BYTES, &events, &result, &outcome);
	returned_free(&result.data);
	if (err != 0) {
		binding_free(&result.binding);
		return tell(&result, "unknown", "the sealed message is not well-formed");
	}
	if (result.data.err != 0) {
		binding_free(&result.binding);
		return job_fail(job, result.data.err, "the data cannot be written");
	}
	lines_set(&job->result, "evidence", "signed");
	err = judge(&result);
	binding_free(&result.binding);
	if (result.good + result.bad > 1 || result.bad > 0) {
		report_line(&result.report, "%s: %" PRIu64 " / %" PRIu64, cssz_word(result.language, WORD_SUM), result.good, result.bad);
	}
	if (result.report.omitted > 0) {
		result.report.lines = 0;
		report_line(&result.report, "… %s: %zu", cssz_word(result.language, WORD_MORE), result.report.omitted);
	}
	lines_set(&job->result, "report", result.report.lines > 0 ? "yes" : "no");
	return err == 0 && result.report.err != 0 ? job_fail(job, result.report.err, "the report cannot be written") : err;
}

int cssz_classify_result(struct job *job)
{
	int original = job_fd(job, CLASSIFY_ORIGINAL);
	_cleanup_close_ int message = -1;
	int err = 0;

	if (!cssz_asks(job)) {
		return classify(job);
	}
	err = job_keep(job_input(job, CLASSIFY_ORIGINAL), QUERYFORM_MAX_BYTES, &message);
	if (err != 0) {
		return job_fail(job, err, "the query cannot be read");
	}
	job->fds[CLASSIFY_ORIGINAL - 1] = message; /* a pipe is read once, and it is looked at more than once */
	err = classify(job);
	job->fds[CLASSIFY_ORIGINAL - 1] = original;
	return err;
}
