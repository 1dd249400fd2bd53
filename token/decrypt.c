/* Opening a message that a partner encrypted for a `decrypt` key: it streams from one descriptor to the other, and counts only when the answer says so. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "token.h"

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/lines.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"
#include "content_key.h"
#include "envelope.h"
#include "stream.h"

#define DECRYPT_MAX_MS 600000

/* Whatever was wrong with key, padding or tag: a padding oracle (RFC 3218) needs two different answers. */
#define DECRYPT_WHY N_("the message cannot be opened: it is damaged, or not encrypted for this key")

struct work {
	struct token_key *key;
	struct envelope envelope;
	int in, out; /* owned */
	uint64_t size, limit, taken, written, deadline_ms;
	int source_err; /* of reading the message: said as it is */
	char why[256];
};

static void work_free(struct work *work)
{
	envelope_close(&work->envelope);
	cleanup_close(&work->in);
	cleanup_close(&work->out);
}

static int fail(struct work *work, int err, const char *why)
{
	(void)snprintf(work->why, sizeof work->why, "%s", why);
	return err;
}

static ssize_t read_message(void *context, uint8_t *ret, size_t size)
{
	struct work *work = context;
	ssize_t got = stream_read(work->in, ret, size, work->deadline_ms);

	if (got < 0) {
		work->source_err = (int)got;
		return got;
	}
	work->taken += (uint64_t)got;
	if (work->taken > work->size || (got == 0 && work->taken < work->size)) {
		work->source_err = ERR_MISMATCH;
		return ERR_MISMATCH;
	}
	return got;
}

static int write_content(void *context, const uint8_t *data, size_t length)
{
	struct work *work = context;
	int err = stream_write(work->out, data, length, work->deadline_ms);

	work->source_err = err != 0 ? err : work->source_err;
	return err;
}

static int find_key(struct token *token, const struct wire_message *message, struct work *work)
{
	char name[SETUP_NAME_BYTES];
	const char *why = N_("this token has no key of that name");
	int err = ERR_NOTFOUND;

	if (wire_string(message, WIRE_F_KEY, name, sizeof name)) {
		err = token_use_key(token, name, USE_DECRYPT, &work->key, &why);
	}
	return err == 0 ? 0 : fail(work, err, why);
}

static int open_head(struct work *work)
{
	int err = envelope_open(&work->envelope, read_message, work, work->key->certificate);

	if (err == 0) {
		return 0;
	}
	return fail(work, err, work->source_err == ERR_MISMATCH ? N_("the content is not of the announced length") : work->envelope.why);
}

static int open_content(struct token *token, struct work *work)
{
	struct operation operation = token_operation(token, work->key);
	uint8_t key[ENVELOPE_KEY_MAX_BYTES];
	int err = ERR_INTERNAL;

	token->module.why[0] = '\0';
	token_guard(work->deadline_ms);
	err = content_key_open(&operation, &work->envelope.recipient, key, work->envelope.key_length);
	token_unguard();
	if (err != 0) {
		return fail(work, err, token->module.why);
	}
	err = envelope_content(&work->envelope, key, write_content, work, work->limit, &work->written);
	explicit_bzero(key, sizeof key);
	ERR_clear_error();
	if (err == ERR_LIMIT) {
		return fail(work, err, N_("the content is larger than allowed"));
	}
	if (err == ERR_UNSUPPORTED) {
		return fail(work, err, work->envelope.why);
	}
	if (err != 0 && work->source_err != 0) {
		return fail(work, work->source_err, N_("the content cannot be handed over"));
	}
	return err == 0 ? 0 : fail(work, ERR_FORMAT, DECRYPT_WHY);
}

static int run(struct token *token, const struct wire_message *message, struct work *work)
{
	int err = find_key(token, message, work);

	if (err == 0 && (stream_prepare(work->in) != 0 || stream_prepare(work->out) != 0)) {
		err = fail(work, ERR_SYSTEM, N_("the content cannot be read"));
	}
	if (err == 0) {
		err = open_head(work);
	}
	return err == 0 ? open_content(token, work) : err;
}

static int answer(struct token *token, uint64_t id, const struct work *work)
{
	static const char *const kinds[] = { "rsa-pkcs1", "rsa-oaep", "ecdh" };
	_cleanup_lines_ struct lines lines = { 0 };
	char text[512];
	struct wire_message message;
	int length = 0;

	lines_set(&lines, "recipient", work->key->facts.sha256);
	lines_set(&lines, "cipher", work->envelope.cipher_name);
	lines_set(&lines, "algorithm", kinds[work->envelope.recipient.kind]);
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		return channel_answer_error(token->store, id, length, "the answer cannot be written");
	}
	wire_begin(&message, WIRE_TOKEN_DECRYPTED, id, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, work->written);
	return channel_send(token->store, &message);
}

int token_decrypt(struct token *token, struct wire_message *message)
{
	uint64_t latest_ms = clock_deadline(DECRYPT_MAX_MS);
	__attribute__((cleanup(work_free))) struct work work = {
		.in = wire_take_fd(message, 0),
		.out = wire_take_fd(message, 1),
		.size = wire_number(message, WIRE_F_SIZE, 0),
		.limit = wire_number(message, WIRE_F_LIMIT, 0),
		.deadline_ms = message->deadline_ms < latest_ms ? message->deadline_ms : latest_ms,
		.why = "internal error",
	};
	unsigned long long index = wire_number(message, WIRE_F_INDEX, 0);
	int err = run(token, message, &work);

	cleanup_close(&work.out); /* the reader's end of file comes before the answer */
	if (err != 0) {
		log_warning("a message was not opened (record %llu): %s: %s", index, err_name(err), work.why);
		(void)channel_answer_error(token->store, message->id, err, work.why);
		if (err == ERR_FORMAT) {
			token_check_session(token); /* some modules call a lost card a bad padding; but a bad message is no fault of the token */
		} else {
			token_use_failed(token, err);
		}
	} else {
		log_info("a message was opened (record %llu)", index);
		(void)answer(token, message->id, &work);
	}
	return 0;
}
