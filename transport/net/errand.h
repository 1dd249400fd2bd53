/* errand.h - one HTTPS request that files nothing: a time stamp, a look at a clock. A process of its own like a session, with the same hardening, but the store
 * knows nothing of its reply, and its loss loses nothing but itself.
 *
 * ERRAND_START lines: as request.h says for REQUEST_ERRAND. Descriptors: the hub's socket, a memfd for the reply (its writer's; the hub seals it), the body where
 * SIZE is not 0, and the store's link where `tls-key` is named.
 * ERRAND_REPORT lines: those of report.h; SIZE: bytes of the reply. A process that dies says nothing: then nothing is known of how far it got.
 * An errand that cannot be obeyed (too many, no memory) has its descriptors closed.
 */
#ifndef NET_ERRAND_H
#define NET_ERRAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../appliance/base/sandbox.h"
#include "../../appliance/wire/wire.h"
#include "login.h"
#include "proxy.h"

#define ERRAND_LIVING_MAX 16 /* twice what the hub has under way: what it forgot may still live, and who ended is not yet counted out */

struct errands {
	struct logins logins;
	pid_t living[ERRAND_LIVING_MAX]; /* 0: free */
};

/* What the forked child begins with. */
struct errand_start {
	struct span lines;
	uint64_t size;
	int hub, reply, body, store; /* body and store: -1 for none */
	pid_t parent;
	const struct logins *logins;
	const struct proxy *proxy;
	const struct sandbox_filter *narrow;
};

/* Forks for one ERRAND_START; where that cannot be, the hub sees the end of its socket. */
void errand_start(struct errands *errands, struct wire_message *message, const struct proxy *proxy, const struct sandbox_filter *narrow);
/* True while one is under way. */
bool errands_live(const struct errands *errands);
/* A child ended that was no session. */
void errand_ended(struct errands *errands, pid_t pid);

/* errand_run.c: asks, reports, exits. */
_Noreturn void errand_run(const struct errand_start *start);

#endif
