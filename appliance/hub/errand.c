#include "errand.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"

#define REPORT_SLACK_MS 10000 /* beyond the network program's own deadline */
#define LOGIN_SLACK_MS 60000  /* to ask who we are in TLS: the store, its token, before that deadline begins */

struct errand {
	struct hub *hub;
	errand_done done;
	void *context;
	struct lines request;
	uint64_t size; /* of the body */
	int body, reply, hub_end;
	struct channel *channel;
	uint64_t asked; /* the store, for a link; 0: not, or it answered */
	int timer;
};

static void release(struct errand *errand)
{
	errand->hub->errands--;
	if (errand->asked != 0 && errand->hub->store != NULL) {
		channel_forget(errand->hub->store, errand->asked);
	}
	loop_cancel(errand->hub->loop, errand->timer);
	channel_free(errand->channel);
	cleanup_close(&errand->body);
	cleanup_close(&errand->reply);
	cleanup_close(&errand->hub_end);
	lines_free(&errand->request);
	free(errand);
}

static void finish(struct errand *errand, struct span lines, uint64_t size)
{
	struct stat status;
	struct errand_result result = { .lines = lines, .reply = -1 };

	/* What came is sealed here: from now on nobody changes what is looked at. */
	if (fd_seal(errand->reply) == 0 && fstat(errand->reply, &status) == 0 && (uint64_t)status.st_size == size) {
		result.reply = errand->reply;
		result.size = size;
	}
	errand->done(errand->context, &result);
	release(errand);
}

/* `far` NULL: nobody knows. */
static void finish_without(struct errand *errand, const char *far, const char *error)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[512];
	int length = 0;

	lines_set(&lines, "far", far);
	lines_set(&lines, "error", error);
	length = lines_finish(&lines, text, sizeof text);
	finish(errand, span_of(text, length < 0 ? 0 : (size_t)length), 0);
}

static int on_report(void *context, struct channel *channel, struct wire_message *message)
{
	(void)channel;
	if (message->type != WIRE_ERRAND_REPORT) {
		return ERR_PROTOCOL;
	}
	finish(context, wire_span(message, WIRE_F_LINES), wire_number(message, WIRE_F_SIZE, 0));
	return 0;
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)channel;
	(void)end;
	(void)why;
	finish_without(context, NULL, "the network program left no word");
}

static void on_late(void *context, uint32_t events)
{
	struct errand *errand = context;

	(void)events;
	errand->timer = 0;
	finish_without(errand, NULL, "the network program gave no answer in time");
}

/* `link`: of the store, -1 where no key is needed. */
static int hand_over(struct errand *errand, int link)
{
	static char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int length = lines_finish(&errand->request, text, sizeof text), err = 0;

	if (length < 0 || errand->hub->transport == NULL) {
		return length < 0 ? length : ERR_GONE;
	}
	wire_begin(&message, WIRE_ERRAND_START, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, errand->size);
	wire_put_fd(&message, errand->hub_end);
	wire_put_fd(&message, errand->reply);
	if (errand->size > 0) {
		wire_put_fd(&message, errand->body);
	}
	if (link >= 0) {
		wire_put_fd(&message, link);
	}
	err = channel_send(errand->hub->transport, &message);
	cleanup_close(&errand->hub_end); /* so that the end of the process is seen */
	cleanup_close(&errand->body);
	return err;
}

static void on_linked(void *context, int err, struct wire_message *message)
{
	struct errand *errand = context;
	_cleanup_close_ int link = -1;

	errand->asked = 0;
	if (err == 0 && message->type == WIRE_STORE_LINKED) {
		link = wire_take_fd(message, 0);
	}
	if (link < 0 || hand_over(errand, link) != 0) {
		finish_without(errand, "none", link < 0 ? "the store gives no link" : "the network program is not there");
	}
}

/* With a key of a token the store stands between. */
static int ask_link(struct errand *errand)
{
	struct wire_message message;

	if (errand->hub->store == NULL) {
		return ERR_GONE;
	}
	wire_begin(&message, WIRE_STORE_LINK, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_SESSION, 0);
	wire_put_string(&message, WIRE_F_KEY, lines_get(&errand->request, "tls-key"));
	return channel_request(errand->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_linked, errand, &errand->asked);
}

/* --- the beginning --- */

static void set_defaults(struct errand *errand, uint64_t *ret_deadline_ms)
{
	struct lines *request = &errand->request;

	if (lines_get(request, "method") == NULL) {
		lines_set(request, "method", "GET");
	}
	if (lines_get(request, "deadline-ms") == NULL) {
		lines_set_u64(request, "deadline-ms", ERRAND_DEADLINE_DEFAULT_MS);
	}
	if (lines_get(request, "reply-limit") == NULL) {
		lines_set_u64(request, "reply-limit", ERRAND_REPLY_DEFAULT_BYTES);
	}
	*ret_deadline_ms = ERRAND_DEADLINE_DEFAULT_MS;
	(void)span_parse_u64(span_of_string(lines_get(request, "deadline-ms")), ret_deadline_ms);
}

static int prepare(struct errand *errand, const struct lines *request, int body)
{
	struct stat status;
	uint64_t deadline_ms = 0;
	int ends[2];

	for (size_t i = 0; i < request->count; i++) {
		lines_set(&errand->request, request->names[i], request->values[i]);
	}
	set_defaults(errand, &deadline_ms);
	if (body >= 0 && (lseek(body, 0, SEEK_SET) != 0 || fstat(body, &status) != 0 || (errand->body = dup(body)) < 0)) {
		return ERR_SYSTEM;
	}
	errand->size = body >= 0 ? (uint64_t)status.st_size : 0;
	errand->reply = fd_memfd_open("reply");
	if (errand->reply < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		return ERR_SYSTEM;
	}
	errand->hub_end = ends[1];
	errand->channel = channel_new(errand->hub->loop, ends[0], WIRE_HUB, WIRE_SESSION, on_report, on_end, errand);
	deadline_ms += lines_get(&errand->request, "tls-key") != NULL ? LOGIN_SLACK_MS : 0;
	errand->timer = loop_timer(errand->hub->loop, clock_deadline(deadline_ms + REPORT_SLACK_MS), on_late, errand);
	return errand->channel == NULL || errand->timer < 0 ? ERR_MEMORY : errand->request.err;
}

int errand_begin(struct hub *hub, const struct lines *request, int body, errand_done done, void *context, struct errand **ret)
{
	struct errand *errand = hub->transport == NULL || hub->errands == ERRANDS_MAX ? NULL : calloc(1, sizeof *errand);
	int err = 0;

	if (errand == NULL) {
		return hub->transport == NULL ? ERR_GONE : hub->errands == ERRANDS_MAX ? ERR_BUSY : ERR_MEMORY;
	}
	*errand = (struct errand){ .hub = hub, .done = done, .context = context, .body = -1, .reply = -1, .hub_end = -1 };
	hub->errands++;
	err = prepare(errand, request, body);
	if (err == 0) {
		err = lines_get(&errand->request, "tls-key") != NULL ? ask_link(errand) : hand_over(errand, -1);
	}
	if (err != 0) {
		release(errand);
		return err;
	}
	if (ret != NULL) {
		*ret = errand;
	}
	return 0;
}

void errand_cancel(struct errand *errand)
{
	release(errand);
}
