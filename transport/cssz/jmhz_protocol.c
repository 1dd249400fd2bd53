#include "jmhz_protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../base/report.h"
#include "facts.h"
#include "jmhz.h"

#define DEPTH_MAX 8
#define HEADER_FIELDS 4 /* of place_of: those right below the root */
#define NAME_SIZE 33
#define VALUE_SIZE 65
#define TEXT_SIZE 2049

struct mistake {
	char part[VALUE_SIZE], form[VALUE_SIZE], code[VALUE_SIZE], words[TEXT_SIZE];
};

struct protocol {
	bool found, answer; /* one of the two; the second */
	char vs[VALUE_SIZE], id[VALUE_SIZE], month[VALUE_SIZE], year[VALUE_SIZE], code[VALUE_SIZE], name[TEXT_SIZE];
	char stack[DEPTH_MAX][NAME_SIZE];
	char text[TEXT_SIZE];
	struct mistake mistake; /* that is being read */
	uint64_t mistakes;
	struct report report;
};

static int on_start(void *context, const struct xml_element *element)
{
	struct protocol *protocol = context;

	if (element->depth <= DEPTH_MAX && !span_copy_string(element->name, protocol->stack[element->depth - 1], NAME_SIZE)) {
		protocol->stack[element->depth - 1][0] = '\0';
	}
	if (element->depth == 1) {
		protocol->answer = span_equals_string(element->name, "DZMHOdpoved");
		protocol->found = protocol->answer || span_equals_string(element->name, "ProtokolOZpracovani");
	}
	if (span_equals_string(element->name, "chyba")) {
		memset(&protocol->mistake, 0, sizeof protocol->mistake);
	}
	protocol->text[0] = '\0';
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct protocol *protocol = context;
	size_t have = strlen(protocol->text);

	job_copy_value(text, protocol->text + have, sizeof protocol->text - have);
	return 0;
}

/* Where the text that has just been read belongs; NULL: nowhere. */
static char *place_of(struct protocol *protocol, struct span name, size_t depth, size_t *ret_size)
{
	const struct {
		const char *above, *name;
		char *place;
		size_t size;
	} fields[] = {
		{ protocol->stack[0], "variabilniSymbol", protocol->vs, sizeof protocol->vs },
		{ protocol->stack[0], "idPodani", protocol->id, sizeof protocol->id },
		{ protocol->stack[0], "mesic", protocol->month, sizeof protocol->month },
		{ protocol->stack[0], "rok", protocol->year, sizeof protocol->year },
		{ "stavMH", "kod", protocol->code, sizeof protocol->code },
		{ "stavMH", "nazev", protocol->name, sizeof protocol->name },
		{ "chyba", "castPodani", protocol->mistake.part, sizeof protocol->mistake.part },
		{ "chyba", "idFormulare", protocol->mistake.form, sizeof protocol->mistake.form },
		{ "chyba", "kod", protocol->mistake.code, sizeof protocol->mistake.code },
		{ "chyba", "popis", protocol->mistake.words, sizeof protocol->mistake.words },
	};

	for (size_t i = 0; depth >= 2 && depth <= DEPTH_MAX && i < sizeof fields / sizeof fields[0]; i++) {
		if (strcmp(protocol->stack[depth - 2], fields[i].above) == 0 && (i >= HEADER_FIELDS || depth == 2) &&
		    span_equals_string(name, fields[i].name)) {
			*ret_size = fields[i].size;
			return fields[i].place;
		}
	}
	return NULL;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct protocol *protocol = context;
	const struct mistake *mistake = &protocol->mistake;
	size_t size = 0;
	char *place = place_of(protocol, name, depth, &size);

	if (place != NULL) {
		job_trim(protocol->text);
		(void)snprintf(place, size, "%s", protocol->text);
	}
	if (protocol->found && span_equals_string(name, "chyba")) {
		protocol->mistakes++;
		report_line(&protocol->report, "%s%s%s: [%s] %s", mistake->part, mistake->form[0] != '\0' ? " " : "", mistake->form, mistake->code,
		            mistake->words);
	}
	protocol->text[0] = '\0';
	return 0;
}

