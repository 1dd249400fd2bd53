#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/fdio.h"

int stream_prepare(int fd)
{
	return fd_set_nonblocking(fd, true);
}

static int wait_for(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd waiter = { .fd = fd, .events = events };

	for (;;) {
		int ready = poll(&waiter, 1, clock_left(deadline_ms));

		if (ready > 0) {
			return 0;
		}
		if (ready == 0) {
			return ERR_DEADLINE;
		}
		if (errno != EINTR) {
			return ERR_SYSTEM;
		}
	}
}

ssize_t stream_read(int fd, uint8_t *ret, size_t size, uint64_t deadline_ms)
{
	for (;;) {
		ssize_t done = read(fd, ret, size);
		int err = 0;

		if (done >= 0) {
			return done;
		}
		if (errno == EAGAIN) {
			err = wait_for(fd, POLLIN, deadline_ms);
		} else if (errno != EINTR) {
			return ERR_SYSTEM;
		}
		if (err != 0) {
			return err;
		}
	}
}

int stream_write(int fd, const uint8_t *data, size_t length, uint64_t deadline_ms)
{
	size_t have = 0;

	while (have < length) {
		ssize_t done = write(fd, data + have, length - have);
		int err = 0;

		if (done >= 0) {
			have += (size_t)done;
			continue;
		}
		if (errno == EAGAIN) {
			err = wait_for(fd, POLLOUT, deadline_ms);
		} else if (errno != EINTR) {
			return errno == EPIPE ? ERR_GONE : ERR_SYSTEM;
		}
		if (err != 0) {
			return err;
		}
	}
	return 0;
}
