/* The names beside the case numbers: opened when a vault token is there, written when they change, and made again from the objects `name` where a
 * power cut came between a case and the writing of its name. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define REBUILD_MAX 64 /* names made again each time a token becomes ready: each may cost an unwrap. A person who asks gets all of them */
#define REBUILD_ROOM 1024

/* --- made again --- */

struct names_rebuild {
	struct server *server;
	size_t count, next, room, most;
	char (*cases)[TABLE_CASE_SIZE];
	struct object_ref ref;
	size_t made;
	server_names_done done; /* NULL: nobody asked */
	server_names_progress progress;
	void *context;
};

static void collect_nameless(void *context, const struct journal_case *found)
{
	struct names_rebuild *rebuild = context;

	if (rebuild->count == rebuild->most || found->erased || names_find(rebuild->server->names, found->number) != NULL) {
		return;
	}
	if (rebuild->count == rebuild->room) {
		size_t room = rebuild->room + REBUILD_ROOM;
		char(*moved)[TABLE_CASE_SIZE] = realloc(rebuild->cases, room * sizeof *moved);

		if (moved == NULL) {
			return; /* the next time */
		}
		rebuild->cases = moved;
		rebuild->room = room;
	}
	(void)snprintf(rebuild->cases[rebuild->count++], TABLE_CASE_SIZE, "%s", found->number);
}

void server_name_set(struct server *server, const char *case_number, struct span object)
{
	struct span name;

	if (lines_valid(object) && lines_find(object, "file", &name) && names_set(server->names, case_number, name) == 0) {
		server_arm_names(server);
	}
}

static void rebuild_end(struct names_rebuild *rebuild)
{
	struct server *server = rebuild->server;
	server_names_done done = rebuild->done;
	void *context = rebuild->context;
	size_t made = rebuild->made, left = rebuild->count - rebuild->made;

	server->names_rebuild = NULL;
	free(rebuild->cases);
	free(rebuild);
	if (done != NULL) {
		done(context, made, left);
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
		rebuild_end(rebuild);
		return;
	}
	reader = err == 0 ? vault_reader_new(server->vault, key, &rebuild->ref) : NULL;
	if (reader != NULL && vault_reader_next(reader, &text) == 0) {
		server_name_set(server, rebuild->cases[rebuild->next], text);
		rebuild->made += names_find(server->names, rebuild->cases[rebuild->next]) != NULL ? 1 : 0;
	}
	vault_reader_free(reader);
	rebuild->next++;
	if (rebuild->progress != NULL) {
		rebuild->progress(rebuild->context, rebuild->next, rebuild->count);
	}
	rebuild_next(rebuild);
}

static void on_rebuild_time(void *context, uint32_t events)
{
	struct server *server = context;
	struct names_rebuild *rebuild = server->names_rebuild;

	(void)events;
	server->names_rebuild_timer = 0;
	if (rebuild == NULL) {
		return;
	}
	for (; rebuild->next < rebuild->count; rebuild->next++) {
		const char *number = rebuild->cases[rebuild->next];

		if (server_find_object(server, number, "name", 0, &rebuild->ref) == 0 && rebuild->ref.part_count == 1) {
			server_need_key(server, number, rebuild->ref.generation, on_rebuild_key, rebuild);
			return;
		}
	}
	rebuild_end(rebuild);
}

/* One name for each turn of the loop: other work goes on between them. */
static void rebuild_next(struct names_rebuild *rebuild)
{
	struct server *server = rebuild->server;
	int id = loop_timer(server->loop, clock_deadline(0), on_rebuild_time, server);

	server->names_rebuild_timer = id > 0 ? id : 0;
	if (id <= 0) {
		rebuild_end(rebuild);
	}
}

static void rebuild_begin(struct server *server, size_t most, server_names_done done, server_names_progress progress, void *context)
{
	struct names_rebuild *rebuild = calloc(1, sizeof *rebuild);

	if (rebuild == NULL) {
		if (done != NULL) {
			done(context, 0, 0);
		}
		return;
	}
	*rebuild = (struct names_rebuild){ .server = server, .most = most, .done = done, .progress = progress, .context = context };
	journal_case_each(server->journal, collect_nameless, rebuild);
	server->names_rebuild = rebuild;
	rebuild_next(rebuild);
}

void server_names_rebuild_stop(struct server *server)
{
	struct names_rebuild *rebuild = server->names_rebuild;

	if (rebuild != NULL) {
		server_forget_key(server, rebuild);
		loop_cancel(server->loop, server->names_rebuild_timer);
		server->names_rebuild_timer = 0;
		server->names_rebuild = NULL;
		free(rebuild->cases);
		free(rebuild);
	}
}

void server_names_rebuild(struct server *server, server_names_done done, server_names_progress progress, void *context)
{
	server_names_rebuild_stop(server);
	rebuild_begin(server, SIZE_MAX, done, progress, context);
}

static void rebuild_names(struct server *server)
{
	if (server->names_rebuild == NULL) {
		rebuild_begin(server, REBUILD_MAX, NULL, NULL, NULL);
	}
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
