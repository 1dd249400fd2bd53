/* overview.h - `Prehled.html` on the share: the list of cases with their states, and why the box waits. One plain file, no script, no personal data: numbers,
 * forms and states only. */
#ifndef HUB_OVERVIEW_H
#define HUB_OVERVIEW_H

#include "hub.h"

#define OVERVIEW_CASES_MAX 500 /* the newest; the whole list is in `podatelna list` */
#define OVERVIEW_EVERY_MS 2000 /* at most so often */

/* Something that it shows changed. */
void overview_touch(struct hub *hub);
/* Writes it when it is due. */
void overview_update(struct hub *hub);

#endif
