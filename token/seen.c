/* What people ask of a token: what is there (TOKEN_LOOK), and whether a key works (TOKEN_TEST). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"
#include "look.h"
#include "trial.h"

static void send_lines(struct token *token, uint64_t request, enum wire_type type, const struct lines *lines)
{
	_cleanup_free_ char *text = malloc(LINES_BODY_MAX + 1);
	int length = text == NULL ? ERR_MEMORY : lines_finish(lines, text, LINES_BODY_MAX + 1);
	struct wire_message message;

	if (length < 0) {
		(void)channel_answer_error(token->hub, request, length, N_("what the token shows is too much for an answer"));
		return;
	}
	wire_begin(&message, type, request, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	(void)channel_send(token->hub, &message);
}

int token_look(struct token *token, struct wire_message *message)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int err = ERR_TOKEN;

	lines_set(&lines, "module", token->setup.module);
	token_guard(clock_deadline((uint64_t)TOKEN_MODULE_S * 1000));
	if (token->module.api == NULL || (err = look_readers(&token->module, &lines)) != 0) {
		lines_set(&lines, "text", token->module.why[0] != '\0' ? token->module.why : token->text);
	} else if (token->module.session != 0) {
		err = look_objects(&token->module, token->module.session, token->setup.keys, token->setup.key_count, clock_utc_ms(), &lines);
		if (err != 0) {
			lines_set(&lines, "text", token->module.why);
		}
	}
	token_unguard();
	send_lines(token, message->id, WIRE_TOKEN_SEEN, &lines);
	if (err != 0) {
		token_check_session(token);
	}
	return 0;
}

static void note_trial(struct token *token, const char *name, const struct trial *trial, int err, const char *by)
{
	char detail[512];

	(void)snprintf(detail, sizeof detail, "%s %s: %s%s%s (%llu ms) %s", name, trial->operation, err == 0 ? "good" : "failed", err == 0 ? "" : ": ",
	               err == 0 ? "" : trial->why, (unsigned long long)trial->ms, by);
	log_info("test of key %s", detail);
	token_note(token, "tested", detail);
}

int token_test(struct token *token, struct wire_message *message)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char name[SETUP_NAME_BYTES] = "", by[64] = "";
	struct trial trial;
	int err = ERR_INTERNAL;

	(void)wire_string(message, WIRE_F_BY, by, sizeof by);
	(void)wire_string(message, WIRE_F_KEY, name, sizeof name);
	err = trial_run(token, name, &trial);
	if (err == ERR_NOTFOUND) {
		(void)channel_answer_error(token->hub, message->id, err, trial.why);
		return 0;
	}
	note_trial(token, name, &trial, err, by);
	if (err != 0) {
		(void)channel_answer_error(token->hub, message->id, err, trial.why);
		token_use_failed(token, err);
		return 0;
	}
	lines_set(&lines, "key", name);
	lines_set(&lines, "operation", trial.operation);
	lines_set(&lines, "algorithm", trial.algorithm);
	lines_set_u64(&lines, "ms", trial.ms);
	send_lines(token, message->id, WIRE_TOKEN_TESTED, &lines);
	return 0;
}
