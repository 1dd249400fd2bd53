/* Replies of the transport. A session offers what came back over its own link; once the record is durable it may go. The store never drops a reply:
 * what cannot be written now is tried again as long as the session lives (design 2). */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define OFFER_RETRY_MS 5000
#define OFFER_TRIES_MAX 240 /* 20 minutes: a session waits 10 */
#define REPORT_VALUE_MAX 1024
#define PEER_MAX_BYTES ((uint64_t)1024 * 1024)

struct server_session {
	struct server_session *next;
	struct server *server;
	struct channel *channel;
	uint64_t session; /* 0: an errand, which offers nothing */
	struct server_tls_link tls;
};

/* One reply on its way in. It outlives the link over which it came: its descriptors are here. */
struct server_offer {
	struct server_offer *next;
	struct server *server;
	uint64_t session;
	struct server_session *link; /* who waits for the answer; NULL: gone */
	uint64_t request;
	char case_number[TABLE_CASE_SIZE];
	struct lines report;
	int fds[2]; /* reply, peer */
	struct server_intake *intakes[2];
	bool taken[2];
	struct object_ref refs[2];
	uint8_t peer_digest[OBJECT_HASH_BYTES]; /* zero: not known */
	bool staged;                            /* the record is in a batch */
	int retry_timer;
	unsigned tries;
};

static const char *const roles[2] = { "reply", "peer" };

static void begin(struct server_offer *offer);

static void remove_offer(struct server_offer *offer)
{
	for (struct server_offer **place = &offer->server->offers; *place != NULL; place = &(*place)->next) {
		if (*place == offer) {
			*place = offer->next;
			break;
		}
	}
	loop_cancel(offer->server->loop, offer->retry_timer);
	for (size_t i = 0; i < 2; i++) {
		server_intake_cancel(offer->intakes[i]);
		cleanup_close(&offer->fds[i]);
	}
	lines_free(&offer->report);
	free(offer);
}

static void answer_durable(struct server_session *link, uint64_t request, uint64_t index)
{
	struct wire_message answer;

	if (link == NULL || !channel_is_open(link->channel)) {
		return;
	}
	wire_begin(&answer, WIRE_SESSION_DURABLE, request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_INDEX, index);
	(void)channel_send(link->channel, &answer);
}

static void answer_failure(struct server_session *link, uint64_t request, int err, const char *text)
{
	if (link != NULL && channel_is_open(link->channel)) {
		(void)channel_answer_error(link->channel, request, err, text);
	}
}

static void on_retry(void *context, uint32_t events)
{
	struct server_offer *offer = context;

	(void)events;
	offer->retry_timer = 0;
	begin(offer);
}

static void again_later(struct server_offer *offer, int err)
{
	int id = 0;

	log_warning("a reply could not be stored (%s), try %u", err_name(err), offer->tries);
	for (size_t i = 0; i < 2; i++) {
		server_intake_cancel(offer->intakes[i]);
		offer->intakes[i] = NULL;
		offer->taken[i] = false;
	}
	if (offer->retry_timer > 0) {
		return;
	}
	if (++offer->tries >= OFFER_TRIES_MAX) {
		answer_failure(offer->link, offer->request, err, "the reply could not be stored");
		remove_offer(offer);
		return;
	}
	id = loop_timer(offer->server->loop, clock_deadline(OFFER_RETRY_MS), on_retry, offer);
	offer->retry_timer = id > 0 ? id : 0;
	if (id < 0) {
		answer_failure(offer->link, offer->request, ERR_LIMIT, "the reply could not be stored");
		remove_offer(offer);
	}
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	struct server_offer *offer = context;

	offer->staged = false;
	if (err != 0) {
		/* The journal is at fault and this process ends; the session offers again to the next one. */
		remove_offer(offer);
		return;
	}
	answer_durable(offer->link, offer->request, receipt->index);
	remove_offer(offer);
}

static bool is_not_sent(const struct server_offer *offer)
{
	const char *far = lines_get(&offer->report, "far");

	return far == NULL || strcmp(far, "none") == 0 || strcmp(far, "connected") == 0;
}

