#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "packet.h"

#define READS_PER_ROUND 64 /* a chatty peer cannot keep the loop for itself */

struct packet {
	struct packet *next;
	int fds[WIRE_FDS_MAX];
	size_t fd_count;
	size_t length;
	uint8_t bytes[];
};

struct pending {
	struct pending *next;
	uint64_t id;
	uint64_t deadline_ms;
	enum wire_type expected;
	channel_answer on_answer;
	void *context;
};

struct channel {
	struct loop *loop;
	int fd, watch, timer, failure_timer;
	enum wire_role self, peer;
	channel_handler on_message;
	channel_end_handler on_end;
	void *context;
	struct packet *queue_head, **queue_tail;
	size_t queue_length;
	struct pending *pending;
	size_t pending_count;
	uint64_t next_id;
	int depth; /* callbacks under way: channel_free then waits for the last of them */
	bool freed;
};

/* Single-threaded, and no callback receives: one buffer each way serves every channel. */
static uint8_t receive_buffer[WIRE_MESSAGE_MAX_BYTES + 1];
static uint8_t send_buffer[WIRE_MESSAGE_MAX_BYTES];

static void free_packet(struct packet *packet)
{
	for (size_t i = 0; i < packet->fd_count; i++) {
		(void)close(packet->fds[i]);
	}
	free(packet);
}

static void drop_queue(struct channel *channel)
{
	while (channel->queue_head != NULL) {
		struct packet *packet = channel->queue_head;

		channel->queue_head = packet->next;
		free_packet(packet);
	}
	channel->queue_tail = &channel->queue_head;
	channel->queue_length = 0;
}

static void close_link(struct channel *channel)
{
	loop_unwatch(channel->loop, channel->watch);
	loop_cancel(channel->loop, channel->timer);
	loop_cancel(channel->loop, channel->failure_timer);
	channel->watch = channel->timer = channel->failure_timer = 0;
	if (channel->fd >= 0) {
		(void)close(channel->fd);
		channel->fd = -1;
	}
	drop_queue(channel);
}

static void drop_pending(struct channel *channel)
{
	while (channel->pending != NULL) {
		struct pending *pending = channel->pending;

		channel->pending = pending->next;
		free(pending);
	}
	channel->pending_count = 0;
}

static void leave_callback(struct channel *channel)
{
	channel->depth--;
	if (channel->depth == 0 && channel->freed) {
		drop_pending(channel);
		free(channel);
	}
}

void channel_free(struct channel *channel)
{
	if (channel == NULL || channel->freed) {
		return;
	}
	close_link(channel);
	channel->freed = true;
	channel->depth++;
	leave_callback(channel);
}

static void end_link(struct channel *channel, enum channel_end end, const char *why)
{
	if (channel->fd < 0) {
		return;
	}
	close_link(channel);
	channel->depth++;
	while (channel->pending != NULL && !channel->freed) {
		struct pending *pending = channel->pending;

		channel->pending = pending->next;
		channel->pending_count--;
		pending->on_answer(pending->context, ERR_GONE, NULL);
		free(pending);
	}
	if (!channel->freed && channel->on_end != NULL) {
		channel->on_end(channel->context, channel, end, why);
	}
	leave_callback(channel);
}

static void on_deadline(void *context, uint32_t events);

static void arm_timer(struct channel *channel)
{
	uint64_t earliest = CLOCK_NEVER_MS;

	loop_cancel(channel->loop, channel->timer);
	channel->timer = 0;
	for (struct pending *each = channel->pending; each != NULL; each = each->next) {
		earliest = each->deadline_ms < earliest ? each->deadline_ms : earliest;
	}
	if (earliest != CLOCK_NEVER_MS) {
		int id = loop_timer(channel->loop, earliest, on_deadline, channel);

		channel->timer = id > 0 ? id : 0;
	}
}

static struct pending *take_expired(struct channel *channel)
{
	for (struct pending **place = &channel->pending; *place != NULL; place = &(*place)->next) {
		struct pending *pending = *place;

		if (clock_expired(pending->deadline_ms)) {
			*place = pending->next;
			channel->pending_count--;
			return pending;
		}
	}
	return NULL;
}

