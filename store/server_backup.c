/* STORE_BACKUP: a backup of the working box, written by a child process. The child sees the journal as it was when the wish came; what is appended meanwhile is
 * not in it, and what is erased or archived meanwhile has its record before it goes (backup_write.c). */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "backup.h"
#include "server_child.h"

#define BACKUP_MS_MAX (UINT64_C(24) * 3600 * 1000)
#define TELL_MS 200
#define TRIES_MAX 5 /* when content is erased or archived meanwhile */

struct report {
	bool finished;
	int err;
	uint64_t done, count;
	struct backup_result result;
};

struct server_backup {
	struct server *server;
	struct server_child *child;
	uint64_t request, records;
	bool with_keys;
	unsigned tries;
	int out, report;
	uint64_t told_ms;
	char origin[JOURNAL_ORIGIN_SIZE];
};

/* --- in the child --- */

static int on_progress(void *context, uint64_t done, uint64_t count)
{
	struct server_backup *backup = context;
	struct report report;

	if (clock_mono_ms() - backup->told_ms >= TELL_MS) {
		backup->told_ms = clock_mono_ms();
		memset(&report, 0, sizeof report);
		report.done = done;
		report.count = count > done ? count : done;
		server_child_report(backup->report, &report, sizeof report);
	}
	return 0;
}

static void run_child(struct server *server, int fd, void *context)
{
	struct server_backup *backup = context;
	struct backup_options options = { .ops = server->ops,
		                          .data_fd = server->data_fd,
		                          .out = backup->out,
		                          .with_keys = backup->with_keys,
		                          .records = backup->records,
		                          .now_ms = clock_utc_ms(),
		                          .progress = on_progress,
		                          .context = backup };
	struct report report;

	memset(&report, 0, sizeof report);
	memcpy(options.origin, backup->origin, sizeof options.origin);
	backup->report = fd;
	report.finished = true;
	report.err = backup_write(&options, &report.result);
	if (report.err == 0 && server->ops->fsync(server->ops, backup->out) != 0 && errno != EINVAL) { /* a pipe has nothing to sync */
		report.err = file_error();
	}
	server_child_report(fd, &report, sizeof report);
}

/* --- in the store --- */

static void finish(struct server_backup *backup)
{
	backup->server->backup = NULL;
	server_child_stop(backup->child);
	cleanup_close(&backup->out);
	free(backup);
}

static const char *words_of(const struct report *report)
{
	switch (report->err) {
	case ERR_SPACE:
		return "there is no space left where the backup is written";
	case ERR_DAMAGE:
		return report->result.why;
	case ERR_AGAIN:
		return "content went again and again while the backup was written";
	case ERR_STATE:
		return "the journal is empty";
	default:
		return "the backup could not be written";
	}
}

static void answer(struct server_backup *backup, const struct report *report)
{
	struct wire_message message;

	if (report->err != 0) {
		server_fail(backup->server, backup->request, report->err, words_of(report), NULL);
		return;
	}
	wire_begin(&message, WIRE_STORE_BACKED, backup->request, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SIZE, report->result.bytes);
	wire_put_number(&message, WIRE_F_COUNT, report->result.records);
	wire_put_bytes(&message, WIRE_F_HASH, span_of(report->result.root, sizeof report->result.root));
	server_tell_hub(backup->server, &message);
}

static int begin(struct server_backup *backup);

/* From the beginning, with the journal as it is now. False where that cannot be. */
static bool begin_anew(struct server_backup *backup)
{
	server_child_stop(backup->child);
	backup->child = NULL;
	return ++backup->tries < TRIES_MAX && lseek(backup->out, 0, SEEK_SET) == 0 &&
	       backup->server->ops->ftruncate(backup->server->ops, backup->out, 0) == 0 && begin(backup) == 0;
}

static void on_packet(void *context, const void *packet)
{
	struct server_backup *backup = context;
	struct wire_message notice;
	struct report report;

	memcpy(&report, packet, sizeof report);
	if (report.finished && report.err == ERR_AGAIN && begin_anew(backup)) {
		return;
	}
	if (report.finished) {
		answer(backup, &report);
		finish(backup);
		return;
	}
	wire_begin(&notice, WIRE_PROGRESS, backup->request, CLOCK_NEVER_MS);
	wire_put_number(&notice, WIRE_F_DONE, report.done);
	wire_put_number(&notice, WIRE_F_COUNT, report.count);
	wire_put_string(&notice, WIRE_F_TEXT, "backup");
	server_tell_hub(backup->server, &notice);
}

static void on_lost(void *context, int err)
{
	struct server_backup *backup = context;

	backup->child = NULL;
	server_fail(backup->server, backup->request, err, err == ERR_DEADLINE ? "the backup took too long" : "the backup ended early", NULL);
	finish(backup);
}

void server_backup_stop(struct server *server)
{
	if (server->backup != NULL) {
		finish(server->backup);
	}
}

static int begin(struct server_backup *backup)
{
	struct server_child_plan plan = { .packet = sizeof(struct report),
		                          .timeout_ms = BACKUP_MS_MAX,
		                          .keep = backup->out,
		                          .run = run_child,
		                          .on_packet = on_packet,
		                          .on_lost = on_lost,
		                          .context = backup };
	struct journal_facts facts;

	server_commit(backup->server);
	journal_facts(backup->server->journal, &facts);
	backup->records = facts.size;
	memcpy(backup->origin, facts.origin, sizeof backup->origin);
	return server_child_start(backup->server, &plan, &backup->child);
}

static int start(struct server *server, struct wire_message *message)
{
	struct server_backup *backup = calloc(1, sizeof *backup);
	int err = ERR_MEMORY;

	if (backup == NULL) {
		return err;
	}
	backup->server = server;
	backup->request = message->id;
	backup->with_keys = wire_number(message, WIRE_F_BITS, 0) != 0;
	backup->out = wire_take_fd(message, 0);
	err = begin(backup);
	if (err != 0) {
		cleanup_close(&backup->out);
		free(backup);
		return err;
	}
	server->backup = backup;
	return 0;
}

void server_backup_start(struct server *server, struct wire_message *message)
{
	struct journal_facts facts;
	int err = ERR_BUSY;

	server_commit(server);
	journal_facts(server->journal, &facts);
	if (facts.state != JOURNAL_READY) {
		server_fail(server, message->id, ERR_DAMAGE, "the journal is damaged: copy the data directory as it is instead", NULL);
		return;
	}
	if (server->backup == NULL) {
		err = start(server, message);
	}
	if (err != 0) {
		server_fail(server, message->id, err, err == ERR_BUSY ? "a backup is being written already" : "the backup could not be started", NULL);
	}
}
