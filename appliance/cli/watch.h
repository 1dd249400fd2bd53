/* watch.h - the live view: watch.c asks the hub, watch_page.c makes the lines. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "rows.h"
#include "screen.h"

#define WATCH_EVERY_MS 1000   /* how often the hub is asked */
#define WATCH_ANSWER_MS 10000 /* after which a hub that says nothing counts as lost */

/* What the hub last said. */
struct watch_view {
	struct rows status, open, closed;
	int64_t lost_ms; /* UTC since when the box does not answer; 0: it answers */
};

/* All lines of the picture. */
void watch_page(struct screen *screen, const struct watch_view *view, int64_t now_ms);
/* How many cases there is room for. */
size_t watch_page_room(const struct screen *screen, const struct watch_view *view);

#endif
