/* What the tokens say: their state, notes for the journal, tries with a PIN. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

struct token_wait {
	struct server *server;
	size_t index;
	uint64_t request;
	struct channel *channel; /* to notice a link that was replaced; never used when it is not the present one */
	const char *advice;      /* of a try with a PIN; NULL: a note */
};

uint64_t server_token_index(const struct server *server, const struct server_token *token)
{
	for (size_t i = 0; i < SERVER_TOKENS_MAX; i++) {
		if (&server->tokens[i] == token) {
			return i;
		}
	}
	return SERVER_TOKENS_MAX;
}

struct server_token *server_ready_token(struct server *server, const char *key_name)
{
	for (size_t i = 0; i < server->settings->key_count; i++) {
		if (strcmp(server->settings->keys[i].name, key_name) == 0) {
			struct server_token *token = &server->tokens[server->settings->keys[i].token];

			return channel_is_open(token->channel) && strcmp(token->state, "ready") == 0 ? token : NULL;
		}
	}
	return NULL;
}

static struct server_token *token_of(struct server *server, const struct channel *channel)
{
	for (size_t i = 0; i < SERVER_TOKENS_MAX; i++) {
		if (server->tokens[i].channel == channel) {
			return &server->tokens[i];
		}
	}
	return NULL;
}

static void answer_advice(struct channel *channel, uint64_t request, const char *advice)
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_TOKEN_PIN_GO, request, CLOCK_NEVER_MS);
	wire_put_string(&answer, WIRE_F_STATE, advice);
	(void)channel_send(channel, &answer);
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	_cleanup_free_ struct token_wait *wait = context;
	struct channel *channel = wait->server->tokens[wait->index].channel;

	if (channel != wait->channel || !channel_is_open(channel)) {
		return;
	}
	if (err != 0) {
		(void)channel_answer_error(channel, wait->request, err, "the journal takes no records");
	} else if (wait->advice != NULL) {
		answer_advice(channel, wait->request, wait->advice);
	} else {
		server_answer_appended(channel, wait->request, receipt);
	}
}

/* The token says what happened; which token it is the store says. */
static int record(struct server *server, struct server_token *token, const struct wire_message *message, const char *type, const char *advice)
{
	_cleanup_lines_ struct lines body = { 0 };
	struct token_wait *wait = NULL;
	char why[TABLE_WHY_SIZE] = "";
	int err = ERR_MEMORY;

	if (lines_parse(wire_span(message, WIRE_F_LINES), &body) != 0) {
		return ERR_PROTOCOL;
	}
	lines_set(&body, "token", token->name);
	wait = malloc(sizeof *wait);
	if (wait != NULL) {
		*wait = (struct token_wait){ .server = server,
			                     .index = (size_t)server_token_index(server, token),
			                     .request = message->id,
			                     .channel = token->channel,
			                     .advice = advice };
		err = server_stage_one(server, TABLE_TOKEN, "", type, &body, on_recorded, wait, why);
	}
	if (err != 0) {
		free(wait);
		log_warning("a record %s of token %llu was refused: %s", type, (unsigned long long)server_token_index(server, token), why);
		(void)channel_answer_error(token->channel, message->id, err, why);
	}
	return 0;
}

static int on_pin_try(struct server *server, struct server_token *token, const struct wire_message *message)
{
	const char *advice = server_pin_advice(server, wire_span(message, WIRE_F_LINES));

	if (strcmp(advice, "refused-before") == 0 || strcmp(advice, "other-token") == 0) { /* there will be no try, so there is no record of one */
		answer_advice(token->channel, message->id, advice);
		return 0;
	}
	return record(server, token, message, "pin-try", advice);
}

static void on_status(struct server *server, struct server_token *token, const struct wire_message *message)
{
	bool was_ready = strcmp(token->state, "ready") == 0;

	free(token->lines);
	token->lines = strndup((const char *)wire_span(message, WIRE_F_LINES).data, wire_span(message, WIRE_F_LINES).length);
	if (!wire_string(message, WIRE_F_STATE, token->state, sizeof token->state)) {
		token->state[0] = '\0';
	}
	if (!was_ready && strcmp(token->state, "ready") == 0) {
		server_unlock_names(server);
	}
	if (strcmp(token->state, "ready") == 0) { /* also when only its certificates changed */
		server_seal_ready(server);
	}
}

int server_on_token_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct server *server = context;
	struct server_token *token = token_of(server, channel);

	if (token == NULL) {
		return 0;
	}
	switch (message->type) {
	case WIRE_TOKEN_STATUS:
		on_status(server, token, message);
		return 0;
	case WIRE_TOKEN_PIN_TRY:
		return on_pin_try(server, token, message);
	case WIRE_TOKEN_NOTE:
		return record(server, token, message, "token", NULL);
	default:
		return ERR_PROTOCOL;
	}
}

void server_on_token_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct server *server = context;
	struct server_token *token = token_of(server, channel);

	if (token != NULL) {
		token->channel = NULL;
		token->state[0] = '\0';
		free(token->lines);
		token->lines = NULL;
		if (end != CHANNEL_CLOSED) {
			child_accuse(server->child, WIRE_TOKEN, server_token_index(server, token), why);
		}
	}
	channel_free(channel);
}
