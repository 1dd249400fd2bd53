/* server_peers.h - a partner shows the same certificates in every exchange of a case: they are kept once, and later replies name the same object. */
#ifndef STORE_SERVER_PEERS_H
#define STORE_SERVER_PEERS_H

#include <stdbool.h>

#include "object.h"
#include "table.h"

#define SERVER_PEERS_MAX 64
#define SERVER_PEERS_CONTENT_MAX 262144 /* longer chains are kept anew each time */

/* What was taken lately, the oldest is forgotten. Zero-initialise. */
struct server_peers {
	struct server_peer {
		char case_number[TABLE_CASE_SIZE]; /* empty: free */
		uint8_t digest[OBJECT_HASH_BYTES]; /* SHA-256 of the content */
		struct object_ref ref;
	} entries[SERVER_PEERS_MAX];
	size_t next;
};

/* SHA-256 of what can be read from `fd` from its beginning; its position does not change. False: too long, or not to be read. */
bool server_peers_digest(int fd, uint8_t ret[OBJECT_HASH_BYTES]);
/* NULL when this case has no such object, as far as is known here. Valid until the next server_peers_add. */
const struct object_ref *server_peers_find(const struct server_peers *peers, const char *case_number, const uint8_t digest[OBJECT_HASH_BYTES]);
void server_peers_add(struct server_peers *peers, const char *case_number, const uint8_t digest[OBJECT_HASH_BYTES], const struct object_ref *ref);

#endif
