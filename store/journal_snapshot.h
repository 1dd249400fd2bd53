/* journal_snapshot.h - index/journal: what journal_open makes of the closed segments, kept so that a start reads the open one only.
 *
 * It can never hide what a start would find in the unsealed tail, because it ends where the open segment begins: that one is always read record by record. It
 * vouches for the closed segments only by their names, lengths, inodes and times of change (ctime, which nobody can set back): a file that was written to, put back
 * from a backup or copied makes the whole index void, and every record is read. What rots on the disk without being written is for `journal verify`, which
 * reads everything. Beside that the leaves of the last tile below the index are hashed again, and the root must be that of the heads and checkpoints of that size.
 *
 * Content (index_file.h has the frame): layout, fingerprint of the program's record table and structs, origin, size, box letter, tree, what is kept of the journal
 * as a whole, years, files of quarantine/ that records name, segments, two places per record, tiles, cases as they lie in memory, what the listener saved.
 */
#ifndef STORE_JOURNAL_SNAPSHOT_H
#define STORE_JOURNAL_SNAPSHOT_H

#include "journal_private.h"

#define JOURNAL_SNAPSHOT_NAME JOURNAL_INDEX_NAME

/* Loads it into a journal that knows its files but no record yet. The number of segments it covers; 0: none, and the journal is as before. */
size_t journal_snapshot_load(struct journal *journal);
/* Enough closed segments have come together that the index on the disk does not cover, and the listener can save its state. */
bool journal_snapshot_is_due(const struct journal *journal);
/* The present state as content; only while every record stands in a closed segment, or the open one is empty. `count` segments are covered. */
void journal_snapshot_take(const struct journal *journal, size_t count, struct index_writer *writer);
/* Writes what was taken. A failure is a line in the log: the journal does not need it. */
void journal_snapshot_write(struct journal *journal, struct index_writer *writer);
/* A segment was closed and the next one is empty: both of the above when enough has come together. */
void journal_snapshot_renew(struct journal *journal);
/* The same from the files alone: journal_index_make in journal.h (journal_remake.c). */

#endif
