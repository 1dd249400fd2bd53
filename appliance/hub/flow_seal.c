/* flow_seal.c - an answer whose seal was made with a certificate that nobody approved: it proves nothing, is kept, and is verified when a person approves it. */
#include "../base/clock.h"
#include "../base/text.h"
#include "flow.h"
#include "partner_certs.h"

#define WAIT_PERSON_MS 3600000 /* a person's word wakes it */

static const char *const why = N_("the answer is sealed with a certificate that nobody approved (podatelna partner certs)");

void flow_seal_wait(struct work *work)
{
	work_wait(work, why, WAIT_PERSON_MS);
}

/* Nothing is asked of the partner for it: the answer lies in the vault. After a start it is looked at once, so that people are shown whose certificate it is. */
void flow_seal(struct hub *hub, struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	struct work *work = NULL;

	if (of->sealer[0] == '\0' || partner == NULL) {
		return;
	}
	if (!partner_certs_approved(hub, partner, of->sealer) && partner_certs_find(partner, of->sealer) != NULL) {
		of->waiting = why;
		of->due_ms = clock_deadline(WAIT_PERSON_MS);
		return;
	}
	if (flow_dies_always(hub, of)) {
		of->due_ms = clock_deadline(WAIT_PERSON_MS);
		return;
	}
	work = work_begin(hub, of);
	if (work != NULL) {
		flow_verify(work);
	}
}
