#include "parent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"

/* Who talks to whom. Everything else has no way to. */
static bool are_linked(enum wire_role a, enum wire_role b)
{
	switch ((unsigned)a | (unsigned)b) {
	case WIRE_HUB | WIRE_STORE:
	case WIRE_HUB | WIRE_TOKEN:
	case WIRE_HUB | WIRE_PARTNER:
	case WIRE_HUB | WIRE_TRANSPORT:
	case WIRE_STORE | WIRE_TOKEN:
		return true;
	default:
		return false;
	}
}

static struct program *find_program(struct parent *parent, uint64_t role, uint64_t index)
{
	for (size_t i = 0; i < parent->program_count; i++) {
		if ((uint64_t)parent->programs[i].role == role && parent->programs[i].index == index) {
			return &parent->programs[i];
		}
	}
	return NULL;
}

/* Tells the hub how a program is, for `status`. */
static void tell_hub(struct parent *parent, const struct program *about)
{
	struct program *hub = find_program(parent, WIRE_HUB, 0);
	struct wire_message message;

	if (hub == NULL || !hub->ready) {
		return;
	}
	wire_begin(&message, WIRE_CHILD, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)about->role);
	wire_put_number(&message, WIRE_F_INDEX, about->index);
	wire_put_string(&message, WIRE_F_NAME, about->name);
	wire_put_number(&message, WIRE_F_PID, about->ready ? (uint64_t)about->pid : 0);
	wire_put_number(&message, WIRE_F_BITS, about->bits);
	wire_put_number(&message, WIRE_F_COUNT, about->starts);
	wire_put_string(&message, WIRE_F_TEXT, about->why);
	(void)channel_send(hub->channel, &message);
}

static void send_peer(struct program *to, const struct program *peer, int fd)
{
	struct wire_message message;

	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)peer->role);
	wire_put_number(&message, WIRE_F_INDEX, peer->index);
	wire_put_string(&message, WIRE_F_NAME, peer->name);
	wire_put_fd(&message, fd);
	if (channel_send(to->channel, &message) != 0) {
		log_warning("%s does not take its link", to->executable);
	}
}

static void introduce(struct program *a, struct program *b)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("socketpair: %s", strerror(errno));
		return;
	}
	send_peer(a, b, ends[0]);
	send_peer(b, a, ends[1]);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void on_ready(struct program *program, const struct wire_message *message)
{
	struct parent *parent = program->parent;

	program->ready = true;
	program->bits = wire_number(message, WIRE_F_BITS, 0);
	if (geteuid() == 0) {
		program->bits |= PROTECT_OWN_USER;
	}
	for (size_t i = 0; i < parent->program_count; i++) {
		struct program *other = &parent->programs[i];

		if (program->role == WIRE_HUB) {
			tell_hub(parent, other);
		}
		if (other != program && other->ready && are_linked(program->role, other->role)) {
			introduce(program, other);
		}
	}
	tell_hub(parent, program);
}

static void on_offender(struct program *accuser, const struct wire_message *message)
{
	struct program *accused = find_program(accuser->parent, wire_number(message, WIRE_F_ROLE, 0), wire_number(message, WIRE_F_INDEX, 0));
	char why[64];

	/* Only a peer of the accuser: a compromised program cannot have others killed that it has no link with. */
	if (accused == NULL || accused->pid == 0 || !are_linked(accuser->role, accused->role)) {
		return;
	}
	if (!wire_string(message, WIRE_F_TEXT, why, sizeof why)) {
		(void)snprintf(why, sizeof why, "no reason given");
	}
	log_warning("%s %llu is killed: it broke the protocol with the %s: %s", wire_role_name(accused->role), (unsigned long long)accused->index,
	            wire_role_name(accuser->role), why);
	(void)kill(accused->pid, SIGKILL);
}

static int on_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct program *program = context;

	(void)channel;
	switch (message->type) {
	case WIRE_READY:
		if (program->ready) {
			return ERR_PROTOCOL;
		}
		on_ready(program, message);
		return 0;
	case WIRE_OFFENDER:
		on_offender(program, message);
		return 0;
	default:
		return ERR_PROTOCOL;
	}
}

/* The process itself is reaped by its SIGCHLD; a program that only closed or broke its link must go too. */
static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct program *program = context;

	(void)channel;
	if (end != CHANNEL_CLOSED) {
		log_warning("%s is killed: %s", program->executable, why);
	}
	if (program->pid > 0) {
		(void)kill(program->pid, SIGKILL);
	}
}

static void start(struct program *program);

static void on_restart(void *context, uint32_t events)
{
	struct program *program = context;

	(void)events;
	program->timer = 0;
	start(program);
}

static void restart_later(struct program *program, uint64_t after_ms)
{
	int id = loop_timer(program->parent->loop, clock_deadline(after_ms), on_restart, program);

	program->timer = id > 0 ? id : 0;
	if (id <= 0) {
		log_error("%s cannot be restarted: no timer", program->executable);
		loop_stop(program->parent->loop, 1);
	}
}

static void start(struct program *program)
{
	int link = -1;

	if (program->role == WIRE_HUB) {
		parent_prepare_claims(program->parent->config);
	}
	link = parent_spawn(program);
	if (link < 0) {
		log_error("%s cannot be started: %s", program->executable, strerror(errno));
		restart_later(program, PARENT_BACKOFF_MAX_MS);
		return;
	}
	program->channel = channel_new(program->parent->loop, link, WIRE_PARENT, program->role, on_message, on_end, program);
	if (program->channel == NULL || parent_setup_send(program) != 0) {
		program->unfit = true;
		(void)kill(program->pid, SIGKILL);
	}
}

