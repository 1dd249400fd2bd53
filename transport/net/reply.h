/* reply.h - the raw bytes that came back, in a memfd within a limit; and the two headers that the record names. */
#ifndef NET_REPLY_H
#define NET_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_HEADERS_MAX 200
#define REPLY_HEADERS_MAX_BYTES 65536

struct reply {
	int fd; /* owned memfd */
	uint64_t limit, size;
	size_t header_count, header_bytes;
	bool measured;   /* the final head says how long the body is, or that it comes in chunks */
	bool started;    /* a final status line (not 1xx) came */
	int64_t date_s;  /* its Date, seconds since 1970; 0: none */
	const char *why; /* static words when collecting failed */
};

/* 0 or a negative error. */
int reply_open(uint64_t limit, struct reply *ret);
void reply_close(struct reply *reply);
/* 0 or a negative error with `why` set; up to the limit the bytes are kept even then. */
int reply_add(struct reply *reply, const void *data, size_t length);
/* One header line as libcurl hands it over, status line included. 0 or ERR_LIMIT. */
int reply_header(struct reply *reply, const char *line, size_t length);

#endif
