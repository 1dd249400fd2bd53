/* What sandbox_enter takes away, seen from inside: each profile in a process of its own. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/sandbox.h"

static char directory[] = "/tmp/podatelna-sandbox-XXXXXX";

enum attempt { OPEN_INSIDE = 1, WRITE_INSIDE = 2, OPEN_OUTSIDE = 4, WRITE_OUTSIDE = 8, SOCKET_INET = 16, SOCKET_UNIX = 32, FORK = 64, EXEC = 128 };

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0) {
		(void)close(fd);
	}
	return fd >= 0;
}

static int attempts(void)
{
	char inside[128];
	int done = 0, fd = -1;
	pid_t child = -1;

	(void)strcpy(inside, directory);
	(void)strcat(inside, "/file");
	done |= try_open(inside, O_RDONLY) ? OPEN_INSIDE : 0;
	done |= try_open(inside, O_RDWR) ? WRITE_INSIDE : 0;
	done |= try_open("/etc/passwd", O_RDONLY) ? OPEN_OUTSIDE : 0;
	done |= try_open("/tmp/podatelna-sandbox-outside", O_WRONLY | O_CREAT) ? WRITE_OUTSIDE : 0;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	done |= fd >= 0 ? SOCKET_INET : 0;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	done |= fd >= 0 ? SOCKET_UNIX : 0;
	child = fork();
	if (child == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	if (child > 0) {
		int status = 0;

		done |= FORK;
		done |= waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXEC : 0;
	}
	return done;
}

static int run_in(const struct sandbox *sandbox, unsigned *ret_bits)
{
	int ends[2], values[2] = { 0, 0 }, status = 0;
	pid_t child = 0;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		values[0] = sandbox_enter(sandbox);
		values[1] = attempts();
		(void)!write(ends[1], values, sizeof values);
		_exit(0);
	}
	(void)close(ends[1]);
	assert_true(read(ends[0], values, sizeof values) == (ssize_t)sizeof values);
	(void)close(ends[0]);
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(values[0] >= 0);
	*ret_bits = (unsigned)values[0];
	return values[1];
}

static int set_up(void **state)
{
	char inside[128];

	(void)state;
	if (mkdtemp(directory) == NULL) {
		return -1;
	}
	(void)strcpy(inside, directory);
	(void)strcat(inside, "/file");
	return try_open(inside, O_WRONLY | O_CREAT) ? 0 : -1;
}

static int tear_down(void **state)
{
	char inside[128];

	(void)state;
	(void)strcpy(inside, directory);
	(void)strcat(inside, "/file");
	(void)unlink(inside);
	return rmdir(directory);
}

static void test_nothing(void **state)
{
	struct sandbox sandbox = { 0 };
	unsigned bits = 0;

	(void)state;
	assert_int_equal(run_in(&sandbox, &bits), 0);
	assert_true((bits & PROTECT_SECCOMP) != 0 && (bits & PROTECT_NO_NEW_PRIVS) != 0 && (bits & PROTECT_NO_DUMP) != 0);
}

static void test_read_only_path(void **state)
{
	struct sandbox_path path = { directory, false };
	struct sandbox sandbox = { .groups = SANDBOX_OPEN, .paths = &path, .path_count = 1 };
	unsigned bits = 0;
	int done = run_in(&sandbox, &bits);

	(void)state;
	if ((bits & PROTECT_LANDLOCK) == 0) {
		skip(); /* a kernel without landlock: `status` says so */
	}
	assert_int_equal(done, OPEN_INSIDE);
}

static void test_writable_path(void **state)
{
	struct sandbox_path path = { directory, true };
	struct sandbox sandbox = { .groups = SANDBOX_OPEN | SANDBOX_CHANGE, .paths = &path, .path_count = 1 };
	unsigned bits = 0;
	int done = run_in(&sandbox, &bits);

	(void)state;
	if ((bits & PROTECT_LANDLOCK) == 0) {
		skip();
	}
	assert_int_equal(done, OPEN_INSIDE | WRITE_INSIDE);
}

static void test_network(void **state)
{
	struct sandbox sandbox = { .groups = SANDBOX_NET };
	unsigned bits = 0;

	(void)state;
	assert_int_equal(run_in(&sandbox, &bits), SOCKET_INET);
}

static void test_fork_without_exec(void **state)
{
	struct sandbox sandbox = { .groups = SANDBOX_FORK };
	unsigned bits = 0;

	(void)state;
	assert_int_equal(run_in(&sandbox, &bits), FORK);
}

/* A filter made before, loaded by the child of a process with more rights: what the parent lost by path stays lost, and its own groups go too. */
static void test_narrowed_child(void **state)
{
	struct sandbox_path path = { directory, true };
	struct sandbox sandbox = { .groups = SANDBOX_FORK | SANDBOX_OPEN | SANDBOX_CHANGE | SANDBOX_NET, .paths = &path, .path_count = 1 };
	struct sandbox_filter *filter = sandbox_filter_new(SANDBOX_OPEN);
	int status = 0, bits = 0, expected = 0;
	pid_t child = fork();

	(void)state;
	assert_non_null(filter);
	if (child == 0) {
		bits = sandbox_enter(&sandbox);
		child = fork();
		if (child == 0) {
			expected =
			    ((unsigned)bits & PROTECT_LANDLOCK) == 0 ? OPEN_INSIDE | WRITE_INSIDE | OPEN_OUTSIDE | WRITE_OUTSIDE : OPEN_INSIDE | WRITE_INSIDE;
			_exit(sandbox_narrow(filter) == 0 && attempts() == expected ? 0 : 1);
		}
		_exit(bits < 0 || waitpid(child, &status, 0) != child ? 2 : WEXITSTATUS(status) == 0 && WIFEXITED(status) ? 0 : 1);
	}
	sandbox_filter_free(filter);
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_read_only_path),    cmocka_unit_test(test_writable_path),
		cmocka_unit_test(test_network), cmocka_unit_test(test_fork_without_exec), cmocka_unit_test(test_narrowed_child),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
