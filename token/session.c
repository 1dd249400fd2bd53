/* The session with the token: opened, watched, given up and opened anew, all in one process.
 *
 * Modules do not survive the removal of their card; unloading them and loading them anew does (design 2, and measured in tests/card). That costs some
 * milliseconds where a new process costs seconds, and a PIN may stay where it is. A module that hangs is ended by SIGALRM, with its process.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "token.h"

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"

#define NO_SERVICE N_("the service for card readers (pcscd) does not answer")

/* --- open and close --- */

static void close_module(struct token *token)
{
	(void)alarm(TOKEN_CHECK_S);
	key_forget_private(token->keys, token->setup.key_count);
	module_unload(&token->module);
	(void)alarm(0);
}

static int open_module(struct token *token)
{
	int err = module_load(&token->module, token->setup.module);

	if (err == 0) {
		err = module_find_token(&token->module, &token->setup.uri, token->setup.expected_serial, token->setup.neighbours);
	}
	if (err == 0) {
		err = module_open_session(&token->module);
	}
	if (err == 0) {
		key_forget_certificates(token->keys, token->setup.key_count);
		key_read_certificates(token->keys, token->setup.key_count, &token->module);
	}
	return err;
}

/* Words for a state; `ret_text` of TOKEN_TEXT_BYTES. A module that does not work is unloaded; one without a token can still say what is in the readers. */
static enum token_state open_session(struct token *token, char ret_text[TOKEN_TEXT_BYTES])
{
	int err = ERR_INTERNAL;

	(void)alarm(TOKEN_MODULE_S);
	err = open_module(token);
	(void)alarm(0);
	token_judge_kept(token);
	(void)snprintf(ret_text, TOKEN_TEXT_BYTES, "%s",
	               err == 0                                                                                              ? ""
	               : err == ERR_NOTFOUND && token->module.readers == 0 && token->setup.pcsc && !token->readers.connected ? NO_SERVICE
	                                                                                                                     : token->module.why);
	token->opened_ms = clock_mono_ms();
	token->mend_ms = clock_deadline(TOKEN_MEND_MS);
	if (err != 0 && err != ERR_MISMATCH && err != ERR_NOTFOUND) {
		close_module(token);
	}
	return err == ERR_NOTFOUND ? TOKEN_ABSENT : err == ERR_MISMATCH ? TOKEN_FOREIGN : err != 0 ? TOKEN_BROKEN : TOKEN_PIN_NEEDED;
}

void token_session_load(struct token *token)
{
	if (token->setup.pcsc) {
		(void)alarm(TOKEN_CHECK_S);
		(void)readers_look(&token->readers);
		(void)alarm(0);
	}
	token->state = open_session(token, token->text);
	if (token->state != TOKEN_PIN_NEEDED) {
		log_write(token->state == TOKEN_ABSENT ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "token %s: %s: %s", child_name(token->child),
		          token_state_name(token->state), token->text);
	}
}

/* What was found is told, and what can be done at once is done. */
static void settle(struct token *token, enum token_state state, const char *text)
{
	if (state != TOKEN_PIN_NEEDED) {
		token_set_state(token, state, text);
		token_note_foreign(token);
		return;
	}
	for (size_t i = 0; i < token->setup.key_count; i++) {
		(void)key_judge(&token->keys[i], clock_utc_ms());
	}
	token_begin(token);
	token_login_auto(token);
}

static void open_anew(struct token *token)
{
	char text[TOKEN_TEXT_BYTES];
	enum token_state state = TOKEN_BROKEN;

	close_module(token);
	state = open_session(token, text);
	settle(token, state, text);
}

/* --- giving up --- */

static void on_renew(void *context, uint32_t events)
{
	struct token *token = context;

	(void)events;
	token->renewal = 0;
	token->lost = false;
	open_anew(token);
}

/* Not here and now: whoever found the session dead still holds on to the module's objects. */
static void give_up(struct token *token)
{
	if (token->opened_ms + TOKEN_STEADY_MS < clock_mono_ms()) {
		token->pause_ms = 0;
	}
	token->lost = true;
	token->renewal = loop_timer(token->loop, clock_deadline(token->pause_ms), on_renew, token);
	if (token->renewal <= 0) {
		loop_stop(token->loop, TOKEN_EXIT_AGAIN);
	}
	token->pause_ms = token->pause_ms == 0 ? TOKEN_PAUSE_FIRST_MS : token->pause_ms * 2;
	token->pause_ms = token->pause_ms > TOKEN_PAUSE_MAX_MS ? TOKEN_PAUSE_MAX_MS : token->pause_ms;
}

void token_fail(struct token *token, enum token_state state, const char *text)
{
	char words[TOKEN_TEXT_BYTES];

	(void)snprintf(words, sizeof words, "%s", text);
	if (token->lost) {
		return;
	}
	give_up(token);
	token_login_abort(token, words);
	if (!token->kept.held) {
		pin_wipe(&token->pin);
	}
	token_note(token, "removed", words);
	token_set_state(token, state, words);
}

void token_renew(struct token *token)
{
	if (!token->lost) {
		give_up(token);
	}
}

void token_check_session(struct token *token)
{
	int err = ERR_INTERNAL;

	if (token->lost || token->module.session == 0) {
		return;
	}
	(void)alarm(TOKEN_CHECK_S);
	err = module_check(&token->module, token->state == TOKEN_READY && token->module.slot->token->loginRequired);
	(void)alarm(0);
	if (err == ERR_GONE) {
		token_fail(token, TOKEN_ABSENT, token->module.why);
	} else if (err == ERR_LOCKED) {
		token_fail(token, TOKEN_PIN_NEEDED, token->module.why);
	} else if (err != 0) {
		token_fail(token, TOKEN_BROKEN, token->module.why);
	}
}

