/* Answers of WS: PollResponseData and faults (spec/cssz 11). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../base/base64.h"
#include "soap.h"

#define INTERVAL_MAX_SECONDS (UINT64_C(366) * 86400)
#define BASE64_FIRST_BYTES 16384

#define RESPONSE "response" /* SubmitResponse and the like */
#define RESULT "result"     /* SubmitResult and the like */

/* Elements whose text is kept, by their place. Below the operation local names count: the contract has several namespaces for its data types. */
static const struct wanted {
	const char *path[SOAP_PATH_MAX];
	size_t offset, size;
} wanted[] = {
#define AT(member) offsetof(struct cssz_reply, member), sizeof(((struct cssz_reply *)0)->member)
#define DATA "Envelope", "Body", RESPONSE, RESULT
#define FAULT "Envelope", "Body", "Fault"
	{ { DATA, "Class" }, AT(class_name) },
	{ { DATA, "CorrelationID" }, AT(id) },
	{ { DATA, "Function" }, AT(function) },
	{ { DATA, "Qualifier" }, AT(qualifier) },
	{ { DATA, "PollInterval" }, AT(interval) },
	{ { DATA, "GatewayTimestamp" }, AT(moment) },
	{ { DATA, "GovTalkErrors", "Errors", "Error", "Number" }, AT(number) },
	{ { DATA, "GovTalkErrors", "Errors", "Error", "RaisedBy" }, AT(raised_by) },
	{ { DATA, "GovTalkErrors", "Errors", "Error", "Text" }, AT(text) },
	{ { FAULT, "Reason", "Text" }, AT(reason) },
	{ { FAULT, "Detail", "GGErrorException", "Number" }, AT(number) },
	{ { FAULT, "Detail", "GGErrorException", "RaisedBy" }, AT(raised_by) },
	{ { FAULT, "Detail", "GGErrorException", "Text" }, AT(text) },
};
static const char *const data_path[SOAP_PATH_MAX] = { DATA, "BodyBase64XML" };
static const char *const error_path[SOAP_PATH_MAX] = { DATA, "GovTalkErrors", "Errors", "Error" };

static const char *const operations[] = { "Submit", "Poll", "Dispose" };

static bool stands_at(const struct soap_answer *answer, size_t depth, const char *const path[SOAP_PATH_MAX])
{
	for (size_t i = 0; i < depth; i++) {
		if (path[i] == NULL || strcmp(answer->names[i], path[i]) != 0) {
			return false;
		}
	}
	return depth == SOAP_PATH_MAX || path[depth] == NULL;
}

/* "SubmitResponse" of the contract is RESPONSE and says which operation it answers. */
static bool is_response(const struct xml_element *element, char operation[REPLY_WORD_SIZE])
{
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		char name[REPLY_WORD_SIZE];

		(void)snprintf(name, sizeof name, "%sResponse", operations[i]);
		if (span_equals_string(element->name, name) && span_equals_string(element->space, SOAP_CONTRACT)) {
			(void)snprintf(operation, REPLY_WORD_SIZE, "%s", operations[i]);
			return true;
		}
	}
	return false;
}

static void note_content(struct soap_answer *answer, const struct xml_element *element, char name[REPLY_WORD_SIZE])
{
	struct cssz_reply *reply = answer->reply;

	answer->strange = answer->strange || reply->envelope; /* one thing, or nobody knows which counts */
	if (is_response(element, reply->operation)) {
		(void)snprintf(name, REPLY_WORD_SIZE, RESPONSE);
		reply->envelope = true;
	} else if (strcmp(name, "Fault") == 0 && span_equals_string(element->space, SOAP_SPACE)) {
		reply->envelope = reply->has_error = true;
	} else {
		name[0] = '\0';
	}
}

static void note_name(struct soap_answer *answer, const struct xml_element *element)
{
	char *name = answer->names[element->depth - 1], result[2 * REPLY_WORD_SIZE];

	if (!span_copy_string(element->name, name, REPLY_WORD_SIZE)) {
		name[0] = '\0'; /* no path has such a name */
	}
	if (element->depth <= 2 && !span_equals_string(element->space, SOAP_SPACE)) {
		name[0] = '\0';
	}
	if (element->depth == 3) {
		bool inside = strcmp(answer->names[0], "Envelope") == 0 && strcmp(answer->names[1], "Body") == 0;

		if (inside) {
			note_content(answer, element, name);
		}
	} else if (element->depth == 4) {
		(void)snprintf(result, sizeof result, "%sResult", answer->reply->operation);
		if (strcmp(name, result) == 0) {
			(void)snprintf(name, REPLY_WORD_SIZE, RESULT);
		} else if (strcmp(name, RESULT) == 0) {
			name[0] = '\0';
		}
	}
}

static void collect(struct soap_answer *answer, char *place, size_t size, size_t depth)
{
	if (place[0] == '\0') { /* the first one counts */
		answer->place = place;
		answer->place_size = size;
		answer->depth = depth;
	}
}

int soap_answer_start(struct soap_answer *answer, const struct xml_element *element)
{
	size_t depth = element->depth;

	if (depth > SOAP_PATH_MAX) {
		return 0;
	}
	note_name(answer, element);
	if (stands_at(answer, depth, data_path)) {
		answer->strange = answer->strange || answer->base64_length > 0;
		answer->in_base64 = true;
		answer->depth = depth;
	}
	answer->errors += stands_at(answer, depth, error_path) ? 1 : 0;
	answer->reply->has_error = answer->reply->has_error || answer->errors > 0;
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		if (answer->errors <= 1 && stands_at(answer, depth, wanted[i].path)) {
			collect(answer, (char *)answer->reply + wanted[i].offset, wanted[i].size, depth);
		}
	}
	return 0;
}

