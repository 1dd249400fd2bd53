/* podatelna-store as a process: what it promises to the hub, the tokens and the sessions, across kills and restarts. */
#include "vault_play.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

static void test_case(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], other[16], ref[4096], earlier[16];
	uint8_t prev[32], zero[32] = { 0 }, content[256], records[16384];
	struct span all;
	struct record record;
	size_t length = 0, count = 0;
	int ends[2] = { -1, -1 };

	assert_string_equal(play->state, "ok");
	play_approved(play, number, prev, "<Pisemnost/>");
	assert_int_equal(play_copy(play, number, "original", content, sizeof content, &length), 0);
	assert_int_equal(length, 12);
	assert_memory_equal(content, "<Pisemnost/>", 12);
	assert_int_equal(play_copy(play, number, "receipt", content, sizeof content, &length), ERR_NOTFOUND);

	/* The same bytes again are told. */
	play_case_new(play, other);
	assert_string_not_equal(number, other);
	play_take(play, other, "original", span_of_string("<Pisemnost/>"), ref, earlier);
	assert_string_equal(earlier, number);
	play_take(play, other, "original", span_of_string("<Jina/>"), ref, earlier);
	assert_string_equal(earlier, "");

	/* A wrong prev is refused with the right one. */
	wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(zero, 32));
	(void)snprintf(ref, sizeof ref, "shown\nby: uid:1000\ncase: %s\nwhat: receipt\n", number);
	wire_put_bytes(&message, WIRE_F_RECORD, span_of_string(ref));
	play_ask(play, &message, WIRE_ERROR, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_MISMATCH);
	assert_memory_equal(wire_span(&answer, WIRE_F_HASH).data, prev, 32);

	/* All records from 0, and those of the case. */
	wire_begin(&message, WIRE_STORE_READ, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	play_ask(play, &message, WIRE_STORE_RECORDS, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_INDEX, 0), play->recorded_index + 1);
	all = span_of(records, (size_t)fd_read_full(answer.fds[0], records, sizeof records));
	wire_message_free(&answer);
	while (record_read(&all, &record) == 0) {
		assert_int_equal(record.index, count++);
	}
	assert_true(span_is_empty(all));
	assert_int_equal(count, play->recorded_index + 1);
	wire_begin(&message, WIRE_STORE_CASE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	play_ask(play, &message, WIRE_STORE_RECORDS, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_COUNT, 0), 3);
	all = span_of(records, (size_t)fd_read_full(answer.fds[0], records, sizeof records));
	wire_message_free(&answer);
	for (count = 0; record_read(&all, &record) == 0; count++) {
		assert_true(record_field_is(&record, "case", number));
	}
	assert_int_equal(count, 3);

	/* Names. */
	assert_int_equal(fd_pipe(&ends[0], &ends[1]), 0);
	wire_begin(&message, WIRE_STORE_NAMES, 0, 0);
	wire_put_fd(&message, ends[1]);
	play_ask(play, &message, WIRE_STORE_COPIED, &answer);
	(void)close(ends[1]);
	length = (size_t)fd_read_full(ends[0], content, sizeof content - 1);
	(void)close(ends[0]);
	content[length] = '\0';
	(void)snprintf(ref, sizeof ref, "%s\tpřiznání.xml\n", number);
	assert_string_equal((char *)content, ref);

	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, 0);
	play_ask(play, &message, WIRE_STORE_NOTE, &answer);
	assert_true(wire_span(&answer, WIRE_F_BYTES).length > 60);
}

