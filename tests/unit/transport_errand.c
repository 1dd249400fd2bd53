/* Errands, both ends: the hub's errand.h, the real network program, and the server without manners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cause.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/hub/errand.h"
#include "transport_bench.h"

#define STEP_MS 50
#define REPLY_SIZE 4096

static struct hub hub;

struct outcome {
	bool done;
	char far[32], error[512], status[16], date[32], tls[96];
	char reply[REPLY_SIZE];
	uint64_t size;
	bool sealed;
};

static int on_nothing(void *context, struct channel *channel, struct wire_message *message)
{
	(void)context;
	(void)channel;
	(void)message;
	return ERR_PROTOCOL;
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)context;
	(void)channel;
	(void)end;
	(void)why;
}

static int open_all(void **state)
{
	(void)bench_open(state);
	hub = (struct hub){ .loop = loop_new() };
	hub.transport = channel_new(hub.loop, dup(bench_hub_link()), WIRE_HUB, WIRE_TRANSPORT, on_nothing, on_end, NULL);
	assert_non_null(hub.transport);
	return 0;
}

static int close_all(void **state)
{
	channel_free(hub.transport);
	loop_free(hub.loop);
	return bench_close(state);
}

static void on_done(void *context, const struct errand_result *result)
{
	struct outcome *outcome = context;
	ssize_t length = result->reply < 0 ? 0 : read(result->reply, outcome->reply, sizeof outcome->reply - 1);

	assert_false(outcome->done);
	outcome->done = true;
	outcome->reply[length > 0 ? length : 0] = '\0';
	outcome->size = result->size;
	outcome->sealed = result->reply >= 0 && fd_is_sealed(result->reply);
	(void)lines_find_string(result->lines, "far", outcome->far, sizeof outcome->far);
	(void)lines_find_string(result->lines, "error", outcome->error, sizeof outcome->error);
	(void)lines_find_string(result->lines, "http-status", outcome->status, sizeof outcome->status);
	(void)lines_find_string(result->lines, "date-off-ms", outcome->date, sizeof outcome->date);
	(void)lines_find_string(result->lines, "tls", outcome->tls, sizeof outcome->tls);
}

static void wait_for(const struct outcome *outcome)
{
	uint64_t until_ms = clock_deadline(BENCH_WAIT_MS);

	while (!outcome->done && !clock_expired(until_ms)) {
		assert_int_equal(loop_step(hub.loop, clock_deadline(STEP_MS)), 0);
	}
	assert_true(outcome->done);
}

static void set_address(struct lines *request, const char *host, const char *port, const char *path)
{
	lines_setf(request, "url", "https://%s:%d/%s", host, bench_port(port), path);
	lines_setf(request, "ca-file", "%s/ca.pem", bench_directory());
	lines_set(request, "deadline-ms", "5000");
}

static void run(const struct lines *request, int body, struct outcome *ret)
{
	*ret = (struct outcome){ 0 };
	assert_int_equal(errand_begin(&hub, request, body, on_done, ret, NULL), 0);
	wait_for(ret);
	assert_int_equal(hub.errands, 0);
}

static void test_post(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome;
	int body = fd_memfd_sealed("body", "12345", 5);

	(void)state;
	set_address(&request, "localhost", "tls", "ok");
	lines_set(&request, "method", "POST");
	lines_set(&request, "header.0", "Content-Type: application/timestamp-query");
	run(&request, body, &outcome);
	assert_string_equal(outcome.far, "reply-done");
	assert_string_equal(outcome.status, "200");
	assert_string_equal(outcome.error, "");
	assert_memory_equal(outcome.reply, "POST 5 5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5\n", 72);
	assert_int_equal(outcome.size, 72);
	assert_true(outcome.sealed);
	assert_memory_equal(outcome.tls, "TLSv1.", 6);
	assert_string_equal(outcome.date, "");
	(void)close(body);
}

/* How far its clock is off: of a server whose certificate is good, and of nobody else. */
static void test_dates(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome;
	long long off = 0;

	(void)state;
	set_address(&request, "localhost", "tls", "date");
	lines_set(&request, "method", "HEAD");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.far, "reply-done");
	assert_int_equal(outcome.size, 0);
	off = strtoll(outcome.date, NULL, 10);
	assert_true(off > 95000 && off < 105000);
	set_address(&request, "localhost", "tls", "no-date");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.status, "200");
	assert_string_equal(outcome.date, "");
	set_address(&request, "localhost", "foreign", "date");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.far, "connected");
	assert_string_equal(outcome.date, "");
	assert_int_equal(cause_find(outcome.error), CAUSE_CERTIFICATE_REPLACED);
}

static void test_login(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome;

	(void)state;
	bench_forget_ledger();
	set_address(&request, "localhost", "tls", "headers");
	lines_set(&request, "login", "tsa");
	run(&request, -1, &outcome);
	assert_non_null(strstr(outcome.reply, "authorization=Basic ZmlybTp0c2EtcGFzc3dvcmQ=\n"));
	set_address(&request, "localhost", "tls", "login");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.status, "401");
	assert_int_equal(bench_count("GET /login"), 1);
	lines_set(&request, "login", NULL);
	set_address(&request, "localhost", "tls", "headers");
	run(&request, -1, &outcome);
	assert_null(strstr(outcome.reply, "authorization"));
}

