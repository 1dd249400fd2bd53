/* The names beside the case numbers: opened when a vault token is there, written when they change, and made again from the objects `name` where a
 * power cut came between a case and the writing of its name. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define REBUILD_MAX 64 /* names made again each time a token becomes ready: each may cost an unwrap */

/* --- made again --- */

struct names_rebuild {
	struct server *server;
	size_t count, next;
	char cases[REBUILD_MAX][TABLE_CASE_SIZE];
	struct object_ref ref;
};

static void collect_nameless(void *context, const struct journal_case *found)
{
	struct names_rebuild *rebuild = context;

	if (rebuild->count < REBUILD_MAX && names_find(rebuild->server->names, found->number) == NULL) {
		(void)snprintf(rebuild->cases[rebuild->count++], TABLE_CASE_SIZE, "%s", found->number);
	}
}

void server_name_set(struct server *server, const char *case_number, struct span object)
{
	struct span name;

	if (lines_valid(object) && lines_find(object, "file", &name) && names_set(server->names, case_number, name) == 0) {
		server_arm_names(server);
	}
}

static void rebuild_next(struct names_rebuild *rebuild);

static void on_rebuild_key(void *context, int err, struct key *key)
{
	struct names_rebuild *rebuild = context;
	struct server *server = rebuild->server;
	struct vault_reader *reader = NULL;
	struct span text;

	if (err == ERR_LOCKED || err == ERR_READONLY) {
		server->names_rebuilding = false;
		free(rebuild);
		return;
	}
	reader = err == 0 ? vault_reader_new(server->vault, key, &rebuild->ref) : NULL;
	if (reader != NULL && vault_reader_next(reader, &text) == 0) {
		server_name_set(server, rebuild->cases[rebuild->next], text);
	}
	vault_reader_free(reader);
	rebuild->next++;
	rebuild_next(rebuild);
}

static void rebuild_next(struct names_rebuild *rebuild)
{
	struct server *server = rebuild->server;

	for (; rebuild->next < rebuild->count; rebuild->next++) {
		const char *number = rebuild->cases[rebuild->next];

		if (server_find_object(server, number, "name", 0, &rebuild->ref) == 0 && rebuild->ref.part_count == 1) {
			server_need_key(server, number, rebuild->ref.generation, on_rebuild_key, rebuild);
			return;
		}
	}
	server->names_rebuilding = false;
	free(rebuild);
}

static void rebuild_names(struct server *server)
{
	struct names_rebuild *rebuild = server->names_rebuilding ? NULL : calloc(1, sizeof *rebuild);

	if (rebuild == NULL) {
		return;
	}
	rebuild->server = server;
	journal_case_each(server->journal, collect_nameless, rebuild);
	server->names_rebuilding = true;
	rebuild_next(rebuild);
}

/* --- opened --- */

struct names_wish {
	struct server *server;
	char owner[OBJECT_OWNER_SIZE];
	uint32_t generation;
};

static void on_names_key(void *context, int err, struct key *key)
{
	_cleanup_free_ struct names_wish *wish = context;

	(void)key;
	if (err == ERR_LOCKED || err == ERR_READONLY) {
		return; /* when a token becomes ready again */
	}
	if (err == 0) {
		err = names_load(wish->server->names, wish->owner, wish->generation);
	}
	if (err != 0) {
		log_warning("a file of names: %s", err_name(err));
		names_pass_over(wish->server->names, wish->owner, wish->generation);
	}
	server_arm_names(wish->server);
	server_unlock_names(wish->server); /* the next one */
}

/* One at a time; each asks for the next, and the last for what is missing. */
void server_unlock_names(struct server *server)
{
	struct names_wish *wish = NULL;
	char owner[OBJECT_OWNER_SIZE];
	uint32_t generation = 0;
	bool ready = false;

	for (size_t i = 0; i < server->settings->vault_key_count; i++) {
		ready = ready || server_ready_token(server, server->settings->vault_keys[i]) != NULL;
	}
	if (!ready || server->fault) {
		return;
	}
	if (!names_locked(server->names, 0, owner, &generation)) {
		rebuild_names(server);
		return;
	}
	wish = calloc(1, sizeof *wish);
	if (wish == NULL) {
		return;
	}
	wish->server = server;
	memcpy(wish->owner, owner, sizeof wish->owner);
	wish->generation = generation;
	server_need_key(server, wish->owner, generation, on_names_key, wish);
}

/* --- written --- */

static void on_names_timer(void *context, uint32_t events)
{
	struct server *server = context;
	int err = names_flush(server->names);

	(void)events;
	server->names_timer = 0;
	if (err != 0) {
		log_warning("the names could not be written: %s", err_name(err));
	}
}

void server_arm_names(struct server *server)
{
	int id = 0;

	if (server->names_timer > 0 || !names_dirty(server->names)) {
		return;
	}
	id = loop_timer(server->loop, clock_deadline(SERVER_NAMES_MS), on_names_timer, server);
	server->names_timer = id > 0 ? id : 0;
}
