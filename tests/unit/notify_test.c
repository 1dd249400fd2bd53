/* What systemd is told: real datagrams to a socket of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "appliance/parent/notify.h"

static char folder[] = "/tmp/notify-XXXXXX";
static char path[64];

/* A socket that listens at `name`, and the variable that says so. */
static int listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)unlink(name);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@') {
		address.sun_path[0] = '\0';
	}
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[4096];
	ssize_t length = recv(fd, got, sizeof got - 1, 0);

	assert_true(length >= 0);
	got[length] = '\0';
	assert_string_equal(got, text);
}

static void test_both_kinds_of_name(void **state)
{
	char abstract[64];
	const char *names[] = { path, abstract };

	(void)state;
	(void)snprintf(abstract, sizeof abstract, "@podatelna-test-%d", (int)getpid());
	for (size_t i = 0; i < 2; i++) {
		struct notify notify;
		int fd = listen_at(names[i]);

		notify_open(&notify);
		notify_send(&notify, "READY=1", "");
		expect(fd, "READY=1");
		notify_send(&notify, "WATCHDOG=1", "čeká na PIN");
		expect(fd, "WATCHDOG=1\nSTATUS=čeká na PIN");
		notify_send(&notify, "", "pracuje");
		expect(fd, "STATUS=pracuje");
		assert_null(getenv("NOTIFY_SOCKET"));
		(void)close(notify.fd);
		(void)close(fd);
	}
}

/* Words of a less trusted program cannot become lines of their own. */
static void test_one_line(void **state)
{
	struct notify notify;
	int fd = listen_at(path);
	char words[2 * NOTIFY_TEXT_MAX_BYTES], got[4096];
	ssize_t length = 0;

	(void)state;
	notify_open(&notify);
	notify_send(&notify, "", "works\nMAINPID=1\r\tx");
	expect(fd, "STATUS=works MAINPID=1  x");
	memset(words, 'x', sizeof words);
	words[sizeof words - 1] = '\0';
	notify_send(&notify, "READY=1", words);
	length = recv(fd, got, sizeof got, 0);
	assert_int_equal(length, strlen("READY=1\nSTATUS=") + NOTIFY_TEXT_MAX_BYTES - 1);
	(void)close(notify.fd);
	(void)close(fd);
}

static void test_nobody_listens(void **state)
{
	static const char *const bad[] = { "", "relative", "@", "vsock:2:1",
		                           "/a/much/too/long/path/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	struct notify notify;

	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	notify_open(&notify);
	assert_int_equal(notify.fd, -1);
	notify_send(&notify, "READY=1", "words");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", bad[i], 1), 0);
		assert_int_equal(setenv("WATCHDOG_USEC", "1000000", 1), 0);
		notify_open(&notify);
		assert_int_equal(notify.fd, -1);
		assert_true(notify.watchdog_ms == 0);
		notify_send(&notify, "READY=1", "words");
	}
}

static void test_watchdog(void **state)
{
	static const struct {
		const char *usec;
		int pid; /* 0: none given, 1: ours, 2: another */
		uint64_t expected;
	} tries[] = { { "3000000", 0, 3000 }, { "3000000", 1, 3000 }, { "3000000", 2, 0 }, { "", 0, 0 }, { "-5", 0, 0 }, { "1x", 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
		struct notify notify;
		char pid[32];
		int fd = listen_at(path);

		(void)snprintf(pid, sizeof pid, "%d", tries[i].pid == 2 ? 1 : (int)getpid());
		assert_int_equal(tries[i].pid == 0 ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", pid, 1), 0);
		assert_int_equal(setenv("WATCHDOG_USEC", tries[i].usec, 1), 0);
		notify_open(&notify);
		assert_true(notify.watchdog_ms == tries[i].expected);
		assert_null(getenv("WATCHDOG_USEC"));
		(void)close(notify.fd);
		(void)close(fd);
	}
}

static int begin(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	(void)snprintf(path, sizeof path, "%s/notify", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_kinds_of_name),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
