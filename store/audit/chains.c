#include "chains.h"

#include <stdlib.h>
#include <string.h>

#include "words.h"

#define BATCH_ANY (AUDIT_NO_INDEX - 1) /* the record before is damaged: whatever its batch was */
#define CLOCK_BACK_MS 2000             /* less than that is the correction of a clock that is kept right */

static const char *type_name(const struct rules *rules, uint8_t type)
{
	return type == RULE_NONE ? "?" : rules->rule[type].name;
}

/* --- by itself, and its neighbours ---------------------------------------------------------------------------------------------------------------------- */

static void say_table_faults(struct chain *chain, const struct fact *fact)
{
	struct audit *audit = chain->audit;
	const char *type = type_name(&audit->rules, fact->type), *field = fact->bad_field == RULE_NONE ? "" : audit->rules.field[fact->bad_field];

	if ((fact->faults & FAULTS_TABLE) == 0) {
		return;
	}
	if ((fact->faults & FAULT_BODY) != 0) {
		audit_found(audit, AUDIT_FRAME, fact->index, "the body is not in its one form: lines, ascending names, UTF-8 without control characters");
	} else if ((fact->faults & FAULT_TYPE) != 0) {
		audit_found(audit, AUDIT_TABLE, fact->index, "there is no such type of record");
	} else if ((fact->faults & FAULT_REQUIRED) != 0) {
		audit_found(audit, AUDIT_TABLE, fact->index, "%s lacks the field %s", type, field);
	} else if ((fact->faults & FAULT_FIELD) != 0) {
		audit_found(audit, AUDIT_TABLE, fact->index, "%s has a field that its type does not have", type);
	} else if ((fact->faults & FAULT_VALUE) != 0) {
		audit_found(audit, AUDIT_TABLE, fact->index, "%s: the value of %s is malformed", type, field);
	}
}

static void check_batch(struct chain *chain, const struct fact *fact, const struct chain_place *place)
{
	uint64_t before = place->first ? AUDIT_NO_INDEX : chain->batch;

	if (fact->batch != fact->index && fact->batch != before && before != BATCH_ANY) {
		audit_found(chain->audit, AUDIT_ORDER, fact->index, "the batch column names record %ju, which began no batch here", fact->batch);
	}
	chain->batch = fact->batch;
	if (fact->batch == fact->index) {
		memmove(chain->batch_starts + 1, chain->batch_starts, sizeof chain->batch_starts - sizeof chain->batch_starts[0]);
		chain->batch_starts[0] = fact->index;
		chain->batch_count++;
	}
}

static void check_clock(struct chain *chain, const struct fact *fact)
{
	const struct rules *rules = &chain->audit->rules;

	if (fact_type_is(rules, fact, TYPE_BOOT) || fact_type_is(rules, fact, TYPE_CLOCK_ACCEPTED)) {
		chain->clock_told = true;
	}
	if (chain->utc_ms - fact->utc_ms > CLOCK_BACK_MS && fact->index > 0) {
		if (!chain->clock_told) {
			audit_found(chain->audit, AUDIT_CLOCK, fact->index, "its time is %jd s before that of the record before it",
			            (chain->utc_ms - fact->utc_ms) / 1000);
		}
	} else if (!fact_type_is(rules, fact, TYPE_BOOT) && !fact_type_is(rules, fact, TYPE_CLOCK_ACCEPTED)) {
		chain->clock_told = false;
	}
	chain->utc_ms = fact->utc_ms;
}

/* --- what a record says of the tree before it ------------------------------------------------------------------------------------------------------------ */

static bool root_fits(struct chain *chain, const struct fact *fact)
{
	struct bytes text = fact_value(fact, FIELD_ROOT);
	tree_hash told, root;

	if (text.length != 2 * sizeof told || !frame_hex(text.data, told, sizeof told) || !tree_root(&chain->audit->tree, fact->index, root)) {
		return false;
	}
	return memcmp(told, root, sizeof root) == 0;
}

static bool number_is(const struct fact *fact, unsigned field, uint64_t wanted)
{
	uint64_t number = 0;

	return fact_number(fact, field, &number) && number == wanted;
}

static void check_checkpoint(struct chain *chain, const struct fact *fact)
{
	if (!number_is(fact, FIELD_SIZE, fact->index)) {
		audit_found(chain->audit, AUDIT_TABLE, fact->index, "anchor without event is not of the records before it");
	} else if (!root_fits(chain, fact) && !chain->root_broken) {
		chain->root_broken = true; /* every later one would say the same */
		audit_found(chain->audit, AUDIT_ROOT, fact->index, "the root that the record of the checkpoint names is not that of the records before it");
	}
}