static int tell(struct job *job, const char *verdict, const char *reason)
{
	lines_set(&job->result, "verdict", verdict);
	lines_set(&job->result, "evidence", "person");
	lines_set(&job->result, "reason", reason);
	return 0;
}

/* Codes of states: 8.3. */
static int tell_state(struct job *job, const struct protocol *protocol)
{
	static const struct {
		const char *code, *verdict, *reason;
	} states[] = {
		{ "1", "accepted", NULL },
		{ "2", "refused", "the report was not accepted, says the protocol" },
		{ "3", "refused", "the report was refused, says the protocol" },
		{ "4", "partial", "the report was accepted in part, says the protocol" },
		{ "5", "unknown", "the report is still being processed, says the protocol" },
		{ "6", "accepted", NULL },
	};

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if (strcmp(states[i].code, protocol->code) == 0) {
			bool passed = strcmp(states[i].verdict, "accepted") == 0;

			lines_set_u64(&job->result, passed ? "warnings" : "errors", passed && protocol->code[0] == '1' ? 0 : protocol->mistakes);
			return tell(job, states[i].verdict, states[i].reason);
		}
	}
	return tell(job, "unknown", "the protocol tells a state that is not known");
}

static bool same_number(const char *text, uint64_t number)
{
	uint64_t value = 0;

	return span_parse_u64(span_of_string(text[0] == '0' && text[1] != '\0' ? text + 1 : text), &value) && value == number;
}

/* Of the very report that was filed: its firm, its identifier, and its month. The answer to a question may leave out what it was not asked by. */
static int compare(struct job *job, const struct protocol *protocol, bool *ret_same)
{
	_cleanup_close_ int original = -1;
	struct cssz_facts facts;
	struct jmhz report;
	bool same_id = false, same_month = false, no_month = false;
	int err = job_keep(job_input(job, CLASSIFY_ORIGINAL), CSSZ_DATA_MAX_BYTES, &original), ignored = 0;

	if (err != 0) {
		return job_fail(job, err, "the form cannot be read");
	}
	(void)cssz_facts_read(job, original, &facts, &ignored); /* what it finds wrong, the check found; the symbol is there all the same */
	(void)jmhz_read(original, &report, &ignored);
	same_id = report.id[0] != '\0' && strcasecmp(report.id, protocol->id) == 0;
	same_month = same_number(protocol->month, report.month) && same_number(protocol->year, report.year);
	no_month = protocol->month[0] == '\0' && protocol->year[0] == '\0';
	*ret_same = facts.vs[0] != '\0' && strcmp(facts.vs, protocol->vs) == 0 &&
	            (protocol->answer ? (same_id && (same_month || no_month)) || (protocol->id[0] == '\0' && same_month) : same_id && same_month);
	return 0;
}

int jmhz_protocol_classify(struct job *job, int from, bool *ret_found)
{
	static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };
	struct protocol protocol = { .report = { .fd = job_fd(job, CLASSIFY_REPORT_OUT) } };
	struct xml_outcome outcome;
	bool same = false;
	int err = xmlwalk_read(from, JOB_STREAM_MAX_BYTES, &events, &protocol, &outcome);

	*ret_found = protocol.found;
	if (!protocol.found) {
		return 0;
	}
	if (err != 0) {
		return tell(job, "unknown", "the protocol is not well-formed");
	}
	err = compare(job, &protocol, &same);
	if (err != 0) {
		return err;
	}
	if (!same) {
		return tell(job, "mismatch", "a protocol about another report");
	}
	if (protocol.report.lines > 0) {
		lines_set(&job->result, "report", "yes");
	}
	return protocol.report.err != 0 ? job_fail(job, protocol.report.err, "the report cannot be written") : tell_state(job, &protocol);
}
