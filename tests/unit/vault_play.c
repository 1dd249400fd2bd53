#include "vault_play.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/wire/child.h"

static void send_to(int fd, enum wire_role self, enum wire_role peer, const struct wire_message *message)
{
	assert_int_equal(wire_send_blocking(fd, self, peer, message, clock_deadline(PLAY_MS)), 0);
}

void play_receive(struct play *play, int fd, enum wire_role self, enum wire_role peer, enum wire_type expected, struct wire_message *ret)
{
	assert_int_equal(wire_receive_blocking(fd, self, peer, play->buffer, ret, clock_deadline(PLAY_MS)), 0);
	if (ret->type != expected) {
		fail_msg("got %s instead of %s: %.*s", wire_type_name(ret->type), wire_type_name(expected), (int)wire_span(ret, WIRE_F_TEXT).length,
		         (const char *)wire_span(ret, WIRE_F_TEXT).data);
	}
}

static void send_setup(struct play *play)
{
	struct lines body = { 0 };
	struct wire_message message;
	char text[1024], *pem = bench_pem(play->bench.rsa_cert);
	int fd = fd_memfd_sealed("certificate", pem, strlen(pem)), length = 0;

	lines_set(&body, "data-dir", play->data);
	lines_set(&body, "mark-file", play->mark);
	lines_set(&body, "key.qualified.token", "0");
	lines_set(&body, "key.archive.token", "0");
	lines_set(&body, "key.seal.token", "0");
	lines_set(&body, "key.login.token", "0");
	lines_set(&body, "journal-key.0", "seal");
	lines_set(&body, "notes-dir", play->notes[0] == '\0' ? NULL : play->notes);
	lines_set(&body, "quiet-ms", play->quiet[0] == '\0' ? NULL : play->quiet);
	lines_set(&body, "vault-key.0", "archive");
	lines_set(&body, "vault-certs", "1");
	length = lines_finish(&body, text, sizeof text);
	assert_true(length > 0);
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_fd(&message, fd);
	send_to(play->parent, WIRE_PARENT, WIRE_STORE, &message);
	lines_free(&body);
	(void)close(fd);
	free(pem);
}

static void send_peer(struct play *play, enum wire_role role, const char *name, int *ret_fd)
{
	struct wire_message message;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_string(&message, WIRE_F_NAME, name);
	wire_put_fd(&message, ends[1]);
	send_to(play->parent, WIRE_PARENT, WIRE_STORE, &message);
	(void)close(ends[1]);
	if (*ret_fd >= 0) {
		(void)close(*ret_fd);
	}
	*ret_fd = ends[0];
}

static void note_hello(struct play *play, const struct wire_message *message)
{
	assert_true(lines_find_string(wire_span(message, WIRE_F_LINES), "state", play->state, sizeof play->state));
	assert_true(span_copy_string(wire_span(message, WIRE_F_LINES), play->hello, sizeof play->hello));
}

void play_link_hub(struct play *play)
{
	struct wire_message message;

	send_peer(play, WIRE_HUB, "", &play->hub);
	play->recorded = 0;
	play->next_id = 1;
	play_receive(play, play->hub, WIRE_HUB, WIRE_STORE, WIRE_STORE_HELLO, &message);
	note_hello(play, &message);
}

void play_token_status(struct play *play, const char *state)
{
	struct wire_message message;

	wire_begin(&message, WIRE_TOKEN_STATUS, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_STATE, state);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(play->token_lines == NULL ? "label: test\n" : play->token_lines));
	send_to(play->token, WIRE_TOKEN, WIRE_STORE, &message);
}

void play_sync_token(struct play *play)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_TOKEN_NOTE, 1, clock_deadline(PLAY_MS));
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string("event: present\nserial-sha256: ab\n"));
	send_to(play->token, WIRE_TOKEN, WIRE_STORE, &message);
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_STORE_APPENDED, &answer);
}

