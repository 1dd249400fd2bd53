/* store_fault_steps.h - a filing from its content to `closed`, step by step, as the hub asks for it; each step is chosen by the last record of the case. */
#ifndef TESTS_UNIT_STORE_FAULT_STEPS_H
#define TESTS_UNIT_STORE_FAULT_STEPS_H

#include "store_fault_life.h"

/* The next step: life->last "" begins a case. 0, or what the store answered. */
int steps_next(struct life *life);
/* A checkpoint now, signed where the token can, with a stamp and one that failed. */
int steps_checkpoint(struct life *life);

#endif
