#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "soap.h"

#define GOVTALK "http://www.govtalk.gov.uk/CM/envelope"

struct reader {
	struct cssz_reply *reply;
	char *collecting;
	size_t size, depth;
	bool in_error;
	struct soap_answer soap;
};

/* Elements of the envelope whose text is kept. Their names are unique within the envelope outside of Body. */
struct wanted {
	const char *name;
	size_t depth;
	bool of_error;
	size_t offset, size;
};
#define AT(member) offsetof(struct cssz_reply, member), sizeof(((struct cssz_reply *)0)->member)

static const struct wanted wanted[] = {
	{ "Class", 4, false, AT(class_name) },  { "Qualifier", 4, false, AT(qualifier) },
	{ "Function", 4, false, AT(function) }, { "CorrelationID", 4, false, AT(id) },
	{ "Number", 5, true, AT(number) },      { "Text", 5, true, AT(text) },
	{ "RaisedBy", 5, true, AT(raised_by) }, { "GatewayTimestamp", 4, false, AT(moment) },
};

static void collect(struct reader *reader, const struct wanted *each, size_t depth)
{
	char *place = (char *)reader->reply + each->offset;

	if (place[0] == '\0') { /* the first one counts */
		reader->collecting = place;
		reader->size = each->size;
		reader->depth = depth;
	}
}

static int on_start(void *context, const struct xml_element *element)
{
	struct reader *reader = context;
	struct cssz_reply *reply = reader->reply;
	struct span value;

	if (element->depth == 1) {
		reply->soap = span_equals_string(element->name, "Envelope") && span_equals_string(element->space, SOAP_SPACE);
		reply->envelope = span_equals_string(element->name, "GovTalkMessage") && span_equals_string(element->space, GOVTALK);
	}
	if (reply->soap) {
		return soap_answer_start(&reader->soap, element);
	}
	if (span_equals_string(element->name, "ProcessingResult")) {
		reply->has_result = true; /* by its local name (6.1) */
	}
	if (!span_equals_string(element->space, GOVTALK)) {
		return 0;
	}
	if (span_equals_string(element->name, "Error") && element->depth == 4) {
		reader->in_error = !reply->has_error;
		reply->has_error = true;
	}
	if (span_equals_string(element->name, "ResponseEndPoint") && xml_attribute_find(element, "PollInterval", &value)) {
		job_copy_value(value, reply->interval, sizeof reply->interval);
	}
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		if (element->depth == wanted[i].depth && wanted[i].of_error == reader->in_error && span_equals_string(element->name, wanted[i].name)) {
			collect(reader, &wanted[i], element->depth);
		}
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct reader *reader = context;

	if (reader->reply->soap) {
		return soap_answer_text(&reader->soap, text);
	}
	if (reader->collecting != NULL) {
		size_t have = strlen(reader->collecting);

		job_copy_value(text, reader->collecting + have, reader->size - have);
	}
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct reader *reader = context;

	(void)name;
	if (reader->reply->soap) {
		soap_answer_end(&reader->soap, depth);
		return 0;
	}
	if (reader->collecting != NULL && depth == reader->depth) {
		job_trim(reader->collecting);
		reader->collecting = NULL;
	}
	if (reader->in_error && depth == 4) {
		reader->in_error = false;
	}
	return 0;
}

static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };

static int finish(struct reader *reader, int err, const struct xml_outcome *outcome)
{
	struct cssz_reply *reply = reader->reply;

	reply->wellformed = err == 0;
	memcpy(reply->fault, outcome->fault, sizeof reply->fault);
	if (err == 0 && reply->soap) {
		soap_answer_finish(&reader->soap);
	}
	soap_answer_free(&reader->soap);
	return err == ERR_FORMAT || err == ERR_LIMIT ? 0 : err;
}

int cssz_reply_read(int fd, uint64_t limit, struct cssz_reply *ret)
{
	struct reader reader = { .reply = ret, .soap = { .reply = ret } };
	struct xml_outcome outcome;
	int err = ERR_INTERNAL;

	memset(ret, 0, sizeof *ret);
	err = xmlwalk_read(fd, limit, &events, &reader, &outcome);
	return finish(&reader, err, &outcome);
}

int cssz_reply_parse(struct span text, struct cssz_reply *ret)
{
	struct reader reader = { .reply = ret, .soap = { .reply = ret } };
	_cleanup_xmlwalk_ struct xmlwalk *walk = xmlwalk_new(&events, &reader);
	int err = ERR_MEMORY;

	memset(ret, 0, sizeof *ret);
	if (walk == NULL) {
		return err;
	}
	err = xmlwalk_feed(walk, text);
	err = err != 0 ? err : xmlwalk_finish(walk);
	return finish(&reader, err, xmlwalk_outcome(walk));
}

void cssz_reply_free(struct cssz_reply *reply)
{
	free(reply->inside);
	reply->inside = NULL;
	reply->inside_length = 0;
}
