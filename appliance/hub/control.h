/* control.h - the control socket: commands of the command line program, each by a caller whose user the kernel tells (SO_PEERCRED). */
#ifndef HUB_CONTROL_H
#define HUB_CONTROL_H

#include "hub.h"

#define CONTROL_CALLERS_MAX 64

/* Takes over the listening socket. NULL when it cannot be watched. */
struct control *control_new(struct hub *hub, int listener);
/* Progress of a long request to the store goes to the caller that waits for it. */
void control_progress(struct hub *hub, const struct wire_message *message);
/* A token changed its state: told to those who wait for it. */
void control_token(struct hub *hub, size_t index);

#endif
