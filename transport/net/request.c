#include "request.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/lines.h"

/* How the message travels is libcurl's to say: a second Content-Length or a Connection: upgrade would make the far end read another message
 * than the one in the vault (RFC 9112 section 11.2). */
static const char *const forbidden_headers[] = {
	"connection", "content-length",    "cookie",  "expect",     "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
	"trailer",    "transfer-encoding", "upgrade", "user-agent",
};

static void url_cleanup(CURLU **url)
{
	curl_url_cleanup(*url);
}

static bool part_is_absent(CURLU *url, CURLUPart part)
{
	char *value = NULL;
	CURLUcode code = curl_url_get(url, part, &value, 0);

	curl_free(value);
	return code != CURLUE_OK;
}

bool request_is_plain(const char *url)
{
	return strncmp(url, "http://", 7) == 0;
}

static bool url_is_good(const char *text)
{
	_cleanup_(url_cleanup) CURLU *url = curl_url();

	/* No blanks, no controls, no bytes beyond ASCII: what is on the wire is what is in the record. */
	for (const char *each = text; *each != 0; each++) {
		if (*each <= ' ' || *each > '~') {
			return false;
		}
	}
	return url != NULL && (strncmp(text, "https://", 8) == 0 || request_is_plain(text)) &&
	       curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK && part_is_absent(url, CURLUPART_USER) &&
	       part_is_absent(url, CURLUPART_PASSWORD) && part_is_absent(url, CURLUPART_FRAGMENT);
}

