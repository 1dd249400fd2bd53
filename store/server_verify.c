/* The check of everything, in a child process of its own, so that the store goes on meanwhile. The child keeps nothing but the data directory and
 * the pipe on which it reports. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"
#include "archive.h"
#include "verify.h"

#define VERIFY_MS_MAX (UINT64_C(6) * 3600 * 1000)

/* One packet on the pipe, smaller than PIPE_BUF: written and read whole. */
struct report {
	bool finished;
	int err;
	struct verify_result result;
};

struct server_verify {
	struct server *server;
	uint64_t request;
	pid_t pid;
	int fd, watch, timer;
	struct report last;
};

/* --- in the child --- */

static int report_fd;

static void send_report(bool finished, int err, const struct verify_result *result)
{
	struct report report;

	memset(&report, 0, sizeof report);
	report.finished = finished;
	report.err = err;
	report.result = *result;
	(void)fd_write_all(report_fd, &report, sizeof report);
}

static int check_object(void *context, const struct record *record, struct span role, const struct journal_ref *ref, char why[JOURNAL_TEXT_SIZE])
{
	(void)record;
	(void)role;
	for (size_t i = 0; i < ref->part_count; i++) {
		int err = vault_part_check(context, ref->parts[i]);

		if (err != 0) {
			(void)snprintf(why, JOURNAL_TEXT_SIZE, "part %zu of an object of the vault is %s", i + 1, err == ERR_NOTFOUND ? "missing" : "damaged");
			return err;
		}
	}
	return 0;
}

