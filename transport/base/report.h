/* report.h - the readable lines of a classification for cards and stav.txt (job.h, kind classify, [4]). They may hold personal data. */
#ifndef TRANSPORT_BASE_REPORT_H
#define TRANSPORT_BASE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#define REPORT_LINES_MAX 200
#define REPORT_LINE_MAX_BYTES 4096

/* Zero-initialise; fd -1: nothing is written. Errors stick. */
struct report {
	int fd;
	size_t lines;   /* written */
	size_t omitted; /* beyond REPORT_LINES_MAX */
	int err;
};

/* One line; the values in it were cleaned before (job_copy_value). */
void report_line(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
