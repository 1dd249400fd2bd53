/* keep.h - what the hub has made of the journal, kept by the store (STORE_KEEP), so that a start need not replay all of it.
 *
 * Derived, never the truth: it is bound to the record it ends with (index and leaf hash, which the store compares), to this very program (a hash of its file), and to
 * the configuration (its text). Whatever does not fit, or cannot be read to its last byte, is as good as nothing: then every record is replayed. Kept is what
 * records make of cases, stamp book, metrics and clock, nothing that is under way.
 */
#ifndef HUB_KEEP_H
#define HUB_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/record.h"
#include "../base/span.h"

#define KEEP_RECORDS 10000                   /* so many new ones, and it is kept anew when nothing is under way; */
#define KEEP_RECORDS_BUSY (4 * KEEP_RECORDS) /* so many, and it is even so */
#define KEEP_MAX_BYTES ((size_t)1024 * 1024 * 1024)

struct hub;

struct keep {
	uint64_t program;                /* of this program's file and configuration; 0: not known, nothing is kept */
	uint64_t next;                   /* 1 + index of the last record that the hub knows, */
	uint8_t hash[RECORD_HASH_BYTES]; /* and its leaf hash */
	uint64_t kept;                   /* `next` of what the store holds; 0: nothing */
	bool asked;                      /* an answer is awaited */
};

/* Before the sandbox: reads the program's own file; `config` is the text of the configuration. */
void keep_begin(struct hub *hub, struct span config);
/* Asks the store for what it holds, takes it when it fits, then calls `done`, once; hub->replay_next says where the replay begins. 0, or the link is gone. */
int keep_recall(struct hub *hub, void (*done)(struct hub *hub));
/* A record was applied. */
void keep_record(struct hub *hub, const struct record *record);
/* From every sweep: hands it to the store when it is time. */
void keep_look(struct hub *hub);

/* FNV-1a, begun with KEEP_MIX: tells one program, configuration or state from another. No guard against malice: the store's SHA-256 over the whole file is that. */
#define KEEP_MIX UINT64_C(14695981039346656037)
uint64_t keep_mix(uint64_t hash, struct span bytes);
/* keep_state.c. The state as bytes, with a sum at its end; *ret_data is the caller's to free. Equal states give equal bytes. ERR_MEMORY. */
int keep_pack(const struct hub *hub, uint8_t **ret_data, size_t *ret_length);
/* Into a hub that knows no record yet. False: it is damaged or does not fit; the hub is as it was. */
bool keep_unpack(struct hub *hub, struct span state);

#endif
