/* result.h - ČSSZ's own word on a filing: ProcessingResult, read from the sealed message only (spec/cssz 6.1, 6.2). */
#ifndef TRANSPORT_CSSZ_RESULT_H
#define TRANSPORT_CSSZ_RESULT_H

#include "cssz.h"

/* The kind `classify` with purpose `confirmation`. */
int cssz_classify_result(struct job *job);

#endif
