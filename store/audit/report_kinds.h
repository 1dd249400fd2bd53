/* report_kinds.h - what each kind of finding means and what to do about it, for an auditor who sees it for the first time (texts of words.h). */
#ifndef STORE_AUDIT_REPORT_KINDS_H
#define STORE_AUDIT_REPORT_KINDS_H

#include "audit.h"

struct report_kind {
	const char *means;
	const char *do_now; /* "" where nothing needs to be done */
};

/* By enum audit_kind. */
extern const struct report_kind report_kinds[AUDIT_KIND_COUNT];

#endif
