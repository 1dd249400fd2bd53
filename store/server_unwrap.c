/* Keys that are not in memory: first the record `unwrap`, then a vault token opens the key file (design 4). One unwrap serves everyone who waits. */
#include "server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

struct wish {
	struct wish *next;
	server_key_done done;
	void *context;
};

struct server_unwrap {
	struct server_unwrap *next;
	struct server *server;
	char owner[OBJECT_OWNER_SIZE];
	uint32_t generation;
	uint64_t index; /* of its record, once durable */
	size_t attempt; /* which vault key is tried */
	struct wish *wishes;
};

static void finish(struct server_unwrap *unwrap, int err, struct key *key)
{
	struct server *server = unwrap->server;

	for (struct server_unwrap **place = &server->unwraps; *place != NULL; place = &(*place)->next) {
		if (*place == unwrap) {
			*place = unwrap->next;
			break;
		}
	}
	if (key != NULL) {
		keys_hold(key); /* what one of them does may need the place of another key */
	}
	while (unwrap->wishes != NULL) {
		struct wish *wish = unwrap->wishes;

		unwrap->wishes = wish->next;
		wish->done(wish->context, err, key);
		free(wish);
	}
	keys_release(key);
	free(unwrap);
}

static int add_wish(struct server_unwrap *unwrap, server_key_done done, void *context)
{
	struct wish *wish = malloc(sizeof *wish);

	if (wish == NULL) {
		return ERR_MEMORY;
	}
	*wish = (struct wish){ .next = unwrap->wishes, .done = done, .context = context };
	unwrap->wishes = wish;
	return 0;
}

void server_forget_key(struct server *server, void *context)
{
	for (struct server_unwrap *unwrap = server->unwraps; unwrap != NULL; unwrap = unwrap->next) {
		for (struct wish **place = &unwrap->wishes; *place != NULL;) {
			struct wish *wish = *place;

			if (wish->context == context) {
				*place = wish->next;
				free(wish);
			} else {
				place = &wish->next;
			}
		}
	}
}

/* The next vault key whose token is ready, from `attempt` on. */
static struct server_token *next_token(struct server_unwrap *unwrap)
{
	const struct server_settings *settings = unwrap->server->settings;

	for (; unwrap->attempt < settings->vault_key_count; unwrap->attempt++) {
		struct server_token *token = server_ready_token(unwrap->server, settings->vault_keys[unwrap->attempt]);

		if (token != NULL) {
			return token;
		}
	}
	return NULL;
}

static void try_token(struct server_unwrap *unwrap);

static void on_unwrapped(void *context, int err, struct wire_message *message)
{
	struct server_unwrap *unwrap = context;
	struct key *key = NULL;

	if (err == 0 && message->type == WIRE_TOKEN_UNWRAPPED) {
		struct span text = wire_span(message, WIRE_F_BYTES);

		/* A key of a case that was erased meanwhile is not kept. */
		err = server_is_erased(unwrap->server, unwrap->owner) ? ERR_STATE
		                                                      : vault_key_accept(unwrap->server->vault, unwrap->owner, unwrap->generation, text, &key);
		explicit_bzero((uint8_t *)(uintptr_t)text.data, text.length); /* the receive buffer is ours */
		if (err == 0 || err == ERR_STATE) {
			finish(unwrap, err, key);
			return;
		}
		log_error("a token unwrapped a key file to something else: %s", err_name(err));
	} else if (err == 0) {
		err = -(int)wire_number(message, WIRE_F_CODE, (uint64_t)-ERR_TOKEN);
		log_warning("a token could not unwrap a key file: %s", err_name(err));
	}
	unwrap->attempt++;
	try_token(unwrap);
}

static int ask_token(struct server_unwrap *unwrap, struct server_token *token)
{
	struct wire_message message;
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0;
	int err = vault_key_file(unwrap->server->vault, unwrap->owner, unwrap->generation, &der, &length);

	if (err != 0) {
		return err;
	}
	wire_begin(&message, WIRE_TOKEN_UNWRAP, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, unwrap->index);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(der, length));
	return channel_request(token->channel, &message, SERVER_UNWRAP_MS, on_unwrapped, unwrap, NULL);
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	struct server_unwrap *unwrap = context;
	struct server_token *token = next_token(unwrap);

	if (err == 0) {
		unwrap->index = receipt->index;
		err = token == NULL ? ERR_LOCKED : ask_token(unwrap, token);
	}
	if (err != 0) {
		finish(unwrap, err, NULL);
	}
}

/* Each token that is asked gets a record of its own. */
static void try_token(struct server_unwrap *unwrap)
{
	struct server_token *token = next_token(unwrap);
	_cleanup_lines_ struct lines body = { 0 };
	char why[TABLE_WHY_SIZE] = "";
	int err = ERR_LOCKED;

	if (token != NULL) {
		lines_set(&body, "token", token->name);
		lines_set(&body, "what", unwrap->owner);
		lines_set_u64(&body, "generation", unwrap->generation);
		err = server_stage_one(unwrap->server, TABLE_STORE, "", "unwrap", &body, on_recorded, unwrap, why);
	}
	if (err != 0) {
		finish(unwrap, err, NULL);
	}
}

void server_need_key(struct server *server, const char *owner, uint32_t generation, server_key_done done, void *context)
{
	struct key *key = keys_find(server->keys, owner, generation);
	struct server_unwrap *unwrap = server->unwraps;
	int err = ERR_MEMORY;

	if (key != NULL) {
		done(context, 0, key);
		return;
	}
	while (unwrap != NULL && (unwrap->generation != generation || strcmp(unwrap->owner, owner) != 0)) {
		unwrap = unwrap->next;
	}
	if (unwrap != NULL) {
		err = add_wish(unwrap, done, context);
		if (err != 0) {
			done(context, err, NULL);
		}
		return;
	}
	unwrap = calloc(1, sizeof *unwrap);
	if (unwrap == NULL || add_wish(unwrap, done, context) != 0) {
		free(unwrap);
		done(context, ERR_MEMORY, NULL);
		return;
	}
	unwrap->server = server;
	(void)snprintf(unwrap->owner, sizeof unwrap->owner, "%s", owner);
	unwrap->generation = generation;
	unwrap->next = server->unwraps;
	server->unwraps = unwrap;
	try_token(unwrap);
}
