#include "exchange.h"

#include <stdio.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"

static void watch_body(struct exchange *exchange);
static void release(struct exchange *exchange);

static void stop_watching(struct exchange *exchange)
{
	loop_cancel(exchange->loop, exchange->curl_timer);
	loop_cancel(exchange->loop, exchange->deadline_timer);
	loop_cancel(exchange->loop, exchange->accept_timer);
	loop_unwatch(exchange->loop, exchange->body_watch);
	exchange->curl_timer = exchange->deadline_timer = exchange->accept_timer = exchange->body_watch = 0;
}

static void finish(struct exchange *exchange, CURLcode code)
{
	struct report report;

	if (exchange->done) {
		return;
	}
	exchange->done = true;
	stop_watching(exchange);
	exchange_make_report(exchange, code, &report);
	exchange->events.on_done(exchange->events.context, &report);
}

/* --- libcurl on the loop (curl_multi_socket_action) --- */

static void drive(struct exchange *exchange, curl_socket_t fd, int bits);

static void on_accept_time(void *context, uint32_t events)
{
	struct exchange *exchange = context;

	(void)events;
	exchange->accept_timer = 0;
	release(exchange);
}

bool exchange_hold(struct exchange *exchange)
{
	if (!exchange->peer->asked || exchange->peer->accepted || exchange->released) {
		return false;
	}
	exchange->held = true;
	if (exchange->accept_timer <= 0) {
		exchange->accept_timer = loop_timer(exchange->loop, clock_deadline(EXCHANGE_ACCEPT_MS), on_accept_time, exchange);
	}
	return exchange->accept_timer > 0;
}

/* From now on the body may be asked for. */
static void release(struct exchange *exchange)
{
	exchange->held = false;
	exchange->released = true;
	loop_cancel(exchange->loop, exchange->accept_timer);
	exchange->accept_timer = 0;
	if (exchange->done) {
		return;
	}
	if (curl_easy_pause(exchange->easy, CURLPAUSE_CONT) != CURLE_OK) {
		finish(exchange, CURLE_READ_ERROR);
		return;
	}
	drive(exchange, CURL_SOCKET_TIMEOUT, 0);
}

static void drive(struct exchange *exchange, curl_socket_t fd, int bits)
{
	int running = 0, left = 0;
	CURLMsg *message = NULL;

	if (exchange->done) {
		return;
	}
	if (curl_multi_socket_action(exchange->multi, fd, bits, &running) != CURLM_OK) {
		finish(exchange, CURLE_FAILED_INIT);
		return;
	}
	message = curl_multi_info_read(exchange->multi, &left);
	if (message != NULL && message->msg == CURLMSG_DONE) {
		finish(exchange, message->data.result);
		return;
	}
	if (exchange->held && exchange->peer->accepted) {
		release(exchange);
		return;
	}
	watch_body(exchange);
}

