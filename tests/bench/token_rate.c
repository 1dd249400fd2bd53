/* token_rate.c - how fast podatelna-token signs: whole CMS signatures (CAdES-BES, detached) over 1 KiB, one after the other, asked for as its store does.
 *
 *   token_rate PROGRAM MODULE TOKEN-URI KEY-URI CERTIFICATE.pem MILLISECONDS|COUNTx [READABLE]     PIN in the environment, PODATELNA_BENCH_PIN
 *
 * Plays parent, hub and store to one token process. Variables that the module needs stand in the environment; READABLE is a folder that it reads. Prints
 * "signatures seconds", the second in decimal. What sign_rate measures is the bound of it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/record.h"
#include "appliance/wire/channel.h"

#define STEP_MS 60000
#define CONTENT_BYTES 1024
#define MILLISECONDS_MAX 600000
#define SIGNATURE_MAX_BYTES 65536

struct play {
	pid_t pid;
	int parent, hub, store;
	bool ready;
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

static void send_to(int fd, enum wire_role self, const struct wire_message *message)
{
	int err = wire_send_blocking(fd, self, WIRE_TOKEN, message, clock_deadline(STEP_MS));

	if (err != 0) {
		die("%s cannot be sent: %s", wire_type_name(message->type), err_name(err));
	}
}

static void start(struct play *play, char **argv)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int certificate = open(argv[5], O_RDONLY | O_CLOEXEC);
	char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int pair[2], length = 0;

	if (certificate < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 || (play->pid = fork()) < 0) {
		die("%s cannot be started", argv[1]);
	}
	if (play->pid == 0) {
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(quiet, STDERR_FILENO);
		if (pair[1] == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(pair[1], 3) == 3) {
			(void)execl(argv[1], "podatelna-token", (char *)NULL);
		}
		_exit(127);
	}
	(void)close(pair[1]);
	play->parent = pair[0];
	lines_set(&lines, "module", argv[2]);
	lines_set(&lines, "uri", argv[3]);
	lines_set(&lines, "pin-file", "no");
	lines_set(&lines, "allow-software-token", "yes");
	lines_set(&lines, "pcsc", "yes");
	lines_set(&lines, "key.0.name", "sign");
	lines_set(&lines, "key.0.uri", argv[4]);
	lines_set(&lines, "key.0.use", "sign");
	lines_set(&lines, "key.0.cert-fd", "0");
	if (argv[7] != NULL) {
		lines_set(&lines, "readable.0", argv[7]);
	}
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		die("the settings do not fit");
	}
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_string(&message, WIRE_F_NAME, "office");
	wire_put_fd(&message, certificate);
	send_to(play->parent, WIRE_PARENT, &message);
}

static int new_link(struct play *play, enum wire_role role)
{
	struct wire_message message;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		die("no socket");
	}
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, pair[1]);
	send_to(play->parent, WIRE_PARENT, &message);
	(void)close(pair[1]);
	return pair[0];
}

/* What hub and store do by themselves. */
static void serve(struct play *play, int fd, const struct wire_message *message)
{
	static const uint8_t hash[RECORD_HASH_BYTES] = { 7 };
	struct wire_message answer;

	if (message->type == WIRE_TOKEN_STATUS) {
		play->ready = span_equals_string(wire_span(message, WIRE_F_STATE), "ready");
		return;
	}
	if (message->type == WIRE_TOKEN_PIN_TRY) {
		wire_begin(&answer, WIRE_TOKEN_PIN_GO, message->id, CLOCK_NEVER_MS);
		wire_put_string(&answer, WIRE_F_STATE, "go");
	} else if (message->type == WIRE_TOKEN_NOTE) {
		wire_begin(&answer, WIRE_STORE_APPENDED, message->id, CLOCK_NEVER_MS);
		wire_put_number(&answer, WIRE_F_INDEX, 1);
		wire_put_bytes(&answer, WIRE_F_HASH, span_of(hash, sizeof hash));
		wire_put_number(&answer, WIRE_F_TIME, 1);
	} else {
		return;
	}
	send_to(fd, WIRE_STORE, &answer);
}

/* The next message of this link; false when none came in time. */
static bool next(struct play *play, int fd, struct wire_message *ret, uint64_t ms)
{
	int err = wire_receive_blocking(fd, fd == play->hub ? WIRE_HUB : WIRE_STORE, WIRE_TOKEN, play->packet, ret, clock_deadline(ms));

	if (err == ERR_DEADLINE) {
		return false;
	}
	if (err != 0) {
		die("the token process is gone: %s", err_name(err));
	}
	serve(play, fd, ret);
	return true;
}

