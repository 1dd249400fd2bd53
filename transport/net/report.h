/* report.h - how far an exchange got and what came of it: the LINES of SESSION_OFFER. Facts, never a verdict (design 2).
 *
 * `far`: none          no connection
 *        connected     a connection, but libcurl never asked for the body
 *        body-started  something of the request may have been sent
 *        body-done     all of the request was given to the connection
 *        reply-started a final status line came
 *        reply-done    the whole reply came, by its own measure (Content-Length, last chunk, or an orderly close)
 * none and connected, and only these, mean: not sent.
 * Further lines, where known: http-status, content-type, location, curl-code, error, peer-sha256, body-sent (bytes), tls,
 * date-off-ms (the Date of the reply minus our clock at the middle of the exchange, rounded to the nearest: a Date has whole seconds only; never without TLS
 * that was verified).
 */
#ifndef NET_REPORT_H
#define NET_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define REPORT_TEXT_MAX_BYTES 512
#define REPORT_TYPE_MAX_BYTES 256
#define REPORT_LOCATION_MAX_BYTES 1024
#define REPORT_MAX_BYTES 4096

enum far { FAR_NONE, FAR_CONNECTED, FAR_BODY_STARTED, FAR_BODY_DONE, FAR_REPLY_STARTED, FAR_REPLY_DONE };

struct report {
	enum far far;
	long http_status; /* 0: none */
	int curl_code;
	uint64_t body_sent;
	char content_type[REPORT_TYPE_MAX_BYTES + 1]; /* empty: absent; so for all below */
	char location[REPORT_LOCATION_MAX_BYTES + 1];
	char error[REPORT_TEXT_MAX_BYTES + 1];
	char peer_sha256[65];
	char tls[96];
	bool has_date;
	int64_t date_off_ms;
};

const char *report_far_name(enum far far);
/* Foreign text made fit for LINES: valid UTF-8, no controls, cut to `size`. */
void report_text(struct span text, char *ret, size_t size);
/* Canonical lines; the length or a negative error. */
int report_compose(const struct report *report, char *ret, size_t size);

#endif