static void stage_record(struct server_offer *offer)
{
	_cleanup_lines_ struct lines body = { 0 };
	static const char *const fields[] = { "body-sent", "content-type", "curl-code", "date-off-ms", "error",
		                              "far",       "http-status",  "location",  "peer-sha256", "tls" };
	char ref[OBJECT_REF_SIZE], why[TABLE_WHY_SIZE] = "";
	bool not_sent = is_not_sent(offer);
	int err = 0;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		lines_set(&body, fields[i], lines_get(&offer->report, fields[i]));
	}
	lines_set(&body, "case", offer->case_number);
	lines_set_u64(&body, "answers", offer->session);
	lines_set(&body, "evidence", "channel");
	if (not_sent && (lines_get(&body, "error") == NULL || lines_get(&body, "error")[0] == '\0')) {
		lines_set(&body, "error", "unknown");
	}
	for (size_t i = 0; !not_sent && err >= 0 && i < 2; i++) {
		err = object_ref_format(&offer->refs[i], ref, sizeof ref);
		lines_set(&body, i == 0 ? "object-reply" : "object-peer", ref);
	}
	if (err >= 0) {
		err = server_stage_one(offer->server, TABLE_STORE, offer->case_number, not_sent ? "not-sent" : "reply", &body, on_recorded, offer, why);
	}
	if (err < 0) {
		log_warning("reply: %s", why);
		again_later(offer, err);
		return;
	}
	offer->staged = true;
}

static void on_taken(struct server_offer *offer, size_t n, int err, const struct object_ref *ref)
{
	offer->intakes[n] = NULL;
	if (err != 0) {
		again_later(offer, err);
		return;
	}
	offer->refs[n] = *ref;
	offer->taken[n] = true;
	if (offer->taken[0] && offer->taken[1]) {
		stage_record(offer);
	}
}

static void on_reply_taken(void *context, int err, const struct object_ref *ref, const char *earlier)
{
	(void)earlier;
	on_taken(context, 0, err, ref);
}

static void on_peer_taken(void *context, int err, const struct object_ref *ref, const char *earlier)
{
	static const uint8_t none[OBJECT_HASH_BYTES];
	struct server_offer *offer = context;

	(void)earlier;
	if (err == 0 && memcmp(offer->peer_digest, none, sizeof none) != 0) {
		server_peers_add(&offer->server->peers, offer->case_number, offer->peer_digest, ref);
	}
	on_taken(offer, 1, err, ref);
}

/* The certificates of an earlier exchange of the case, when they are the same. */
static void take_known_peer(struct server_offer *offer)
{
	const struct object_ref *known = NULL;

	if (!server_peers_digest(offer->fds[1], offer->peer_digest)) {
		memset(offer->peer_digest, 0, sizeof offer->peer_digest);
		return;
	}
	known = server_peers_find(&offer->server->peers, offer->case_number, offer->peer_digest);
	if (known != NULL) {
		offer->refs[1] = *known;
		offer->taken[1] = true;
	}
}

/* (Again) from the start. */
static void begin(struct server_offer *offer)
{
	int err = 0;

	if (is_not_sent(offer)) {
		stage_record(offer);
		return;
	}
	take_known_peer(offer);
	for (size_t i = 0; err == 0 && i < (offer->taken[1] ? 1 : 2); i++) {
		int fd = dup(offer->fds[i]);

		err = fd < 0 ? ERR_SYSTEM
		             : server_intake_start(offer->server, offer->case_number, roles[i], i == 0 ? OBJECT_MAX_BYTES : PEER_MAX_BYTES, fd,
		                                   clock_deadline(SERVER_STREAM_MS), i == 0 ? on_reply_taken : on_peer_taken, offer, &offer->intakes[i]);
	}
	if (err != 0) {
		again_later(offer, err);
	}
}

/* --- offers --- */

/* The record that allowed this session: a request or a sending of that case. */
static int check_authority(struct server *server, uint64_t session, const char *case_number)
{
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct record record;
	int err = buffer == NULL ? ERR_MEMORY : journal_read_one(server->journal, session, buffer, &record);

	if (err != 0) {
		return err;
	}
	return (strcmp(record.type, "sending") == 0 || strcmp(record.type, "request") == 0) && record_field_is(&record, "case", case_number) ? 0 : ERR_MISMATCH;
}

/* Foreign words of the far side: of bounded length, cut where a character begins. */
static void keep_report(struct lines *report)
{
	for (size_t i = 0; i < report->count; i++) {
		char *value = report->values[i];
		size_t length = strlen(value);

		if (length > REPORT_VALUE_MAX) {
			length = REPORT_VALUE_MAX;
			while (length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80) {
				length--;
			}
			value[length] = '\0';
		}
	}
}

static bool far_valid(const struct lines *report)
{
	static const char *const words[] = { "none", "connected", "body-started", "body-done", "reply-started", "reply-done" };
	const char *far = lines_get(report, "far");

	for (size_t i = 0; far != NULL && i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(far, words[i]) == 0) {
			return true;
		}
	}
	return false;
}

static struct server_offer *find_offer(const struct server *server, uint64_t session)
{
	struct server_offer *offer = server->offers;

	while (offer != NULL && offer->session != session) {
		offer = offer->next;
	}
	return offer;
}

