/* session.c - one exchange with a partner, seen from the hub: it gives a session process its request, its body and its link to the store, and waits for its end.
 *
 * What came out is not told by the session but by the store, which made it durable (`reply` or `not-sent`). So when the session's socket ends, the hub first asks
 * the store for anything: the answer comes after every record that was durable before, and only then is a missing word a missing word.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "flow.h"

#define SESSION_LIST_MS 5000
#define HEADERS_MAX 16
#define CONNECT_TIMEOUT_MS 10000
#define DEADLINE_MS 120000
#define REPLY_LIMIT_BYTES (32U * 1024 * 1024)

struct session {
	struct work *work;
	struct channel *channel;
	int hub_end;    /* for the session process, until it has it */
	int store_link; /* likewise */
	bool counted;
	bool adopted;  /* it lived before this hub: what it reported then is not known */
	bool reported; /* the first word of a session comes before it touches the network (transport/net/session.h) */
};

static void count_session(struct session *session, int change)
{
	struct hub_partner *partner = hub_partner_find(session->work->hub, session->work->of->partner);

	if (partner != NULL && change > 0) {
		partner->sessions++;
		session->counted = true;
	} else if (partner != NULL && session->counted) {
		partner->sessions--;
		session->counted = false;
	}
}

static void free_session(struct session *session)
{
	count_session(session, -1);
	channel_free(session->channel);
	cleanup_close(&session->hub_end);
	cleanup_close(&session->store_link);
	free(session);
}

static void on_not_begun(struct work *work)
{
	if (work->err != 0 && work->err != ERR_MISMATCH) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

/* `sending` is durable, but no session said its first word: nothing can have been sent, and this process knows it. */
static void append_not_begun(struct work *work)
{
	work->err = 0;
	flow_record_begin(work);
	lines_set_u64(&work->record, "answers", work->of->authorising);
	lines_set(&work->record, "far", "none");
	lines_set(&work->record, "error", "no session was begun");
	work_append(work, "not-sent", on_not_begun);
}

static void finish(struct session *session)
{
	struct work *work = session->work;
	const struct hub_case *of = work->of;

	/* A network that fails puts the next contact off; a reply of any sort is contact. */
	if (of->last == RECORD_NOT_SENT) {
		hub_partner_result(work->hub, of, false);
	} else if (of->last == RECORD_REPLY) {
		hub_partner_result(work->hub, of, of->reply_complete);
	}
	if (of->last == RECORD_SENDING && !session->adopted && !session->reported) {
		free_session(session);
		append_not_begun(work);
		return;
	}
	free_session(session);
	work_end(work);
}

static void on_barrier(void *context, int err, struct wire_message *message)
{
	(void)err; /* a store that is gone takes the hub with it (hub_main.c) */
	(void)message;
	finish(context);
}

static void on_session_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct session *session = context;
	struct hub *hub = session->work->hub;
	struct wire_message message;

	(void)channel;
	if (end == CHANNEL_BROKEN) {
		log_warning("a session broke the protocol: %s", why);
	}
	wire_begin(&message, WIRE_STORE_CASE, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, session->work->of->number);
	wire_put_number(&message, WIRE_F_BITS, 1);
	if (hub->store == NULL || channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_barrier, session, NULL) != 0) {
		log_warning("the store is gone while a session ends");
		free_session(session);
	}
}

static int on_session_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct session *session = context;

	(void)channel;
	session->reported = true;
	return message->type == WIRE_SESSION_REPORT ? 0 : ERR_PROTOCOL;
}

/* Two sockets: one to the hub, whose end tells that the session is over, one to the store. */
static int open_links(struct session *session, struct wire_message *linked)
{
	int ends[2];

	session->store_link = wire_take_fd(linked, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		return ERR_SYSTEM;
	}
	session->hub_end = ends[1];
	session->channel = channel_new(session->work->hub->loop, ends[0], WIRE_HUB, WIRE_SESSION, on_session_message, on_session_end, session);
	return session->channel == NULL ? ERR_MEMORY : 0;
}

/* What the partner's program asks for, within what the configuration allows. */
static void set_limited(struct lines *lines, const char *name, const char *value, uint64_t most)
{
	uint64_t wanted = most;

	(void)span_parse_u64(span_of_string(value), &wanted);
	lines_set_u64(lines, name, wanted < most ? wanted : most);
}