static void log_in(struct play *play)
{
	const char *pin = getenv("PODATELNA_BENCH_PIN");
	uint64_t deadline_ms = clock_deadline(STEP_MS);
	struct wire_message message;
	int ends[2];

	if (pin == NULL || pipe(ends) != 0 || write(ends[1], pin, strlen(pin)) != (ssize_t)strlen(pin)) {
		die("no PIN");
	}
	(void)close(ends[1]);
	wire_begin(&message, WIRE_TOKEN_LOGIN, 1, clock_deadline(STEP_MS));
	wire_put_string(&message, WIRE_F_BY, "uid:0");
	wire_put_fd(&message, ends[0]);
	send_to(play->hub, WIRE_HUB, &message);
	(void)close(ends[0]);
	while (!play->ready) {
		if (clock_expired(deadline_ms)) {
			die("the token does not become ready");
		}
		(void)next(play, play->store, &message, 20);
		if (next(play, play->hub, &message, 20) && message.type == WIRE_ERROR) {
			die("no login: %.*s", (int)wire_span(&message, WIRE_F_TEXT).length, (const char *)wire_span(&message, WIRE_F_TEXT).data);
		}
	}
}

/* The `intent` record that a signature needs (FORMAT.txt). */
static size_t make_leaf(uint64_t index, char *ret, size_t size)
{
	_cleanup_lines_ struct lines lines = { 0 };
	struct record record = { .index = index, .batch = index, .utc_ms = clock_utc_ms(), .type = "intent" };
	char header[RECORD_HEADER_BYTES + 1];
	int length = 0;

	lines_set(&lines, "case", "2026-000001");
	lines_set(&lines, "key", "sign");
	lines_set(&lines, "purpose", "file");
	lines_set(&lines, "form", "detached-der");
	lines_set(&lines, "digest", "sha256");
	length = lines_finish(&lines, ret + RECORD_HEADER_BYTES, size - RECORD_HEADER_BYTES);
	if (length < 0) {
		die("no intent");
	}
	record_format_header(&record, (uint32_t)length, header);
	memcpy(ret, header, RECORD_HEADER_BYTES);
	return RECORD_HEADER_BYTES + (size_t)length;
}

static void sign(struct play *play, uint64_t index)
{
	static const uint8_t content[CONTENT_BYTES] = { 'P' };
	static const char parameters[] = "digest: sha256\nform: detached-der\n";
	_cleanup_close_ int first = fd_memfd_sealed("content", content, sizeof content), second = fd_memfd_sealed("content", content, 1);
	_cleanup_close_ int out = fd_memfd_open("cms");
	struct wire_message message;
	char leaf[2048];
	size_t leaf_length = make_leaf(index, leaf, sizeof leaf);

	if (first < 0 || second < 0 || out < 0 || lseek(first, 0, SEEK_SET) != 0) {
		die("no memory");
	}
	wire_begin(&message, WIRE_TOKEN_SIGN, index, clock_deadline(STEP_MS));
	wire_put_bytes(&message, WIRE_F_LEAF, span_of(leaf, leaf_length));
	wire_put_number(&message, WIRE_F_INDEX, index);
	wire_put_string(&message, WIRE_F_KEY, "sign");
	wire_put_string(&message, WIRE_F_PURPOSE, "file");
	wire_put_bytes(&message, WIRE_F_LINES, span_of(parameters, sizeof parameters - 1));
	wire_put_number(&message, WIRE_F_SIZE, sizeof content);
	wire_put_fd(&message, first);
	wire_put_fd(&message, second);
	wire_put_fd(&message, out);
	send_to(play->store, WIRE_STORE, &message);
	do {
		if (!next(play, play->store, &message, STEP_MS)) {
			die("no answer");
		}
		if (message.type == WIRE_ERROR) {
			die("no signature: %.*s", (int)wire_span(&message, WIRE_F_TEXT).length, (const char *)wire_span(&message, WIRE_F_TEXT).data);
		}
	} while (message.type != WIRE_TOKEN_SIGNED);
	if (wire_number(&message, WIRE_F_SIZE, 0) < CONTENT_BYTES / 2 || wire_number(&message, WIRE_F_SIZE, 0) > SIGNATURE_MAX_BYTES) {
		die("that is no signature");
	}
}

int main(int argc, char **argv)
{
	static struct play play;
	struct wire_message message;
	uint64_t bound = 0, count = 0, begun = 0;
	bool counted = argc >= 7 && strchr(argv[6], 'x') != NULL;

	if (argc < 7 || argc > 8 || !span_parse_u64(span_of(argv[6], strcspn(argv[6], "x")), &bound) || bound == 0 || bound > MILLISECONDS_MAX) {
		die("token_rate PROGRAM MODULE TOKEN-URI KEY-URI CERTIFICATE.pem MILLISECONDS|COUNTx [READABLE]");
	}
	(void)signal(SIGPIPE, SIG_IGN);
	start(&play, argv);
	play.hub = new_link(&play, WIRE_HUB);
	play.store = new_link(&play, WIRE_STORE);
	log_in(&play);
	sign(&play, ++count); /* the first one pays for what is done once */
	count = 0;
	begun = clock_mono_ms();
	while (counted ? count < bound : clock_mono_ms() - begun < bound) {
		sign(&play, 2 + count++);
	}
	(void)printf("%llu %.3f\n", (unsigned long long)count, (double)(clock_mono_ms() - begun) / 1000);
	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	send_to(play.parent, WIRE_PARENT, &message);
	return waitpid(play.pid, NULL, 0) == play.pid ? 0 : 1;
}
