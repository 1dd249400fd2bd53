/* progress.h - one line on a terminal that says how far a long command is; nothing where there is no terminal. What it says comes from the hub.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

#include "../base/span.h"

#define PROGRESS_EVERY_MS 200 /* at most so often, for a serial line */

struct progress {
	FILE *to;
	size_t columns;   /* that stand on the terminal; 0: none */
	uint64_t next_ms; /* monotonic */
};

/* `done` of `count`, or only the text where `count` is 0. The text may be foreign. */
void progress_show(struct progress *progress, uint64_t done, uint64_t count, struct span text);
/* Takes the line away, before anything else is printed. */
void progress_clear(struct progress *progress);

#endif
