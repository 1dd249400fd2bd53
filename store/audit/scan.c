/* scan.c - the one walk over all segments, on all threads: blocks of records are read in order (walk.h), judged record by record in parallel (facts.h), and chained
 * in order (chains.h). Each thread takes what is most urgent: the next block to be chained, the next to be read, else records to be judged; so no core waits while
 * there is work. */
#include <stdlib.h>
#include <string.h>

#include "chains.h"
#include "clean.h"
#include "walk.h"
#include "words.h"

#define BLOCKS 4
#define CHUNK 256 /* records; whole groups of the tree */

enum block_state {
	BLOCK_EMPTY,
	BLOCK_READING,
	BLOCK_JUDGING,
	BLOCK_JUDGED,
	BLOCK_CHAINING,
};

struct block {
	struct walk_block walked;
	struct fact facts[WALK_BLOCK_RECORDS];
	enum block_state state;
	size_t taken, finished; /* chunks */
};

struct scan {
	struct audit *audit;
	struct walk walk;
	struct chain chain;
	struct block *blocks;
	uint64_t next_read, next_chain; /* numbers of blocks */
	bool stopped, failed, whole;    /* broken in the middle; no memory; all was read */
	enum walk_break why;            /* of a stop before the walk's own end */
	size_t break_segment;
	uint64_t break_offset, break_index, acknowledged;
	uint64_t bytes_done;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* --- the three kinds of work ------------------------------------------------------------------------------------------------------------------------------ */

static bool reserve(struct audit *audit, uint64_t records)
{
	size_t room = audit->record_room == 0 ? 4 * WALK_BLOCK_RECORDS : 2 * audit->record_room;
	void *moved = NULL;

	if (records <= audit->record_room) {
		return true;
	}
	while (room < records) {
		room *= 2;
	}
	moved = reallocarray(audit->utc_ms, room, sizeof *audit->utc_ms);
	audit->utc_ms = moved == NULL ? audit->utc_ms : moved;
	if (moved == NULL || (moved = reallocarray(audit->types, room, sizeof *audit->types)) == NULL) {
		return false;
	}
	audit->types = moved;
	moved = reallocarray(audit->case_of, room, sizeof *audit->case_of);
	if (moved == NULL) {
		return false;
	}
	audit->case_of = moved;
	audit->record_room = room;
	return true;
}

/* Room for every record that the segments can hold is not needed at once, but arrays must not move while others write into them. */
static uint64_t most_records(const struct audit *audit)
{
	return audit->source.bytes / (FRAME_HEADER_BYTES + FRAME_TRAILER_BYTES) + WALK_BLOCK_RECORDS;
}

static void judge(struct scan *scan, struct block *block, size_t chunk)
{
	struct audit *audit = scan->audit;
	size_t from = chunk * CHUNK, to = from + CHUNK < block->walked.count ? from + CHUNK : block->walked.count;

	for (size_t i = from; i < to; i++) {
		const struct walk_place *place = &block->walked.places[i];
		struct bytes bytes = { .data = block->walked.bytes + place->at, .length = place->length };
		uint64_t index = block->walked.first + i;

		fact_read(&audit->rules, bytes, index, &block->facts[i], audit->tree.leaves[index]);
	}
	tree_finish_groups(&audit->tree, block->walked.first + from, block->walked.first + to);
}

/* A record that is damaged, in the segment that is being written, of which nobody was told yet, with nothing but its own batch behind it: no damage but an
 * unfinished end (section 4). */
static bool is_tail(const struct scan *scan, uint64_t index, size_t segment, uint64_t offset)
{
	const struct source *source = &scan->audit->source;

	return segment + 1 == source->segment_count && source->segments[segment].end == SEGMENT_OPEN && index >= scan->acknowledged &&
	       !walk_later(scan->audit, segment, offset + 1, index);
}

static void stop_at(struct scan *scan, enum walk_break why, const struct walk_place *place, uint64_t index)
{
	scan->stopped = true;
	scan->why = why;
	scan->break_segment = place->segment;
	scan->break_offset = place->offset;
	scan->break_index = index;
}

static void chain_block(struct scan *scan, struct block *block)
{
	struct audit *audit = scan->audit;

	for (size_t i = 0; i < block->walked.count && !scan->stopped && !scan->failed; i++) {
		const struct walk_place *walked = &block->walked.places[i];
		const struct segment *segment = &audit->source.segments[walked->segment];
		const struct fact *fact = &block->facts[i];
		struct chain_place place = { .segment_first = segment->first,
			                     .segment_end = segment->end,
			                     .end_offset = walked->offset + walked->length,
			                     .first = walked->first,
			                     .last = walked->last };
		int err = 0;

		if ((fact->faults & FAULTS_BYTES) == 0) {
			err = chain_record(&scan->chain, fact, &place);
		} else if (is_tail(scan, fact->index, walked->segment, walked->offset)) {
			stop_at(scan, WALK_BROKEN, walked, fact->index);
			return;
		} else {
			err = chain_damaged(&scan->chain, fact, &place);
		}
		scan->failed = err != 0;
		tree_advance(&audit->tree, fact->index + 1);
		scan->bytes_done += walked->length;
	}
}

/* --- who does what ------------------------------------------------------------------------------------------------------------------------------------------ */

static bool over(const struct scan *scan)
{
	return scan->failed || scan->stopped || (scan->whole && scan->next_chain == scan->next_read);
}

static size_t chunks_of(const struct block *block)
{
	return (block->walked.count + CHUNK - 1) / CHUNK;
}

static void run_chain(struct scan *scan, struct block *block)
{
	block->state = BLOCK_CHAINING;
	(void)pthread_mutex_unlock(&scan->lock);
	chain_block(scan, block);
	audit_progress(scan->audit, PASS_RECORDS, scan->bytes_done, scan->audit->source.bytes);
	(void)pthread_mutex_lock(&scan->lock);
	block->state = BLOCK_EMPTY;
	scan->next_chain++;
	(void)pthread_cond_broadcast(&scan->changed);
}

static void run_read(struct scan *scan, struct block *block)
{
	block->state = BLOCK_READING;
	(void)pthread_mutex_unlock(&scan->lock);
	walk_fill(&scan->walk, &block->walked);
	(void)pthread_mutex_lock(&scan->lock);
	block->taken = block->finished = 0;
	block->state = block->walked.count == 0 ? BLOCK_JUDGED : BLOCK_JUDGING;
	scan->whole = scan->walk.done;
	scan->next_read++;
	(void)pthread_cond_broadcast(&scan->changed);
}

static void run_judge(struct scan *scan, struct block *block)
{
	size_t chunk = block->taken++;

	(void)pthread_mutex_unlock(&scan->lock);
	judge(scan, block, chunk);
	(void)pthread_mutex_lock(&scan->lock);
	if (++block->finished == chunks_of(block)) {
		block->state = BLOCK_JUDGED;
		(void)pthread_cond_broadcast(&scan->changed);
	}
}

/* Whether the next block should be read now. Not while every thread has records to judge: what is read early leaves the processor's caches before it is judged. */
static bool wants_read(const struct scan *scan)
{
	size_t waiting = 0;

	for (size_t i = 0; i < BLOCKS; i++) {
		const struct block *block = &scan->blocks[i];

		if (block->state == BLOCK_READING) {
			return false;
		}
		waiting += block->state == BLOCK_JUDGING ? chunks_of(block) - block->taken : 0;
	}
	return !scan->whole && waiting < scan->audit->settings.threads && scan->blocks[scan->next_read % BLOCKS].state == BLOCK_EMPTY;
}

/* One piece of work, or a wait for some. Called with the lock held. */
static void work_once(struct scan *scan)
{
	struct block *chained = &scan->blocks[scan->next_chain % BLOCKS];

	if (chained->state == BLOCK_JUDGED && scan->next_chain < scan->next_read) {
		run_chain(scan, chained);
		return;
	}
	if (wants_read(scan)) {
		run_read(scan, &scan->blocks[scan->next_read % BLOCKS]);
		return;
	}
	for (uint64_t n = scan->next_chain; n < scan->next_read; n++) {
		struct block *block = &scan->blocks[n % BLOCKS];

		if (block->state == BLOCK_JUDGING && block->taken < chunks_of(block)) {
			run_judge(scan, block);
			return;
		}
	}
	(void)pthread_cond_wait(&scan->changed, &scan->lock);
}

static void *run(void *context)
{
	struct scan *scan = context;

	(void)pthread_mutex_lock(&scan->lock);
	while (!over(scan)) {
		work_once(scan);
	}
	(void)pthread_cond_broadcast(&scan->changed);
	(void)pthread_mutex_unlock(&scan->lock);
	return NULL;
}

/* --- what the end says -------------------------------------------------------------------------------------------------------------------------------------- */

static void say_tail(struct scan *scan)
{
	struct audit *audit = scan->audit;

	audit->figures.tail_bytes = audit->source.segments[scan->break_segment].bytes - scan->break_offset;
	audit_found(audit, AUDIT_TAIL, scan->break_index, "behind the last whole record lies an end that nobody was told of (%ju bytes)",
	            audit->figures.tail_bytes);
}

static void say_break(struct scan *scan)
{
	struct audit *audit = scan->audit;
	const struct walk *walk = &scan->walk;
	const char *name = scan->break_segment < audit->source.segment_count ? audit->source.segments[scan->break_segment].name : "";
	uint64_t index = scan->break_index;

	switch (scan->why) {
	case WALK_WHOLE:
		break;
	case WALK_SHORT:
		audit_found(audit, AUDIT_TRUNCATED, index, "the segment %s ends within the record", name);
		break;
	case WALK_BROKEN:
		audit_found(audit, AUDIT_FRAME, index, "here stand bytes that are no record, and no next one behind them; what follows was not judged");
		break;
	case WALK_ORDER:
		audit_found(audit, AUDIT_ORDER, index, "here stands record %ju; what follows was not judged", walk->found);
		break;
	case WALK_GAP:
		if (index > 0 && audit->types[index - 1] == audit->rules.known[TYPE_SEGMENT]) {
			audit_found(audit, AUDIT_SEGMENT, index, "a segment is missing: the next one begins with record %ju", walk->found);
		} else if (index == 0) {
			audit_found(audit, AUDIT_SEGMENT, index, "the first segment is missing: the next one begins with record %ju", walk->found);
		} else {
			audit_found(audit, AUDIT_TRUNCATED, index, "records are missing: the next segment begins with record %ju", walk->found);
		}
		break;
	case WALK_PLACE:
		audit_found(audit, AUDIT_SEGMENT, index, "the segment %s is not in its place: it begins with record %ju", name, walk->found);
		break;
	case WALK_UNREADABLE:
		audit_found(audit, AUDIT_UNREADABLE, index, "the segment %s cannot be read: %s", name, strerror(walk->error));
		break;
	}
}

static void judge_end(struct scan *scan)
{
	struct audit *audit = scan->audit;
	uint64_t size = audit->tree.size;

	if (!scan->stopped) {
		scan->why = scan->walk.why;
		scan->break_segment = scan->walk.segment;
		scan->break_offset = scan->walk.offset;
		scan->break_index = size;
	}
	if ((scan->why == WALK_SHORT || scan->why == WALK_BROKEN) && is_tail(scan, size, scan->break_segment, scan->break_offset)) {
		say_tail(scan);
	} else {
		say_break(scan);
	}
	if ((scan->why == WALK_WHOLE || scan->why == WALK_GAP) && size < scan->acknowledged) {
		audit_found(audit, AUDIT_TRUNCATED, size, "records are missing: a head or a checkpoint counts %ju", scan->acknowledged);
	}
}

static void judge_segments(struct audit *audit)
{
	const struct source *source = &audit->source;

	for (size_t i = 0; i < source->segment_count; i++) {
		const struct segment *segment = &source->segments[i];

		audit->figures.segments++;
		audit->figures.unclean_segments += segment->end == SEGMENT_UNCLEAN ? 1 : 0;
		if (i > 0 && source->segments[i - 1].first == segment->first) {
			audit_found(audit, AUDIT_SEGMENT, segment->first, "the segment is there twice: %s, %s", source->segments[i - 1].name, segment->name);
		}
		if (segment->end == SEGMENT_OPEN && i + 1 < source->segment_count) {
			audit_found_as(audit, AUDIT_SEGMENT, AUDIT_REMARK, segment->first, "the segment %s is followed by another and not closed",
			               segment->name);
		}
	}
}

/* A head that is older than the batch before the last one was put there later: it is on the disk with the next batch at the latest. */
static void judge_heads(struct scan *scan)
{
	struct audit *audit = scan->audit;
	const struct chain *chain = &scan->chain;
	uint64_t newest = 0;
	struct head heads[2];
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		const struct head *head = &audit->source.heads[i];
		tree_hash root;

		any = any || head->valid;
		audit->figures.heads += head->valid ? 1 : 0;
		if (head->valid && tree_root(&audit->tree, head->size, root) && memcmp(root, head->root, sizeof root) != 0) {
			audit_found(audit, AUDIT_HEAD, head->size, "the root in a head of %ju records is not that of the records", head->size);
		}
		newest = head->valid && head->size > newest ? head->size : newest;
	}
	source_heads(&audit->source, heads); /* a box may have gone on while we read */
	for (size_t i = 0; i < 2; i++) {
		newest = heads[i].valid && heads[i].size > newest ? heads[i].size : newest;
	}
	if (any && chain->batch_count >= 2 && newest < chain->batch_starts[1]) {
		audit_found(audit, AUDIT_HEAD, newest, "the newest head counts %ju records, and later batches were committed: it is an older one", newest);
	}
	if (!any && audit->tree.size > 0) {
		audit_found_as(audit, AUDIT_HEAD, AUDIT_DOUBT, AUDIT_NO_INDEX,
		               "no head can be read: whether records are missing at the end is only known from checkpoints");
	}
}

