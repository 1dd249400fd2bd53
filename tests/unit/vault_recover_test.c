/* podatelna-store as a process, the worse days: checks, damage, a restored backup, another hub, SIGKILL under load. */
#include "vault_play.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

static void test_verify(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], command[256];
	uint8_t prev[32], output[16];
	size_t length = 0;
	uint64_t records = 0;

	play_approved(play, number, prev, "<a/>");
	wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
	play_ask(play, &message, WIRE_STORE_VERIFIED, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 9), 0);
	assert_true(lines_find_u64(wire_span(&answer, WIRE_F_LINES), "records", &records));
	assert_int_equal(records, play->recorded_index + 1);
	(void)snprintf(command, sizeof command, "f=$(find '%s/vault' -type f | head -1); chmod 600 \"$f\"; printf x >> \"$f\"", play->data);
	assert_int_equal(bench_run(command, output, sizeof output, &length), 0);
	wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
	play_ask(play, &message, WIRE_STORE_VERIFIED, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 9), 5);
	assert_int_equal(wire_number(&answer, WIRE_F_INDEX, 0), 1);
}

/* Another hub in the place of the former one: nothing of the former one's requests reaches it. */
static void test_new_hub(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], ref[4096], earlier[16];
	uint8_t prev[32];
	int in[2];

	play_approved(play, number, prev, "<a/>");
	play_take(play, "2026-900000", "original", span_of_string("<x/>"), ref, earlier);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	wire_begin(&message, WIRE_STORE_TAKE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_string(&message, WIRE_F_OBJECT, "content");
	wire_put_number(&message, WIRE_F_LIMIT, 100);
	wire_put_fd(&message, in[0]);
	(void)play_send(play, &message);
	(void)close(in[0]);
	play_link_hub(play);
	(void)close(in[1]);
	/* What the former hub took and did not record is not "seen". */
	play_take(play, "2026-900001", "original", span_of_string("<x/>"), ref, earlier);
	assert_string_equal(earlier, "");
	wire_begin(&message, WIRE_STORE_CASE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, "2026-999999");
	assert_int_equal(play_refused(play, &message), ERR_NOTFOUND);
	wire_begin(&message, WIRE_STORE_CASE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	play_ask(play, &message, WIRE_STORE_RECORDS, &answer);
	wire_message_free(&answer);
}

static void shell(const char *format, const struct play *play)
{
	char command[512];
	uint8_t output[16];
	size_t length = 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(command, sizeof command, format, play->bench.path);
#pragma GCC diagnostic pop
	assert_int_equal(bench_run(command, output, sizeof output, &length), 0);
}

/* Up to `request`, with bytes that a sending may follow. */
static void play_requested(struct play *play, char number[16], uint8_t prev[32], const char *content, char ref[4096])
{
	struct wire_message answer;
	struct lines body = { 0 };
	uint64_t id = 0;

	play_approved(play, number, prev, content);
	id = play_sign_send(play, number, prev, "detached-der");
	play_signature(play, content, false);
	play_answer(play, id, &answer);
	assert_int_equal(answer.type, WIRE_STORE_APPENDED);
	memcpy(prev, wire_span(&answer, WIRE_F_HASH).data, 32);
	play_take(play, number, "request", span_of_string("REQUEST"), ref, NULL);
	lines_set(&body, "object-request", ref);
	lines_set(&body, "purpose", "file");
	lines_set(&body, "url", "https://localhost/podani");
	lines_set(&body, "env", "test");
	lines_set(&body, "attempt", "1");
	(void)play_append(play, number, prev, "request", &body);
}

static void compose_sending(struct wire_message *message, const char *number, const uint8_t prev[32], const char *ref, char text[8192])
{
	(void)snprintf(text, 8192, "sending\nattempt: 1\ncase: %s\nenv: test\nobject-request: %s\nurl: https://localhost/\n", number, ref);
	wire_begin(message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(message, WIRE_F_CASE, number);
	wire_put_bytes(message, WIRE_F_PREV, span_of(prev, 32));
	wire_put_bytes(message, WIRE_F_RECORD, span_of_string(text));
}

/* Yesterday's copy of the data directory in its place: nothing is signed or sent until a person accepts. */
static void test_rolled_back(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], other[16], ref[4096], text[8192];
	uint8_t prev[32], other_prev[32], zero[32] = { 0 };

	play_link_token(play, "ready");
	play_requested(play, number, prev, "<a/>", ref);
	play_requested(play, other, other_prev, "<b/>", text);
	assert_int_equal(play_stop(play), 0);
	shell("cd '%s' && cp -a data old", play);
	play_start(play);
	compose_sending(&message, number, prev, ref, text);
	play_ask(play, &message, WIRE_STORE_APPENDED, &answer);
	assert_int_equal(play_stop(play), 0);
	shell("cd '%s' && rm -rf data && mv old data", play);
	play_start(play);
	assert_string_equal(play->state, "rolled-back");
	compose_sending(&message, number, prev, ref, text);
	assert_int_equal(play_refused(play, &message), ERR_READONLY);
	play_link_token(play, "ready");
	play_answer(play, play_sign_send(play, number, prev, "detached-der"), &answer);
	assert_int_equal(answer.type, WIRE_ERROR);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_READONLY);

	wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, "");
	wire_put_bytes(&message, WIRE_F_PREV, span_of(zero, 32));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of_string("rolled-back\naccepted: yes\nby: uid:1000\nreason: backup restored\n"));
	play_ask(play, &message, WIRE_STORE_APPENDED, &answer);
	assert_string_equal(play->state, "ok");
	compose_sending(&message, number, prev, ref, text);
	play_ask(play, &message, WIRE_STORE_APPENDED, &answer);
}

