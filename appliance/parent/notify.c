#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/span.h"

static bool read_address(const char *name, struct notify *notify)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof notify->address.sun_path) {
		return false;
	}
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, name, length);
	if (name[0] == '@') {
		notify->address.sun_path[0] = '\0'; /* unix(7): an abstract name is as long as the address says */
	}
	notify->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/' ? 1 : 0));
	return true;
}

static uint64_t read_number(const char *name)
{
	const char *text = getenv(name);
	uint64_t value = 0;

	return text != NULL && span_parse_u64(span_of_string(text), &value) ? value : 0;
}

void notify_open(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	uint64_t pid = read_number("WATCHDOG_PID");

	*notify = (struct notify){ .fd = -1 };
	if (name != NULL && !read_address(name, notify)) {
		log_warning("NOTIFY_SOCKET is neither a path nor an abstract name: systemd is not told how the box is");
	} else if (name != NULL) {
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		notify->watchdog_ms = pid == 0 || pid == (uint64_t)getpid() ? read_number("WATCHDOG_USEC") / 1000 : 0;
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void notify_send(const struct notify *notify, const char *message, const char *status)
{
	char words[NOTIFY_TEXT_MAX_BYTES], text[2 * NOTIFY_TEXT_MAX_BYTES];
	bool both = message[0] != '\0' && status[0] != '\0';

	if (notify->fd < 0) {
		return;
	}
	(void)snprintf(words, sizeof words, "%s", status);
	/* A line end in words of another program would begin a line of its own. */
	for (char *at = words; *at != '\0'; at++) {
		*at = (unsigned char)*at < 0x20 ? ' ' : *at;
	}
	(void)snprintf(text, sizeof text, "%s%s%s%s", message, both ? "\n" : "", status[0] != '\0' ? "STATUS=" : "", words);
	if (sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&notify->address, notify->address_length) < 0) {
		log_debug("systemd does not take a notice");
	}
}
