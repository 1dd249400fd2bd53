#include "reply.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/span.h"

#define DATE_MAX_BYTES 64

int reply_open(uint64_t limit, struct reply *ret)
{
	int fd = fd_memfd_open("reply");

	if (fd < 0) {
		return fd;
	}
	*ret = (struct reply){ .fd = fd, .limit = limit };
	return 0;
}

void reply_close(struct reply *reply)
{
	cleanup_close(&reply->fd);
}

int reply_add(struct reply *reply, const void *data, size_t length)
{
	size_t fits = reply->limit - reply->size < length ? (size_t)(reply->limit - reply->size) : length;

	if (fd_write_all(reply->fd, data, fits) != 0) {
		reply->why = "reply could not be kept";
		return ERR_SYSTEM;
	}
	reply->size += fits;
	if (fits < length) {
		reply->why = "reply too long";
		return ERR_LIMIT;
	}
	return 0;
}

static bool has_name(struct span line, const char *name)
{
	size_t length = strlen(name);

	return line.length >= length && strncasecmp((const char *)line.data, name, length) == 0;
}

static const char date_name[] = "date:";

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 6.6.1); 0 for what is no date. */
static int64_t read_date(struct span line)
{
	char text[DATE_MAX_BYTES];
	struct span value = span_of(line.data + strlen(date_name), line.length - strlen(date_name));
	time_t date = -1;

	if (value.length < sizeof text && span_copy_string(value, text, sizeof text)) {
		date = curl_getdate(text, NULL);
	}
	return date > 0 ? (int64_t)date : 0;
}

int reply_header(struct reply *reply, const char *line, size_t length)
{
	const struct span whole = span_of(line, length);
	struct span text = whole, version;
	uint8_t first = 0;

	reply->header_count++;
	reply->header_bytes += length;
	if (reply->header_count > REPLY_HEADERS_MAX || reply->header_bytes > REPLY_HEADERS_MAX_BYTES) {
		reply->why = "reply header too long";
		return ERR_LIMIT;
	}
	/* "HTTP/1.1 100 Continue" is not the reply yet (RFC 9110 section 15.2). */
	if (span_starts_with(text, "HTTP/") && span_read_until(&text, ' ', &version) && span_read_u8(&text, &first) && first != '1') {
		reply->started = true;
	}
	if (reply->started && (has_name(whole, "content-length:") || has_name(whole, "transfer-encoding:"))) {
		reply->measured = true;
	}
	if (reply->started && reply->date_s == 0 && has_name(whole, date_name)) {
		reply->date_s = read_date(whole);
	}
	return 0;
}