void server_child_close_others(int first, int second)
{
	int low = first < second ? first : second, high = first < second ? second : first;

	if (low > 3) {
		(void)close_range(3, (unsigned)low - 1, 0);
	}
	if (high > low + 1) {
		(void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	}
	(void)close_range((unsigned)high + 1, ~0U, 0);
}

static void run_child(struct server *server, int fd, uint64_t until)
{
	struct verify_options options = { .ops = server->ops, .data_fd = server->data_fd, .until = until, .on_object = check_object };
	struct journal_verify *verify = NULL;
	struct verify_result result = { 0 };
	struct vault *vault = NULL;
	struct journal_facts facts;
	struct archive archive;
	int err = ERR_INTERNAL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	server_child_close_others(server->data_fd, fd);
	report_fd = fd;
	err = vault_open_reading(server->ops, server->data_fd, &vault);
	options.context = vault;
	if (err == 0) {
		journal_facts(server->journal, &facts);
		vault_archive(vault, server->settings->archive_dir, facts.origin);
		options.archive = archive_open(server->ops, server->settings->archive_dir, facts.origin, &archive) == 0 ? archive.id : 0;
		archive_close(server->ops, &archive);
		err = journal_verify_open(&options, &verify);
	}
	while (err == 0 && (err = journal_verify_step(verify, 4 * 1024 * 1024)) == ERR_AGAIN) {
		journal_verify_result(verify, &result);
		send_report(false, 0, &result);
		err = 0;
	}
	if (verify != NULL) {
		journal_verify_result(verify, &result);
	}
	send_report(true, err, &result);
	_exit(0);
}

/* --- in the store --- */

static void finish(struct server_verify *verify)
{
	int status = 0;

	verify->server->verify = NULL;
	loop_unwatch(verify->server->loop, verify->watch);
	loop_cancel(verify->server->loop, verify->timer);
	cleanup_close(&verify->fd);
	(void)kill(verify->pid, SIGKILL); /* harmless when it ended by itself: it is not yet waited for */
	while (waitpid(verify->pid, &status, 0) < 0 && errno == EINTR) {
	}
	free(verify);
}

static void answer_result(struct server_verify *verify)
{
	const struct verify_result *result = &verify->last.result;
	_cleanup_lines_ struct lines figures = { 0 };
	struct wire_message answer;
	char text[2048], root[2 * JOURNAL_HASH_BYTES + 1];
	int length = 0;

	hex_encode(result->root, sizeof result->root, root);
	lines_set(&figures, "origin", result->origin);
	lines_set(&figures, "root", root);
	lines_set_u64(&figures, "records", result->records);
	lines_set_u64(&figures, "segments", result->segments);
	lines_set_u64(&figures, "unclean-segments", result->unclean_segments);
	lines_set_u64(&figures, "cases", result->cases);
	lines_set_u64(&figures, "notes", result->notes);
	lines_set_u64(&figures, "signed-notes", result->signed_notes);
	lines_set_u64(&figures, "note-signatures", result->note_signatures);
	lines_set_u64(&figures, "stamps", result->stamps);
	lines_set_u64(&figures, "bad-stamps", result->bad_stamps);
	lines_set_u64(&figures, "unrecorded-stamps", result->unrecorded);
	lines_set_u64(&figures, "unknown-files", result->unknown);
	if (result->unknown > 0) {
		lines_set(&figures, "unknown-names", result->unknown_names);
	}
	lines_set_u64(&figures, "objects", result->objects);
	lines_set_u64(&figures, "erased", result->erased);
	lines_set(&figures, "erased-names", result->erased_names[0] == '\0' ? NULL : result->erased_names);
	lines_set_u64(&figures, "archived", result->archived);
	length = lines_finish(&figures, text, sizeof text);
	wire_begin(&answer, WIRE_STORE_VERIFIED, verify->request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_CODE, result->damaged ? 5 : 0);
	if (result->damaged) {
		wire_put_number(&answer, WIRE_F_INDEX, result->index);
		wire_put_string(&answer, WIRE_F_TEXT, result->why);
	}
	if (length > 0) {
		wire_put_bytes(&answer, WIRE_F_LINES, span_of(text, (size_t)length));
	}
	server_tell_hub(verify->server, &answer);
}

static void send_progress(struct server_verify *verify)
{
	struct wire_message notice;

	wire_begin(&notice, WIRE_PROGRESS, verify->request, CLOCK_NEVER_MS);
	wire_put_number(&notice, WIRE_F_DONE, verify->last.result.done_bytes);
	wire_put_number(&notice, WIRE_F_COUNT, verify->last.result.all_bytes);
	server_tell_hub(verify->server, &notice);
}

static void on_report(void *context, uint32_t events)
{
	struct server_verify *verify = context;
	ssize_t length = read(verify->fd, &verify->last, sizeof verify->last);

	(void)events;
	if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (length != (ssize_t)sizeof verify->last) {
		server_fail(verify->server, verify->request, ERR_GONE, "the check ended early", NULL);
		finish(verify);
		return;
	}
	if (!verify->last.finished) {
		send_progress(verify);
		return;
	}
	if (verify->last.err != 0) {
		server_fail(verify->server, verify->request, verify->last.err, "the journal could not be read", NULL);
	} else {
		answer_result(verify);
	}
	finish(verify);
}

static void on_deadline(void *context, uint32_t events)
{
	struct server_verify *verify = context;

	(void)events;
	verify->timer = 0;
	server_fail(verify->server, verify->request, ERR_DEADLINE, "the check took too long", NULL);
	finish(verify);
}

void server_verify_stop(struct server *server)
{
	if (server->verify != NULL) {
		finish(server->verify);
	}
}

static int start_child(struct server *server, uint64_t request)
{
	struct server_verify *verify = calloc(1, sizeof *verify);
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;
	struct journal_facts facts;
	int id = 0;

	if (verify == NULL || fd_pipe(&read_end, &write_end) != 0 || fd_set_nonblocking(read_end, true) != 0) {
		free(verify);
		return ERR_SYSTEM;
	}
	verify->server = server;
	verify->request = request;
	id = loop_watch(server->loop, read_end, EPOLLIN, on_report, verify);
	verify->pid = id < 0 ? -1 : fork();
	if (verify->pid == 0) {
		/* A living journal is checked up to what is durable now; a damaged one, to which nothing is added, whole. */
		journal_facts(server->journal, &facts);
		run_child(server, write_end, facts.state == JOURNAL_DAMAGED ? UINT64_MAX : facts.size);
	}
	if (verify->pid < 0) {
		loop_unwatch(server->loop, id);
		free(verify);
		return ERR_SYSTEM;
	}
	verify->fd = take_fd(&read_end);
	verify->watch = id;
	verify->timer = loop_timer(server->loop, clock_deadline(VERIFY_MS_MAX), on_deadline, verify);
	server->verify = verify;
	return 0;
}

void server_verify_start(struct server *server, const struct wire_message *message)
{
	int err = ERR_BUSY;

	server_commit(server);
	if (server->verify == NULL) {
		err = start_child(server, message->id);
	}
	if (err != 0) {
		server_fail(server, message->id, err, err == ERR_BUSY ? "a check is running already" : "the check could not be started", NULL);
	}
}
