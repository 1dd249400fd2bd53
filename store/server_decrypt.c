/* A message that a partner encrypted (STORE_DECRYPT): key of the object at hand -> `unwrap` durable -> vault, token, vault. The content is kept only when the token says
 * that all of it is right: what left it before the tag or the padding was checked counts for nothing. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/escape.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define DECRYPT_MS_MAX 600000
#define DECRYPT_REASON_SIZE 256
#define DECRYPT_ROLE "content" /* of what comes out */

struct opening {
	struct server *server;
	uint64_t request, epoch, timeout_ms, limit;
	char case_number[TABLE_CASE_SIZE], role[OBJECT_ROLE_SIZE], key_name[SERVER_NAME_SIZE];
	struct object_ref ref;
	struct key *key; /* of the object; held */
	size_t token;
	uint64_t index; /* of the record */
	struct server_outflow *message;
	struct server_intake *content;
	uint64_t size; /* of the content, as the token says */
};

static void release(struct opening *opening)
{
	server_outflow_cancel(opening->message);
	server_intake_cancel(opening->content);
	keys_release(opening->key);
	free(opening);
}

static void fail(struct opening *opening, int err, const char *text)
{
	char reason[DECRYPT_REASON_SIZE];

	if (escape_text(ESCAPE_TERMINAL, span_of_string(text), reason, sizeof reason) == 0) {
		(void)snprintf(reason, sizeof reason, "%s", err_name(err));
	}
	if (opening->epoch == opening->server->hub_epoch) {
		server_fail(opening->server, opening->request, err, reason, NULL);
	}
	release(opening);
}

/* --- the end of it --- */

static void answer(struct opening *opening, const struct object_ref *ref)
{
	struct wire_message message;
	char text[OBJECT_REF_SIZE];

	if (object_ref_format(ref, text, sizeof text) < 0) {
		fail(opening, ERR_LIMIT, "the content is too long");
		return;
	}
	wire_begin(&message, WIRE_STORE_OBJECT, opening->request, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_REF, text);
	wire_put_number(&message, WIRE_F_SIZE, ref->size);
	if (opening->epoch == opening->server->hub_epoch) {
		server_tell_hub(opening->server, &message);
	}
	release(opening);
}

/* Comes after the token's answer: until then the intake is held. Before it only when the intake failed; then the token's end of the pipe is closed, and its answer,
 * which comes to this opening, ends it. */
static void on_content(void *context, int err, const struct object_ref *ref, const char *earlier)
{
	struct opening *opening = context;

	(void)earlier;
	opening->content = NULL;
	if (err != 0) {
		log_warning("the content of a message could not be taken: %s", err_name(err));
		if (opening->size != UINT64_MAX) {
			fail(opening, err, err == ERR_MISMATCH ? "the content did not arrive whole" : "the content could not be taken");
		}
	} else {
		answer(opening, ref);
	}
}

static void on_message(void *context, int err, uint64_t size)
{
	struct opening *opening = context;

	(void)size;
	opening->message = NULL;
	if (err != 0 && err != ERR_GONE) {
		log_error("a message for a token: %s", err_name(err)); /* the pipe ends early: the token sees fewer bytes than SIZE and refuses */
	}
}

static void on_token_answer(void *context, int err, struct wire_message *message)
{
	struct opening *opening = context;

	if (err == ERR_DEADLINE) {
		child_accuse(opening->server->child, WIRE_TOKEN, opening->token, "no content within the deadline");
		fail(opening, err, "the token did not open the message in time");
	} else if (err != 0) {
		fail(opening, err, "the token process ended");
	} else if (message->type == WIRE_ERROR) {
		char text[DECRYPT_REASON_SIZE];

		err = -(int)wire_number(message, WIRE_F_CODE, (uint64_t)-ERR_TOKEN);
		if (!wire_string(message, WIRE_F_TEXT, text, sizeof text)) {
			(void)snprintf(text, sizeof text, "%s", "the token refused");
		}
		fail(opening, err < ERR_MIN || err >= 0 ? ERR_TOKEN : err, text);
	} else if (opening->content == NULL) {
		fail(opening, ERR_SYSTEM, "the content could not be taken");
	} else {
		opening->size = wire_number(message, WIRE_F_SIZE, 0);
		server_intake_release(opening->content, opening->size);
	}
}

/* --- the token at work --- */

