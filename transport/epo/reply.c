#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "words.h"

#define HEAD_BYTES 1024
#define CHUNK_BYTES 16384

struct reader {
	struct epo_reply *reply;
	struct report *report;
	const char *language;
	struct epo_error error;
	size_t error_depth; /* of the Chyba around us; 0: none */
	char *collecting;   /* where text goes; NULL: nowhere */
	size_t collecting_size, collecting_depth;
	char state_element[EPO_NAME_SIZE];
};

static void take(const struct xml_element *element, const char *name, char *ret, size_t size)
{
	struct span value;

	if (xml_attribute_find(element, name, &value)) {
		job_copy_value(value, ret, size);
	}
}

static void collect(struct reader *reader, char *to, size_t size, size_t depth)
{
	to[0] = '\0';
	reader->collecting = to;
	reader->collecting_size = size;
	reader->collecting_depth = depth;
}

static void start_error(struct reader *reader, const struct xml_element *element)
{
	struct epo_error *error = &reader->error;

	memset(error, 0, sizeof *error);
	reader->error_depth = element->depth;
	take(element, "Typ", error->type, sizeof error->type);
	take(element, "Zkr", error->code, sizeof error->code);
	take(element, "Oddil", error->section, sizeof error->section);
	take(element, "Polozka", error->field, sizeof error->field);
	take(element, "Radek", error->row, sizeof error->row);
	take(element, "DoplInfo", error->more, sizeof error->more);
}

/* Both forms of Stav are accepted (spec/epo 8.1); when both are there they must agree. */
static void take_state(struct epo_reply *reply, char *value)
{
	job_trim(value);
	if (value[0] == '\0') {
		return;
	}
	reply->state_contradicts = reply->state_contradicts || (reply->state_known && strcmp(reply->state, value) != 0);
	reply->state_known = true;
	(void)snprintf(reply->state, sizeof reply->state, "%s", value);
}

static void start_root(struct reader *reader, const struct xml_element *element)
{
	struct epo_reply *reply = reader->reply;
	char value[EPO_NAME_SIZE] = "";

	job_copy_value(element->name, reply->root, sizeof reply->root);
	if (strcmp(reply->root, "Stav") == 0) {
		take(element, "stav_podapl", value, sizeof value);
		take_state(reply, value);
		take(element, "stav_podapl_text", reply->state_text, sizeof reply->state_text);
		value[0] = '\0';
		take(element, "por_podani", value, sizeof value);
		reply->number_present = value[0] != '\0';
	}
	if (strcmp(reply->root, "StavZpracovani") == 0) {
		take(element, "Stav", reply->processing, sizeof reply->processing);
		reply->processing_known = reply->processing[0] != '\0';
	}
}

static void start_state_child(struct reader *reader, const struct xml_element *element)
{
	if (span_equals_string(element->name, "stav_podapl")) {
		collect(reader, reader->state_element, sizeof reader->state_element, element->depth);
	} else if (span_equals_string(element->name, "stav_podapl_text")) {
		collect(reader, reader->reply->state_text, sizeof reader->reply->state_text, element->depth);
	} else if (span_equals_string(element->name, "por_podani")) {
		reader->reply->number_present = true;
	}
	/* stav_podpre and others stay in the kept reply; their meaning is not known (spec/epo 8.1). */
}

static int on_start(void *context, const struct xml_element *element)
{
	struct reader *reader = context;
	struct epo_reply *reply = reader->reply;

	if (element->depth == 1) {
		start_root(reader, element);
	} else if (reader->error_depth > 0) {
		if (span_equals_string(element->name, "Text")) {
			collect(reader, reader->error.text, sizeof reader->error.text, element->depth);
		} else {
			reply->unread = true;
		}
	} else if (span_equals_string(element->name, "Chyba")) {
		start_error(reader, element);
	} else if (span_equals_string(element->name, "Potvrzeni")) {
		reply->receipt = true;
		take(element, "ID_predani", reply->transfer, sizeof reply->transfer);
		take(element, "Heslo", reply->password, sizeof reply->password);
	} else if (strcmp(reply->root, "Stav") == 0) {
		start_state_child(reader, element);
	} else if (!span_equals_string(element->name, "Chyby")) {
		reply->unread = true;
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct reader *reader = context;
	size_t have = 0;

	if (reader->collecting == NULL) {
		return 0;
	}
	have = strlen(reader->collecting);
	job_copy_value(text, reader->collecting + have, reader->collecting_size - have);
	return 0;
}

static enum epo_word class_word(char type)
{
	switch (type) {
	case 'I':
		return WORD_INFORMATION;
	case 'P':
		return WORD_WARNING;
	case 'N':
		return WORD_SERIOUS;
	case 'S':
		return WORD_STRUCTURE;
	case 'K':
		return WORD_CRITICAL;
	case 'E':
		return WORD_SERVER;
	default:
		return WORD_OTHER;
	}
}

/* The count that an error of this Typ belongs to. */
static uint64_t *class_count(struct epo_reply *reply, const char *type)
{
	if (type[0] == '\0') {
		return &reply->untyped;
	}
	if (type[1] != '\0') {
		return &reply->other;
	}
	switch (type[0]) {
	case 'I':
		return &reply->informative;
	case 'P':
		return &reply->passable;
	case 'N':
		return &reply->serious;
	case 'S':
		return &reply->structure;
	case 'K':
		return &reply->critical;
	case 'E':
		return &reply->server;
	default:
		return &reply->other;
	}
}

/* ", věta VetaP" */
static void place(char *where, size_t size, const char *language, enum epo_word word, const char *value)
{
	size_t have = strlen(where);

	if (value[0] != '\0') {
		(void)snprintf(where + have, size - have, ", %s %s", epo_word(language, word), value);
	}
}

static void report_error(struct reader *reader)
{
	const struct epo_error *error = &reader->error;
	const char *language = reader->language;
	bool known = error->type[0] != '\0' && error->type[1] == '\0';
	char where[4 * EPO_NAME_SIZE] = "";

	place(where, sizeof where, language, WORD_SENTENCE, error->section);
	place(where, sizeof where, language, WORD_ROW, error->row);
	place(where, sizeof where, language, WORD_FIELD, error->field);
	report_line(reader->report, "%s%s%s%s%s: %s%s%s%s", epo_word(language, known ? class_word(error->type[0]) : WORD_OTHER),
	            error->code[0] != '\0' ? " [" : "", error->code, error->code[0] != '\0' ? "]" : "", where, error->text, error->more[0] != '\0' ? " (" : "",
	            error->more, error->more[0] != '\0' ? ")" : "");
}

static void end_error(struct reader *reader)
{
	const struct epo_error *error = &reader->error;

	(*class_count(reader->reply, error->type))++;
	if (strcmp(error->code, "TEST_REZIM") == 0 && strcmp(error->type, "I") == 0) {
		/* Says only that this was a test: no news for a person. */
		reader->reply->test_run = true;
		reader->reply->large = reader->reply->large || strstr(error->text, "rozsáhl") != NULL || strstr(error->text, "Rozsáhl") != NULL;
		return;
	}
	report_error(reader);
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct reader *reader = context;

	(void)name;
	if (reader->collecting != NULL && depth == reader->collecting_depth) {
		if (reader->collecting == reader->state_element) {
			take_state(reader->reply, reader->state_element);
		}
		reader->collecting = NULL;
	}
	if (reader->error_depth == depth) {
		reader->error_depth = 0;
		end_error(reader);
	}
	return 0;
}

static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };

