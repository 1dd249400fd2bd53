/* intent.h - the token signs only what a durable `intent` record announces, each intent once (design 2). */
#ifndef TOKEN_INTENT_H
#define TOKEN_INTENT_H

#include <stddef.h>
#include <stdint.h>

#include "../appliance/base/span.h"

struct intent_claim {
	struct span leaf; /* the record as stored */
	uint64_t index;
	const char *key;
	const char *purpose;
	const char *form; /* parameters of the request: must be those of the record */
	const char *digest;
	uint64_t last; /* index of the last intent accepted in the life of this process; 0: none */
};

/* 0; ERR_FORMAT: not such a record; ERR_MISMATCH: the record announces something else; ERR_STATE: this intent, or a later one, was accepted before.
 * *ret_why: static English words on failure. */
int intent_check(const struct intent_claim *claim, const char **ret_why);

#endif
