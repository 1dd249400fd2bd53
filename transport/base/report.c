#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/span.h"

void report_line(struct report *report, const char *format, ...)
{
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
	written = vsnprintf(line, sizeof line - 1, format, arguments);
	va_end(arguments);
	if (written < 0) {
		report->err = ERR_INTERNAL;
		return;
	}
	length = (size_t)written < sizeof line - 1 ? (size_t)written : sizeof line - 2;
	while (length > 0 && !span_is_utf8(span_of(line, length))) {
		length--; /* cut inside a character */
	}
	line[length] = '\n';
	report->err = fd_write_all(report->fd, line, length + 1);
	report->lines++;
}
