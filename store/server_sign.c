/* A signature (design 2): key of the object at hand -> `intent` durable -> token -> object `signed` -> record `signed`; anything else is `abandoned`.
 * An intent that is durable always gets its outcome: from here, or at the next start. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/escape.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define SIGN_MS_MAX 600000
#define SIGN_REASON_SIZE 256

struct signing {
	struct server *server;
	uint64_t request, epoch;
	char case_number[TABLE_CASE_SIZE], role[OBJECT_ROLE_SIZE], key_name[SERVER_NAME_SIZE], purpose[SERVER_NAME_SIZE];
	uint8_t prev[JOURNAL_HASH_BYTES];
	struct lines parameters;
	uint64_t timeout_ms;
	struct object_ref ref;
	struct key *key; /* of the object; held */
	size_t token;
	uint64_t intent;
	struct server_outflow *content[2];
	struct server_intake *result;
	bool answered, taken; /* by the token; the CMS as an object */
	struct object_ref signature;
	struct lines report; /* of the token */
	uint64_t report_size;
	int err; /* of an abandoned one */
	char reason[SIGN_REASON_SIZE];
};

static void release(struct signing *signing)
{
	server_outflow_cancel(signing->content[0]);
	server_outflow_cancel(signing->content[1]);
	server_intake_cancel(signing->result);
	keys_release(signing->key);
	lines_free(&signing->parameters);
	lines_free(&signing->report);
	free(signing);
}

static void fail(struct signing *signing, int err, const char *text, const uint8_t head[JOURNAL_HASH_BYTES])
{
	if (signing->epoch == signing->server->hub_epoch) {
		server_fail(signing->server, signing->request, err, text, head);
	}
	release(signing);
}

/* --- the end of it --- */

static void on_abandoned(void *context, int err, const struct journal_receipt *receipt)
{
	struct signing *signing = context;

	fail(signing, signing->err, signing->reason, err == 0 ? receipt->hash : NULL);
}

/* After the intent is durable. */
static void abandon(struct signing *signing, int err, const char *reason)
{
	_cleanup_lines_ struct lines body = { 0 };
	char why[TABLE_WHY_SIZE] = "";
	int staged = ERR_INTERNAL;

	server_outflow_cancel(signing->content[0]);
	server_outflow_cancel(signing->content[1]);
	server_intake_cancel(signing->result);
	signing->content[0] = signing->content[1] = NULL;
	signing->result = NULL;
	signing->err = err;
	if (escape_text(ESCAPE_TERMINAL, span_of_string(reason), signing->reason, sizeof signing->reason) == 0) {
		(void)snprintf(signing->reason, sizeof signing->reason, "%s", err_name(err));
	}
	lines_set(&body, "case", signing->case_number);
	lines_set_u64(&body, "intent", signing->intent);
	lines_set(&body, "reason", signing->reason);
	lines_set(&body, "detail", err_name(err));
	staged = server_stage_one(signing->server, TABLE_STORE, signing->case_number, "abandoned", &body, on_abandoned, signing, why);
	if (staged != 0) {
		log_error("abandoned could not be recorded: %s %s", err_name(staged), why);
		fail(signing, err, signing->reason, NULL);
	}
}

static void on_signed(void *context, int err, const struct journal_receipt *receipt)
{
	struct signing *signing = context;

	if (err != 0) {
		fail(signing, err, "the journal takes no records", NULL);
		return;
	}
	if (signing->epoch == signing->server->hub_epoch && channel_is_open(signing->server->hub)) {
		server_answer_appended(signing->server->hub, signing->request, receipt);
	}
	release(signing);
}

