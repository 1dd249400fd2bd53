/* The store between a TLS handshake and a token: whose key, what is recorded first, and what a link may not do. The session and the token are played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vault_play.h"

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "store/server.h"

#define PEER "1111111111111111111111111111111111111111111111111111111111111111"

#define HANDSHAKE "dfff30d188055f20aaa1610f29102805528465bbad91709ded764e8899f5ad2b" /* its SHA-256 */

static int open_link(struct play *play, uint64_t session, const char *key)
{
	struct wire_message message, answer;
	int link = -1;

	wire_begin(&message, WIRE_STORE_LINK, 0, 0);
	wire_put_number(&message, WIRE_F_SESSION, session);
	if (key != NULL) {
		wire_put_string(&message, WIRE_F_KEY, key);
	}
	play_ask(play, &message, WIRE_STORE_LINKED, &answer);
	link = wire_take_fd(&answer, 0);
	wire_message_free(&answer);
	return link;
}

static void ask_client(int link, uint64_t id, const char *key)
{
	struct wire_message message;

	wire_begin(&message, WIRE_SESSION_CLIENT, id, clock_deadline(PLAY_MS));
	wire_put_string(&message, WIRE_F_KEY, key);
	assert_int_equal(wire_send_blocking(link, WIRE_SESSION, WIRE_STORE, &message, clock_deadline(PLAY_MS)), 0);
}

static void ask_signature(int link, uint64_t id, const char *lines)
{
	struct wire_message message;

	wire_begin(&message, WIRE_SESSION_TLS, id, clock_deadline(PLAY_MS));
	wire_put_string(&message, WIRE_F_KEY, "login");
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	wire_put_bytes(&message, WIRE_F_BYTES, span_of_string("handshake"));
	assert_int_equal(wire_send_blocking(link, WIRE_SESSION, WIRE_STORE, &message, clock_deadline(PLAY_MS)), 0);
}

static int refusal(struct play *play, int link)
{
	struct wire_message answer;

	play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_ERROR, &answer);
	return -(int)wire_number(&answer, WIRE_F_CODE, 0);
}

/* Nothing came to the token so far: what it is asked next is `type`, after a note of its own. */
static void expect_nothing_asked(struct play *play)
{
	play_sync_token(play); /* asserts that the next message is the answer to its note */
}

static void answer_signature(struct play *play, struct wire_message *request)
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_TOKEN_TLS_SIGNED, request->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of_string("signature"));
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
}

static void read_records(struct play *play, uint64_t index, char *ret, size_t size)
{
	struct wire_message message, answer;
	int fd = -1;
	ssize_t length = 0;

	wire_begin(&message, WIRE_STORE_READ, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, index);
	play_ask(play, &message, WIRE_STORE_RECORDS, &answer);
	fd = wire_take_fd(&answer, 0);
	wire_message_free(&answer);
	length = fd_read_full(fd, ret, size - 1);
	assert_true(length > 0);
	ret[length] = '\0';
	(void)close(fd);
}

static void test_who_we_are(void **state)
{
	struct play *play = *state;
	struct wire_message request, answer;
	int link = open_link(play, 7, "login");

	ask_client(link, 1, "login");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_CLIENT, &request);
	assert_true(span_equals_string(wire_span(&request, WIRE_F_KEY), "login"));
	wire_begin(&answer, WIRE_TOKEN_CLIENT_IS, request.id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of_string("PEM"));
	wire_put_bytes(&answer, WIRE_F_LINES, span_of_string("algorithms: ECDSA+SHA256\n"));
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
	play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_SESSION_CLIENT_IS, &answer);
	assert_int_equal(answer.id, 1);
	assert_true(span_equals_string(wire_span(&answer, WIRE_F_BYTES), "PEM"));
	(void)close(link);
}

/* P2: the token is asked when the record is durable, and all that is signed goes to it. */
static void test_signature(void **state)
{
	struct play *play = *state;
	struct wire_message request, answer;
	int link = open_link(play, 0, "login");
	char records[65536];
	uint64_t index = 0;

	ask_signature(link, 3, "algorithm: RSA-PSS+SHA256\npeer: " PEER "\n");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_TLS, &request);
	index = wire_number(&request, WIRE_F_INDEX, 0);
	assert_true(span_equals_string(wire_span(&request, WIRE_F_BYTES), "handshake"));
	assert_true(span_equals_string(wire_span(&request, WIRE_F_LINES), "algorithm: RSA-PSS+SHA256\n"));
	read_records(play, index, records, sizeof records); /* before the token answered */
	assert_non_null(strstr(records, "algorithm: RSA-PSS+SHA256\nkey: login\npeer: " PEER "\nsha256: " HANDSHAKE "\ntoken: "));
	answer_signature(play, &request);
	play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_SESSION_TLS_SIGNED, &answer);
	assert_int_equal(answer.id, 3);
	assert_true(span_equals_string(wire_span(&answer, WIRE_F_BYTES), "signature"));
	(void)close(link);
}

static void test_other_keys(void **state)
{
	struct play *play = *state;
	int none = open_link(play, 7, NULL), other = open_link(play, 8, "qualified");

	ask_client(none, 1, "login");
	assert_int_equal(refusal(play, none), ERR_DENIED);
	ask_signature(none, 2, "algorithm: RSA+SHA256\n");
	assert_int_equal(refusal(play, none), ERR_DENIED);
	ask_signature(other, 1, "algorithm: RSA+SHA256\n");
	assert_int_equal(refusal(play, other), ERR_DENIED);
	expect_nothing_asked(play);
	(void)close(none);
	(void)close(other);
}

