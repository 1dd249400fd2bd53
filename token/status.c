#include <stdio.h>
#include <string.h>

#include "token.h"

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/escape.h"
#include "../appliance/base/lines.h"
#include "../appliance/base/log.h"
#include "usage.h"

#define NOTE_TIMEOUT_MS 30000

const char *token_state_name(enum token_state state)
{
	static const char *const names[] = {
		"absent", "pin-needed", "pin-at-reader", "ready", "pin-refused", "pin-last-try", "pin-blocked", "foreign", "broken"
	};

	return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "broken";
}

/* Texts from the token itself are foreign: no control character of theirs reaches a terminal or breaks a line. */
static void set_foreign(struct lines *lines, const char *name, const char *text)
{
	char clean[512];

	if (text != NULL) {
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(text), clean, sizeof clean);
		lines_set(lines, name, clean);
	}
}

static void set_key(struct lines *lines, size_t n, const char *what, const char *value)
{
	char name[LINES_NAME_MAX + 1];

	(void)snprintf(name, sizeof name, "key.%zu.%s", n, what);
	lines_set(lines, name, value);
}

/* What each partner that the token knows would say of the certificate (token.h, `want`): told before anything is filed. */
static void add_refusals(struct lines *lines, size_t n, const struct token_key *key)
{
	static const char *const wants[][2] = { { "rsa", "refused.rsa" }, { "epo", "refused.epo" }, { "epo epo-ecdsa", "refused.epo.epo-ecdsa" } };
	char words[KEY_WARNING_BYTES];

	for (size_t i = 0; (key->setup->use & USE_SIGN) != 0 && i < sizeof wants / sizeof wants[0]; i++) {
		if (certificate_check_wishes(&key->facts, wants[i][0], words, sizeof words) != 0) {
			set_key(lines, n, wants[i][1], words);
		}
	}
}

static void add_key(struct lines *lines, size_t n, const struct token_key *key, int64_t now_ms)
{
	char days[24], allows[256];

	set_key(lines, n, "name", key->setup->name);
	set_key(lines, n, "use", key->setup->use_text);
	set_key(lines, n, "state", key_state_name(key->state));
	if (key->warning[0] != '\0') {
		set_key(lines, n, "warning", key->warning);
	} else if (key->certificate != NULL && (key->setup->use & USE_SIGN) != 0 && !key->facts.has_ik_mpsv) {
		set_key(lines, n, "warning", "no IK MPSV");
	}
	if (key->certificate == NULL) {
		return;
	}
	(void)snprintf(days, sizeof days, "%lld", (long long)certificate_days_left(&key->facts, now_ms));
	set_key(lines, n, "subject", key->facts.subject);
	set_key(lines, n, "issuer", key->facts.issuer);
	usage_words(key->certificate, allows, sizeof allows);
	set_key(lines, n, "allows", allows);
	set_key(lines, n, "not-after", key->facts.not_after);
	set_key(lines, n, "days-left", days);
	set_key(lines, n, "sha256", key->facts.sha256);
	set_key(lines, n, "serial", key->facts.serial);
	set_key(lines, n, "algorithm", key->facts.algorithm);
	add_refusals(lines, n, key);
}

static void fill(const struct token *token, struct lines *lines)
{
	const PKCS11_TOKEN *found = token->module.slot != NULL ? token->module.slot->token : NULL;
	int64_t now_ms = clock_utc_ms();
	static const char *const tries[] = { NULL, "ok", "low", "last", "none" };

	lines_set(lines, "token", child_name(token->child));
	set_foreign(lines, "module", token->setup.module);
	set_foreign(lines, "text", token->text);
	lines_set(lines, "pin", token->setup.pin_pad ? "pinpad" : token->setup.pin_file ? "file" : "prompt");
	if (tries[token->tries] != NULL) {
		lines_set(lines, "pin-tries", tries[token->tries]);
	}
	if (found != NULL) {
		set_foreign(lines, "label", found->label);
		set_foreign(lines, "serial", found->serialnr);
		set_foreign(lines, "model", found->model);
		lines_set(lines, "software", module_is_software(&token->module) ? "yes" : "no");
	}
	for (size_t i = 0; i < token->setup.key_count; i++) {
		add_key(lines, i, &token->keys[i], now_ms);
	}
}

void token_send_status(struct token *token, struct channel *channel)
{
	char text[LINES_BODY_MAX + 1];
	_cleanup_lines_ struct lines lines = { 0 };
	struct wire_message message;
	int length = 0;

	if (!channel_is_open(channel)) {
		return;
	}
	fill(token, &lines);
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		log_error("the status cannot be written: %s", err_name(length));
		return;
	}
	wire_begin(&message, WIRE_TOKEN_STATUS, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_STATE, token_state_name(token->state));
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	(void)channel_send(channel, &message);
}

void token_tell_status(struct token *token)
{
	token_send_status(token, token->hub);
	token_send_status(token, token->store);
}

void token_set_state(struct token *token, enum token_state state, const char *text)
{
	bool changed = state != token->state || strcmp(text, token->text) != 0;

	token->state = state;
	(void)snprintf(token->text, sizeof token->text, "%s", text);
	if (changed) {
		log_info("token %s: %s%s%s", child_name(token->child), token_state_name(state), text[0] == '\0' ? "" : ": ", text);
		token_tell_status(token);
	}
}

void token_serial_hash(const struct token *token, char ret[65])
{
	const PKCS11_TOKEN *found = token->module.slot != NULL ? token->module.slot->token : NULL;
	const char *serial = found != NULL && found->serialnr != NULL ? found->serialnr : "";
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	unsigned length = 0;

	if (EVP_Digest(serial, strlen(serial), digest, &length, EVP_sha256(), NULL) != 1) {
		memset(digest, 0, sizeof digest);
	}
	hex_encode(digest, 32, ret);
}

static void on_noted(void *context, int err, struct wire_message *message)
{
	(void)context;
	if (err != 0 || message->type == WIRE_ERROR) {
		log_warning("the store did not take a token record: %s", err != 0 ? err_name(err) : "refused");
	}
}

void token_note(struct token *token, const char *event, const char *detail)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[4096], serial[65];
	struct wire_message message;
	int length = 0;

	if (!channel_is_open(token->store)) {
		return;
	}
	token_serial_hash(token, serial);
	lines_set(&lines, "event", event);
	lines_set(&lines, "token", child_name(token->child));
	lines_set(&lines, "serial-sha256", serial);
	lines_set(&lines, "detail", detail);
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		return;
	}
	wire_begin(&message, WIRE_TOKEN_NOTE, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	if (channel_request(token->store, &message, NOTE_TIMEOUT_MS, on_noted, NULL, NULL) != 0) {
		log_warning("the store did not take a token record");
	}
}
