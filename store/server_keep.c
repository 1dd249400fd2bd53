/* What need not be read again at a start: of the store itself (in the index of the journal), and for the hub (index/hub). */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"

/* --- of the store --- */

/* Objects of the latest records (server_known.h) are not kept: what is not known there is looked up in the journal. */
void server_save(void *context, struct index_writer *writer)
{
	const struct server *server = context;
	uint64_t count = 0;

	index_put_u64(writer, (uint64_t)server->last_utc_ms);
	for (const struct server_intent *intent = server->intents; intent != NULL; intent = intent->next) {
		count++;
	}
	index_put_u64(writer, count);
	for (const struct server_intent *intent = server->intents; intent != NULL; intent = intent->next) {
		index_put_u64(writer, intent->index);
		index_put(writer, intent->case_number, sizeof intent->case_number);
	}
	server_pin_save(server, writer);
}

static void forget_intents(struct server *server)
{
	while (server->intents != NULL) {
		struct server_intent *intent = server->intents;

		server->intents = intent->next;
		free(intent);
	}
}

static bool restore_intents(struct server *server, struct span *from)
{
	struct server_intent **end = &server->intents;
	uint64_t count = 0;

	if (!span_read_u64(from, &count)) {
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct server_intent *intent = calloc(1, sizeof *intent);

		if (intent == NULL) {
			return false;
		}
		*end = intent;
		end = &intent->next;
		if (!span_read_u64(from, &intent->index) || !index_take(from, intent->case_number, sizeof intent->case_number) ||
		    memchr(intent->case_number, '\0', sizeof intent->case_number) == NULL) {
			return false;
		}
	}
	return true;
}

bool server_restore(void *context, struct span saved)
{
	struct server *server = context;
	uint64_t last_utc_ms = 0;

	if (!span_read_u64(&saved, &last_utc_ms) || !restore_intents(server, &saved)) {
		forget_intents(server);
		return false;
	}
	if (!server_pin_restore(server, &saved) || !span_is_empty(saved)) {
		forget_intents(server);
		server_pin_free(server);
		return false;
	}
	server->last_utc_ms = (int64_t)last_utc_ms;
	server->last_mono_ms = clock_mono_ms();
	return true;
}
