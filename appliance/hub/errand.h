/* errand.h - an HTTPS request that files nothing, carried by a process of the network program: a time stamp, a look at a clock.
 *
 * Lines of the request, all but `url` optional: method (GET, HEAD, POST; default GET), url, header.<n> ("Name: value"), ca-file, login (name of the `tsa` whose
 * user and password it takes; only to its own addresses with its own ca_file), proxy ("configured" to go the way the configuration says), user-agent,
 * connect-timeout-ms, deadline-ms (of the whole exchange), reply-limit (bytes), tls-key (name of a key with use `tls`).
 *
 * Lines of the result: far ("none", "connected": nothing of it was sent; "body-started", "body-done", "reply-started"; "reply-done": the whole reply is here;
 * absent: the process died, nobody knows), error (words, beginning as in cause.h where the cause has a name; absent when the whole reply came), http-status,
 * content-type, location, tls, peer-sha256 (SHA-256 of the server's certificate), date-off-ms (the server's clock minus ours, signed).
 * Whatever the status is: 401 is a reply too.
 */
#ifndef HUB_ERRAND_H
#define HUB_ERRAND_H

#include "hub.h"

#define ERRANDS_MAX 8 /* at once */
#define ERRAND_DEADLINE_DEFAULT_MS 30000
#define ERRAND_REPLY_DEFAULT_BYTES 262144

struct errand;

struct errand_result {
	struct span lines; /* canonical; valid during the call */
	int reply;         /* sealed memfd at its beginning, closed after the call: dup it to keep it; -1: none */
	uint64_t size;     /* bytes of the reply */
};

/* Exactly once, from the loop, unless cancelled. */
typedef void (*errand_done)(void *context, const struct errand_result *result);

/* `request` as above; `body`: sealed memfd, borrowed, -1: none. What cannot be begun now (no network program, too many at once, no memory) is told by a negative
 * error and no call: ERR_GONE, ERR_BUSY, ERR_MEMORY, ERR_SYSTEM. *ret may be NULL. */
int errand_begin(struct hub *hub, const struct lines *request, int body, errand_done done, void *context, struct errand **ret);
/* Forgets it: `done` is not called any more. The request may go out all the same. */
void errand_cancel(struct errand *errand);

#endif