bool server_offer_pending(const struct server *server, const char *case_number)
{
	for (const struct server_offer *offer = server->offers; offer != NULL; offer = offer->next) {
		if (strcmp(offer->case_number, case_number) == 0 && offer->retry_timer == 0) {
			return true;
		}
	}
	return false;
}

static int accept_offer(struct server_session *link, struct wire_message *message, const char *case_number)
{
	struct server *server = link->server;
	struct server_offer *offer = calloc(1, sizeof *offer);

	if (offer == NULL) {
		return ERR_MEMORY;
	}
	offer->server = server;
	offer->session = link->session;
	offer->link = link;
	offer->request = message->id;
	offer->fds[0] = wire_take_fd(message, 0);
	offer->fds[1] = wire_take_fd(message, 1);
	(void)snprintf(offer->case_number, sizeof offer->case_number, "%s", case_number);
	offer->next = server->offers;
	server->offers = offer;
	if (lines_parse(wire_span(message, WIRE_F_LINES), &offer->report) != 0 || !far_valid(&offer->report)) {
		remove_offer(offer);
		return ERR_PROTOCOL;
	}
	keep_report(&offer->report);
	begin(offer);
	return 0;
}

static int on_offer(struct server_session *link, struct wire_message *message)
{
	struct server *server = link->server;
	struct server_offer *offer = find_offer(server, link->session);
	char case_number[TABLE_CASE_SIZE];
	uint64_t index = 0;
	int err = ERR_INTERNAL;

	if (wire_number(message, WIRE_F_SESSION, 0) != link->session || !wire_string(message, WIRE_F_CASE, case_number, sizeof case_number)) {
		return ERR_PROTOCOL;
	}
	if (offer != NULL) { /* the same reply again, over a new link: that one gets the answer */
		offer->link = link;
		offer->request = message->id;
		return 0;
	}
	if (server_find_answer(server, case_number, link->session, &index) == 0) {
		answer_durable(link, message->id, index);
		return 0;
	}
	err = check_authority(server, link->session, case_number);
	if (err == 0) {
		err = accept_offer(link, message, case_number);
	}
	if (err != 0 && err != ERR_PROTOCOL) {
		answer_failure(link, message->id, err, "no such session");
		err = 0;
	}
	return err;
}

/* --- links --- */

static int on_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct server_session *link = context;

	switch (message->type) {
	case WIRE_SESSION_OFFER:
		return link->session == 0 ? ERR_PROTOCOL : on_offer(link, message);
	case WIRE_SESSION_CLIENT:
	case WIRE_SESSION_TLS:
		return server_tls(link->server, channel, &link->tls, link->session, message);
	default:
		return ERR_PROTOCOL;
	}
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct server_session *link = context;
	struct server *server = link->server;

	if (end == CHANNEL_BROKEN) {
		log_warning("a session broke the protocol: %s", why);
	}
	for (struct server_offer *offer = server->offers; offer != NULL; offer = offer->next) {
		if (offer->link == link) {
			offer->link = NULL;
		}
	}
	for (struct server_session **place = &server->sessions; *place != NULL; place = &(*place)->next) {
		if (*place == link) {
			*place = link->next;
			server->session_count--;
			break;
		}
	}
	server_tls_forget(server, channel);
	channel_free(channel);
	free(link);
}

static int open_link(struct server *server, uint64_t session, const char *key, int *ret_fd)
{
	struct server_session *link = NULL;
	int ends[2];

	if (server->session_count >= SERVER_SESSIONS_MAX) {
		return ERR_BUSY;
	}
	link = calloc(1, sizeof *link);
	if (link == NULL) {
		return ERR_MEMORY;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		free(link);
		return ERR_SYSTEM;
	}
	link->server = server;
	link->session = session;
	(void)snprintf(link->tls.key, sizeof link->tls.key, "%s", key);
	link->channel = channel_new(server->loop, ends[0], WIRE_STORE, WIRE_SESSION, on_message, on_end, link);
	if (link->channel == NULL) {
		(void)close(ends[1]);
		free(link);
		return ERR_MEMORY;
	}
	link->next = server->sessions;
	server->sessions = link;
	server->session_count++;
	*ret_fd = ends[1];
	return 0;
}

void server_link(struct server *server, const struct wire_message *message)
{
	struct wire_message answer;
	_cleanup_close_ int fd = -1;
	char key[SERVER_NAME_SIZE];
	int err = wire_string(message, WIRE_F_KEY, key, sizeof key) ? open_link(server, wire_number(message, WIRE_F_SESSION, 0), key, &fd) : ERR_FORMAT;

	if (err != 0) {
		server_fail(server, message->id, err, "no link for the session", NULL);
		return;
	}
	wire_begin(&answer, WIRE_STORE_LINKED, message->id, CLOCK_NEVER_MS);
	wire_put_fd(&answer, fd);
	server_tell_hub(server, &answer);
}
