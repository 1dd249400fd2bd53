/* store_crash_check.h - recovery of one state of a disk, and everything that must hold after it (design 4, P2, P4).
 *
 * The state is opened as podatelna-store opens it after a power cut (another run of the kernel). Then: the journal is ready, every record that was acknowledged before
 * the cut is there with the same bytes, every further one is one that the run had tried to write, none is invented; the mark covers every acknowledged
 * `sending`, and no roll-back is claimed; work goes on; the check of everything (store/verify.h) finds no damage; every object that a record names is whole and
 * has its key file; the same content would be recognised again (store/seen.h); the format's description is whole; a second start finds a journal that needs nothing.
 */
#ifndef TESTS_UNIT_STORE_CRASH_CHECK_H
#define TESTS_UNIT_STORE_CRASH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crash_disk.h"

#define CHECK_RECORDS_MAX 1024
#define CHECK_WHY_SIZE 400

/* Records that a run tried to write: bytes of segments hold them. */
struct check_tried {
	struct {
		uint64_t index;
		uint8_t hash[32];
		bool sending;
		char taken_in[16]; /* of a `received`: its case */
		size_t event;
	} records[CHECK_RECORDS_MAX];
	size_t count;
};

/* Adds what this run wrote to what runs before it did (`ret` is empty at first). */
void check_collect(const struct trace *trace, const struct disk *disk, struct check_tried *ret);

struct check_state {
	const char *path; /* of the state; holds data/ and mark/ */
	const struct check_tried *tried;
	size_t cut;                  /* events of the run before the cut */
	uint64_t known;              /* records acknowledged by then */
	const uint8_t (*hashes)[32]; /* theirs */
	const char *data;            /* the data directory of the run as it ended: what files that do not change must be */
};

/* True when all holds; else `why`. The state is changed. */
bool check_recovers(const struct check_state *state, char why[CHECK_WHY_SIZE]);
/* podatelna-audit's word on a state that was recovered: no damage. */
bool check_audit(const char *program, const char *path, char why[CHECK_WHY_SIZE]);

#endif