/* Nobody is needed for a login. */
static bool has_pin(const struct token *token)
{
	return token->kept.held || (token->setup.pin_file && !token->file_refused);
}

void token_recheck(struct token *token)
{
	uint64_t before_ms = token->failed_ms;

	token_check_session(token);
	if (token->lost || token->state != TOKEN_READY) {
		return;
	}
	/* A card that lost its power for a moment fails again and again while the module says that all is well. Without a PIN at hand it gets a second
	 * chance, because a person would have to come. */
	token->failed_ms = clock_mono_ms();
	if (has_pin(token) || (before_ms != 0 && token->failed_ms - before_ms < TOKEN_RELAPSE_MS)) {
		token->failed_ms = 0;
		token_fail(token, TOKEN_BROKEN, N_("the token failed though it seems to be there; it is opened anew"));
		return;
	}
	(void)alarm(TOKEN_CHECK_S);
	if (key_find_private(token->keys, token->setup.key_count, &token->module) != 0) {
		token_fail(token, TOKEN_BROKEN, token->module.why);
	}
	(void)alarm(0);
	for (size_t i = 0; i < token->setup.key_count; i++) {
		(void)key_judge(&token->keys[i], clock_utc_ms());
	}
}

void token_note_foreign(struct token *token)
{
	char serial[65];

	if (token->state != TOKEN_FOREIGN || !channel_is_open(token->store)) {
		return;
	}
	token_serial_hash(token, serial);
	if (strcmp(serial, token->foreign_noted) != 0) {
		memcpy(token->foreign_noted, serial, sizeof token->foreign_noted);
		token_note(token, "foreign", NULL);
	}
}

/* --- watching --- */

static bool readers_changed(struct token *token)
{
	bool changed = false;

	if (token->setup.pcsc) {
		(void)alarm(TOKEN_CHECK_S);
		changed = readers_look(&token->readers);
		(void)alarm(0);
	}
	return changed;
}

static bool foreign_left(struct token *token)
{
	bool changed = false;

	(void)alarm(TOKEN_CHECK_S);
	changed = module_has_changed(&token->module);
	(void)alarm(0);
	return changed;
}

/* When to look again, whatever the readers say. */
static uint64_t next_look(struct token *token)
{
	if (!token->readers.connected) {
		return TOKEN_LOOK_MS;
	}
	if (token->settle_looks > 0 && token->readers.cards > 0) {
		token->settle_looks--;
		return TOKEN_SETTLE_MS;
	}
	return TOKEN_IDLE_MS;
}

/* There is no token: was one put in? A module that does not work is tried when the readers change, and in a fresh process after a while. */
static void look_for_token(struct token *token, bool changed)
{
	if (changed) {
		token->settle_looks = TOKEN_SETTLE_LOOKS;
		token->pause_ms = 0;
	}
	if (!changed && token->state == TOKEN_BROKEN) {
		if (clock_expired(token->mend_ms)) {
			loop_stop(token->loop, TOKEN_EXIT_AGAIN);
		}
		return;
	}
	if (!changed && !clock_expired(token->look_ms)) {
		return;
	}
	token->look_ms = clock_deadline(next_look(token));
	if (changed || token->state != TOKEN_FOREIGN || foreign_left(token)) {
		open_anew(token);
	}
}

/* A removable token is asked whether it is still there; one in a file or soldered in is not. */
static void look(struct token *token)
{
	bool changed = readers_changed(token);

	if (token->lost) {
		if (changed) { /* the pause was for a token that stays where it is */
			token->pause_ms = 0;
			loop_cancel(token->loop, token->renewal);
			on_renew(token, 0);
		}
	} else if (token->module.session == 0) {
		look_for_token(token, changed);
	} else if (token->module.slot != NULL && token->module.slot->removable && changed && !token->readers.connected) {
		token_fail(token, TOKEN_ABSENT, NO_SERVICE); /* OpenSC would go on saying that all is well */
	} else if (token->module.slot != NULL && token->module.slot->removable && (changed || clock_expired(token->check_ms))) {
		token->check_ms = clock_deadline(TOKEN_WATCH_MS);
		token_check_session(token);
	}
}

static void on_watch(void *context, uint32_t events)
{
	struct token *token = context;

	(void)events;
	look(token);
	token->watch = loop_timer(token->loop, clock_deadline(token->readers.connected ? TOKEN_READERS_MS : TOKEN_LOOK_MS), on_watch, token);
	if (token->watch <= 0) {
		log_error("no timer left to watch the token");
		loop_stop(token->loop, TOKEN_EXIT_AGAIN);
	}
}

int token_session_begin(struct token *token)
{
	for (size_t i = 0; i < token->setup.key_count; i++) {
		(void)key_judge(&token->keys[i], clock_utc_ms());
	}
	if (token->state == TOKEN_PIN_NEEDED) {
		token_begin(token);
	}
	token->settle_looks = TOKEN_SETTLE_LOOKS;
	token->look_ms = clock_deadline(TOKEN_LOOK_MS);
	token->check_ms = clock_deadline(TOKEN_WATCH_MS);
	token->watch = loop_timer(token->loop, clock_deadline(token->readers.connected ? TOKEN_READERS_MS : TOKEN_LOOK_MS), on_watch, token);
	return token->watch > 0 ? 0 : ERR_LIMIT;
}
