/* What became of an exchange, from what libcurl and our own handlers saw. */
#include <string.h>

#include "exchange.h"

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
	       (exchange->reply->measured || status == 204 || status == 304 || exchange->peer->closed);
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

/* Our own reasons say more than libcurl's "failed writing body". */
static const char *choose_words(const struct exchange *exchange, CURLcode code, enum far far)
{
	if (exchange->reply->why != NULL) {
		return exchange->reply->why;
	}
	if (exchange->body->why != NULL) {
		return exchange->body->why;
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

	note_head(exchange, &report);
	report.far = how_far(exchange, code, report.http_status);
	report.body_sent = bytes_sent(exchange);
	report_text(span_of_string(choose_words(exchange, code, report.far)), report.error, sizeof report.error);
	memcpy(report.peer_sha256, exchange->peer->sha256, sizeof report.peer_sha256);
	memcpy(report.tls, exchange->peer->tls, sizeof report.tls);
	*ret = report;
}
