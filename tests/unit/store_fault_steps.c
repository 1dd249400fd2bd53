#include "store_fault_steps.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "seal_help.h"
#include "store/anchor_note.h"

int steps_received(struct life *life)
{
	struct wire_message message, answer;
	struct lines body = { 0 };
	char original[4096], name[4096];
	int err = 0;

	wire_begin(&message, WIRE_STORE_CASE_NEW, 0, 0);
	wire_put_string(&message, WIRE_F_KIND, "filing");
	err = life_ask(life, &message, &answer);
	if (err != 0) {
		return err;
	}
	assert_true(wire_string(&answer, WIRE_F_CASE, life->number, sizeof life->number));
	memset(life->head, 0, sizeof life->head);
	err = life_take(life, "original", span_of_string(LIFE_ORIGINAL), original);
	err = err != 0 ? err : life_take(life, "name", span_of_string("file: a.xml\nfolder: \nowner: uid:1000\n"), name);
	if (err != 0) {
		return err;
	}
	lines_set(&body, "object-original", original);
	lines_set(&body, "object-name", name);
	lines_set(&body, "kind", "filing");
	lines_set(&body, "by", "uid:1000");
	return life_append(life, "received", &body);
}

static int step_recognised(struct life *life)
{
	struct lines body = { 0 };

	lines_set(&body, "partner", "epo");
	lines_set(&body, "form", "DPHDP3");
	lines_set(&body, "label-id", "dphdp3");
	return life_append(life, "recognised", &body);
}

static int step_approved(struct life *life)
{
	struct lines body = { 0 };

	lines_set(&body, "by", "box");
	return life_append(life, "approved", &body);
}

static int step_sign(struct life *life)
{
	struct wire_message message, answer;
	int err = 0;

	wire_begin(&message, WIRE_STORE_SIGN, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, life->number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(life->head, 32));
	wire_put_string(&message, WIRE_F_KEY, "qualified");
	wire_put_string(&message, WIRE_F_PURPOSE, "file");
	wire_put_string(&message, WIRE_F_OBJECT, "original");
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string("attempt: 1\nby: box\ndigest: sha256\nform: attached-der\n"));
	life->flying = "intent signed abandoned";
	err = life_ask(life, &message, &answer);
	if (err == 0) {
		life->flying = "";
		(void)snprintf(life->last, sizeof life->last, "signed");
	}
	return err;
}

static void put_request(struct life *life, struct lines *body)
{
	lines_set(body, "object-request", life->request_ref);
	lines_set(body, "url", "https://localhost/podani");
	lines_set(body, "env", "test");
	lines_set(body, "attempt", "1");
}

static int step_request(struct life *life)
{
	struct lines body = { 0 };
	int err = life_take(life, "request", span_of_string("REQUEST"), life->request_ref);

	if (err != 0) {
		return err;
	}
	put_request(life, &body);
	lines_set(&body, "purpose", "file");
	return life_append(life, "request", &body);
}

static int step_sending(struct life *life)
{
	struct lines body = { 0 };

	put_request(life, &body);
	return life_append(life, "sending", &body);
}

static int step_reply(struct life *life)
{
	life->sending = life->last_index;
	return life_offer(life);
}

static int step_closed(struct life *life)
{
	struct lines body = { 0 };

	lines_set(&body, "evidence", "channel");
	lines_set(&body, "verdict", "accepted");
	return life_append(life, "closed", &body);
}

static const struct {
	const char *after;
	int (*step)(struct life *life);
} steps[] = {
	{ "", steps_received },     { "received", step_recognised }, { "recognised", step_approved }, { "approved", step_sign }, { "abandoned", step_sign },
	{ "signed", step_request }, { "request", step_sending },     { "sending", step_reply },       { "reply", step_closed },
};

int steps_next(struct life *life)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		if (strcmp(steps[i].after, life->last) == 0) {
			return steps[i].step(life);
		}
	}
	life_fail(life, "no step after this record");
	return ERR_INTERNAL;
}

static int send_stamp(struct life *life, uint64_t size, struct span reply, const char *lines)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_ANCHOR, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, size);
	wire_put_bytes(&message, WIRE_F_BYTES, reply);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	return life_ask(life, &message, &answer);
}

static int stamp(struct life *life, uint64_t size, struct span note, bool is_signed, const char *lines)
{
	struct anchor_note parsed;
	size_t length = 0;
	uint8_t *reply = NULL;
	int err = 0;

	if (anchor_note_parse(note, &parsed) != 0 || parsed.size != size || (is_signed && parsed.count != 1)) {
		life_fail(life, "the checkpoint that was told is none, or it is not signed as was told");
	}
	reply = seal_help_stamp_here(life->bench->ec, life->stamper, parsed.text, &length);
	err = send_stamp(life, size, span_of(reply, length), lines);
	err = err != 0 ? err : send_stamp(life, size, span_of_string("<html>"), "event: bad-stamp\nreason: test\ntsa: own\n");
	free(reply);
	return err;
}

