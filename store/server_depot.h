/* server_depot.h - one child process at a time that copies parts to the archive or back, takes them away there, or only looks (server_archive.c). What is asked for
 * meanwhile waits for its turn, in the order in which it came. */
#ifndef STORE_SERVER_DEPOT_H
#define STORE_SERVER_DEPOT_H

#include "server.h"

#define SERVER_DEPOT_WAITING_MAX 16

enum depot_action { DEPOT_LOOK, DEPOT_INIT, DEPOT_OUT, DEPOT_BACK, DEPOT_REMOVE };

/* One child under way, or one that waits for its turn. */
struct server_depot {
	struct server *server;
	enum depot_action action;
	bool same_disk;   /* INIT */
	uint64_t id;      /* the archive that it must be, 0: any of ours */
	uint64_t wait_ms; /* so long at most until its turn comes */
	char case_number[TABLE_CASE_SIZE];
	char owner_id[VAULT_KEY_ID_SIZE];
	char origin[JOURNAL_ORIGIN_SIZE];
	uint8_t (*parts)[OBJECT_HASH_BYTES];
	size_t part_count;
	pid_t pid;
	int fd, watch, timer;
	server_archive_done done;
	void *context;
	struct server_depot *next; /* that waits */
};

/* Begins what `wanted` says (action, same_disk, id, wait_ms, case_number, done, context; the rest is filled here), for all objects of the case where one is named, or
 * lets it wait; `done` says ERR_BUSY when its turn did not come in time. A negative error (ERR_BUSY: too many wait, or a disk hangs; ERR_NOTFOUND: no archive is
 * configured): `done` does not come. */
int server_depot_start(struct server *server, const struct server_depot *wanted);

/* Is content of this case being moved, or to be moved? */
bool server_depot_has(const struct server *server, const char *case_number);

#endif