static bool is_html(struct span head)
{
	for (struct span skipped; head.length >= 5; (void)span_read_bytes(&head, 1, &skipped)) {
		if (strncasecmp((const char *)head.data, "<html", 5) == 0) {
			return true;
		}
	}
	return false;
}

static enum epo_shape shape_of(struct span head)
{
	struct span skipped;

	if (head.length > 0 && head.data[0] == 0x30) {
		return EPO_SHAPE_CMS;
	}
	if (span_starts_with(head, "\xef\xbb\xbf")) {
		(void)span_read_bytes(&head, 3, &skipped);
	}
	while (head.length > 0 && strchr(" \t\r\n", head.data[0]) != NULL && head.data[0] != 0) {
		(void)span_read_bytes(&head, 1, &skipped);
	}
	if (head.length == 0) {
		return EPO_SHAPE_EMPTY;
	}
	if (head.data[0] != '<') {
		return EPO_SHAPE_OTHER;
	}
	head.length = head.length < HEAD_BYTES ? head.length : HEAD_BYTES;
	return is_html(head) || (head.length >= 14 && strncasecmp((const char *)head.data, "<!doctype html", 14) == 0) ? EPO_SHAPE_HTML : EPO_SHAPE_XML;
}

/* Text before the XML declaration's place would be refused by the parser; blanks there are tolerated (spec/epo 6: first non-blank byte). */
static struct span without_leading_blanks(struct span head)
{
	struct span skipped;

	while (head.length > 0 && (head.data[0] == ' ' || head.data[0] == '\t' || head.data[0] == '\r' || head.data[0] == '\n')) {
		(void)span_read_bytes(&head, 1, &skipped);
	}
	return head;
}

int epo_reply_read(int fd, uint64_t limit, const char *language, struct report *report, struct epo_reply *ret)
{
	struct reader reader = { .reply = ret, .report = report, .language = language };
	_cleanup_xmlwalk_ struct xmlwalk *walk = xmlwalk_new(&events, &reader);
	uint8_t chunk[CHUNK_BYTES];
	ssize_t length = fd_read_full(fd, chunk, sizeof chunk);
	uint64_t total = 0;
	struct span bytes = span_of(chunk, length > 0 ? (size_t)length : 0);

	memset(ret, 0, sizeof *ret);
	if (walk == NULL) {
		return ERR_MEMORY;
	}
	ret->shape = shape_of(bytes);
	for (bytes = without_leading_blanks(bytes); length > 0 && ret->shape == EPO_SHAPE_XML; bytes = span_of(chunk, length > 0 ? (size_t)length : 0)) {
		total += (uint64_t)length;
		if (total > limit) {
			return ERR_LIMIT;
		}
		if (xmlwalk_feed(walk, bytes) != 0) {
			break;
		}
		length = fd_read_full(fd, chunk, sizeof chunk);
	}
	if (length < 0) {
		return (int)length;
	}
	if (ret->shape == EPO_SHAPE_XML) {
		ret->wellformed = xmlwalk_finish(walk) == 0;
		memcpy(ret->fault, xmlwalk_outcome(walk)->fault, sizeof ret->fault);
	}
	if (report->omitted > 0) {
		report->lines = 0;
		report_line(report, "… %s: %zu", epo_word(language, WORD_MORE), report->omitted);
	}
	return report->err;
}
