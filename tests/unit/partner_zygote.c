/* The zygote over its sockets: jobs, deadlines, confinement, protocol. The kinds of jobs that misbehave exist only here. */
#include "partner_help.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/base/sandbox.h"
#include "appliance/wire/channel.h"
#include "transport/zygote.h"

#define PATIENCE_MS 20000
#define MANY_JOBS 200

/* --- jobs that misbehave --- */

static volatile bool for_ever = true;

static int job_sleep(struct job *job)
{
	(void)job;
	while (for_ever) {
		(void)sleep(1);
	}
	return 0;
}

static int job_spin(struct job *job)
{
	volatile uint64_t count = 0;

	(void)job;
	while (for_ever) {
		count++;
	}
	return 0;
}

static int job_abort(struct job *job)
{
	(void)job;
	(void)signal(SIGABRT, SIG_DFL);
	abort();
}

static void tell_errno(struct job *job, const char *name, long result)
{
	lines_set(&job->result, name, result < 0 ? strerrorname_np(errno) : "done");
}

static int job_escape(struct job *job)
{
	char *const arguments[] = { (char *)(uintptr_t) "/bin/true", NULL };

	tell_errno(job, "open", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	tell_errno(job, "create", open("/tmp/podatelna-partner-escape", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	tell_errno(job, "proc", open("/proc/self/status", O_RDONLY | O_CLOEXEC));
	tell_errno(job, "unlink", unlink("/tmp/podatelna-partner-escape"));
	tell_errno(job, "inet", socket(AF_INET, SOCK_STREAM, 0));
	tell_errno(job, "unix", socket(AF_UNIX, SOCK_STREAM, 0));
	tell_errno(job, "fork", fork());
	tell_errno(job, "exec", execv("/bin/true", arguments));
	tell_errno(job, "kill", kill(getppid(), 0));
	return 0;
}

/* Counts the descriptors that a job has: 0 to 2, socket, what came with it, and the end of its life. */
static int job_count(struct job *job)
{
	uint64_t count = 0;

	for (int fd = 3; fd < 1024; fd++) {
		count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	}
	lines_set_u64(&job->result, "count", count);
	return 0;
}

static int job_devour(struct job *job)
{
	size_t total = 0;

	while (total < (SIZE_MAX >> 1)) {
		char *block = malloc(1U << 20);

		if (block == NULL) {
			break;
		}
		memset(block, 1, 4096);
		total += 1U << 20;
		if (total > 2 * ZYGOTE_JOB_MEMORY_BYTES) {
			break;
		}
	}
	lines_set_u64(&job->result, "mebibytes", total >> 20);
	return ERR_MEMORY;
}

static int job_recognise_again(struct job *job)
{
	return job_recognise(job);
}

static const struct job_kind kinds[] = {
	{ "sleep", job_sleep },
	{ "spin", job_spin },
	{ "abort", job_abort },
	{ "escape", job_escape },
	{ "count", job_count },
	{ "devour", job_devour },
	{ "recognise", job_recognise_again },
	{ NULL, NULL },
};

/* --- the other ends --- */

struct bench {
	pid_t pid;
	int parent, hub;
	uint8_t buffer[WIRE_MESSAGE_MAX_BYTES];
	uint64_t bits;
};

static void pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void connect_hub(struct bench *bench)
{
	struct wire_message message;
	int ends[2];

	pair(ends);
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, WIRE_HUB);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, ends[1]);
	assert_int_equal(wire_send_blocking(bench->parent, WIRE_PARENT, WIRE_PARTNER, &message, clock_deadline(PATIENCE_MS)), 0);
	(void)close(ends[1]);
	bench->hub = ends[0];
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);
	struct wire_message message;
	int ends[2];

	assert_non_null(bench);
	pair(ends);
	bench->pid = fork();
	if (bench->pid == 0) {
		if (ends[1] == 3) {
			(void)fcntl(3, F_SETFD, 0);
		} else {
			(void)dup2(ends[1], 3);
		}
		(void)close_range(4, ~0U, 0);
		(void)setenv("PODATELNA_LOG", "error", 1);
		_exit(zygote_main(kinds));
	}
	(void)close(ends[1]);
	bench->parent = ends[0];
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of("", 0));
	assert_int_equal(wire_send_blocking(bench->parent, WIRE_PARENT, WIRE_PARTNER, &message, clock_deadline(PATIENCE_MS)), 0);
	assert_int_equal(wire_receive_blocking(bench->parent, WIRE_PARENT, WIRE_PARTNER, bench->buffer, &message, clock_deadline(PATIENCE_MS)), 0);
	assert_int_equal(message.type, WIRE_READY);
	bench->bits = wire_number(&message, WIRE_F_BITS, 0);
	connect_hub(bench);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	int status = 0;

	(void)close(bench->parent); /* the parent is gone: so is the zygote */
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)close(bench->hub);
	free(bench);
	return 0;
}

