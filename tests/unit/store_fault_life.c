#include "store_fault_life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/wire/child.h"
#include "seal_help.h"

static const char *const counted[] = { "received", "approved", "intent", "abandoned", "signed", "sending", "reply", "closed" };

void life_fail(const struct life *life, const char *format, ...)
{
	char text[600];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (life->escape != NULL) {
		(void)snprintf(life->escape->why, sizeof life->escape->why, "case at '%s': %.500s", life->last, text);
		longjmp(life->escape->to, 1);
	}
	fail_msg("fault kind %d call %ld (%s, fired %d), %u starts, case at '%s', %llu records told: %s", (int)life->fault->kind, life->fault->calls,
	         life->fault->what, life->fault->fired, life->starts, life->last, (unsigned long long)life->known, text);
}

static void settle(struct life *life, struct vault_bench *bench, struct store_fault *fault, const char *path)
{
	memset(life, 0, sizeof *life);
	life->bench = bench;
	life->fault = fault;
	life->parent = life->hub = life->token = life->pid = -1;
	life->flying = "";
	(void)snprintf(life->path, sizeof life->path, "%s", path);
	(void)snprintf(life->data, sizeof life->data, "%s/data", path);
	(void)snprintf(life->mark, sizeof life->mark, "%s/mark/mark", path);
	(void)snprintf(life->notes, sizeof life->notes, "%s/notes", path);
	assert_int_equal(mkdir(life->notes, 0755), 0);
}

void life_adopt(struct life *life, const struct life *of, const char *path)
{
	settle(life, of->bench, of->fault, path);
	life->stamper = of->stamper;
	if (of->archive[0] != '\0') {
		(void)snprintf(life->archive, sizeof life->archive, "%s/archive", path);
	}
	memcpy(life->number, of->number, sizeof life->number);
	memcpy(life->hashes, of->hashes, sizeof life->hashes);
	life->known = of->known;
}

void life_make(struct life *life, struct vault_bench *bench, struct store_fault *fault, const char *fault_file)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char path[sizeof life->path];

	memset(fault, 0, sizeof *fault);
	(void)snprintf(path, sizeof path, "%s/podatelna-fault-XXXXXX", base);
	assert_non_null(mkdtemp(path));
	settle(life, bench, fault, path);
	life->stamper = seal_help_stamper(bench->ec);
	assert_int_equal(setenv(STORE_FAULT_VARIABLE, fault_file, 1), 0);
}

void life_remove(struct life *life)
{
	char command[256];

	life_kill(life);
	X509_free(life->stamper);
	(void)snprintf(command, sizeof command, "chmod -R u+w '%s' && rm -rf '%s'", life->path, life->path);
	assert_int_equal(system(command), 0);
}

/* --- links --- */

static int send_to(int fd, enum wire_role self, enum wire_role peer, const struct wire_message *message)
{
	return fd < 0 ? ERR_GONE : wire_send_blocking(fd, self, peer, message, clock_deadline(LIFE_MS));
}

static int receive(struct life *life, int fd, enum wire_role self, enum wire_role peer, struct wire_message *ret)
{
	return fd < 0 ? ERR_GONE : wire_receive_blocking(fd, self, peer, life->buffer, ret, clock_deadline(LIFE_MS));
}

static int send_setup(struct life *life)
{
	struct lines body = { 0 };
	struct wire_message message;
	char text[1024], *pem = bench_pem(life->bench->rsa_cert);
	int fd = fd_memfd_sealed("certificate", pem, strlen(pem)), length = 0, err = 0;

	lines_set(&body, "data-dir", life->data);
	lines_set(&body, "mark-file", life->mark);
	lines_set(&body, "segment-bytes", "2500");
	lines_set(&body, "key.qualified.token", "0");
	lines_set(&body, "key.archive.token", "0");
	lines_set(&body, "key.seal.token", "0");
	lines_set(&body, "journal-key.0", "seal");
	lines_set(&body, "notes-dir", life->notes);
	lines_set(&body, "archive-dir", life->archive[0] == '\0' ? NULL : life->archive);
	lines_set(&body, "vault-key.0", "archive");
	lines_set(&body, "vault-certs", "1");
	length = lines_finish(&body, text, sizeof text);
	assert_true(length > 0);
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_fd(&message, fd);
	err = send_to(life->parent, WIRE_PARENT, WIRE_STORE, &message);
	lines_free(&body);
	(void)close(fd);
	free(pem);
	return err;
}