static void check_segment(struct chain *chain, const struct fact *fact, const struct chain_place *place)
{
	chain->summarised = true;
	if (!number_is(fact, FIELD_FIRST, place->segment_first) || !number_is(fact, FIELD_LAST, fact->index) ||
	    !number_is(fact, FIELD_COUNT_OF, fact->index - place->segment_first + 1)) {
		audit_found(chain->audit, AUDIT_SEGMENT, fact->index, "the last record of the segment does not name its records");
	} else if (!root_fits(chain, fact) && !chain->root_broken) {
		chain->root_broken = true;
		audit_found(chain->audit, AUDIT_SEGMENT, fact->index,
		            "the root that the last record of the segment names is not that of the records before it");
	}
}

static void copy_text(char *to, size_t size, struct bytes text)
{
	size_t length = text.length < size ? text.length : size - 1;

	memcpy(to, text.data, length);
	to[length] = '\0';
}

static int keep_anchor(struct audit *audit, const struct fact *fact)
{
	struct audit_anchor *anchor = NULL;
	struct bytes root = fact_value(fact, FIELD_ROOT), sha256 = fact_value(fact, FIELD_SHA256);

	if (audit->anchor_count == audit->anchor_room) {
		size_t room = audit->anchor_room == 0 ? 256 : 2 * audit->anchor_room;

		anchor = reallocarray(audit->anchors, room, sizeof *anchor);
		if (anchor == NULL) {
			return -1;
		}
		audit->anchors = anchor;
		audit->anchor_room = room;
	}
	anchor = &audit->anchors[audit->anchor_count++];
	*anchor = (struct audit_anchor){ .index = fact->index, .utc_ms = fact->utc_ms };
	copy_text(anchor->event, sizeof anchor->event, fact_value(fact, FIELD_EVENT));
	copy_text(anchor->file, sizeof anchor->file, fact_value(fact, FIELD_FILE));
	copy_text(anchor->purpose, sizeof anchor->purpose, fact_value(fact, FIELD_PURPOSE));
	copy_text(anchor->tsa, sizeof anchor->tsa, fact_value(fact, FIELD_TSA));
	anchor->has_size = fact_number(fact, FIELD_SIZE, &anchor->size);
	anchor->has_root = root.length == 2 * sizeof anchor->root && frame_hex(root.data, anchor->root, sizeof anchor->root);
	anchor->has_sha256 = sha256.length == 2 * sizeof anchor->sha256 && frame_hex(sha256.data, anchor->sha256, sizeof anchor->sha256);
	return 0;
}

/* --- chains of the cases ---------------------------------------------------------------------------------------------------------------------------------- */

