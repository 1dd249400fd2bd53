/* commands_box.c - what concerns the box and not one case: tokens, the journal, the clock. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "anchors.h"
#include "control_private.h"

#define LOGIN_TIMEOUT_MS 150000 /* a person may be at the pin pad of the reader */
#define VERIFY_TIMEOUT_MS (24ULL * 3600 * 1000)

/* The token that a word names; without a word the only one. CONFIG_TOKENS_MAX when there is none. */
static size_t find_token(const struct caller *caller, size_t word)
{
	const struct config *config = caller->hub->config;

	if (caller->word_count <= word) {
		return config->token_count == 1 ? 0 : CONFIG_TOKENS_MAX;
	}
	for (size_t i = 0; i < config->token_count; i++) {
		if (strcmp(config->tokens[i].name, caller->words[word]) == 0) {
			return i;
		}
	}
	return CONFIG_TOKENS_MAX;
}

static void on_token_done(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char text[CASE_REASON_MAX_BYTES] = "";
	const char *words = NULL;

	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
	}
	switch (err) {
	case 0:
		break;
	case ERR_PIN:
		words = _("the PIN is wrong; it is not tried again by itself (podatelna token login enters another)");
		break;
	case ERR_PIN_LAST:
		words = _("one try is left: the box never uses the last one");
		break;
	case ERR_PIN_BLOCKED:
		words = _("the PIN is blocked");
		break;
	default:
		words = text[0] != '\0' ? _(text) : _("the token does not answer");
	}
	if (err != 0) {
		(void)caller_fail(caller, err, words);
	} else {
		(void)snprintf(caller->text, sizeof caller->text,
		               strcmp(caller->words[1], "login") == 0 ? _("token %s is logged in") : _("token %s is logged out"),
		               caller->hub->config->tokens[caller->token].name);
	}
	caller_settle(caller);
}

static void ask_token(struct caller *caller, enum wire_type type)
{
	size_t index = find_token(caller, 2);
	struct channel *channel = index < CONFIG_TOKENS_MAX ? caller->hub->tokens[index].channel : NULL;
	struct wire_message message;
	char text[CASE_REASON_MAX_BYTES];

	if (index == CONFIG_TOKENS_MAX || channel == NULL) {
		caller_finish(caller, COMMAND_NO,
		              index == CONFIG_TOKENS_MAX ? _("name the token (podatelna token list)") : _("the token's program is not running"));
		return;
	}
	wire_begin(&message, type, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_BY, caller->by);
	if (type == WIRE_TOKEN_LOGIN && caller->fd >= 0) {
		wire_put_fd(&message, caller->fd); /* unread: the PIN passes the hub as a descriptor only (design 7) */
	}
	if (channel_request(channel, &message, LOGIN_TIMEOUT_MS, on_token_done, caller, NULL) != 0) {
		caller_finish(caller, COMMAND_NO, _("the token does not answer"));
	} else {
		caller->token = index;
		caller_pend(caller);
		(void)snprintf(text, sizeof text, _("token %s is asked ..."), caller->hub->config->tokens[index].name);
		caller_progress(caller, 0, 0, text);
	}
}

void command_token_login(struct caller *caller)
{
	if (caller->fd < 0) {
		caller_finish(caller, COMMAND_USAGE, _("no PIN came with the command"));
	} else {
		ask_token(caller, WIRE_TOKEN_LOGIN);
	}
}

void command_token_logout(struct caller *caller)
{
	ask_token(caller, WIRE_TOKEN_LOGOUT);
}

/* --- the journal --- */

static void on_verified(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	struct span lines, name, value;

	if (err != 0 || message->type == WIRE_ERROR) {
		(void)caller_fail(caller, err != 0 ? err : ERR_GONE, _("the store could not check the journal"));
		caller_settle(caller);
		return;
	}
	lines = wire_span(message, WIRE_F_LINES);
	while (lines_next(&lines, &name, &value)) {
		struct lines row = { 0 };

		lines_set_span(&row, "name", name);
		lines_set_span(&row, "value", value);
		caller_row(caller, "field", &row);
	}
	if (wire_number(message, WIRE_F_CODE, 0) != 0) {
		char text[CASE_REASON_MAX_BYTES];

		if (!wire_string(message, WIRE_F_TEXT, text, sizeof text)) {
			text[0] = '\0';
		}
		caller->exit_code = COMMAND_DAMAGE;
		(void)snprintf(caller->text, sizeof caller->text, _("damage at record %llu: %.180s"), (unsigned long long)wire_number(message, WIRE_F_INDEX, 0),
		               text);
	} else {
		(void)snprintf(caller->text, sizeof caller->text, "%s", _("the journal is in order"));
	}
	caller_settle(caller);
}

/* "Signed by ...", or why not. */
static void say_signed(struct caller *caller, const struct wire_message *message)
{
	struct span lines = wire_span(message, WIRE_F_LINES);
	char value[CASE_REASON_MAX_BYTES] = "", name[200];

	if (wire_number(message, WIRE_F_BITS, 0) != 0) {
		(void)lines_find_string(lines, "signer", value, sizeof value);
		anchors_signer(caller->hub, value[0] != '\0' ? value : caller->hub->anchors.seal_signer, name, sizeof name);
		(void)snprintf(caller->text, sizeof caller->text, _("the checkpoint is signed: %s"), name);
	} else {
		(void)lines_find_string(lines, "why", value, sizeof value);
		(void)snprintf(caller->text, sizeof caller->text, _("the checkpoint is not signed: %s"), _(value));
	}
}

static void on_note(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;

	if (err != 0 || message->type == WIRE_ERROR) {
		(void)caller_fail(caller, err != 0 ? err : ERR_GONE, _("the store could not make a checkpoint"));
	} else {
		struct span text = wire_span(message, WIRE_F_BYTES), line;

		while (span_read_until(&text, '\n', &line)) {
			struct lines row = { 0 };

			lines_set_span(&row, "line", line);
			caller_row(caller, "text", &row);
		}
		say_signed(caller, message);
	}
	caller_settle(caller);
}

static void ask_store(struct caller *caller, enum wire_type type, uint64_t timeout_ms, channel_answer on_answer)
{
	struct wire_message message;

	wire_begin(&message, type, 0, CLOCK_NEVER_MS);
	if (caller->hub->store == NULL || channel_request(caller->hub->store, &message, timeout_ms, on_answer, caller, NULL) != 0) {
		caller_finish(caller, COMMAND_NO, _("the store does not answer"));
	} else {
		caller_pend(caller);
	}
}

void command_journal_verify(struct caller *caller)
{
	ask_store(caller, WIRE_STORE_VERIFY, VERIFY_TIMEOUT_MS, on_verified);
}

void command_journal_checkpoint(struct caller *caller)
{
	ask_store(caller, WIRE_STORE_CHECKPOINT, HUB_STORE_TIMEOUT_MS, on_note);
}

/* --- a person's word about the box --- */

void command_journal_accept(struct caller *caller)
{
	struct lines lines = { 0 };

	if (!caller->hub->rolled_back) {
		caller_finish(caller, COMMAND_DENIED, _("the journal was not rolled back"));
		return;
	}
	lines_set(&lines, "accepted", "yes");
	caller_append(caller, "rolled-back", &lines);
}

void command_clock_accept(struct caller *caller)
{
	struct lines lines = { 0 };

	if (!caller->hub->clock_bad) {
		caller_finish(caller, COMMAND_DENIED, _("the clock is not in doubt"));
		return;
	}
	caller_append(caller, "clock-accepted", &lines);
}
