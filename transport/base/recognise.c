/* What a file is, by its bytes alone (job.h, kind `recognise`). The catalogue decides what that means. */
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/query.h"
#include "endscan.h"
#include "partner.h"

#define NAME_SIZE 257
#define CHUNK_BYTES 16384

enum format { FORMAT_EMPTY, FORMAT_XML, FORMAT_ZIP, FORMAT_CMS, FORMAT_PDF, FORMAT_QUERY, FORMAT_BINARY };

static const char *const format_names[] = { "empty", "xml", "zip", "cms", "pdf", "query", "binary" };

struct recognition {
	enum format format;
	char root[NAME_SIZE], space[NAME_SIZE], child[NAME_SIZE];
	uint64_t children;
	struct form_facts facts;
	struct endscan_ber ber;
	struct endscan_tail tail;
	struct xmlwalk *walk;
	uint8_t query[QUERY_MAX_BYTES + 1]; /* a query is short and read as a whole: one byte more shows that it is longer */
	size_t query_length;
	uint64_t size;
};

static void cleanup_recognition(struct recognition **recognition)
{
	if (*recognition != NULL) {
		xmlwalk_free((*recognition)->walk);
		free(*recognition);
	}
}

static int on_start(void *context, const struct xml_element *element)
{
	struct recognition *found = context;

	if (element->depth == 1) {
		job_copy_value(element->name, found->root, sizeof found->root);
		job_copy_value(element->space, found->space, sizeof found->space);
	}
	if (element->depth == 2 && found->children++ == 0) {
		job_copy_value(element->name, found->child, sizeof found->child);
	}
	/* The first child of the root is the form; what stands in further ones would only mislead. */
	for (size_t i = 0; element->depth >= 2 && found->children == 1 && form_recognisers[i] != NULL; i++) {
		form_recognisers[i](&found->facts, element);
	}
	return 0;
}

static const struct xml_handler xml_events = { .start = on_start };

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static enum format format_of(struct span head)
{
	struct span skipped;

	if (head.length == 0) {
		return FORMAT_EMPTY;
	}
	if (span_starts_with(head, "PK\x03\x04") || span_starts_with(head, "PK\x05\x06")) {
		return FORMAT_ZIP;
	}
	if (span_starts_with(head, "%PDF")) {
		return FORMAT_PDF;
	}
	if (query_begins(head)) {
		return FORMAT_QUERY;
	}
	if (head.length >= 2 && head.data[0] == 0x30 && (head.data[1] >= 0x80 || head.length == (size_t)head.data[1] + 2)) {
		return FORMAT_CMS;
	}
	if (span_starts_with(head, "\xff\xfe<") || (head.length >= 4 && memcmp(head.data, "\xfe\xff\x00<", 4) == 0)) {
		return FORMAT_XML;
	}
	if (span_starts_with(head, "\xef\xbb\xbf")) {
		(void)span_read_bytes(&head, 3, &skipped);
	}
	while (head.length > 0 && is_blank(head.data[0])) {
		(void)span_read_bytes(&head, 1, &skipped);
	}
	return head.length > 0 && head.data[0] == '<' ? FORMAT_XML : FORMAT_BINARY;
}

/* White space at the end does not matter; a zero byte does. */
static bool tail_ends_with_tag(struct span tail)
{
	while (tail.length > 0 && is_blank(tail.data[tail.length - 1])) {
		tail.length--;
	}
	return tail.length > 0 && tail.data[tail.length - 1] == '>';
}

static bool is_complete(const struct recognition *found)
{
	const struct xml_outcome *outcome = found->walk != NULL ? xmlwalk_outcome(found->walk) : NULL;
	struct span tail = endscan_tail_span(&found->tail);

	switch (found->format) {
	case FORMAT_XML:
		/* A broken document is complete when it looks finished: waiting longer would not mend it. Zero bytes are a copy under way. */
		return outcome != NULL && !outcome->has_nul && !outcome->cut && (outcome->fault[0] == '\0' || tail_ends_with_tag(tail));
	case FORMAT_ZIP:
		return endscan_zip_complete(tail);
	case FORMAT_CMS:
		return endscan_ber_complete(&found->ber);
	case FORMAT_PDF:
		return endscan_pdf_complete(tail);
	case FORMAT_QUERY: /* and what query_read says of it (tell_query) */
	case FORMAT_BINARY:
		return !endscan_is_presized(tail);
	case FORMAT_EMPTY:
		return false; /* created, and not yet written to */
	}
	return false;
}

