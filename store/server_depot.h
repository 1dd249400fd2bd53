/* server_depot.h - one child process at a time that copies parts to the archive or back, takes them away there, or only looks (server_archive.c). */
#ifndef STORE_SERVER_DEPOT_H
#define STORE_SERVER_DEPOT_H

#include "server.h"

enum depot_action { DEPOT_LOOK, DEPOT_INIT, DEPOT_OUT, DEPOT_BACK, DEPOT_REMOVE };

/* One child under way. */
struct server_depot {
	struct server *server;
	enum depot_action action;
	bool same_disk; /* INIT */
	uint64_t id;    /* the archive that it must be, 0: any of ours */
	char case_number[TABLE_CASE_SIZE];
	char owner_id[VAULT_KEY_ID_SIZE];
	char origin[JOURNAL_ORIGIN_SIZE];
	uint8_t (*parts)[OBJECT_HASH_BYTES];
	size_t part_count;
	pid_t pid;
	int fd, watch, timer;
	server_archive_done done;
	void *context;
};

/* Begins what `wanted` says (action, same_disk, id, case_number, done, context; the rest is filled here), for all objects of the case where one is named. A negative
 * error: `done` does not come. */
int server_depot_start(struct server *server, const struct server_depot *wanted);

#endif