/* A pipe that is slow on the way in, one nobody reads on the way out, and others are not kept waiting. */
static void test_pipes(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], ref[4096];
	int in[2], stuck = -1;
	size_t size = 3 * OBJECT_PART_BYTES + 17, length = 0;
	uint8_t *content = bench_content(size, 9), *back = malloc(size + 1);
	uint8_t prev[32];
	uint64_t take = 0, copy = 0;

	play_approved(play, number, prev, "<a/>");
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	wire_begin(&message, WIRE_STORE_TAKE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_string(&message, WIRE_F_OBJECT, "content");
	wire_put_number(&message, WIRE_F_LIMIT, size);
	wire_put_fd(&message, in[0]);
	take = play_send(play, &message);
	(void)close(in[0]);
	assert_int_equal(fd_write_all(in[1], content, 1000), 0);
	play_take(play, number, "attachment", span_of(content, size), ref, NULL); /* meanwhile */
	assert_int_equal(fd_write_all(in[1], content + 1000, size - 1000), 0);
	(void)close(in[1]);
	play_answer(play, take, &answer);
	assert_int_equal(answer.type, WIRE_STORE_OBJECT);
	assert_int_equal(wire_number(&answer, WIRE_F_SIZE, 0), size);

	copy = play_copy_send(play, number, "content", &stuck); /* taken, in no record yet: found all the same */
	assert_int_equal(play_copy(play, number, "original", back, size, &length), 0);
	assert_int_equal(length, 4);
	length = (size_t)fd_read_full(stuck, back, size + 1);
	assert_int_equal(length, size);
	assert_memory_equal(back, content, size);
	(void)close(stuck);
	play_answer(play, copy, &answer);
	assert_int_equal(answer.type, WIRE_STORE_COPIED);

	/* A reader that leaves. */
	copy = play_copy_send(play, number, "content", &stuck);
	(void)close(stuck);
	play_answer(play, copy, &answer);
	assert_int_equal(answer.type, WIRE_ERROR);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_GONE);

	/* Too long. */
	wire_begin(&message, WIRE_STORE_TAKE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_string(&message, WIRE_F_OBJECT, "content");
	wire_put_number(&message, WIRE_F_LIMIT, 10);
	in[0] = fd_memfd_sealed("content", content, 11);
	wire_put_fd(&message, in[0]);
	assert_int_equal(play_refused(play, &message), ERR_LIMIT);
	(void)close(in[0]);
	free(content);
	free(back);
}

static void test_sign(void **state)
{
	struct play *play = *state;
	struct wire_message request, answer;
	char number[16], text[64];
	uint8_t prev[32], zero[32] = { 0 }, content[64];
	uint64_t id = 0;
	size_t length = 0;

	play_approved(play, number, prev, "<a/>");
	play_answer(play, play_sign_send(play, number, prev, "attached-der"), &answer); /* no token */
	assert_int_equal(answer.type, WIRE_ERROR);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_LOCKED);
	play_link_token(play, "pin-needed");
	play_token_status(play, "ready");

	/* The status and the request come over two links: the store has seen the status once the token's own note is answered. */
	wire_begin(&request, WIRE_TOKEN_NOTE, 1, clock_deadline(PLAY_MS));
	wire_put_bytes(&request, WIRE_F_LINES, span_of_string("event: present\nserial-sha256: ab\n"));
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &request, clock_deadline(PLAY_MS)), 0);
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_STORE_APPENDED, &answer);

	play_answer(play, play_sign_send(play, number, zero, "attached-der"), &answer); /* wrong prev */
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_MISMATCH);
	assert_memory_equal(wire_span(&answer, WIRE_F_HASH).data, prev, 32);

	/* The token refuses: abandoned, with the new head. */
	id = play_sign_send(play, number, prev, "attached-der");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_SIGN, &request);
	wire_begin(&answer, WIRE_ERROR, request.id, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_CODE, -ERR_CERT);
	wire_put_string(&answer, WIRE_F_TEXT, "the certificate has expired");
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
	wire_message_free(&request);
	play_answer(play, id, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_CERT);
	assert_true(wire_string(&answer, WIRE_F_TEXT, text, sizeof text));
	assert_string_equal(text, "the certificate has expired");
	assert_string_equal(play->recorded_type, "abandoned");
	memcpy(prev, wire_span(&answer, WIRE_F_HASH).data, 32);
	assert_memory_equal(prev, play->recorded_hash, 32);

	/* The token dies in the middle. */
	id = play_sign_send(play, number, prev, "attached-der");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_SIGN, &request);
	wire_message_free(&request);
	play_link_token(play, "ready");
	play_answer(play, id, &answer);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_GONE);
	memcpy(prev, wire_span(&answer, WIRE_F_HASH).data, 32);

	for (int attached = 0; attached < 2; attached++) {
		char other[16];

		play_approved(play, other, prev, attached ? "<b/>" : "<c/>");
		id = play_sign_send(play, other, prev, attached ? "attached-der" : "detached-der");
		play_signature(play, attached ? "<b/>" : "<c/>", attached);
		play_answer(play, id, &answer);
		assert_int_equal(answer.type, WIRE_STORE_APPENDED);
		assert_string_equal(play->recorded_type, "signed");
		assert_int_equal(play_copy(play, other, "signed", content, sizeof content, &length), 0);
		assert_int_equal(length, 9);
		assert_memory_equal(content, "SIGNATURE", 9);
	}

	/* Killed between intent and signature: abandoned at the start. */
	{
		char last[16];

		play_approved(play, last, prev, "<d/>");
		(void)play_sign_send(play, last, prev, "attached-der");
		play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_SIGN, &request);
		wire_message_free(&request);
		play_kill(play);
		play_start(play);
		wire_begin(&request, WIRE_STORE_CASE, 0, 0);
		wire_put_string(&request, WIRE_F_CASE, last);
		play_ask(play, &request, WIRE_STORE_RECORDS, &answer);
		assert_int_equal(wire_number(&answer, WIRE_F_COUNT, 0), 5); /* received recognised approved intent abandoned */
		wire_message_free(&answer);
	}
}

