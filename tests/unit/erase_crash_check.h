/* erase_crash_check.h - what must hold of any state that a power cut leaves while cases at rest are erased, archived and brought back. See erase_crash_test.c. */
#ifndef TESTS_UNIT_ERASE_CRASH_CHECK_H
#define TESTS_UNIT_ERASE_CRASH_CHECK_H

#include "store_crash_states.h"
#include "store_fault_steps.h"

#define REST_CASES 5
#define REST_OTHER_BOOT "99999999-8888-7777-6666-555555555555" /* the run of the kernel after the cut */
#define REST_KEPT "kept with record %llu"                      /* what a hub keeps: the number of its last record */

extern char rest_cases[REST_CASES][16]; /* their numbers, once the run has made them */
extern uint64_t rest_recalled;          /* starts that found what the hub had kept */

/* What a run had said by a cut. */
struct rest_marks {
	const char *flying;    /* types of records that may be durable without having been acknowledged; into the trace */
	bool gone[REST_CASES]; /* their erasure was answered as done */
};

struct rest_marks rest_marks(const struct trace *run, size_t cut);
/* Starts the store; anything but an ordinary start with all that was told fails (life_fail). */
void rest_begin(struct life *at);
/* Each case is gone or whole as its records say; what was kept is right; no damage is found. */
void rest_check_all(struct life *at);
/* For struct states; its context is the struct life of the run, with what it was told. */
bool rest_check(const struct states *run, const struct check_state *state, char why[CHECK_WHY_SIZE]);

#endif
