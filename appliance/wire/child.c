#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"

struct child {
	enum wire_role self;
	struct loop *loop;
	struct channel *parent;
	uint8_t *setup; /* the packet that the settings point into */
	struct span settings;
	uint64_t index;
	char name[WIRE_STRING_MAX_BYTES + 1];
	int fds[WIRE_FDS_MAX];
	size_t fd_count;
	child_peer_handler on_peer;
	child_stop_handler on_stop;
	child_notice_handler on_notice;
	child_ping_handler on_ping;
	void *context;
};

static _Noreturn void die(const char *why)
{
	log_error("%s", why);
	_exit(1);
}

static void receive_setup(struct child *child)
{
	struct wire_message message;
	int err = ERR_INTERNAL;

	child->setup = malloc(WIRE_MESSAGE_MAX_BYTES);
	if (child->setup == NULL) {
		die("no memory");
	}
	err = wire_receive_blocking(CHILD_PARENT_FD, child->self, WIRE_PARENT, child->setup, &message, clock_deadline(CHILD_SETUP_MS));
	if (err != 0 || message.type != WIRE_SETUP || !wire_string(&message, WIRE_F_NAME, child->name, sizeof child->name)) {
		die("no settings from podatelnad on descriptor 3: this program is started by podatelnad only");
	}
	child->settings = wire_span(&message, WIRE_F_LINES);
	child->index = wire_number(&message, WIRE_F_INDEX, 0);
	child->fd_count = message.fd_count;
	for (size_t i = 0; i < message.fd_count; i++) {
		child->fds[i] = wire_take_fd(&message, i);
	}
}

struct child *child_open(const char *program, enum wire_role self)
{
	struct child *child = calloc(1, sizeof *child);

	log_open(program);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN); /* a terminal's interrupt reaches the parent, which stops us in order */
	if (child == NULL || (child->loop = loop_new()) == NULL) {
		die("no memory");
	}
	child->self = self;
	receive_setup(child);
	return child;
}

struct loop *child_loop(struct child *child)
{
	return child->loop;
}

struct span child_settings(const struct child *child)
{
	return child->settings;
}

uint64_t child_index(const struct child *child)
{
	return child->index;
}

const char *child_name(const struct child *child)
{
	return child->name;
}

int child_take_fd(struct child *child, size_t n)
{
	return n < child->fd_count ? take_fd(&child->fds[n]) : -1;
}

void child_handlers(struct child *child, child_peer_handler on_peer, child_stop_handler on_stop, child_notice_handler on_notice, void *context)
{
	child->on_peer = on_peer;
	child->on_stop = on_stop;
	child->on_notice = on_notice;
	child->context = context;
}

void child_on_ping(struct child *child, child_ping_handler on_ping)
{
	child->on_ping = on_ping;
}

static void answer_ping(struct child *child, uint64_t id)
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_PONG, id, CLOCK_NEVER_MS);
	if (child->on_ping != NULL) {
		child->on_ping(child->context, &answer);
	}
	(void)channel_send(child->parent, &answer);
}

static int on_parent_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct child *child = context;
	char name[WIRE_STRING_MAX_BYTES + 1];

	(void)channel;
	switch (message->type) {
	case WIRE_PEER:
		if (child->on_peer != NULL && wire_string(message, WIRE_F_NAME, name, sizeof name)) {
			child->on_peer(child->context, (enum wire_role)wire_number(message, WIRE_F_ROLE, 0), wire_number(message, WIRE_F_INDEX, 0), name,
			               wire_take_fd(message, 0));
		}
		return 0;
	case WIRE_STOP:
		if (child->on_stop != NULL) {
			child->on_stop(child->context);
		} else {
			_exit(0);
		}
		return 0;
	case WIRE_PING:
		answer_ping(child, message->id);
		return 0;
	default:
		if (child->on_notice == NULL) {
			return ERR_PROTOCOL;
		}
		child->on_notice(child->context, message);
		return 0;
	}
}

static void on_parent_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)context;
	(void)channel;
	(void)end;
	(void)why;
	_exit(0); /* no parent: nobody restarts peers, nobody watches us */
}

void child_ready(struct child *child, const struct sandbox *sandbox)
{
	struct wire_message message;
	int bits = 0;

	child->parent = channel_new(child->loop, CHILD_PARENT_FD, child->self, WIRE_PARENT, on_parent_message, on_parent_end, child);
	if (child->parent == NULL) {
		die("no link to the parent");
	}
	bits = sandbox_enter(sandbox);
	if (bits < 0) {
		die("the sandbox could not be set up");
	}
	wire_begin(&message, WIRE_READY, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_BITS, (uint64_t)bits);
	if (channel_send(child->parent, &message) != 0) {
		die("no link to the parent");
	}
}

void child_accuse(struct child *child, enum wire_role role, uint64_t index, const char *why)
{
	struct wire_message message;

	log_warning("%s %llu broke the protocol: %s", wire_role_name(role), (unsigned long long)index, why);
	wire_begin(&message, WIRE_OFFENDER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)role);
	wire_put_number(&message, WIRE_F_INDEX, index);
	wire_put_string(&message, WIRE_F_TEXT, why);
	(void)channel_send(child->parent, &message);
}
