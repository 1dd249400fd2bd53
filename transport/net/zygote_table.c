#include "zygote_table.h"

struct table_entry *table_find(struct table *table, uint64_t id)
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

bool table_was_begun(const struct table *table, uint64_t id)
{
	size_t count = table->begun_count < TABLE_BEGUN_MAX ? table->begun_count : TABLE_BEGUN_MAX;

	for (size_t i = 0; i < count; i++) {
		if (table->begun[i] == id) {
			return true;
		}
	}
	return false;
}

void table_note_begun(struct table *table, uint64_t id)
{
	table->begun[table->begun_count++ % TABLE_BEGUN_MAX] = id;
}
