/* store_crash_states.h - the list of states that a power cut may leave of a recorded run, tried one after the other.
 *
 * For each cut: every answer to its open questions where these are few; else none is there, all are, each alone, each missing, and drawn ones.
 */
#ifndef TESTS_UNIT_STORE_CRASH_STATES_H
#define TESTS_UNIT_STORE_CRASH_STATES_H

#include "store_crash_check.h"

#define SHORT_STATES 1200 /* of the list, where nobody says how many */

struct states {
	const struct trace *trace;
	struct disk *disk;
	const struct check_tried *tried;
	const uint8_t (*hashes)[32];
	size_t first_cut;      /* what lies before was there already */
	bool audited;          /* now and then podatelna-audit looks, too */
	const char *data;      /* as in store_crash_check.h */
	uint64_t tried_states; /* so far */
	/* What must hold of a state; NULL: check_recovers, and now and then the auditor's word. */
	bool (*check)(const struct states *run, const struct check_state *state, char why[CHECK_WHY_SIZE]);
	const void *context; /* for it */
};

/* Is it the turn of a state that the auditor looks at, too? */
bool states_is_audited(const struct states *run);
/* How many states a test is to try: PODATELNA_STATES. */
size_t states_wanted(void);
/* Every how many-th of the list that makes. */
size_t states_stride(size_t all, size_t wanted);
/* The length of the list. */
size_t states_count(struct states *run, unsigned sector, size_t without);
/* Every `stride`-th state. False, with words on the terminal unless `silent`, when one does not recover. */
bool states_try_all(struct states *run, unsigned sector, size_t without, size_t stride, bool silent);

/* One state: its answers (n below states_answers), the trial, and what it was. */
size_t states_answers(size_t units);
void states_answer(size_t units, size_t n, size_t cut, bool there[DISK_UNITS_MAX]);
bool states_try(struct states *run, size_t cut, const bool *there, char why[CHECK_WHY_SIZE]);
void states_complain(const struct states *run, unsigned sector, size_t cut, size_t n, size_t units, const bool *there, const char *why);
/* Records acknowledged before a cut. */
uint64_t states_known(const struct trace *run, size_t cut);

/* A new folder, in memory where there is such a place; and its end. */
void states_place(char ret[64]);
void states_place_remove(const char *path);

#endif