void session_request(const struct work *work, struct lines *ret)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	const struct config_partner *config = partner->config;

	lines_set(ret, "method", work_result(work, "method"));
	lines_setf(ret, "url", "%s%s", work->url, work_result(work, "path"));
	lines_set(ret, "proxy", "configured");
	lines_set(ret, "user-agent", "Podatelna/" PODATELNA_VERSION);
	lines_set_u64(ret, "connect-timeout-ms", config->connect_timeout_ms != 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS);
	set_limited(ret, "deadline-ms", work_result(work, "deadline-ms"), config->deadline_ms != 0 ? config->deadline_ms : DEADLINE_MS);
	set_limited(ret, "reply-limit", work_result(work, "reply-limit"), config->reply_limit_bytes != 0 ? config->reply_limit_bytes : REPLY_LIMIT_BYTES);
	if (config->ca_file[0] != '\0') {
		lines_set(ret, "ca-file", config->ca_file);
	}
	if (config->tls_key[0] != '\0') {
		lines_set(ret, "tls-key", config->tls_key);
	}
	for (size_t i = 0; i < HEADERS_MAX; i++) {
		char name[LINES_NAME_MAX + 1];

		(void)snprintf(name, sizeof name, "header.%zu", i);
		if (work_result(work, name)[0] != '\0') {
			lines_set(ret, name, work_result(work, name));
		}
	}
}

/* The size of an object stands first in its reference. */
static uint64_t size_of_ref(const char *ref)
{
	struct span text = span_of_string(ref == NULL ? "" : ref), first;
	uint64_t size = 0;

	if (span_read_until(&text, ' ', &first)) {
		(void)span_parse_u64(first, &size);
	}
	return size;
}

static void on_body_copied(void *context, int err, struct wire_message *message)
{
	/* The session sees a short body by itself: it knows the size. */
	(void)context;
	if (err != 0 || message->type == WIRE_ERROR) {
		log_warning("the body of a request could not be read to its end");
	}
}

static int send_body(struct work *work, int *ret_read)
{
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;
	struct wire_message message;
	int err = fd_pipe(&read_end, &write_end);

	if (err != 0) {
		return err;
	}
	wire_begin(&message, WIRE_STORE_COPY, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, work->of->number);
	wire_put_string(&message, WIRE_F_OBJECT, "request");
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, write_end);
	err = channel_request(work->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_body_copied, NULL, NULL);
	if (err == 0) {
		*ret_read = take_fd(&read_end);
	}
	return err;
}

static int send_start(struct session *session)
{
	static char text[LINES_BODY_MAX + 1];
	struct work *work = session->work;
	_cleanup_lines_ struct lines request = { 0 };
	_cleanup_close_ int body = -1;
	struct wire_message message;
	uint64_t size = size_of_ref(work->of->request_ref);
	int length = 0;

	session_request(work, &request);
	lines_set(&request, "filing", work->of->purpose == PURPOSE_FILE ? "yes" : "no");
	length = lines_finish(&request, text, sizeof text);
	if (length < 0 || work->hub->transport == NULL || (size > 0 && send_body(work, &body) != 0)) {
		return ERR_GONE;
	}
	wire_begin(&message, WIRE_SESSION_START, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, work->session);
	wire_put_string(&message, WIRE_F_CASE, work->of->number);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, size);
	wire_put_fd(&message, session->hub_end);
	wire_put_fd(&message, session->store_link);
	if (size > 0) {
		wire_put_fd(&message, body);
	}
	return channel_send(work->hub->transport, &message);
}

/* Sends an ATTACH to a session that lived before this hub. */
static int send_attach(struct session *session)
{
	struct wire_message message;

	if (session->work->hub->transport == NULL) {
		return ERR_GONE;
	}
	wire_begin(&message, WIRE_SESSION_ATTACH, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, session->work->session);
	wire_put_fd(&message, session->hub_end);
	wire_put_fd(&message, session->store_link);
	return channel_send(session->work->hub->transport, &message);
}

