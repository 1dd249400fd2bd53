/* stamp_private.h - what is under way: stamps.c decides, stamp_make.c asks the authority, stamp_keep.c has the store keep what came. */
#ifndef HUB_STAMP_PRIVATE_H
#define HUB_STAMP_PRIVATE_H

#include "stamps.h"

struct stamper_tsa {
	uint8_t *anchors; /* PEM text, NULL for none */
	size_t anchors_length;
	bool put_off;                 /* it said no for good: not before a person asks */
	char error[STAMP_WORDS_SIZE]; /* of the last try, English; "" when it went well */
};

struct making;
struct anchoring;

struct stamper {
	struct hub *hub;
	struct stamper_tsa tsas[CONFIG_TSAS_MAX];
	struct making *making;       /* NULL: no stamp is being made */
	struct anchoring *anchoring; /* NULL: the journal is not being stamped */
	uint32_t failures;           /* of tries in a row, whatever the authority */
	uint32_t unkept;             /* stamps in a row that were spent and are in no record */
	uint64_t not_before_ms;      /* monotonic: nothing by itself before */
};

/* stamps.c: how a try ended; after one that gave no stamp there is a growing pause. */
void stamper_tried(struct stamper *stamper, bool good);
/* A stamp was spent and could not be kept: no record counts it, so the pause is kept here. */
void stamper_unkept(struct stamper *stamper);

/* What a record says of a stamp: tsa, purpose, and what the reply told. */
void stamp_describe(const struct hub *hub, const struct stamp_result *result, enum stamp_purpose purpose, struct lines *ret);

/* stamp_keep.c: STORE_ANCHOR. `lines` without what the store adds. `then` comes once, later or from here. */
void stamp_keep(struct hub *hub, uint64_t size, int reply, struct lines *lines, void (*then)(void *context, int err), void *context);

#endif
