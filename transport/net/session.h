/* session.h - one process for one HTTP exchange: it asks once, holds the whole answer, and offers it to the store until that says it is durable.
 *
 * Links: hub's socket (only told how it goes; its end changes nothing), store's link (SESSION_OFFER), and one to the zygote, over which
 * SESSION_ATTACH arrives exactly as the hub sent it (so its ends speak as WIRE_HUB and WIRE_TRANSPORT): new ends of the first two after a restart.
 */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include "../../appliance/base/sandbox.h"
#include "../../appliance/wire/channel.h"
#include "exchange.h"

#define SESSION_CASE_MAX_BYTES 64
#define SESSION_OFFER_MS 60000          /* for one answer of the store */
#define SESSION_OFFER_AGAIN_MS 5000     /* after the store said no or nothing */
#define SESSION_HOLD_MS 600000          /* without a link to the store */
#define SESSION_HOLD_LINKED_MS 86400000 /* with a store that lives but does not take it (disk full, read-only) */
#define SESSION_FAREWELL_MS 1000

enum session_exit { SESSION_EXIT_DURABLE = 0, SESSION_EXIT_FAILED = 1, SESSION_EXIT_NOBODY_TOOK_IT = 2 };

/* What the forked child begins with. Descriptors are its own; every other one is closed. */
struct session_start {
	uint64_t id;
	char case_number[SESSION_CASE_MAX_BYTES + 1];
	struct span lines;
	uint64_t size;
	int hub, store, body, zygote; /* body -1 when size is 0 */
	int reply;                    /* of an errand; -1 for a session, which makes its own */
	pid_t parent;
	const struct proxy *proxy;
	const struct sandbox_filter *narrow; /* narrower than the zygote's; the paths are the same */
};

struct session {
	struct loop *loop;
	uint64_t id;
	char case_number[SESSION_CASE_MAX_BYTES + 1];
	struct channel *hub, *store, *zygote;
	int store_fd; /* the link to the store while the exchange lasts, -1 after: then it is the channel */
	struct client client;
	struct request request;
	struct body body;
	struct reply reply;
	struct peer peer;
	struct exchange exchange;
	/* the offer */
	bool offering, asked;
	char lines[REPORT_MAX_BYTES];
	int peer_fd;
	int hold_timer, again_timer;
};

/* Never returns: exits with enum session_exit. */
_Noreturn void session_run(const struct session_start *start);

/* In the forked child: closes all but the descriptors of `start` (-1: none), dies with the zygote, enters the sandbox. 0 or ERR_SYSTEM; does not return
 * when the zygote is dead already. */
int session_become(const struct session_start *start);

/* The link to the store becomes a channel: the exchange is over, and nobody else asks over it any more. */
void session_link_store(struct session *session);

/* Tells the hub, if it is there. `state` as in wire.h. */
void session_tell(struct session *session, const char *state, uint64_t done);

/* --- session_offer.c --- */
/* Seals what came and begins to offer it. */
void session_offer_begin(struct session *session, const struct report *report);
/* Offers now if there is a link and no answer is awaited. */
void session_offer(struct session *session);
/* The link to the store ended or is a new one: the time to wait for the next begins anew. */
void session_offer_hold(struct session *session);

#endif
