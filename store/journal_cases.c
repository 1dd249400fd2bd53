#include "journal_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"

#define FIRST_SLOTS 256

/* FNV-1a: the numbers are the box's own, nobody can choose them to collide. */
static size_t slot_of(const struct journal_cases *cases, const char *number)
{
	uint32_t hash = UINT32_C(2166136261);

	for (const char *c = number; *c != '\0'; c++) {
		hash = (hash ^ (uint8_t)*c) * UINT32_C(16777619);
	}
	return hash & (cases->slot_count - 1);
}

static size_t find_slot(const struct journal_cases *cases, const char *number)
{
	size_t slot = slot_of(cases, number);

	while (cases->slots[slot] != 0 && strcmp(cases->entries[cases->slots[slot] - 1].number, number) != 0) {
		slot = (slot + 1) & (cases->slot_count - 1);
	}
	return slot;
}

struct journal_case_entry *journal_cases_find(const struct journal_cases *cases, const char *number)
{
	uint32_t place = cases->slot_count == 0 ? 0 : cases->slots[find_slot(cases, number)];

	return place == 0 ? NULL : &cases->entries[place - 1];
}

static int grow_slots(struct journal_cases *cases)
{
	size_t larger = cases->slot_count == 0 ? FIRST_SLOTS : cases->slot_count * 2;
	uint32_t *slots = calloc(larger, sizeof *slots);

	if (slots == NULL) {
		return ERR_MEMORY;
	}
	free(cases->slots);
	cases->slots = slots;
	cases->slot_count = larger;
	for (size_t i = 0; i < cases->count; i++) {
		cases->slots[find_slot(cases, cases->entries[i].number)] = (uint32_t)i + 1;
	}
	return 0;
}

int journal_cases_reserve(struct journal_cases *cases)
{
	if (cases->count == cases->capacity || cases->entries == NULL) {
		size_t larger = cases->capacity == 0 ? FIRST_SLOTS : cases->capacity + cases->capacity / 2;
		struct journal_case_entry *entries = realloc(cases->entries, larger * sizeof *entries);

		if (entries == NULL) {
			return ERR_MEMORY;
		}
		cases->entries = entries;
		cases->capacity = larger;
	}
	return (cases->count + 1) * 4 > cases->slot_count * 3 ? grow_slots(cases) : 0;
}

struct journal_case_entry *journal_cases_add(struct journal_cases *cases, const char *number)
{
	struct journal_case_entry *entry = &cases->entries[cases->count];

	memset(entry, 0, sizeof *entry);
	(void)snprintf(entry->number, sizeof entry->number, "%s", number);
	cases->slots[find_slot(cases, number)] = (uint32_t)cases->count + 1;
	cases->count++;
	return entry;
}

int journal_cases_fill(struct journal_cases *cases, const struct journal_case_entry *entries, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		err = journal_cases_reserve(cases);
		if (err == 0 && journal_cases_find(cases, entries[i].number) != NULL) {
			err = ERR_FORMAT;
		}
		if (err == 0) {
			*journal_cases_add(cases, entries[i].number) = entries[i];
		}
	}
	if (err != 0) {
		journal_cases_free(cases);
	}
	return err;
}

void journal_cases_free(struct journal_cases *cases)
{
	free(cases->entries);
	free(cases->slots);
	memset(cases, 0, sizeof *cases);
}