static void acknowledge(struct scan *scan)
{
	const struct source *source = &scan->audit->source;

	scan->acknowledged = source->notes_before;
	for (size_t i = 0; i < 2; i++) {
		if (source->heads[i].valid && source->heads[i].size > scan->acknowledged) {
			scan->acknowledged = source->heads[i].size;
		}
	}
}

static void cleanup_scan(struct scan *scan)
{
	walk_close(&scan->walk);
	for (size_t i = 0; scan->blocks != NULL && i < BLOCKS; i++) {
		free(scan->blocks[i].walked.bytes);
	}
	free(scan->blocks);
	free(scan->chain.lost);
	(void)pthread_cond_destroy(&scan->changed);
	(void)pthread_mutex_destroy(&scan->lock);
}

static bool prepare(struct scan *scan)
{
	struct audit *audit = scan->audit;

	scan->blocks = calloc(BLOCKS, sizeof *scan->blocks);
	for (size_t i = 0; scan->blocks != NULL && i < BLOCKS; i++) {
		scan->blocks[i].walked.bytes = malloc(WALK_BUFFER_BYTES);
		if (scan->blocks[i].walked.bytes == NULL) {
			return false;
		}
	}
	return scan->blocks != NULL && reserve(audit, most_records(audit)) && tree_reserve(&audit->tree, most_records(audit)) == 0;
}

