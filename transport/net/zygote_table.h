/* zygote_table.h - the living sessions, and which ids were ever begun. */
#ifndef NET_ZYGOTE_TABLE_H
#define NET_ZYGOTE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../appliance/base/lines.h"
#include "../../appliance/wire/channel.h"
#include "session.h"

#define TABLE_SESSIONS_MAX 64
#define TABLE_BEGUN_MAX 1024
#define TABLE_ENDED_MAX 256
#define TABLE_ENDED "ended"

struct table_entry {
	pid_t pid; /* 0: free */
	uint64_t id;
	char case_number[SESSION_CASE_MAX_BYTES + 1];
	struct channel *link; /* NULL when the session closed it */
	int life_timer;
};

struct table {
	struct table_entry entries[TABLE_SESSIONS_MAX];
	size_t count;
	uint64_t begun[TABLE_BEGUN_MAX]; /* a ring: an id that was begun is never begun again */
	size_t begun_count;
	uint64_t complete_from; /* ids from here on that are not in the ring were never begun, by anybody; 0: not known yet */
};

const struct table_entry *table_find(const struct table *table, uint64_t id);
struct table_entry *table_find_pid(struct table *table, pid_t pid);
/* A free entry; NULL when `limit` sessions live. */
struct table_entry *table_free_entry(struct table *table, size_t limit);
void table_remove(struct table *table, struct table_entry *entry);
bool table_was_begun(const struct table *table, uint64_t id);
void table_note_begun(struct table *table, uint64_t id);
/* The hub says how long the journal is. An id is the index of a record, so whoever began sessions before this process began smaller ones: from the first such
 * word on the ring is complete. Later ones change nothing. */
void table_note_journal(struct table *table, uint64_t next_index);
/* The lines of WIRE_SESSION_LIVING: every living session and the newest TABLE_ENDED_MAX of those that ended. Returns its INDEX. */
uint64_t table_list(const struct table *table, struct lines *ret);

#endif
