/* disk.h - room on the disks that the box writes to: people are told at two levels (`disk_warn`, `disk_urgent`), before nothing new is taken in
 * (`share.min_free`) and nothing is sent (the store's own reserve). Status, overview, LED, mail and the line of systemctl all ask here.
 */
#ifndef HUB_DISK_H
#define HUB_DISK_H

#include "hub.h"

#define DISK_PLACES_MAX 3 /* data, share, archive */
#define DISK_TEXT_BYTES 400

enum disk_level { DISK_GOOD, DISK_WARN, DISK_URGENT };

struct disk_place {
	const char *id;    /* "data", "share", "archive" */
	const char *label; /* English, for translation */
	const char *path;
	uint64_t free_bytes, total_bytes; /* what users may use */
	unsigned used;                    /* percent, rounded up as df does */
	enum disk_level level;
};

/* The places that can be looked at now; how many. */
size_t disk_look(const struct hub *hub, struct disk_place ret[DISK_PLACES_MAX]);
/* "good", "warn", "urgent" */
const char *disk_level_name(enum disk_level level);
/* What is to be said of a place that is not good, and what to do, translated. */
void disk_words(const struct hub *hub, const struct disk_place *place, char ret[DISK_TEXT_BYTES]);
/* Is there one that is not good? */
bool disk_any(const struct hub *hub);

#endif