static int link_peer(struct life *life, enum wire_role role, const char *name, int *ret_fd)
{
	struct wire_message message;
	int ends[2], err = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_string(&message, WIRE_F_NAME, name);
	wire_put_fd(&message, ends[1]);
	err = send_to(life->parent, WIRE_PARENT, WIRE_STORE, &message);
	(void)close(ends[1]);
	*ret_fd = ends[0];
	return err;
}

static int link_token(struct life *life)
{
	struct wire_message message;
	char lines[256], signer[65];
	int err = link_peer(life, WIRE_TOKEN, "office", &life->token);

	wire_begin(&message, WIRE_TOKEN_STATUS, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_STATE, "ready");
	seal_help_signer(life->bench->ec_cert, signer);
	(void)snprintf(lines, sizeof lines, "key.0.name: seal\nkey.0.sha256: %s\nkey.0.state: ok\nlabel: test\n", signer);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	return err != 0 ? err : send_to(life->token, WIRE_TOKEN, WIRE_STORE, &message);
}

static void run_store(int link)
{
	int null = open("/dev/null", O_WRONLY);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getenv("STORE_FAULT_LOG") == NULL) {
		(void)dup2(null, STDERR_FILENO);
	}
	if (link != CHILD_PARENT_FD) {
		(void)dup2(link, CHILD_PARENT_FD);
	} else {
		(void)fcntl(link, F_SETFD, 0);
	}
	(void)close_range(CHILD_PARENT_FD + 1, ~0U, 0);
	(void)execl(STORE_FAULTY, STORE_FAULTY, (char *)NULL);
	_exit(127);
}

int life_start(struct life *life)
{
	struct wire_message message;
	int ends[2], err = 0;

	life->starts++;
	life->next_id = 1;
	life->state[0] = '\0';
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	life->pid = fork();
	assert_true(life->pid >= 0);
	if (life->pid == 0) {
		run_store(ends[1]);
	}
	(void)close(ends[1]);
	life->parent = ends[0];
	err = send_setup(life);
	err = err != 0 ? err : receive(life, life->parent, WIRE_PARENT, WIRE_STORE, &message);
	err = err != 0 ? err : link_peer(life, WIRE_HUB, "", &life->hub);
	err = err != 0 ? err : receive(life, life->hub, WIRE_HUB, WIRE_STORE, &message);
	if (err == 0 && message.type == WIRE_STORE_HELLO) {
		(void)lines_find_string(wire_span(&message, WIRE_F_LINES), "state", life->state, sizeof life->state);
	}
	err = err != 0 ? err : link_token(life);
	if (err == ERR_DEADLINE) {
		life_fail(life, "the store does not start and does not end");
	}
	return err;
}

static int reap(struct life *life)
{
	int *fds[] = { &life->parent, &life->hub, &life->token };
	int status = 0;

	assert_int_equal(waitpid(life->pid, &status, 0), life->pid);
	life->pid = -1;
	for (size_t i = 0; i < 3; i++) {
		if (*fds[i] >= 0) {
			(void)close(*fds[i]);
			*fds[i] = -1;
		}
	}
	return status;
}

void life_kill(struct life *life)
{
	if (life->pid > 0) {
		(void)kill(life->pid, SIGKILL);
		(void)reap(life);
	}
}

bool life_stop(struct life *life)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	(void)send_to(life->parent, WIRE_PARENT, WIRE_STORE, &message);
	return WIFEXITED(reap(life));
}

/* --- the token --- */

static void sign(struct life *life, struct wire_message *request)
{
	struct wire_message answer;
	uint8_t content[256];
	int in = wire_take_fd(request, 0), out = wire_take_fd(request, 2);

	life->signatures++;
	(void)!fd_read_full(in, content, sizeof content);
	(void)fd_write_all(out, "SIGNATURE", 9);
	(void)close(in);
	(void)close(out);
	wire_message_free(request);
	wire_begin(&answer, WIRE_TOKEN_SIGNED, request->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_LINES, span_of_string("algorithm: rsa-sha256\nserial: 1f\nsigner: 00ff\n"));
	wire_put_number(&answer, WIRE_F_SIZE, 9);
	(void)send_to(life->token, WIRE_TOKEN, WIRE_STORE, &answer);
}

