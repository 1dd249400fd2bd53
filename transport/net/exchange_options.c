#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/fdio.h"
#include "anchors.h"
#include "exchange.h"

static size_t on_body_wanted(char *buffer, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	ssize_t got = exchange_hold(exchange) ? 0 : body_read(exchange->body, buffer, size * count);

	return got < 0 ? CURL_READFUNC_ABORT : got == 0 ? CURL_READFUNC_PAUSE : (size_t)got;
}

/* The body cannot be rewound: libcurl must never send it a second time, for whatever reason. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
	(void)context;
	(void)offset;
	(void)origin;
	return CURL_SEEKFUNC_FAIL;
}

static size_t on_reply(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;

	return reply_add(exchange->reply, data, size * count) == 0 ? size * count : 0;
}

/* Before the tunnel stands it is the proxy that speaks, and of that only one thing counts: which logins it takes (RFC 9110 section 11.7.1). */
static void note_proxy_header(struct exchange *exchange, const char *line, size_t length)
{
	static const char wanted[] = "proxy-authenticate: basic";

	exchange->offers_basic = exchange->offers_basic || (length >= strlen(wanted) && strncasecmp(line, wanted, strlen(wanted)) == 0);
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;

	if (!exchange->ready) {
		note_proxy_header(exchange, data, size * count);
		return size * count;
	}
	if (reply_header(exchange->reply, data, size * count) != 0) {
		return 0;
	}
	if (!exchange->receiving && exchange->reply->started) {
		exchange->headed_utc_ms = clock_utc_ms();
		exchange->receiving = true;
		exchange->events.on_stage(exchange->events.context, EXCHANGE_RECEIVING);
	}
	return size * count;
}

static CURLcode on_ssl_context(CURL *easy, void *ssl_ctx, void *context)
{
	struct exchange *exchange = context;
	X509_STORE *anchors = anchors_find(exchange->request->ca_file);

	(void)easy;
	exchange->reached = true;
	if (anchors != NULL && SSL_CTX_set1_verify_cert_store(ssl_ctx, anchors) != 1) {
		return CURLE_SSL_CONNECT_ERROR;
	}
	if (exchange->client != NULL && !client_hook(exchange->client, ssl_ctx)) {
		return CURLE_SSL_CERTPROBLEM;
	}
	return peer_hook(ssl_ctx, exchange->peer) ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* Connected, certificate and host name checked, nothing of the request sent yet. */
static int on_ready(void *context, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
	struct exchange *exchange = context;
	struct curl_tlssessioninfo *info = NULL;

	(void)primary_ip;
	(void)local_ip;
	(void)primary_port;
	(void)local_port;
	if (exchange->ready) {
		return CURL_PREREQFUNC_ABORT; /* a second connection of the same exchange would be a second request */
	}
	exchange->ready = true;
	exchange->ready_utc_ms = clock_utc_ms();
	if (curl_easy_getinfo(exchange->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info != NULL && info->backend == CURLSSLBACKEND_OPENSSL) {
		peer_note_tls(exchange->peer, info->internals);
	}
	exchange->events.on_stage(exchange->events.context, EXCHANGE_SENDING);
	return CURL_PREREQFUNC_OK;
}

static bool add_header(struct exchange *exchange, const char *line)
{
	struct curl_slist *longer = curl_slist_append(exchange->headers, line);

	exchange->headers = longer != NULL ? longer : exchange->headers;
	return longer != NULL;
}

static bool names_header(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strncasecmp(request->headers[i], name, strlen(name)) == 0) {
			return true;
		}
	}
	return false;
}

/* What the request does not name, libcurl must not invent. */
static bool set_headers(struct exchange *exchange)
{
	const struct request *request = exchange->request;
	bool good = add_header(exchange, "Expect:");

	if (!names_header(request, "content-type:")) {
		good = good && add_header(exchange, "Content-Type:");
	}
	for (size_t i = 0; i < request->header_count; i++) {
		good = good && add_header(exchange, request->headers[i]);
	}
	return good && curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_method(struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	const struct request *request = exchange->request;

	if (request->head) {
		return SET(CURLOPT_NOBODY, 1L);
	}
	if (!request->post) {
		return SET(CURLOPT_HTTPGET, 1L);
	}
	if (request->size == 0) {
		return SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0) && SET(CURLOPT_POSTFIELDS, "");
	}
	return SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size) && SET(CURLOPT_READFUNCTION, on_body_wanted) &&
	       SET(CURLOPT_READDATA, exchange) && SET(CURLOPT_SEEKFUNCTION, on_seek) && SET(CURLOPT_SEEKDATA, exchange);
}

