/* Opening a wrapped key file of the store (design 4, keys/): CMS EnvelopedData or AuthEnvelopedData with a recipient that is a `vault` key here. */
#include <stdlib.h>
#include <string.h>

#include "token.h"

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"
#include "content_key.h"
#include "envelope.h"

#define UNWRAP_MAX_BYTES 65536
#define UNWRAP_MAX_MS 60000

/* Every failure of the decryption looks the same to the asker: a padding oracle (RFC 3218) needs two different answers. */
#define UNWRAP_WHY N_("the key file cannot be opened with the vault keys of this token")

/* From the message, into memory that is wiped. */
struct pass {
	struct span wrapped; /* not yet read */
	uint8_t *content;    /* UNWRAP_MAX_BYTES, owned */
	size_t length;
};

static void pass_free(struct pass *pass)
{
	if (pass->content != NULL) {
		explicit_bzero(pass->content, UNWRAP_MAX_BYTES);
	}
	free(pass->content);
}

static ssize_t read_wrapped(void *context, uint8_t *ret, size_t size)
{
	struct pass *pass = context;
	struct span piece = span_of("", 0);

	(void)span_read_bytes(&pass->wrapped, pass->wrapped.length < size ? pass->wrapped.length : size, &piece);
	memcpy(ret, piece.data, piece.length);
	return (ssize_t)piece.length;
}

static int write_content(void *context, const uint8_t *data, size_t length)
{
	struct pass *pass = context;

	memcpy(pass->content + pass->length, data, length); /* the limit of envelope_content */
	pass->length += length;
	return 0;
}

static int open_with(struct token *token, struct token_key *key, struct pass *pass)
{
	struct operation operation = token_operation(token, key);
	uint8_t content_key[ENVELOPE_KEY_MAX_BYTES];
	struct envelope envelope;
	uint64_t written = 0;
	int err = envelope_open(&envelope, read_wrapped, pass, key->certificate);

	if (err == 0) {
		err = content_key_open(&operation, &envelope.recipient, content_key, envelope.key_length);
	}
	if (err == 0) {
		err = envelope_content(&envelope, content_key, write_content, pass, UNWRAP_MAX_BYTES, &written);
	}
	explicit_bzero(content_key, sizeof content_key);
	envelope_close(&envelope);
	return err;
}

/* Tries each vault key; a key file names its recipients, so that a key which is none of them costs nothing. What the token itself could not do is told apart. */
static int open_wrapped(struct token *token, struct span wrapped, struct pass *pass)
{
	int err = ERR_FORMAT, result = ERR_FORMAT;

	for (size_t i = 0; i < token->setup.key_count; i++) {
		struct token_key *key = &token->keys[i];

		/* What was wrapped while the certificate was valid stays readable after its end. */
		if (key->setup->use != USE_VAULT || key->object.found != 1 || key->certificate == NULL || key->mismatch) {
			continue;
		}
		pass->wrapped = wrapped;
		pass->length = 0;
		err = open_with(token, key, pass);
		if (err == 0 || err == ERR_PIN || err == ERR_PIN_LAST || err == ERR_PIN_BLOCKED) {
			return err;
		}
		result = err == ERR_TOKEN ? err : result;
	}
	return result;
}

int token_unwrap(struct token *token, struct wire_message *message)
{
	struct span wrapped = wire_span(message, WIRE_F_BYTES);
	__attribute__((cleanup(pass_free))) struct pass pass = { .content = NULL };
	uint64_t deadline_ms = clock_deadline(UNWRAP_MAX_MS);
	struct wire_message answer;
	int err = ERR_INTERNAL;

	if (token->state != TOKEN_READY) {
		(void)channel_answer_error(token->store, message->id, ERR_LOCKED, token->text[0] != '\0' ? token->text : "the token is not logged in");
		return 0;
	}
	if (wrapped.length > UNWRAP_MAX_BYTES || (pass.content = malloc(UNWRAP_MAX_BYTES)) == NULL) {
		(void)channel_answer_error(token->store, message->id, ERR_LIMIT, "the key file is too large");
		return 0;
	}
	token_guard(message->deadline_ms < deadline_ms ? message->deadline_ms : deadline_ms);
	err = open_wrapped(token, wrapped, &pass);
	token_unguard();
	if (err != 0) {
		log_warning("a key file was not opened (record %llu)", (unsigned long long)wire_number(message, WIRE_F_INDEX, 0));
		(void)channel_answer_error(token->store, message->id, err, UNWRAP_WHY);
		if (err == ERR_FORMAT) {
			token_check_session(token); /* was it the file, or has the card gone? */
		} else {
			token_use_failed(token, err);
		}
		return 0;
	}
	wire_begin(&answer, WIRE_TOKEN_UNWRAPPED, message->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of(pass.content, pass.length));
	(void)channel_send(token->store, &answer);
	return 0;
}
