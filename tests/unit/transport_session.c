/* The life of a session beside its exchange: offers, restarts of hub and store, refusals, what it may not do. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/wire/channel.h"
#include "transport_bench.h"

#define SMALL 1000
#define LARGE (3u << 20)

static void expect_bad(const char *lines, const char *error)
{
	struct bench_run run;

	bench_start(&run, lines, "abc", 3, 3);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "none");
	assert_string_equal(bench_line(&run, "error"), error);
	assert_int_equal(run.reply_length, 0);
	bench_end(&run);
}

/* Even what cannot begin is offered, so that the store writes down that nothing was sent. */
static void test_bad_requests(void **state)
{
	(void)state;
	expect_bad("method: POST\n", "bad request: method and url are needed");
	expect_bad("method: POST\nurl: http://127.0.0.1/x\n", "bad request: url");
	expect_bad("method: POST\nurl: https://user@127.0.0.1/x\n", "bad request: url");
	expect_bad("header.1: Expect: 100-continue\nmethod: POST\nurl: https://127.0.0.1/x\n", "bad request: header");
	expect_bad("method: GET\nurl: https://127.0.0.1/x\n", "bad request: GET with a body");
	expect_bad("method: POST\nproxy: http://proxy\nurl: https://127.0.0.1/x\n", "bad request: proxy");
}

static void start_short(struct bench_run *run, size_t size, size_t written)
{
	char lines[512];
	uint8_t *body = calloc(1, written + 1);

	assert_non_null(body);
	(void)snprintf(lines, sizeof lines, "ca-file: %s/ca.pem\ndeadline-ms: 4000\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:%d/ok\n",
	               bench_directory(), bench_port("tls"));
	bench_start(run, lines, body, size, written);
	free(body);
}

/* A body of another length than announced: a usual one is noticed before anybody is called, a large one never goes out whole. */
static void test_broken_body(void **state)
{
	struct bench_run run;

	(void)state;
	bench_forget_ledger();
	start_short(&run, SMALL, SMALL - 1);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "none");
	assert_string_equal(bench_line(&run, "error"), "body shorter than announced");
	bench_end(&run);
	start_short(&run, SMALL, SMALL + 1);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "none");
	assert_string_equal(bench_line(&run, "error"), "body longer than announced");
	bench_end(&run);
	start_short(&run, LARGE, LARGE - 5);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "body-started");
	assert_string_equal(bench_line(&run, "error"), "body shorter than announced");
	bench_end(&run);
	start_short(&run, LARGE, LARGE + 1);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "body-started");
	assert_string_equal(bench_line(&run, "error"), "body longer than announced");
	bench_end(&run);
}

static void test_store_restarts(void **state)
{
	struct bench_run run;
	uint8_t *first = NULL;
	size_t length = 0;
	char lines[sizeof run.lines];

	(void)state;
	bench_forget_ledger();
	bench_file(&run, "tls", "big", SMALL);
	assert_true(bench_offer(&run, BENCH_WAIT_MS));
	first = run.reply;
	length = run.reply_length;
	run.reply = NULL;
	memcpy(lines, run.lines, sizeof lines);
	assert_non_null(strstr(bench_list(), "2026-000001"));
	bench_cut_store(&run); /* before it said durable */
	bench_attach(&run);
	bench_take(&run);
	assert_int_equal(run.reply_length, length);
	assert_memory_equal(run.reply, first, length);
	assert_string_equal(run.lines, lines);
	assert_int_equal(bench_count("POST /big"), 1);
	free(first);
	bench_end(&run);
}

static void test_everybody_restarts_meanwhile(void **state)
{
	struct bench_run run;

	(void)state;
	bench_forget_ledger();
	bench_file(&run, "tls", "hang", SMALL);
	assert_true(bench_wait_count("POST /hang"));
	bench_cut_hub(&run);
	bench_cut_store(&run);
	bench_new_hub();
	bench_attach(&run);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "body-done");
	assert_int_equal(bench_count("POST /hang"), 1);
	bench_end(&run);
}

static void test_hub_end_changes_nothing(void **state)
{
	struct bench_run run;

	(void)state;
	bench_forget_ledger();
	bench_file(&run, "tls", "ok", SMALL);
	bench_cut_hub(&run);
	assert_true(bench_offer(&run, BENCH_WAIT_MS));
	assert_string_equal(bench_line(&run, "far"), "reply-done");
	bench_durable(&run);
	bench_end(&run);
}