static void seal(struct life *life, const struct wire_message *request)
{
	struct wire_message answer;
	struct span text = wire_span(request, WIRE_F_BYTES);
	size_t length = 0;
	uint8_t *cms = seal_help_cms(life->bench->ec, life->bench->ec_cert, text, &length);
	char *base64 = seal_help_note(life->bench->ec, life->bench->ec_cert, text), lines[512];

	(void)snprintf(lines, sizeof lines, "algorithm: x\nnote: %s\nsigner: x\n", base64);
	wire_begin(&answer, WIRE_TOKEN_SEALED, request->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of(cms, length));
	wire_put_bytes(&answer, WIRE_F_LINES, span_of_string(lines));
	(void)send_to(life->token, WIRE_TOKEN, WIRE_STORE, &answer);
	free(base64);
	free(cms);
}

static void serve_token(struct life *life)
{
	struct wire_message request, answer;
	char text[2048];
	size_t length = 0;

	if (receive(life, life->token, WIRE_TOKEN, WIRE_STORE, &request) != 0) {
		return;
	}
	if (request.type == WIRE_TOKEN_SIGN) {
		sign(life, &request);
		return;
	}
	if (request.type == WIRE_TOKEN_SEAL) {
		seal(life, &request);
		return;
	}
	if (request.type != WIRE_TOKEN_UNWRAP) {
		life_fail(life, "the token is asked for %s", wire_type_name(request.type));
	}
	length = bench_unwrap(life->bench->rsa, life->bench->rsa_cert, wire_span(&request, WIRE_F_BYTES), text, sizeof text);
	wire_begin(&answer, WIRE_TOKEN_UNWRAPPED, request.id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of(text, length));
	(void)send_to(life->token, WIRE_TOKEN, WIRE_STORE, &answer);
}

/* --- the hub --- */

/* A record that the store says is durable: the next one. */
static void note_told(struct life *life, const struct wire_message *message)
{
	struct record record;

	if (life->replaying) {
		return;
	}
	if (record_read_leaf(wire_span(message, WIRE_F_LEAF), &record) != 0 || record.index != life->known || life->known == LIFE_RECORDS_MAX) {
		life_fail(life, "record %llu was told out of order", (unsigned long long)record.index);
	}
	memcpy(life->hashes[life->known++], wire_span(message, WIRE_F_HASH).data, 32);
	if (record_field_is(&record, "case", life->number)) {
		memcpy(life->head, wire_span(message, WIRE_F_HASH).data, 32);
	}
}

static int wait_answer(struct life *life, uint64_t id, struct wire_message *ret)
{
	uint64_t deadline = clock_deadline(LIFE_MS);

	for (;;) {
		struct pollfd fds[] = { { .fd = life->hub, .events = POLLIN }, { .fd = life->token, .events = POLLIN } };
		int err = 0;

		if (poll(fds, 2, clock_left(deadline)) <= 0) {
			life_fail(life, "no answer");
		}
		if ((fds[1].revents & POLLIN) != 0 && fds[0].revents == 0) {
			serve_token(life);
		}
		if (fds[0].revents == 0) {
			continue;
		}
		err = receive(life, life->hub, WIRE_HUB, WIRE_STORE, ret);
		if (err != 0) {
			return ERR_GONE;
		}
		if (ret->type == WIRE_STORE_RECORDED) {
			note_told(life, ret);
		} else if (ret->type == WIRE_STORE_HELLO) {
			(void)lines_find_string(wire_span(ret, WIRE_F_LINES), "state", life->state, sizeof life->state);
		} else if (ret->id == id && ret->type != WIRE_PROGRESS) {
			return ret->type == WIRE_ERROR ? -(int)wire_number(ret, WIRE_F_CODE, 0) : 0;
		}
	}
}