static void on_socket_ready(void *context, uint32_t events)
{
	struct exchange_socket *socket = context;
	int bits = 0;

	bits |= (events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0;
	bits |= (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
	bits |= (events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0;
	drive(socket->exchange, socket->fd, bits);
}

static struct exchange_socket *find_socket(struct exchange *exchange, curl_socket_t fd)
{
	for (size_t i = 0; i < EXCHANGE_SOCKETS_MAX; i++) {
		if (exchange->sockets[i].watch > 0 && exchange->sockets[i].fd == fd) {
			return &exchange->sockets[i];
		}
	}
	return NULL;
}

static struct exchange_socket *free_socket(struct exchange *exchange)
{
	for (size_t i = 0; i < EXCHANGE_SOCKETS_MAX; i++) {
		if (exchange->sockets[i].watch <= 0) {
			return &exchange->sockets[i];
		}
	}
	return NULL;
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
	struct exchange *exchange = context;
	struct exchange_socket *socket = find_socket(exchange, fd);
	uint32_t events = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EPOLLIN : 0U) | (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EPOLLOUT : 0U);

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (socket != NULL) {
			loop_unwatch(exchange->loop, socket->watch);
			socket->watch = 0;
		}
		return 0;
	}
	if (socket != NULL) {
		return loop_modify(exchange->loop, socket->watch, events) == 0 ? 0 : -1;
	}
	socket = free_socket(exchange);
	if (socket == NULL) {
		return -1;
	}
	*socket = (struct exchange_socket){ .exchange = exchange, .fd = fd };
	socket->watch = loop_watch(exchange->loop, fd, events, on_socket_ready, socket);
	return socket->watch > 0 ? 0 : -1;
}

static void on_curl_time(void *context, uint32_t events)
{
	struct exchange *exchange = context;

	(void)events;
	exchange->curl_timer = 0;
	drive(exchange, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wish(CURLM *multi, long ms, void *context)
{
	struct exchange *exchange = context;

	(void)multi;
	loop_cancel(exchange->loop, exchange->curl_timer);
	exchange->curl_timer = 0;
	if (ms >= 0) {
		int id = loop_timer(exchange->loop, clock_deadline((uint64_t)ms), on_curl_time, exchange);

		exchange->curl_timer = id > 0 ? id : 0;
		return id > 0 ? 0 : -1;
	}
	return 0;
}

/* --- the body --- */

static void begin_transfer(struct exchange *exchange)
{
	/* What was read ahead took its share of the deadline: options are set only now. */
	if (!exchange_set_options(exchange) || curl_multi_add_handle(exchange->multi, exchange->easy) != CURLM_OK) {
		finish(exchange, CURLE_FAILED_INIT);
		return;
	}
	exchange->events.on_stage(exchange->events.context, EXCHANGE_CONNECTING);
	drive(exchange, CURL_SOCKET_TIMEOUT, 0);
}

static bool has_begun(const struct exchange *exchange)
{
	return exchange->headers != NULL;
}

/* `err`: of the last body_fill. */
static void read_ahead(struct exchange *exchange, int err)
{
	if (err != 0 && err != ERR_AGAIN) {
		finish(exchange, CURLE_READ_ERROR);
	} else if (body_is_ready(exchange->body)) {
		begin_transfer(exchange);
	} else {
		watch_body(exchange);
	}
}

static void on_body_readable(void *context, uint32_t events)
{
	struct exchange *exchange = context;
	int err = ERR_INTERNAL;

	(void)events;
	loop_unwatch(exchange->loop, exchange->body_watch);
	exchange->body_watch = 0;
	err = body_fill(exchange->body); /* here, not only when libcurl asks: it may be waiting for its socket, and then this would spin */
	if (has_begun(exchange)) {
		if (curl_easy_pause(exchange->easy, CURLPAUSE_CONT) != CURLE_OK) {
			finish(exchange, CURLE_READ_ERROR);
			return;
		}
		drive(exchange, CURL_SOCKET_TIMEOUT, 0);
		return;
	}
	read_ahead(exchange, err);
}

/* Waits for the descriptor while nothing can be done without it: reading ahead, or libcurl paused because none was there. */
static void watch_body(struct exchange *exchange)
{
	struct body *body = exchange->body;

	if (exchange->done || exchange->body_watch > 0 || body->ended || (has_begun(exchange) && !body->called)) {
		return;
	}
	if (has_begun(exchange) && !body_is_starved(body)) {
		return;
	}
	exchange->body_watch = loop_watch(exchange->loop, body->fd, EPOLLIN, on_body_readable, exchange);
	if (exchange->body_watch < 0) {
		body->why = "body not readable";
		finish(exchange, CURLE_READ_ERROR);
	}
}

static void on_deadline(void *context, uint32_t events)
{
	struct exchange *exchange = context;

	(void)events;
	exchange->deadline_timer = 0;
	if (!has_begun(exchange) && exchange->body->why == NULL) {
		exchange->body->why = "the body did not come in time";
	}
	(void)snprintf(exchange->words, sizeof exchange->words, "deadline passed");
	finish(exchange, CURLE_OPERATION_TIMEDOUT);
}

int exchange_start(struct exchange *exchange)
{
	int err = body_fill(exchange->body);

	exchange->deadline_ms = clock_deadline(exchange->request->deadline_ms);
	exchange->multi = curl_multi_init();
	exchange->easy = curl_easy_init();
	if (exchange->multi == NULL || exchange->easy == NULL || curl_multi_setopt(exchange->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish) != CURLM_OK ||
	    curl_multi_setopt(exchange->multi, CURLMOPT_SOCKETDATA, exchange) != CURLM_OK ||
	    curl_multi_setopt(exchange->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish) != CURLM_OK ||
	    curl_multi_setopt(exchange->multi, CURLMOPT_TIMERDATA, exchange) != CURLM_OK) {
		return ERR_MEMORY;
	}
	/* libcurl keeps the same deadline; this one also bounds the body, and stands a little later so that libcurl's words win. */
	exchange->deadline_timer = loop_timer(exchange->loop, exchange->deadline_ms + 200, on_deadline, exchange);
	if (exchange->deadline_timer < 0) {
		return ERR_MEMORY;
	}
	read_ahead(exchange, err);
	return 0;
}

void exchange_free(struct exchange *exchange)
{
	exchange->done = true;
	stop_watching(exchange);
	if (exchange->multi != NULL && exchange->easy != NULL) {
		(void)curl_multi_remove_handle(exchange->multi, exchange->easy);
	}
	curl_easy_cleanup(exchange->easy);
	(void)curl_multi_cleanup(exchange->multi);
	curl_slist_free_all(exchange->headers);
	exchange->easy = NULL;
	exchange->multi = NULL;
	exchange->headers = NULL;
}
