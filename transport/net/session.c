#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../appliance/base/cause.h"
#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/log.h"

/* Everything but these and the standard descriptors: the zygote's links, the other sessions' ends. */
static int close_others(const struct session_start *start)
{
	int keep[] = { start->hub, start->store, start->body, start->zygote, start->reply };
	int next = STDERR_FILENO + 1;

	for (size_t i = 1; i < sizeof keep / sizeof *keep; i++) {
		for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
			int swap = keep[j];

			keep[j] = keep[j - 1];
			keep[j - 1] = swap;
		}
	}
	for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
		if (keep[i] > next && close_range((unsigned)next, (unsigned)keep[i] - 1, 0) != 0) {
			return ERR_SYSTEM;
		}
		next = keep[i] >= next ? keep[i] + 1 : next;
	}
	return close_range((unsigned)next, ~0U, 0) == 0 ? 0 : ERR_SYSTEM;
}

/* From here on the process is nobody's but its own: it dies with the zygote, hears no signal of it, and can do less. */
int session_become(const struct session_start *start)
{
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
		return ERR_SYSTEM;
	}
	if (getppid() != start->parent) {
		_exit(SESSION_EXIT_FAILED); /* the zygote died before that call: nobody would ever end this process */
	}
	if (close_others(start) != 0) {
		return ERR_SYSTEM;
	}
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) != 0) {
		return ERR_SYSTEM;
	}
	return sandbox_narrow(start->narrow);
}

void session_tell(struct session *session, const char *state, uint64_t done)
{
	struct wire_message message;

	wire_begin(&message, WIRE_SESSION_REPORT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_STATE, state);
	wire_put_number(&message, WIRE_F_DONE, done);
	if (channel_is_open(session->hub)) {
		(void)channel_send(session->hub, &message);
	}
}

/* --- links --- */

static int on_unexpected(void *context, struct channel *channel, struct wire_message *message)
{
	(void)context;
	(void)channel;
	(void)message;
	return ERR_PROTOCOL;
}

static void on_hub_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct session *session = context;

	(void)end;
	(void)why;
	channel_free(channel);
	if (session->hub == channel) {
		session->hub = NULL; /* whoever listens or not: what was begun is brought to its end */
	}
}

static void on_store_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct session *session = context;

	(void)end;
	(void)why;
	channel_free(channel);
	if (session->store == channel) {
		session->store = NULL;
		session_offer_hold(session);
	}
}

static void on_zygote_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)context;
	(void)channel;
	(void)end;
	(void)why;
	_exit(SESSION_EXIT_FAILED);
}

static struct channel *open_link(struct session *session, int fd, enum wire_role peer)
{
	return channel_new(session->loop, fd, WIRE_SESSION, peer, on_unexpected, peer == WIRE_HUB ? on_hub_end : on_store_end, session);
}

void session_link_store(struct session *session)
{
	if (session->store_fd >= 0) {
		session->store = open_link(session, take_fd(&session->store_fd), WIRE_STORE);
	}
}

/* After a restart of hub or store the hub sends new ends of both links. */
static int on_zygote_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct session *session = context;

	(void)channel;
	if (message->type != WIRE_SESSION_ATTACH || wire_number(message, WIRE_F_SESSION, 0) != session->id) {
		return ERR_PROTOCOL;
	}
	channel_free(session->hub);
	channel_free(session->store);
	cleanup_close(&session->store_fd);
	session->store = NULL;
	session->asked = false;
	session->hub = open_link(session, wire_take_fd(message, 0), WIRE_HUB);
	session->store_fd = wire_take_fd(message, 1);
	if (session->offering) {
		session_link_store(session);
	} else {
		session->client.link = session->store_fd;
	}
	session_offer_hold(session);
	session_offer(session);
	return 0;
}

/* --- the exchange --- */

static void on_stage(void *context, enum exchange_stage stage)
{
	static const char *const states[] = { "connecting", "sending", "receiving" };
	struct session *session = context;

	session_tell(session, states[stage], stage == EXCHANGE_RECEIVING ? session->body.taken : 0);
}

