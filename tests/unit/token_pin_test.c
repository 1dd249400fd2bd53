/* When a PIN is tried and when not; where it comes from. */
#include "token_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/fdio.h"
#include "../../token/token.h"

static const struct bench_cert rsa = { BENCH_RSA_SIGN, "digitalSignature", -1, 365, NULL };
#define OPENSC_MODULE "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

static struct bench bench;
static bool read_only; /* SoftHSM may not write its token directory */

static void settings(struct lines *lines, unsigned cert_fd)
{
	bench_settings(lines);
	if (!read_only) {
		lines_setf(lines, "writable.0", "%s/tokens", bench_dir());
	}
	bench_setting_key(lines, 0, "qualified", BENCH_RSA_SIGN, "sign", (int)cert_fd);
}

static void test_wrong_never_twice(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	(void)state;
	settings(&lines, 0);
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_true(bench_status_is(&bench, "software", "yes"));
	assert_true(bench_status_is(&bench, "label", "bench"));
	assert_int_equal(bench_login(&bench, "654321"), ERR_PIN);
	bench_wait_state(&bench, bench.hub, "pin-refused");
	assert_int_equal(bench.tries, 1);
	assert_true(bench_saw(&bench, "pin-refused"));
	/* The same PIN does not even reach the store. */
	assert_int_equal(bench_login(&bench, "654321\n"), ERR_PIN);
	assert_int_equal(bench.tries, 1);
	assert_int_equal(bench_login(&bench, BENCH_PIN "\n"), 0);
	assert_int_equal(bench.tries, 2);
	bench_wait_state(&bench, bench.hub, "ready");
	assert_true(bench_saw(&bench, "login"));
	assert_true(bench_status_is(&bench, "key.0.state", "ok"));
	assert_int_equal(bench_login(&bench, "whatever"), 0); /* is logged in: nothing is tried */
	assert_int_equal(bench.tries, 2);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_needs_store(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	(void)state;
	settings(&lines, 0);
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_int_equal(bench_login(&bench, BENCH_PIN), ERR_AGAIN);
	bench_link(&bench, WIRE_STORE);
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench_login(&bench, ""), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_empty_and_long(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	char text[400];

	(void)state;
	memset(text, '1', sizeof text);
	text[399] = '\0';
	settings(&lines, 0);
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	assert_int_equal(bench_login(&bench, ""), ERR_FORMAT);
	assert_int_equal(bench_login(&bench, text), ERR_LIMIT);
	assert_int_equal(bench.tries, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* Started with a PIN file that holds `pin`; linked to the store only. */
static void start_with_file(const char *pin, const char *answer)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int fds[2] = { fd_memfd_open("pin"), bench_pem(&rsa) };

	assert_int_equal(write(fds[0], pin, strlen(pin)), (ssize_t)strlen(pin));
	settings(&lines, 1);
	lines_set(&lines, "pin-file", "yes");
	lines_set(&lines, "pin-fingerprint", "12-34-56");
	bench_start(&bench, &lines, fds, 2);
	(void)close(fds[0]);
	(void)close(fds[1]);
	bench.answer = answer;
	bench_link(&bench, WIRE_STORE);
}

static void test_file(void **state)
{
	(void)state;
	start_with_file(BENCH_PIN "\n", "go");
	bench_wait_state(&bench, bench.store, "ready");
	assert_int_equal(bench.tries, 1);
	assert_string_equal(bench.fingerprint, "12-34-56");
	/* A new link learns the state at once. */
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, "ready");
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_file_refused(void **state)
{
	(void)state;
	start_with_file("654321", "go");
	bench_wait_state(&bench, bench.store, "pin-refused");
	assert_int_equal(bench.tries, 1);
	/* The store comes back: the file is not tried again, a person may come. */
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, "pin-refused");
	assert_int_equal(bench.tries, 1);
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_file_refused_before(void **state)
{
	(void)state;
	start_with_file(BENCH_PIN, "refused-before");
	bench_wait_state(&bench, bench.store, "pin-refused");
	assert_int_equal(bench.tries, 1);
	assert_false(bench_saw(&bench, "login"));
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_logout(void **state)
{
	struct bench_sign wanted = {
		.index = 5, .key = "qualified", .purpose = "filing", .form = "detached-der", .digest = "sha256", .content = "x", .length = 1
	};
	_cleanup_free_ uint8_t *cms = NULL;
	struct wire_message message, *answer = NULL;
	size_t length = 0;
	char text[1024];

	(void)state;
	start_with_file(BENCH_PIN, "go");
	bench_wait_state(&bench, bench.store, "ready");
	bench_link(&bench, WIRE_HUB);
	wire_begin(&message, WIRE_TOKEN_LOGOUT, 9, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_BY, "uid:1000");
	assert_int_equal(wire_send_blocking(bench.hub, WIRE_HUB, WIRE_TOKEN, &message, CLOCK_NEVER_MS), 0);
	answer = bench_wait(&bench, bench.hub, WIRE_TOKEN_DONE);
	assert_non_null(answer);
	assert_int_equal(answer->type, WIRE_TOKEN_DONE);
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_int_equal(bench_sign(&bench, &wanted, &cms, &length, text, sizeof text), ERR_LOCKED);
	/* Who logged out does not want the file to log in again. */
	bench_link(&bench, WIRE_STORE);
	assert_int_equal(bench.tries, 1);
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	free(cms);
	cms = NULL;
	wanted.index = 6;
	assert_int_equal(bench_sign(&bench, &wanted, &cms, &length, text, sizeof text), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* Without the right to write SoftHSM gives no more information after a refusal: it is loaded anew, and what was refused is still known. */
static void test_read_only(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	struct wire_message message, *answer = NULL;

	(void)state;
	read_only = true;
	settings(&lines, 0);
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	assert_int_equal(bench_login(&bench, "654321"), ERR_PIN);
	assert_true(bench_saw(&bench, "pin-refused"));
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_int_equal(bench_login(&bench, "654321"), ERR_PIN);
	assert_int_equal(bench.tries, 1);
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench_stop(&bench), 0);
	start_with_file(BENCH_PIN, "go");
	bench_wait_state(&bench, bench.store, "ready");
	bench_link(&bench, WIRE_HUB);
	wire_begin(&message, WIRE_TOKEN_LOGOUT, 9, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_BY, "uid:1000");
	assert_int_equal(wire_send_blocking(bench.hub, WIRE_HUB, WIRE_TOKEN, &message, CLOCK_NEVER_MS), 0);
	answer = bench_wait(&bench, bench.hub, WIRE_TOKEN_DONE);
	assert_non_null(answer);
	assert_int_equal(answer->type, WIRE_TOKEN_DONE);
	/* Who logged out does not want the file to log in again. */
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_int_equal(bench.tries, 1);
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench_stop(&bench), 0);
	read_only = false;
}

static void expect_state(const char *setting, const char *value, const char *expected)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	settings(&lines, 0);
	lines_set(&lines, setting, value);
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, expected);
	assert_int_equal(bench_login(&bench, BENCH_PIN), ERR_TOKEN);
	assert_int_equal(bench.tries, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_absent(void **state)
{
	(void)state;
	expect_state("uri", "pkcs11:token=nobody", "absent");
	expect_state("uri", "pkcs11:token=bench;serial=0", "foreign");
	expect_state("expected-serial", "0", "foreign");
	expect_state("module", "/usr/lib/no-such-module.so", "broken");
	/* No card reader, no pcscd: no token. */
	if (access(OPENSC_MODULE, R_OK) == 0) {
		expect_state("module", OPENSC_MODULE, "absent");
	}
}

static void test_bad_settings(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };

	(void)state;
	bench_settings(&lines);
	lines_set(&lines, "uri", "pkcs11:colour=red");
	bench_start(&bench, &lines, NULL, 0);
	assert_int_equal(bench_wait_exit(&bench), 1);
}

/* Whoever breaks the protocol is named to the parent. */
static void test_offender(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	struct wire_message message;

	(void)state;
	settings(&lines, 0);
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_HUB);
	assert_int_equal(write(bench.hub, "nonsense", 8), 8);
	assert_int_equal(wire_receive_blocking(bench.parent, WIRE_PARENT, WIRE_TOKEN, bench.packet, &message, clock_deadline(10000)), 0);
	assert_int_equal(message.type, WIRE_OFFENDER);
	assert_int_equal(wire_number(&message, WIRE_F_ROLE, 0), WIRE_HUB);
	assert_int_equal(bench_stop(&bench), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_never_twice),
		cmocka_unit_test(test_needs_store),
		cmocka_unit_test(test_empty_and_long),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_file_refused_before),
		cmocka_unit_test(test_logout),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_bad_settings),
		cmocka_unit_test(test_offender),
		cmocka_unit_test(test_read_only),
	};

	return cmocka_run_group_tests(tests, bench_group_setup, bench_group_teardown);
}
