/* errand_run.c - one process, one request that files nothing. The exchange is the one of a session; only its end is another. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../appliance/base/cause.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"
#include "../../appliance/wire/channel.h"
#include "errand.h"
#include "exchange.h"
#include "session.h"

#define REPORT_SEND_MS 5000

struct errand {
	struct loop *loop;
	int hub;
	struct request request;
	struct body body;
	struct reply reply;
	struct peer peer;
	struct exchange exchange;
	struct client client;
};

static _Noreturn void tell(struct errand *errand, const struct report *report)
{
	char text[REPORT_MAX_BYTES];
	struct wire_message message;
	int length = report_compose(report, text, sizeof text);

	wire_begin(&message, WIRE_ERRAND_REPORT, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, length < 0 ? 0 : (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, errand->reply.size);
	if (length < 0 || wire_send_blocking(errand->hub, WIRE_SESSION, WIRE_HUB, &message, clock_deadline(REPORT_SEND_MS)) != 0) {
		log_warning("what became of an errand cannot be told");
		_exit(1);
	}
	log_debug("an errand: %s, http %ld, %llu bytes back", report_far_name(report->far), report->http_status, (unsigned long long)errand->reply.size);
	_exit(0);
}

/* Nothing was begun. */
static _Noreturn void fail(struct errand *errand, const char *why)
{
	struct report report = { .far = FAR_NONE, .curl_code = CURLE_FAILED_INIT };

	report_text(span_of_string(why), report.error, sizeof report.error);
	tell(errand, &report);
}

static _Noreturn void fail_login(struct errand *errand)
{
	char text[REPORT_TEXT_MAX_BYTES];

	(void)snprintf(text, sizeof text, "%s: %s", cause_text(client_cause(&errand->client)), errand->client.why);
	fail(errand, text);
}

static void on_stage(void *context, enum exchange_stage stage)
{
	(void)context;
	(void)stage;
}

static void on_done(void *context, const struct report *report)
{
	tell(context, report);
}

static void begin(struct errand *errand, const struct errand_start *start)
{
	bool proxied = errand->request.proxied && proxy_applies(start->proxy, errand->request.url);
	const struct login *login = errand->request.login[0] == '\0' ? NULL : logins_find(start->logins, &errand->request);

	if (errand->request.login[0] != '\0' && login == NULL) {
		fail(errand, cause_text(CAUSE_LOGIN_SETTINGS)); /* never without: the refusal would look like the server's */
	}
	if (proxied && !start->proxy->usable) {
		fail(errand, cause_text(CAUSE_PROXY_SETTINGS));
	}
	if (errand->request.tls_key[0] != '\0' && client_open(&errand->client, start->store, errand->request.tls_key, &errand->peer) != 0) {
		fail_login(errand);
	}
	if (body_open(start->body, errand->request.size, &errand->body) != 0) {
		fail(errand, "errand could not be set up: body");
	}
	errand->exchange = (struct exchange){
		.loop = errand->loop,
		.proxy = proxied ? start->proxy : NULL,
		.client = errand->request.tls_key[0] != '\0' ? &errand->client : NULL,
		.login = login,
		.request = &errand->request,
		.body = &errand->body,
		.reply = &errand->reply,
		.peer = &errand->peer,
		.events = { .on_stage = on_stage, .on_done = on_done, .context = errand },
	};
	if (exchange_start(&errand->exchange) != 0) {
		fail(errand, "errand could not be set up: libcurl");
	}
}

_Noreturn void errand_run(const struct errand_start *start)
{
	static struct errand errand = { .body = { .fd = -1 } };
	const struct session_start become = { .hub = start->hub,
		                              .store = start->store,
		                              .body = start->body,
		                              .zygote = -1,
		                              .reply = start->reply,
		                              .parent = start->parent,
		                              .narrow = start->narrow };
	const char *why = "errand could not be set up: sandbox";
	int err = session_become(&become);

	errand.hub = start->hub;
	errand.reply = (struct reply){ .fd = start->reply };
	errand.loop = loop_new();
	if (errand.loop == NULL) {
		_exit(1);
	}
	if (err != 0 || request_parse(start->lines, start->size, REQUEST_ERRAND, &errand.request, &why) != 0) {
		fail(&errand, why);
	}
	errand.reply.limit = errand.request.reply_limit;
	begin(&errand, start);
	_exit(loop_run(errand.loop));
}
