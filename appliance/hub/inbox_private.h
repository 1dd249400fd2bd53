/* inbox_private.h - what inbox.c (finding) and inbox_claim.c (taking in) have in common. */
#ifndef HUB_INBOX_PRIVATE_H
#define HUB_INBOX_PRIVATE_H

#include <limits.h>
#include <sys/stat.h>

#include "flow.h"
#include "inbox.h"

#define INBOX_CANDIDATES_MAX 4096 /* beyond: found by a later scan */
#define INBOX_WORKS_MAX 6
#define INBOX_FOLDERS_MAX 64
#define INBOX_PAUSE_MS 10000 /* after a failure that is not the file's fault */

struct candidate {
	struct candidate *next;
	char folder[NAME_MAX + 1]; /* sub-folder of Podat, "" for none */
	char name[NAME_MAX + 1];
	uint64_t first_seen_ms, due_ms;
	struct stat seen; /* at the last look; st_ino 0: none yet */
	bool incomplete;  /* `seen` was judged to lack its end */
	bool stuck;       /* could not even be put aside: left alone while it does not change */
	bool busy, gone, taking;
	int fd; /* held with its lease while busy */
	struct work *work;
	uint64_t claim;
	char number[CASE_NUMBER_SIZE];
	bool claimed; /* it stands in the claim folder now */
};

struct inbox {
	struct hub *hub;
	struct candidate *candidates;
	size_t count, works;
	bool taking; /* one file at a time goes from its number to its record: the second of two equal ones must find the first */
	int notify, watch, timer;
	uint64_t paused_until_ms;
	const char *paused_why;
	int claim_dir;
	void *cp1250; /* iconv_t to UTF-8, made before the sandbox; NULL when the system has none */
};

/* Asks `recognise` whether the file's own end is there, claims it, takes it in. `candidate->fd` holds the lease. */
void inbox_take(struct inbox *inbox, struct candidate *candidate);
/* The same for one that stands in the claim folder already. */
bool inbox_take_claimed(struct inbox *inbox, struct candidate *candidate);
/* Finishes what a crash left in the claim folder. */
void inbox_finish_claims(struct inbox *inbox);
/* The step is over; look again at `due_ms`, or never when `gone`. */
void inbox_release(struct inbox *inbox, struct candidate *candidate, uint64_t look_again_ms);
void inbox_pause(struct inbox *inbox, const char *why);
/* Moves the file to Chyby/ with a card. */
void inbox_put_aside(struct inbox *inbox, struct candidate *candidate, const char *reason);
/* Only the fields that a writer changes. */
bool inbox_same(const struct stat *a, const struct stat *b);
/* The folder `Podat/` or its sub-folder of the candidate. */
int inbox_folder(struct inbox *inbox, const struct candidate *candidate);

#endif
