/* Opening a wrapped key file of the store (design 4, keys/): CMS EnvelopedData or AuthEnvelopedData with a recipient that is a `vault` key here. */
#include <string.h>
#include <unistd.h>

#include "token.h"

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"

#define UNWRAP_MAX_BYTES 65536
#define UNWRAP_MAX_MS 60000

/* Every failure of the decryption looks the same to the asker: a padding oracle (RFC 3218) needs two different answers. */
#define UNWRAP_WHY N_("the key file cannot be opened with the vault keys of this token")

static void free_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static EVP_PKEY *private_key_of(struct token *token, const struct token_key *key)
{
	const struct p11uri *uri = &key->setup->uri;
	PKCS11_KEY *found = NULL;
	unsigned count = 0;

	if (PKCS11_enumerate_keys(token->module.slot->token, &found, &count) != 0) {
		return NULL;
	}
	for (unsigned i = 0; i < count; i++) {
		if ((uri->id_length == 0 || span_equals(span_of(uri->id, uri->id_length), span_of(found[i].id, found[i].id_len))) &&
		    (uri->object[0] == '\0' || (found[i].label != NULL && strcmp(uri->object, found[i].label) == 0))) {
			return PKCS11_get_private_key(&found[i]);
		}
	}
	return NULL;
}

static int decrypt(EVP_PKEY *private_key, const struct token_key *key, struct span wrapped, BIO *out)
{
	const unsigned char *place = wrapped.data;
	__attribute__((cleanup(free_cms))) CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &place, (long)wrapped.length);

	if (cms == NULL || place != wrapped.data + wrapped.length) {
		return ERR_FORMAT;
	}
	return CMS_decrypt(cms, private_key, key->certificate, NULL, out, CMS_BINARY) == 1 ? 0 : ERR_FORMAT;
}

/* Tries each vault key; a key file names its recipients, so that a key which is none of them costs nothing. */
static int open_wrapped(struct token *token, struct span wrapped, BIO **ret)
{
	for (size_t i = 0; i < token->setup.key_count; i++) {
		struct token_key *key = &token->keys[i];
		EVP_PKEY *private_key = NULL;
		BIO *out = NULL;
		bool done = false;

		/* What was wrapped while the certificate was valid stays readable after its end. */
		if (key->setup->use != USE_VAULT || key->object.found != 1 || key->certificate == NULL || key->mismatch) {
			continue;
		}
		out = BIO_new(BIO_s_secmem());
		if (out == NULL) {
			return ERR_MEMORY;
		}
		private_key = private_key_of(token, key);
		done = private_key != NULL && decrypt(private_key, key, wrapped, out) == 0;
		EVP_PKEY_free(private_key);
		if (done) {
			*ret = out;
			return 0;
		}
		BIO_free(out);
	}
	return ERR_FORMAT;
}

static void answer(struct token *token, uint64_t id, BIO *content)
{
	struct wire_message message;
	char *data = NULL;
	long length = BIO_get_mem_data(content, &data);

	if (length < 0 || length > UNWRAP_MAX_BYTES) {
		(void)channel_answer_error(token->store, id, ERR_FORMAT, UNWRAP_WHY);
		return;
	}
	wire_begin(&message, WIRE_TOKEN_UNWRAPPED, id, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(data, (size_t)length));
	(void)channel_send(token->store, &message);
	explicit_bzero(data, (size_t)length);
}

int token_unwrap(struct token *token, struct wire_message *message)
{
	struct span wrapped = wire_span(message, WIRE_F_BYTES);
	__attribute__((cleanup(free_bio))) BIO *content = NULL;
	uint64_t deadline_ms = clock_deadline(UNWRAP_MAX_MS);
	int err = ERR_INTERNAL;

	if (token->state != TOKEN_READY) {
		(void)channel_answer_error(token->store, message->id, ERR_LOCKED, token->text[0] != '\0' ? token->text : "the token is not logged in");
		return 0;
	}
	if (wrapped.length > UNWRAP_MAX_BYTES) {
		(void)channel_answer_error(token->store, message->id, ERR_LIMIT, "the key file is too large");
		return 0;
	}
	if (message->deadline_ms < deadline_ms) {
		deadline_ms = message->deadline_ms;
	}
	(void)alarm((unsigned)clock_left(deadline_ms) / 1000 + 2); /* as in sign.c: a hanging module ends the process */
	err = open_wrapped(token, wrapped, &content);
	(void)alarm(0);
	ERR_clear_error();
	if (err != 0) {
		log_warning("a key file was not opened (record %llu)", (unsigned long long)wire_number(message, WIRE_F_INDEX, 0));
		(void)channel_answer_error(token->store, message->id, err, UNWRAP_WHY);
		token_check_session(token);
		return 0;
	}
	answer(token, message->id, content);
	return 0;
}
