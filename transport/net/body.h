/* body.h - the bytes to be sent, read from the descriptor that the store writes to, handed to libcurl once and never again.
 *
 * Up to BODY_AHEAD_BYTES are read before any connection is made: a store that dies while it copies a body of usual size then costs nothing
 * (far end untouched, not sent), and memory stays bounded for the others. The last byte is held back until the end of the
 * descriptor was seen, so that a body of another length than announced never goes out whole.
 */
#ifndef NET_BODY_H
#define NET_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BODY_AHEAD_BYTES (1U << 20)

struct body {
	int fd; /* owned; -1 when there is no body */
	uint64_t size;
	uint64_t taken; /* bytes read from fd */
	uint8_t *buffer;
	size_t begin, end, capacity;
	bool ended;      /* the end of fd was seen */
	bool called;     /* libcurl asked for bytes: from now on something may have been sent */
	const char *why; /* static words when the body is no good; NULL while it is */
};

/* Takes over `fd`. 0 or ERR_MEMORY, ERR_SYSTEM (fd is closed then). */
int body_open(int fd, uint64_t size, struct body *ret);
void body_close(struct body *body);
/* Reads what is there without waiting. 0, ERR_AGAIN (wait for fd), or a negative error with why set. */
int body_fill(struct body *body);
/* Everything is here, or as much as is read ahead. */
bool body_is_ready(const struct body *body);
/* Nothing can be handed out before more is read. */
bool body_is_starved(const struct body *body);
/* For libcurl: > 0 bytes copied, 0 nothing there yet, or a negative error. Only called for size > 0. */
ssize_t body_read(struct body *body, void *buffer, size_t size);

#endif
