/* notify.h - what systemd is told (sd_notify(3)): a datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET names, a path or (with "@") an abstract
 * name. Without that variable nothing is ever sent. The protocol is a few lines; libsystemd would be a further library in a program that keeps root.
 */
#ifndef APPLIANCE_NOTIFY_H
#define APPLIANCE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_TEXT_MAX_BYTES 1024

struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un address;
	socklen_t address_length;
	uint64_t watchdog_ms; /* a sign of life is expected at least so often; 0: not at all */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment: no other program of the box speaks for it. */
void notify_open(struct notify *notify);
/* Sends `message` ("READY=1"; may be "") and, when `status` is not "", a line STATUS= with it; control characters in that become blanks. A datagram that is
 * not taken is lost: the next one says as much. */
void notify_send(const struct notify *notify, const char *message, const char *status);

#endif
