/* erase.h - when a case may be erased, from its records alone (FORMAT.txt section 6), and everything that belongs to one of them.
 *
 * Order of an erasure (server_erase.c): record durable, keys/, content in the vault, names and `seen`, the archive. Whatever ends it in between, the store goes on from the
 * record at its next start.
 */
#ifndef STORE_ERASE_H
#define STORE_ERASE_H

#include "journal.h"
#include "object.h"

#define ERASE_WISH_MS (INT64_C(30) * 24 * 3600 * 1000) /* so long a wish counts */
#define ERASE_DAY_SIZE 11                              /* "2036-11-22" and a zero byte */

/* Does this body of `erased` (no mere wish) fit the records of the case now? ERR_STATE with words: it is erased already, it is not closed, deleted or refused, or it must
 * be kept and the other person's wish is missing or too old; ERR_DAMAGE, ERR_MEMORY. */
int erase_check(struct journal *journal, const char *case_number, struct span body, int64_t now_ms, char why[TABLE_WHY_SIZE]);
/* Calls `visit` for every object that records of the case name, several times where several do; ends early with its result when that is not 0. */
int erase_each_object(struct journal *journal, const char *case_number, int (*visit)(void *context, const struct object_ref *ref), void *context);
/* Does a case whose last record that counts is of this type have nothing under way? */
bool erase_is_at_rest(const char *last_type);
/* True while the day (Czech calendar) is not over at that time; an empty or malformed one is over. */
bool erase_must_keep(const char *day, int64_t now_ms);

#endif