int audit_scan(struct audit *audit, bool (*visit)(void *context, const struct fact *fact), void *context)
{
	__attribute__((cleanup(cleanup_scan))) struct scan scan = { .audit = audit,
		                                                    .walk = { .audit = audit, .fd = -1 },
		                                                    .chain = { .audit = audit, .visit = visit, .context = context, .batch = AUDIT_NO_INDEX },
		                                                    .lock = PTHREAD_MUTEX_INITIALIZER,
		                                                    .changed = PTHREAD_COND_INITIALIZER };
	pthread_t threads[AUDIT_THREADS_MAX];
	unsigned started = 0;

	acknowledge(&scan);
	if (!prepare(&scan)) {
		return -1;
	}
	while (started + 1 < audit->settings.threads && pthread_create(&threads[started], NULL, run, &scan) == 0) {
		started++;
	}
	(void)run(&scan);
	while (started > 0) {
		(void)pthread_join(threads[--started], NULL);
	}
	if (scan.failed) {
		return -1;
	}
	judge_segments(audit);
	judge_end(&scan);
	judge_heads(&scan);
	audit->figures.records_read = true;
	audit->figures.records = audit->tree.size;
	audit->figures.cases = audit->case_count;
	audit->figures.bytes = scan.bytes_done;
	audit->figures.first_ms = audit->tree.size > 0 ? audit->utc_ms[0] : 0;
	audit->figures.last_ms = audit->tree.size > 0 ? audit->utc_ms[audit->tree.size - 1] : 0;
	(void)tree_root(&audit->tree, audit->tree.size, audit->figures.root);
	return 0;
}