static void test_unwrap(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], expected[64];
	uint8_t prev[32], content[256];
	size_t length = 0;
	int fd = -1;
	uint64_t id = 0;

	play_approved(play, number, prev, "<a/>");
	assert_int_equal(play_stop(play), 0);
	play_start(play);
	assert_int_equal(play_copy(play, number, "original", content, sizeof content, &length), ERR_LOCKED);

	play_link_token(play, "ready");
	play_unwrap(play); /* the names, by themselves */
	id = play_copy_send(play, number, "original", &fd);
	play_unwrap(play);
	length = (size_t)fd_read_full(fd, content, sizeof content);
	(void)close(fd);
	assert_int_equal(length, 4);
	play_answer(play, id, &answer);
	assert_int_equal(answer.type, WIRE_STORE_COPIED);
	/* Once is enough. */
	assert_int_equal(play_copy(play, number, "name", content, sizeof content, &length), 0);

	{
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		wire_begin(&message, WIRE_STORE_NAMES, 0, 0);
		wire_put_fd(&message, ends[1]);
		play_ask(play, &message, WIRE_STORE_COPIED, &answer);
		(void)close(ends[1]);
		length = (size_t)fd_read_full(ends[0], content, sizeof content - 1);
		(void)close(ends[0]);
	}
	content[length] = '\0';
	(void)snprintf(expected, sizeof expected, "%s\tpřiznání.xml\n", number);
	assert_string_equal((char *)content, expected);
}

/* SIGKILL before the name was written: it is made again from its object when a token comes. */
static void test_name_rebuilt(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], expected[64];
	uint8_t prev[32], content[256];
	int ends[2];
	size_t length = 0;

	play_approved(play, number, prev, "<a/>");
	play_kill(play);
	play_start(play);
	play_link_token(play, "ready");
	play_unwrap(play);
	/* The answer of the token is read before this request, or the next one finds it. */
	for (int i = 0; i < 50 && length == 0; i++) {
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		wire_begin(&message, WIRE_STORE_NAMES, 0, 0);
		wire_put_fd(&message, ends[1]);
		play_ask(play, &message, WIRE_STORE_COPIED, &answer);
		(void)close(ends[1]);
		length = (size_t)fd_read_full(ends[0], content, sizeof content - 1);
		(void)close(ends[0]);
		(void)usleep(10000);
	}
	content[length] = '\0';
	(void)snprintf(expected, sizeof expected, "%s\tpřiznání.xml\n", number);
	assert_string_equal((char *)content, expected);
}

static int link_session(struct play *play, uint64_t session)
{
	struct wire_message message, answer;
	int link = -1;

	wire_begin(&message, WIRE_STORE_LINK, 0, 0);
	wire_put_number(&message, WIRE_F_SESSION, session);
	play_ask(play, &message, WIRE_STORE_LINKED, &answer);
	link = wire_take_fd(&answer, 0);
	wire_message_free(&answer);
	return link;
}

