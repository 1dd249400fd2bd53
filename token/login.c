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

/* A PIN that is kept outlives a try that was not made. */
void token_login_free(struct token *token)
{
	bool kept = token->kept.held && token->login.busy && token->login.source == TOKEN_SOURCE_KEPT;

	end_login(token);
	if (!kept) {
		pin_wipe(&token->pin);
		token->kept.held = false;
	}
}

static const char *source_name(enum token_source source)
{
	static const char *const names[] = { "prompt", "file", "kept", "pinpad" };

	return (size_t)source < sizeof names / sizeof names[0] ? names[source] : "prompt";
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

void token_login_abort(struct token *token, const char *text)
{
	if (token->login.busy) {
		fail_login(token, ERR_GONE, text);
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
	bool needed = false;

	if (key_find_private(token->keys, token->setup.key_count, &token->module) != 0) {
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return;
	}
	for (size_t i = 0; i < token->setup.key_count; i++) {
		(void)key_judge(&token->keys[i], clock_utc_ms());
		needed = needed || token->keys[i].object.always_authenticate;
		if (token->keys[i].state != KEY_OK) {
			log_warning("key %s: %s: %s", token->keys[i].setup->name, key_state_name(token->keys[i].state), token->keys[i].warning);
		}
	}
	if (!needed && !token->kept.held) {
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
	token->tries = ret->tries;
	if (ret->tries == MODULE_TRIES_NONE) {
		token_set_state(token, TOKEN_PIN_BLOCKED, N_("the PIN is blocked: it must be reset with the tools of the token's maker (PUK)"));
		return ERR_PIN_BLOCKED;
	}
	if (ret->tries == MODULE_TRIES_LAST) {
		token_set_state(token, TOKEN_PIN_LAST_TRY, N_("only one try of the PIN is left: log in once with the tools of the token's maker"));
		return ERR_PIN_LAST;
	}
	return 0;
}

/* design 7: a PIN file is never tried on a token of another serial than the one that it was for. */
static bool file_is_for_another(const struct token *token)
{
	char serial[65];

	token_serial_hash(token, serial);
	return token->setup.pin_file && strcmp(serial, token->file_other) == 0;
}

static const char *why_needed(const struct token *token)
{
	if (token->no_auto_login) {
		return N_("a person logged out");
	}
	if (file_is_for_another(token)) {
		return N_("the PIN file was used for another token; it is not tried on this one until the file changes");
	}
	if (token->kept.held || token->setup.pin_file) {
		return N_("the PIN was not tried yet");
	}
	if (token->tries == MODULE_TRIES_LOW) {
		return N_("a person must enter the PIN; a wrong one was tried before, and few tries are left");
	}
	return token->setup.pin_pad ? N_("a person must enter the PIN at the reader (podatelna token login)") : N_("a person must enter the PIN");
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
	if (judge_flags(token, &flags) != 0) {
		return;
	}
	if (token->file_refused && token->setup.pin_file) {
		token_set_state(token, TOKEN_PIN_REFUSED, N_("the PIN in the PIN file was refused; it is not tried again until the file changes"));
	} else {
		token_set_state(token, TOKEN_PIN_NEEDED, why_needed(token));
	}
}

/* After a refusal: what the token says of its PIN now. A module that says nothing any more needs a fresh process (token.h, readable.<n>). */
static int state_after_refusal(struct token *token, int err)
{
	struct module_flags flags = { 0 };

	if (module_read_flags(&token->module, &flags) != 0) {
		token_renew(token);
	} else if (judge_flags(token, &flags) != 0) {
		return token->state == TOKEN_PIN_BLOCKED ? ERR_PIN_BLOCKED : ERR_PIN;
	}
	if (err == ERR_PIN_BLOCKED) {
		token_set_state(token, TOKEN_PIN_BLOCKED, N_("the PIN is blocked: it must be reset with the tools of the token's maker (PUK)"));
		return err;
	}
	token_set_state(token, TOKEN_PIN_REFUSED,
	                token->login.source == TOKEN_SOURCE_FILE ? N_("the PIN in the PIN file was refused; it is not tried again until the file changes")
	                : token->tries == MODULE_TRIES_LOW       ? N_("the PIN was refused, and few tries are left")
	                                                         : N_("the PIN was refused"));
	return ERR_PIN;
}

static void refused(struct token *token, int err)
{
	token->file_refused = token->file_refused || token->login.source == TOKEN_SOURCE_FILE;
	token->kept.held = false;
	if (token->login.source != TOKEN_SOURCE_PINPAD) {
		pin_note_refused(&token->pin);
	}
	token_note(token, "pin-refused", source_name(token->login.source));
	err = state_after_refusal(token, err);
	if (err == ERR_PIN_BLOCKED) {
		token_note(token, "blocked", NULL);
	}
	fail_login(token, err, N_("the PIN was refused"));
}

/* The PIN stays when the configuration says so: for this token alone (token_judge_kept). */
static void keep_pin(struct token *token)
{
	token->kept.held = token->setup.keep_pin && token->pin.length > 0;
	token->kept.strangers = token->module.strangers;
	token_serial_hash(token, token->kept.serial);
}

void token_judge_kept(struct token *token)
{
	char serial[65];

	if (!token->kept.held) {
		return;
	}
	token_serial_hash(token, serial);
	if (token->module.slot != NULL ? strcmp(serial, token->kept.serial) != 0 : token->module.strangers > token->kept.strangers) {
		log_warning("token %s: another token appeared: the PIN that was kept is wiped", child_name(token->child));
		pin_wipe(&token->pin);
		token->kept.held = false;
	}
}

static int login_at_reader(struct token *token)
{
	int err = ERR_INTERNAL;

	token_set_state(token, TOKEN_PIN_AT_READER, N_("enter the PIN at the reader"));
	(void)alarm(TOKEN_PAD_S);
	err = module_login(&token->module, NULL, 0);
	(void)alarm(0);
	if (err == ERR_DEADLINE) {
		fail_login(token, err, N_("no PIN was entered at the reader, or it was cancelled there"));
		token_begin(token);
	}
	return err;
}

static int login_with_pin(struct token *token)
{
	int err = ERR_INTERNAL;

	token->kept.unknown = true;
	(void)alarm(TOKEN_MODULE_S);
	err = module_login(&token->module, token->pin.page, token->pin.length);
	(void)alarm(0);
	token->kept.unknown = err != 0;
	return err;
}

/* C_Login, at last: the try is on record. */
static void try_pin(struct token *token)
{
	uint64_t request = token->login.request;
	enum token_source source = token->login.source;
	char detail[128];
	int err = ERR_INTERNAL;

	if (source != TOKEN_SOURCE_PINPAD && pin_was_refused(&token->pin)) {
		fail_login(token, ERR_PIN, N_("this PIN was refused before; it is not tried again"));
		return;
	}
	err = source == TOKEN_SOURCE_PINPAD ? login_at_reader(token) : login_with_pin(token);
	if (err == ERR_PIN || err == ERR_PIN_BLOCKED) {
		refused(token, err);
		return;
	}
	if (err != 0) {
		if (token->login.busy) {
			fail_login(token, err, token->module.why);
			token_fail(token, TOKEN_BROKEN, token->module.why);
		}
		return;
	}
	(void)snprintf(detail, sizeof detail, "%s%s%s", source_name(source), token->login.by[0] != '\0' ? " " : "", token->login.by);
	end_login(token);
	token->no_auto_login = false;
	token->tries = MODULE_TRIES_UNKNOWN;
	if (source == TOKEN_SOURCE_PROMPT) {
		keep_pin(token);
	}
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

/* The card went away while the PIN that is kept was tried, and was perhaps changed elsewhere before. */
static bool kept_unknown(const struct token *token)
{
	return token->login.source == TOKEN_SOURCE_KEPT && token->kept.unknown;
}

/* The store's answer: go, refused-before, unknown-before. */
static void judge_answer(struct token *token, struct span answer)
{
	struct module_flags flags = { 0 };
	int err = judge_flags(token, &flags);

	if (token->lost || err != 0) {
		fail_login(token, err == 0 ? ERR_GONE : err, token->text);
		return;
	}
	if (span_equals_string(answer, "refused-before")) {
		token->kept.held = false;
		if (token->login.source == TOKEN_SOURCE_FILE) {
			token->file_refused = true;
			token_set_state(token, TOKEN_PIN_REFUSED,
			                N_("the PIN in the PIN file was refused before; it is not tried again until the file changes"));
		}
		fail_login(token, ERR_PIN, N_("this PIN was refused before; it is not tried again"));
		return;
	}
	if (span_equals_string(answer, "other-token") && token->login.source == TOKEN_SOURCE_FILE) {
		token_serial_hash(token, token->file_other);
		token_set_state(token, TOKEN_PIN_NEEDED, why_needed(token));
		fail_login(token, ERR_PIN, token->text);
		return;
	}
	if (flags.tries == MODULE_TRIES_LOW && (span_equals_string(answer, "unknown-before") || kept_unknown(token))) {
		token->kept.held = false;
		token->file_refused = token->file_refused || token->login.source == TOKEN_SOURCE_FILE;
		token_set_state(token, TOKEN_PIN_NEEDED,
		                N_("what became of the last try is unknown and the token counts a failed one: a person must enter the PIN"));
		fail_login(token, ERR_PIN, token->text);
		return;
	}
	if (!span_equals_string(answer, "go") && !span_equals_string(answer, "unknown-before")) {
		fail_login(token, ERR_PROTOCOL, N_("the store's answer is not understood"));
		return;
	}
	if (token->login.source == TOKEN_SOURCE_FILE && (err = read_file_pin(token)) != 0) {
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

	/* An answer to a try that was given up is none to the one that came after it. */
	if (!token->login.busy || (err == 0 && message->id != token->login.asked)) {
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
	lines_set(&lines, "source", source_name(token->login.source));
	lines_set(&lines, "fingerprint", token->login.fingerprint);
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		fail_login(token, length, N_("the try cannot be recorded"));
		return;
	}
	wire_begin(&message, WIRE_TOKEN_PIN_TRY, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	if (!channel_is_open(token->store) || channel_request(token->store, &message, PIN_TRY_MS, on_go, token, &token->login.asked) != 0) {
		fail_login(token, ERR_AGAIN, N_("there is no store to record the try: no PIN was tried"));
	}
}

/* A fingerprint of the PIN itself would be a gift to whoever reads the journal; each try of a person's PIN is one of its own. */
static void name_try(struct token *token)
{
	(void)snprintf(token->login.fingerprint, sizeof token->login.fingerprint, "%s-%lld", source_name(token->login.source), (long long)clock_utc_ms());
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

void token_login_auto(struct token *token)
{
	bool file = token->setup.pin_file && token->setup.pin_fd >= 0 && !token->file_refused && !file_is_for_another(token);

	if (token->state != TOKEN_PIN_NEEDED || !(file || token->kept.held) || token->no_auto_login || token->login.busy || token->lost ||
	    !channel_is_open(token->store)) {
		return;
	}
	if (file && !file_fingerprint(token, token->login.fingerprint, sizeof token->login.fingerprint)) {
		return;
	}
	token->login.busy = true;
	token->login.source = file ? TOKEN_SOURCE_FILE : TOKEN_SOURCE_KEPT;
	if (!file) {
		name_try(token);
	}
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
	int err = ERR_INTERNAL;

	if (token->login.busy || token->lost) {
		return ERR_BUSY;
	}
	if (token->state == TOKEN_ABSENT || token->state == TOKEN_FOREIGN || token->state == TOKEN_BROKEN) {
		return ERR_TOKEN;
	}
	if (!channel_is_open(token->store)) {
		return ERR_AGAIN;
	}
	err = judge_flags(token, &flags);
	return err == 0 && token->setup.pin_pad && !flags.pin_pad ? ERR_UNSUPPORTED : err;
}

static const char *refusal_text(const struct token *token, int err)
{
	switch (err) {
	case ERR_BUSY:
		return token->lost ? N_("the token is being looked at anew: try again in a few seconds") : N_("another login is under way");
	case ERR_UNSUPPORTED:
		return N_("this reader has no PIN pad: the configuration must say pin = \"prompt\"");
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

	if (token->state == TOKEN_READY && !token->lost) {
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
	token->kept.held = false;
	pin_wipe(&token->pin);
	token->login.source = token->setup.pin_pad ? TOKEN_SOURCE_PINPAD : TOKEN_SOURCE_PROMPT;
	name_try(token);
	if (token->setup.pin_pad) {
		ask_store(token);
		return 0;
	}
	token->login.fd = take_fd(&fd);
	if (fd_set_nonblocking(token->login.fd, true) != 0 || (token->login.watch = loop_watch(token->loop, token->login.fd, EPOLLIN, on_pipe, token)) <= 0 ||
	    (token->login.timer = loop_timer(token->loop, clock_deadline(PIN_PIPE_MS), on_pipe_late, token)) <= 0) {
		fail_login(token, ERR_SYSTEM, N_("the PIN cannot be read: it must come through a pipe"));
	}
	return 0;
}

int token_logout(struct token *token, struct wire_message *message)
{
	if (token->state != TOKEN_READY || token->lost) {
		answer_done(token, message->id, N_("the token is not logged in"));
		return 0;
	}
	token->no_auto_login = true;
	token->kept.held = false;
	pin_wipe(&token->pin);
	key_forget_private(token->keys, token->setup.key_count);
	token_note(token, "logout", NULL);
	if (module_logout(&token->module) != 0) {
		(void)channel_answer_error(token->hub, message->id, ERR_TOKEN, token->module.why);
		token_fail(token, TOKEN_BROKEN, token->module.why);
		return 0;
	}
	if (module_find_token(&token->module, &token->setup.uri, token->setup.expected_serial, token->setup.neighbours) != 0 ||
	    module_open_session(&token->module) != 0) {
		token_renew(token);
	}
	token_set_state(token, TOKEN_PIN_NEEDED, N_("a person logged out"));
	answer_done(token, message->id, N_("logged out"));
	return 0;
}
