/* classify.h - what the two halves of classification share. */
#ifndef TRANSPORT_EPO_CLASSIFY_H
#define TRANSPORT_EPO_CLASSIFY_H

#include "../base/partner.h"

/* verdict, evidence and reason into the result; returns 0. `reason` may be NULL. */
int epo_tell(struct job *job, const char *verdict, const char *evidence, const char *reason);
/* The verified content of a CMS reply against what was sent (spec/epo 7.2). */
int epo_classify_confirmation(struct job *job);

#endif