static void record_signed(struct signing *signing)
{
	_cleanup_lines_ struct lines body = { 0 };
	char ref[OBJECT_REF_SIZE], why[TABLE_WHY_SIZE] = "";
	int err = ERR_INTERNAL;

	if (object_ref_format(&signing->signature, ref, sizeof ref) < 0) {
		abandon(signing, ERR_LIMIT, "the signature is too long");
		return;
	}
	lines_set(&body, "case", signing->case_number);
	lines_set_u64(&body, "intent", signing->intent);
	lines_set(&body, "object-signed", ref);
	lines_set(&body, "signer", lines_get(&signing->report, "signer"));
	lines_set(&body, "algorithm", lines_get(&signing->report, "algorithm"));
	lines_set(&body, "serial", lines_get(&signing->report, "serial"));
	lines_set(&body, "attempt", lines_get(&signing->parameters, "attempt"));
	err = server_stage_one(signing->server, TABLE_STORE, signing->case_number, "signed", &body, on_signed, signing, why);
	if (err != 0) {
		abandon(signing, err, why);
	}
}

/* Token and CMS come in any order; both are needed, and of one size. */
static void advance(struct signing *signing)
{
	if (!signing->answered || !signing->taken) {
		return;
	}
	if (signing->report_size != signing->signature.size || signing->signature.size == 0) {
		abandon(signing, ERR_TOKEN, "the signature did not arrive whole");
		return;
	}
	record_signed(signing);
}

/* --- the token at work --- */

static void on_result(void *context, int err, const struct object_ref *ref, const char *earlier)
{
	struct signing *signing = context;

	(void)earlier;
	signing->result = NULL;
	if (err != 0) {
		/* The token's own words, when it has any, are better; they come as its answer. Until then this is what is known. */
		log_warning("a signature could not be taken: %s", err_name(err));
		signing->err = err;
	} else {
		signing->signature = *ref;
		signing->taken = true;
	}
	if (signing->answered && err != 0) {
		abandon(signing, err, "the signature could not be taken");
	} else {
		advance(signing);
	}
}

static void on_content_0(void *context, int err, uint64_t size)
{
	struct signing *signing = context;

	(void)size;
	signing->content[0] = NULL;
	if (err != 0 && err != ERR_GONE) {
		log_error("content for a signature: %s", err_name(err)); /* the pipe ends early: the token sees fewer bytes than SIZE and refuses */
	}
}

static void on_content_1(void *context, int err, uint64_t size)
{
	struct signing *signing = context;

	(void)size;
	(void)err; /* read for attached signatures only */
	signing->content[1] = NULL;
}

static void on_token_answer(void *context, int err, struct wire_message *message)
{
	struct signing *signing = context;

	if (err == ERR_DEADLINE) {
		child_accuse(signing->server->child, WIRE_TOKEN, signing->token, "no signature within the deadline");
		abandon(signing, err, "the token did not sign in time");
	} else if (err != 0) {
		abandon(signing, err, "the token process ended");
	} else if (message->type == WIRE_ERROR) {
		char text[SIGN_REASON_SIZE];

		err = -(int)wire_number(message, WIRE_F_CODE, (uint64_t)-ERR_TOKEN);
		if (!wire_string(message, WIRE_F_TEXT, text, sizeof text)) {
			(void)snprintf(text, sizeof text, "%s", "the token refused");
		}
		abandon(signing, err < ERR_MIN || err >= 0 ? ERR_TOKEN : err, text);
	} else if (lines_parse(wire_span(message, WIRE_F_LINES), &signing->report) != 0 || lines_get(&signing->report, "signer") == NULL ||
	           lines_get(&signing->report, "algorithm") == NULL) {
		abandon(signing, ERR_TOKEN, "the token's report is malformed");
	} else {
		signing->answered = true;
		signing->report_size = wire_number(message, WIRE_F_SIZE, 0);
		if (signing->result == NULL && !signing->taken) {
			abandon(signing, signing->err, "the signature could not be taken");
		} else {
			advance(signing);
		}
	}
}

static bool is_attached(const struct signing *signing)
{
	const char *form = lines_get(&signing->parameters, "form");

	return form != NULL && strncmp(form, "attached", 8) == 0;
}

