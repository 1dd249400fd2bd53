/* server_child.h - long work on files in a child process of the store, so that the store goes on meanwhile. The child keeps nothing but the data directory, the
 * pipe on which it reports in packets of one size, and one more descriptor where it needs one. */
#ifndef STORE_SERVER_CHILD_H
#define STORE_SERVER_CHILD_H

#include <stddef.h>
#include <stdint.h>

struct server;
struct server_child;

struct server_child_plan {
	size_t packet; /* bytes of each report, at most PIPE_BUF */
	uint64_t timeout_ms;
	int keep; /* a descriptor that the child needs too, -1: none; borrowed */
	/* In the child, which ends when it returns. Reports with server_child_report. */
	void (*run)(struct server *server, int report, void *context);
	/* In the store, one packet for each turn of the loop. May stop the child. */
	void (*on_packet)(void *context, const void *packet);
	/* It ended by itself or was too slow (ERR_GONE, ERR_DEADLINE). Not after server_child_stop; the child is gone then. */
	void (*on_lost)(void *context, int err);
	void *context;
};

/* 0, ERR_SYSTEM or ERR_MEMORY. */
int server_child_start(struct server *server, const struct server_child_plan *plan, struct server_child **ret);
/* Kills it if it lives; frees. NULL is fine. */
void server_child_stop(struct server_child *child);
/* In the child: one packet, whole; blocks while the store is busy. The child ends when nobody reads any more. */
void server_child_report(int report, const void *packet, size_t length);

#endif