/* What the hub asks for does not take the password anywhere else. */
static void test_login_elsewhere(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome;

	(void)state;
	bench_forget_ledger();
	lines_set(&request, "login", "tsa");
	set_address(&request, "localhost", "tls", "ok");
	run(&request, -1, &outcome);
	assert_int_equal(cause_find(outcome.error), CAUSE_LOGIN_SETTINGS);
	set_address(&request, "127.0.0.1", "tls", "headers");
	run(&request, -1, &outcome);
	assert_int_equal(cause_find(outcome.error), CAUSE_LOGIN_SETTINGS);
	set_address(&request, "localhost", "tls", "headers");
	lines_setf(&request, "ca-file", "%s/foreign-ca.pem", bench_directory());
	run(&request, -1, &outcome);
	assert_int_equal(cause_find(outcome.error), CAUSE_LOGIN_SETTINGS);
	set_address(&request, "localhost", "tls", "ok");
	lines_set(&request, "login", "broken");
	run(&request, -1, &outcome);
	assert_int_equal(cause_find(outcome.error), CAUSE_LOGIN_SETTINGS);
	assert_string_equal(outcome.far, "none");
	assert_int_equal(bench_count("GET /headers") + bench_count("GET /ok"), 0);
}

static void test_through_proxy(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome;

	(void)state;
	set_address(&request, "localhost", "tls", "headers");
	lines_set(&request, "login", "tsa");
	lines_set(&request, "proxy", "configured");
	run(&request, -1, &outcome);
	assert_non_null(strstr(outcome.reply, "authorization=Basic"));
	assert_null(strstr(outcome.reply, "proxy-authorization"));
}

static void test_limits(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome;

	(void)state;
	set_address(&request, "localhost", "tls", "big");
	lines_set(&request, "reply-limit", "1000");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.error, "reply too long");
	assert_int_equal(outcome.size, 1000);
	set_address(&request, "localhost", "tls", "hang");
	lines_set(&request, "deadline-ms", "500");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.far, "body-done");
	lines_set(&request, "filing", "yes");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.far, "none");
	lines_set(&request, "filing", NULL);
	lines_set(&request, "url", "ftp://localhost/");
	run(&request, -1, &outcome);
	assert_string_equal(outcome.error, "bad request: url");
}

/* Without TLS: only to get something that proves itself; nothing is given away there, and no clock is believed. */
static void test_plain(void **state)
{
	static const char *const bad[][2] = { { "method", "POST" }, { "method", "HEAD" }, { "login", "tsa" } };
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		_cleanup_lines_ struct lines request = { 0 };

		lines_set(&request, "url", "http://localhost:9/x.crl");
		lines_set(&request, "deadline-ms", "5000");
		lines_set(&request, bad[i][0], bad[i][1]);
		run(&request, -1, &outcome);
		assert_string_equal(outcome.error, "bad request: url");
		lines_set(&request, bad[i][0], NULL);
		run(&request, -1, &outcome);
		assert_string_equal(outcome.far, "none");
		assert_null(strstr(outcome.error, "bad request"));
		/* What speaks TLS there gives no reply. */
		lines_setf(&request, "url", "http://localhost:%d/ok", bench_port("tls"));
		run(&request, -1, &outcome);
		assert_string_not_equal(outcome.far, "reply-done");
	}
}

static void test_many_at_once(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	static struct outcome outcomes[ERRANDS_MAX + 1];

	(void)state;
	set_address(&request, "localhost", "tls", "hang");
	lines_set(&request, "deadline-ms", "1500");
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		assert_int_equal(errand_begin(&hub, &request, -1, on_done, &outcomes[i], NULL), 0);
	}
	assert_int_equal(errand_begin(&hub, &request, -1, on_done, &outcomes[ERRANDS_MAX], NULL), ERR_BUSY);
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		wait_for(&outcomes[i]);
		assert_string_equal(outcomes[i].far, "body-done");
	}
	assert_int_equal(hub.errands, 0);
}

static void test_cancelled(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome = { 0 }, other;
	struct errand *errand = NULL;

	(void)state;
	set_address(&request, "localhost", "tls", "ok");
	assert_int_equal(errand_begin(&hub, &request, -1, on_done, &outcome, &errand), 0);
	errand_cancel(errand);
	assert_int_equal(hub.errands, 0);
	run(&request, -1, &other);
	assert_string_equal(other.status, "200");
	assert_false(outcome.done);
}

/* The network program dies: nobody knows how far the errand got. Last, since the link is gone then. */
static void test_program_dies(void **state)
{
	_cleanup_lines_ struct lines request = { 0 };
	struct outcome outcome = { 0 };

	(void)state;
	bench_forget_ledger();
	set_address(&request, "localhost", "tls", "hang");
	assert_int_equal(errand_begin(&hub, &request, -1, on_done, &outcome, NULL), 0);
	while (bench_count("GET /hang") == 0) {
		assert_int_equal(loop_step(hub.loop, clock_deadline(STEP_MS)), 0);
	}
	bench_kill();
	wait_for(&outcome);
	assert_string_equal(outcome.far, "");
	assert_string_not_equal(outcome.error, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post),          cmocka_unit_test(test_dates),        cmocka_unit_test(test_login), cmocka_unit_test(test_login_elsewhere),
		cmocka_unit_test(test_through_proxy), cmocka_unit_test(test_limits),       cmocka_unit_test(test_plain), cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_cancelled),     cmocka_unit_test(test_program_dies),
	};

	return cmocka_run_group_tests_name("transport_errand", tests, open_all, close_all);
}
