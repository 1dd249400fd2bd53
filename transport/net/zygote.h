/* zygote.h - the pre-loaded parent of the sessions: libcurl and OpenSSL are ready in memory, no socket to the world is ever its own.
 *
 * SETUP lines: ca-file.<n> (trust anchors that sessions may open), session-limit (most living sessions, at most TABLE_SESSIONS_MAX), those of proxy.h,
 * mail.h and login.h.
 * Link: hub (SESSION_START, SESSION_LIST, SESSION_ATTACH, MAIL_START, ERRAND_START). A SESSION_START that cannot be obeyed (too many, an id begun before, no memory)
 * closes its descriptors: the hub sees the end of its socket without any report.
 */
#ifndef NET_ZYGOTE_H
#define NET_ZYGOTE_H

#include "../../appliance/wire/child.h"

#define ZYGOTE_STOP_MS 20000
#define ZYGOTE_STALE_CHECK_MS 30000

/* Serves until STOP; the exit code of the process. */
int zygote_run(struct child *child);

#endif
