/* store_fault_steps.h - a filing from its content to `closed`, step by step, as the hub asks for it; each step is chosen by the last record of the case. And what comes
 * after the end: erasure, archive. */
#ifndef TESTS_UNIT_STORE_FAULT_STEPS_H
#define TESTS_UNIT_STORE_FAULT_STEPS_H

#include "store_fault_life.h"

#define STEPS_REPORT "why" /* content of `report` */

/* The next step: life->last "" begins a case. 0, or what the store answered. */
int steps_next(struct life *life);
/* A checkpoint now, signed where the token can, with a stamp and one that failed. */
int steps_checkpoint(struct life *life);
/* The same to renew the stamps there are, also when only quiet records are new. */
int steps_renewal(struct life *life);

/* A new case with its original and its name: life->last is `received`. And its end, with a report: it is at rest. 0, or what the store answered. */
int steps_received(struct life *life);
int steps_refused(struct life *life);
/* STORE_ERASE or STORE_ARCHIVE with a record of that type; `more`: its lines behind the case. *ret_left: something could not be done yet (names apart). */
int steps_rest(struct life *life, enum wire_type type, const char *record, const char *more, bool *ret_left);
/* STORE_ARCHIVE_LOOK; bits 3: makes the folder an archive, on this disk too. */
int steps_archive(struct life *life, uint64_t bits);
/* STORE_VERIFY; anything but `no damage` fails. */
void steps_verify(struct life *life);

/* What lies on the disk: files that fit; those with keys of a case, half-written ones, too; is its content noted in `seen`? */
size_t steps_count_files(const char *pattern);
size_t steps_count_keys(const struct life *life, const char *number);
bool steps_is_seen(const struct life *life, const char *number);

#endif
