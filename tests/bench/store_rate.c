/* store_rate.c - records per second of podatelna-store over its socket: what the hub gets of what store/journal.h can do (journal_rate.c).
 *
 *   store_rate PROGRAM DIR WRITERS MILLISECONDS      DIR: empty; must exist
 *
 * Plays parent and hub to one store. WRITERS requests are on their way; each answer is followed by the next request, as if so many waited for it and had more to say.
 * The records are of the box (`config`), about as long as those of journal_rate, and need no content in the vault. The store tells the hub of each record, too:
 * these notices are read and counted, each must come before the answer. A new store has no vault key here; its log is not wanted.
 *
 * Prints "records seconds cpu-seconds-of-the-store": its user and system time, its start and end included.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "appliance/wire/channel.h"
#include "appliance/wire/child.h"

#define STEP_MS 60000
#define WRITERS_MAX 64 /* beyond, the sockets' buffers may be full on both sides at once: this program does not read while it sends */
#define MILLISECONDS_MAX 600000
#define DETAIL_BYTES 260

struct play {
	pid_t pid;
	int parent, hub;
	uint64_t asked, answered, told;
	uint8_t packet[WIRE_MESSAGE_MAX_BYTES];
};

static _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fputc('\n', stderr);
	exit(1);
}

static double now(void)
{
	struct timespec moment = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &moment);
	return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

static void send_to(int fd, enum wire_role self, const struct wire_message *message)
{
	int err = wire_send_blocking(fd, self, WIRE_STORE, message, clock_deadline(STEP_MS));

	if (err != 0) {
		die("%s cannot be sent: %s", wire_type_name(message->type), err_name(err));
	}
}

static void receive(struct play *play, int fd, enum wire_role self, struct wire_message *ret)
{
	int err = wire_receive_blocking(fd, self, WIRE_STORE, play->packet, ret, clock_deadline(STEP_MS));

	if (err != 0) {
		die("the store is gone: %s", err_name(err));
	}
	if (ret->type == WIRE_ERROR) {
		die("refused: %.*s", (int)wire_span(ret, WIRE_F_TEXT).length, (const char *)wire_span(ret, WIRE_F_TEXT).data);
	}
}

static void expect(struct play *play, int fd, enum wire_role self, enum wire_type type)
{
	struct wire_message message;

	receive(play, fd, self, &message);
	if (message.type != type) {
		die("%s instead of %s", wire_type_name(message.type), wire_type_name(type));
	}
}

static void start(struct play *play, const char *program, const char *folder)
{
	struct lines lines = { 0 };
	struct wire_message message;
	char text[8192];
	int pair[2], length = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 || (play->pid = fork()) < 0) {
		die("%s cannot be started", program);
	}
	if (play->pid == 0) {
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(quiet, STDERR_FILENO);
		if (pair[1] == CHILD_PARENT_FD ? fcntl(CHILD_PARENT_FD, F_SETFD, 0) == 0 : dup2(pair[1], CHILD_PARENT_FD) == CHILD_PARENT_FD) {
			(void)execl(program, program, (char *)NULL);
		}
		_exit(127);
	}
	(void)close(pair[1]);
	play->parent = pair[0];
	lines_setf(&lines, "data-dir", "%s/data", folder);
	lines_setf(&lines, "mark-file", "%s/mark/mark", folder);
	lines_set(&lines, "vault-certs", "0");
	length = lines_finish(&lines, text, sizeof text);
	lines_free(&lines);
	if (length < 0) {
		die("the settings do not fit");
	}
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	send_to(play->parent, WIRE_PARENT, &message);
	expect(play, play->parent, WIRE_PARENT, WIRE_READY);
}

static void link_hub(struct play *play)
{
	struct wire_message message;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		die("no socket");
	}
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)WIRE_HUB);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_string(&message, WIRE_F_NAME, "");
	wire_put_fd(&message, pair[1]);
	send_to(play->parent, WIRE_PARENT, &message);
	(void)close(pair[1]);
	play->hub = pair[0];
	expect(play, play->hub, WIRE_HUB, WIRE_STORE_HELLO);
}

static void ask(struct play *play)
{
	static const uint8_t none[32];
	static char record[DETAIL_BYTES + 128];
	struct wire_message message;

	if (record[0] == '\0') {
		char detail[DETAIL_BYTES + 1];

		memset(detail, 'd', DETAIL_BYTES);
		detail[DETAIL_BYTES] = '\0';
		(void)snprintf(record, sizeof record, "config\ndetail: %s\nsha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", detail);
	}
	wire_begin(&message, WIRE_STORE_APPEND, ++play->asked, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, "");
	wire_put_bytes(&message, WIRE_F_PREV, span_of(none, sizeof none));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of_string(record));
	send_to(play->hub, WIRE_HUB, &message);
}

static void take_answer(struct play *play)
{
	struct wire_message message;

	do {
		receive(play, play->hub, WIRE_HUB, &message);
		play->told += message.type == WIRE_STORE_RECORDED;
	} while (message.type != WIRE_STORE_APPENDED);
	if (++play->answered > play->told) {
		die("answered before the hub was told of the record");
	}
}

static unsigned number(const char *text, unsigned most)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	return *end == '\0' && value <= most ? (unsigned)value : 0;
}

int main(int count, char **words)
{
	static struct play play;
	unsigned writers = count == 5 ? number(words[3], WRITERS_MAX) : 0, milliseconds = count == 5 ? number(words[4], MILLISECONDS_MAX) : 0;
	struct wire_message message;
	struct rusage usage;
	double begun = 0, seconds = 0;

	if (writers == 0 || milliseconds == 0) {
		die("store_rate PROGRAM DIR WRITERS MILLISECONDS");
	}
	(void)signal(SIGPIPE, SIG_IGN);
	start(&play, words[1], words[2]);
	link_hub(&play);
	begun = now();
	while (play.asked < writers) {
		ask(&play);
	}
	while (now() - begun < milliseconds / 1e3) {
		take_answer(&play);
		ask(&play);
	}
	while (play.answered < play.asked) {
		take_answer(&play);
	}
	seconds = now() - begun;
	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	send_to(play.parent, WIRE_PARENT, &message);
	if (wait4(play.pid, NULL, 0, &usage) != play.pid) {
		die("the store does not end");
	}
	(void)printf("%llu %.6f %.6f\n", (unsigned long long)play.answered, seconds,
	             (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	return 0;
}