static void on_deadline(void *context, uint32_t events)
{
	struct channel *channel = context;
	struct pending *pending = NULL;

	(void)events;
	channel->timer = 0;
	channel->depth++;
	while (!channel->freed && (pending = take_expired(channel)) != NULL) {
		pending->on_answer(pending->context, ERR_DEADLINE, NULL);
		free(pending);
	}
	if (!channel->freed && channel->fd >= 0) {
		arm_timer(channel);
	}
	leave_callback(channel);
}

static struct pending *take_pending(struct channel *channel, uint64_t id)
{
	for (struct pending **place = &channel->pending; *place != NULL; place = &(*place)->next) {
		struct pending *pending = *place;

		if (pending->id == id) {
			*place = pending->next;
			channel->pending_count--;
			return pending;
		}
	}
	return NULL;
}

/* An answer goes to its request; an answer nobody waits for (deadline passed, forgotten) is dropped. */
static int dispatch_answer(struct channel *channel, struct wire_message *message)
{
	struct pending *pending = take_pending(channel, message->id);
	int err = 0;

	if (pending == NULL) {
		return message->id != 0 && message->id < channel->next_id ? 0 : ERR_PROTOCOL;
	}
	if (message->type == WIRE_ERROR || message->type == pending->expected) {
		pending->on_answer(pending->context, 0, message);
	} else {
		pending->on_answer(pending->context, ERR_GONE, NULL);
		err = ERR_PROTOCOL;
	}
	free(pending);
	return err;
}

static void dispatch(struct channel *channel, struct wire_message *message)
{
	int err = 0;

	channel->depth++;
	if (packet_is_answer(message)) {
		err = dispatch_answer(channel, message);
	} else {
		err = channel->on_message(channel->context, channel, message);
	}
	wire_message_free(message);
	if (err == ERR_PROTOCOL && !channel->freed) {
		end_link(channel, CHANNEL_BROKEN, "unexpected message");
	}
	leave_callback(channel);
}

static void on_readable(struct channel *channel)
{
	for (int i = 0; i < READS_PER_ROUND && channel->fd >= 0 && !channel->freed; i++) {
		struct wire_message message = { 0 };
		const char *why = "";
		int err = packet_receive(channel->fd, channel->peer, channel->self, receive_buffer, &message, &why);

		if (err == ERR_AGAIN) {
			return;
		}
		if (err != 0) {
			end_link(channel, err == ERR_GONE ? CHANNEL_CLOSED : CHANNEL_BROKEN, why);
			return;
		}
		dispatch(channel, &message);
	}
}

static void on_writable(struct channel *channel)
{
	while (channel->queue_head != NULL) {
		struct packet *packet = channel->queue_head;
		int err = packet_send(channel->fd, packet->bytes, packet->length, packet->fds, packet->fd_count);

		if (err == ERR_AGAIN) {
			return;
		}
		if (err != 0) {
			end_link(channel, CHANNEL_CLOSED, "peer gone");
			return;
		}
		channel->queue_head = packet->next;
		channel->queue_length--;
		free_packet(packet);
	}
	channel->queue_tail = &channel->queue_head;
	(void)loop_modify(channel->loop, channel->watch, EPOLLIN);
}

static void on_events(void *context, uint32_t events)
{
	struct channel *channel = context;

	channel->depth++;
	if ((events & EPOLLOUT) != 0 && !channel->freed) {
		on_writable(channel);
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !channel->freed) {
		on_readable(channel);
	}
	leave_callback(channel);
}

struct channel *channel_new(struct loop *loop, int fd, enum wire_role self, enum wire_role peer, channel_handler on_message, channel_end_handler on_end,
                            void *context)
{
	struct channel *channel = calloc(1, sizeof *channel);
	int watch = 0;

	if (channel == NULL || packet_prepare(fd) != 0 || (watch = loop_watch(loop, fd, EPOLLIN, on_events, channel)) < 0) {
		free(channel);
		(void)close(fd);
		return NULL;
	}
	channel->loop = loop;
	channel->fd = fd;
	channel->watch = watch;
	channel->self = self;
	channel->peer = peer;
	channel->on_message = on_message;
	channel->on_end = on_end;
	channel->context = context;
	channel->queue_tail = &channel->queue_head;
	channel->next_id = 1;
	return channel;
}

enum wire_role channel_peer(const struct channel *channel)
{
	return channel->peer;
}