/* The job socket. */
static int start(struct bench *bench, const char *kind, const char *parameters, const char *content)
{
	struct wire_message message;
	int ends[2], content_fd = fd_memfd_sealed("content", content, strlen(content));

	pair(ends);
	assert_true(content_fd >= 0);
	wire_begin(&message, WIRE_JOB_START, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, kind);
	wire_put_string(&message, WIRE_F_NAME, "epo");
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(parameters));
	wire_put_fd(&message, ends[1]);
	wire_put_fd(&message, content_fd);
	assert_int_equal(wire_send_blocking(bench->hub, WIRE_HUB, WIRE_PARTNER, &message, clock_deadline(PATIENCE_MS)), 0);
	(void)close(ends[1]);
	(void)close(content_fd);
	return ends[0];
}

static int finish(struct bench *bench, int socket, struct wire_message *ret)
{
	int err = wire_receive_blocking(socket, WIRE_HUB, WIRE_JOB, bench->buffer, ret, clock_deadline(PATIENCE_MS));

	(void)close(socket);
	return err;
}

static void assert_line(struct wire_message *message, const char *name, const char *value)
{
	char text[256] = "-";

	(void)lines_find_string(wire_span(message, WIRE_F_LINES), name, text, sizeof text);
	if (strcmp(text, value) != 0) {
		fail_msg("%s is %s, not %s", name, text, value);
	}
}

static void test_job(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;

	assert_int_equal(finish(bench, start(bench, "recognise", "", "<Pisemnost><DPHDP3 verzePis='1'/></Pisemnost>"), &message), 0);
	assert_int_equal(wire_number(&message, WIRE_F_CODE, 99), 0);
	assert_line(&message, "child", "DPHDP3");
	assert_int_equal(finish(bench, start(bench, "recognise", "limit: 3\n", "<Pisemnost/>"), &message), 0);
	assert_int_equal(wire_number(&message, WIRE_F_CODE, 99), -ERR_LIMIT);
	assert_int_equal(finish(bench, start(bench, "nothing", "", ""), &message), 0);
	assert_int_equal(wire_number(&message, WIRE_F_CODE, 99), -ERR_UNSUPPORTED);
}

static void test_deadline(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;
	uint64_t began = clock_mono_ms();
	int sleeper = start(bench, "sleep", "deadline-ms: 300\n", ""), spinner = start(bench, "spin", "deadline-ms: 300\n", "");

	assert_int_equal(finish(bench, sleeper, &message), ERR_GONE);
	assert_int_equal(finish(bench, spinner, &message), ERR_GONE);
	assert_true(clock_mono_ms() - began >= 250);
	assert_true(clock_mono_ms() - began < 10000);
	assert_int_equal(finish(bench, start(bench, "recognise", "", "<a/>"), &message), 0);
}