static int checkpoint(struct life *life, uint64_t bits, const char *lines)
{
	struct wire_message message, answer;
	uint8_t note[1024];
	int err = 0;

	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, 0);
	wire_put_number(&message, WIRE_F_BITS, bits);
	err = life_ask(life, &message, &answer);
	if (err == 0) {
		struct span text = wire_span(&answer, WIRE_F_BYTES);
		uint64_t size = wire_number(&answer, WIRE_F_INDEX, 0);
		bool is_signed = wire_number(&answer, WIRE_F_BITS, 0) == 1;

		assert_true(text.length < sizeof note);
		memcpy(note, text.data, text.length);
		err = stamp(life, size, span_of(note, text.length), is_signed, lines);
	}
	return err;
}

int steps_checkpoint(struct life *life)
{
	return checkpoint(life, 0, "event: stamp\ntime: 2026-11-22T03:00:00Z\ntsa: own\n");
}

int steps_renewal(struct life *life)
{
	return checkpoint(life, 1,
	                  "detail: sha256 sha256\nevent: renewal\npurpose: renewal\ntime: 2031-11-22T03:00:00Z\ntsa: own\nuntil: 2036-11-22T03:00:00Z\n");
}

int steps_refused(struct life *life)
{
	struct lines body = { 0 };
	char report[4096];
	int err = life_take(life, "report", span_of_string(STEPS_REPORT), report);

	if (err != 0) {
		return err;
	}
	lines_set(&body, "object-report", report);
	lines_set(&body, "reason", "test");
	return life_append(life, "refused", &body);
}

/* The store does one thing at a time on the archive, and may be busy there by itself. */
static int ask_in_turn(struct life *life, struct wire_message *message, struct wire_message *ret)
{
	uint64_t deadline = clock_deadline(LIFE_MS);
	int err = ERR_BUSY;

	while (err == ERR_BUSY && !clock_expired(deadline)) {
		err = life_ask(life, message, ret);
		if (err == ERR_BUSY) {
			(void)usleep(2000);
		}
	}
	return err;
}

int steps_rest(struct life *life, enum wire_type type, const char *record, const char *more, bool *ret_left)
{
	struct wire_message message, answer;
	char text[256];
	int err = 0;

	(void)snprintf(text, sizeof text, "basis: test\nby: uid:1000\ncase: %s\n%s", life->number, more);
	wire_begin(&message, type, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, life->number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(life->head, 32));
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(text));
	life->flying = record;
	err = ask_in_turn(life, &message, &answer);
	if (err == 0) {
		struct span lines = wire_span(&answer, WIRE_F_LINES), value;

		life->flying = "";
		(void)snprintf(life->last, sizeof life->last, "%s", record);
		*ret_left = lines.length > 0 && (lines_find(lines, "content", &value) || lines_find(lines, "archive", &value));
	}
	return err;
}

int steps_archive(struct life *life, uint64_t bits)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_ARCHIVE_LOOK, 0, 0);
	wire_put_number(&message, WIRE_F_BITS, bits);
	return ask_in_turn(life, &message, &answer);
}

void steps_verify(struct life *life)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
	if (life_ask(life, &message, &answer) != 0 || wire_number(&answer, WIRE_F_CODE, 1) != 0) {
		life_fail(life, "damage at %llu: %.*s", (unsigned long long)wire_number(&answer, WIRE_F_INDEX, 0), (int)wire_span(&answer, WIRE_F_TEXT).length,
		          (const char *)wire_span(&answer, WIRE_F_TEXT).data);
	}
}

/* --- what lies on the disk --- */

size_t steps_count_files(const char *pattern)
{
	glob_t found = { 0 };
	size_t count = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 ? found.gl_pathc : 0;

	globfree(&found);
	return count;
}

size_t steps_count_keys(const struct life *life, const char *number)
{
	char pattern[256];

	(void)snprintf(pattern, sizeof pattern, "%s/keys/%s.*", life->data, number);
	return steps_count_files(pattern);
}

bool steps_is_seen(const struct life *life, const char *number)
{
	char path[160], line[64];
	bool found = false;
	FILE *file = NULL;
	char *text = NULL;
	size_t room = 0;

	(void)snprintf(path, sizeof path, "%s/seen", life->data);
	(void)snprintf(line, sizeof line, " %s\n", number);
	file = fopen(path, "re");
	while (file != NULL && !found && getline(&text, &room, file) > 0) {
		found = strstr(text, line) != NULL;
	}
	free(text);
	if (file != NULL) {
		(void)fclose(file);
	}
	return found;
}
