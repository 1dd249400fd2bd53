/* A form as a page that a person reads before it is signed (job.h, kind `render`): one walk, nothing of it is held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "render.h"

#define CARRY_MAX_BYTES 3 /* of a character that is not whole yet */

enum content { CONTENT_NOTHING, CONTENT_XML, CONTENT_TEXT, CONTENT_BINARY };

struct walk {
	struct rendering rendering;
	struct xmlwalk *xml;
	EVP_MD_CTX *digest;
	enum content content;
	bool stopped; /* the rest is read for its digest only */
	uint64_t size;
	uint8_t carry[CARRY_MAX_BYTES];
	size_t carried;
};

static void free_walk(struct walk **place)
{
	if (*place != NULL) {
		labels_free(&(*place)->rendering.labels);
		render_text_free(&(*place)->rendering.text);
		xmlwalk_free((*place)->xml);
		EVP_MD_CTX_free((*place)->digest);
		free(*place);
	}
}

/* --- XML --- */

/* The rest is not shown: what is open is closed, and it is said. */
static void stop_xml(struct walk *walk, int err)
{
	const char *fault = xmlwalk_outcome(walk->xml)->fault;

	walk->stopped = true;
	render_text_end(&walk->rendering);
	for (; walk->rendering.depth > 0; walk->rendering.depth--) {
		page_put(&walk->rendering.page, "</section>\n");
	}
	render_omit(&walk->rendering, fault[0] != '\0' ? fault : err == ERR_LIMIT ? "the rest, the page is too long" : "the rest, it cannot be read");
}

/* --- plain text --- */

/* How many bytes at the end belong to a character whose other bytes are still to come. */
static size_t unfinished(struct span text)
{
	for (size_t back = 1; back <= CARRY_MAX_BYTES && back <= text.length; back++) {
		uint8_t byte = text.data[text.length - back];

		if ((byte & 0xc0) != 0x80) {
			size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;

			return whole > back ? back : 0;
		}
	}
	return 0;
}

/* All but a character whose end is still to come. */
static void put_whole(struct walk *walk, struct span bytes)
{
	struct span whole = { 0 };
	size_t tail = unfinished(bytes);

	(void)span_read_bytes(&bytes, bytes.length - tail, &whole);
	page_foreign(&walk->rendering.page, whole);
	if (tail > 0) {
		memcpy(walk->carry, bytes.data, tail);
	}
	walk->carried = tail;
}

static void feed_text(struct walk *walk, struct span bytes)
{
	uint8_t joined[CARRY_MAX_BYTES + 1];

	while (walk->carried > 0 && !span_is_empty(bytes)) {
		/* At most three more bytes make the character whole. */
		memcpy(joined, walk->carry, walk->carried);
		(void)span_read_u8(&bytes, &joined[walk->carried]);
		put_whole(walk, span_of(joined, walk->carried + 1));
	}
	if (!span_is_empty(bytes)) {
		put_whole(walk, bytes);
	}
	if (page_is_full(&walk->rendering.page)) {
		walk->stopped = true;
		page_put(&walk->rendering.page, "</pre>\n");
		render_omit(&walk->rendering, "the rest, the page is too long");
	}
}

/* --- any bytes --- */

static bool begins_with_tag(struct span head)
{
	struct span skipped;

	if (span_starts_with(head, "\xef\xbb\xbf")) {
		(void)span_read_bytes(&head, 3, &skipped);
	}
	while (head.length > 0 && (head.data[0] == ' ' || head.data[0] == '\t' || head.data[0] == '\r' || head.data[0] == '\n')) {
		(void)span_read_bytes(&head, 1, &skipped);
	}
	return head.length > 0 && head.data[0] == '<';
}

