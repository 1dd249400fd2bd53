/* The child process that touches the archive. */
#include "server_depot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"
#include "archive.h"
#include "erase.h"
#include "parts.h"

/* --- in the child --- */

static int one_part(const struct server_depot *depot, const struct archive *archive, int vault, const uint8_t hash[OBJECT_HASH_BYTES])
{
	const struct fileops *ops = depot->server->ops;

	switch (depot->action) {
	case DEPOT_OUT:
		return part_copy(ops, vault, archive->vault_fd, hash);
	case DEPOT_BACK:
		return part_copy(ops, archive->vault_fd, vault, hash);
	default:
		return part_remove(ops, archive->vault_fd, hash, depot->owner_id);
	}
}

static int all_parts(const struct server_depot *depot, const struct archive *archive, struct server_archive_result *result)
{
	const struct fileops *ops = depot->server->ops;
	int vault = ops->openat(ops, depot->server->data_fd, "vault", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), err = vault < 0 ? file_error() : 0;

	for (size_t i = 0; err == 0 && i < depot->part_count; i++) {
		err = one_part(depot, archive, vault, depot->parts[i]);
		result->parts += err == 0 ? 1 : 0;
	}
	file_close(ops, &vault);
	return err;
}

static void work(const struct server_depot *depot, struct server_archive_result *result)
{
	const struct fileops *ops = depot->server->ops;
	const char *path = depot->server->settings->archive_dir;
	struct archive archive = { .vault_fd = -1 };
	struct statvfs space;

	if (depot->action == DEPOT_INIT) {
		result->err = archive_init(ops, path, depot->origin, depot->server->data_fd, depot->same_disk, &result->id);
	}
	if (depot->action != DEPOT_INIT || result->err == 0) {
		result->err = archive_open(ops, path, depot->origin, &archive);
	}
	if (result->err == 0 && depot->id != 0 && archive.id != depot->id) {
		result->err = ERR_NOTFOUND; /* another medium of ours */
	}
	if (result->err == 0) {
		result->id = archive.id;
		result->free_bytes = ops->fstatvfs(ops, archive.vault_fd, &space) == 0 ? (uint64_t)space.f_bavail * space.f_frsize : 0;
	}
	if (result->err == 0 && depot->part_count > 0) {
		result->err = all_parts(depot, &archive, result);
	}
	archive_close(ops, &archive);
}

static _Noreturn void run_child(const struct server_depot *depot, int fd)
{
	struct server_archive_result result;

	memset(&result, 0, sizeof result);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	server_child_close_others(depot->server->data_fd, fd);
	work(depot, &result);
	(void)fd_write_all(fd, &result, sizeof result);
	_exit(0);
}

/* --- the child in the store --- */

static void next_one(struct server *server);

static void release(struct server_depot *depot)
{
	free(depot->parts);
	free(depot);
}

/* A child that hangs on a disk cannot be waited for; no other is begun before it is gone. */
static bool child_gone(struct server *server)
{
	if (server->depot_pid > 0 && waitpid(server->depot_pid, NULL, WNOHANG) != 0) {
		server->depot_pid = 0;
	}
	return server->depot_pid == 0;
}

static void end(struct server_depot *depot, int err, const struct server_archive_result *result)
{
	struct server *server = depot->server;
	server_archive_done done = depot->done;
	void *context = depot->context;

	loop_unwatch(server->loop, depot->watch);
	loop_cancel(server->loop, depot->timer);
	cleanup_close(&depot->fd);
	(void)kill(depot->pid, SIGKILL); /* harmless when it ended by itself: it is not yet waited for */
	server->depot_pid = depot->pid;
	server->depot = NULL;
	if (err == ERR_DEADLINE) {
		(void)child_gone(server);
	} else {
		while (waitpid(depot->pid, NULL, 0) < 0 && errno == EINTR) {
		}
		server->depot_pid = 0;
	}
	release(depot);
	next_one(server);
	done(context, err, result);
}

static void on_report(void *context, uint32_t events)
{
	struct server_depot *depot = context;
	struct server_archive_result result;
	ssize_t length = read(depot->fd, &result, sizeof result);

	(void)events;
	if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (length != (ssize_t)sizeof result) {
		end(depot, ERR_GONE, NULL);
	} else {
		end(depot, result.err, &result);
	}
}

static void on_deadline(void *context, uint32_t events)
{
	struct server_depot *depot = context;

	(void)events;
	depot->timer = 0;
	end(depot, ERR_DEADLINE, NULL);
}