static uint64_t next_backoff(struct program *program, int status)
{
	uint64_t lived = clock_mono_ms() - program->started_ms;

	if (WIFEXITED(status) && WEXITSTATUS(status) == PARENT_EXIT_ABSENT) {
		return PARENT_ABSENT_MS;
	}
	if (lived >= PARENT_STEADY_MS) {
		program->backoff_ms = 0;
		return 0;
	}
	program->backoff_ms = program->backoff_ms == 0 ? PARENT_BACKOFF_FIRST_MS : program->backoff_ms * 2;
	program->backoff_ms = program->backoff_ms > PARENT_BACKOFF_MAX_MS ? PARENT_BACKOFF_MAX_MS : program->backoff_ms;
	return program->backoff_ms;
}

static void on_exit_of(struct program *program, int status)
{
	if (program->unfit) {
		(void)snprintf(program->why, sizeof program->why, "cannot be given its settings");
		program->unfit = false;
	} else if (WIFSIGNALED(status)) {
		(void)snprintf(program->why, sizeof program->why, "killed by signal %d", WTERMSIG(status));
	} else {
		(void)snprintf(program->why, sizeof program->why, "exited with %d", WEXITSTATUS(status));
	}
	program->pid = 0;
	program->ready = false;
	pulse_gone(program);
	channel_free(program->channel);
	program->channel = NULL;
	if (program->parent->stopping) {
		return;
	}
	log_warning("%s%s%s %s; it is started again", program->executable, program->name[0] != '\0' ? " " : "", program->name, program->why);
	tell_hub(program->parent, program);
	restart_later(program, next_backoff(program, status));
}

static void reap(struct parent *parent)
{
	int status = 0;
	pid_t pid = 0;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < parent->program_count; i++) {
			if (parent->programs[i].pid == pid) {
				on_exit_of(&parent->programs[i], status);
			}
		}
	}
}

static size_t running(const struct parent *parent)
{
	size_t count = 0;

	for (size_t i = 0; i < parent->program_count; i++) {
		count += parent->programs[i].pid > 0 ? 1 : 0;
	}
	return count;
}

static void on_stop_deadline(void *context, uint32_t events)
{
	struct parent *parent = context;

	(void)events;
	for (size_t i = 0; i < parent->program_count; i++) {
		if (parent->programs[i].pid > 0) {
			log_warning("%s does not stop; it is killed", parent->programs[i].executable);
			(void)kill(parent->programs[i].pid, SIGKILL);
		}
	}
}

static void begin_stop(struct parent *parent)
{
	struct wire_message message;

	if (parent->stopping) {
		return;
	}
	parent->stopping = true;
	pulse_stop(parent);
	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	for (size_t i = 0; i < parent->program_count; i++) {
		loop_cancel(parent->loop, parent->programs[i].timer);
		if (parent->programs[i].pid > 0 && (parent->programs[i].channel == NULL || channel_send(parent->programs[i].channel, &message) != 0)) {
			(void)kill(parent->programs[i].pid, SIGKILL);
		}
	}
	if (loop_timer(parent->loop, clock_deadline(PARENT_STOP_MS), on_stop_deadline, parent) < 0) {
		on_stop_deadline(parent, 0);
	}
}

static void on_signal(void *context, uint32_t events)
{
	struct parent *parent = context;
	struct signalfd_siginfo info;

	(void)events;
	while (read(parent->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			begin_stop(parent);
		}
	}
	reap(parent);
	if (parent->stopping && running(parent) == 0) {
		loop_stop(parent->loop, 0);
	}
}

static void add_program(struct parent *parent, enum wire_role role, const char *executable, const char *argument, const char *user)
{
	parent->programs[parent->program_count++] =
	    (struct program){ .parent = parent, .role = role, .name = "", .executable = executable, .argument = argument, .user = user };
}

static void list_programs(struct parent *parent)
{
	const struct config *config = parent->config;

	add_program(parent, WIRE_STORE, "podatelna-store", NULL, config->users.store);
	for (size_t i = 0; i < config->token_count; i++) {
		add_program(parent, WIRE_TOKEN, "podatelna-token", NULL, config->users.token);
		parent->programs[parent->program_count - 1].index = i;
		parent->programs[parent->program_count - 1].name = config->tokens[i].name;
	}
	add_program(parent, WIRE_PARTNER, "podatelna-partner", NULL, config->users.partner);
	add_program(parent, WIRE_TRANSPORT, "podatelna-transport", NULL, config->users.transport);
	add_program(parent, WIRE_HUB, "podatelnad", "--hub", config->users.hub);
}

static int watch_signals(struct parent *parent)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN); /* settings are read at a start only */
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
		return ERR_SYSTEM;
	}
	parent->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (parent->signals < 0 || loop_watch(parent->loop, parent->signals, EPOLLIN, on_signal, parent) < 0) {
		return ERR_SYSTEM;
	}
	return 0;
}

int parent_run(const struct config *config, struct span config_text)
{
	static struct parent parent;
	int result = 1;

	parent.config = config;
	parent.config_text = config_text;
	parent.loop = loop_new();
	if (parent.loop == NULL || watch_signals(&parent) != 0 || parent_prepare(&parent) != 0) {
		log_error("the box cannot start");
		return 1;
	}
	if (pulse_begin(&parent) != 0) {
		log_error("no timer: systemd is not told how the box is");
	}
	list_programs(&parent);
	for (size_t i = 0; i < parent.program_count; i++) {
		start(&parent.programs[i]);
	}
	result = loop_run(parent.loop);
	(void)unlink(config->control_socket);
	loop_free(parent.loop);
	return result;
}