bool channel_is_open(const struct channel *channel)
{
	return channel != NULL && channel->fd >= 0;
}

size_t channel_backlog(const struct channel *channel)
{
	return channel->queue_length;
}

/* The end is told from the loop, so that no caller of channel_send finds its channel freed under its feet. */
static void on_failure(void *context, uint32_t events)
{
	struct channel *channel = context;

	(void)events;
	channel->failure_timer = 0;
	end_link(channel, channel->queue_length >= CHANNEL_QUEUE_MAX ? CHANNEL_HUNG : CHANNEL_CLOSED, "peer does not take messages");
}

static int fail_later(struct channel *channel)
{
	if (channel->failure_timer == 0) {
		int id = loop_timer(channel->loop, clock_mono_ms(), on_failure, channel);

		channel->failure_timer = id > 0 ? id : 0;
	}
	return ERR_GONE;
}

static int enqueue(struct channel *channel, const struct wire_message *message, size_t length)
{
	struct packet *packet = NULL;

	if (channel->queue_length >= CHANNEL_QUEUE_MAX) {
		return fail_later(channel);
	}
	packet = malloc(sizeof *packet + length);
	if (packet == NULL) {
		return ERR_MEMORY;
	}
	packet->next = NULL;
	packet->fd_count = 0;
	packet->length = length;
	memcpy(packet->bytes, send_buffer, length);
	for (size_t i = 0; i < message->fd_count; i++) {
		int copy = packet_duplicate(message->fds[i]);

		if (copy < 0) {
			free_packet(packet);
			return ERR_SYSTEM;
		}
		packet->fds[packet->fd_count++] = copy;
	}
	*channel->queue_tail = packet;
	channel->queue_tail = &packet->next;
	channel->queue_length++;
	(void)loop_modify(channel->loop, channel->watch, EPOLLIN | EPOLLOUT);
	return 0;
}

int channel_send(struct channel *channel, const struct wire_message *message)
{
	int length = 0, err = ERR_INTERNAL;

	if (!channel_is_open(channel)) {
		return ERR_GONE;
	}
	length = wire_encode(message, channel->self, channel->peer, send_buffer, sizeof send_buffer);
	if (length < 0) {
		return length;
	}
	if (channel->queue_head != NULL) {
		return enqueue(channel, message, (size_t)length);
	}
	err = packet_send(channel->fd, send_buffer, (size_t)length, message->fds, message->fd_count);
	if (err == ERR_AGAIN) {
		return enqueue(channel, message, (size_t)length);
	}
	return err == ERR_GONE ? fail_later(channel) : err;
}

int channel_request(struct channel *channel, struct wire_message *message, uint64_t timeout_ms, channel_answer on_answer, void *context, uint64_t *ret_id)
{
	struct pending *pending = NULL;
	int err = ERR_INTERNAL;

	if (!channel_is_open(channel)) {
		return ERR_GONE;
	}
	if (channel->pending_count >= CHANNEL_PENDING_MAX) {
		return ERR_BUSY;
	}
	pending = calloc(1, sizeof *pending);
	if (pending == NULL) {
		return ERR_MEMORY;
	}
	message->id = channel->next_id++;
	message->deadline_ms = clock_deadline(timeout_ms);
	err = channel_send(channel, message);
	if (err != 0) {
		free(pending);
		return err;
	}
	*pending = (struct pending){ .next = channel->pending,
		                     .id = message->id,
		                     .deadline_ms = message->deadline_ms,
		                     .on_answer = on_answer,
		                     .context = context,
		                     .expected = packet_expected_answer(message->type) };
	channel->pending = pending;
	channel->pending_count++;
	arm_timer(channel);
	if (ret_id != NULL) {
		*ret_id = message->id;
	}
	return 0;
}

void channel_forget(struct channel *channel, uint64_t id)
{
	if (channel != NULL) {
		free(take_pending(channel, id));
	}
}

int channel_answer_error(struct channel *channel, uint64_t request_id, int err, const char *text)
{
	struct wire_message message;

	wire_begin(&message, WIRE_ERROR, request_id, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, (uint64_t)(-err));
	if (text != NULL) {
		wire_put_string(&message, WIRE_F_TEXT, text);
	}
	return channel_send(channel, &message);
}
