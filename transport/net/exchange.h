/* exchange.h - one HTTP exchange with libcurl on the event loop of a session: once, on a connection of its own, never repeated (design 2).
 *
 * The order: exchange_start; stages as they come; on_done once (before exchange_start returns when there is nothing to wait for), with
 * `reply` and `peer` as they then are. No handler may call exchange_free; that comes later.
 */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "../../appliance/base/loop.h"
#include "body.h"
#include "client.h"
#include "login.h"
#include "peer.h"
#include "proxy.h"
#include "reply.h"
#include "report.h"
#include "request.h"

#define EXCHANGE_SOCKETS_MAX 16
#define EXCHANGE_ACCEPT_MS 3000 /* a server that asked for a certificate may say so long that it does not take ours, before the body goes out */

enum exchange_stage { EXCHANGE_CONNECTING, EXCHANGE_SENDING, EXCHANGE_RECEIVING };

struct exchange;

struct exchange_events {
	void (*on_stage)(void *context, enum exchange_stage stage);
	void (*on_done)(void *context, const struct report *report);
	void *context;
};

/* One socket of libcurl on our loop. */
struct exchange_socket {
	struct exchange *exchange;
	curl_socket_t fd;
	int watch;
};

struct exchange {
	struct loop *loop;
	const struct proxy *proxy;     /* NULL: without one */
	struct client *client;         /* who we are when the server asks; NULL: nobody */
	const struct login *login;     /* of the server; NULL: none */
	const struct request *request; /* these five are borrowed and outlive the exchange */
	struct body *body;
	struct reply *reply;
	struct peer *peer;
	struct exchange_events events;
	uint64_t deadline_ms;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct exchange_socket sockets[EXCHANGE_SOCKETS_MAX];
	int curl_timer, body_watch, deadline_timer, accept_timer;
	bool held, released;                 /* the body waits for the server to take our certificate; it waited long enough */
	bool reached;                        /* TCP stands: TLS began */
	bool ready;                          /* the connection stands, TLS checked: the request may go out from now on */
	bool receiving;                      /* said so */
	bool offers_basic;                   /* the proxy takes that login */
	int64_t ready_utc_ms, headed_utc_ms; /* our clock at `ready` and at the final status line; 0: not yet */
	bool done;
	char words[CURL_ERROR_SIZE];
};

/* Reads the body ahead, then connects. 0, or a negative error when it could not even begin (then no on_done; exchange_free). */
int exchange_start(struct exchange *exchange);
/* Also right for one that never started, as long as `loop` is set. */
void exchange_free(struct exchange *exchange);

/* Called when libcurl asks for the body: must it wait? In TLS 1.3 the server judges our certificate after our handshake is over, and a body that went out before
 * it says no would leave a filing uncertain. A server that says nothing at all (no ticket, no alert) gets EXCHANGE_ACCEPT_MS. */
bool exchange_hold(struct exchange *exchange);

/* exchange_options.c: everything that libcurl may and may not do. False when libcurl refuses one of them. */
bool exchange_set_options(struct exchange *exchange);

/* exchange_report.c: `code` is libcurl's result, or ours in its words. */
void exchange_make_report(struct exchange *exchange, CURLcode code, struct report *ret);

#endif