void play_link_token(struct play *play, const char *state)
{
	send_peer(play, WIRE_TOKEN, "office", &play->token);
	play_token_status(play, state);
}

void play_start(struct play *play)
{
	struct wire_message message;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	play->pid = fork();
	assert_true(play->pid >= 0);
	if (play->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ends[1] != CHILD_PARENT_FD) {
			(void)dup2(ends[1], CHILD_PARENT_FD);
		}
		(void)close_range(CHILD_PARENT_FD + 1, ~0U, 0);
		(void)execl(STORE_PROGRAM, STORE_PROGRAM, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	play->parent = ends[0];
	send_setup(play);
	play_receive(play, play->parent, WIRE_PARENT, WIRE_STORE, WIRE_READY, &message);
	play_link_hub(play);
}

static void close_links(struct play *play)
{
	int *fds[] = { &play->parent, &play->hub, &play->token };

	for (size_t i = 0; i < 3; i++) {
		if (*fds[i] >= 0) {
			(void)close(*fds[i]);
			*fds[i] = -1;
		}
	}
}

void play_kill(struct play *play)
{
	int status = 0;

	assert_int_equal(kill(play->pid, SIGKILL), 0);
	assert_int_equal(waitpid(play->pid, &status, 0), play->pid);
	play->pid = -1;
	close_links(play);
}

int play_stop(struct play *play)
{
	struct wire_message message;
	int status = 0;

	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	send_to(play->parent, WIRE_PARENT, WIRE_STORE, &message);
	assert_int_equal(waitpid(play->pid, &status, 0), play->pid);
	play->pid = -1;
	close_links(play);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void play_open(struct play *play)
{
	memset(play, 0, sizeof *play);
	bench_open(&play->bench);
	play->parent = play->hub = play->token = play->pid = -1;
	(void)snprintf(play->data, sizeof play->data, "%s/data", play->bench.path);
	(void)snprintf(play->mark, sizeof play->mark, "%s/mark/mark", play->bench.path);
	play_start(play);
}

void play_close(struct play *play)
{
	if (play->pid > 0) {
		assert_int_equal(play_stop(play), 0);
	}
	bench_close(&play->bench);
}

/* --- the hub --- */

uint64_t play_send(struct play *play, struct wire_message *message)
{
	message->id = play->next_id++;
	message->deadline_ms = clock_deadline(PLAY_MS);
	send_to(play->hub, WIRE_HUB, WIRE_STORE, message);
	return message->id;
}

static void note_record(struct play *play, const struct wire_message *message)
{
	struct record record;

	assert_int_equal(record_read_leaf(wire_span(message, WIRE_F_LEAF), &record), 0);
	if (play->recorded > 0) {
		assert_int_equal(record.index, play->recorded_index + 1);
	}
	play->recorded++;
	play->recorded_index = record.index;
	memcpy(play->recorded_type, record.type, sizeof play->recorded_type);
	memcpy(play->recorded_hash, wire_span(message, WIRE_F_HASH).data, sizeof play->recorded_hash);
}

void play_answer(struct play *play, uint64_t id, struct wire_message *ret)
{
	for (;;) {
		int err = wire_receive_blocking(play->hub, WIRE_HUB, WIRE_STORE, play->buffer, ret, clock_deadline(PLAY_MS));

		if (err != 0) {
			int status = 0;
			pid_t ended = waitpid(play->pid, &status, WNOHANG);

			play->pid = ended == play->pid ? -1 : play->pid;
			fail_msg("no answer: %s; the store %s, status %x", err_name(err), ended > 0 ? "ended" : "lives", (unsigned)status);
		}
		if (ret->type == WIRE_STORE_RECORDED) {
			note_record(play, ret);
		} else if (ret->type == WIRE_STORE_HELLO) {
			note_hello(play, ret);
		} else if (ret->type != WIRE_PROGRESS) {
			assert_int_equal(ret->id, id);
			return;
		}
	}
}

void play_ask(struct play *play, struct wire_message *message, enum wire_type expected, struct wire_message *ret)
{
	play_answer(play, play_send(play, message), ret);
	if (ret->type != expected) {
		fail_msg("%s: got %s (%llu %.*s) instead of %s", wire_type_name(message->type), wire_type_name(ret->type),
		         (unsigned long long)wire_number(ret, WIRE_F_CODE, 0), (int)wire_span(ret, WIRE_F_TEXT).length,
		         (const char *)wire_span(ret, WIRE_F_TEXT).data, wire_type_name(expected));
	}
}

int play_refused(struct play *play, struct wire_message *message)
{
	struct wire_message answer;

	play_ask(play, message, WIRE_ERROR, &answer);
	return -(int)wire_number(&answer, WIRE_F_CODE, 0);
}

void play_case_new(struct play *play, char ret[16])
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_CASE_NEW, 0, 0);
	wire_put_string(&message, WIRE_F_KIND, "filing");
	play_ask(play, &message, WIRE_STORE_CASE_NUMBER, &answer);
	assert_true(wire_string(&answer, WIRE_F_CASE, ret, 16));
}

