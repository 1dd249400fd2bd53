/* chains.h - records in their order: index and batch, time, the chain of each case, what a record says of the tree before it; then its duties (duties.c). */
#ifndef STORE_AUDIT_CHAINS_H
#define STORE_AUDIT_CHAINS_H

#include "state.h"

#define LOST_MAX 1024

/* Where a record stands. */
struct chain_place {
	uint64_t segment_first;
	enum segment_end segment_end;
	uint64_t end_offset; /* behind the record */
	bool first, last;    /* of its file */
	bool last_file;
};

struct chain {
	struct audit *audit;
	uint64_t batch;                        /* of the record before; AUDIT_NO_INDEX at the start of a segment */
	uint64_t batch_count, batch_starts[3]; /* the last batches, newest first */
	int64_t utc_ms;                        /* of the record before */
	bool clock_told;                       /* a boot or clock-accepted stands since the last jump */
	bool summarised;                       /* a segment record was the last one */
	bool root_broken;                      /* said once */
	bool rolled_back;                      /* no consent yet */
	uint8_t (*lost)[2][AUDIT_HASH_BYTES];  /* damaged records, told and computed hash: a chain may go through them */
	size_t lost_count;
	bool (*visit)(void *context, const struct fact *fact);
	void *context;
};

/* The next record; its leaf is in the tree and its tree groups are finished. -1: no memory. */
int chain_record(struct chain *chain, const struct fact *fact, const struct chain_place *place);
/* A damaged record that stands in its place: findings by its faults, and what follows it is judged leniently. */
int chain_damaged(struct chain *chain, const struct fact *fact, const struct chain_place *place);

/* duties.c: what section 6 says in words. `state` is the case before this record, NULL for a record of the box. */
void duties_check(struct chain *chain, const struct fact *fact, struct audit_case *state);
/* Applies the record to its case, and keeps its references to content. -1: no memory. */
int duties_apply(struct chain *chain, const struct fact *fact, struct audit_case *state);

#endif
