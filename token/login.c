/* Logging in: the PIN comes from a file or from a person; the store records the try before it is made; a doubtful try is not made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token.h"

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/fdio.h"
#include "../appliance/base/lines.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"

#define PIN_PIPE_MS 60000 /* how long a person's pipe may stay open */
#define PIN_TRY_MS 30000  /* how long the store may take to make a record durable */

static void end_login(struct token *token)
{
	loop_unwatch(token->loop, token->login.watch);
	loop_cancel(token->loop, token->login.timer);
	cleanup_close(&token->login.fd);
	token->login = (struct token_login){ .fd = -1 };
}

void token_login_orphan(struct token *token)
{
	if (token->login.fd >= 0) {
		token_login_free(token);
	}
	token->login.request = 0;
}

void token_login_free(struct token *token)
{
	end_login(token);
	pin_wipe(&token->pin);
}

/* Ends the login under way: wipes the PIN and tells the hub when it asked. */
static void fail_login(struct token *token, int err, const char *text)
{
	uint64_t request = token->login.request;

	token_login_free(token);
	log_warning("no login at token %s: %s", child_name(token->child), text);
	if (request != 0 && channel_is_open(token->hub)) {
		(void)channel_answer_error(token->hub, request, err, text);
	}
}

static void answer_done(struct token *token, uint64_t request, const char *text)
{
	struct wire_message message;

	wire_begin(&message, WIRE_TOKEN_DONE, request, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_TEXT, text);
	if (request != 0 && channel_is_open(token->hub)) {
		(void)channel_send(token->hub, &message);
	}
}

/* Keys after a login, or where none is needed. */
static void become_ready(struct token *token)
{
	bool keep_pin = false;

	if (key_find_private(token->keys, token->setup.key_count, &token->module) != 0) {
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return;
	}
	for (size_t i = 0; i < token->setup.key_count; i++) {
		(void)key_judge(&token->keys[i], clock_utc_ms());
		keep_pin = keep_pin || token->keys[i].object.always_authenticate;
		if (token->keys[i].state != KEY_OK) {
			log_warning("key %s: %s: %s", token->keys[i].setup->name, key_state_name(token->keys[i].state), token->keys[i].warning);
		}
	}
	if (!keep_pin) {
		pin_wipe(&token->pin);
	}
	token->state = TOKEN_READY;
	token->text[0] = '\0';
	log_info("token %s is ready", child_name(token->child));
	token_tell_status(token);
}

/* Judges flags without a try. 0: a try is allowed. */
static int judge_flags(struct token *token, struct module_flags *ret)
{
	int err = module_read_flags(&token->module, ret);

	if (err != 0) {
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return err;
	}
	if (ret->locked) {
		token_set_state(token, TOKEN_PIN_BLOCKED, N_("the PIN is blocked: it must be reset with the tools of the token's maker (PUK)"));
		return ERR_PIN_BLOCKED;
	}
	if (ret->final_try) {
		token_set_state(token, TOKEN_PIN_LAST_TRY, N_("only one try of the PIN is left: log in once with the tools of the token's maker"));
		return ERR_PIN_LAST;
	}
	return 0;
}

void token_begin(struct token *token)
{
	struct module_flags flags = { 0 };

	if (module_read_flags(&token->module, &flags) != 0) {
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return;
	}
	if (!flags.login_required) {
		become_ready(token);
		return;
	}
	if (judge_flags(token, &flags) == 0) {
		token_set_state(token, TOKEN_PIN_NEEDED, token->setup.pin_file ? N_("the PIN file was not tried yet") : N_("a person must enter the PIN"));
	}
}

/* After a refusal: what the token says of its PIN now. A module that says nothing any more needs a fresh process (token.h, readable.<n>). */
static int state_after_refusal(struct token *token, int err)
{
	struct module_flags flags = { 0 };

	if (module_read_flags(&token->module, &flags) != 0) {
		token_retire(token);
	} else if (judge_flags(token, &flags) != 0) {
		return token->state == TOKEN_PIN_BLOCKED ? ERR_PIN_BLOCKED : ERR_PIN;
	}
	if (err == ERR_PIN_BLOCKED) {
		token_set_state(token, TOKEN_PIN_BLOCKED, N_("the PIN is blocked: it must be reset with the tools of the token's maker (PUK)"));
		return err;
	}
	token_set_state(token, TOKEN_PIN_REFUSED,
	                token->login.from_file ? N_("the PIN in the PIN file was refused; it is not tried again until the file changes")
	                                       : N_("the PIN was refused"));
	return ERR_PIN;
}

static void refused(struct token *token, int err)
{
	token->file_refused = token->file_refused || token->login.from_file;
	pin_note_refused(&token->pin);
	token_note(token, "pin-refused", token->login.from_file ? "file" : "prompt");
	err = state_after_refusal(token, err);
	if (err == ERR_PIN_BLOCKED) {
		token_note(token, "blocked", NULL);
	}
	fail_login(token, err, N_("the PIN was refused"));
}

