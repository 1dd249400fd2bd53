/* podatelna-store as a process: whoever waits at the same time waits for one flush of the disk. */
#include "vault_play.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "store/server.h"

#define REQUESTS 150 /* more than a link is read in one round of the loop */
#define RECORD "config\nsha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

static void stop_for_now(const struct play *play)
{
	int status = 0;

	assert_int_equal(kill(play->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(play->pid, &status, WUNTRACED), play->pid);
	assert_true(WIFSTOPPED(status));
}

/* All of them lie in the socket when the store comes to look. */
static void one_batch(void **state)
{
	struct play *play = *state;
	struct wire_message message;
	struct record record;
	uint64_t batch = 0;
	size_t told = 0, answered = 0;

	stop_for_now(play);
	for (size_t i = 0; i < REQUESTS; i++) {
		static const uint8_t none[32];

		wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
		wire_put_string(&message, WIRE_F_CASE, "");
		wire_put_bytes(&message, WIRE_F_PREV, span_of(none, sizeof none));
		wire_put_bytes(&message, WIRE_F_RECORD, span_of_string(RECORD));
		(void)play_send(play, &message);
	}
	assert_int_equal(kill(play->pid, SIGCONT), 0);
	while (answered < REQUESTS) {
		assert_int_equal(wire_receive_blocking(play->hub, WIRE_HUB, WIRE_STORE, play->buffer, &message, clock_deadline(PLAY_MS)), 0);
		if (message.type == WIRE_STORE_RECORDED) {
			assert_int_equal(record_read_leaf(wire_span(&message, WIRE_F_LEAF), &record), 0);
			if (strcmp(record.type, "config") == 0) {
				batch = told++ == 0 ? record.index : batch;
				assert_int_equal(record.batch, batch);
			}
		} else if (message.type == WIRE_STORE_APPENDED) {
			assert_int_equal(told, REQUESTS); /* one commit: everybody is told of all before anybody is answered */
			answered++;
		} else {
			assert_int_equal(message.type, WIRE_STORE_HELLO);
		}
	}
}

/* One writer never waits, nor does anybody where a flush is as quick as the wait. */
static void waits(void **state)
{
	const struct {
		struct server_batch batch;
		uint64_t ms;
	} cases[] = {
		{ { .waiters = 1, .before = 0, .took_ms = 50 }, 0 },  { { .waiters = 1, .before = 1, .took_ms = 50 }, 0 },
		{ { .waiters = 1, .before = 3, .took_ms = 50 }, 0 },  { { .waiters = 1, .before = 4, .took_ms = 50 }, 1 },
		{ { .waiters = 1, .before = 64, .took_ms = 2 }, 1 },  { { .waiters = 1, .before = 64, .took_ms = 1 }, 0 },
		{ { .waiters = 31, .before = 64, .took_ms = 2 }, 1 }, { { .waiters = 32, .before = 64, .took_ms = 2 }, 0 },
		{ { .waiters = 64, .before = 64, .took_ms = 2 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(server_gather_ms(&cases[i].batch), cases[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_batch, play_set_up, play_tear_down),
		cmocka_unit_test(waits),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