static void send_offer(int link, const char *number, uint64_t session, const char *report)
{
	struct wire_message message;
	int reply = fd_memfd_sealed("reply", "<Potvrzeni/>", 12), peer = fd_memfd_sealed("peer", "PEM", 3);

	wire_begin(&message, WIRE_SESSION_OFFER, 1, clock_deadline(PLAY_MS));
	wire_put_number(&message, WIRE_F_SESSION, session);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(report));
	wire_put_number(&message, WIRE_F_SIZE, 12);
	wire_put_fd(&message, reply);
	wire_put_fd(&message, peer);
	assert_int_equal(wire_send_blocking(link, WIRE_SESSION, WIRE_STORE, &message, clock_deadline(PLAY_MS)), 0);
	(void)close(reply);
	(void)close(peer);
}

static void offer(struct play *play, const char *number, uint64_t session, const char *report, int *link)
{
	*link = link_session(play, session);
	send_offer(*link, number, session, report);
}

static uint64_t durable(struct play *play, int link)
{
	struct wire_message answer;

	play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_SESSION_DURABLE, &answer);
	(void)close(link);
	return wire_number(&answer, WIRE_F_INDEX, 0);
}

static void test_session(void **state)
{
	static const char report[] = "body-sent: 100\nfar: reply-done\nhttp-status: 200\npeer-sha256: 00\ntls: TLSv1.3\n";
	struct play *play = *state;
	struct lines body = { 0 };
	char number[16], ref[4096];
	uint8_t prev[32], content[64];
	uint64_t id = 0, request = 0, sending = 0, index = 0;
	size_t length = 0;
	struct wire_message message, answer;
	int link = -1;

	play_link_token(play, "ready");
	play_approved(play, number, prev, "<a/>");
	id = play_sign_send(play, number, prev, "detached-der");
	play_signature(play, "<a/>", false);
	play_answer(play, id, &answer);
	assert_int_equal(answer.type, WIRE_STORE_APPENDED);
	memcpy(prev, wire_span(&answer, WIRE_F_HASH).data, 32);

	play_take(play, number, "request", span_of_string("REQUEST"), ref, NULL);
	lines_set(&body, "object-request", ref);
	lines_set(&body, "purpose", "file");
	lines_set(&body, "url", "https://localhost/podani");
	lines_set(&body, "env", "test");
	lines_set(&body, "attempt", "1");
	request = play_append(play, number, prev, "request", &body);
	assert_true(request > 0);
	lines_set(&body, "object-request", ref);
	lines_set(&body, "url", "https://localhost/podani");
	lines_set(&body, "env", "test");
	lines_set(&body, "attempt", "1");
	sending = play_append(play, number, prev, "sending", &body);

	offer(play, number, sending, report, &link);
	index = durable(play, link);
	assert_int_equal(index, sending + 1);
	/* Offered again, by a session that did not hear the answer: the same record. Also after a restart. */
	offer(play, number, sending, report, &link);
	assert_int_equal(durable(play, link), index);
	assert_int_equal(play_copy(play, number, "reply", content, sizeof content, &length), 0);
	assert_memory_equal(content, "<Potvrzeni/>", 12);
	play_kill(play);
	play_start(play);
	offer(play, number, sending, report, &link);
	assert_int_equal(durable(play, link), index);

	/* A session answers for its own record only. */
	offer(play, number, request - 1, report, &link);
	play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_ERROR, &answer);
	(void)close(link);
	/* Nothing was sent: no objects. */
	offer(play, number, request, "error: connection refused\nfar: none\n", &link);
	(void)durable(play, link);
	/* The hub dies after the session has its link: the reply becomes durable all the same. */
	play_take(play, number, "request", span_of_string("POLL"), ref, NULL);
	memcpy(prev, play->recorded_hash, 32);
	lines_set(&body, "object-request", ref);
	lines_set(&body, "purpose", "poll");
	lines_set(&body, "url", "https://localhost/stav");
	lines_set(&body, "env", "test");
	lines_set(&body, "attempt", "1");
	request = play_append(play, number, prev, "request", &body);
	link = link_session(play, request);
	(void)close(play->hub);
	play->hub = -1;
	send_offer(link, number, request, report);
	index = durable(play, link);
	assert_int_equal(index, request + 1);
	play_link_hub(play);
	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, 0);
	play_ask(play, &message, WIRE_STORE_NOTE, &answer);
}