/* The pipes: message out, content back. ret[]: the token's ends, the caller's to close. */
static int open_flows(struct opening *opening, int ret[2])
{
	struct server *server = opening->server;
	uint64_t deadline_ms = clock_deadline(opening->timeout_ms);
	int ends[2] = { -1, -1 }; /* ours */
	int err = fd_pipe(&ret[0], &ends[0]);

	if (err == 0) {
		err = fd_pipe(&ends[1], &ret[1]);
	}
	if (err == 0) {
		err = server_outflow_start(server, opening->key, &opening->ref, take_fd(&ends[0]), deadline_ms, on_message, opening, &opening->message);
	}
	if (err == 0) {
		err = server_intake_start(server, opening->case_number, DECRYPT_ROLE, opening->limit, take_fd(&ends[1]), deadline_ms, on_content, opening,
		                          &opening->content);
	}
	if (err == 0) {
		server_intake_hold(opening->content);
	}
	cleanup_close(&ends[0]);
	cleanup_close(&ends[1]);
	return err;
}

static int send_request(struct opening *opening, const int fds[2])
{
	struct wire_message message;

	wire_begin(&message, WIRE_TOKEN_DECRYPT, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, opening->index);
	wire_put_string(&message, WIRE_F_KEY, opening->key_name);
	wire_put_number(&message, WIRE_F_SIZE, opening->ref.size);
	wire_put_number(&message, WIRE_F_LIMIT, opening->limit);
	wire_put_fd(&message, fds[0]);
	wire_put_fd(&message, fds[1]);
	return channel_request(opening->server->tokens[opening->token].channel, &message, opening->timeout_ms, on_token_answer, opening, NULL);
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	struct opening *opening = context;
	int fds[2] = { -1, -1 };

	if (err != 0) {
		fail(opening, err, "the journal takes no records");
		return;
	}
	opening->index = receipt->index;
	if (server_ready_token(opening->server, opening->key_name) == NULL) { /* it may have left while the record was written */
		fail(opening, ERR_LOCKED, "the token of the key is not ready");
		return;
	}
	err = open_flows(opening, fds);
	if (err == 0) {
		err = send_request(opening, fds);
	}
	cleanup_close(&fds[0]);
	cleanup_close(&fds[1]);
	if (err != 0) {
		fail(opening, err, "the token could not be asked");
	}
}

/* --- the beginning --- */

static void on_key(void *context, int err, struct key *key)
{
	struct opening *opening = context;
	struct server_token *token = server_ready_token(opening->server, opening->key_name);
	_cleanup_lines_ struct lines body = { 0 };
	char why[TABLE_WHY_SIZE] = "";

	if (err != 0) {
		fail(opening, err, "the key of the case is not to be had");
		return;
	}
	if (token == NULL) {
		fail(opening, ERR_LOCKED, "the token of the key is not ready");
		return;
	}
	opening->token = (size_t)server_token_index(opening->server, token);
	keys_hold(key);
	opening->key = key;
	lines_set(&body, "token", token->name);
	lines_set(&body, "key", opening->key_name);
	lines_setf(&body, "what", "%s %s", opening->case_number, opening->role);
	err = server_stage_one(opening->server, TABLE_STORE, "", "unwrap", &body, on_recorded, opening, why);
	if (err != 0) {
		fail(opening, err, why);
	}
}

static int read_request(struct opening *opening, const struct wire_message *message)
{
	uint64_t deadline_ms = server_deadline(message);
	int left = clock_left(deadline_ms);

	opening->timeout_ms = left <= 0 ? 1 : left > DECRYPT_MS_MAX ? DECRYPT_MS_MAX : (uint64_t)left;
	opening->limit = wire_number(message, WIRE_F_LIMIT, 0);
	opening->limit = opening->limit < OBJECT_MAX_BYTES ? opening->limit : OBJECT_MAX_BYTES;
	if (!wire_string(message, WIRE_F_CASE, opening->case_number, sizeof opening->case_number) ||
	    !wire_string(message, WIRE_F_OBJECT, opening->role, sizeof opening->role) ||
	    !wire_string(message, WIRE_F_KEY, opening->key_name, sizeof opening->key_name) || !object_role_valid(opening->role)) {
		return ERR_FORMAT;
	}
	return server_find_object(opening->server, opening->case_number, opening->role, wire_number(message, WIRE_F_INDEX, 0), &opening->ref);
}

void server_decrypt(struct server *server, const struct wire_message *message)
{
	struct opening *opening = calloc(1, sizeof *opening);
	int err = ERR_MEMORY;

	if (opening == NULL) {
		server_fail(server, message->id, err, "no memory", NULL);
		return;
	}
	opening->server = server;
	opening->request = message->id;
	opening->epoch = server->hub_epoch;
	opening->size = UINT64_MAX;
	err = read_request(opening, message);
	if (err != 0) {
		fail(opening, err, "what is to be opened cannot be found");
		return;
	}
	if (server_ready_token(server, opening->key_name) == NULL) {
		fail(opening, ERR_LOCKED, "the token of the key is not ready");
		return;
	}
	server_need_key(server, opening->case_number, opening->ref.generation, on_key, opening);
}
