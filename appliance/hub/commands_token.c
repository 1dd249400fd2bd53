/* commands_token.c - what a person sees of tokens, keys and certificates: `token list` and `token test`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "control_private.h"
#include "facts.h"

#define LOOK_TIMEOUT_MS 8000
#define TEST_TIMEOUT_MS 70000 /* longer than the token program lets its module take */
#define READERS_MAX 64        /* of one token's answer */

static void copy_line(struct lines *row, struct span lines, const char *from, const char *to)
{
	struct span value;

	if (lines_find(lines, from, &value)) {
		lines_set_span(row, to, value);
	}
}

/* The lines `group`.`n`.<cell> as a row; false when the first one is not there. Without cells: the first line alone tells. */
static bool copy_numbered(struct lines *row, struct span lines, const char *group, size_t n, const char *const *cells)
{
	char from[LINES_NAME_MAX + 1];
	struct span first;

	(void)snprintf(from, sizeof from, "%s.%zu.%s", group, n, cells[0]);
	if (!lines_find(lines, from, &first)) {
		return false;
	}
	for (; *cells != NULL; cells++) {
		(void)snprintf(from, sizeof from, "%s.%zu.%s", group, n, *cells);
		copy_line(row, lines, from, *cells);
	}
	return true;
}

/* --- what the token programs told by themselves --- */

/* What is wrong with a key, and what helps; the token's own words stand in `warning`. */
static const char *note_of(const struct lines *row)
{
	static const struct {
		const char *state, *words;
	} known[] = {
		{ "missing", N_("key or certificate is not on the token by this URI, or several are: compare with what is listed below") },
		{ "mismatch", N_("the certificate belongs to another key: import the right one (podatelna token import-cert)") },
		{ "expired", N_("nothing can be done with it: get a new certificate") },
		{ "not-yet", N_("its time has not come yet; is the clock of the box right?") },
		{ "bad-usage", N_("the certificate does not allow what the configuration wants: use another one, or change `use`") },
	};
	const char *state = lines_get(row, "state"), *warning = lines_get(row, "warning"), *days = lines_get(row, "days-left");
	uint64_t left = UINT64_MAX;

	for (size_t i = 0; state != NULL && i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].state, state) == 0) {
			return _(known[i].words);
		}
	}
	if (warning != NULL && strcmp(warning, "no IK MPSV") == 0) {
		return _("the certificate carries no IK MPSV: some authorities refuse it");
	}
	if (warning != NULL && days != NULL && span_parse_u64(span_of_string(days), &left) && left < FACT_CERTIFICATE_DAYS) {
		return _("the certificate ends soon: have it renewed");
	}
	return warning;
}

static void put_keys(struct caller *caller, const char *token, struct span lines)
{
	static const char *const cells[] = { "name",      "use",    "state",  "subject",   "issuer",  "serial", "not-after",
		                             "days-left", "sha256", "allows", "algorithm", "warning", NULL };

	for (size_t i = 0; i < CONFIG_KEYS_MAX; i++) {
		struct lines row = { 0 };

		if (!copy_numbered(&row, lines, "key", i, cells)) {
			continue;
		}
		lines_set(&row, "key", lines_get(&row, "name"));
		lines_set(&row, "name", NULL);
		lines_set(&row, "token", token);
		lines_set(&row, "note", note_of(&row));
		caller_row(caller, "key", &row);
	}
}

static struct span told(const struct hub_token *token)
{
	return span_of_string(token->lines == NULL ? "" : token->lines);
}

static void put_token(struct caller *caller, size_t index)
{
	static const char *const cells[] = { "label", "serial", "model", "software", "module", "pin", "pin-tries" };
	const struct hub_token *token = &caller->hub->tokens[index];
	struct lines row = { 0 };
	char text[CASE_REASON_MAX_BYTES] = "";

	lines_set(&row, "token", caller->hub->config->tokens[index].name);
	lines_set(&row, "state", token->state);
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		copy_line(&row, told(token), cells[i], cells[i]);
	}
	if (lines_find_string(told(token), "text", text, sizeof text) && text[0] != '\0') {
		lines_set(&row, "text", _(text));
	}
	caller_row(caller, "token", &row);
}

/* --- token list --- */

/* The answers to one `token list`, printed together when the last one is there. */
struct inventory {
	struct caller *caller;
	size_t left;
	char *seen[CONFIG_TOKENS_MAX]; /* LINES of TOKEN_SEEN, NULL: no answer */
};

struct look {
	struct inventory *inventory;
	size_t index;
};