static bool is_lost(const struct chain *chain, const uint8_t hash[AUDIT_HASH_BYTES])
{
	for (size_t i = 0; i < chain->lost_count; i++) {
		if (memcmp(chain->lost[i][0], hash, AUDIT_HASH_BYTES) == 0 || memcmp(chain->lost[i][1], hash, AUDIT_HASH_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

/* A record of which it is not known whose it was: the chain of its case may go through it. */
static int keep_lost(struct chain *chain, const struct fact *fact)
{
	if (chain->lost == NULL) {
		chain->lost = calloc(LOST_MAX, sizeof *chain->lost);
		if (chain->lost == NULL) {
			return -1;
		}
	}
	if (chain->lost_count < LOST_MAX) {
		tree_leaf(fact->leaf, chain->lost[chain->lost_count][1]);
		memcpy(chain->lost[chain->lost_count++][0], chain->audit->tree.leaves[fact->index], AUDIT_HASH_BYTES);
	}
	return 0;
}

static void check_prev(struct chain *chain, const struct fact *fact, struct audit_case *state)
{
	if (fact->has_prev && state->count > 0 && memcmp(fact->prev, state->head, AUDIT_HASH_BYTES) == 0) {
		return;
	}
	if (!fact->has_prev && state->count == 0) {
		return;
	}
	if (fact->has_prev && is_lost(chain, fact->prev)) { /* through a damaged record, which was named already */
		state->uncertain = true;
		state->last_type = state->last_any = RULE_NONE;
		return;
	}
	state->uncertain = true;
	if (state->count == 0) {
		audit_found(chain->audit, AUDIT_CHAIN, fact->index, "prev stands where there is no record before in its case");
	} else {
		audit_found(chain->audit, AUDIT_CHAIN, fact->index, "prev is not record %ju, the one before in its case", state->last);
	}
}

static int chain_case(struct chain *chain, const struct fact *fact)
{
	struct audit *audit = chain->audit;
	struct audit_case *state = audit_case_make(audit, fact->case_key);

	if (state == NULL) {
		return -1;
	}
	audit->case_of[fact->index] = (uint32_t)(state - audit->cases) + 1;
	check_prev(chain, fact, state);
	if ((fact->faults & FAULTS_TABLE) != 0) {
		state->uncertain = true;
	} else {
		duties_check(chain, fact, state);
	}
	if (duties_apply(chain, fact, state) != 0) {
		return -1;
	}
	if (state->count == 0) {
		state->first = fact->index;
	}
	memcpy(state->head, audit->tree.leaves[fact->index], AUDIT_HASH_BYTES);
	state->last = fact->index;
	state->last_utc_ms = fact->utc_ms;
	state->count++;
	return 0;
}

static int chain_box(struct chain *chain, const struct fact *fact, const struct chain_place *place)
{
	const struct rules *rules = &chain->audit->rules;

	if ((fact->faults & FAULTS_TABLE) != 0) {
		return keep_lost(chain, fact);
	}
	if (fact_type_is(rules, fact, TYPE_ANCHOR)) {
		if (!fact_has(fact, FIELD_EVENT)) {
			check_checkpoint(chain, fact);
		}
		if (keep_anchor(chain->audit, fact) != 0) {
			return -1;
		}
	} else if (fact_type_is(rules, fact, TYPE_SEGMENT)) {
		check_segment(chain, fact, place);
	}
	duties_check(chain, fact, NULL);
	return 0;
}

/* The newest head tells where in its segment the committed bytes end. */
static void check_heads(struct chain *chain, const struct fact *fact, const struct chain_place *place)
{
	for (size_t i = 0; i < 2; i++) {
		const struct head *head = &chain->audit->source.heads[i];

		if (head->valid && head->size == fact->index + 1 && head->segment == place->segment_first && head->offset != place->end_offset) {
			audit_found(chain->audit, AUDIT_HEAD, fact->index, "a head says that the bytes behind record %ju begin elsewhere", fact->index);
		}
	}
}

int chain_record(struct chain *chain, const struct fact *fact, const struct chain_place *place)
{
	struct audit *audit = chain->audit;
	int err = 0;

	if (place->first) {
		chain->summarised = false;
	}
	if (chain->summarised) {
		audit_found(audit, AUDIT_SEGMENT, fact->index, "a record follows the last record of its segment");
	}
	chain->summarised = false;
	check_batch(chain, fact, place);
	check_clock(chain, fact);
	say_table_faults(chain, fact);
	audit->utc_ms[fact->index] = fact->utc_ms;
	audit->types[fact->index] = fact->type;
	audit->case_of[fact->index] = 0;
	if (fact->type != RULE_NONE && audit->rules.rule[fact->type].of_case ? fact->case_key != 0 : false) {
		err = chain_case(chain, fact);
	} else {
		err = chain_box(chain, fact, place);
	}
	check_heads(chain, fact, place);
	if (place->last && place->segment_end == SEGMENT_CLEAN && !chain->summarised) {
		audit_found(audit, AUDIT_SEGMENT, fact->index, "the closed segment lacks its last record");
	}
	if (err == 0 && chain->visit != NULL && !chain->visit(chain->context, fact)) {
		chain->visit = NULL;
	}
	return err;
}

int chain_damaged(struct chain *chain, const struct fact *fact, const struct chain_place *place)
{
	struct audit *audit = chain->audit;
	uint64_t index = fact->index;

	if ((fact->faults & FAULT_HEADER) != 0) {
		audit_found(audit, AUDIT_FRAME, index, "the header line is not one of this format");
	}
	if ((fact->faults & FAULT_INDEX) != 0) {
		audit_found(audit, AUDIT_ORDER, index, "the header has another index than its place");
	}
	if ((fact->faults & FAULT_CRC) != 0) {
		audit_found(audit, AUDIT_FRAME, index, "the CRC of the body is wrong");
	}
	if ((fact->faults & FAULT_TRAILER) != 0) {
		audit_found(audit, AUDIT_FRAME, index, "the trailer line is not one of this format");
	}
	if ((fact->faults & FAULT_HASH) != 0) {
		audit_found(audit, AUDIT_LEAF_HASH, index, "the record was altered: its hash is not the one in its trailer");
	}
	if (keep_lost(chain, fact) != 0) {
		return -1;
	}
	audit->utc_ms[index] = chain->utc_ms;
	audit->types[index] = RULE_NONE;
	audit->case_of[index] = 0;
	/* It may have been any: what it would have ended or begun is not held against those that follow. */
	chain->batch = BATCH_ANY;
	chain->summarised = false;
	chain->clock_told = true;
	chain->rolled_back = false;
	(void)place;
	return 0;
}
