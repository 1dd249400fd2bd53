/* report_parts.h - the parts of the page (report.h) that grow with the journal: findings, checkpoints and stamps, cases. Each is cut at a number that a person can
 * still read, and says how many more there are. */
#ifndef STORE_AUDIT_REPORT_PARTS_H
#define STORE_AUDIT_REPORT_PARTS_H

#include <stdio.h>

#include "state.h"

/* Sorted findings, kind by kind in the order of weight, with what each kind means. */
void report_findings(FILE *out, const struct audit *audit);
/* Checkpoints, stamps and what was collected for them. */
void report_anchors(FILE *out, const struct audit *audit);
/* Cases whose content was erased or moved to an archive. */
void report_cases(FILE *out, const struct audit *audit);

#endif