/* The token's status comes over a link of its own: as long as the store has not seen it, it says ERR_LOCKED. */
int life_ask(struct life *life, struct wire_message *message, struct wire_message *ret)
{
	uint64_t deadline = clock_deadline(2000);
	int err = ERR_LOCKED;

	while (err == ERR_LOCKED && !clock_expired(deadline)) {
		message->id = life->next_id++;
		message->deadline_ms = clock_deadline(LIFE_MS);
		err = send_to(life->hub, WIRE_HUB, WIRE_STORE, message) != 0 ? ERR_GONE : wait_answer(life, message->id, ret);
		if (err == ERR_LOCKED) {
			(void)usleep(2000);
		}
	}
	return err;
}

int life_take(struct life *life, const char *role, struct span content, char ref[4096])
{
	struct wire_message message, answer;
	int fd = fd_memfd_sealed("content", content.data, content.length), err = 0;

	wire_begin(&message, WIRE_STORE_TAKE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, life->number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_LIMIT, 1024 * 1024);
	wire_put_fd(&message, fd);
	err = life_ask(life, &message, &answer);
	(void)close(fd);
	if (err == 0 && !wire_string(&answer, WIRE_F_REF, ref, 4096)) {
		life_fail(life, "no reference");
	}
	return err;
}

int life_append(struct life *life, const char *type, struct lines *body)
{
	static char text[70000];
	struct wire_message message, answer;
	int length = 0, head = snprintf(text, sizeof text, "%s\n", type), err = 0;
	uint64_t before = life->known;

	lines_set(body, "case", life->number);
	length = lines_finish(body, text + head, sizeof text - (size_t)head);
	assert_true(length > 0);
	lines_free(body);
	wire_begin(&message, WIRE_STORE_APPEND, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, life->number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(life->head, 32));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)(head + length)));
	life->flying = type;
	err = life_ask(life, &message, &answer);
	if (err == 0 && life->known == before) {
		life_fail(life, "%s was acknowledged and not told", type);
	}
	if (err == 0) {
		life->flying = "";
		(void)snprintf(life->last, sizeof life->last, "%s", type);
		life->last_index = wire_number(&answer, WIRE_F_INDEX, 0);
	}
	return err;
}

int life_compare(struct life *life, const char *role, const char *expected)
{
	struct wire_message message, answer;
	char content[256] = "";
	int ends[2], err = 0;
	ssize_t length = 0;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	wire_begin(&message, WIRE_STORE_COPY, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, life->number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, ends[1]);
	err = life_ask(life, &message, &answer);
	(void)close(ends[1]);
	length = fd_read_full(ends[0], content, sizeof content);
	(void)close(ends[0]);
	if (err == 0 && (length != (ssize_t)strlen(expected) || memcmp(content, expected, (size_t)length) != 0)) {
		err = ERR_MISMATCH;
	}
	return err;
}

/* --- the session --- */

int life_offer(struct life *life)
{
	struct wire_message message, answer;
	int reply = fd_memfd_sealed("reply", LIFE_REPLY, strlen(LIFE_REPLY)), peer = fd_memfd_sealed("peer", "PEM", 3), link = -1, err = 0;

	wire_begin(&message, WIRE_STORE_LINK, 0, 0);
	wire_put_number(&message, WIRE_F_SESSION, life->sending);
	err = life_ask(life, &message, &answer);
	if (err == 0) {
		link = wire_take_fd(&answer, 0);
		wire_begin(&message, WIRE_SESSION_OFFER, 1, clock_deadline(LIFE_MS));
		wire_put_number(&message, WIRE_F_SESSION, life->sending);
		wire_put_string(&message, WIRE_F_CASE, life->number);
		wire_put_bytes(&message, WIRE_F_LINES, span_of_string("body-sent: 100\nfar: reply-done\nhttp-status: 200\npeer-sha256: 00\ntls: TLSv1.3\n"));
		wire_put_number(&message, WIRE_F_SIZE, strlen(LIFE_REPLY));
		wire_put_fd(&message, reply);
		wire_put_fd(&message, peer);
		life->flying = "reply";
		err = send_to(link, WIRE_SESSION, WIRE_STORE, &message);
		err = err != 0 ? err : receive(life, link, WIRE_SESSION, WIRE_STORE, &answer);
		err = err != 0 ? err : answer.type == WIRE_ERROR ? -(int)wire_number(&answer, WIRE_F_CODE, 0) : 0;
		(void)close(link);
	}
	(void)close(reply);
	(void)close(peer);
	/* What was told meanwhile stands in the hub's link: any answer comes after it. */
	wire_begin(&message, WIRE_STORE_CASE, 0, 0);
	wire_put_string(&message, WIRE_F_CASE, life->number);
	if (err == 0 && life_ask(life, &message, &answer) == 0) {
		life->flying = "";
		(void)snprintf(life->last, sizeof life->last, "reply");
		wire_message_free(&answer);
	}
	return err;
}

