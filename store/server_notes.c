#include "server_notes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"
#include "appliance/base/log.h"
#include "server.h"

static void arm(struct server *server, uint64_t ms);

/* --- in the child --- */

static _Noreturn void run_child(const struct server *server, int fd, uint64_t from)
{
	struct notes_options options = { .ops = server->ops, .data_fd = server->data_fd, .path = server->settings->notes_dir, .from = from };
	struct notes_result result;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	server_child_close_others(server->data_fd, fd);
	(void)umask(0022); /* for auditors to read */
	notes_copy(&options, &result);
	(void)fd_write_all(fd, &result, sizeof result);
	_exit(0);
}

/* --- in the store --- */

static void tell(struct server *server, const struct notes_result *result)
{
	struct server_notes *notes = &server->notes;
	bool changed = notes->last.outcome != result->outcome || notes->last.behind != result->behind;

	notes->last = *result;
	if (!changed) {
		return;
	}
	if (result->outcome == NOTES_DONE) {
		log_info("the auditors' share has everything");
	} else {
		log_warning("the auditors' share is %llu files behind: %s", (unsigned long long)result->behind, notes_outcome_word(result->outcome));
	}
	server_send_hello(server);
}

/* A process that hangs on a share cannot be waited for: it is asked for now and then, and no other is begun before it is gone. */
static void on_reap_timer(void *context, uint32_t events)
{
	struct server *server = context;
	struct server_notes *notes = &server->notes;
	int status = 0;

	(void)events;
	notes->reap_timer = 0;
	if (waitpid(notes->pid, &status, WNOHANG) == 0) {
		notes->reap_timer = loop_timer(server->loop, clock_deadline(SERVER_NOTES_REAP_MS), on_reap_timer, server);
		return;
	}
	notes->pid = 0;
	if (notes->from != UINT64_MAX) {
		arm(server, notes->last.outcome == NOTES_DONE ? SERVER_NOTES_SOON_MS : SERVER_NOTES_AGAIN_MS);
	}
}

/* The run is over, whatever became of it. */
static void end_run(struct server *server, const struct notes_result *result)
{
	struct server_notes *notes = &server->notes;

	loop_unwatch(server->loop, notes->watch);
	loop_cancel(server->loop, notes->deadline_timer);
	cleanup_close(&notes->fd);
	notes->deadline_timer = 0;
	if (result->outcome != NOTES_DONE) {
		/* A share that was away may come back empty, or as another. */
		notes->from = result->outcome == NOTES_FULL && notes->running_from < notes->from ? notes->running_from : 0;
	}
	tell(server, result);
	on_reap_timer(server, 0);
}

static void on_result(void *context, uint32_t events)
{
	struct server *server = context;
	struct notes_result result;
	ssize_t length = read(server->notes.fd, &result, sizeof result);

	(void)events;
	if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (length != (ssize_t)sizeof result) {
		result = (struct notes_result){ .outcome = NOTES_FAILED, .behind = server->notes.last.behind };
	}
	end_run(server, &result);
}

static void on_deadline(void *context, uint32_t events)
{
	struct server *server = context;
	struct notes_result result = { .outcome = NOTES_SLOW, .behind = server->notes.last.behind };

	(void)events;
	(void)kill(server->notes.pid, SIGKILL);
	end_run(server, &result);
}

static int start_run(struct server *server)
{
	struct server_notes *notes = &server->notes;
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;
	int watch = -1;

	if (fd_pipe(&read_end, &write_end) != 0 || fd_set_nonblocking(read_end, true) != 0) {
		return ERR_SYSTEM;
	}
	watch = loop_watch(server->loop, read_end, EPOLLIN, on_result, server);
	if (watch < 0) {
		return watch;
	}
	notes->running_from = notes->from;
	notes->pid = fork();
	if (notes->pid == 0) {
		run_child(server, write_end, notes->running_from);
	}
	if (notes->pid < 0) {
		notes->pid = 0;
		loop_unwatch(server->loop, watch);
		return ERR_SYSTEM;
	}
	notes->from = UINT64_MAX;
	notes->fd = take_fd(&read_end);
	notes->watch = watch;
	notes->deadline_timer = loop_timer(server->loop, clock_deadline(SERVER_NOTES_MS), on_deadline, server);
	return 0;
}

static void on_next_timer(void *context, uint32_t events)
{
	struct server *server = context;

	(void)events;
	server->notes.next_timer = 0;
	if (server->notes.pid == 0 && start_run(server) != 0) {
		arm(server, SERVER_NOTES_AGAIN_MS);
	}
}

static void arm(struct server *server, uint64_t ms)
{
	struct server_notes *notes = &server->notes;
	int id = 0;

	if (notes->next_timer > 0 || notes->pid != 0) {
		return; /* it looks at everything that came until then; a run that ends arms the next */
	}
	id = loop_timer(server->loop, clock_deadline(ms), on_next_timer, server);
	notes->next_timer = id > 0 ? id : 0;
}

static void on_all_timer(void *context, uint32_t events)
{
	struct server *server = context;

	(void)events;
	server->notes.all_timer = loop_timer(server->loop, clock_deadline(SERVER_NOTES_ALL_MS), on_all_timer, server);
	server_notes_changed(server, 0);
}

void server_notes_open(struct server *server)
{
	server->notes.fd = -1;
	server->notes.from = UINT64_MAX;
	if (server->settings->notes_dir[0] != '\0') {
		on_all_timer(server, 0);
	}
}

void server_notes_changed(struct server *server, uint64_t size)
{
	if (server->settings->notes_dir[0] == '\0') {
		return;
	}
	server->notes.from = size < server->notes.from ? size : server->notes.from;
	arm(server, SERVER_NOTES_SOON_MS);
}

void server_notes_hello(const struct server *server, struct lines *body)
{
	const struct notes_result *last = &server->notes.last;

	if (server->settings->notes_dir[0] == '\0') {
		return;
	}
	lines_set_u64(body, "notes-behind", last->behind);
	if (last->outcome != NOTES_DONE) {
		lines_set(body, "notes-why", notes_outcome_word(last->outcome));
	}
	if (last->name[0] != '\0') {
		lines_set(body, "notes-name", last->name);
	}
}

void server_notes_stop(struct server *server)
{
	if (server->notes.pid > 0) {
		(void)kill(server->notes.pid, SIGKILL);
	}
}