static void on_leave(void *context, uint32_t events)
{
	struct session *session = context;

	(void)events;
	exchange_free(&session->exchange);
	client_close(&session->client);
}

/* The connection and the store's pipe are closed at once, however long the offer takes; libcurl only when none of its handlers is on the stack. */
static void end_exchange(struct session *session, const struct report *report)
{
	body_close(&session->body);
	(void)loop_timer(session->loop, clock_mono_ms(), on_leave, session);
	session_offer_begin(session, report);
}

static void on_done(void *context, const struct report *report)
{
	end_exchange(context, report);
}

/* Nothing was begun: the store writes it down all the same, as not sent. */
static void report_failure(struct session *session, const char *why)
{
	struct report report = { .far = FAR_NONE, .curl_code = CURLE_FAILED_INIT };

	report_text(span_of_string(why), report.error, sizeof report.error);
	end_exchange(session, &report);
}

/* Who we are cannot be said: nothing was begun. */
static void report_login(struct session *session)
{
	char text[REPORT_TEXT_MAX_BYTES];

	(void)snprintf(text, sizeof text, "%s: %s", cause_text(client_cause(&session->client)), session->client.why);
	report_failure(session, text);
}

static void begin_exchange(struct session *session, int body, const struct proxy *proxy)
{
	bool logs_in = session->request.tls_key[0] != '\0';
	bool proxied = session->request.proxied && proxy_applies(proxy, session->request.url);

	if (proxied && !proxy->usable) {
		session->body.fd = body;
		report_failure(session, cause_text(CAUSE_PROXY_SETTINGS));
		return;
	}
	if (body_open(body, session->request.size, &session->body) != 0) {
		report_failure(session, "session could not be set up: body");
		return;
	}
	if (logs_in && client_open(&session->client, session->store_fd, session->request.tls_key, &session->peer) != 0) {
		report_login(session);
		return;
	}
	session->exchange = (struct exchange){
		.loop = session->loop,
		.client = logs_in ? &session->client : NULL,
		.proxy = proxied ? proxy : NULL,
		.request = &session->request,
		.body = &session->body,
		.reply = &session->reply,
		.peer = &session->peer,
		.events = { .on_stage = on_stage, .on_done = on_done, .context = session },
	};
	if (exchange_start(&session->exchange) != 0) {
		report_failure(session, "session could not be set up: libcurl");
	}
}

static void begin(struct session *session, const struct session_start *start, int err)
{
	const char *why = "";
	uint64_t limit = REQUEST_REPLY_DEFAULT_BYTES;
	int parsed = request_parse(start->lines, start->size, REQUEST_SESSION, &session->request, &why);

	if (reply_open(parsed == 0 ? session->request.reply_limit : limit, &session->reply) != 0) {
		log_error("session %llu: no memory for a reply", (unsigned long long)session->id);
		_exit(SESSION_EXIT_FAILED);
	}
	if (err != 0 || parsed != 0) {
		session->body.fd = start->body; /* closed with the exchange: the store must not wait for a reader */
		report_failure(session, parsed != 0 ? why : "session could not be set up: sandbox");
		return;
	}
	begin_exchange(session, start->body, start->proxy);
}

_Noreturn void session_run(const struct session_start *start)
{
	static struct session session = { .peer_fd = -1, .client = { .link = -1 }, .reply = { .fd = -1 }, .body = { .fd = -1 } };
	int err = session_become(start);

	session.id = start->id;
	memcpy(session.case_number, start->case_number, sizeof session.case_number);
	session.loop = loop_new();
	if (session.loop == NULL) {
		_exit(SESSION_EXIT_FAILED);
	}
	session.exchange.loop = session.loop;
	session.zygote = channel_new(session.loop, start->zygote, WIRE_TRANSPORT, WIRE_HUB, on_zygote_message, on_zygote_end, &session);
	session.hub = open_link(&session, start->hub, WIRE_HUB);
	session.store_fd = start->store;
	if (session.zygote == NULL) {
		_exit(SESSION_EXIT_FAILED);
	}
	begin(&session, start, err);
	_exit(loop_run(session.loop));
}
