#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "channel.h"
#include "packet.h"
#include "wire_schema.h"

int packet_prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		return ERR_SYSTEM;
	}
	return 0;
}

int packet_duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? ERR_SYSTEM : copy;
}

enum wire_type packet_expected_answer(enum wire_type request)
{
	return (enum wire_type)wire_rules[request].answer;
}

bool packet_is_answer(const struct wire_message *message)
{
	if (message->type == WIRE_ERROR) {
		return true;
	}
	for (size_t i = 0; message->id != 0 && i < WIRE_TYPE_COUNT; i++) {
		if (wire_rules[i].answer == (uint8_t)message->type) {
			return true;
		}
	}
	return false;
}

int packet_send(int fd, const uint8_t *bytes, size_t length, const int *fds, size_t fd_count)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd_count > 0) {
		struct cmsghdr *cmsg = NULL;

		header.msg_control = control.space;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fd_count);
	}
	for (;;) {
		if (sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
			return 0;
		}
		if (errno == EINTR) {
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS) {
			return ERR_AGAIN;
		}
		return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? ERR_GONE : ERR_SYSTEM;
	}
}

/* Takes the descriptors out of the control data; false when there were more than a message may carry. */
static bool collect_fds(struct msghdr *header, struct wire_message *ret)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL; cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t count = 0;
		int fds[WIRE_FDS_MAX];

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (count > WIRE_FDS_MAX - ret->fd_count) {
			return false;
		}
		memcpy(fds, CMSG_DATA(cmsg), count * sizeof(int));
		for (size_t i = 0; i < count; i++) {
			ret->fds[ret->fd_count++] = fds[i];
		}
	}
	return (header->msg_flags & MSG_CTRUNC) == 0;
}

int packet_receive(int fd, enum wire_role from, enum wire_role to, uint8_t *buffer, struct wire_message *ret, const char **ret_why)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec part = { .iov_base = buffer, .iov_len = WIRE_MESSAGE_MAX_BYTES + 1 };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space };
	ssize_t length = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	bool fds_whole = false;
	int err = ERR_INTERNAL;

	if (length < 0) {
		*ret_why = "link failed";
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? ERR_AGAIN : ERR_GONE;
	}
	if (length == 0) {
		*ret_why = "link closed";
		return ERR_GONE;
	}
	ret->owns_fds = true;
	fds_whole = collect_fds(&header, ret);
	*ret_why = "packet too long or too many descriptors";
	if (!fds_whole || (header.msg_flags & MSG_TRUNC) != 0) {
		err = ERR_PROTOCOL;
	} else {
		err = wire_decode(span_of(buffer, (size_t)length), from, to, ret, ret_why);
	}
	if (err != 0) {
		wire_message_free(ret);
	}
	return err;
}

/* Waits until `fd` is ready for `events`; ERR_DEADLINE otherwise. */
static int wait_ready(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd each = { .fd = fd, .events = events };
	int count = poll(&each, 1, clock_left(deadline_ms));

	if (count < 0 && errno != EINTR) {
		return ERR_SYSTEM;
	}
	return count > 0 || (count < 0 && !clock_expired(deadline_ms)) ? 0 : ERR_DEADLINE;
}

int wire_send_blocking(int fd, enum wire_role self, enum wire_role peer, const struct wire_message *message, uint64_t deadline_ms)
{
	static uint8_t packet[WIRE_MESSAGE_MAX_BYTES];
	int length = wire_encode(message, self, peer, packet, sizeof packet);
	int err = ERR_AGAIN;

	if (length < 0) {
		return length;
	}
	while ((err = packet_send(fd, packet, (size_t)length, message->fds, message->fd_count)) == ERR_AGAIN) {
		err = wait_ready(fd, POLLOUT, deadline_ms);
		if (err != 0) {
			return err;
		}
	}
	return err;
}

int wire_receive_blocking(int fd, enum wire_role self, enum wire_role peer, uint8_t *buffer, struct wire_message *ret, uint64_t deadline_ms)
{
	static uint8_t packet[WIRE_MESSAGE_MAX_BYTES + 1];
	const char *why = "";
	int err = ERR_AGAIN;

	for (;;) {
		memset(ret, 0, sizeof *ret);
		err = packet_receive(fd, peer, self, packet, ret, &why);
		if (err != ERR_AGAIN) {
			break;
		}
		err = wait_ready(fd, POLLIN, deadline_ms);
		if (err != 0) {
			return err;
		}
	}
	if (err != 0) {
		return err;
	}
	/* The spans move into the caller's buffer, so that the next receive does not disturb them. */
	memcpy(buffer, packet, WIRE_MESSAGE_MAX_BYTES);
	for (size_t i = 0; i < ret->field_count; i++) {
		ret->fields[i].value.data = buffer + (ret->fields[i].value.data - packet);
	}
	return 0;
}