/* A store that cannot write now is asked again. */
static void test_store_says_no(void **state)
{
	struct bench_run run;
	struct wire_message message;

	(void)state;
	bench_file(&run, "tls", "ok", SMALL);
	assert_true(bench_offer(&run, BENCH_WAIT_MS));
	wire_begin(&message, WIRE_ERROR, run.offer_id, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, 21);
	assert_int_equal(wire_send_blocking(run.store, WIRE_STORE, WIRE_SESSION, &message, clock_deadline(1000)), 0);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "reply-done");
	bench_end(&run);
}

static void test_list_and_limit(void **state)
{
	struct bench_run one, two, three;

	(void)state;
	bench_restart(2);
	bench_file(&one, "tls", "hang", SMALL);
	bench_file(&two, "tls", "hang", SMALL);
	bench_file(&three, "tls", "hang", SMALL);
	assert_true(bench_hub_ends_silently(&three));
	assert_false(bench_offer(&three, 100));
	bench_take(&one);
	bench_take(&two);
	bench_end(&one);
	bench_end(&two);
	bench_end(&three);
	for (int i = 0; i < 100 && bench_list()[0] != 0; i++) {
		(void)usleep(20000);
	}
	assert_string_equal(bench_list(), "");
	bench_restart(0);
}

/* The same authorising record never begins a second exchange. */
static void test_same_id_again(void **state)
{
	struct bench_run first, again;
	char lines[512];

	(void)state;
	bench_forget_ledger();
	bench_file(&first, "tls", "ok", SMALL);
	bench_take(&first);
	bench_end(&first);
	(void)snprintf(lines, sizeof lines, "ca-file: %s/ca.pem\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:%d/ok\n", bench_directory(),
	               bench_port("tls"));
	bench_next_id_is(first.id);
	bench_start(&again, lines, "abc", 3, 3);
	assert_true(bench_hub_ends_silently(&again));
	bench_end(&again);
	assert_int_equal(bench_count("POST /ok"), 1);
}

static pid_t only_session(void)
{
	char path[64];
	int child = 0;
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", bench_program(), bench_program());
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &child), 1);
	(void)fclose(file);
	return child;
}

#define FDS_LOOKED_AT 64

static bool read_fd(pid_t pid, int fd, char *ret, size_t size)
{
	char path[64];
	ssize_t length = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
	length = readlink(path, ret, size - 1);
	ret[length > 0 ? length : 0] = 0;
	return length > 0;
}

/* No socket of the zygote (parent, hub, other sessions) is open in a session. Only root may look. */
static void assert_own_descriptors(pid_t session)
{
	char its[256], zygotes[256];

	for (int fd = 3; fd < FDS_LOOKED_AT; fd++) {
		for (int other = 3; other < FDS_LOOKED_AT; other++) {
			if (read_fd(session, fd, its, sizeof its) && read_fd(bench_program(), other, zygotes, sizeof zygotes) &&
			    strncmp(its, "socket:", 7) == 0) {
				assert_string_not_equal(its, zygotes);
			}
		}
	}
}

/* A session that dies takes nobody with it; its hub and store see the end. */
static void test_killed_session(void **state)
{
	struct bench_run run, next;

	(void)state;
	bench_forget_ledger();
	bench_file(&run, "tls", "hang", SMALL);
	assert_true(bench_wait_count("POST /hang"));
	assert_own_descriptors(only_session());
	assert_int_equal(kill(only_session(), SIGKILL), 0);
	assert_false(bench_offer(&run, BENCH_WAIT_MS));
	bench_end(&run);
	bench_file(&next, "tls", "ok", SMALL);
	bench_take(&next);
	assert_string_equal(bench_line(&next, "far"), "reply-done");
	bench_end(&next);
}

