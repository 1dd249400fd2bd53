#include "transport_bench.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/wire/channel.h"
#include "../../appliance/wire/child.h"

static struct {
	char directory[64];
	char ports[256];
	pid_t server, program;
	int server_in, parent, hub;
	uint64_t next_id;
} bench = { .server_in = -1, .parent = -1, .hub = -1 };

static uint8_t packet[WIRE_MESSAGE_MAX_BYTES + 1];

static void pair(int *ret_ours, int *ret_theirs)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
}

/* --- the server --- */

static void start_server(void)
{
	int in[2], out[2];
	size_t have = 0;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	bench.server = fork();
	assert_true(bench.server >= 0);
	if (bench.server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)execl("/usr/bin/python3", "python3", RUDE_SERVER, bench.directory, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	bench.server_in = in[1];
	while (have < sizeof bench.ports - 1 && read(out[0], bench.ports + have, 1) == 1 && bench.ports[have] != '\n') {
		have++;
	}
	bench.ports[have] = 0;
	(void)close(out[0]);
	assert_true(bench_port("tls") > 0);
}

int bench_port(const char *name)
{
	char wanted[32];
	const char *found = NULL;

	(void)snprintf(wanted, sizeof wanted, "%s=", name);
	for (found = strstr(bench.ports, wanted); found != NULL && found != bench.ports && found[-1] != ' '; found = strstr(found + 1, wanted)) {
	}
	return found == NULL ? -1 : atoi(found + strlen(wanted));
}

const char *bench_directory(void)
{
	return bench.directory;
}

/* --- the program --- */

static void exec_program(int link)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (link == CHILD_PARENT_FD) {
		(void)fcntl(link, F_SETFD, 0);
	} else {
		(void)dup2(link, CHILD_PARENT_FD);
	}
	(void)execl(TRANSPORT_PROGRAM, "podatelna-transport", (char *)NULL);
	_exit(127);
}

