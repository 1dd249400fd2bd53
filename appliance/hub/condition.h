/* condition.h - how the box is, in one line for a person who sees only that (systemctl status). */
#ifndef HUB_CONDITION_H
#define HUB_CONDITION_H

#include "hub.h"

/* Puts CODE (1 once commands are taken) and TEXT into the answer to the parent's PING. `context` is the hub. No personal data. */
void condition_put(void *context, struct wire_message *answer);

#endif
