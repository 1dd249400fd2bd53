/* Request lines as the hub sends them, and the head of a reply as a far end may send it: whatever comes, the report is canonical lines. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/lines.h"
#include "../../transport/net/reply.h"
#include "../../transport/net/report.h"
#include "../../transport/net/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(struct span input)
{
	static struct request request;
	const char *why = NULL;
	uint64_t body = input.length > 0 ? input.data[0] : 0;

	if (request_parse(input, body, input.length % 2 == 0 ? REQUEST_SESSION : REQUEST_ERRAND, &request, &why) == 0) {
		if (strncmp(request.url, "https://", 8) != 0 || (request.filing && !request.post) || request.deadline_ms == 0 || request.reply_limit == 0) {
			abort();
		}
	} else if (why == NULL) {
		abort();
	}
}

static void try_head(struct span input)
{
	struct reply reply = { .fd = -1 };
	struct report report = { .far = FAR_REPLY_DONE, .http_status = 200 };
	static char text[REPORT_MAX_BYTES];
	struct span line;
	int length = 0;

	while (span_read_until(&input, '\n', &line) && reply_header(&reply, (const char *)line.data, line.length) == 0) {
		report_text(line, report.content_type, sizeof report.content_type);
		report_text(line, report.location, sizeof report.location);
		report_text(line, report.error, sizeof report.error);
	}
	length = report_compose(&report, text, sizeof text);
	if (length < 0 || !lines_valid(span_of(text, (size_t)length))) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_request(span_of(data, size));
	try_head(span_of(data, size));
	return 0;
}
