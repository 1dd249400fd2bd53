#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "err.h"

#define EVENTS_PER_ROUND 64

struct slot {
	bool used;
	bool timer;
	uint32_t generation;
	int fd;
	uint64_t deadline_ms;
	loop_handler handler;
	void *context;
};

struct loop {
	int epoll;
	bool stopping;
	int result;
	size_t count; /* slots ever used */
	struct slot slots[LOOP_WATCH_MAX];
};

struct loop *loop_new(void)
{
	struct loop *loop = malloc(sizeof *loop);

	if (loop == NULL) {
		return NULL;
	}
	/* The slots are written when they are first used: a process that lives for a moment touches no more memory than it needs. */
	memset(loop, 0, offsetof(struct loop, slots) + sizeof loop->slots[0]);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	loop->count = 1; /* id 0 is nobody */
	return loop;
}

void loop_free(struct loop *loop)
{
	if (loop != NULL) {
		(void)close(loop->epoll);
		free(loop);
	}
}

static int take_slot(struct loop *loop)
{
	for (size_t i = 1; i < loop->count; i++) {
		if (!loop->slots[i].used) {
			return (int)i;
		}
	}
	if (loop->count == LOOP_WATCH_MAX) {
		return ERR_LIMIT;
	}
	loop->slots[loop->count] = (struct slot){ .fd = -1 };
	return (int)loop->count++;
}

static void release_slot(struct slot *slot)
{
	uint32_t generation = slot->generation + 1;

	*slot = (struct slot){ .generation = generation, .fd = -1 };
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_handler handler, void *context)
{
	int id = take_slot(loop);
	struct slot *slot = NULL;
	struct epoll_event event = { .events = events };

	if (id < 0) {
		return id;
	}
	slot = &loop->slots[id];
	event.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)id;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		return ERR_SYSTEM;
	}
	slot->used = true;
	slot->timer = false;
	slot->fd = fd;
	slot->handler = handler;
	slot->context = context;
	return id;
}

static struct slot *slot_of(struct loop *loop, int id)
{
	return id > 0 && id < LOOP_WATCH_MAX && (size_t)id < loop->count && loop->slots[id].used ? &loop->slots[id] : NULL;
}

int loop_modify(struct loop *loop, int id, uint32_t events)
{
	struct slot *slot = slot_of(loop, id);
	struct epoll_event event = { .events = events };

	if (slot == NULL || slot->timer) {
		return ERR_NOTFOUND;
	}
	event.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)id;
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, slot->fd, &event) == 0 ? 0 : ERR_SYSTEM;
}

void loop_unwatch(struct loop *loop, int id)
{
	struct slot *slot = slot_of(loop, id);

	if (slot == NULL || slot->timer) {
		return;
	}
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, slot->fd, NULL);
	release_slot(slot);
}

int loop_timer(struct loop *loop, uint64_t deadline_ms, loop_handler handler, void *context)
{
	int id = take_slot(loop);

	if (id < 0) {
		return id;
	}
	loop->slots[id].used = true;
	loop->slots[id].timer = true;
	loop->slots[id].deadline_ms = deadline_ms;
	loop->slots[id].handler = handler;
	loop->slots[id].context = context;
	return id;
}

void loop_cancel(struct loop *loop, int id)
{
	struct slot *slot = slot_of(loop, id);

	if (slot != NULL && slot->timer) {
		release_slot(slot);
	}
}

static uint64_t next_deadline(const struct loop *loop, uint64_t limit_ms)
{
	for (size_t i = 1; i < loop->count; i++) {
		const struct slot *slot = &loop->slots[i];

		if (slot->used && slot->timer && slot->deadline_ms < limit_ms) {
			limit_ms = slot->deadline_ms;
		}
	}
	return limit_ms;
}

static void run_timers(struct loop *loop)
{
	uint64_t now = clock_mono_ms();

	/* A timer that a handler adds now waits for the next round even when it is due: no handler can starve the descriptors. */
	size_t count = loop->count;

	for (size_t i = 1; i < count && !loop->stopping; i++) {
		struct slot slot = loop->slots[i];

		if (slot.used && slot.timer && slot.deadline_ms <= now) {
			release_slot(&loop->slots[i]);
			slot.handler(slot.context, 0);
		}
	}
}

int loop_step(struct loop *loop, uint64_t deadline_ms)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int count = epoll_wait(loop->epoll, events, EVENTS_PER_ROUND, clock_left(next_deadline(loop, deadline_ms)));

	if (count < 0) {
		return errno == EINTR ? 0 : ERR_SYSTEM;
	}
	for (int i = 0; i < count && !loop->stopping; i++) {
		struct slot *slot = slot_of(loop, (int)(uint32_t)events[i].data.u64);

		if (slot != NULL && !slot->timer && slot->generation == (uint32_t)(events[i].data.u64 >> 32)) {
			slot->handler(slot->context, events[i].events);
		}
	}
	run_timers(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	loop->stopping = false;
	while (!loop->stopping) {
		int err = loop_step(loop, CLOCK_NEVER_MS);

		if (err != 0) {
			return err;
		}
	}
	return loop->result;
}

void loop_stop(struct loop *loop, int result)
{
	loop->stopping = true;
	loop->result = result;
}
