/* Sealing a checkpoint of the journal (design 2, 4): a detached CMS over its text, and where C2SP has a type for the key, the signature of a signed note.
 * Needs no intent: a `journal` key signs nothing but checkpoints, and two checkpoints of one journal that disagree would show. */
#include <stdio.h>
#include <string.h>

#include "token.h"

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/lines.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"
#include "checkpoint.h"
#include "cms_sign.h"

#define SEAL_MAX_MS 60000
#define NOTE_TEXT_BYTES 256 /* base64 of key id and an ECDSA signature of P-256 */

struct seal {
	struct operation operation;
	struct token_key *key;
	struct span text, origin;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_length;
	char note[NOTE_TEXT_BYTES]; /* empty: none */
	char why[256];
};

static void free_der(uint8_t **der)
{
	OPENSSL_free(*der);
}

static int fail(struct seal *seal, int err, const char *why)
{
	(void)snprintf(seal->why, sizeof seal->why, "%s", why);
	return err;
}

static int sign_with_key(void *context, struct span digest, uint8_t *ret, size_t *ret_length)
{
	const struct seal *seal = context;

	return operation_sign(&seal->operation, OPERATION_PKCS1, EVP_sha256(), digest, ret, ret_length);
}

/* Type 0x02: DER of an ECDSA signature of P-256 over SHA-256 of the text. C2SP has no type for RSA. */
static int make_note(struct seal *seal)
{
	uint8_t signature[CHECKPOINT_KEY_ID_BYTES + OPERATION_MAX_BYTES];
	size_t length = 0;
	int err = 0;

	if (seal->key->facts.is_rsa || seal->key->facts.bits != 256) {
		return 0;
	}
	err = checkpoint_key_id(seal->key->certificate, signature);
	if (err == 0) {
		err = sign_with_key(seal, span_of(seal->digest, seal->digest_length), signature + CHECKPOINT_KEY_ID_BYTES, &length);
	}
	if (err != 0) {
		return err;
	}
	if (!operation_verify(seal->key, OPERATION_PKCS1, EVP_sha256(), span_of(seal->digest, seal->digest_length),
	                      span_of(signature + CHECKPOINT_KEY_ID_BYTES, length))) {
		return ERR_DAMAGE;
	}
	length += CHECKPOINT_KEY_ID_BYTES;
	if ((length + 2) / 3 * 4 >= sizeof seal->note) {
		return ERR_LIMIT;
	}
	(void)EVP_EncodeBlock((unsigned char *)seal->note, signature, (int)length);
	return 0;
}

static int make_seal(struct token *token, struct seal *seal, uint64_t deadline_ms, uint8_t **ret_der, size_t *ret_length)
{
	struct cms_signer signer = {
		.certificate = seal->key->certificate,
		.chain = seal->key->chain,
		.digest = EVP_sha256(),
		.cades = true,
		.sign = sign_with_key,
		.context = seal,
	};
	int err = ERR_INTERNAL;

	if (EVP_Digest(seal->text.data, seal->text.length, seal->digest, &seal->digest_length, EVP_sha256(), NULL) != 1) {
		return fail(seal, ERR_MEMORY, "no memory");
	}
	seal->operation = token_operation(token, seal->key);
	token->module.why[0] = '\0';
	token_guard(deadline_ms);
	err = cms_sign_digest(&signer, seal->digest, seal->digest_length, ret_der, ret_length);
	if (err == 0) {
		err = make_note(seal);
	}
	token_unguard();
	if (err == ERR_DAMAGE) {
		return fail(seal, err, N_("the token made a wrong signature; it was thrown away"));
	}
	if (err != 0) {
		(void)snprintf(seal->why, sizeof seal->why, "the token did not sign: %s", token->module.why);
	}
	return err;
}

static int run(struct token *token, const struct wire_message *message, struct seal *seal, uint8_t **ret_der, size_t *ret_length)
{
	uint64_t deadline_ms = clock_deadline(SEAL_MAX_MS);
	char name[SETUP_NAME_BYTES];
	const char *why = "";
	int err = ERR_NOTFOUND;

	if (!wire_string(message, WIRE_F_KEY, name, sizeof name)) {
		return fail(seal, err, N_("this token has no key of that name"));
	}
	err = token_use_key(token, name, USE_JOURNAL, &seal->key, &why);
	if (err != 0) {
		return fail(seal, err, why);
	}
	seal->text = wire_span(message, WIRE_F_BYTES);
	err = checkpoint_check(seal->text, wire_number(message, WIRE_F_INDEX, 0), &seal->origin);
	if (err != 0) {
		return fail(seal, err, N_("what came is not the checkpoint that was announced"));
	}
	return make_seal(token, seal, message->deadline_ms < deadline_ms ? message->deadline_ms : deadline_ms, ret_der, ret_length);
}

static int answer(struct token *token, uint64_t id, const struct seal *seal, struct span der)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[1024];
	struct wire_message message;
	int length = 0;

	lines_set(&lines, "signer", seal->key->facts.sha256);
	lines_set(&lines, "serial", seal->key->facts.serial);
	lines_set(&lines, "algorithm", seal->key->facts.is_rsa ? "rsa-pkcs1-sha256" : "ecdsa-sha256");
	if (seal->note[0] != '\0') {
		lines_set(&lines, "note", seal->note);
	}
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		return channel_answer_error(token->store, id, length, "the answer cannot be written");
	}
	wire_begin(&message, WIRE_TOKEN_SEALED, id, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_BYTES, der);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	return channel_send(token->store, &message);
}

int token_seal(struct token *token, struct wire_message *message)
{
	__attribute__((cleanup(free_der))) uint8_t *der = NULL;
	struct seal seal = { .why = "internal error" };
	size_t length = 0;
	int err = run(token, message, &seal, &der, &length);

	if (err != 0) {
		log_warning("checkpoint %llu was not sealed: %s: %s", (unsigned long long)wire_number(message, WIRE_F_INDEX, 0), err_name(err), seal.why);
		(void)channel_answer_error(token->store, message->id, err, seal.why);
	} else {
		log_info("checkpoint %llu was sealed", (unsigned long long)wire_number(message, WIRE_F_INDEX, 0));
		(void)answer(token, message->id, &seal, span_of(der, length));
	}
	token_use_failed(token, err);
	return 0;
}