static void test_crash(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;

	assert_int_equal(finish(bench, start(bench, "abort", "", ""), &message), ERR_GONE);
	assert_int_equal(finish(bench, start(bench, "recognise", "", "<a/>"), &message), 0);
	assert_int_equal(wire_number(&message, WIRE_F_CODE, 99), 0);
}

static void test_confinement(void **state)
{
	static const char *const forbidden[] = { "unlink", "inet", "unix", "fork", "exec", "kill" };
	static const char *const paths[] = { "open", "create", "proc" };
	struct bench *bench = *state;
	struct wire_message message;

	assert_true((bench->bits & (PROTECT_SECCOMP | PROTECT_NO_NEW_PRIVS)) == (PROTECT_SECCOMP | PROTECT_NO_NEW_PRIVS));
	assert_int_equal(finish(bench, start(bench, "escape", "", ""), &message), 0);
	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
		assert_line(&message, forbidden[i], "EPERM");
	}
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
#ifdef PODATELNA_COVERAGE
		assert_line(&message, paths[i], "EACCES"); /* the counts must be opened: landlock alone refuses everything else */
#else
		assert_line(&message, paths[i], "EPERM");
#endif
	}
	assert_int_equal(finish(bench, start(bench, "count", "", ""), &message), 0);
	assert_line(&message, "count", "3"); /* job socket, content, life */
}

static void test_memory(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;
	uint64_t size = 0;

#ifdef PODATELNA_SANITIZED
	(void)message;
	(void)size;
	(void)bench;
	skip(); /* the sanitizer needs the address space for itself */
#else
	assert_int_equal(finish(bench, start(bench, "devour", "", ""), &message), 0);
	assert_int_equal(wire_number(&message, WIRE_F_CODE, 99), -ERR_MEMORY);
	assert_true(lines_find_u64(wire_span(&message, WIRE_F_LINES), "mebibytes", &size));
	assert_true(size < ZYGOTE_JOB_MEMORY_BYTES >> 20);
#endif
}

static void test_many(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;
	int sockets[MANY_JOBS];

	for (size_t i = 0; i < MANY_JOBS; i++) {
		sockets[i] = start(bench, "recognise", "", "<a><b/></a>");
	}
	for (size_t i = 0; i < MANY_JOBS; i++) {
		assert_int_equal(finish(bench, sockets[i], &message), 0);
		assert_line(&message, "child", "b");
	}
}

static void test_protocol(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;
	int busy = start(bench, "sleep", "deadline-ms: 500\n", "");

	assert_int_equal(send(bench->hub, "rubbish", 7, MSG_NOSIGNAL), 7);
	assert_int_equal(wire_receive_blocking(bench->parent, WIRE_PARENT, WIRE_PARTNER, bench->buffer, &message, clock_deadline(PATIENCE_MS)), 0);
	assert_int_equal(message.type, WIRE_OFFENDER);
	assert_int_equal(wire_number(&message, WIRE_F_ROLE, 0), WIRE_HUB);
	(void)close(bench->hub);
	connect_hub(bench);
	assert_int_equal(finish(bench, start(bench, "recognise", "", "<a/>"), &message), 0);
	assert_int_equal(finish(bench, busy, &message), ERR_GONE);
}

static void test_stop(void **state)
{
	struct bench *bench = *state;
	struct wire_message message;
	int socket = start(bench, "sleep", "", ""), status = 0;

	(void)clock_deadline(0);
	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	assert_int_equal(wire_send_blocking(bench->parent, WIRE_PARENT, WIRE_PARTNER, &message, clock_deadline(PATIENCE_MS)), 0);
	assert_int_equal(finish(bench, socket, &message), ERR_GONE); /* jobs go with their parent */
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)close(bench->parent);
	(void)close(bench->hub);
	free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_job, set_up, tear_down),      cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_crash, set_up, tear_down),    cmocka_unit_test_setup_teardown(test_confinement, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),   cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_protocol, set_up, tear_down), cmocka_unit_test_setup(test_stop, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
