/* restore.h - a backup becomes a data directory: `podatelna-store --restore DIR`, started by podatelnad (appliance/parent/parent_restore.c) as the store's
 * user while no box runs.
 *
 * Descriptor 3 is the backup, open for reading. DIR is an empty data directory (lost+found apart). Everything is unpacked into DIR/restoring.tmp, compared with the
 * backup's own lists, verified as `journal verify` does, and only then moved up, the journal last. A store does not start where restoring.tmp lies. The
 * restored journal is another copy with an instance of its own: it starts as rolled back until a person accepts it.
 *
 * Standard output: lines. On success archived-parts, bytes, cases, created, files, keys (yes, no), objects, origin, records, root; otherwise `error` and perhaps `why`,
 * English words for translation, `detail`, and `clean`: yes when the data directory is as empty as before. Exit: 0, 1 (it could not be done), 5 (the backup is
 * damaged).
 */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include <stdbool.h>

#include "fileops.h"

#define RESTORE_FD 3
#define RESTORE_FOLDER "restoring.tmp"

struct lines;

/* The program: an exit code. */
int restore_main(const char *data_dir);
/* The work of it, without sandbox: into `data_dir`, from `in`. An exit code; `result` gets the lines. */
int restore_run(const struct fileops *ops, int data_dir, int in, struct lines *result);
/* Is there what an interrupted restore left? */
bool restore_unfinished(const struct fileops *ops, int data_dir);

#endif
