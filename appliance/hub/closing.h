/* closing.h - tells a partner that its final word is stored here, where its catalogue says so (`close`): then it may forget it.
 *
 * Nothing depends on it, and nothing is filed by it: the final word is in the journal already, verified, its papers are on the share, and the partner's answer changes
 * no record. So it is an errand (errand.h), like fetching a list of revoked certificates, and not a `request` (FORMAT.txt 6), which would open a closed case again. The
 * log says what became of it.
 *
 * It begins when the papers are delivered, one case at a time in the whole box, and gives way to everything else. At most HUB_CLOSE_TRIES tries in the life of this
 * process, with growing pauses; after a restart only for cases that were closed within HUB_CLOSE_LATEST_MS, because what the process before it did is not known: a partner
 * takes being told twice. A failure counts neither against the case nor against the partner.
 */
#ifndef HUB_CLOSING_H
#define HUB_CLOSING_H

#include "hub.h"

#define HUB_CLOSE_TRIES 3
#define HUB_CLOSE_PAUSE_MS 60000 /* after the first failure; ten times that after the second */
#define HUB_CLOSE_LATEST_MS INT64_C(86400000)
#define HUB_CLOSINGS_MAX 1000 /* waiting at once; beyond, partners are left to forget by themselves */

struct closing {
	struct closing *next;
	struct hub *hub;
	struct hub_case *of;
	uint32_t tries;
	uint64_t due_ms; /* monotonic */
};

/* After the journal was read: the cases that a former process may not have got to. */
void closing_begin(struct hub *hub);
/* A record came to a case: its papers may be delivered now. */
void closing_note(struct hub *hub, struct hub_case *of);
/* Begins what is due; called now and then. */
void closing_look(struct hub *hub);

#endif
