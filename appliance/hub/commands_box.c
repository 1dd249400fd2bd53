/* commands_box.c - what concerns the box and not one case: tokens, the journal, the clock. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "control_private.h"

#define LOGIN_TIMEOUT_MS 60000
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

static void copy_line(struct lines *row, struct span lines, const char *from, const char *to)
{
	struct span value;

	if (lines_find(lines, from, &value)) {
		lines_set_span(row, to, value);
	}
}

/* One row per key; false when one cannot be used. */
static bool put_keys(struct caller *caller, const char *token, struct span lines)
{
	static const char *const cells[] = { "name", "use", "state", "subject", "not-after", "sha256", "algorithm", "warning" };
	bool good = true;

	for (size_t i = 0; i < CONFIG_KEYS_MAX; i++) {
		struct lines row = { 0 };
		struct span ignored;
		char from[LINES_NAME_MAX + 1], state[32] = "";

		(void)snprintf(from, sizeof from, "key.%zu.name", i);
		if (!lines_find(lines, from, &ignored)) {
			continue;
		}
		for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) {
			(void)snprintf(from, sizeof from, "key.%zu.%s", i, cells[k]);
			copy_line(&row, lines, from, k == 0 ? "key" : cells[k]);
		}
		(void)snprintf(from, sizeof from, "key.%zu.state", i);
		(void)lines_find_string(lines, from, state, sizeof state);
		good = good && strcmp(state, "ok") == 0;
		lines_set(&row, "token", token);
		caller_row(caller, "key", &row);
	}
	return good;
}

static bool put_token(struct caller *caller, size_t index)
{
	const struct hub_token *token = &caller->hub->tokens[index];
	const char *name = caller->hub->config->tokens[index].name;
	struct span lines = span_of_string(token->lines == NULL ? "" : token->lines);
	struct lines row = { 0 };
	static const char *const cells[] = { "label", "serial", "model", "software", "module" };
	char text[CASE_REASON_MAX_BYTES] = "";

	lines_set(&row, "token", name);
	lines_set(&row, "state", token->state);
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		copy_line(&row, lines, cells[i], cells[i]);
	}
	if (lines_find_string(lines, "text", text, sizeof text) && text[0] != '\0') {
		lines_set(&row, "text", _(text));
	}
	caller_row(caller, "token", &row);
	return strcmp(token->state, "ready") == 0;
}

static bool put_tokens(struct caller *caller)
{
	bool good = true;

	for (size_t i = 0; i < caller->hub->config->token_count; i++) {
		good = put_token(caller, i) && good;
	}
	for (size_t i = 0; i < caller->hub->config->token_count; i++) {
		const struct hub_token *token = &caller->hub->tokens[i];

		good = put_keys(caller, caller->hub->config->tokens[i].name, span_of_string(token->lines == NULL ? "" : token->lines)) && good;
	}
	return good;
}

void command_token_list(struct caller *caller)
{
	(void)put_tokens(caller);
	caller_finish(caller, COMMAND_YES, NULL);
}

void command_token_test(struct caller *caller)
{
	bool good = put_tokens(caller);

	caller_finish(caller, good ? COMMAND_YES : COMMAND_NO, good ? NULL : _("not every token and key can be used"));
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