static bool same_list(const struct config_list *a, const struct config_list *b)
{
	for (size_t i = 0; a->count == b->count && i < a->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0) {
			return false;
		}
	}
	return a->count == b->count;
}

/* Two tokens behind one module have the same readers: they are shown once. */
static bool shown_before(const struct inventory *inventory, size_t index)
{
	const struct config_token *tokens = inventory->caller->hub->config->tokens;

	for (size_t i = 0; i < index; i++) {
		if (inventory->seen[i] != NULL && strcmp(tokens[i].module, tokens[index].module) == 0 &&
		    same_list(&tokens[i].environment, &tokens[index].environment)) {
			return true;
		}
	}
	return false;
}

/* The configured token that this reader's is, by what the token programs told. */
static const char *configured_as(const struct caller *caller, const struct lines *row)
{
	const char *label = lines_get(row, "label"), *serial = lines_get(row, "serial");

	for (size_t i = 0; label != NULL && serial != NULL && i < caller->hub->config->token_count; i++) {
		struct span lines = told(&caller->hub->tokens[i]), found;

		if (lines_find(lines, "serial", &found) && span_equals_string(found, serial) && lines_find(lines, "label", &found) &&
		    span_equals_string(found, label)) {
			return caller->hub->config->tokens[i].name;
		}
	}
	return NULL;
}

static void put_readers(struct caller *caller, size_t index, struct span lines)
{
	static const char *const cells[] = { "name", "token", "maker", "model", "label", "serial", "uri", "pin", "pinpad", NULL };

	for (size_t n = 0; n < READERS_MAX; n++) {
		struct lines row = { 0 };

		if (!copy_numbered(&row, lines, "reader", n, cells)) {
			continue;
		}
		lines_set(&row, "reader", lines_get(&row, "name"));
		lines_set(&row, "name", NULL);
		lines_set(&row, "holds", lines_get(&row, "token")); /* `token` is the name of a configured one everywhere else */
		lines_set(&row, "token", NULL);
		lines_set(&row, "module", caller->hub->config->tokens[index].module);
		lines_set(&row, "configured", configured_as(caller, &row));
		caller_row(caller, "reader", &row);
	}
}

static void put_objects(struct caller *caller, size_t index, struct span lines)
{
	static const char *const cells[] = { "private", "public",    "certificate", "id",        "label",     "uri",    "subject",
		                             "issuer",  "serial",    "not-before",  "not-after", "days-left", "sha256", "allows",
		                             "suited",  "algorithm", "key",         "use",       NULL };
	char text[CASE_REASON_MAX_BYTES];

	for (size_t n = 0; n < READERS_MAX; n++) {
		struct lines row = { 0 };

		if (copy_numbered(&row, lines, "object", n, cells)) {
			lines_set(&row, "token", caller->hub->config->tokens[index].name);
			caller_row(caller, "object", &row);
		}
	}
	if (lines_find_string(lines, "text", text, sizeof text)) {
		struct lines row = { 0 };

		lines_setf(&row, "line", _("token %s: %s"), caller->hub->config->tokens[index].name, _(text));
		caller_row(caller, "text", &row);
	}
}

static void print_inventory(struct inventory *inventory)
{
	struct caller *caller = inventory->caller;
	const struct config *config = caller->hub->config;

	for (size_t i = 0; i < config->token_count; i++) {
		put_token(caller, i);
	}
	for (size_t i = 0; i < config->token_count; i++) {
		put_keys(caller, config->tokens[i].name, told(&caller->hub->tokens[i]));
	}
	for (size_t i = 0; i < config->token_count; i++) {
		if (inventory->seen[i] != NULL && !shown_before(inventory, i)) {
			put_readers(caller, i, span_of_string(inventory->seen[i]));
		}
	}
	for (size_t i = 0; i < config->token_count; i++) {
		if (inventory->seen[i] != NULL) {
			put_objects(caller, i, span_of_string(inventory->seen[i]));
			free(inventory->seen[i]);
		}
	}
}

static void on_seen(void *context, int err, struct wire_message *message)
{
	struct look *look = context;
	struct inventory *inventory = look->inventory;
	struct caller *caller = inventory->caller;

	if (err == 0 && message->type == WIRE_TOKEN_SEEN) {
		struct span lines = wire_span(message, WIRE_F_LINES);

		inventory->seen[look->index] = strndup((const char *)lines.data, lines.length);
	}
	free(look);
	inventory->left--;
	if (inventory->left == 0) {
		print_inventory(inventory);
		free(inventory);
	}
	caller_settle(caller);
}

