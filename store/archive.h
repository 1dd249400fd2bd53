/* archive.h - a folder, most often on another disk, that keeps the content of closed cases (FORMAT.txt section 6, archived).
 *
 *   podatelna-archive   marker, lines "id: <16 hex>" and "origin: <origin of the journal>"; made once by a person, so that a mount point without its disk, or the
 *                       disk of another box, is never taken for it
 *   vault/ab/<hash>     parts, as in the vault
 *
 * It is opened for each use and held no longer, so that the disk can be taken away. A disk that hangs hangs whoever uses it: the store writes in a child process
 * (server_archive.c).
 */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "fileops.h"

#define ARCHIVE_MARKER "podatelna-archive"
#define ARCHIVE_MARKER_MAX_BYTES 512
#define ARCHIVE_ID_SIZE 17

struct archive {
	int vault_fd; /* of its folder vault/ */
	uint64_t id;  /* never 0 */
};

/* 0, and the caller closes it; ERR_NOTFOUND: the folder, or the marker in it, is not there; ERR_MISMATCH: it is the archive of another journal; ERR_FORMAT: the marker
 * is none; ERR_SYSTEM. */
int archive_open(const struct fileops *ops, const char *path, const char *origin, struct archive *ret);
void archive_close(const struct fileops *ops, struct archive *archive);
/* Makes the folder `path` an archive of this journal. ERR_EXISTS: it is one already (of whomever); ERR_STATE: it lies on the same disk as `data_fd`, most likely because
 * its own is not mounted, and `same_disk` does not allow that; ERR_NOTFOUND: there is no such folder. */
int archive_init(const struct fileops *ops, const char *path, const char *origin, int data_fd, bool same_disk, uint64_t *ret_id);
/* "00112233445566ff" */
void archive_id_text(uint64_t id, char ret[ARCHIVE_ID_SIZE]);

#endif
