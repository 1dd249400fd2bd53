#include "journal_private.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"

#define FIRST_RECORDS 1024

int journal_index_reserve(struct journal *journal, size_t more)
{
	size_t need = (size_t)journal->tree.size + more, larger = journal->capacity;
	uint32_t *offsets = NULL, *before = NULL;
	uint8_t(*tiles)[TREE_HASH_BYTES] = NULL;

	if (need > JOURNAL_RECORDS_MAX) {
		return ERR_LIMIT;
	}
	if (need <= journal->capacity) {
		return 0;
	}
	while (larger < need) {
		larger = larger == 0 ? FIRST_RECORDS : larger + larger / 2;
	}
	offsets = realloc(journal->offsets, larger * sizeof *offsets);
	if (offsets == NULL) {
		return ERR_MEMORY;
	}
	journal->offsets = offsets;
	before = realloc(journal->before, larger * sizeof *before);
	if (before == NULL) {
		return ERR_MEMORY;
	}
	journal->before = before;
	tiles = realloc(journal->tiles, (larger / TREE_TILE_LEAVES + 1) * sizeof *tiles);
	if (tiles == NULL) {
		return ERR_MEMORY;
	}
	journal->tiles = tiles;
	journal->capacity = larger;
	return 0;
}

void journal_index_add(struct journal *journal, struct journal_case_entry *entry, uint64_t index, uint64_t offset, const uint8_t hash[TREE_HASH_BYTES])
{
	journal->offsets[index] = (uint32_t)offset;
	journal->before[index] = 0;
	if ((index + 1) % TREE_TILE_LEAVES == 0 && journal->tile_count == index / TREE_TILE_LEAVES) {
		memcpy(journal->tiles[journal->tile_count++], journal->tree.tile, TREE_HASH_BYTES);
	}
	if (entry == NULL) {
		return;
	}
	if (entry->count == 0) {
		entry->first = (uint32_t)index;
	} else {
		journal->before[index] = entry->last + 1;
	}
	entry->last = (uint32_t)index;
	entry->count++;
	memcpy(entry->head, hash, TREE_HASH_BYTES);
}

void journal_index_number(struct journal *journal, const char *number)
{
	unsigned year = 0, count = 0;
	char letter = '\0';
	size_t i = 0;

	if (!table_case_parse(span_of_string(number), &letter, &year, &count) || letter != journal->letter[0]) {
		return;
	}
	while (i < journal->year_count && journal->years[i].year != year) {
		i++;
	}
	if (i == JOURNAL_YEARS_MAX) {
		return;
	}
	if (i == journal->year_count) {
		journal->years[i] = (struct journal_year){ .year = year };
		journal->year_count++;
	}
	if (journal->years[i].last < count) {
		journal->years[i].last = count;
	}
}

static void note_rolled_back(struct journal *journal, const struct record *record)
{
	if (record_field_is(record, "accepted", "yes")) {
		journal->rolled_back = journal->rolled_back_noted = false;
	} else {
		journal->rolled_back = journal->rolled_back_noted = true;
	}
}

void journal_index_note(struct journal *journal, const struct record *record)
{
	const struct table_rule *rule = table_find(record->type);
	struct clock_date date;

	if (journal->open_month == 0) {
		clock_czech_date(record->utc_ms, &date);
		journal->open_month = date.year * 12 + date.month;
	}
	if (rule == NULL || (rule->marks & TABLE_QUIET) == 0) {
		uint64_t now = clock_mono_ms();

		journal->loud_end = record->index + 1;
		journal->loud_last_ms = now;
		if (journal->loud_first_ms == 0) {
			journal->loud_first_ms = now;
		}
	}
	if (strcmp(record->type, "rolled-back") == 0) {
		note_rolled_back(journal, record);
	} else if (strcmp(record->type, "clock-accepted") == 0) {
		journal->accepted_utc_ms = record->utc_ms;
	}
}