static void ask_look(struct inventory *inventory, size_t index)
{
	struct channel *channel = inventory->caller->hub->tokens[index].channel;
	struct look *look = channel == NULL ? NULL : malloc(sizeof *look);
	struct wire_message message;

	if (look == NULL) {
		return;
	}
	*look = (struct look){ .inventory = inventory, .index = index };
	wire_begin(&message, WIRE_TOKEN_LOOK, 0, CLOCK_NEVER_MS);
	if (channel_request(channel, &message, LOOK_TIMEOUT_MS, on_seen, look, NULL) != 0) {
		free(look);
		return;
	}
	inventory->left++;
	caller_pend(inventory->caller);
}

void command_token_list(struct caller *caller)
{
	struct inventory *inventory = calloc(1, sizeof *inventory);

	if (inventory == NULL) {
		caller_finish(caller, COMMAND_NO, NULL);
		return;
	}
	inventory->caller = caller;
	for (size_t i = 0; i < caller->hub->config->token_count; i++) {
		ask_look(inventory, i);
	}
	if (inventory->left == 0) {
		print_inventory(inventory);
		free(inventory);
		caller_finish(caller, COMMAND_YES, NULL);
	}
}

/* --- token test --- */

struct trial {
	struct caller *caller;
	size_t key;
};

static void put_trial(struct caller *caller, size_t key, const char *result, struct span lines, const char *text)
{
	const struct config *config = caller->hub->config;
	struct lines row = { 0 };

	lines_set(&row, "key", config->keys[key].name);
	lines_set(&row, "token", config->tokens[config->keys[key].token_index].name);
	lines_set(&row, "result", result);
	copy_line(&row, lines, "operation", "operation");
	copy_line(&row, lines, "algorithm", "algorithm");
	copy_line(&row, lines, "ms", "ms");
	if (text[0] != '\0') {
		lines_set(&row, "text", text);
		(void)caller_fail(caller, ERR_TOKEN, _("not every key can be used"));
	}
	caller_row(caller, "test", &row);
}

static void on_tested(void *context, int err, struct wire_message *message)
{
	struct trial *trial = context;
	struct caller *caller = trial->caller;
	char text[CASE_REASON_MAX_BYTES] = "";

	if (err == 0 && message->type == WIRE_TOKEN_TESTED) {
		put_trial(caller, trial->key, "good", wire_span(message, WIRE_F_LINES), "");
	} else {
		if (err == 0) {
			(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
		}
		put_trial(caller, trial->key, "failed", span_of_string(""), text[0] != '\0' ? _(text) : _("the token does not answer"));
	}
	free(trial);
	caller_settle(caller);
}

static void ask_test(struct caller *caller, size_t key)
{
	const struct config_key *of = &caller->hub->config->keys[key];
	struct channel *channel = caller->hub->tokens[of->token_index].channel;
	struct trial *trial = channel == NULL ? NULL : malloc(sizeof *trial);
	struct wire_message message;

	if (trial != NULL) {
		*trial = (struct trial){ .caller = caller, .key = key };
		wire_begin(&message, WIRE_TOKEN_TEST, 0, CLOCK_NEVER_MS);
		wire_put_string(&message, WIRE_F_KEY, of->name);
		wire_put_string(&message, WIRE_F_BY, caller->by);
		if (channel_request(channel, &message, TEST_TIMEOUT_MS, on_tested, trial, NULL) == 0) {
			caller_pend(caller);
			return;
		}
		free(trial);
	}
	put_trial(caller, key, "failed", span_of_string(""), _("the token's program is not running"));
}

/* A word names a key, or a token with all its keys. */
void command_token_test(struct caller *caller)
{
	const struct config *config = caller->hub->config;
	size_t asked = 0;
	char text[CASE_REASON_MAX_BYTES];

	for (size_t i = 0; i < config->key_count; i++) {
		const char *token = config->tokens[config->keys[i].token_index].name;

		if (caller->word_count <= 2 || strcmp(caller->words[2], config->keys[i].name) == 0 || strcmp(caller->words[2], token) == 0) {
			ask_test(caller, i);
			asked++;
		}
	}
	if (asked == 0) {
		caller_finish(caller, COMMAND_NO, _("there is no such key and no such token (podatelna token list)"));
	} else if (caller->pending == 0) {
		caller_finish(caller, caller->exit_code, caller->text);
	} else {
		(void)snprintf(text, sizeof text, _("keys under test: %u ..."), caller->pending);
		caller_progress(caller, 0, 0, text);
	}
}
