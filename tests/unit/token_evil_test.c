/* A module that misbehaves: what leaves the process, what the sandbox refuses, and that the process ends instead of hanging. */
#include "token_bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../token/token.h"

static const struct bench_cert rsa = { BENCH_RSA_SIGN, "digitalSignature", -1, 365, NULL };
static struct bench bench;
static uint64_t within_ms;

/* Settings with the evil module and one more switch. */
static void evil_settings(struct lines *lines, const char *name, const char *value)
{
	assert_int_equal(bench_run("rm -f %s/gone %s/refuse", bench_dir(), bench_dir()), 0); /* of a test that failed */
	bench_settings(lines);
	lines_set(lines, "module", EVIL_MODULE);
	lines_set(lines, "environment.1", "EVIL_REAL=" SOFTHSM_MODULE);
	lines_setf(lines, "environment.2", "%s=%s", name, value);
	bench_setting_key(lines, 0, "qualified", BENCH_RSA_SIGN, "sign", 0);
}

static void evil_ready(const char *name, const char *value)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	evil_settings(&lines, name, value);
	bench_ready(&bench, &lines, &fd, 1);
}

static int sign_once(uint64_t index, size_t *ret_length)
{
	struct bench_sign wanted = { .index = index,
		                     .key = "qualified",
		                     .purpose = "filing",
		                     .form = "detached-der",
		                     .digest = "sha256",
		                     .content = "x",
		                     .length = 1,
		                     .within_ms = within_ms };
	_cleanup_free_ uint8_t *cms = NULL;
	char text[1024] = "";

	return bench_sign(&bench, &wanted, &cms, ret_length, text, sizeof text);
}

