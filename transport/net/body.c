#include "body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

int body_open(int fd, uint64_t size, struct body *ret)
{
	struct body body = { .fd = fd, .size = size };

	/* One byte more than announced, so that a surplus is seen. */
	body.capacity = size < BODY_AHEAD_BYTES ? (size_t)size + 1 : BODY_AHEAD_BYTES;
	body.buffer = malloc(body.capacity);
	if (body.buffer == NULL || (fd >= 0 && fd_set_nonblocking(fd, true) != 0)) {
		int err = body.buffer == NULL ? ERR_MEMORY : ERR_SYSTEM;

		body_close(&body);
		return err;
	}
	body.ended = fd < 0;
	if (fd < 0 && size > 0) {
		body.why = "body missing";
	}
	*ret = body;
	return 0;
}

void body_close(struct body *body)
{
	cleanup_close(&body->fd);
	free(body->buffer);
	body->buffer = NULL;
}

static int fail(struct body *body, int err, const char *why)
{
	if (body->why == NULL) {
		body->why = why;
	}
	return err;
}

static void make_room(struct body *body)
{
	if (body->begin > 0) {
		memmove(body->buffer, body->buffer + body->begin, body->end - body->begin);
		body->end -= body->begin;
		body->begin = 0;
	}
}

int body_fill(struct body *body)
{
	make_room(body);
	while (body->why == NULL && !body->ended && body->end < body->capacity) {
		ssize_t done = read(body->fd, body->buffer + body->end, body->capacity - body->end);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			return errno == EAGAIN ? ERR_AGAIN : fail(body, ERR_SYSTEM, "body not readable");
		}
		body->ended = done == 0;
		body->end += (size_t)done;
		body->taken += (uint64_t)done;
		if (body->taken > body->size) {
			return fail(body, ERR_FORMAT, "body longer than announced");
		}
		if (body->ended && body->taken < body->size) {
			return fail(body, ERR_GONE, "body shorter than announced");
		}
	}
	return body->why == NULL ? 0 : ERR_FORMAT;
}

bool body_is_ready(const struct body *body)
{
	return body->ended || body->end - body->begin == body->capacity;
}

static size_t available(const struct body *body)
{
	size_t have = body->end - body->begin;

	return !body->ended && body->taken == body->size && have > 0 ? have - 1 : have;
}

bool body_is_starved(const struct body *body)
{
	return !body->ended && available(body) == 0;
}

ssize_t body_read(struct body *body, void *buffer, size_t size)
{
	size_t count = 0;
	int err = 0;

	body->called = true;
	if (body->why != NULL) {
		return ERR_FORMAT;
	}
	if (available(body) == 0 || body->end - body->begin < body->capacity / 2) {
		err = body_fill(body);
	}
	if (err != 0 && err != ERR_AGAIN) {
		return err;
	}
	count = available(body) < size ? available(body) : size;
	memcpy(buffer, body->buffer + body->begin, count);
	body->begin += count;
	return (ssize_t)count;
}