static const char *pin_try(struct play *play, const char *fingerprint)
{
	static char advice[32];
	struct wire_message message, answer;
	char text[128];

	(void)snprintf(text, sizeof text, "fingerprint: %s\nserial-sha256: ab\nsource: file\n", fingerprint);
	wire_begin(&message, WIRE_TOKEN_PIN_TRY, 1, clock_deadline(PLAY_MS));
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(text));
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &message, clock_deadline(PLAY_MS)), 0);
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_PIN_GO, &answer);
	assert_true(wire_string(&answer, WIRE_F_STATE, advice, sizeof advice));
	return advice;
}

static void note(struct play *play, const char *event)
{
	struct wire_message message, answer;
	char text[128];

	(void)snprintf(text, sizeof text, "event: %s\nserial-sha256: ab\n", event);
	wire_begin(&message, WIRE_TOKEN_NOTE, 2, clock_deadline(PLAY_MS));
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(text));
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &message, clock_deadline(PLAY_MS)), 0);
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_STORE_APPENDED, &answer);
}

static void test_pin(void **state)
{
	struct play *play = *state;

	play_link_token(play, "pin-needed");
	assert_string_equal(pin_try(play, "aa"), "go");
	note(play, "login");
	assert_string_equal(pin_try(play, "aa"), "go");
	note(play, "pin-refused");
	assert_string_equal(pin_try(play, "aa"), "refused-before");
	assert_string_equal(pin_try(play, "bb"), "go"); /* and then the power goes */
	play_kill(play);
	play_start(play);
	play_link_token(play, "pin-needed");
	assert_string_equal(pin_try(play, "aa"), "refused-before");
	assert_string_equal(pin_try(play, "bb"), "unknown-before");
	play_kill(play);
	play_start(play);
	play_link_token(play, "pin-needed");
	assert_string_equal(pin_try(play, "bb"), "unknown-before");
	play_kill(play);
	play_start(play);
	play_link_token(play, "pin-needed");
	assert_string_equal(pin_try(play, "bb"), "refused-before");
	assert_string_equal(pin_try(play, "cc"), "go");
	note(play, "login");
	assert_string_equal(pin_try(play, "cc"), "go");
}

static uint64_t send_record(struct play *play, const char *number, const uint8_t prev[32], const char *type, const char *rest)
{
	struct wire_message message;
	char text[256];

	(void)snprintf(text, sizeof text, "%s\nby: uid:1000\ncase: %s\n%s", type, number, rest);
	wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(prev, 32));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of_string(text));
	return play_send(play, &message);
}

/* Two writers at once: the later one is refused because of a record that the hub has not heard of yet. The notice of that record comes before the refusal, so
 * that the head which the refusal names is known to the hub (it would start anew otherwise). */
static void test_refusal_follows_the_notice(void **state)
{
	struct play *play = *state;
	struct wire_message answer;
	char number[16];
	uint8_t prev[32];
	uint64_t first = 0, second = 0;

	play_approved(play, number, prev, "<a/>");
	assert_int_equal(kill(play->pid, SIGSTOP), 0); /* both arrive in one round of its loop */
	first = send_record(play, number, prev, "shown", "what: original xml\n");
	second = send_record(play, number, prev, "deleted", "");
	assert_int_equal(kill(play->pid, SIGCONT), 0);
	play_answer(play, first, &answer);
	assert_int_equal(answer.type, WIRE_STORE_APPENDED);
	play_answer(play, second, &answer);
	assert_int_equal(answer.type, WIRE_ERROR);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 0), -ERR_MISMATCH);
	assert_string_equal(play->recorded_type, "shown");
	assert_memory_equal(wire_span(&answer, WIRE_F_HASH).data, play->recorded_hash, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_case, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_pipes, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_sign, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_unwrap, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_session, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_pin, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_name_rebuilt, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_refusal_follows_the_notice, play_set_up, play_tear_down),
	};

	return cmocka_run_group_tests_name("store server", tests, NULL, NULL);
}
