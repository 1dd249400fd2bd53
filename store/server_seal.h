/* server_seal.h - signatures of checkpoints by the tokens; the state that server.h holds.
 *
 * STORE_HELLO LINES about it: seal-size, seal-time (ms since 1970 UTC), seal-signer (SHA-256 of the certificate) of the last signed checkpoint; all absent:
 * none. Sent anew with each seal.
 */
#ifndef STORE_SERVER_SEAL_H
#define STORE_SERVER_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/lines.h"
#include "appliance/wire/wire.h"
#include "journal.h"

#define SERVER_SEAL_MS 60000      /* a card may be slow, and filings come first */
#define SERVER_SEAL_WAIT_MS 30000 /* how long a person waits for the signature */
#define SERVER_JOURNAL_KEYS_MAX 16

struct server;
struct server_note_wait;

struct server_seal {
	uint64_t size;                             /* of the note that a token has; 0: none */
	uint64_t begun;                            /* of the note that `tried` is about */
	unsigned tried;                            /* a bit for each of settings->journal_keys that was asked for it */
	char asked[65];                            /* key */
	char expected[2 * JOURNAL_HASH_BYTES + 1]; /* its certificate, SHA-256 in hex */
	char origin[JOURNAL_ORIGIN_SIZE];          /* also the name of the key (FORMAT.txt section 9) */
	char why[192];                             /* the newest note is not signed; English; "" it is, or nothing was tried */
	struct server_note_wait *waits;
	uint64_t last_size; /* of the last signed note; 0: none */
	int64_t last_ms;
	char signer[2 * JOURNAL_HASH_BYTES + 1], key[65];
};

/* Reads who signed last. */
void server_seal_open(struct server *server);
/* After a checkpoint was made: has the newest one signed. Returns at once. */
void server_seal(struct server *server);
/* A token became ready: keys that could not are asked again. */
void server_seal_ready(struct server *server);
void server_seal_hello(const struct server *server, struct lines *body);
/* STORE_CHECKPOINT. */
void server_checkpoint(struct server *server, const struct wire_message *message);

#endif
