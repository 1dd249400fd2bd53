/* walk.h - from record to record through the segments, without judging them: where each begins and ends.
 *
 * A record whose bytes are damaged but whose neighbour behind it stands where it should is still found: it takes the room up to there. Where no next record can
 * be found, or another than the next one stands there, the walk breaks, and says why.
 */
#ifndef STORE_AUDIT_WALK_H
#define STORE_AUDIT_WALK_H

#include "state.h"

#define WALK_BLOCK_RECORDS 1024 /* few enough that a block stays in the caches of a processor */
#define WALK_BLOCK_BYTES ((size_t)512 * 1024)
#define WALK_READ_BYTES ((size_t)256 * 1024)
/* A block ends with a whole group of the tree, so a few records more than fit may come. */
#define WALK_BUFFER_BYTES (WALK_BLOCK_BYTES + (TREE_GROUP + 2) * (FRAME_MAX_BYTES + 1) + 2 * WALK_READ_BYTES)

struct walk_place {
	uint32_t at, length; /* in the block's bytes */
	uint32_t segment;    /* number */
	bool first, last;    /* of its file */
	uint64_t offset;     /* in its file */
};

enum walk_break {
	WALK_WHOLE,  /* the end of the last segment, nothing left over */
	WALK_SHORT,  /* the file ends within a record */
	WALK_BROKEN, /* bytes that are no record, and no next one behind them */
	WALK_ORDER,  /* a record of another index */
	WALK_GAP,    /* the next segment begins with a later record */
	WALK_PLACE,  /* the next segment begins with an earlier one, or not with the record of its name */
	WALK_UNREADABLE,
};

struct walk {
	struct audit *audit;
	size_t segment;       /* number of the present one */
	int fd;               /* -1: not opened yet */
	uint64_t offset, end; /* in the file */
	uint64_t index;       /* of the next record */
	bool done;
	enum walk_break why;
	uint64_t found; /* WALK_ORDER, WALK_GAP, WALK_PLACE: the index that stands there */
	int error;      /* errno of WALK_UNREADABLE */
};

struct walk_block {
	uint8_t *bytes;
	uint64_t first;
	size_t count;
	struct walk_place places[WALK_BLOCK_RECORDS];
};

/* Fills a block with the next records. After the last one `done` is set, and `why`. */
void walk_fill(struct walk *walk, struct walk_block *block);
/* Whether behind a place of the segment stands the header of a record of a batch that began after `index`: then what is broken there was committed. */
bool walk_later(const struct audit *audit, size_t segment, uint64_t offset, uint64_t index);
void walk_close(struct walk *walk);

#endif