static int add_parts(void *context, const struct object_ref *ref)
{
	struct server_depot *depot = context;
	uint8_t(*more)[OBJECT_HASH_BYTES] = NULL;

	if (depot->part_count + ref->part_count > SERVER_ARCHIVE_PARTS_MAX) {
		return ERR_LIMIT;
	}
	more = reallocarray(depot->parts, depot->part_count + ref->part_count, sizeof *more);
	if (more == NULL) {
		return ERR_MEMORY;
	}
	depot->parts = more;
	memcpy(more + depot->part_count, ref->parts, ref->part_count * sizeof *more);
	depot->part_count += ref->part_count;
	return 0;
}

static int fork_child(struct server_depot *depot)
{
	struct server *server = depot->server;
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;

	if (fd_pipe(&read_end, &write_end) != 0 || fd_set_nonblocking(read_end, true) != 0) {
		return ERR_SYSTEM;
	}
	depot->watch = loop_watch(server->loop, read_end, EPOLLIN, on_report, depot);
	depot->pid = depot->watch < 0 ? -1 : fork();
	if (depot->pid == 0) {
		run_child(depot, write_end);
	}
	if (depot->pid < 0) {
		loop_unwatch(server->loop, depot->watch);
		return ERR_SYSTEM;
	}
	depot->fd = take_fd(&read_end);
	depot->timer = loop_timer(server->loop, clock_deadline(SERVER_ARCHIVE_MS), on_deadline, depot);
	return 0;
}

/* Its turn has come. What is not begun is the caller's still. */
static int start(struct server_depot *depot)
{
	struct server *server = depot->server;
	int err = child_gone(server) ? 0 : ERR_BUSY;

	if (err == 0 && depot->case_number[0] != '\0') {
		vault_owner_id(server->vault, depot->case_number, depot->owner_id);
		err = erase_each_object(server->journal, depot->case_number, add_parts, depot);
	}
	if (err == 0) {
		err = fork_child(depot);
	}
	server->depot = err == 0 ? depot : NULL;
	return err;
}

/* --- who waits --- */

static void leave_queue(struct server_depot *depot)
{
	struct server_depot **at = &depot->server->depot_waiting;

	while (*at != depot) {
		at = &(*at)->next;
	}
	*at = depot->next;
	depot->next = NULL;
	loop_cancel(depot->server->loop, depot->timer);
	depot->timer = 0;
}

static void give_up(struct server_depot *depot, int err)
{
	server_archive_done done = depot->done;
	void *context = depot->context;

	release(depot);
	done(context, err, NULL);
}

/* One that cannot be begun must not hold up those behind it. */
static void next_one(struct server *server)
{
	while (server->depot == NULL && server->depot_waiting != NULL) {
		struct server_depot *depot = server->depot_waiting;
		int err = 0;

		leave_queue(depot);
		err = start(depot);
		if (err != 0) {
			give_up(depot, err);
		}
	}
}

static void on_waited(void *context, uint32_t events)
{
	struct server_depot *depot = context;

	(void)events;
	depot->timer = 0;
	leave_queue(depot);
	give_up(depot, ERR_BUSY);
}

static int wait_for_turn(struct server_depot *depot)
{
	struct server_depot **at = &depot->server->depot_waiting;
	size_t count = 0;

	for (; *at != NULL; at = &(*at)->next) {
		count++;
	}
	if (count >= SERVER_DEPOT_WAITING_MAX) {
		return ERR_BUSY;
	}
	depot->timer = loop_timer(depot->server->loop, clock_deadline(depot->wait_ms), on_waited, depot);
	if (depot->timer < 0) {
		return depot->timer;
	}
	*at = depot;
	return 0;
}

int server_depot_start(struct server *server, const struct server_depot *wanted)
{
	struct server_depot *depot = NULL;
	struct journal_facts facts;
	int err = 0;

	if (server->settings->archive_dir[0] == '\0') {
		return ERR_NOTFOUND;
	}
	depot = malloc(sizeof *depot);
	if (depot == NULL) {
		return ERR_MEMORY;
	}
	*depot = *wanted;
	depot->server = server;
	depot->fd = -1;
	journal_facts(server->journal, &facts);
	memcpy(depot->origin, facts.origin, sizeof depot->origin);
	err = server->depot != NULL ? wait_for_turn(depot) : start(depot);
	if (err != 0) {
		release(depot);
	}
	return err;
}

bool server_depot_has(const struct server *server, const char *case_number)
{
	bool found = server->depot != NULL && strcmp(server->depot->case_number, case_number) == 0;

	for (const struct server_depot *each = server->depot_waiting; each != NULL && !found; each = each->next) {
		found = strcmp(each->case_number, case_number) == 0;
	}
	return found;
}

void server_archive_stop(struct server *server)
{
	if (server->depot != NULL) {
		(void)kill(server->depot->pid, SIGKILL);
	}
}