void play_take(struct play *play, const char *case_number, const char *role, struct span content, char ret_ref[4096], char earlier[16])
{
	struct wire_message message, answer;
	int fd = fd_memfd_sealed("content", content.data, content.length);

	wire_begin(&message, WIRE_STORE_TAKE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, case_number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_LIMIT, 20 * 1024 * 1024);
	wire_put_fd(&message, fd);
	play_ask(play, &message, WIRE_STORE_OBJECT, &answer);
	(void)close(fd);
	assert_true(wire_string(&answer, WIRE_F_REF, ret_ref, 4096));
	assert_int_equal(wire_number(&answer, WIRE_F_SIZE, 0), content.length);
	if (earlier != NULL) {
		assert_true(wire_string(&answer, WIRE_F_CASE, earlier, 16));
	}
}

uint64_t play_append(struct play *play, const char *case_number, uint8_t prev[32], const char *type, struct lines *body)
{
	static char text[70000];
	struct wire_message message, answer;
	int length = 0, head = snprintf(text, sizeof text, "%s\n", type);

	lines_set(body, "case", case_number);
	length = lines_finish(body, text + head, sizeof text - (size_t)head);
	assert_true(length > 0);
	wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, case_number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(prev, 32));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)(head + length)));
	play_ask(play, &message, WIRE_STORE_APPENDED, &answer);
	memcpy(prev, wire_span(&answer, WIRE_F_HASH).data, 32);
	/* Every durable record is told before the answer. */
	assert_int_equal(wire_number(&answer, WIRE_F_INDEX, 0), play->recorded_index);
	assert_memory_equal(prev, play->recorded_hash, 32);
	lines_free(body);
	return play->recorded_index;
}

void play_approved(struct play *play, char case_number[16], uint8_t prev[32], const char *content)
{
	struct lines body = { 0 };
	char ref[4096];

	memset(prev, 0, 32);
	play_case_new(play, case_number);
	play_take(play, case_number, "original", span_of_string(content), ref, NULL);
	lines_set(&body, "object-original", ref);
	play_take(play, case_number, "name", span_of_string("file: přiznání.xml\nfolder: \nowner: uid:1000\n"), ref, NULL);
	lines_set(&body, "object-name", ref);
	lines_set(&body, "kind", "filing");
	lines_set(&body, "by", "uid:1000");
	(void)play_append(play, case_number, prev, "received", &body);
	lines_set(&body, "partner", "epo");
	lines_set(&body, "form", "DPHDP3");
	lines_set(&body, "label-id", "dphdp3");
	(void)play_append(play, case_number, prev, "recognised", &body);
	lines_set(&body, "by", "box");
	(void)play_append(play, case_number, prev, "approved", &body);
}

