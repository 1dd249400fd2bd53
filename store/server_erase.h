/* server_erase.h - erasure of a case: STORE_ERASE, and what is left of earlier ones (FORMAT.txt sections 6 and 8). */
#ifndef STORE_SERVER_ERASE_H
#define STORE_SERVER_ERASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

#define SERVER_ERASE_AGAIN_MS 60000   /* what could not be finished is tried again, after pauses that double */
#define SERVER_ERASE_MOST_MS 21600000 /* up to these six hours */
#define SERVER_ERASE_WAIT_MS 10000    /* while other content is being moved to or from the archive; then it counts as not finished */

struct server;
struct wire_message;

/* Erasures that the journal has and that are looked at again, one after the other. */
struct server_sweep {
	char (*cases)[TABLE_CASE_SIZE];
	size_t count, next;
	size_t left;                /* of these not finished */
	bool archived;              /* cases in the archive are among them */
	bool everywhere;            /* the archive is looked into also for cases that no record says to be there: after an unclean end, or when somebody asks */
	bool asked, asked_archived; /* for another one, while this one was under way */
	uint64_t archive;           /* of the case whose content is leaving the archive now; 0: no record says that it is in one */
	int timer;
	uint64_t pause_ms;
};

void server_erase(struct server *server, const struct wire_message *message);
/* Is the case erased (the record is staged or durable)? Then nothing is read, written or unwrapped for it any more. */
bool server_is_erased(const struct server *server, const char *case_number);
/* At the start, when journal and vault are open: keys, names and `seen` of all erased cases go before anything else is done; their content follows in slices. */
void server_erase_open(struct server *server);
/* Begins to look at all erased cases again, in slices (maintenance; an archive that is back); with `archived` also at those in the archive, of which a crash may have left
 * copies in the vault. */
void server_erase_sweep(struct server *server, bool archived);

#endif
