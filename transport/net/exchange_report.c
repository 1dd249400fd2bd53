/* What became of an exchange, from what libcurl and our own handlers saw. */
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cause.h"
#include "exchange.h"

#define HALF_SECOND_MS 500

static uint64_t bytes_sent(struct exchange *exchange)
{
	curl_off_t sent = 0;

	return curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK && sent > 0 ? (uint64_t)sent : 0;
}

/* With a body: not sent means that libcurl never asked for it. Without one: that no byte of the request can have left. */
static bool is_not_sent(const struct exchange *exchange)
{
	return exchange->request->size > 0 ? !exchange->body->called : !exchange->ready;
}

/* By its own measure, or by an orderly close: libcurl takes a bare end of the connection for the end of a reply without length, but anyone on
 * the way can cause that one (RFC 9112 section 8). */
static bool reply_is_whole(const struct exchange *exchange, CURLcode code, long status)
{
	return code == CURLE_OK && exchange->reply->started && exchange->reply->why == NULL && status >= 200 &&
	       (exchange->reply->measured || status == 204 || status == 304 || exchange->peer->closed || request_is_plain(exchange->request->url));
}

static enum far how_far(struct exchange *exchange, CURLcode code, long status)
{
	if (is_not_sent(exchange)) {
		return exchange->reached ? FAR_CONNECTED : FAR_NONE;
	}
	if (reply_is_whole(exchange, code, status)) {
		return FAR_REPLY_DONE;
	}
	if (exchange->reply->started || exchange->reply->size > 0) {
		return FAR_REPLY_STARTED;
	}
	return bytes_sent(exchange) >= exchange->request->size ? FAR_BODY_DONE : FAR_BODY_STARTED;
}

/* --- causes that have a name (cause.h): what a person can do something about --- */

/* What the proxy answered to CONNECT, or that it did not. */
static enum cause proxy_cause(const struct exchange *exchange, CURLcode code, long status)
{
	if (status == 407) {
		return !exchange->offers_basic            ? CAUSE_PROXY_LOGIN_OTHER
		       : exchange->proxy->user[0] == '\0' ? CAUSE_PROXY_LOGIN_NEEDED
		                                          : CAUSE_PROXY_LOGIN_REFUSED;
	}
	if (status == 403 || status == 451) {
		return CAUSE_PROXY_FORBIDS;
	}
	if (status >= 300) {
		return CAUSE_PROXY_FAILS;
	}
	return status >= 200 || code == CURLE_FAILED_INIT ? CAUSE_NONE : CAUSE_PROXY_GONE;
}

/* On our side, or because the server did not want us. */
static enum cause login_cause(const struct exchange *exchange)
{
	enum cause cause = exchange->client != NULL ? client_cause(exchange->client) : CAUSE_NONE;

	return cause != CAUSE_NONE || exchange->reply->started ? cause : peer_login_cause(exchange->peer, exchange->client != NULL);
}

static enum cause find_cause(const struct exchange *exchange, CURLcode code)
{
	long status = 0;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		return peer_cause(exchange->peer);
	}
	if (exchange->reached) {
		return CAUSE_NONE;
	}
	if (exchange->proxy != NULL) {
		return proxy_cause(exchange, code, status);
	}
	return code == CURLE_COULDNT_RESOLVE_HOST                                  ? CAUSE_NO_NAME
	       : code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ? CAUSE_NO_ANSWER
	                                                                           : CAUSE_NONE;
}

static void name_cause(const struct exchange *exchange, enum cause cause, const char *words, struct report *report)
{
	bool replaced = cause == CAUSE_CERTIFICATE_REPLACED;
	char text[REPORT_TEXT_MAX_BYTES];

	(void)snprintf(text, sizeof text, "%s: %s%s", cause_text(cause), replaced ? "issuer " : "", replaced ? exchange->peer->issuer : words);
	report_text(span_of_string(text), report->error, sizeof report->error);
}

/* Our own reasons say more than libcurl's "failed writing body". */
static const char *choose_words(const struct exchange *exchange, CURLcode code, enum far far)
{
	if (exchange->reply->why != NULL) {
		return exchange->reply->why;
	}
	if (exchange->body->why != NULL) {
		return exchange->body->why;
	}
	if (exchange->client != NULL && exchange->client->err != 0) {
		return exchange->client->why;
	}
	if (code != CURLE_OK) {
		return exchange->words[0] != 0 ? exchange->words : curl_easy_strerror(code);
	}
	if (far == FAR_REPLY_DONE) {
		return "";
	}
	return is_not_sent(exchange) ? "answered before the body was asked for" : "the connection was cut, not closed, before the reply was known to be whole";
}

static void note_head(struct exchange *exchange, struct report *report)
{
	struct curl_header *header = NULL;
	const char *type = NULL;

	if (!exchange->reply->started) {
		return;
	}
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &report->http_status);
	if (exchange->reply->date_s > 0 && exchange->ready_utc_ms > 0 && exchange->headed_utc_ms > 0) {
		report->has_date = true;
		report->date_off_ms = exchange->reply->date_s * 1000 + HALF_SECOND_MS - (exchange->ready_utc_ms + exchange->headed_utc_ms) / 2;
	}
	if (curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL) {
		report_text(span_of_string(type), report->content_type, sizeof report->content_type);
	}
	if (curl_easy_header(exchange->easy, "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
		report_text(span_of_string(header->value), report->location, sizeof report->location);
	}
}

void exchange_make_report(struct exchange *exchange, CURLcode code, struct report *ret)
{
	struct report report = { .curl_code = (int)code };
	enum cause cause = CAUSE_NONE;

	note_head(exchange, &report);
	report.far = how_far(exchange, code, report.http_status);
	report.body_sent = bytes_sent(exchange);
	report_text(span_of_string(choose_words(exchange, code, report.far)), report.error, sizeof report.error);
	cause = code != CURLE_OK ? login_cause(exchange) : CAUSE_NONE;
	if (cause == CAUSE_NONE) {
		cause = is_not_sent(exchange) && code != CURLE_OK && exchange->body->why == NULL ? find_cause(exchange, code) : CAUSE_NONE;
	}
	if (cause != CAUSE_NONE) {
		name_cause(exchange, cause, choose_words(exchange, code, report.far), &report);
	}
	memcpy(report.peer_sha256, exchange->peer->sha256, sizeof report.peer_sha256);
	memcpy(report.tls, exchange->peer->tls, sizeof report.tls);
	*ret = report;
}
