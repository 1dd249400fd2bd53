/* server_notes.h - keeps the auditors' share up to date (`journal { notes_dir }`), by a short-lived process that copies (notes_copy.h). The store never waits for it.
 *
 * STORE_HELLO LINES about it, where a folder is configured: notes-behind (files that are not there), notes-why (missing, denied, full, foreign, other, failed,
 * slow; absent: all well), notes-name (the first file that is another there). Sent anew when they change.
 */
#ifndef STORE_SERVER_NOTES_H
#define STORE_SERVER_NOTES_H

#include <stdint.h>
#include <sys/types.h>

#include "appliance/base/lines.h"
#include "notes_copy.h"

#define SERVER_NOTES_SOON_MS 1000                        /* a note, its signature and its stamp go in one run where they come together */
#define SERVER_NOTES_AGAIN_MS 30000                      /* after a failure */
#define SERVER_NOTES_MS 300000                           /* of one run */
#define SERVER_NOTES_ALL_MS (UINT64_C(24) * 3600 * 1000) /* everything is compared anew */
#define SERVER_NOTES_REAP_MS 200

struct server;

struct server_notes {
	pid_t pid; /* 0: no run */
	int fd, watch, deadline_timer, reap_timer, next_timer, all_timer;
	uint64_t from, running_from; /* what is still to be looked at; UINT64_MAX: nothing */
	struct notes_result last;
};

/* First run: everything. */
void server_notes_open(struct server *server);
/* A file of that size came or changed; from there on it is looked at soon. */
void server_notes_changed(struct server *server, uint64_t size);
void server_notes_hello(const struct server *server, struct lines *body);
void server_notes_stop(struct server *server);

#endif
