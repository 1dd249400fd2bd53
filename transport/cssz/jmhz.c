#include "jmhz.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/err.h"
#include "../base/digest.h"

#define FIELD_DEPTH 3 /* jmhz/hlavicka/... */
#define VALUE_SIZE 64
#define SPACE "http://schemas.cssz.cz/JMHZ/"

enum field { FIELD_ID, FIELD_ACT, FIELD_MONTH, FIELD_YEAR, FIELD_PACKAGE, FIELD_PACKAGES, FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = { "idPodani", "typPodani", "mesic", "rok", "balikPoradi", "balikyPocet" };

struct reader {
	struct jmhz *report;
	bool in_head;
	size_t part_depth; /* of the part that is being read, 0: none */
	int field;         /* that is being read, -1: none */
	char values[FIELD_COUNT][VALUE_SIZE];
};

/* Parts are told apart by their namespaces, whatever their version. */
static uint64_t *counter_of(struct jmhz *report, struct span space)
{
	return span_starts_with(space, SPACE "souhrn/")  ? &report->summaries
	       : span_starts_with(space, SPACE "PVPOJ/") ? &report->pvpoj
	       : span_starts_with(space, SPACE "form/")  ? &report->persons
	                                                 : NULL;
}

static int on_start(void *context, const struct xml_element *element)
{
	struct reader *reader = context;
	uint64_t *counter = counter_of(reader->report, element->space);

	if (reader->part_depth == 0 && counter != NULL) {
		(*counter)++;
		reader->part_depth = element->depth;
	}
	if (element->depth == FIELD_DEPTH - 1) {
		reader->in_head = span_equals_string(element->name, "hlavicka");
	}
	reader->field = -1;
	for (int i = 0; reader->in_head && element->depth == FIELD_DEPTH && i < FIELD_COUNT; i++) {
		if (span_equals_string(element->name, field_names[i])) {
			reader->field = i;
			reader->values[i][0] = '\0';
		}
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct reader *reader = context;

	if (reader->field >= 0) {
		char *value = reader->values[reader->field];
		size_t have = strlen(value);

		job_copy_value(text, value + have, VALUE_SIZE - have);
	}
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct reader *reader = context;

	(void)name;
	reader->field = -1;
	reader->part_depth = reader->part_depth == depth ? 0 : reader->part_depth;
	return 0;
}

/* xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx */
static bool take_id(char *text, char ret[JMHZ_ID_SIZE])
{
	if (strlen(text) != JMHZ_ID_SIZE - 1) {
		return false;
	}
	for (size_t i = 0; i < JMHZ_ID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
			return false;
		}
		ret[i] = (char)toupper((unsigned char)text[i]);
	}
	ret[JMHZ_ID_SIZE - 1] = '\0';
	return true;
}

static bool take_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret)
{
	return span_parse_u64(span_of_string(text), ret) && *ret >= least && *ret <= most;
}

static const char *take_head(struct reader *reader)
{
	struct jmhz *report = reader->report;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		job_trim(reader->values[i]);
	}
	if (!take_id(reader->values[FIELD_ID], report->id)) {
		return "the report has no valid identifier (idPodani)";
	}
	report->act = reader->values[FIELD_ACT][0];
	if (strlen(reader->values[FIELD_ACT]) != 1 || strchr("ROS", report->act) == NULL) {
		return "the report does not say whether it is regular, a correction or a cancellation (typPodani)";
	}
	if (!take_number(reader->values[FIELD_MONTH], 1, 12, &report->month) || !take_number(reader->values[FIELD_YEAR], 2000, 9999, &report->year)) {
		return "the report does not say its month";
	}
	if (!take_number(reader->values[FIELD_PACKAGES], 1, UINT32_MAX, &report->packages) ||
	    !take_number(reader->values[FIELD_PACKAGE], 1, report->packages, &report->package)) {
		return "the report does not say which of its packages this is";
	}
	return NULL;
}

/* Which package carries the summary when there are several, no source says. */
static const char *judge_parts(const struct jmhz *report)
{
	uint64_t parts = report->summaries + report->pvpoj + report->persons;

	if (report->persons > JMHZ_PERSONS_MAX) {
		return "there are more forms in it than one filing may have";
	}
	if (report->act == 'R' && report->packages == 1 && (report->summaries == 0 || report->pvpoj == 0 || report->persons == 0)) {
		return "a regular report needs its summary, the part PVPOJ and forms";
	}
	if (report->act == 'O' && parts == 0) {
		return "a correction has nothing in it";
	}
	return report->act == 'S' && parts != 0 ? "a cancellation must have no forms" : NULL;
}

const char *jmhz_read(int fd, struct jmhz *ret, int *ret_err)
{
	static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };
	struct reader reader = { .report = ret, .field = -1 };
	struct xml_outcome outcome;
	const char *fault = NULL;

	memset(ret, 0, sizeof *ret);
	*ret_err = lseek(fd, 0, SEEK_SET) != 0 ? ERR_SYSTEM : xmlwalk_read(fd, JOB_STREAM_MAX_BYTES, &events, &reader, &outcome);
	if (*ret_err != 0) {
		return "the form cannot be read";
	}
	fault = take_head(&reader);
	return fault != NULL ? fault : judge_parts(ret);
}

int jmhz_group(const struct jmhz *report, const char *vs, char ret[JMHZ_GROUP_SIZE])
{
	_cleanup_digest_ EVP_MD_CTX *digest = digest_new("SHA256");
	char hex[DIGEST_HEX_SIZE];
	int err = digest == NULL ? ERR_MEMORY : digest_feed(digest, span_of_string(vs));

	err = err != 0 ? err : digest_feed(digest, span_of_string(" "));
	err = err != 0 ? err : digest_feed(digest, span_of_string(report->id));
	err = err != 0 ? err : digest_hex(digest, hex);
	if (err == 0) {
		(void)snprintf(ret, JMHZ_GROUP_SIZE, "%.*s", JMHZ_GROUP_SIZE - 1, hex);
	}
	return err;
}