/* By its first piece. UTF-16 counts as XML: the walk says that it is not accepted. */
static enum content sniff(struct span head)
{
	if (begins_with_tag(head) || span_starts_with(head, "\xff\xfe") || span_starts_with(head, "\xfe\xff")) {
		return CONTENT_XML;
	}
	if (span_starts_with(head, "%PDF") || span_starts_with(head, "PK\x03\x04") || head.data[0] == 0x30) {
		bool text = head.length > 1 && head.data[0] == 0x30 && head.data[1] < 0x80;

		return text ? CONTENT_TEXT : CONTENT_BINARY;
	}
	return memchr(head.data, 0, head.length) != NULL ? CONTENT_BINARY : CONTENT_TEXT;
}

static void begin(struct walk *walk, struct span head)
{
	walk->content = sniff(head);
	if (walk->content == CONTENT_TEXT) {
		page_put(&walk->rendering.page, "<pre>");
		walk->rendering.values++;
	} else if (walk->content == CONTENT_BINARY) {
		walk->stopped = true;
		page_putf(&walk->rendering.page, "<p class=\"note\">%s</p>\n", render_word(&walk->rendering, RENDER_BINARY));
		render_omit(&walk->rendering, "bytes that are no text");
	}
}

static int on_bytes(void *context, struct span bytes)
{
	struct walk *walk = context;
	int err = digest_feed(walk->digest, bytes);

	walk->size += bytes.length;
	if (walk->content == CONTENT_NOTHING) {
		begin(walk, bytes);
	}
	if (!walk->stopped && walk->content == CONTENT_XML) {
		int fault = xmlwalk_feed(walk->xml, bytes);

		if (fault != 0) {
			stop_xml(walk, fault);
		}
	} else if (!walk->stopped) {
		feed_text(walk, bytes);
	}
	return err != 0 ? err : walk->rendering.page.err;
}

static void end(struct walk *walk)
{
	if (walk->content == CONTENT_XML && !walk->stopped) {
		int fault = xmlwalk_finish(walk->xml);

		if (fault != 0) {
			stop_xml(walk, fault);
		}
		render_text_end(&walk->rendering);
	} else if (walk->content == CONTENT_TEXT && !walk->stopped) {
		page_foreign(&walk->rendering.page, span_of(walk->carry, walk->carried));
		page_put(&walk->rendering.page, "</pre>\n");
	}
}

int job_render(struct job *job)
{
	__attribute__((cleanup(free_walk))) struct walk *walk = calloc(1, sizeof *walk);
	char sha256[DIGEST_HEX_SIZE];
	int err = ERR_MEMORY;

	if (walk == NULL || (walk->digest = digest_new("SHA256")) == NULL || (walk->xml = xmlwalk_new(&render_events, &walk->rendering)) == NULL) {
		return job_fail(job, err, "no memory");
	}
	walk->rendering.page.fd = job_fd(job, 3);
	(void)job_parameter(job, "language", "cs", walk->rendering.language, sizeof walk->rendering.language);
	err = labels_read(job_input(job, 2), &walk->rendering.labels);
	if (err != 0) {
		return job_fail(job, err, "the labels cannot be read");
	}
	render_head(&walk->rendering, job);
	err = job_each_chunk(job_input(job, 1), JOB_STREAM_MAX_BYTES, on_bytes, walk);
	if (err == 0) {
		end(walk);
		err = digest_hex(walk->digest, sha256);
	}
	if (err == 0) {
		render_foot(&walk->rendering, sha256, walk->size, walk->content == CONTENT_XML ? xmlwalk_outcome(walk->xml)->encoding : "");
		err = page_finish(&walk->rendering.page);
	}
	if (err != 0) {
		return job_fail(job, err, "the form cannot be read, or the page cannot be written");
	}
	lines_set(&job->result, "sha256", sha256);
	lines_set_u64(&job->result, "size", walk->size);
	lines_set_u64(&job->result, "page-size", walk->rendering.page.size);
	lines_set_u64(&job->result, "values", walk->rendering.values);
	lines_set(&job->result, "whole", walk->rendering.why[0] == '\0' ? "yes" : "no");
	lines_set(&job->result, "why", walk->rendering.why[0] == '\0' ? NULL : walk->rendering.why);
	return 0;
}
