#include "isds.h"

#include <ctype.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/escape.h"
#include "facts.h"

#define WORD_SIZE 65
#define PATTERN_SIZE 129
#define SUBJECT_SIZE 257 /* dmAnnotation has at most 255 characters */
#define ID_SIZE 33

/* What stands for a name in braces; NULL for a name that is not known. */
struct filling {
	const char *name, *value;
};

/* "{etype}, VS {vs}" with the values put in. False when it does not fit or names something else. */
static bool fill(const char *pattern, const struct filling *values, size_t count, char *ret, size_t size)
{
	size_t have = 0;

	while (*pattern != '\0') {
		const char *value = NULL;
		size_t length = strcspn(pattern, "}");

		if (*pattern != '{') {
			if (have + 1 >= size) {
				return false;
			}
			ret[have++] = *pattern++;
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			if (strlen(values[i].name) == length - 1 && strncmp(values[i].name, pattern + 1, length - 1) == 0) {
				value = values[i].value;
			}
		}
		if (value == NULL || pattern[length] == '\0' || have + strlen(value) >= size) {
			return false;
		}
		memcpy(ret + have, value, strlen(value));
		have += strlen(value);
		pattern += length + 1;
	}
	ret[have] = '\0';
	return have > 0;
}

/* Seven letters and digits. */
static bool is_box(const char *box)
{
	size_t length = 0;

	while (isalnum((unsigned char)box[length])) {
		length++;
	}
	return length == ISDS_BOX_LENGTH && box[length] == '\0';
}

static int read_box(struct job *job, char ret[WORD_SIZE])
{
	char env[WORD_SIZE];

	(void)job_parameter(job, "env", "", env, sizeof env);
	(void)job_parameter(job, strcmp(env, "production") == 0 ? "option.isds-box" : "option.isds-box-test", "", ret, WORD_SIZE);
	return is_box(ret) ? 0 : job_fail(job, ERR_FORMAT, "the catalogue does not say which data box takes this form in this environment");
}

/* What people and ČSSZ see of the message outside of the attachment. */
static int tell_outside(struct job *job, const struct cssz_facts *facts)
{
	char class_name[CSSZ_CLASS_SIZE], etype[WORD_SIZE], pattern[PATTERN_SIZE], subject[SUBJECT_SIZE], name[PATTERN_SIZE + CSSZ_VS_SIZE], safe[sizeof name];
	const struct filling values[] = { { "class", class_name }, { "etype", etype }, { "vs", facts->vs } };
	const size_t count = sizeof values / sizeof values[0];

	(void)job_parameter(job, "option.class", "", class_name, sizeof class_name);
	(void)job_parameter(job, "option.etype", "", etype, sizeof etype);
	if (!cssz_is_plain(class_name) || !cssz_is_plain(etype)) {
		return job_fail(job, ERR_FORMAT, "the catalogue does not say class and etype of this form");
	}
	(void)job_parameter(job, "option.isds-subject", "{etype}, VS {vs}", pattern, sizeof pattern);
	if (!fill(pattern, values, count, subject, sizeof subject)) {
		return job_fail(job, ERR_FORMAT, "the option isds-subject is malformed");
	}
	(void)job_parameter(job, "option.isds-file", "{etype}_{vs}.xml", pattern, sizeof pattern);
	if (!fill(pattern, values, count, name, sizeof name)) {
		return job_fail(job, ERR_FORMAT, "the option isds-file is malformed");
	}
	(void)escape_text(ESCAPE_FILE, span_of_string(name), safe, sizeof safe);
	lines_set(&job->result, "subject", subject);
	lines_set(&job->result, "file-name", safe);
	lines_set(&job->result, "content-type", "application/xml");
	return 0;
}

/* The attachment is the form itself: not signed, not encrypted, not compressed, no envelope (spec/cssz 12). */
int cssz_compose_isds(struct job *job)
{
	char box[WORD_SIZE], ident[WORD_SIZE];
	struct cssz_facts facts;
	int err = 0;
	const char *fault = cssz_facts_read(job, job_input(job, 1), &facts, &err);

	if (fault != NULL) {
		return job_fail(job, err == 0 ? ERR_FORMAT : err, "%s", fault);
	}
	if (job_parameter_whole(job, "reference", ident, sizeof ident) != 0 || !cssz_is_plain(ident) || strlen(ident) > ISDS_IDENT_MAX) {
		return job_fail(job, ERR_FORMAT, "the reference of the message must be 1 to 50 plain characters");
	}
	err = read_box(job, box);
	err = err != 0 ? err : tell_outside(job, &facts);
	if (err != 0) {
		return err;
	}
	lines_set(&job->result, "same", "yes");
	lines_set(&job->result, "box", box);
	lines_set(&job->result, "sender-ident", ident);
	return 0;
}

bool isds_subject_answers(const char *subject, const char *class_name, const char *id)
{
	const char *open = strrchr(subject, '[');
	size_t length = open == NULL ? 0 : strcspn(open + 1, "]"), before = strlen(class_name), behind = strlen(id);

	if (before == 0 || behind == 0 || strspn(id, "0123456789") != behind || open == NULL || open[1 + length] != ']' || open[2 + length] != '\0' ||
	    length <= before + behind + 2) {
		return false;
	}
	open++;
	return strncmp(open, class_name, before) == 0 && open[before] == '-' && open[length - behind - 1] == '-' &&
	       strncmp(open + length - behind, id, behind) == 0;
}

bool isds_is_answer(const struct job *job)
{
	char subject[SUBJECT_SIZE * 4], class_name[CSSZ_CLASS_SIZE], id[ID_SIZE];

	if (job_parameter_whole(job, "message-id", id, sizeof id) != 0) {
		return false;
	}
	(void)job_parameter(job, "message-subject", "", subject, sizeof subject);
	(void)job_parameter(job, "option.class", "", class_name, sizeof class_name);
	return id[0] == '\0' || isds_subject_answers(subject, class_name, id);
}
