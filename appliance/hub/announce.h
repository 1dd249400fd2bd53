/* announce.h - telling a partner of our new signing certificate (`partner announce-cert`). */
#ifndef HUB_ANNOUNCE_H
#define HUB_ANNOUNCE_H

#include "facts.h"
#include "hub.h"

/* The form with which this partner (its name in the catalogue) is told of a new signing certificate; NULL: it wants no such thing. */
const struct catalogue_form *announce_form(const struct hub *hub, const char *partner);

/* Of a key whose certificate ends soon: the n-th partner that it signs for and that should be told of the new one, which nobody did yet; a sentence for people.
 * False when there is none (any more). A message on its way, or taken, within ANNOUNCE_DAYS counts as told. */
#define ANNOUNCE_DAYS 60
#define ANNOUNCE_TEXT_SIZE 512
bool announce_due(const struct hub *hub, const struct fact_key *key, int64_t now_ms, size_t n, char ret[ANNOUNCE_TEXT_SIZE]);

#endif
