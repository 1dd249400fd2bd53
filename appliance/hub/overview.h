/* overview.h - `Prehled.html` on the share: what waits for a person, what is in work, what was closed of late, and how the box is. One plain file that any
 * browser shows by itself: no script, nothing from elsewhere. Without names of files unless the configuration says so (share.overview_content).
 *
 * It is written when what it shows changed, at most every OVERVIEW_EVERY_MS, and after share.overview_heartbeat all the same: it carries its time, and an old
 * time tells that the box does not work.
 */
#ifndef HUB_OVERVIEW_H
#define HUB_OVERVIEW_H

#include "hub.h"

#define OVERVIEW_EVERY_MS 5000 /* at most so often */
#define OVERVIEW_LOOK_MS 10000 /* how often it is looked whether something changed that nobody told of: free space, a partner, days of a certificate */

/* Something that it shows changed. */
void overview_touch(void);
/* Writes it when it is due. */
void overview_update(struct hub *hub);
/* The last word: the box was switched off. */
void overview_stop(struct hub *hub);

#endif
