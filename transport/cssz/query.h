/* query.h - a query of ours (base/queryform.h): is it one that can be asked, and the message that is signed and sent for it (spec/cssz 8.2, 8.3). */
#ifndef TRANSPORT_CSSZ_QUERY_H
#define TRANSPORT_CSSZ_QUERY_H

#include "../base/report.h"
#include "cssz.h"

bool cssz_asks(const struct job *job);
/* The message for the text of [1], with the certificate of [2]: a sealed memory file into `*ret`, to be closed. NULL; or words for `reason` why the query cannot be asked, and then
 * the report tells people. `*ret_err`: 0, or a negative error when it could not be looked at. */
const char *cssz_query_make(struct job *job, const char *language, struct report *report, int *ret, int *ret_err);
/* compose, what = content, with query = yes (job.h). */
int cssz_compose_query(struct job *job);

#endif
