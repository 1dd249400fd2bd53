/* request.h - what the hub asks one session or errand to do: the LINES of SESSION_START and ERRAND_START, checked word by word.
 *
 *   method             GET | POST | HEAD (errands only)
 *   url                https; an errand that only gets something, with no login, may say http (lists of revoked certificates are signed by themselves);
 *                      no user, no fragment
 *   header.<n>         "Name: value"; not those that say how the message travels (Host, Content-Length, ...): those are libcurl's
 *   filing             yes | no (default): this request files something and must never go twice
 *   ca-file            PEM file of trust anchors; absent: the system's
 *   connect-timeout-ms, deadline-ms (whole exchange, from the start of the session), reply-limit (bytes)
 *   proxy              direct (default) | configured (as SETUP says, proxy.h)
 *   user-agent
 *   tls-key            name of the key in a token with which to log in, where the server asks for a certificate; the store's link must be for it
 *   login              errands only: name of a login of SETUP (login.h)
 *
 * Any other name is an error: a request that is not understood whole is not sent.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define REQUEST_URL_MAX_BYTES 2048
#define REQUEST_HEADER_MAX_BYTES 2048
#define REQUEST_HEADERS_MAX 24
#define REQUEST_PATH_MAX_BYTES 1024
#define REQUEST_AGENT_MAX_BYTES 200
#define REQUEST_NAME_MAX_BYTES 64
#define REQUEST_CONNECT_DEFAULT_MS 10000
#define REQUEST_CONNECT_MAX_MS 300000
#define REQUEST_DEADLINE_DEFAULT_MS 120000
#define REQUEST_DEADLINE_MAX_MS 3600000
#define REQUEST_BODY_MAX_BYTES (UINT64_C(256) << 20)
#define REQUEST_REPLY_DEFAULT_BYTES (UINT64_C(22) << 20)
#define REQUEST_REPLY_MAX_BYTES (UINT64_C(256) << 20)

/* An errand files nothing, and is the only one that may take a login to a server. */
enum request_kind { REQUEST_SESSION, REQUEST_ERRAND };

struct request {
	bool post, head; /* neither: GET */
	bool filing;
	bool proxied; /* through the proxy, where one is configured for that host */
	char url[REQUEST_URL_MAX_BYTES + 1];
	char headers[REQUEST_HEADERS_MAX][REQUEST_HEADER_MAX_BYTES + 1];
	size_t header_count;
	char ca_file[REQUEST_PATH_MAX_BYTES + 1]; /* empty: the system's roots */
	char user_agent[REQUEST_AGENT_MAX_BYTES + 1];
	char login[REQUEST_NAME_MAX_BYTES + 1], tls_key[REQUEST_NAME_MAX_BYTES + 1]; /* empty: none */
	uint64_t connect_timeout_ms;
	uint64_t deadline_ms; /* relative, as given */
	uint64_t reply_limit; /* bytes */
	uint64_t size;        /* bytes of the body */
};

/* http:// */
bool request_is_plain(const char *url);

/* 0, or ERR_FORMAT with *ret_why (static English words); then *ret counts for nothing. `lines` is canonical text or not: it is checked. */
int request_parse(struct span lines, uint64_t size, enum request_kind kind, struct request *ret, const char **ret_why);

#endif
