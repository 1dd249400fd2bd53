#include "binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/receipt.h"
#include "facts.h"

#define ITEMS_MAX (CSSZ_FORMS_MAX + 2) /* a monthly report: its summary and PVPOJ part beside the forms (7) */
#define VALUES_MAX (2 * ITEMS_MAX)
#define CLOCKS_APART_MS (INT64_C(10) * 60 * 1000) /* between the gateway and the system that seals */
#define OPTION_SIZE 65

void binding_begin(const struct job *job, struct binding *ret)
{
	char echoes[OPTION_SIZE];

	*ret = (struct binding){ .job = job };
	(void)job_parameter(job, "option.echoes", "", echoes, sizeof echoes);
	(void)job_parameter(job, "option.subtypes", "", ret->subtypes, sizeof ret->subtypes);
	ret->count = job_list_has(echoes, "|", "count");
	ret->number = job_list_has(echoes, "|", "number");
	ret->person = job_list_has(echoes, "|", "person");
}

void binding_free(struct binding *binding)
{
	free(binding->values);
	binding->values = NULL;
}

/* A birth number with and without its stroke is the same, a GUID in small letters too. False for a value that is longer than any that is looked for. */
static bool fold(struct span from, char ret[BINDING_WORD_SIZE])
{
	size_t length = 0;

	for (size_t i = 0; i < from.length; i++) {
		char sign = (char)from.data[i];

		if (sign == ' ' || sign == '\t' || sign == '\r' || sign == '\n' || sign == '/') {
			continue;
		}
		if (length + 1 == BINDING_WORD_SIZE) {
			return false;
		}
		ret[length++] = sign >= 'a' && sign <= 'z' ? (char)(sign - 'a' + 'A') : sign;
	}
	ret[length] = '\0';
	return true;
}

static void expect(struct binding *binding, const char *text, size_t length)
{
	struct binding_value value = { .found = false };

	if (!fold(span_of(text, length), value.text) || value.text[0] == '\0') {
		return; /* nothing is told */
	}
	if (binding->value_count == binding->value_room) {
		size_t room = binding->value_room == 0 ? 16 : 2 * binding->value_room;
		struct binding_value *grown = room > 2 * (size_t)VALUES_MAX ? NULL : realloc(binding->values, room * sizeof *grown);

		if (grown == NULL) {
			binding->err = ERR_MEMORY;
			return;
		}
		binding->values = grown;
		binding->value_room = room;
	}
	binding->values[binding->value_count++] = value;
}

void binding_add(struct binding *binding, const char *number, const char *identifier, const char *subtype)
{
	if (binding->subtypes[0] != '\0' && subtype[0] != '\0' && !job_list_has(binding->subtypes, "|", subtype)) {
		binding->foreign_subtype = true;
	}
	if (number[0] == '\0') {
		return;
	}
	if (binding->items == ITEMS_MAX) {
		binding->full = true;
		return;
	}
	binding->items++;
	if (binding->number) {
		expect(binding, number, strlen(number));
	}
	if (binding->person) {
		expect(binding, identifier, strcspn(identifier, ";")); /* what follows may be assigned by ČSSZ only now */
	}
}

/* --- the form --- */

struct search {
	struct binding *binding;
	char text[2 * BINDING_WORD_SIZE]; /* of the element that was begun last */
	size_t length;
	bool too_long;
};

static int compare(const void *left, const void *right)
{
	return strcmp(((const struct binding_value *)left)->text, ((const struct binding_value *)right)->text);
}

static void look_for(struct binding *binding, struct span value)
{
	struct binding_value key = { .found = false }, *found = NULL;

	if (value.length > 0 && fold(value, key.text)) {
		found = bsearch(&key, binding->values, binding->value_count, sizeof key, compare);
	}
	if (found != NULL) {
		found->found = true;
	}
}

