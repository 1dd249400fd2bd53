#include "zygote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"
#include "anchors.h"
#include "errand.h"
#include "mail.h"
#include "zygote_paths.h"
#include "zygote_table.h"

/* No session has business after this: its own limits end it long before. */
#define LIFE_MAX_MS (UINT64_C(2) * SESSION_HOLD_LINKED_MS)

struct zygote {
	struct child *child;
	struct loop *loop;
	struct channel *hub;
	struct table table;
	size_t limit;
	int signals;
	bool stopping;
	struct paths paths;
	struct proxy proxy;
	struct sandbox_filter *narrow; /* of the sessions */
	struct mail mail;
	struct errands errands;
};

/* --- living sessions --- */

static int on_session_message(void *context, struct channel *channel, struct wire_message *message)
{
	(void)context;
	(void)channel;
	(void)message;
	return ERR_PROTOCOL; /* a session says nothing to us */
}

static void on_session_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct table_entry *entry = context;

	if (end != CHANNEL_CLOSED) {
		log_warning("session %llu: %s: killed", (unsigned long long)entry->id, why);
		(void)kill(entry->pid, SIGKILL);
	}
	channel_free(channel);
	entry->link = NULL; /* SIGCHLD tells the rest */
}

static void on_life_over(void *context, uint32_t events)
{
	struct table_entry *entry = context;

	(void)events;
	entry->life_timer = 0;
	log_error("session %llu does not end: killed", (unsigned long long)entry->id);
	(void)kill(entry->pid, SIGKILL);
}

static void stop_when_idle(struct zygote *zygote)
{
	if (zygote->stopping && zygote->table.count == 0 && !mail_lives(&zygote->mail) && !errands_live(&zygote->errands)) {
		loop_stop(zygote->loop, 0);
	}
}

static void on_child_signal(void *context, uint32_t events)
{
	struct zygote *zygote = context;
	struct signalfd_siginfo info;
	int status = 0;
	pid_t pid = 0;

	(void)events;
	(void)!read(zygote->signals, &info, sizeof info); /* non-blocking; who it was says waitpid */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct table_entry *entry = table_find_pid(&zygote->table, pid);

		if (entry == NULL) {
			mail_ended(&zygote->mail, pid);
			errand_ended(&zygote->errands, pid);
			continue;
		}
		if (WIFSIGNALED(status)) {
			log_warning("session %llu: killed by signal %d", (unsigned long long)entry->id, WTERMSIG(status));
		} else if (WEXITSTATUS(status) != 0) {
			log_warning("session %llu: exit %d", (unsigned long long)entry->id, WEXITSTATUS(status));
		}
		loop_cancel(zygote->loop, entry->life_timer);
		table_remove(&zygote->table, entry);
	}
	stop_when_idle(zygote);
}

/* --- what the hub asks --- */

static void fork_session(struct zygote *zygote, struct wire_message *message, struct table_entry *entry, const int ends[2])
{
	struct session_start start = {
		.id = entry->id,
		.lines = wire_span(message, WIRE_F_LINES),
		.size = wire_number(message, WIRE_F_SIZE, 0),
		.zygote = ends[1],
		.reply = -1,
		.parent = getpid(),
		.proxy = &zygote->proxy,
		.narrow = zygote->narrow,
	};
	pid_t pid = fork();

	if (pid == 0) {
		start.hub = wire_take_fd(message, 0);
		start.store = wire_take_fd(message, 1);
		start.body = wire_take_fd(message, 2);
		memcpy(start.case_number, entry->case_number, sizeof start.case_number);
		session_run(&start);
	}
	(void)close(ends[1]);
	if (pid < 0) {
		log_error("session %llu: fork: errno %d", (unsigned long long)entry->id, errno);
		(void)close(ends[0]);
		*entry = (struct table_entry){ 0 };
		return;
	}
	table_note_begun(&zygote->table, entry->id);
	entry->pid = pid;
	entry->link = channel_new(zygote->loop, ends[0], WIRE_HUB, WIRE_TRANSPORT, on_session_message, on_session_end, entry);
	entry->life_timer = loop_timer(zygote->loop, clock_deadline(LIFE_MAX_MS), on_life_over, entry);
	zygote->table.count++;
}