/* The pipes: content twice (the second stays empty for detached forms) and the CMS back. ret[]: the token's ends, the caller's to close. */
static int open_flows(struct signing *signing, int ret[3])
{
	struct server *server = signing->server;
	uint64_t deadline_ms = clock_deadline(signing->timeout_ms);
	int ends[3] = { -1, -1, -1 }; /* ours */
	int err = fd_pipe(&ret[0], &ends[0]);

	if (err == 0) {
		err = fd_pipe(&ret[1], &ends[1]);
	}
	if (err == 0) {
		err = fd_pipe(&ends[2], &ret[2]);
	}
	if (err == 0) {
		err = server_outflow_start(server, signing->key, &signing->ref, take_fd(&ends[0]), deadline_ms, on_content_0, signing, &signing->content[0]);
	}
	if (err == 0 && is_attached(signing)) {
		err = server_outflow_start(server, signing->key, &signing->ref, take_fd(&ends[1]), deadline_ms, on_content_1, signing, &signing->content[1]);
	}
	if (err == 0) {
		err = server_intake_start(server, signing->case_number, "signed", OBJECT_MAX_BYTES, take_fd(&ends[2]), deadline_ms, on_result, signing,
		                          &signing->result);
	}
	for (size_t i = 0; i < 3; i++) {
		cleanup_close(&ends[i]);
	}
	return err;
}

static int send_request(struct signing *signing, const struct record *intent, const int fds[3])
{
	struct wire_message message;
	char parameters[LINES_VALUE_MAX];
	int length = lines_finish(&signing->parameters, parameters, sizeof parameters);

	if (length < 0) {
		return length;
	}
	wire_begin(&message, WIRE_TOKEN_SIGN, 0, 0);
	wire_put_bytes(&message, WIRE_F_LEAF, intent->leaf);
	wire_put_number(&message, WIRE_F_INDEX, signing->intent);
	wire_put_string(&message, WIRE_F_KEY, signing->key_name);
	wire_put_string(&message, WIRE_F_PURPOSE, signing->purpose);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(parameters, (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, signing->ref.size);
	for (size_t i = 0; i < 3; i++) {
		wire_put_fd(&message, fds[i]);
	}
	return channel_request(signing->server->tokens[signing->token].channel, &message, signing->timeout_ms, on_token_answer, signing, NULL);
}

static void on_intent(void *context, int err, const struct journal_receipt *receipt)
{
	struct signing *signing = context;
	_cleanup_free_ uint8_t *buffer = NULL;
	struct record intent;
	int fds[3] = { -1, -1, -1 };

	if (err != 0) {
		fail(signing, err, "the journal takes no records", NULL);
		return;
	}
	signing->intent = receipt->index;
	buffer = malloc(RECORD_MAX_BYTES);
	err = buffer == NULL ? ERR_MEMORY : journal_read_one(signing->server->journal, signing->intent, buffer, &intent);
	if (err == 0) {
		err = open_flows(signing, fds);
	}
	if (err == 0) {
		err = send_request(signing, &intent, fds);
	}
	for (size_t i = 0; i < 3; i++) {
		cleanup_close(&fds[i]);
	}
	if (err != 0) {
		abandon(signing, err, "the token could not be asked");
	}
}

/* --- the beginning --- */

static int stage_intent(struct signing *signing, char why[TABLE_WHY_SIZE])
{
	_cleanup_lines_ struct lines body = { 0 };
	static const char *const fields[] = { "form", "digest", "want", "attempt", "by", "deadline-ms" };
	char ref[OBJECT_REF_SIZE], field[OBJECT_ROLE_SIZE + 8], text[LINES_BODY_MAX + 1];
	struct journal_entry entry = { .type = "intent" };
	struct journal_append append = { .writer = TABLE_STORE, .case_number = signing->case_number, .prev = signing->prev, .entries = &entry, .count = 1 };
	int length = object_ref_format(&signing->ref, ref, sizeof ref);

	if (length < 0) {
		return length;
	}
	(void)snprintf(field, sizeof field, "object-%s", signing->role);
	lines_set(&body, "case", signing->case_number);
	lines_set(&body, "key", signing->key_name);
	lines_set(&body, "purpose", signing->purpose);
	lines_set(&body, field, ref);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		lines_set(&body, fields[i], lines_get(&signing->parameters, fields[i]));
	}
	length = lines_finish(&body, text, sizeof text);
	if (length < 0) {
		return length;
	}
	entry.body = span_of(text, (size_t)length);
	return server_stage(signing->server, &append, on_intent, signing, why);
}

