/* tiles.h - the journal in the form that other people's tools read: C2SP tlog-tiles.
 *
 *   OUT/checkpoint              the newest checkpoint with a signature line, else the newest one, as it lies in journal/anchor/
 *   OUT/tile/<level>/<n>        256 hashes of that level (8 of RFC 6962), 8192 bytes; <n> in groups of three digits, all but the last with an x before
 *   OUT/tile/entries/<n>        256 leaves, each after its length in two bytes, big-endian
 *   .../<n>.p/<width>           the same with fewer than 256
 */
#ifndef STORE_AUDIT_TILES_H
#define STORE_AUDIT_TILES_H

#include "state.h"

#define TILES_WIDTH 256U
#define TILES_PATH_SIZE 96

/* The path of a tile of a level ("0" to "7" or "entries"); a width below 256 is a tile that is not full. */
void tiles_path(const char *level, uint64_t number, unsigned width, char ret[TILES_PATH_SIZE]);

/* Writes the tiles of the tree of that checkpoint; `out` must not exist or be an empty directory. Walks over the records itself. Returns an exit code: AUDIT_YES, AUDIT_NO
 * when it could not be read or written, AUDIT_DAMAGE when the records do not give the checkpoint's root; a sentence is on stderr then. */
int audit_tiles(struct audit *audit, const char *out);

#endif
