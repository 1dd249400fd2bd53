/* binding.h - is a sealed result one of this filing (spec/cssz 6.1)? The CorrelationID lies outside of the seal, so what ČSSZ repeats of the form is compared with
 * the form itself, as far as it is known to repeat it (option `echoes`), and the moment of the seal with that of the acknowledgement. */
#ifndef TRANSPORT_CSSZ_BINDING_H
#define TRANSPORT_CSSZ_BINDING_H

#include "cssz.h"

#define BINDING_WORD_SIZE 129

struct binding_value {
	char text[BINDING_WORD_SIZE]; /* capitals, without blanks and '/' */
	bool found;
};

/* Begun by binding_begin; binding_free when done. */
struct binding {
	const struct job *job;
	bool count, number, person; /* what is compared */
	char subtypes[CSSZ_PATH_SIZE];
	struct binding_value *values; /* what must stand in the form */
	size_t value_count, value_room;
	uint64_t items; /* with a number: one for each form */
	bool full, foreign_subtype;
	char date[16], time[16]; /* of the seal */
	int err;
};

void binding_begin(const struct job *job, struct binding *ret);
/* One Item of the result. */
void binding_add(struct binding *binding, const char *number, const char *identifier, const char *subtype);
/* NULL when nothing speaks against it; otherwise English words, without anything of the form, what is of another filing. `told` is the number of forms that the
 * result tells, 0 when it tells none (a refusal before processing). Sets `*ret_err` when form or receipt could not be read. */
const char *binding_check(struct binding *binding, uint64_t told, int *ret_err);
void binding_free(struct binding *binding);

#endif