/* Said at once; nothing is recorded for a signature that cannot be. */
static void test_locked(void **state)
{
	struct play *play = *state;
	int link = open_link(play, 7, "login");
	size_t recorded = 0;

	play_token_status(play, "pin-needed");
	play_sync_token(play);
	(void)close(open_link(play, 9, NULL)); /* reads what was recorded so far */
	recorded = play->recorded;
	ask_client(link, 1, "login");
	assert_int_equal(refusal(play, link), ERR_LOCKED);
	ask_signature(link, 2, "algorithm: RSA+SHA256\n");
	assert_int_equal(refusal(play, link), ERR_LOCKED);
	(void)close(open_link(play, 9, NULL));
	assert_int_equal(play->recorded, recorded);
	(void)close(link);
}

static void test_token_says_no(void **state)
{
	struct play *play = *state;
	struct wire_message request, answer;
	int link = open_link(play, 7, "login");
	char text[64];

	ask_signature(link, 5, "algorithm: RSA+SHA256\n");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_TLS, &request);
	wire_begin(&answer, WIRE_ERROR, request.id, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_CODE, (uint64_t)-ERR_FORMAT);
	wire_put_string(&answer, WIRE_F_TEXT, "not what a TLS client signs");
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
	play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_ERROR, &answer);
	assert_int_equal(-(int)wire_number(&answer, WIRE_F_CODE, 0), ERR_FORMAT);
	assert_true(wire_string(&answer, WIRE_F_TEXT, text, sizeof text));
	assert_string_equal(text, "not what a TLS client signs");
	(void)close(link);
}

/* A session that dies while the token signs harms nobody. */
static void test_link_ends(void **state)
{
	struct play *play = *state;
	struct wire_message request, answer;
	int link = open_link(play, 7, "login"), next = -1;

	ask_signature(link, 1, "algorithm: RSA+SHA256\n");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_TLS, &request);
	(void)close(link);
	next = open_link(play, 8, "login");
	answer_signature(play, &request);
	play_sync_token(play);
	ask_signature(next, 1, "algorithm: RSA+SHA256\n");
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_TLS, &request);
	answer_signature(play, &request);
	play_receive(play, next, WIRE_SESSION, WIRE_STORE, WIRE_SESSION_TLS_SIGNED, &answer);
	(void)close(next);
}

static void test_too_many(void **state)
{
	struct play *play = *state;
	struct wire_message request, answer;
	int link = open_link(play, 7, "login");

	for (uint64_t i = 1; i <= SERVER_TLS_PER_LINK; i++) {
		ask_signature(link, i, "algorithm: RSA+SHA256\n");
		play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_TLS, &request);
		answer_signature(play, &request);
		play_receive(play, link, WIRE_SESSION, WIRE_STORE, WIRE_SESSION_TLS_SIGNED, &answer);
	}
	ask_signature(link, SERVER_TLS_PER_LINK + 1, "algorithm: RSA+SHA256\n");
	assert_int_equal(refusal(play, link), ERR_LIMIT);
	expect_nothing_asked(play);
	(void)close(link);
}

/* Words that are none of the record's end the link. */
static void test_bad_words(void **state)
{
	static const char *const bad[] = {
		("peer: " PEER "\n"),
		"algorithm: rsa sha\n",
		"algorithm: RSA+SHA256\npeer: firma.cz\n",
		"algorithm: RSA+SHA256\nkey: archive\n",
		"algorithm: RSAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+SHA256\n",
	};
	struct play *play = *state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct wire_message answer;
		int link = open_link(play, 7 + i, "login");

		ask_signature(link, 1, bad[i]);
		assert_int_equal(wire_receive_blocking(link, WIRE_SESSION, WIRE_STORE, play->buffer, &answer, clock_deadline(PLAY_MS)), ERR_GONE);
		(void)close(link);
	}
	expect_nothing_asked(play);
}

/* An errand's link offers nothing. */
static void test_no_offers(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	int link = open_link(play, 0, "login"), reply = fd_memfd_sealed("reply", "x", 1), peer = fd_memfd_sealed("peer", "x", 1);

	wire_begin(&message, WIRE_SESSION_OFFER, 1, clock_deadline(PLAY_MS));
	wire_put_number(&message, WIRE_F_SESSION, 0);
	wire_put_string(&message, WIRE_F_CASE, "2026-000001");
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string("far: none\n"));
	wire_put_number(&message, WIRE_F_SIZE, 1);
	wire_put_fd(&message, reply);
	wire_put_fd(&message, peer);
	assert_int_equal(wire_send_blocking(link, WIRE_SESSION, WIRE_STORE, &message, clock_deadline(PLAY_MS)), 0);
	assert_int_equal(wire_receive_blocking(link, WIRE_SESSION, WIRE_STORE, play->buffer, &answer, clock_deadline(PLAY_MS)), ERR_GONE);
	(void)close(reply);
	(void)close(peer);
	(void)close(link);
}

static int set_up(void **state)
{
	struct play *play = NULL;

	(void)play_set_up(state);
	play = *state;
	play_link_token(play, "ready");
	play_sync_token(play);
	return 0;
}

#define PLAYED(test) cmocka_unit_test_setup_teardown(test, set_up, play_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAYED(test_who_we_are), PLAYED(test_signature), PLAYED(test_other_keys), PLAYED(test_locked),    PLAYED(test_token_says_no),
		PLAYED(test_link_ends),  PLAYED(test_too_many),  PLAYED(test_bad_words),  PLAYED(test_no_offers),
	};

	return cmocka_run_group_tests_name("tls_server", tests, NULL, NULL);
}