/* Bytes changed in the middle: everything can be read up to there, nothing is written. */
static void test_damaged(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16];
	uint8_t prev[32];

	for (int i = 0; i < 3; i++) {
		char content[16];

		(void)snprintf(content, sizeof content, "<a%d/>", i);
		play_approved(play, number, prev, content);
	}
	assert_int_equal(play_stop(play), 0);
	shell("cd '%s/data/journal/segment' && f=$(ls | head -1) && chmod 600 $f && sed -i 's/DPHDP3/DPHDP4/' $f", play);
	play_start(play);
	assert_string_equal(play->state, "damaged");
	wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(prev, 32));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of_string("shown\nby: uid:1000\nwhat: receipt\n"));
	assert_true(play_refused(play, &message) < 0);
	wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
	play_ask(play, &message, WIRE_STORE_VERIFIED, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 9), 5);
}

/* Many at once: one batch, answers in order, and all of it is there after SIGKILL. */
static void test_many(void **state)
{
	enum { COUNT = 100 };
	struct play *play = *state;
	struct wire_message message, answer;
	char number[COUNT][16], text[8192];
	uint8_t prev[COUNT][32];
	uint64_t ids[COUNT];
	static char refs[COUNT][2][1024];
	char ref[4096];

	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(text, sizeof text, "<a n='%d'/>", i);
		play_case_new(play, number[i]);
		play_take(play, number[i], "original", span_of_string(text), ref, NULL);
		(void)snprintf(refs[i][0], sizeof refs[i][0], "%.1000s", ref);
		play_take(play, number[i], "name", span_of_string("file: a.xml\n"), ref, NULL);
		(void)snprintf(refs[i][1], sizeof refs[i][1], "%.1000s", ref);
	}
	for (int i = 0; i < COUNT; i++) {
		memset(prev[i], 0, 32);
		(void)snprintf(text, sizeof text, "received\nby: box\ncase: %s\nkind: filing\nobject-name: %s\nobject-original: %s\n", number[i], refs[i][1],
		               refs[i][0]);
		wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
		wire_put_string(&message, WIRE_F_CASE, number[i]);
		wire_put_bytes(&message, WIRE_F_PREV, span_of(prev[i], 32));
		wire_put_bytes(&message, WIRE_F_RECORD, span_of_string(text));
		ids[i] = play_send(play, &message);
	}
	for (int i = 0; i < COUNT; i++) {
		play_answer(play, ids[i], &answer);
		assert_int_equal(answer.type, WIRE_STORE_APPENDED);
	}
	play_kill(play);
	play_start(play);
	for (int i = 0; i < COUNT; i += 10) {
		wire_begin(&message, WIRE_STORE_CASE, 0, 0);
		wire_put_string(&message, WIRE_F_CASE, number[i]);
		play_ask(play, &message, WIRE_STORE_RECORDS, &answer);
		assert_int_equal(wire_number(&answer, WIRE_F_COUNT, 0), 1);
		wire_message_free(&answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verify, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_new_hub, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_rolled_back, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_many, play_set_up, play_tear_down),
	};

	return cmocka_run_group_tests_name("store recovery", tests, NULL, NULL);
}
