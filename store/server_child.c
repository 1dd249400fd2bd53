#include "server_child.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"
#include "server.h"

struct server_child {
	struct server *server;
	struct server_child_plan plan;
	pid_t pid;
	int fd, watch, timer;
	uint8_t packet[PIPE_BUF];
};

/* --- in the child --- */

/* All but these, so that the links of the store end when the store ends. */
static void close_others(int fds[3])
{
	int first = 3;

	for (size_t i = 0; i < 3; i++) { /* ascending */
		for (size_t k = i + 1; k < 3; k++) {
			if (fds[k] < fds[i]) {
				int fd = fds[i];

				fds[i] = fds[k];
				fds[k] = fd;
			}
		}
	}
	for (size_t i = 0; i < 3; i++) {
		if (fds[i] > first) {
			(void)close_range((unsigned)first, (unsigned)fds[i] - 1, 0);
		}
		first = fds[i] >= first ? fds[i] + 1 : first;
	}
	(void)close_range((unsigned)first, ~0U, 0);
}

void server_child_report(int report, const void *packet, size_t length)
{
	if (fd_write_all(report, packet, length) != 0) {
		_exit(1);
	}
}

/* --- in the store --- */

void server_child_stop(struct server_child *child)
{
	int status = 0;

	if (child == NULL) {
		return;
	}
	loop_unwatch(child->server->loop, child->watch);
	loop_cancel(child->server->loop, child->timer);
	cleanup_close(&child->fd);
	(void)kill(child->pid, SIGKILL); /* harmless when it ended by itself: it is not yet waited for */
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
	}
	free(child);
}

static void lose(struct server_child *child, int err)
{
	struct server_child_plan plan = child->plan;

	server_child_stop(child);
	plan.on_lost(plan.context, err);
}

static void on_report(void *context, uint32_t events)
{
	struct server_child *child = context;
	ssize_t length = read(child->fd, child->packet, child->plan.packet);

	(void)events;
	if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (length != (ssize_t)child->plan.packet) {
		lose(child, ERR_GONE);
	} else {
		child->plan.on_packet(child->plan.context, child->packet);
	}
}

static void on_deadline(void *context, uint32_t events)
{
	struct server_child *child = context;

	(void)events;
	child->timer = 0;
	lose(child, ERR_DEADLINE);
}

int server_child_start(struct server *server, const struct server_child_plan *plan, struct server_child **ret)
{
	struct server_child *child = calloc(1, sizeof *child);
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;

	if (child == NULL || fd_pipe(&read_end, &write_end) != 0 || fd_set_nonblocking(read_end, true) != 0) {
		free(child);
		return ERR_SYSTEM;
	}
	child->server = server;
	child->plan = *plan;
	child->watch = loop_watch(server->loop, read_end, EPOLLIN, on_report, child);
	child->pid = child->watch < 0 ? -1 : fork();
	if (child->pid == 0) {
		int fds[3] = { server->data_fd, write_end, plan->keep };

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_others(fds);
		plan->run(server, write_end, plan->context);
		_exit(0);
	}
	if (child->pid < 0) {
		loop_unwatch(server->loop, child->watch);
		free(child);
		return ERR_SYSTEM;
	}
	child->fd = take_fd(&read_end);
	child->timer = loop_timer(server->loop, clock_deadline(plan->timeout_ms), on_deadline, child);
	*ret = child;
	return 0;
}