/* With landlock a session opens no file but those named at the start: here anchors that nobody listed. */
static void test_unlisted_file(void **state)
{
	struct bench_run run;
	char lines[512], command[256];

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		skip();
	}
	(void)snprintf(command, sizeof command, "cp %s/ca.pem %s/unlisted.pem", bench_directory(), bench_directory());
	assert_int_equal(system(command), 0);
	(void)snprintf(lines, sizeof lines, "ca-file: %s/unlisted.pem\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:%d/ok\n", bench_directory(),
	               bench_port("tls"));
	bench_start(&run, lines, "abc", 3, 3);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "curl-code"), "77");
	assert_true(strcmp(bench_line(&run, "far"), "none") == 0 || strcmp(bench_line(&run, "far"), "connected") == 0);
	bench_end(&run);
}

/* A body that never comes: nobody was called. */
static void test_body_too_late(void **state)
{
	struct bench_run run;
	char lines[512];
	int keep[2];

	(void)state;
	(void)snprintf(lines, sizeof lines, "ca-file: %s/ca.pem\ndeadline-ms: 500\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:%d/ok\n",
	               bench_directory(), bench_port("tls"));
	assert_int_equal(pipe(keep), 0);
	bench_start_with(&run, lines, 3, keep[0]);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "none");
	assert_string_equal(bench_line(&run, "error"), "the body did not come in time");
	/* The pipe has no reader any more: the store does not wait for ever. */
	(void)close(keep[0]);
	assert_int_equal(write(keep[1], "abc", 3), -1);
	(void)close(keep[1]);
	bench_end(&run);
}

/* A large body that comes in fits: libcurl is paused and goes on. */
static void test_body_in_fits(void **state)
{
	static uint8_t body[LARGE];
	const size_t cuts[] = { 0, 10, (1u << 20) + 5000, (1u << 20) + 200000, LARGE - 1, LARGE };
	struct bench_run run;
	char lines[512];
	int ends[2];

	(void)state;
	(void)snprintf(lines, sizeof lines, "ca-file: %s/ca.pem\ndeadline-ms: 5000\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:%d/ok\n",
	               bench_directory(), bench_port("tls"));
	assert_int_equal(fd_pipe(&ends[0], &ends[1]), 0);
	bench_start_with(&run, lines, LARGE, ends[0]);
	(void)close(ends[0]);
	for (size_t i = 0; i + 1 < sizeof cuts / sizeof *cuts; i++) {
		(void)usleep(100000);
		assert_int_equal(fd_write_all(ends[1], body + cuts[i], cuts[i + 1] - cuts[i]), 0);
	}
	(void)usleep(100000);
	(void)close(ends[1]);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "reply-done");
	assert_string_equal(bench_line(&run, "body-sent"), "3145728");
	bench_end(&run);
}

/* STOP: what runs is brought to its end first. */
static void test_stop(void **state)
{
	struct bench_run run, late;

	(void)state;
	bench_forget_ledger();
	bench_file(&run, "tls", "hang", SMALL);
	assert_true(bench_wait_count("POST /hang"));
	bench_stop();
	bench_file(&late, "tls", "ok", SMALL);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "body-done");
	assert_true(bench_hub_ends_silently(&late));
	bench_await_end();
	bench_end(&run);
	bench_end(&late);
}

static void test_killed_zygote(void **state)
{
	struct bench_run run;

	(void)state;
	bench_forget_ledger();
	bench_file(&run, "tls", "hang", SMALL);
	assert_true(bench_wait_count("POST /hang"));
	bench_kill();
	assert_false(bench_offer(&run, BENCH_WAIT_MS));
	bench_end(&run);
}

static void test_offending_hub(void **state)
{
	struct bench_run run;

	(void)state;
	assert_true(bench_offend());
	bench_new_hub();
	bench_file(&run, "tls", "ok", SMALL);
	bench_take(&run);
	bench_end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_broken_body),
		cmocka_unit_test(test_store_restarts),
		cmocka_unit_test(test_everybody_restarts_meanwhile),
		cmocka_unit_test(test_hub_end_changes_nothing),
		cmocka_unit_test(test_store_says_no),
		cmocka_unit_test(test_list_and_limit),
		cmocka_unit_test(test_same_id_again),
		cmocka_unit_test(test_killed_session),
		cmocka_unit_test(test_unlisted_file),
		cmocka_unit_test(test_body_too_late),
		cmocka_unit_test(test_body_in_fits),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_killed_zygote),
		cmocka_unit_test(test_offending_hub),
	};

	return cmocka_run_group_tests_name("transport_session", tests, bench_open, bench_close);
}