/* C_Login, at last: the try is on record. */
static void try_pin(struct token *token)
{
	uint64_t request = token->login.request;
	bool from_file = token->login.from_file;
	char detail[128];
	int err = ERR_INTERNAL;

	if (pin_was_refused(&token->pin)) {
		fail_login(token, ERR_PIN, N_("this PIN was refused before; it is not tried again"));
		return;
	}
	(void)alarm(TOKEN_MODULE_S);
	err = module_login(&token->module, token->pin.page, token->pin.length);
	(void)alarm(0);
	if (err == ERR_PIN || err == ERR_PIN_BLOCKED) {
		refused(token, err);
		return;
	}
	if (err != 0) {
		fail_login(token, err, token->module.why);
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return;
	}
	(void)snprintf(detail, sizeof detail, "%s%s%s", from_file ? "file" : "prompt", from_file ? "" : " ", from_file ? "" : token->login.by);
	end_login(token);
	token->no_auto_login = false;
	token_note(token, "login", detail);
	become_ready(token);
	answer_done(token, request, N_("logged in"));
}

static int read_file_pin(struct token *token)
{
	if (lseek(token->setup.pin_fd, 0, SEEK_SET) != 0) {
		return ERR_SYSTEM;
	}
	pin_wipe(&token->pin);
	return pin_read(&token->pin, token->setup.pin_fd);
}

/* The store's answer: go, refused-before, unknown-before. */
static void judge_answer(struct token *token, struct span answer)
{
	struct module_flags flags = { 0 };
	int err = judge_flags(token, &flags);

	if (token->dying || err != 0) {
		fail_login(token, err == 0 ? ERR_GONE : err, token->text);
		return;
	}
	if (span_equals_string(answer, "refused-before")) {
		if (token->login.from_file) {
			token->file_refused = true;
			token_set_state(token, TOKEN_PIN_REFUSED,
			                N_("the PIN in the PIN file was refused before; it is not tried again until the file changes"));
		}
		fail_login(token, ERR_PIN, N_("this PIN was refused before; it is not tried again"));
		return;
	}
	if (span_equals_string(answer, "unknown-before") && flags.count_low) {
		token->file_refused = token->file_refused || token->login.from_file;
		token_set_state(token, TOKEN_PIN_NEEDED,
		                N_("what became of the last try is unknown and the token counts a failed one: a person must enter the PIN"));
		fail_login(token, ERR_PIN, token->text);
		return;
	}
	if (!span_equals_string(answer, "go") && !span_equals_string(answer, "unknown-before")) {
		fail_login(token, ERR_PROTOCOL, N_("the store's answer is not understood"));
		return;
	}
	if (token->login.from_file && (err = read_file_pin(token)) != 0) {
		token->file_refused = true;
		token_set_state(token, TOKEN_PIN_NEEDED, N_("the PIN file cannot be used: it must hold one line of at most 256 bytes"));
		fail_login(token, err, token->text);
		return;
	}
	try_pin(token);
}

static void on_go(void *context, int err, struct wire_message *message)
{
	struct token *token = context;

	if (!token->login.busy) {
		return;
	}
	if (err != 0) {
		fail_login(token, err == ERR_GONE ? ERR_AGAIN : err, N_("the store did not record the try: no PIN was tried"));
		return;
	}
	if (message->type == WIRE_ERROR) {
		fail_login(token, -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL), N_("the store refused to record the try: no PIN was tried"));
		return;
	}
	judge_answer(token, wire_span(message, WIRE_F_STATE));
}

/* design 7: `pin-try` is durable before C_Login. */
static void ask_store(struct token *token)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[2048], serial[65];
	struct wire_message message;
	int length = 0;

	token_serial_hash(token, serial);
	lines_set(&lines, "token", child_name(token->child));
	lines_set(&lines, "serial-sha256", serial);
	lines_set(&lines, "source", token->login.from_file ? "file" : "prompt");
	lines_set(&lines, "fingerprint", token->login.fingerprint);
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		fail_login(token, length, N_("the try cannot be recorded"));
		return;
	}
	wire_begin(&message, WIRE_TOKEN_PIN_TRY, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	if (!channel_is_open(token->store) || channel_request(token->store, &message, PIN_TRY_MS, on_go, token, NULL) != 0) {
		fail_login(token, ERR_AGAIN, N_("there is no store to record the try: no PIN was tried"));
	}
}

static bool file_fingerprint(const struct token *token, char *ret, size_t size)
{
	struct stat status;

	if (token->setup.pin_fingerprint[0] != '\0') {
		(void)snprintf(ret, size, "%s", token->setup.pin_fingerprint);
		return true;
	}
	if (fstat(token->setup.pin_fd, &status) != 0) {
		return false;
	}
	(void)snprintf(ret, size, "%llu-%lld%09ld-%lld", (unsigned long long)status.st_ino, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
	               (long long)status.st_size);
	return true;
}

