/* validator.h - ePodaniValidace (spec/cssz 9): asked about a form before it is signed. Its word is an advice of the partner's service, no evidence.
 *
 * PozadavekId is made of the SHA-256 of the form (RFC 9562, version 8): an answer to another form is found out. PozadavekCas is the clock of the box, UTC. */
#ifndef TRANSPORT_CSSZ_VALIDATOR_H
#define TRANSPORT_CSSZ_VALIDATOR_H

#include "cssz.h"

/* `compose` with what = check, `classify` with purpose check. */
int cssz_compose_check(struct job *job);
int cssz_classify_check(struct job *job);

#endif
