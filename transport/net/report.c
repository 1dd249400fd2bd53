#include "report.h"

#include "../../appliance/base/escape.h"
#include "../../appliance/base/lines.h"

const char *report_far_name(enum far far)
{
	static const char *const names[] = { "none", "connected", "body-started", "body-done", "reply-started", "reply-done" };

	return names[far];
}

void report_text(struct span text, char *ret, size_t size)
{
	(void)escape_text(ESCAPE_TERMINAL, text, ret, size);
}

static void set_text(struct lines *lines, const char *name, const char *value)
{
	if (value[0] != 0) {
		lines_set(lines, name, value);
	}
}

int report_compose(const struct report *report, char *ret, size_t size)
{
	_cleanup_lines_ struct lines lines = { 0 };

	lines_set(&lines, "far", report_far_name(report->far));
	lines_set_u64(&lines, "body-sent", report->body_sent);
	lines_setf(&lines, "curl-code", "%d", report->curl_code);
	if (report->http_status > 0) {
		lines_setf(&lines, "http-status", "%ld", report->http_status);
	}
	set_text(&lines, "content-type", report->content_type);
	set_text(&lines, "location", report->location);
	set_text(&lines, "error", report->error);
	set_text(&lines, "peer-sha256", report->peer_sha256);
	set_text(&lines, "tls", report->tls);
	if (report->has_date) {
		lines_setf(&lines, "date-off-ms", "%lld", (long long)report->date_off_ms);
	}
	return lines_finish(&lines, ret, size);
}