static void start_session(struct zygote *zygote, struct wire_message *message)
{
	uint64_t id = wire_number(message, WIRE_F_SESSION, 0);
	struct table_entry *entry = table_free_entry(&zygote->table, zygote->limit);
	int ends[2];

	/* A second exchange under one authorising record would be a second filing (P3). */
	if (table_was_begun(&zygote->table, id)) {
		log_error("session %llu was begun before: refused", (unsigned long long)id);
		return;
	}
	if (entry == NULL || zygote->stopping) {
		log_warning("session %llu: refused: %s", (unsigned long long)id, entry == NULL ? "too many living" : "stopping");
		return;
	}
	if (!wire_string(message, WIRE_F_CASE, entry->case_number, sizeof entry->case_number)) {
		log_error("session %llu: refused: case number too long", (unsigned long long)id);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("session %llu: socketpair: errno %d", (unsigned long long)id, errno);
		return;
	}
	entry->id = id;
	fork_session(zygote, message, entry, ends);
}

static int list_sessions(struct zygote *zygote, const struct wire_message *message)
{
	_cleanup_lines_ struct lines sessions = { 0 };
	static char text[LINES_BODY_MAX + 1];
	struct wire_message answer;
	uint64_t complete_from = 0;
	int length = 0;

	table_note_journal(&zygote->table, wire_number(message, WIRE_F_INDEX, 0));
	complete_from = table_list(&zygote->table, &sessions);
	length = lines_finish(&sessions, text, sizeof text);
	if (length < 0) {
		return channel_answer_error(zygote->hub, message->id, length, "list of sessions");
	}
	wire_begin(&answer, WIRE_SESSION_LIVING, message->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&answer, WIRE_F_INDEX, complete_from);
	return channel_send(zygote->hub, &answer);
}

/* Handed on as it came. A session that ended meanwhile: the ends close and the hub sees it. */
static void attach_session(struct zygote *zygote, const struct wire_message *message)
{
	uint64_t id = wire_number(message, WIRE_F_SESSION, 0);
	const struct table_entry *entry = table_find(&zygote->table, id);
	struct wire_message copy;

	if (entry == NULL || entry->link == NULL) {
		return;
	}
	wire_begin(&copy, WIRE_SESSION_ATTACH, 0, CLOCK_NEVER_MS);
	wire_put_number(&copy, WIRE_F_SESSION, id);
	wire_put_fd(&copy, message->fds[0]);
	wire_put_fd(&copy, message->fds[1]);
	if (channel_send(entry->link, &copy) != 0) {
		log_warning("session %llu does not listen", (unsigned long long)id);
	}
}

static void start_mail(struct zygote *zygote, struct wire_message *message)
{
	if (!zygote->stopping) {
		mail_start(&zygote->mail, message, zygote->narrow);
	}
}

static void start_errand(struct zygote *zygote, struct wire_message *message)
{
	if (!zygote->stopping) {
		errand_start(&zygote->errands, message, &zygote->proxy, zygote->narrow);
	}
}

static int on_hub_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct zygote *zygote = context;

	(void)channel;
	switch (message->type) {
	case WIRE_SESSION_START:
		start_session(zygote, message);
		return 0;
	case WIRE_SESSION_LIST:
		(void)list_sessions(zygote, message);
		return 0;
	case WIRE_SESSION_ATTACH:
		attach_session(zygote, message);
		return 0;
	case WIRE_MAIL_START:
		start_mail(zygote, message);
		return 0;
	case WIRE_ERRAND_START:
		start_errand(zygote, message);
		return 0;
	default:
		return ERR_PROTOCOL;
	}
}

