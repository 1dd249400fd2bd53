/* server_archive.h - content of closed cases moved to an archive and back (archive.h): STORE_ARCHIVE, STORE_ARCHIVE_LOOK.
 *
 * The work on the archive's disk is that of a child process, one at a time, so that a disk that hangs does not hang the store. Out: copied, read again there, record
 * durable, removed from the vault. Back: copied, read again, record, removed from the archive. What a crash leaves is a copy too many; the next run takes it as done.
 */
#ifndef STORE_SERVER_ARCHIVE_H
#define STORE_SERVER_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#define SERVER_ARCHIVE_MS 900000     /* for one case */
#define SERVER_ARCHIVE_WAIT_MS 60000 /* for its turn; with the work itself less than the hub waits */
#define SERVER_ARCHIVE_PARTS_MAX 65536

struct server;
struct wire_message;
struct server_depot;

struct server_archive_result {
	int err;
	uint64_t id;         /* of the archive; 0: there is none now */
	uint64_t free_bytes; /* there */
	uint64_t parts;      /* that are now where they should be */
};

/* Exactly once, later; `result` is NULL when the child told nothing. */
typedef void (*server_archive_done)(void *context, int err, const struct server_archive_result *result);

void server_archive(struct server *server, const struct wire_message *message);
void server_archive_look(struct server *server, const struct wire_message *message);
/* Content of an erased case leaves the archive with that id, when its turn comes. Errors as those of server_depot_start. */
int server_archive_remove(struct server *server, const char *case_number, uint64_t id, server_archive_done done, void *context);
/* Is content of this case being moved, or to be moved? */
bool server_archive_busy(const struct server *server, const char *case_number);
/* Why the content of a case cannot be read now, in English; NULL when it can, or when that is not the archive's matter. */
const char *server_archive_obstacle(const struct server *server, const char *case_number);
void server_archive_stop(struct server *server);

#endif
