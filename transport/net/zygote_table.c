#include "zygote_table.h"

#include <stdio.h>

const struct table_entry *table_find(const struct table *table, uint64_t id)
{
	for (size_t i = 0; i < TABLE_SESSIONS_MAX; i++) {
		if (table->entries[i].pid > 0 && table->entries[i].id == id) {
			return &table->entries[i];
		}
	}
	return NULL;
}

struct table_entry *table_find_pid(struct table *table, pid_t pid)
{
	for (size_t i = 0; i < TABLE_SESSIONS_MAX; i++) {
		if (table->entries[i].pid == pid) {
			return &table->entries[i];
		}
	}
	return NULL;
}

struct table_entry *table_free_entry(struct table *table, size_t limit)
{
	return table->count < limit && table->count < TABLE_SESSIONS_MAX ? table_find_pid(table, 0) : NULL;
}

void table_remove(struct table *table, struct table_entry *entry)
{
	channel_free(entry->link);
	*entry = (struct table_entry){ 0 };
	table->count--;
}

static size_t ring_count(const struct table *table)
{
	return table->begun_count < TABLE_BEGUN_MAX ? table->begun_count : TABLE_BEGUN_MAX;
}

bool table_was_begun(const struct table *table, uint64_t id)
{
	for (size_t i = 0; i < ring_count(table); i++) {
		if (table->begun[i] == id) {
			return true;
		}
	}
	return false;
}

void table_note_begun(struct table *table, uint64_t id)
{
	uint64_t *place = &table->begun[table->begun_count++ % TABLE_BEGUN_MAX];

	if (table->complete_from != 0 && *place >= table->complete_from) {
		table->complete_from = *place + 1; /* forgotten from here on */
	}
	*place = id;
}

void table_note_journal(struct table *table, uint64_t next_index)
{
	if (table->complete_from == 0) {
		table->complete_from = next_index;
	}
}

uint64_t table_list(const struct table *table, struct lines *ret)
{
	uint64_t complete_from = table->complete_from == 0 ? UINT64_MAX : table->complete_from;
	size_t ended = 0;

	for (size_t back = 1; back <= ring_count(table); back++) {
		uint64_t id = table->begun[(table->begun_count - back) % TABLE_BEGUN_MAX];
		const struct table_entry *entry = table_find(table, id);
		char name[LINES_NAME_MAX + 1];

		if (entry != NULL || ended++ < TABLE_ENDED_MAX) {
			(void)snprintf(name, sizeof name, "%llu", (unsigned long long)id);
			lines_set(ret, name, entry == NULL ? TABLE_ENDED : entry->case_number);
		} else if (id >= complete_from && complete_from != UINT64_MAX) {
			complete_from = id + 1;
		}
	}
	return complete_from;
}
