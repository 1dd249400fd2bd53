/* look.h - commands that show what is there: list, show, prove. */
#ifndef STORE_AUDIT_LOOK_H
#define STORE_AUDIT_LOOK_H

#include "options.h"

/* Each gives an exit code; a journal that is not whole is shown as far as it goes, and the code is that of `verify` on its records. */

/* Cases, or with --records the records, one line each. */
int look_list(const struct options *options);
/* The record of an index as it lies there: header, body, trailer. */
int look_show(const struct options *options);
/* C2SP tlog-proof of a record against the newest checkpoint that covers it. */
int look_prove(const struct options *options);

#endif