static void on_hub_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct zygote *zygote = context;

	if (end != CHANNEL_CLOSED) {
		child_accuse(zygote->child, WIRE_HUB, 0, why);
	}
	channel_free(channel);
	if (zygote->hub == channel) {
		zygote->hub = NULL; /* the next one comes as PEER; sessions go on */
	}
}

static void on_peer(void *context, enum wire_role role, uint64_t index, const char *name, int fd)
{
	struct zygote *zygote = context;

	(void)index;
	(void)name;
	if (role != WIRE_HUB) {
		(void)close(fd);
		return;
	}
	channel_free(zygote->hub);
	zygote->hub = channel_new(zygote->loop, fd, WIRE_TRANSPORT, WIRE_HUB, on_hub_message, on_hub_end, zygote);
}

static void on_stop_late(void *context, uint32_t events)
{
	struct zygote *zygote = context;

	(void)events;
	log_warning("stopping with %zu sessions alive", zygote->table.count);
	loop_stop(zygote->loop, 0);
}

static void on_stop(void *context)
{
	struct zygote *zygote = context;

	zygote->stopping = true;
	(void)loop_timer(zygote->loop, clock_deadline(ZYGOTE_STOP_MS), on_stop_late, zygote);
	stop_when_idle(zygote);
}

/* --- its own life --- */

static void on_stale_check(void *context, uint32_t events)
{
	struct zygote *zygote = context;
	const char *changed = paths_changed(&zygote->paths);

	(void)events;
	if (changed != NULL && zygote->table.count == 0 && !errands_live(&zygote->errands)) {
		log_info("%s was replaced: starting anew", changed);
		loop_stop(zygote->loop, 0);
		return;
	}
	(void)loop_timer(zygote->loop, clock_deadline(ZYGOTE_STALE_CHECK_MS), on_stale_check, zygote);
}

static size_t session_limit(struct span settings)
{
	uint64_t limit = TABLE_SESSIONS_MAX;

	(void)lines_find_u64(settings, "session-limit", &limit);
	return limit > 0 && limit < TABLE_SESSIONS_MAX ? (size_t)limit : TABLE_SESSIONS_MAX;
}

static int take_setup_fd(void *context, size_t n)
{
	return child_take_fd(context, n);
}

/* The filter must already hold what sessions need, since a filter is never loosened; they take the rest away from themselves. */
static void enter_sandbox(struct zygote *zygote)
{
	const struct sandbox wide = { .groups = SANDBOX_FORK | SANDBOX_OPEN | SANDBOX_NET | SANDBOX_THREADS,
		                      .paths = zygote->paths.list,
		                      .path_count = zygote->paths.count };

	child_ready(zygote->child, &wide);
}

int zygote_run(struct child *child)
{
	static struct zygote zygote = { .signals = -1 };
	sigset_t signals;

	zygote.child = child;
	zygote.loop = child_loop(child);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0 || (zygote.signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) < 0 ||
	    loop_watch(zygote.loop, zygote.signals, EPOLLIN, on_child_signal, &zygote) < 0) {
		log_error("signals: errno %d", errno);
		return 1;
	}
	child_handlers(child, on_peer, on_stop, NULL, &zygote);
	paths_read(&zygote.paths, child_settings(child));
	proxy_read(&zygote.proxy, child_settings(child), take_setup_fd, child);
	anchors_load(&zygote.paths);
	mail_read(&zygote.mail, child_settings(child), take_setup_fd, child);
	logins_read(&zygote.errands.logins, child_settings(child), take_setup_fd, child);
	zygote.limit = session_limit(child_settings(child));
	zygote.narrow = sandbox_filter_new(SANDBOX_OPEN | SANDBOX_NET | SANDBOX_THREADS);
	if (zygote.narrow == NULL) {
		log_error("the filter of the sessions cannot be made");
		return 1;
	}
	enter_sandbox(&zygote);
	on_stale_check(&zygote, 0);
	return loop_run(zygote.loop) == 0 ? 0 : 1;
}
