/* announce.h - telling a partner of our new signing certificate (`partner announce-cert`). */
#ifndef HUB_ANNOUNCE_H
#define HUB_ANNOUNCE_H

#include "hub.h"

/* The form with which this partner (its name in the catalogue) is told of a new signing certificate; NULL: it wants no such thing. */
const struct catalogue_form *announce_form(const struct hub *hub, const char *partner);

#endif
