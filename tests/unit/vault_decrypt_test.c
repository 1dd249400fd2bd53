/* STORE_DECRYPT: the record is durable before the token is asked, and what the token does not vouch for is not kept. */
#include "vault_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

#define MESSAGE "a CMS, or so the store believes"

static uint64_t decrypt_send(struct play *play, const char *number, const char *role, const char *key, uint64_t limit)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_DECRYPT, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_string(&message, WIRE_F_KEY, key);
	wire_put_number(&message, WIRE_F_LIMIT, limit);
	return play_send(play, &message);
}

static int code_of(struct play *play, uint64_t id)
{
	struct wire_message answer;

	play_answer(play, id, &answer);
	return answer.type == WIRE_ERROR ? -(int)wire_number(&answer, WIRE_F_CODE, 0) : 0;
}

/* Plays the token: reads the message, writes this content, and says yes (with `size`) or no. */
static void play_open_message(struct play *play, const char *content, uint64_t size, int err)
{
	struct wire_message request, answer;
	char message[256];
	int in = -1, out = -1;
	ssize_t length = 0;

	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_DECRYPT, &request);
	assert_true(span_equals_string(wire_span(&request, WIRE_F_KEY), "qualified"));
	assert_int_equal(wire_number(&request, WIRE_F_SIZE, 0), strlen(MESSAGE));
	in = wire_take_fd(&request, 0);
	out = wire_take_fd(&request, 1);
	length = fd_read_full(in, message, sizeof message);
	assert_int_equal(length, strlen(MESSAGE));
	assert_memory_equal(message, MESSAGE, (size_t)length);
	assert_int_equal(fd_write_all(out, content, strlen(content)), 0);
	(void)close(in);
	(void)close(out);
	(void)usleep(20000); /* the store sees the end of the content before the answer */
	if (err == 0) {
		wire_begin(&answer, WIRE_TOKEN_DECRYPTED, request.id, CLOCK_NEVER_MS);
		wire_put_bytes(&answer, WIRE_F_LINES, span_of_string("algorithm: rsa-pkcs1\ncipher: aes-256-cbc\nrecipient: 00ff\n"));
		wire_put_number(&answer, WIRE_F_SIZE, size);
	} else {
		wire_begin(&answer, WIRE_ERROR, request.id, CLOCK_NEVER_MS);
		wire_put_number(&answer, WIRE_F_CODE, (uint64_t)-err);
		wire_put_string(&answer, WIRE_F_TEXT, "no");
	}
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
}

static void begin(struct play *play, char number[16])
{
	uint8_t prev[32];
	char ref[4096];

	play_link_token(play, "ready");
	play_approved(play, number, prev, "<a/>");
	play_take(play, number, "reply", span_of_string(MESSAGE), ref, NULL);
}

static void test_kept(void **state)
{
	struct play *play = *state;
	struct wire_message answer;
	char number[16];
	uint8_t content[64];
	size_t length = 0;
	uint64_t id = 0;

	begin(play, number);
	id = decrypt_send(play, number, "reply", "qualified", 1000);
	play_open_message(play, "what it says", 12, 0);
	play_answer(play, id, &answer);
	assert_int_equal(answer.type, WIRE_STORE_OBJECT);
	assert_int_equal(wire_number(&answer, WIRE_F_SIZE, 0), 12);
	assert_string_equal(play->recorded_type, "unwrap"); /* told to the hub before the answer */
	assert_int_equal(play_copy(play, number, "content", content, sizeof content, &length), 0);
	assert_int_equal(length, 12);
	assert_memory_equal(content, "what it says", 12);
	/* Nothing inside is a content too. */
	id = decrypt_send(play, number, "reply", "qualified", 1000);
	play_open_message(play, "", 0, 0);
	assert_int_equal(code_of(play, id), 0);
}

static size_t count_parts(const struct play *play)
{
	char command[256], text[32] = "";
	FILE *pipe = NULL;

	(void)snprintf(command, sizeof command, "find %s/vault -type f | wc -l", play->data);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(text, sizeof text, pipe));
	(void)pclose(pipe);
	return strtoul(text, NULL, 10);
}

static void test_not_kept(void **state)
{
	struct play *play = *state;
	char number[16];
	uint8_t content[64];
	size_t length = 0, before = 0;
	uint64_t id = 0;

	begin(play, number);
	before = count_parts(play);
	/* All of it came, and then the token says no. */
	id = decrypt_send(play, number, "reply", "qualified", 1000);
	play_open_message(play, "garbage", 0, ERR_FORMAT);
	assert_int_equal(code_of(play, id), ERR_FORMAT);
	/* Less came than the token says. */
	id = decrypt_send(play, number, "reply", "qualified", 1000);
	play_open_message(play, "garb", 7, 0);
	assert_int_equal(code_of(play, id), ERR_MISMATCH);
	/* More than is allowed. */
	id = decrypt_send(play, number, "reply", "qualified", 3);
	play_open_message(play, "garbage", 7, 0);
	assert_int_not_equal(code_of(play, id), 0);
	assert_int_equal(play_copy(play, number, "content", content, sizeof content, &length), ERR_NOTFOUND);
	assert_int_equal(count_parts(play), before);
}

static void test_refused(void **state)
{
	struct play *play = *state;
	struct wire_message request;
	char number[16];
	uint64_t id = 0, recorded = 0;

	begin(play, number);
	recorded = play->recorded_index;
	assert_int_equal(code_of(play, decrypt_send(play, number, "receipt", "qualified", 1000)), ERR_NOTFOUND);
	assert_int_equal(code_of(play, decrypt_send(play, number, "reply", "nobody", 1000)), ERR_LOCKED);
	play_token_status(play, "pin-needed");
	(void)usleep(50000);
	assert_int_equal(code_of(play, decrypt_send(play, number, "reply", "qualified", 1000)), ERR_LOCKED);
	assert_int_equal(play->recorded_index, recorded); /* who is not asked has no record */
	/* The token dies with the request in its hands. */
	play_token_status(play, "ready");
	(void)usleep(50000);
	id = decrypt_send(play, number, "reply", "qualified", 1000);
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_DECRYPT, &request);
	wire_message_free(&request);
	(void)close(play->token);
	play->token = -1;
	assert_int_equal(code_of(play, id), ERR_GONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_not_kept, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_refused, play_set_up, play_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