void token_login_file(struct token *token)
{
	if (token->state != TOKEN_PIN_NEEDED || !token->setup.pin_file || token->setup.pin_fd < 0 || token->file_refused || token->no_auto_login ||
	    token->login.busy || token->dying || !channel_is_open(token->store)) {
		return;
	}
	if (!file_fingerprint(token, token->login.fingerprint, sizeof token->login.fingerprint)) {
		return;
	}
	token->login.busy = true;
	token->login.from_file = true;
	ask_store(token);
}

static void on_pipe(void *context, uint32_t events)
{
	struct token *token = context;
	int err = pin_read(&token->pin, token->login.fd);

	(void)events;
	if (err == ERR_AGAIN) {
		return;
	}
	loop_unwatch(token->loop, token->login.watch);
	loop_cancel(token->loop, token->login.timer);
	token->login.watch = token->login.timer = 0;
	cleanup_close(&token->login.fd);
	if (err != 0) {
		fail_login(token, err, N_("no PIN came, or it is longer than 256 bytes: nothing was tried"));
		return;
	}
	if (pin_was_refused(&token->pin)) {
		fail_login(token, ERR_PIN, N_("this PIN was refused before; it is not tried again"));
		return;
	}
	ask_store(token);
}

static void on_pipe_late(void *context, uint32_t events)
{
	struct token *token = context;

	(void)events;
	token->login.timer = 0;
	fail_login(token, ERR_DEADLINE, N_("no PIN came in time"));
}

/* Why a person's PIN cannot be taken now; 0 when it can. */
static int judge_person(struct token *token)
{
	struct module_flags flags = { 0 };

	if (token->login.busy) {
		return ERR_BUSY;
	}
	if (token->state == TOKEN_ABSENT || token->state == TOKEN_FOREIGN || token->state == TOKEN_BROKEN) {
		return ERR_TOKEN;
	}
	if (token->dying) {
		return ERR_BUSY;
	}
	if (token->stale) {
		token_retire(token);
		return ERR_BUSY;
	}
	if (!channel_is_open(token->store)) {
		return ERR_AGAIN;
	}
	return judge_flags(token, &flags);
}

static const char *refusal_text(const struct token *token, int err)
{
	switch (err) {
	case ERR_BUSY:
		return token->dying ? N_("the token process starts anew: try again in a few seconds") : N_("another login is under way");
	case ERR_AGAIN:
		return N_("there is no store to record the try: no PIN was tried");
	default:
		return token->text[0] != '\0' ? token->text : N_("the token cannot be used");
	}
}

int token_login_person(struct token *token, struct wire_message *message)
{
	_cleanup_close_ int fd = wire_take_fd(message, 0);
	int err = ERR_INTERNAL;

	if (token->state == TOKEN_READY && !token->dying) {
		answer_done(token, message->id, N_("the token is logged in already"));
		return 0;
	}
	err = judge_person(token);
	if (err != 0) {
		return channel_answer_error(token->hub, message->id, err, refusal_text(token, err)) == ERR_PROTOCOL ? ERR_PROTOCOL : 0;
	}
	token->login.busy = true;
	token->login.request = message->id;
	if (!wire_string(message, WIRE_F_BY, token->login.by, sizeof token->login.by)) {
		token->login.by[0] = '\0';
	}
	/* A fingerprint of the PIN itself would be a gift to whoever reads the journal; each prompt is a try of its own. */
	(void)snprintf(token->login.fingerprint, sizeof token->login.fingerprint, "prompt-%lld", (long long)clock_utc_ms());
	token->login.fd = take_fd(&fd);
	pin_wipe(&token->pin);
	if (fd_set_nonblocking(token->login.fd, true) != 0 || (token->login.watch = loop_watch(token->loop, token->login.fd, EPOLLIN, on_pipe, token)) <= 0 ||
	    (token->login.timer = loop_timer(token->loop, clock_deadline(PIN_PIPE_MS), on_pipe_late, token)) <= 0) {
		fail_login(token, ERR_SYSTEM, N_("the PIN cannot be read: it must come through a pipe"));
	}
	return 0;
}

int token_logout(struct token *token, struct wire_message *message)
{
	if (token->state != TOKEN_READY || token->dying) {
		answer_done(token, message->id, N_("the token is not logged in"));
		return 0;
	}
	token->no_auto_login = true;
	pin_wipe(&token->pin);
	key_forget_private(token->keys, token->setup.key_count);
	token_note(token, "logout", NULL);
	if (module_logout(&token->module) != 0) {
		(void)channel_answer_error(token->hub, message->id, ERR_TOKEN, token->module.why);
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return 0;
	}
	if (module_find_token(&token->module, &token->setup.uri, token->setup.expected_serial) != 0 || module_open_session(&token->module) != 0) {
		/* A fresh process would log in with a PIN file by itself: it has to wait until a person wants that. */
		token->stale = token->setup.pin_file;
		if (!token->stale) {
			token_retire(token);
		}
	}
	token_set_state(token, TOKEN_PIN_NEEDED, N_("a person logged out"));
	answer_done(token, message->id, N_("logged out"));
	return 0;
}