/* tchar of RFC 9110 section 5.6.2 */
static bool is_token_byte(char byte)
{
	return byte != 0 &&
	       (strchr("!#$%&'*+-.^_`|~", byte) != NULL || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'));
}

static bool header_is_good(const char *text)
{
	const char *colon = strchr(text, ':');
	size_t length = colon == NULL ? 0 : (size_t)(colon - text);

	for (size_t i = 0; i < length; i++) {
		if (!is_token_byte(text[i])) {
			return false;
		}
	}
	for (size_t i = 0; i < sizeof forbidden_headers / sizeof *forbidden_headers; i++) {
		if (strlen(forbidden_headers[i]) == length && strncasecmp(text, forbidden_headers[i], length) == 0) {
			return false;
		}
	}
	/* An empty value would tell libcurl to take a header away. Control characters cannot stand in LINES. */
	return length > 0 && colon[1] == ' ' && colon[2] != 0 && colon[2] != ' ';
}

static bool read_number(struct span value, uint64_t most, uint64_t *ret)
{
	uint64_t number = 0;

	if (!span_parse_u64(value, &number) || number == 0 || number > most) {
		return false;
	}
	*ret = number;
	return true;
}

static bool add_header(struct span value, struct request *request)
{
	char *place = request->headers[request->header_count < REQUEST_HEADERS_MAX ? request->header_count : 0];

	if (request->header_count == REQUEST_HEADERS_MAX || !span_copy_string(value, place, REQUEST_HEADER_MAX_BYTES + 1) || !header_is_good(place)) {
		return false;
	}
	request->header_count++;
	return true;
}

/* Null when the line is good, else words. */
static const char *read_transport(struct span name, struct span value, struct request *request)
{
	if (span_equals_string(name, "ca-file")) {
		return span_copy_string(value, request->ca_file, sizeof request->ca_file) && request->ca_file[0] == '/' ? NULL : "bad request: ca-file";
	}
	if (span_equals_string(name, "connect-timeout-ms")) {
		return read_number(value, REQUEST_CONNECT_MAX_MS, &request->connect_timeout_ms) ? NULL : "bad request: connect-timeout-ms";
	}
	if (span_equals_string(name, "deadline-ms")) {
		return read_number(value, REQUEST_DEADLINE_MAX_MS, &request->deadline_ms) ? NULL : "bad request: deadline-ms";
	}
	if (span_equals_string(name, "reply-limit")) {
		return read_number(value, REQUEST_REPLY_MAX_BYTES, &request->reply_limit) ? NULL : "bad request: reply-limit";
	}
	if (span_equals_string(name, "proxy")) {
		request->proxied = span_equals_string(value, "configured");
		return request->proxied || span_equals_string(value, "direct") ? NULL : "bad request: proxy";
	}
	return "bad request: unknown line";
}

static const char *read_line(struct span name, struct span value, struct request *request)
{
	if (span_equals_string(name, "method")) {
		request->post = span_equals_string(value, "POST");
		request->head = span_equals_string(value, "HEAD");
		return request->post || request->head || span_equals_string(value, "GET") ? NULL : "bad request: method";
	}
	if (span_equals_string(name, "url")) {
		return span_copy_string(value, request->url, sizeof request->url) && url_is_good(request->url) ? NULL : "bad request: url";
	}
	if (span_starts_with(name, "header.")) {
		return add_header(value, request) ? NULL : "bad request: header";
	}
	if (span_equals_string(name, "filing")) {
		request->filing = span_equals_string(value, "yes");
		return request->filing || span_equals_string(value, "no") ? NULL : "bad request: filing";
	}
	if (span_equals_string(name, "user-agent")) {
		return span_copy_string(value, request->user_agent, sizeof request->user_agent) ? NULL : "bad request: user-agent";
	}
	if (span_equals_string(name, "login")) {
		return span_copy_string(value, request->login, sizeof request->login) && request->login[0] != '\0' ? NULL : "bad request: login";
	}
	if (span_equals_string(name, "tls-key")) {
		return span_copy_string(value, request->tls_key, sizeof request->tls_key) && request->tls_key[0] != '\0' ? NULL : "bad request: tls-key";
	}
	return read_transport(name, value, request);
}

static const char *check_whole(struct span lines, enum request_kind kind, const struct request *request)
{
	struct span value;

	if (!lines_find(lines, "method", &value) || request->url[0] == 0) {
		return "bad request: method and url are needed";
	}
	if (request->size > REQUEST_BODY_MAX_BYTES) {
		return "bad request: body too long";
	}
	if (!request->post && request->size > 0) {
		return "bad request: GET with a body";
	}
	/* "Not sent" is known by the body's callback: what has no body cannot be a filing (design 2). */
	if (request->filing && request->size == 0) {
		return "bad request: filing without a body";
	}
	if (kind == REQUEST_ERRAND && request->filing) {
		return "bad request: an errand files nothing";
	}
	/* What comes without TLS says nothing of its origin, and everybody reads what is asked. */
	if (request_is_plain(request->url) &&
	    (kind == REQUEST_SESSION || request->post || request->head || request->login[0] != '\0' || request->tls_key[0] != '\0')) {
		return "bad request: url";
	}
	return kind == REQUEST_SESSION && (request->head || request->login[0] != '\0') ? "bad request: for errands only" : NULL;
}

int request_parse(struct span lines, uint64_t size, enum request_kind kind, struct request *ret, const char **ret_why)
{
	struct span rest = lines, name, value;
	const char *why = lines_valid(lines) ? NULL : "bad request: lines";

	/* Not all of it is wiped: it is large, and what no line names is told by an empty text or by a count. */
	ret->post = ret->head = ret->filing = ret->proxied = false;
	ret->url[0] = ret->ca_file[0] = ret->user_agent[0] = ret->login[0] = ret->tls_key[0] = '\0';
	ret->header_count = 0;
	ret->connect_timeout_ms = REQUEST_CONNECT_DEFAULT_MS;
	ret->deadline_ms = REQUEST_DEADLINE_DEFAULT_MS;
	ret->reply_limit = REQUEST_REPLY_DEFAULT_BYTES;
	ret->size = size;
	while (why == NULL && lines_next(&rest, &name, &value)) {
		why = read_line(name, value, ret);
	}
	if (why == NULL) {
		why = check_whole(lines, kind, ret);
	}
	if (why != NULL) {
		*ret_why = why;
		return ERR_FORMAT;
	}
	return 0;
}