static void start_program(unsigned limit)
{
	char settings[2048], address[64];
	struct wire_message message;
	int theirs = -1, length = 0, proxy = -1, password = fd_memfd_sealed("password", BENCH_PASSWORD, strlen(BENCH_PASSWORD));
	int login = fd_memfd_sealed("login", BENCH_LOGIN "\n", strlen(BENCH_LOGIN) + 1);

	pair(&bench.parent, &theirs);
	bench.program = fork();
	assert_true(bench.program >= 0);
	if (bench.program == 0) {
		exec_program(theirs);
	}
	(void)close(theirs);
	length = snprintf(settings, sizeof settings,
	                  "ca-file.1: %s/ca.pem\nca-file.2: %s/foreign-ca.pem\nlogin.0.ca-file: %s/ca.pem\nlogin.0.name: tsa\nlogin.0.password-fd: 2\n"
	                  "login.0.url.0: https://localhost:%d/headers\nlogin.0.url.1: https://localhost:%d/login\nlogin.0.user: firm\n"
	                  "login.1.fault: password\nlogin.1.name: broken\nlogin.1.url.0: https://localhost:%d/ok\nlogin.1.user: x\nproxy: own\nproxy-fd: "
	                  "0\nproxy-password-fd: 1\nproxy-user: box\n",
	                  bench.directory, bench.directory, bench.directory, bench_port("tls"), bench_port("tls"), bench_port("tls"));
	(void)snprintf(address, sizeof address, "http://127.0.0.1:%d", bench_port("proxy"));
	proxy = fd_memfd_sealed("proxy", address, strlen(address));
	if (limit > 0) {
		length += snprintf(settings + length, sizeof settings - (size_t)length, "session-limit: %u\n", limit);
	}
	(void)snprintf(settings + length, sizeof settings - (size_t)length, "system-anchors: yes\n");
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(settings));
	wire_put_fd(&message, proxy);
	wire_put_fd(&message, password);
	wire_put_fd(&message, login);
	assert_int_equal(wire_send_blocking(bench.parent, WIRE_PARENT, WIRE_TRANSPORT, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	assert_int_equal(wire_receive_blocking(bench.parent, WIRE_PARENT, WIRE_TRANSPORT, packet, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	assert_int_equal(message.type, WIRE_READY);
	(void)close(proxy);
	(void)close(password);
	(void)close(login);
	bench_new_hub();
}

void bench_new_hub(void)
{
	struct wire_message message;
	int theirs = -1;

	if (bench.hub >= 0) {
		(void)close(bench.hub);
	}
	pair(&bench.hub, &theirs);
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, WIRE_HUB);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, theirs);
	assert_int_equal(wire_send_blocking(bench.parent, WIRE_PARENT, WIRE_TRANSPORT, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	(void)close(theirs);
}

static void stop_program(void)
{
	int status = 0;

	(void)close(bench.parent);
	(void)close(bench.hub);
	bench.hub = -1;
	assert_int_equal(waitpid(bench.program, &status, 0), bench.program);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void bench_kill(void)
{
	assert_int_equal(kill(bench.program, SIGKILL), 0);
	assert_int_equal(waitpid(bench.program, NULL, 0), bench.program);
	(void)close(bench.parent);
	start_program(0);
}

void bench_stop(void)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	assert_int_equal(wire_send_blocking(bench.parent, WIRE_PARENT, WIRE_TRANSPORT, &message, clock_deadline(BENCH_WAIT_MS)), 0);
}

void bench_await_end(void)
{
	int status = 0;

	assert_int_equal(waitpid(bench.program, &status, 0), bench.program);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)close(bench.parent);
	start_program(0);
}

bool bench_offend(void)
{
	struct wire_message message;

	assert_int_equal(send(bench.hub, "nonsense", 8, MSG_NOSIGNAL), 8);
	return wire_receive_blocking(bench.parent, WIRE_PARENT, WIRE_TRANSPORT, packet, &message, clock_deadline(BENCH_WAIT_MS)) == 0 &&
	       message.type == WIRE_OFFENDER && wire_number(&message, WIRE_F_ROLE, 0) == WIRE_HUB;
}

void bench_restart(unsigned limit)
{
	stop_program();
	start_program(limit);
}

int bench_open(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(bench.directory, sizeof bench.directory, "/tmp/transport-test-XXXXXX");
	assert_non_null(mkdtemp(bench.directory));
	bench.next_id = 1;
	start_server();
	start_program(0);
	return 0;
}

int bench_close(void **state)
{
	char command[128];

	(void)state;
	(void)close(bench.server_in);
	(void)waitpid(bench.server, NULL, 0);
	(void)snprintf(command, sizeof command, "rm -rf -- '%s'", bench.directory);
	(void)!system(command);
	stop_program();
	return 0;
}

pid_t bench_program(void)
{
	return bench.program;
}

int bench_hub_link(void)
{
	return bench.hub;
}

/* --- sessions --- */

void bench_next_id_is(uint64_t id)
{
	bench.next_id = id;
}

static pid_t feed(int fd, const uint8_t *body, size_t length)
{
	pid_t writer = fork();

	assert_true(writer >= 0);
	if (writer == 0) {
		_exit(fd_write_all(fd, body, length) == 0 ? 0 : 1);
	}
	return writer;
}

void bench_start_with(struct bench_run *run, const char *lines, size_t size, int body)
{
	struct wire_message message;
	int hub = -1, store = -1;

	*run = (struct bench_run){ .id = bench.next_id++ };
	pair(&run->hub, &hub);
	pair(&run->store, &store);
	wire_begin(&message, WIRE_SESSION_START, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, run->id);
	wire_put_string(&message, WIRE_F_CASE, "2026-000001");
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	wire_put_number(&message, WIRE_F_SIZE, size);
	wire_put_fd(&message, hub);
	wire_put_fd(&message, store);
	if (body >= 0) {
		wire_put_fd(&message, body);
	}
	assert_int_equal(wire_send_blocking(bench.hub, WIRE_HUB, WIRE_TRANSPORT, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	(void)close(hub);
	(void)close(store);
}

void bench_start(struct bench_run *run, const char *lines, const void *body, size_t size, size_t written)
{
	int from = -1, to = -1;

	if (size == 0) {
		bench_start_with(run, lines, 0, -1);
		return;
	}
	assert_int_equal(fd_pipe(&from, &to), 0);
	bench_start_with(run, lines, size, from);
	(void)close(from);
	run->writer = feed(to, body, written);
	(void)close(to);
}

static void file(struct bench_run *run, const char *proxy, const char *port, const char *path, size_t size)
{
	char lines[1024];
	uint8_t *body = malloc(size);

	assert_non_null(body);
	for (size_t i = 0; i < size; i++) {
		body[i] = (uint8_t)(i * 31 + i / 251);
	}
	(void)snprintf(lines, sizeof lines,
	               "ca-file: %s/ca.pem\ndeadline-ms: 3000\nfiling: yes\nheader.1: Content-Type: application/pkcs7-signature\nmethod: POST\nproxy: %s\n"
	               "reply-limit: 4000000\nurl: https://127.0.0.1:%d/%s\nuser-agent: Podatelna/1\n",
	               bench.directory, proxy, bench_port(port), path);
	bench_start(run, lines, body, size, size);
	free(body);
}

void bench_file(struct bench_run *run, const char *port, const char *path, size_t size)
{
	file(run, "direct", port, path, size);
}

void bench_file_through(struct bench_run *run, const char *port, const char *path, size_t size)
{
	file(run, "configured", port, path, size);
}

static void keep_offer(struct bench_run *run, struct wire_message *message)
{
	struct span lines = wire_span(message, WIRE_F_LINES);
	int reply = wire_take_fd(message, 0), peer = wire_take_fd(message, 1);
	ssize_t length = 0;

	assert_int_equal(wire_number(message, WIRE_F_SESSION, 0), run->id);
	assert_true(lines.length < sizeof run->lines);
	memcpy(run->lines, lines.data, lines.length);
	run->lines[lines.length] = 0;
	run->offer_id = message->id;
	assert_true(fd_is_sealed(reply) && fd_is_sealed(peer));
	free(run->reply);
	run->reply = NULL;
	assert_int_equal(fd_read_all(reply, 16 << 20, &run->reply, &run->reply_length), 0);
	assert_int_equal(run->reply_length, wire_number(message, WIRE_F_SIZE, 0));
	length = fd_read_full(peer, run->peer, sizeof run->peer - 1);
	assert_true(length >= 0);
	run->peer[length] = 0;
	(void)close(reply);
	(void)close(peer);
}

bool bench_offer(struct bench_run *run, uint64_t wait_ms)
{
	struct wire_message message;

	if (wire_receive_blocking(run->store, WIRE_STORE, WIRE_SESSION, packet, &message, clock_deadline(wait_ms)) != 0) {
		return false;
	}
	assert_int_equal(message.type, WIRE_SESSION_OFFER);
	keep_offer(run, &message);
	return true;
}

void bench_durable(struct bench_run *run)
{
	struct wire_message message;

	wire_begin(&message, WIRE_SESSION_DURABLE, run->offer_id, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_INDEX, 77);
	assert_int_equal(wire_send_blocking(run->store, WIRE_STORE, WIRE_SESSION, &message, clock_deadline(BENCH_WAIT_MS)), 0);
}

void bench_take(struct bench_run *run)
{
	assert_true(bench_offer(run, BENCH_WAIT_MS));
	bench_durable(run);
	assert_true(bench_hears(run, "durable"));
}

void bench_cut_store(struct bench_run *run)
{
	(void)close(run->store);
	run->store = -1;
}

void bench_cut_hub(struct bench_run *run)
{
	(void)close(run->hub);
	run->hub = -1;
}

void bench_attach(struct bench_run *run)
{
	struct wire_message message;
	int hub = -1, store = -1;

	if (run->hub >= 0) {
		(void)close(run->hub);
	}
	if (run->store >= 0) {
		(void)close(run->store);
	}
	pair(&run->hub, &hub);
	pair(&run->store, &store);
	wire_begin(&message, WIRE_SESSION_ATTACH, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, run->id);
	wire_put_fd(&message, hub);
	wire_put_fd(&message, store);
	assert_int_equal(wire_send_blocking(bench.hub, WIRE_HUB, WIRE_TRANSPORT, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	(void)close(hub);
	(void)close(store);
}

bool bench_hears(struct bench_run *run, const char *state)
{
	struct wire_message message;
	uint64_t until_ms = clock_deadline(BENCH_WAIT_MS);

	while (wire_receive_blocking(run->hub, WIRE_HUB, WIRE_SESSION, packet, &message, until_ms) == 0) {
		if (message.type == WIRE_SESSION_REPORT && span_equals_string(wire_span(&message, WIRE_F_STATE), state)) {
			return true;
		}
	}
	return false;
}

bool bench_hub_ends_silently(struct bench_run *run)
{
	struct wire_message message;

	return wire_receive_blocking(run->hub, WIRE_HUB, WIRE_SESSION, packet, &message, clock_deadline(BENCH_WAIT_MS)) == ERR_GONE;
}

void bench_end(struct bench_run *run)
{
	if (run->hub >= 0) {
		(void)close(run->hub);
	}
	if (run->store >= 0) {
		(void)close(run->store);
	}
	if (run->writer > 0) {
		(void)waitpid(run->writer, NULL, 0);
	}
	free(run->reply);
	run->reply = NULL;
}

/* --- reading --- */

const char *bench_line(const struct bench_run *run, const char *name)
{
	static char value[4096];

	return lines_find_string(span_of_string(run->lines), name, value, sizeof value) ? value : "";
}

bool bench_reply_is(const struct bench_run *run, const char *text)
{
	return span_equals_string(span_of(run->reply, run->reply_length), text);
}

static FILE *open_ledger(const char *mode)
{
	char path[96];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/ledger", bench.directory);
	file = fopen(path, mode);
	assert_non_null(file);
	return file;
}

unsigned bench_count(const char *start)
{
	char line[512];
	unsigned count = 0;
	FILE *file = open_ledger("r");

	while (fgets(line, sizeof line, file) != NULL) {
		size_t length = strlen(start);

		count += strncmp(line, start, length) == 0 && isspace((unsigned char)line[length]) ? 1 : 0;
	}
	(void)fclose(file);
	return count;
}

bool bench_wait_count(const char *start)
{
	uint64_t until_ms = clock_deadline(BENCH_WAIT_MS);

	while (bench_count(start) == 0 && !clock_expired(until_ms)) {
		(void)poll(NULL, 0, 20);
	}
	return bench_count(start) > 0;
}

void bench_forget_ledger(void)
{
	(void)fclose(open_ledger("w"));
}

const char *bench_list(void)
{
	static char text[BENCH_TEXT_MAX];
	struct wire_message message;
	struct span lines, name, value;
	size_t used = 0;

	wire_begin(&message, WIRE_SESSION_LIST, 9, clock_deadline(BENCH_WAIT_MS));
	wire_put_number(&message, WIRE_F_INDEX, bench.next_id);
	assert_int_equal(wire_send_blocking(bench.hub, WIRE_HUB, WIRE_TRANSPORT, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	assert_int_equal(wire_receive_blocking(bench.hub, WIRE_HUB, WIRE_TRANSPORT, packet, &message, clock_deadline(BENCH_WAIT_MS)), 0);
	assert_int_equal(message.type, WIRE_SESSION_LIVING);
	lines = wire_span(&message, WIRE_F_LINES);
	text[0] = '\0';
	while (lines_next(&lines, &name, &value)) {
		if (!span_equals_string(value, "ended")) {
			used += (size_t)snprintf(text + used, sizeof text - used, "%.*s\n", (int)value.length, (const char *)value.data);
		}
	}
	return text;
}
