#include "store_fault_steps.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"

static int step_received(struct life *life)
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
	{ "", step_received },      { "received", step_recognised }, { "recognised", step_approved }, { "approved", step_sign }, { "abandoned", step_sign },
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

int steps_checkpoint(struct life *life)
{
	struct wire_message message, answer;

	uint8_t note[1024];
	uint64_t size = 0;
	bool is_signed = false;
	int err = 0;

	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, 0);
	err = life_ask(life, &message, &answer);
	if (err == 0) {
		struct span text = wire_span(&answer, WIRE_F_BYTES);

		size = wire_number(&answer, WIRE_F_INDEX, 0);
		is_signed = wire_number(&answer, WIRE_F_BITS, 0) == 1;
		assert_true(text.length < sizeof note);
		memcpy(note, text.data, text.length);
		err = life_stamp(life, size, span_of(note, text.length), is_signed);
	}
	return err;
}