static void test_wrong_signature_stays(void **state)
{
	size_t length = 99;

	(void)state;
	evil_ready("EVIL_SIGN", "flip");
	assert_int_equal(sign_once(5, &length), ERR_DAMAGE);
	assert_int_equal(length, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_refused_signature(void **state)
{
	size_t length = 99;

	(void)state;
	evil_ready("EVIL_SIGN", "fail");
	assert_int_equal(sign_once(5, &length), ERR_TOKEN);
	assert_int_equal(length, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_crash(void **state)
{
	size_t length = 99;

	(void)state;
	evil_ready("EVIL_SIGN", "crash");
	assert_int_equal(sign_once(5, &length), ERR_GONE);
	assert_int_not_equal(bench_wait_exit(&bench), 0);
}

/* A module that hangs does not keep the process past the deadline. */
static void test_hang(void **state)
{
	size_t length = 99;

	(void)state;
	evil_ready("EVIL_SIGN", "hang");
	within_ms = 200;
	assert_int_equal(sign_once(5, &length), ERR_GONE);
	within_ms = 0;
	assert_int_equal(bench_wait_exit(&bench), -1 - SIGALRM);
}

/* Signatures by PKCS#1 v1.5 need no raw RSA: what qualified devices refuse is not asked of them. */
static void test_no_raw_rsa(void **state)
{
	size_t length = 0;

	(void)state;
	evil_ready("EVIL_NO_RAW_RSA", "1");
	assert_int_equal(sign_once(5, &length), 0);
	assert_true(length > 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void start_with_flags(const char *flags, const char *answer)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	evil_settings(&lines, "EVIL_FLAGS", flags);
	bench_start(&bench, &lines, &fd, 1);
	bench.answer = answer;
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
}

static void test_last_try(void **state)
{
	(void)state;
	start_with_flags("final-try", "go");
	assert_string_equal(bench.state, "pin-last-try");
	assert_int_equal(bench_login(&bench, BENCH_PIN), ERR_PIN_LAST);
	assert_int_equal(bench.tries, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_blocked(void **state)
{
	(void)state;
	start_with_flags("locked", "go");
	assert_string_equal(bench.state, "pin-blocked");
	assert_int_equal(bench_login(&bench, BENCH_PIN), ERR_PIN_BLOCKED);
	assert_int_equal(bench.tries, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

static void test_unknown_before(void **state)
{
	(void)state;
	start_with_flags("count-low", "unknown-before");
	assert_int_equal(bench_login(&bench, BENCH_PIN), ERR_PIN);
	assert_string_equal(bench.state, "pin-needed");
	bench.answer = "go";
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench_stop(&bench), 0);
	start_with_flags("none", "unknown-before");
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* The token is pulled while it lies idle and put back: status and record, and the same process has it again; the PIN is asked for anew. */
static void test_removal(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	size_t length = 0;

	(void)state;
	evil_settings(&lines, "EVIL_REMOVABLE", "1");
	lines_setf(&lines, "environment.3", "EVIL_GONE=%s/gone", bench_dir());
	bench_ready(&bench, &lines, &fd, 1);
	assert_int_equal(bench_run("touch %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "absent");
	assert_int_equal(bench_run("rm %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "pin-needed");
	assert_true(bench_saw(&bench, "removed"));
	assert_int_equal(bench.tries, 1);
	assert_int_equal(sign_once(5, &length), ERR_LOCKED);
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	assert_int_equal(bench.tries, 2);
	assert_int_equal(sign_once(5, &length), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* The token is pulled while a person's pipe is open: that login ends with an error, nothing was tried. */
static void test_removal_while_waiting(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	struct wire_message message, *answer = NULL;
	int ends[2];

	(void)state;
	evil_settings(&lines, "EVIL_REMOVABLE", "1");
	lines_setf(&lines, "environment.3", "EVIL_GONE=%s/gone", bench_dir());
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_int_equal(pipe(ends), 0);
	wire_begin(&message, WIRE_TOKEN_LOGIN, 7, clock_deadline(20000));
	wire_put_string(&message, WIRE_F_BY, "uid:1000");
	wire_put_fd(&message, ends[0]);
	assert_int_equal(wire_send_blocking(bench.hub, WIRE_HUB, WIRE_TOKEN, &message, clock_deadline(20000)), 0);
	assert_int_equal(write(ends[1], "1234", 4), 4);
	assert_int_equal(bench_run("touch %s/gone", bench_dir()), 0);
	answer = bench_wait(&bench, bench.hub, WIRE_TOKEN_DONE);
	assert_non_null(answer);
	assert_int_equal(answer->type, WIRE_ERROR);
	assert_int_equal(answer->id, 7);
	assert_int_equal(bench.tries, 0);
	bench_wait_state(&bench, bench.store, "absent");
	assert_int_equal(bench_run("rm %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "pin-needed");
	assert_int_equal(bench_login(&bench, BENCH_PIN), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(bench_stop(&bench), 0);
}

/* The same with a PIN that is kept: one more try, on record, and none after it was refused. */
static void test_removal_kept(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	size_t length = 0;

	(void)state;
	evil_settings(&lines, "EVIL_REMOVABLE", "1");
	lines_setf(&lines, "environment.3", "EVIL_GONE=%s/gone", bench_dir());
	lines_setf(&lines, "environment.4", "EVIL_REFUSE=%s/refuse", bench_dir());
	lines_set(&lines, "keep-pin", "yes");
	bench_ready(&bench, &lines, &fd, 1);
	for (unsigned round = 1; round <= 3; round++) {
		assert_int_equal(bench_run("touch %s/gone", bench_dir()), 0);
		bench_wait_state(&bench, bench.store, "absent");
		assert_int_equal(bench_run("rm %s/gone", bench_dir()), 0);
		bench_wait_state(&bench, bench.store, "ready");
		assert_int_equal(bench.tries, 1 + round);
		assert_int_equal(sign_once(4 + round, &length), 0);
	}
	assert_int_equal(bench_run("touch %s/gone %s/refuse", bench_dir(), bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "absent");
	assert_int_equal(bench_run("rm %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "pin-refused");
	assert_int_equal(bench.tries, 5);
	assert_int_equal(bench_run("touch %s/gone && rm %s/refuse", bench_dir(), bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "absent");
	assert_int_equal(bench_run("rm %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "pin-needed");
	assert_int_equal(bench.tries, 5);
	assert_int_equal(bench_stop(&bench), 0);
}

/* A token of another serial makes one record, and is missed when it is taken away. */
static void test_foreign(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	(void)state;
	evil_settings(&lines, "EVIL_REMOVABLE", "1");
	lines_setf(&lines, "environment.3", "EVIL_GONE=%s/gone", bench_dir());
	lines_set(&lines, "expected-serial", "0");
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	assert_string_equal(bench.state, "foreign");
	assert_int_equal(bench_run("touch %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "absent");
	assert_int_equal(bench_run("rm %s/gone", bench_dir()), 0);
	bench_wait_state(&bench, bench.store, "foreign");
	assert_int_equal(bench.event_count, 1);
	assert_true(bench_saw(&bench, "foreign"));
	assert_int_equal(bench_stop(&bench), 0);
}

/* The PIN is entered at the reader: nothing is taken from the pipe. `how` is what the reader does. */
static void start_with_pad(const char *how)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);

	evil_settings(&lines, "EVIL_PINPAD", how);
	lines_set(&lines, "environment.3", "EVIL_PIN=" BENCH_PIN);
	lines_set(&lines, "pin", "pinpad");
	bench_start(&bench, &lines, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_true(bench_status_is(&bench, "pin", "pinpad"));
}

static void test_pad(void **state)
{
	size_t length = 0;

	(void)state;
	start_with_pad("ok");
	assert_int_equal(bench.tries, 0); /* never by itself */
	assert_int_equal(bench_login(&bench, ""), 0);
	assert_int_equal(bench.tries, 1);
	assert_true(bench.at_reader > 0);
	assert_int_equal(sign_once(5, &length), 0);
	assert_int_equal(bench_stop(&bench), 0);
	start_with_pad("cancel");
	assert_int_equal(bench_login(&bench, ""), ERR_DEADLINE);
	bench_wait_state(&bench, bench.hub, "pin-needed");
	assert_false(bench_saw(&bench, "pin-refused"));
	assert_int_equal(bench_stop(&bench), 0);
	start_with_pad("refuse");
	assert_int_equal(bench_login(&bench, ""), ERR_PIN);
	bench_wait_state(&bench, bench.hub, "pin-refused");
	assert_true(bench_saw(&bench, "pin-refused"));
	assert_int_equal(bench.tries, 1);
	assert_int_equal(bench_stop(&bench), 0);
}

/* pin = "pinpad" at a reader without one; and a PIN that comes from here where the reader has a pin pad. */
static void test_pad_and_prompt(void **state)
{
	_cleanup_lines_ struct lines without = { 0 }, with = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	size_t length = 0;

	(void)state;
	evil_settings(&without, "EVIL_FLAGS", "none");
	lines_set(&without, "pin", "pinpad");
	bench_start(&bench, &without, &fd, 1);
	bench_link(&bench, WIRE_STORE);
	bench_link(&bench, WIRE_HUB);
	assert_int_equal(bench_login(&bench, BENCH_PIN), ERR_UNSUPPORTED);
	assert_int_equal(bench.tries, 0);
	assert_int_equal(bench_stop(&bench), 0);
	evil_settings(&with, "EVIL_PINPAD", "refuse");
	bench_ready(&bench, &with, &fd, 1);
	assert_int_equal(sign_once(5, &length), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* From inside C_Login and C_SignInit: no network, no files, no processes. */
static void test_probe(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&rsa);
	size_t length = 0;
	int errors = dup(STDERR_FILENO), file = -1;
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/probe", bench_dir());
	evil_settings(&lines, "EVIL_PROBE", "1");
	lines_setf(&lines, "environment.3", "EVIL_WRITE=/var/tmp:/etc:%s:%s/softhsm2.conf:/dev/shm", bench_dir(), bench_dir());
	lines_set(&lines, "environment.4", "EVIL_READ=/root/.bashrc:/proc/1/environ:/proc/self/environ:/var/lib/dpkg/status");
	lines_set(&lines, "environment.5", "EVIL_CONNECT=/run/pcscd/pcscd.comm");
	file = creat(path, 0600);
	assert_true(file >= 0 && dup2(file, STDERR_FILENO) >= 0);
	bench_ready(&bench, &lines, &fd, 1);
	assert_int_equal(sign_once(5, &length), 0);
	assert_int_equal(bench_stop(&bench), 0);
	assert_true(dup2(errors, STDERR_FILENO) >= 0);
	(void)close(errors);
	(void)close(file);
	assert_int_equal(bench_run("[ $(grep -c '^evil: C_Login' %s) = 1 ] && [ $(grep -c '^evil: probe done' %s) = 2 ]", path, path), 0);
	assert_int_equal(bench_run("if grep ALLOWED %s; then exit 1; fi", path), 0);
	assert_int_equal(bench_run("[ $(grep -c ': refused' %s) -ge 36 ] || { cat %s; exit 1; }", path, path), 0);
	assert_int_equal(bench.protection & (PROTECT_SECCOMP | PROTECT_NO_NEW_PRIVS), PROTECT_SECCOMP | PROTECT_NO_NEW_PRIVS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_signature_stays),
		cmocka_unit_test(test_refused_signature),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_no_raw_rsa),
		cmocka_unit_test(test_last_try),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_unknown_before),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_removal_while_waiting),
		cmocka_unit_test(test_removal_kept),
		cmocka_unit_test(test_pad),
		cmocka_unit_test(test_pad_and_prompt),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, bench_group_setup, bench_group_teardown);
}