static void begin(struct session *session, struct wire_message *linked, int (*hand_over)(struct session *session))
{
	int err = open_links(session, linked);

	if (err == 0) {
		count_session(session, 1);
		err = hand_over(session);
	}
	cleanup_close(&session->hub_end);
	cleanup_close(&session->store_link);
	if (err != 0 && session->channel == NULL) {
		finish(session);
	}
	/* With a channel, its end comes by itself: our copy of the far end was the last one. */
}

static void on_start_linked(void *context, int err, struct wire_message *message)
{
	struct session *session = context;

	if (err != 0 || message->type == WIRE_ERROR) {
		finish(session);
	} else {
		begin(session, message, send_start);
	}
}

static void on_attach_linked(void *context, int err, struct wire_message *message)
{
	struct session *session = context;

	if (err != 0 || message->type == WIRE_ERROR) {
		finish(session);
	} else {
		begin(session, message, send_attach);
	}
}

static void ask_link(struct work *work, uint64_t id, channel_answer on_answer)
{
	struct session *session = calloc(1, sizeof *session);
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	struct wire_message message;

	work->session = id;
	wire_begin(&message, WIRE_STORE_LINK, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, id);
	if (partner != NULL && partner->config->tls_key[0] != '\0') {
		wire_put_string(&message, WIRE_F_KEY, partner->config->tls_key);
	}
	if (session == NULL) {
		work_retry(work, N_("no memory"));
		return;
	}
	*session = (struct session){ .work = work, .hub_end = -1, .store_link = -1, .adopted = on_answer == on_attach_linked };
	if (channel_request(work->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_answer, session, NULL) != 0) {
		finish(session);
	}
}

void session_start(struct work *work)
{
	ask_link(work, work->of->authorising, on_start_linked);
}

/* --- after a restart: who still lives? --- */

static struct hub_case *find_by_session(struct hub *hub, uint64_t id)
{
	for (struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		if (each->authorising == id) {
			return each;
		}
	}
	return NULL;
}

/* The network program lived on while the hub did not, and says of which sessions it knows: a filing whose session it never began was not sent. Only by the first
 * list that this hub reads: until then it begins no session, so that none can be on its way to the network program behind the question. */
static void settle_never_begun(struct hub *hub, struct span lines, uint64_t complete_from)
{
	for (struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		char name[LINES_NAME_MAX + 1];
		struct work *work = NULL;
		struct span told;

		(void)snprintf(name, sizeof name, "%llu", (unsigned long long)each->authorising);
		if (each->state != CASE_SENDING || each->last != RECORD_SENDING || each->work != NULL || each->authorising < complete_from ||
		    lines_find(lines, name, &told)) {
			continue;
		}
		work = work_begin(hub, each);
		if (work != NULL) {
			append_not_begun(work);
		}
	}
}

static void on_list(void *context, int err, struct wire_message *message)
{
	struct hub *hub = context;
	struct span lines, name, value;
	bool all = true;

	hub->sessions_asked = false;
	if (err != 0 || message->type == WIRE_ERROR) {
		return; /* the network program is gone again, or slow: asked anew (hub_main.c, on_sweep) */
	}
	lines = wire_span(message, WIRE_F_LINES);
	while (lines_next(&lines, &name, &value)) {
		uint64_t id = 0;
		bool lives = !span_equals_string(value, "ended");
		struct hub_case *of = lives && span_parse_u64(name, &id) ? find_by_session(hub, id) : NULL;
		struct work *work = of == NULL || of->work != NULL ? NULL : work_begin(hub, of);

		if (work != NULL) {
			ask_link(work, id, on_attach_linked);
		} else if (of != NULL && (of->work == NULL || of->work->session != id)) {
			all = false; /* something else is under way for the case (a person looks at it): the list is read again */
		}
	}
	if (!hub->sessions_settled) {
		settle_never_begun(hub, wire_span(message, WIRE_F_LINES), wire_number(message, WIRE_F_INDEX, UINT64_MAX));
		hub->sessions_settled = true;
	}
	hub->sessions_known = all;
	flow_all(hub);
}

void sessions_adopt(struct hub *hub)
{
	struct wire_message message;

	hub->sessions_known = false;
	if (hub->transport == NULL || !hub->replayed) {
		return;
	}
	wire_begin(&message, WIRE_SESSION_LIST, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_INDEX, hub->replay_next);
	hub->sessions_asked = channel_request(hub->transport, &message, SESSION_LIST_MS, on_list, hub, NULL) == 0;
}