/* --- after a restart --- */

uint64_t life_count(const struct life *life, const char *type)
{
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
		if (strcmp(counted[i], type) == 0) {
			return life->counts[i];
		}
	}
	return 0;
}

static bool is_of_the_store(const char *type)
{
	static const char *const own[] = { "boot", "recovered", "abandoned", "segment", "anchor", "unwrap" };

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		if (strcmp(own[i], type) == 0) {
			return true;
		}
	}
	return false;
}

/* True when it was asked for; each word once. */
static bool was_flying(char *flying, const char *type)
{
	char *found = strstr(flying, type);

	if (found == NULL) {
		return false;
	}
	memset(found, '-', strlen(type));
	return true;
}

static void check_record(struct life *life, const struct record *record, char *flying)
{
	if (record->index < life->known) {
		if (memcmp(life->hashes[record->index], record->hash, 32) != 0) {
			life_fail(life, "record %llu (%s) is another one than was told", (unsigned long long)record->index, record->type);
		}
	} else if (!is_of_the_store(record->type) && !was_flying(flying, record->type)) {
		life_fail(life, "record %llu (%s) was invented", (unsigned long long)record->index, record->type);
	}
	memcpy(life->hashes[record->index], record->hash, 32);
	if (!record_field_is(record, "case", life->number)) {
		return;
	}
	memcpy(life->head, record->hash, 32);
	(void)snprintf(life->last, sizeof life->last, "%s", record->type);
	life->last_index = record->index;
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
		life->counts[i] += strcmp(counted[i], record->type) == 0 ? 1 : 0;
	}
}

static int read_chunk(struct life *life, uint64_t from, char *flying, uint64_t *ret_next)
{
	static uint8_t raw[1024 * 1024];
	struct wire_message message, answer;
	struct span all;
	struct record record;
	uint64_t index = from;
	int fd = -1, err = 0;

	wire_begin(&message, WIRE_STORE_READ, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, from);
	err = life_ask(life, &message, &answer);
	if (err != 0) {
		return err;
	}
	fd = wire_take_fd(&answer, 0);
	all = span_of(raw, (size_t)pread(fd, raw, sizeof raw, 0));
	(void)close(fd);
	while (record_read(&all, &record) == 0) {
		if (record.index != index++ || index >= LIFE_RECORDS_MAX) {
			life_fail(life, "record %llu where %llu should be", (unsigned long long)record.index, (unsigned long long)index - 1);
		}
		check_record(life, &record, flying);
	}
	if (!span_is_empty(all)) {
		life_fail(life, "records that cannot be read after %llu", (unsigned long long)index);
	}
	*ret_next = index;
	return 0;
}

int life_replay(struct life *life)
{
	char flying[64];
	uint64_t next = 0, index = 0, told = life->known;
	int err = 0;

	(void)snprintf(flying, sizeof flying, "%s", life->flying);
	life->last[0] = '\0';
	memset(life->head, 0, sizeof life->head);
	memset(life->counts, 0, sizeof life->counts);
	life->replaying = true;
	for (next = 0; (err = read_chunk(life, index, flying, &next)) == 0 && next > index; index = next) {
	}
	life->replaying = false;
	if (err != 0) {
		return err;
	}
	if (index < told) {
		life_fail(life, "only %llu records are left", (unsigned long long)index);
	}
	life->known = index;
	life->flying = "";
	return 0;
}