uint64_t play_copy_send(struct play *play, const char *case_number, const char *role, int *ret_read_end)
{
	struct wire_message message;
	int write_end = -1;
	uint64_t id = 0;

	assert_int_equal(fd_pipe(ret_read_end, &write_end), 0);
	wire_begin(&message, WIRE_STORE_COPY, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, case_number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, write_end);
	id = play_send(play, &message);
	(void)close(write_end);
	return id;
}

int play_copy(struct play *play, const char *case_number, const char *role, uint8_t *ret, size_t size, size_t *ret_length)
{
	struct wire_message answer;
	int fd = -1;
	uint64_t id = play_copy_send(play, case_number, role, &fd);
	ssize_t length = fd_read_full(fd, ret, size);

	assert_true(length >= 0);
	(void)close(fd);
	play_answer(play, id, &answer);
	if (answer.type == WIRE_ERROR) {
		return -(int)wire_number(&answer, WIRE_F_CODE, 0);
	}
	assert_int_equal(answer.type, WIRE_STORE_COPIED);
	assert_int_equal(wire_number(&answer, WIRE_F_SIZE, 0), length);
	*ret_length = (size_t)length;
	return 0;
}

uint64_t play_sign_send(struct play *play, const char *case_number, const uint8_t prev[32], const char *form)
{
	struct wire_message message;
	char text[256];
	int length = snprintf(text, sizeof text, "attempt: 1\nby: uid:1000\ndigest: sha256\nform: %s\nwant: epo\n", form);

	wire_begin(&message, WIRE_STORE_SIGN, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, case_number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(prev, 32));
	wire_put_string(&message, WIRE_F_KEY, "qualified");
	wire_put_string(&message, WIRE_F_PURPOSE, "filing");
	wire_put_string(&message, WIRE_F_OBJECT, "original");
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	return play_send(play, &message);
}

void play_signature(struct play *play, const char *expected, bool attached)
{
	struct wire_message request, answer;
	struct record intent;
	uint8_t content[256];
	static const char report[] = "algorithm: rsa-sha256\nserial: 1f\nsigner: 00ff\n";
	ssize_t length = 0;
	int fds[3];

	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_SIGN, &request);
	assert_int_equal(record_read_leaf(wire_span(&request, WIRE_F_LEAF), &intent), 0);
	assert_string_equal(intent.type, "intent");
	assert_int_equal(intent.index, wire_number(&request, WIRE_F_INDEX, 0));
	assert_true(record_field_is(&intent, "key", "qualified"));
	assert_int_equal(wire_number(&request, WIRE_F_SIZE, 0), strlen(expected));
	for (size_t i = 0; i < 3; i++) {
		fds[i] = wire_take_fd(&request, i);
	}
	for (size_t i = 0; i < 2; i++) {
		length = fd_read_full(fds[i], content, sizeof content);
		assert_int_equal(length, i == 0 || attached ? strlen(expected) : 0);
		assert_memory_equal(content, expected, (size_t)length);
		(void)close(fds[i]);
	}
	assert_int_equal(fd_write_all(fds[2], "SIGNATURE", 9), 0);
	(void)close(fds[2]);
	wire_begin(&answer, WIRE_TOKEN_SIGNED, request.id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_LINES, span_of_string(report));
	wire_put_number(&answer, WIRE_F_SIZE, 9);
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
}

void play_unwrap(struct play *play)
{
	struct wire_message message, answer;
	char text[2048];
	size_t length = 0;

	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_UNWRAP, &message);
	length = bench_unwrap(play->bench.rsa, play->bench.rsa_cert, wire_span(&message, WIRE_F_BYTES), text, sizeof text);
	wire_begin(&answer, WIRE_TOKEN_UNWRAPPED, message.id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of(text, length));
	send_to(play->token, WIRE_TOKEN, WIRE_STORE, &answer);
}

int play_set_up(void **state)
{
	struct play *play = malloc(sizeof *play);

	assert_non_null(play);
	play_open(play);
	*state = play;
	return 0;
}

int play_tear_down(void **state)
{
	play_close(*state);
	free(*state);
	return 0;
}
