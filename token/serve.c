#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "token.h"

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"

/* Certificates come to their end while the process lives. */
static void on_review(void *context, uint32_t events)
{
	struct token *token = context;
	bool changed = false;

	(void)events;
	for (size_t i = 0; i < token->setup.key_count; i++) {
		changed = key_judge(&token->keys[i], clock_utc_ms()) || changed;
	}
	if (changed) {
		token_tell_status(token);
	}
	if (loop_timer(token->loop, clock_deadline(TOKEN_REVIEW_MS), on_review, token) <= 0) {
		log_error("no timer left to review certificates");
	}
}

/* --- links --- */

static int on_hub_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct token *token = context;

	(void)channel;
	switch (message->type) {
	case WIRE_TOKEN_LOGIN:
		return message->id == 0 ? ERR_PROTOCOL : token_login_person(token, message);
	case WIRE_TOKEN_LOGOUT:
		return message->id == 0 ? ERR_PROTOCOL : token_logout(token, message);
	case WIRE_TOKEN_LOOK:
		return message->id == 0 ? ERR_PROTOCOL : token_look(token, message);
	case WIRE_TOKEN_TEST:
		return message->id == 0 ? ERR_PROTOCOL : token_test(token, message);
	default:
		return ERR_PROTOCOL;
	}
}

static int on_store_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct token *token = context;

	(void)channel;
	switch (message->type) {
	case WIRE_TOKEN_SIGN:
		return message->id == 0 ? ERR_PROTOCOL : token_sign(token, message);
	case WIRE_TOKEN_UNWRAP:
		return message->id == 0 ? ERR_PROTOCOL : token_unwrap(token, message);
	case WIRE_TOKEN_DECRYPT:
		return message->id == 0 ? ERR_PROTOCOL : token_decrypt(token, message);
	case WIRE_TOKEN_CLIENT:
		return message->id == 0 ? ERR_PROTOCOL : token_client(token, message);
	case WIRE_TOKEN_TLS:
		return message->id == 0 ? ERR_PROTOCOL : token_tls(token, message);
	case WIRE_TOKEN_SEAL:
		return message->id == 0 ? ERR_PROTOCOL : token_seal(token, message);
	default:
		return ERR_PROTOCOL;
	}
}

static void on_link_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct token *token = context;

	if (end != CHANNEL_CLOSED) {
		child_accuse(token->child, channel_peer(channel), 0, why);
	}
	if (channel == token->hub) {
		token->hub = NULL;
		token_login_orphan(token);
	} else if (channel == token->store) {
		token->store = NULL;
	}
	channel_free(channel);
}

static void on_peer(void *context, enum wire_role role, uint64_t index, const char *name, int fd)
{
	struct token *token = context;
	struct channel **place = role == WIRE_HUB ? &token->hub : &token->store;
	struct channel *former = *place;

	(void)index;
	(void)name;
	*place = NULL;
	channel_free(former);
	if (role == WIRE_HUB) {
		token_login_orphan(token);
	}
	/* channel_free drops pending requests without a call: a login that waited for the former store starts anew. */
	if (role == WIRE_STORE && former != NULL && token->login.busy && token->login.fd < 0) {
		uint64_t request = token->login.request;

		token_login_free(token);
		if (request != 0 && channel_is_open(token->hub)) {
			(void)channel_answer_error(token->hub, request, ERR_AGAIN, N_("the store was restarted: enter the PIN again"));
		}
	}
	*place = channel_new(token->loop, fd, WIRE_TOKEN, role, role == WIRE_HUB ? on_hub_message : on_store_message, on_link_end, token);
	if (*place == NULL) {
		log_error("no memory for a link");
		return;
	}
	token_send_status(token, *place);
	token_note_foreign(token);
	token_login_auto(token);
}

static void on_stop(void *context)
{
	struct token *token = context;

	loop_stop(token->loop, 0);
}

/* --- start --- */

static int open_keys(struct token *token, const int fds[WIRE_FDS_MAX])
{
	for (size_t i = 0; i < token->setup.key_count; i++) {
		int number = token->setup.keys[i].cert_fd;

		token->keys[i].setup = &token->setup.keys[i];
		if (number < 0) {
			continue;
		}
		if (number >= WIRE_FDS_MAX || fds[number] < 0 || key_read_pem(&token->keys[i], fds[number]) != 0) {
			log_error("key %s: the certificate file is not a certificate in PEM", token->setup.keys[i].name);
		}
	}
	return 0;
}

static int take_descriptors(struct token *token)
{
	int fds[WIRE_FDS_MAX];
	int err = ERR_INTERNAL;

	for (size_t i = 0; i < WIRE_FDS_MAX; i++) {
		fds[i] = child_take_fd(token->child, i);
	}
	if (token->setup.pin_file) {
		token->setup.pin_fd = fds[0];
		if (fds[0] < 0) {
			log_error("pin-file: yes, but no descriptor came");
			return ERR_FORMAT;
		}
	}
	err = open_keys(token, fds);
	for (size_t i = token->setup.pin_file ? 1 : 0; i < WIRE_FDS_MAX; i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
		}
	}
	return err;
}

int token_open(struct token *token, struct child *child)
{
	char why[256];
	int err = setup_read(child_settings(child), &token->setup, why, sizeof why);

	token->child = child;
	token->loop = child_loop(child);
	token->login.fd = -1;
	if (err != 0) {
		log_error("settings: %s", why);
		return err;
	}
	err = pin_open(&token->pin);
	if (err == 0) {
		err = take_descriptors(token);
	}
	if (err != 0) {
		return err;
	}
	token_session_load(token);
	return 0;
}

int token_run(struct token *token)
{
	struct sandbox sandbox = {
		.groups = SANDBOX_OPEN | SANDBOX_LOCKS | (token->setup.pcsc ? SANDBOX_UNIX : 0U),
		.paths = token->setup.rules,
		.path_count = token->setup.path_count,
		.lock_memory = true,
	};

	for (size_t i = 0; i < token->setup.path_count; i++) {
		sandbox.groups |= token->setup.rules[i].write ? SANDBOX_CHANGE : 0U;
	}
	child_handlers(token->child, on_peer, on_stop, NULL, token);
	child_ready(token->child, &sandbox);
	if (token_session_begin(token) != 0) {
		return 1;
	}
	if (loop_timer(token->loop, clock_deadline(TOKEN_REVIEW_MS), on_review, token) <= 0) {
		return 1;
	}
	return loop_run(token->loop);
}