static int keep(struct soap_answer *answer, struct span text)
{
	if (text.length > SOAP_INSIDE_MAX_BYTES - answer->base64_length) {
		answer->strange = true;
		return 0;
	}
	if (answer->base64_length + text.length > answer->base64_size) {
		size_t size = answer->base64_size == 0 ? BASE64_FIRST_BYTES : answer->base64_size;
		char *larger = NULL;

		while (size < answer->base64_length + text.length) {
			size *= 2;
		}
		larger = realloc(answer->base64, size);
		if (larger == NULL) {
			return ERR_MEMORY;
		}
		answer->base64 = larger;
		answer->base64_size = size;
	}
	if (text.length > 0) {
		memcpy(answer->base64 + answer->base64_length, text.data, text.length);
		answer->base64_length += text.length;
	}
	return 0;
}

int soap_answer_text(struct soap_answer *answer, struct span text)
{
	if (answer->in_base64) {
		return keep(answer, text);
	}
	if (answer->place != NULL) {
		size_t have = strlen(answer->place);

		job_copy_value(text, answer->place + have, answer->place_size - have);
	}
	return 0;
}

void soap_answer_end(struct soap_answer *answer, size_t depth)
{
	if (depth == answer->depth) {
		if (answer->place != NULL) {
			job_trim(answer->place);
		}
		answer->place = NULL;
		answer->in_base64 = false;
		answer->depth = 0;
	}
}

static int on_inside(void *context, const struct xml_element *element)
{
	struct cssz_reply *reply = context;

	reply->has_result = reply->has_result || span_equals_string(element->name, "ProcessingResult");
	return 0;
}

static bool look_inside(struct cssz_reply *reply)
{
	static const struct xml_handler events = { .start = on_inside };
	_cleanup_xmlwalk_ struct xmlwalk *walk = xmlwalk_new(&events, reply);

	return walk != NULL && xmlwalk_feed(walk, span_of(reply->inside, reply->inside_length)) == 0 && xmlwalk_finish(walk) == 0;
}

static void finish_interval(struct cssz_reply *reply)
{
	uint64_t seconds = 0;
	char digits[REPLY_WORD_SIZE] = "";

	if (soap_duration_parse(reply->interval, &seconds)) {
		(void)snprintf(digits, sizeof digits, "%" PRIu64, seconds);
	}
	memcpy(reply->interval, digits, sizeof reply->interval);
}

void soap_answer_finish(struct soap_answer *answer)
{
	struct cssz_reply *reply = answer->reply;

	if (!answer->strange && answer->base64_length > 0) {
		answer->strange =
		    !base64_decode(span_of(answer->base64, answer->base64_length), SOAP_INSIDE_MAX_BYTES, &reply->inside, &reply->inside_length) ||
		    !look_inside(reply);
	}
	if (reply->text[0] == '\0') {
		memcpy(reply->text, reply->reason, sizeof reply->text);
	}
	finish_interval(reply);
	if (answer->strange) {
		reply->envelope = reply->has_result = false;
	}
}

void soap_answer_free(struct soap_answer *answer)
{
	free(answer->base64);
	*answer = (struct soap_answer){ 0 };
}

/* --- xs:duration --- */

static size_t read_digits(const char *text, uint64_t *ret)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && span_parse_u64(span_of(text, length), ret) ? length : 0;
}

/* "90", "90.5": what stands before a unit. A fraction counts as one more. Its length, 0 when it is none. */
static size_t read_count(const char *text, uint64_t *ret, bool *ret_fraction)
{
	size_t length = read_digits(text, ret), more = 0;
	uint64_t ignored = 0;

	*ret_fraction = length > 0 && text[length] == '.';
	if (*ret_fraction) {
		more = read_digits(text + length + 1, &ignored);
		*ret += 1;
		return more == 0 ? 0 : length + 1 + more;
	}
	return length;
}

bool soap_duration_parse(const char *text, uint64_t *ret_seconds)
{
	static const struct {
		char letter;
		bool in_time;
		uint64_t seconds;
	} units[] = { { 'D', false, 86400 }, { 'H', true, 3600 }, { 'M', true, 60 }, { 'S', true, 1 } };
	const size_t unit_count = sizeof units / sizeof units[0];
	bool in_time = false;
	uint64_t total = 0;
	size_t next = 0; /* units come in their order, each once */

	if (text[0] != 'P' || text[1] == '\0') {
		return false;
	}
	text++;
	while (text[0] != '\0') {
		uint64_t count = 0;
		bool fraction = false;
		size_t length = 0, unit = next;

		if (text[0] == 'T' && !in_time) {
			in_time = true;
			text++;
		}
		length = read_count(text, &count, &fraction);
		while (unit < unit_count && (units[unit].letter != text[length] || units[unit].in_time != in_time)) {
			unit++;
		}
		if (length == 0 || unit == unit_count || count > INTERVAL_MAX_SECONDS || (fraction && units[unit].letter != 'S')) {
			return false;
		}
		total += count * units[unit].seconds;
		text += length + 1;
		next = unit + 1;
	}
	*ret_seconds = total;
	return total <= INTERVAL_MAX_SECONDS;
}