/* A new connection that nobody uses after us, HTTP/1.1, no redirects, no credentials or state from anywhere. */
static bool set_once(const struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	const char *protocol = request_is_plain(exchange->request->url) ? "http" : "https";

	return SET(CURLOPT_FRESH_CONNECT, 1L) && SET(CURLOPT_FORBID_REUSE, 1L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_HTTP09_ALLOWED, 0L) && SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_MAXREDIRS, 0L) && SET(CURLOPT_PROTOCOLS_STR, protocol) &&
	       SET(CURLOPT_REDIR_PROTOCOLS_STR, protocol) && SET(CURLOPT_UNRESTRICTED_AUTH, 0L) && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) && SET(CURLOPT_PATH_AS_IS, 1L) && SET(CURLOPT_HSTS_CTRL, 0L) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_QUICK_EXIT, 1L); /* at the deadline do not wait for the resolver's thread */
}

/* Whether a proxy is used was decided before (proxy.h); the environment has no say. Through one there is only a tunnel: the proxy sees CONNECT and TLS, its
 * login stands in CONNECT alone (RFC 9110 section 9.3.6), and what it says there is not taken for a reply of the partner. */
static bool set_proxy(const struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	const struct proxy *proxy = exchange->proxy;

	if (proxy == NULL) {
		return SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOPROXY, "*");
	}
	return SET(CURLOPT_PROXY, proxy->url) && SET(CURLOPT_NOPROXY, "") && SET(CURLOPT_PROXYTYPE, (long)CURLPROXY_HTTP) && SET(CURLOPT_HTTPPROXYTUNNEL, 1L) &&
	       SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) && SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) &&
	       (proxy->user[0] == '\0' || SET(CURLOPT_PROXYUSERNAME, proxy->user)) && (proxy->user[0] == '\0' || SET(CURLOPT_PROXYPASSWORD, proxy->password));
}

/* To this server alone: there are no redirects, and the address is one that the login came with. */
static bool set_login(const struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	const struct login *login = exchange->login;

	return login == NULL || (SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) && SET(CURLOPT_USERNAME, login->user) && SET(CURLOPT_PASSWORD, login->password));
}

static bool set_tls(struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	const struct request *request = exchange->request;
	bool good = SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	            SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) && SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_context) && SET(CURLOPT_SSL_CTX_DATA, exchange);

	/* A named file of anchors stands instead of the system's, never beside them. Anchors that are there already (on_ssl_context) need no file. */
	if (good && anchors_find(request->ca_file) != NULL) {
		good = SET(CURLOPT_CAINFO, NULL) && SET(CURLOPT_CAPATH, NULL);
	} else if (good && request->ca_file[0] != 0) {
		good = SET(CURLOPT_CAINFO, request->ca_file) && SET(CURLOPT_CAPATH, NULL);
	}
	return good;
}

static bool set_times(struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	uint64_t now = clock_mono_ms();
	uint64_t connect_ms = exchange->request->connect_timeout_ms;
	uint64_t left = exchange->deadline_ms > now ? exchange->deadline_ms - now : 1;

	/* libcurl counts the handshake in, and there a slow card needs its time. */
	connect_ms += exchange->client != NULL ? CLIENT_WAIT_MS : 0;
	return SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) && SET(CURLOPT_TIMEOUT_MS, (long)left);
}

bool exchange_set_options(struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	const struct request *request = exchange->request;

	return SET(CURLOPT_URL, request->url) && SET(CURLOPT_PRIVATE, exchange) && SET(CURLOPT_ERRORBUFFER, exchange->words) && set_once(exchange) &&
	       set_proxy(exchange) && set_login(exchange) && set_tls(exchange) && set_times(exchange) && set_method(exchange) && set_headers(exchange) &&
	       (request->user_agent[0] == 0 || SET(CURLOPT_USERAGENT, request->user_agent)) && SET(CURLOPT_WRITEFUNCTION, on_reply) &&
	       SET(CURLOPT_WRITEDATA, exchange) && SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, exchange) &&
	       SET(CURLOPT_PREREQFUNCTION, on_ready) && SET(CURLOPT_PREREQDATA, exchange);
}