static int on_start(void *context, const struct xml_element *element)
{
	struct search *search = context;

	search->length = 0;
	search->too_long = false;
	for (size_t i = 0; i < element->attribute_count; i++) {
		look_for(search->binding, element->attributes[i].value);
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct search *search = context;

	search->too_long = search->too_long || text.length > sizeof search->text - search->length;
	if (!search->too_long && text.length > 0) {
		memcpy(search->text + search->length, text.data, text.length);
		search->length += text.length;
	}
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct search *search = context;

	(void)name;
	(void)depth;
	if (!search->too_long) {
		look_for(search->binding, span_of(search->text, search->length));
	}
	search->length = 0;
	search->too_long = false;
	return 0;
}

/* One of each, in order. */
static void sort_values(struct binding *binding)
{
	size_t kept = 0;

	qsort(binding->values, binding->value_count, sizeof *binding->values, compare);
	for (size_t i = 0; i < binding->value_count; i++) {
		if (kept == 0 || compare(&binding->values[kept - 1], &binding->values[i]) != 0) {
			binding->values[kept++] = binding->values[i];
		}
	}
	binding->value_count = kept;
}

static const char *check_values(struct binding *binding, int original, int *ret_err)
{
	static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };
	struct search search = { .binding = binding };
	struct xml_outcome outcome;

	if (binding->value_count == 0) {
		return NULL;
	}
	sort_values(binding);
	(void)lseek(original, 0, SEEK_SET);
	*ret_err = xmlwalk_read(original, JOB_STREAM_MAX_BYTES, &events, &search, &outcome);
	for (size_t i = 0; *ret_err == 0 && i < binding->value_count; i++) {
		if (!binding->values[i].found) {
			return "it names a form or a person that is not in this filing";
		}
	}
	return NULL;
}

static const char *check_count(const struct binding *binding, uint64_t told, int original, int *ret_err)
{
	struct cssz_facts facts;
	int err = 0;

	if (!binding->count || (told == 0 && binding->items == 0)) {
		return NULL;
	}
	(void)lseek(original, 0, SEEK_SET);
	(void)cssz_facts_read(binding->job, original, &facts, &err);
	*ret_err = err;
	return err != 0 || ((told == 0 || told == facts.forms) && binding->items <= facts.forms) ? NULL : "it counts other forms than this filing has";
}

/* --- the time --- */

/* "2026-03-02T10:15:30.123", Czech time (3.1). */
static bool read_czech(const char *text, int64_t *ret_ms)
{
	struct tm parts = { 0 };
	struct clock_date date = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

	if (end == NULL || (*end != '\0' && *end != '.')) {
		return false;
	}
	date.year = parts.tm_year + 1900;
	date.month = parts.tm_mon + 1;
	date.day = parts.tm_mday;
	date.hour = parts.tm_hour;
	date.minute = parts.tm_min;
	date.second = parts.tm_sec;
	return clock_from_czech(&date, ret_ms);
}

static bool read_sealed(const struct binding *binding, int64_t *ret_ms)
{
	char both[2 * sizeof binding->date + 1];
	struct tm parts = { 0 };
	const char *end = NULL;

	(void)snprintf(both, sizeof both, "%s %s", binding->date, binding->time);
	end = strptime(both, "%Y%m%d %H:%M:%S", &parts);
	*ret_ms = end == NULL || *end != '\0' ? 0 : (int64_t)timegm(&parts) * 1000;
	return *ret_ms != 0;
}

/* A result cannot be older than the acknowledgement of its filing. Where one of the moments is not told, nothing is said. */
static bool is_older(const struct binding *binding)
{
	char receipt[RECEIPT_MAX_BYTES], acknowledged[OPTION_SIZE];
	ssize_t length = fd_read_full(job_input(binding->job, CLASSIFY_RECEIPT), receipt, sizeof receipt);
	int64_t sealed_ms = 0, taken_ms = 0;

	return length > 0 && lines_find_string(span_of(receipt, (size_t)length), "acknowledged", acknowledged, sizeof acknowledged) &&
	       read_czech(acknowledged, &taken_ms) && read_sealed(binding, &sealed_ms) && sealed_ms < taken_ms - CLOCKS_APART_MS;
}

static const char *check_form(struct binding *binding, uint64_t told, int *ret_err)
{
	_cleanup_close_ int original = -1;
	const char *fault = NULL;

	*ret_err = job_keep(job_input(binding->job, CLASSIFY_ORIGINAL), CSSZ_DATA_MAX_BYTES, &original);
	if (*ret_err == 0) {
		fault = check_count(binding, told, original, ret_err);
	}
	return fault != NULL || *ret_err != 0 ? fault : check_values(binding, original, ret_err);
}

const char *binding_check(struct binding *binding, uint64_t told, int *ret_err)
{
	*ret_err = binding->err;
	if (binding->err != 0) {
		return NULL;
	}
	if (binding->foreign_subtype) {
		return "it is one of another kind of form";
	}
	if (binding->full) {
		return "it counts other forms than this filing has";
	}
	if (is_older(binding)) {
		return "it was sealed before this filing was acknowledged";
	}
	return binding->count || binding->value_count > 0 ? check_form(binding, told, ret_err) : NULL;
}
