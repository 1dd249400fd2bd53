#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/span.h"

void report_line(struct report *report, const char *format, ...)
{
	static const char end[] = "\r\n"; /* people open it in the editor of Windows */
	char line[REPORT_LINE_MAX_BYTES];
	va_list arguments;
	int written = 0;
	size_t length = 0;

	if (report->fd < 0 || report->err != 0) {
		return;
	}
	if (report->lines == REPORT_LINES_MAX) {
		report->omitted++;
		return;
	}
	va_start(arguments, format);
	written = vsnprintf(line, sizeof line - (sizeof end - 1), format, arguments);
	va_end(arguments);
	if (written < 0) {
		report->err = ERR_INTERNAL;
		return;
	}
	length = (size_t)written < sizeof line - sizeof end ? (size_t)written : sizeof line - sizeof end;
	while (length > 0 && !span_is_utf8(span_of(line, length))) {
		length--; /* cut inside a character */
	}
	memcpy(line + length, end, sizeof end - 1);
	report->err = fd_write_all(report->fd, line, length + sizeof end - 1);
	report->lines++;
}
