#include "facts.h"

#include <stdio.h>
#include <string.h>

#include "../../appliance/base/err.h"

#define NAMES_MAX 12 /* a path has no more steps */
#define NAME_SIZE 64

/* "/A/b/@c" taken apart. */
struct path {
	bool given, anywhere;
	char names[NAMES_MAX][NAME_SIZE];
	size_t count;
	char attribute[NAME_SIZE]; /* "": the text of the element */
};

struct reader {
	struct path vs, form;
	char stack[NAMES_MAX][NAME_SIZE]; /* names of the open elements, as far as paths go */
	char found[CSSZ_VS_SIZE];
	char text[CSSZ_VS_SIZE + 32]; /* of the element that is being read: blanks around it are allowed */
	size_t collecting_depth;      /* 0: none */
	bool too_long, several, any;
	uint64_t forms;
};

static bool parse_path(const char *text, struct path *ret)
{
	ret->given = text[0] != '\0';
	if (!ret->given) {
		return true;
	}
	ret->anywhere = strncmp(text, "//", 2) == 0;
	text += ret->anywhere ? 2 : 1;
	for (;;) {
		size_t length = strcspn(text, "/");
		bool attribute = text[0] == '@';

		if (length <= (attribute ? 1U : 0U) || length >= NAME_SIZE || (!attribute && ret->count == NAMES_MAX)) {
			return false;
		}
		(void)snprintf(attribute ? ret->attribute : ret->names[ret->count], NAME_SIZE, "%.*s", (int)(length - attribute), text + attribute);
		ret->count += attribute ? 0 : 1;
		text += length;
		if (text[0] == '\0' || attribute) {
			return text[0] == '\0' && ret->count > 0;
		}
		text++;
	}
}

static bool stands_at(const struct reader *reader, const struct path *path, size_t depth)
{
	size_t above = depth - path->count;

	if (!path->given || depth < path->count || depth > NAMES_MAX || (!path->anywhere && above != 0)) {
		return false;
	}
	for (size_t i = 0; i < path->count; i++) {
		if (strcmp(reader->stack[above + i], path->names[i]) != 0) {
			return false;
		}
	}
	return true;
}

static void take_vs(struct reader *reader, char *text)
{
	job_trim(text);
	reader->too_long = reader->too_long || strlen(text) >= sizeof reader->found;
	if (reader->any && strcmp(reader->found, text) != 0) {
		reader->several = true;
	}
	reader->any = true;
	(void)snprintf(reader->found, sizeof reader->found, "%.*s", (int)sizeof reader->found - 1, text);
}

static int on_start(void *context, const struct xml_element *element)
{
	struct reader *reader = context;
	struct span value;

	if (element->depth <= NAMES_MAX) {
		char *name = reader->stack[element->depth - 1];

		if (!span_copy_string(element->name, name, NAME_SIZE)) {
			name[0] = '\0'; /* no path has such a name */
		}
	}
	reader->forms += stands_at(reader, &reader->form, element->depth);
	if (!stands_at(reader, &reader->vs, element->depth)) {
		return 0;
	}
	reader->text[0] = '\0';
	if (reader->vs.attribute[0] == '\0') {
		reader->collecting_depth = element->depth;
	} else if (xml_attribute_find(element, reader->vs.attribute, &value)) {
		job_copy_value(value, reader->text, sizeof reader->text);
		take_vs(reader, reader->text);
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct reader *reader = context;
	size_t have = strlen(reader->text);

	if (reader->collecting_depth != 0) {
		job_copy_value(text, reader->text + have, sizeof reader->text - have);
	}
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct reader *reader = context;

	(void)name;
	if (reader->collecting_depth == depth) {
		reader->collecting_depth = 0;
		take_vs(reader, reader->text);
	}
	return 0;
}

static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };

/* The configured symbol and that of the form: one of them, or both and equal. */
static const char *settle_vs(const struct job *job, const struct reader *reader, struct cssz_facts *ret)
{
	char configured[CSSZ_VS_SIZE];

	if (job_parameter_whole(job, "option.vs", configured, sizeof configured) != 0 || reader->too_long) {
		return "the variable symbol is too long";
	}
	if (reader->several) {
		return "the form has several variable symbols: one filing may have one";
	}
	if (configured[0] != '\0' && reader->any && strcmp(configured, reader->found) != 0) {
		return "the variable symbol in the form is not the configured one";
	}
	(void)snprintf(ret->vs, sizeof ret->vs, "%s", reader->any ? reader->found : configured);
	return ret->vs[0] == '\0' || cssz_is_plain(ret->vs) ? NULL : "the variable symbol in the form is malformed";
}

const char *cssz_facts_read(const struct job *job, int fd, struct cssz_facts *ret, int *ret_err)
{
	struct reader reader = { 0 };
	struct xml_outcome outcome;
	char vs_path[CSSZ_PATH_SIZE], form_path[CSSZ_PATH_SIZE];
	uint64_t forms_max = job_parameter_u64(job, "option.forms-max", CSSZ_FORMS_MAX);
	const char *fault = NULL;

	memset(ret, 0, sizeof *ret);
	*ret_err = 0;
	if (job_parameter_whole(job, "option.vs-path", vs_path, sizeof vs_path) != 0 ||
	    job_parameter_whole(job, "option.forms-path", form_path, sizeof form_path) != 0 || !parse_path(vs_path, &reader.vs) ||
	    !parse_path(form_path, &reader.form) || reader.form.attribute[0] != '\0') {
		return "vs-path or forms-path of the catalogue is malformed";
	}
	*ret_err = xmlwalk_read(fd, JOB_STREAM_MAX_BYTES, &events, &reader, &outcome);
	if (*ret_err != 0) {
		return "the form cannot be read";
	}
	ret->forms = reader.form.given ? reader.forms : 1;
	fault = settle_vs(job, &reader, ret);
	if (fault == NULL && ret->vs[0] == '\0') {
		fault = "there is no variable symbol: neither in the form nor in the configuration";
	}
	if (fault == NULL && (ret->forms < 1 || ret->forms > forms_max)) {
		fault = ret->forms < 1   ? "there is no form in it"
		        : forms_max == 1 ? "there are several forms in it: exactly one is allowed"
		                         : "there are more forms in it than one filing may have";
	}
	return fault;
}
