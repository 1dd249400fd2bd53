/* cases.c - the cases of a journal by their number: an open hash table, at most half full. */
#include <stdlib.h>

#include "state.h"

#define SLOTS_FIRST 1024U
#define CASES_MAX UINT32_MAX

static size_t slot_of(const struct audit *audit, uint64_t key)
{
	size_t slot = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (audit->slot_count - 1);

	while (audit->case_slots[slot] != 0 && audit->cases[audit->case_slots[slot] - 1].key != key) {
		slot = (slot + 1) & (audit->slot_count - 1);
	}
	return slot;
}

static bool more_slots(struct audit *audit)
{
	size_t count = audit->slot_count == 0 ? SLOTS_FIRST : 2 * audit->slot_count;
	uint32_t *slots = calloc(count, sizeof *slots);

	if (slots == NULL) {
		return false;
	}
	free(audit->case_slots);
	audit->case_slots = slots;
	audit->slot_count = count;
	for (size_t i = 0; i < audit->case_count; i++) {
		slots[slot_of(audit, audit->cases[i].key)] = (uint32_t)i + 1;
	}
	return true;
}

struct audit_case *audit_case_find(struct audit *audit, uint64_t key)
{
	size_t slot = audit->slot_count == 0 ? 0 : slot_of(audit, key);

	return audit->slot_count == 0 || audit->case_slots[slot] == 0 ? NULL : &audit->cases[audit->case_slots[slot] - 1];
}

struct audit_case *audit_case_make(struct audit *audit, uint64_t key)
{
	struct audit_case *found = audit_case_find(audit, key), *moved = NULL;

	if (found != NULL) {
		return found;
	}
	if (audit->case_count >= CASES_MAX - 1 || (2 * (audit->case_count + 1) > audit->slot_count && !more_slots(audit))) {
		return NULL;
	}
	if (audit->case_count == audit->case_room) {
		size_t room = audit->case_room == 0 ? SLOTS_FIRST : 2 * audit->case_room;

		moved = reallocarray(audit->cases, room, sizeof *moved);
		if (moved == NULL) {
			return NULL;
		}
		audit->cases = moved;
		audit->case_room = room;
	}
	found = &audit->cases[audit->case_count];
	*found = (struct audit_case){ .key = key, .last_type = RULE_NONE, .last_any = RULE_NONE, .received_by = -2, .asked_by = -2 };
	audit->case_slots[slot_of(audit, key)] = (uint32_t)++audit->case_count;
	return found;
}