static void on_key(void *context, int err, struct key *key)
{
	struct signing *signing = context;
	struct server_token *token = server_ready_token(signing->server, signing->key_name);
	char why[TABLE_WHY_SIZE] = "";
	struct journal_case found;

	if (err != 0) {
		fail(signing, err, "the key of the case is not to be had", NULL);
		return;
	}
	if (token == NULL) { /* it may have left while the key was unwrapped */
		fail(signing, ERR_LOCKED, "the token of the key is not ready", NULL);
		return;
	}
	signing->token = (size_t)server_token_index(signing->server, token);
	keys_hold(key);
	signing->key = key;
	err = stage_intent(signing, why);
	if (err == ERR_MISMATCH) {
		server_commit(signing->server); /* as in server_append */
	}
	if (err == ERR_MISMATCH && journal_case_find(signing->server->journal, signing->case_number, &found) == 0) {
		fail(signing, err, "prev is not the head of the case", found.head);
	} else if (err != 0) {
		fail(signing, err, why, NULL);
	}
}

static int read_request(struct signing *signing, const struct wire_message *message)
{
	const char *text = NULL;

	if (!wire_string(message, WIRE_F_CASE, signing->case_number, sizeof signing->case_number) ||
	    !wire_string(message, WIRE_F_OBJECT, signing->role, sizeof signing->role) ||
	    !wire_string(message, WIRE_F_KEY, signing->key_name, sizeof signing->key_name) ||
	    !wire_string(message, WIRE_F_PURPOSE, signing->purpose, sizeof signing->purpose) || !object_role_valid(signing->role) ||
	    lines_parse(wire_span(message, WIRE_F_LINES), &signing->parameters) != 0) {
		return ERR_FORMAT;
	}
	memcpy(signing->prev, wire_span(message, WIRE_F_PREV).data, sizeof signing->prev);
	if (!lines_find_u64(wire_span(message, WIRE_F_LINES), "deadline-ms", &signing->timeout_ms) || signing->timeout_ms == 0) {
		signing->timeout_ms = SERVER_SIGN_MS;
	}
	signing->timeout_ms = signing->timeout_ms < SIGN_MS_MAX ? signing->timeout_ms : SIGN_MS_MAX;
	text = lines_get(&signing->parameters, "ref");
	if (text != NULL) {
		bool there = object_ref_parse(span_of_string(text), &signing->ref) == 0 && vault_object_exists(signing->server->vault, &signing->ref);

		lines_set(&signing->parameters, "ref", NULL); /* not for the token */
		return there ? 0 : ERR_NOTFOUND;
	}
	return server_find_object(signing->server, signing->case_number, signing->role, 0, &signing->ref);
}

int server_sign(struct server *server, const struct wire_message *message)
{
	struct signing *signing = calloc(1, sizeof *signing);
	struct journal_facts facts;
	int err = ERR_MEMORY;

	if (signing == NULL) {
		server_fail(server, message->id, err, "no memory", NULL);
		return 0;
	}
	signing->server = server;
	signing->request = message->id;
	signing->epoch = server->hub_epoch;
	signing->err = ERR_INTERNAL;
	journal_facts(server->journal, &facts);
	err = facts.rolled_back ? ERR_READONLY : read_request(signing, message);
	if (err != 0) {
		fail(signing, err, facts.rolled_back ? "the journal was rolled back; a person must accept that first" : "what is to be signed cannot be found",
		     NULL);
		return 0;
	}
	if (server_ready_token(server, signing->key_name) == NULL) {
		fail(signing, ERR_LOCKED, "the token of the key is not ready", NULL);
		return 0;
	}
	server_need_key(server, signing->case_number, signing->ref.generation, on_key, signing);
	return 0;
}