static int feed(struct recognition *found, struct span bytes)
{
	if (found->size == 0) {
		found->format = format_of(bytes);
		if (found->format == FORMAT_XML && (found->walk = xmlwalk_new(&xml_events, found)) == NULL) {
			return ERR_MEMORY;
		}
	}
	found->size += bytes.length;
	endscan_tail_feed(&found->tail, bytes);
	if (found->format == FORMAT_CMS) {
		endscan_ber_feed(&found->ber, bytes);
	}
	if (found->format == FORMAT_QUERY) {
		size_t room = sizeof found->query - found->query_length, length = bytes.length < room ? bytes.length : room;

		memcpy(found->query + found->query_length, bytes.data, length);
		found->query_length += length;
	}
	if (found->walk != NULL) {
		(void)xmlwalk_feed(found->walk, bytes); /* a fault is a result, not a failure */
	}
	return 0;
}

static void tell_period(struct lines *result, const struct form_facts *facts)
{
	if (facts->year[0] == '\0') {
		return;
	}
	if (facts->month[0] != '\0') {
		lines_setf(result, "period", "%s-%s%s", facts->year, facts->month[1] == '\0' ? "0" : "", facts->month);
	} else if (facts->quarter[0] != '\0') {
		lines_setf(result, "period", "%s-Q%s", facts->year, facts->quarter);
	} else {
		lines_set(result, "period", facts->year);
	}
}

static void tell_xml(struct lines *result, const struct recognition *found)
{
	const struct xml_outcome *outcome = xmlwalk_outcome(found->walk);

	lines_set(result, "wellformed", outcome->fault[0] == '\0' ? "yes" : "no");
	lines_set(result, "doctype", outcome->doctype ? "yes" : "no");
	lines_set(result, "encoding", outcome->encoding);
	if (outcome->fault[0] != '\0') {
		lines_set(result, "fault", outcome->fault);
	}
	if (found->root[0] == '\0') {
		return;
	}
	lines_set(result, "root", found->root);
	lines_set(result, "namespace", found->space);
	lines_set_u64(result, "children", found->children);
	if (found->children > 0) {
		lines_set(result, "child", found->child);
	}
	if (found->facts.version[0] != '\0') {
		lines_set(result, "version", found->facts.version);
	}
	tell_period(result, &found->facts);
}

/* What is asked stands where an XML document has the name of its root. True when its end is there. */
static bool tell_query(struct lines *result, const struct recognition *found)
{
	struct query query;
	int err = query_read(span_of(found->query, found->query_length), &query);

	lines_set(result, "wellformed", err == 0 || err == ERR_AGAIN ? "yes" : "no");
	if (query.what[0] != '\0') {
		lines_set(result, "root", query.what);
	}
	return err != ERR_AGAIN;
}

int job_recognise(struct job *job)
{
	bool complete = true;

	_cleanup_(cleanup_recognition) struct recognition *found = calloc(1, sizeof *found);
	uint64_t limit = job_parameter_u64(job, "limit", JOB_XML_LIMIT_BYTES);
	uint8_t chunk[CHUNK_BYTES];
	ssize_t length = 0;
	int input = job_input(job, 1), err = 0;

	if (found == NULL) {
		return job_fail(job, ERR_MEMORY, "no memory");
	}
	while ((length = fd_read_full(input, chunk, sizeof chunk)) > 0) {
		err = feed(found, span_of(chunk, (size_t)length));
		if (err != 0) {
			return job_fail(job, err, "no memory");
		}
		lines_set(&job->result, "format", format_names[found->format]);
		if (found->size > limit) {
			return job_fail(job, ERR_LIMIT, "larger than %llu bytes", (unsigned long long)limit);
		}
	}
	if (length < 0) {
		return job_fail(job, (int)length, "the content cannot be read");
	}
	if (found->walk != NULL) {
		(void)xmlwalk_finish(found->walk);
		tell_xml(&job->result, found);
	}
	if (found->format == FORMAT_QUERY) {
		complete = tell_query(&job->result, found);
	}
	lines_set(&job->result, "format", format_names[found->format]);
	lines_set(&job->result, "complete", complete && is_complete(found) ? "yes" : "no");
	lines_set_u64(&job->result, "size", found->size);
	return 0;
}
