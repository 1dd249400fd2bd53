#include <unistd.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/log.h"
#include "session.h"

static void on_again(void *context, uint32_t events)
{
	struct session *session = context;

	(void)events;
	session->again_timer = 0;
	session_offer(session);
}

static void offer_later(struct session *session)
{
	if (session->again_timer == 0) {
		int id = loop_timer(session->loop, clock_deadline(SESSION_OFFER_AGAIN_MS), on_again, session);

		session->again_timer = id > 0 ? id : 0;
	}
}

static void on_hold_over(void *context, uint32_t events)
{
	struct session *session = context;

	(void)events;
	log_error("session %llu of case %s: nobody took the reply; it is lost", (unsigned long long)session->id, session->case_number);
	loop_stop(session->loop, SESSION_EXIT_NOBODY_TOOK_IT);
}

void session_offer_hold(struct session *session)
{
	int id = 0;

	if (!session->offering) {
		return;
	}
	loop_cancel(session->loop, session->hold_timer);
	id = loop_timer(session->loop, clock_deadline(session->store != NULL ? SESSION_HOLD_LINKED_MS : SESSION_HOLD_MS), on_hold_over, session);
	session->hold_timer = id > 0 ? id : 0;
}

/* The last word to the hub gets a moment to leave the queue. */
static void finish(struct session *session)
{
	uint64_t until_ms = clock_deadline(SESSION_FAREWELL_MS);

	loop_cancel(session->loop, session->hold_timer);
	session_tell(session, "durable", session->reply.size);
	while (channel_is_open(session->hub) && channel_backlog(session->hub) > 0 && !clock_expired(until_ms)) {
		if (loop_step(session->loop, until_ms) != 0) {
			break;
		}
	}
	loop_stop(session->loop, SESSION_EXIT_DURABLE);
}

static void on_answer(void *context, int err, struct wire_message *message)
{
	struct session *session = context;

	session->asked = false;
	if (err == 0 && message->type == WIRE_SESSION_DURABLE) {
		finish(session);
		return;
	}
	if (err != ERR_GONE) {
		log_warning("session %llu of case %s: the store did not take the reply: %s", (unsigned long long)session->id, session->case_number,
		            err_name(err != 0 ? err : -(int)wire_number(message, WIRE_F_CODE, 0)));
		offer_later(session);
	}
}

void session_offer(struct session *session)
{
	struct wire_message message;
	int err = ERR_INTERNAL;

	if (!session->offering || session->asked || !channel_is_open(session->store)) {
		return;
	}
	wire_begin(&message, WIRE_SESSION_OFFER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, session->id);
	wire_put_string(&message, WIRE_F_CASE, session->case_number);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(session->lines));
	wire_put_number(&message, WIRE_F_SIZE, session->reply.size);
	wire_put_fd(&message, session->reply.fd);
	wire_put_fd(&message, session->peer_fd);
	/* Whoever read it before left the position at its end; the descriptor is shared. */
	if (lseek(session->reply.fd, 0, SEEK_SET) == 0 && lseek(session->peer_fd, 0, SEEK_SET) == 0) {
		err = channel_request(session->store, &message, SESSION_OFFER_MS, on_answer, session, NULL);
	}
	session->asked = err == 0;
	if (err != 0 && err != ERR_GONE) {
		offer_later(session);
	}
}

void session_offer_begin(struct session *session, const struct report *report)
{
	session->peer_fd = fd_memfd_sealed("peer", session->peer.pem != NULL ? session->peer.pem : (const uint8_t *)"", session->peer.length);
	if (session->peer_fd < 0 || fd_seal(session->reply.fd) != 0 || report_compose(report, session->lines, sizeof session->lines) < 0) {
		log_error("session %llu of case %s: the reply cannot be offered", (unsigned long long)session->id, session->case_number);
		_exit(SESSION_EXIT_FAILED);
	}
	log_info("session %llu of case %s: %s, http %ld, %llu bytes back", (unsigned long long)session->id, session->case_number, report_far_name(report->far),
	         report->http_status, (unsigned long long)session->reply.size);
	session->offering = true;
	session_link_store(session);
	session_tell(session, "offering", session->reply.size);
	session_offer_hold(session);
	session_offer(session);
}
