/* report.h - the page for people: one self-contained HTML file (no script, nothing loaded from anywhere), to be read, printed on A4 and kept. */
#ifndef STORE_AUDIT_REPORT_H
#define STORE_AUDIT_REPORT_H

#include "state.h"

/* Writes the page in the language of words.h, after everything was checked; a file that is there is replaced. 0, or -1 with errno. */
int audit_report(struct audit *audit, const char *file);

#endif
