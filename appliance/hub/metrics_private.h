/* metrics_private.h - metrics.c counts, metrics_page.c writes the text. */
#ifndef HUB_METRICS_PRIVATE_H
#define HUB_METRICS_PRIVATE_H

#include <stdio.h>

#include "metrics.h"

#define METRICS_BUCKETS 13

/* Upper bounds in seconds; one more bucket has no bound. */
extern const double metrics_bounds[METRICS_BUCKETS];

struct metrics_histogram {
	uint64_t buckets[METRICS_BUCKETS + 1]; /* not cumulative */
	uint64_t sum_ms;
};

struct metrics {
	int folder;
	char path[4096]; /* of the folder */
	char name[256];
	uint64_t next_ms; /* monotonic; not to be written before */
	bool failed;      /* the last writing; said once */
	uint64_t journal_bytes;
	uint64_t closed[CONFIG_PARTNERS_MAX + 1][CASE_STATE_COUNT]; /* the last row: no or another partner */
	uint64_t signatures[CONFIG_TOKENS_MAX], logins[CONFIG_TOKENS_MAX], refusals[CONFIG_TOKENS_MAX];
	struct metrics_histogram first_post, signing, verdict;
};

/* The place of a partner among those of the configuration; partner_count when it is none of them. */
size_t metrics_partner(const struct config *config, const char *name);
/* The whole file. */
void metrics_page(FILE *to, struct hub *hub, const struct metrics *metrics);

#endif
