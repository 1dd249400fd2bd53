/* facts.h - what a request needs to know of the form itself: the variable symbol, and how many forms there are (spec/cssz 3.1, 7, 8.1). */
#ifndef TRANSPORT_CSSZ_FACTS_H
#define TRANSPORT_CSSZ_FACTS_H

#include "cssz.h"

struct cssz_facts {
	char vs[CSSZ_VS_SIZE];
	uint64_t forms; /* 1 where the form has no forms-path */
};

/* Reads the form from `fd` by the options of the job. NULL when good; otherwise English words, without anything of the form, why it cannot be sent. Sets `*ret_err`
 * to 0, or to a negative error when the form could not be read at all. */
const char *cssz_facts_read(const struct job *job, int fd, struct cssz_facts *ret, int *ret_err);

#endif
