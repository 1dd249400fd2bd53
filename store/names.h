/* names.h - what the lists show beside a case number: a derived file under one yearly key (design 4), so that one unwrap per year and generation
 * opens all names and a locked box shows none.
 *
 *   names/<year>.<generation>   CMS like a part of the vault, under keys/names-<year>.<generation>; content: lines "case TAB name LF"
 *
 * Each run of the store that has no key of the year in memory writes a generation of its own; once all of a year are open they become one file.
 * Nothing is lost with these files: every name stands in the object `name` of its case, too.
 */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"
#include "vault.h"

#define NAMES_TEXT_MAX_BYTES 1024
#define NAMES_FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define NAMES_YEARS_MAX 100
#define NAMES_GENERATIONS_MAX 65536

struct names;

int names_open(struct vault *vault, int data_dir, struct names **ret);
void names_free(struct names *names);
/* Adds or replaces. ERR_FORMAT: not a case number, or a name with control characters, empty, or too long. In memory until names_flush. */
int names_set(struct names *names, const char *case_number, struct span name);
/* NULL when it is not known (now). Borrowed until the next call that changes something. */
const char *names_find(const struct names *names, const char *case_number);
/* Names of cases of which `gone` says so are not taken over from files that are opened from now on. */
void names_gone(struct names *names, bool (*gone)(void *context, const char *case_number), void *context);
/* The name is forgotten, and no copy of the files of its year will show it again: what is known of that year gets a new key at the next names_flush, or once its
 * last closed file is open, and the former keys are destroyed. */
void names_forget(struct names *names, const char *case_number);
/* Destroys keys of the years' files that have no file any more. Before anything is written: at the start. */
int names_sweep(struct names *names);
/* Is there something to be written? */
bool names_dirty(const struct names *names);
/* Writes what changed. ERR_LOCKED without vault certificates; other errors of the vault. What could not be written stays to be written. */
int names_flush(struct names *names);
/* A file that is not open: its key's owner ("names-2026") and generation. False when there is none. `skip`: how many to pass over. */
bool names_locked(const struct names *names, size_t skip, char ret_owner[OBJECT_OWNER_SIZE], uint32_t *ret_generation);
/* Reads a file whose key is in memory now; when it was the last closed one of its year, merges the year's files.
 * ERR_LOCKED: the key is not there. ERR_DAMAGE: the file is passed over from now on. */
int names_load(struct names *names, const char *owner, uint32_t generation);
/* A file whose key cannot be had (no key file, or a token that cannot open it): it stays as it is and is passed over by this run. */
void names_pass_over(struct names *names, const char *owner, uint32_t generation);
/* All that is known: "case TAB name LF" in order of the case numbers. *ret_text is the caller's to free. */
int names_text(const struct names *names, uint8_t **ret_text, size_t *ret_length);

#endif
