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
#include "cms_sign.h"
#include "intent.h"
#include "stream.h"

#define SIGN_MAX_MS 600000
#define SIGN_WHY_BYTES 400

/* One request, with what belongs to it. */
struct job {
	struct token_key *key;
	struct operation operation;
	const EVP_MD *digest;
	bool attached, cades, bare;
	enum operation_padding padding;
	char name[SETUP_NAME_BYTES], purpose[64], form[32], digest_text[16], want[256];
	uint64_t index, size, deadline_ms;
	int first, second, out; /* owned */
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned hash_length;
	char warning[2 * KEY_WARNING_BYTES + 2];
	char why[SIGN_WHY_BYTES];
	uint64_t written;
};

static void job_free(struct job *job)
{
	cleanup_close(&job->first);
	cleanup_close(&job->second);
	cleanup_close(&job->out);
}

static void free_hash(EVP_MD_CTX **hash)
{
	EVP_MD_CTX_free(*hash);
}

static void free_der(uint8_t **der)
{
	OPENSSL_free(*der);
}

static int fail(struct job *job, int err, const char *why)
{
	(void)snprintf(job->why, sizeof job->why, "%s", why);
	return err;
}

static void parameter(struct span lines, const char *name, char *ret, size_t size)
{
	if (!lines_find_string(lines, name, ret, size)) {
		ret[0] = '\0';
	}
}

static int read_parameters(const struct wire_message *message, struct job *job)
{
	struct span lines = wire_span(message, WIRE_F_LINES);
	char cades[8], attributes[8], padding[8];

	parameter(lines, "form", job->form, sizeof job->form);
	parameter(lines, "digest", job->digest_text, sizeof job->digest_text);
	parameter(lines, "want", job->want, sizeof job->want);
	parameter(lines, "cades", cades, sizeof cades);
	parameter(lines, "attributes", attributes, sizeof attributes);
	parameter(lines, "padding", padding, sizeof padding);
	job->cades = strcmp(cades, "no") != 0;
	job->bare = strcmp(attributes, "no") == 0;
	if (!job->bare && attributes[0] != '\0' && strcmp(attributes, "yes") != 0) {
		return fail(job, ERR_UNSUPPORTED, N_("this form of signature is not supported"));
	}
	job->padding = strcmp(padding, "pss") == 0 ? OPERATION_PSS : OPERATION_PKCS1;
	if (job->padding != OPERATION_PSS && padding[0] != '\0' && strcmp(padding, "pkcs1") != 0) {
		return fail(job, ERR_UNSUPPORTED, N_("this padding is not supported"));
	}
	job->attached = strcmp(job->form, "attached-der") == 0;
	if (!job->attached && strcmp(job->form, "detached-der") != 0) {
		return fail(job, ERR_UNSUPPORTED, N_("this form of signature is not supported"));
	}
	if (strcmp(job->digest_text, "sha256") == 0) {
		job->digest = EVP_sha256();
	} else if (strcmp(job->digest_text, "sha384") == 0) {
		job->digest = EVP_sha384();
	} else if (strcmp(job->digest_text, "sha512") == 0) {
		job->digest = EVP_sha512();
	} else {
		return fail(job, ERR_UNSUPPORTED, N_("this digest is not supported"));
	}
	return 0;
}

static int check_key(struct token *token, struct job *job)
{
	struct token_key *key = NULL;
	char wishes[KEY_WARNING_BYTES];
	const char *why = "";
	int err = token_use_key(token, job->name, USE_SIGN, &key, &why);

	if (err != 0) {
		return fail(job, err, why);
	}
	if (strcmp(job->purpose, "tls") == 0 || strcmp(job->purpose, "journal") == 0) {
		return fail(job, ERR_DENIED, N_("the key is not for this use"));
	}
	if (!operation_can_sign(key, job->padding)) {
		return fail(job, ERR_UNSUPPORTED, N_("the token cannot make this kind of signature"));
	}
	if (certificate_check_wishes(&key->facts, job->want, wishes, sizeof wishes) != 0) {
		return fail(job, ERR_CERT, wishes);
	}
	if (module_is_software(&token->module) && !token->setup.allow_software && !certificate_wants(job->want, "software-ok")) {
		return fail(job, ERR_CERT, N_("this is a software token, and allow_software_token is not set for the partner"));
	}
	(void)snprintf(job->warning, sizeof job->warning, "%s%s%s", key->warning, key->warning[0] != '\0' && wishes[0] != '\0' ? "; " : "", wishes);
	job->key = key;
	return 0;
}

static int check_intent(struct token *token, const struct wire_message *message, struct job *job)
{
	struct intent_claim claim = {
		.leaf = wire_span(message, WIRE_F_LEAF),
		.index = job->index,
		.key = job->name,
		.purpose = job->purpose,
		.form = job->form,
		.digest = job->digest_text,
		.last = token->last_intent,
	};
	const char *why = "";
	int err = intent_check(&claim, &why);

	if (err != 0) {
		return fail(job, err, why);
	}
	token->last_intent = job->index; /* used up, whatever becomes of it now */
	return 0;
}

static int read_failed(struct job *job, int err)
{
	return fail(job, err, err == ERR_DEADLINE ? N_("the content did not come in time") : "the content cannot be read");
}

/* Reads the content to its end, digests it, and hands each piece on when `out` is not -1. */
static int pass_content(struct job *job, int from, int out, uint8_t *ret_hash, unsigned *ret_length)
{
	__attribute__((cleanup(free_hash))) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	_cleanup_free_ uint8_t *buffer = malloc(STREAM_STEP_BYTES);
	uint64_t have = 0;

	if (hash == NULL || buffer == NULL || EVP_DigestInit_ex(hash, job->digest, NULL) != 1) {
		return fail(job, ERR_MEMORY, "no memory");
	}
	for (;;) {
		ssize_t got = stream_read(from, buffer, STREAM_STEP_BYTES, job->deadline_ms);
		int err = 0;

		if (got < 0) {
			return read_failed(job, (int)got);
		}
		if (got == 0) {
			break;
		}
		if (have == 0 && job->bare && !cms_is_bare_safe(buffer[0])) {
			return fail(job, ERR_UNSUPPORTED, N_("content that begins like a set of attributes is not signed without attributes"));
		}
		have += (uint64_t)got;
		if (have > job->size || EVP_DigestUpdate(hash, buffer, (size_t)got) != 1) {
			return fail(job, ERR_MISMATCH, N_("the content is longer than announced"));
		}
		if (out >= 0 && (err = stream_write(out, buffer, (size_t)got, job->deadline_ms)) != 0) {
			return fail(job, err, N_("the signature cannot be handed over"));
		}
	}
	if (have != job->size) {
		return fail(job, ERR_MISMATCH, N_("the content is shorter than announced"));
	}
	return EVP_DigestFinal_ex(hash, ret_hash, ret_length) == 1 ? 0 : fail(job, ERR_MEMORY, "no memory");
}

static int write_out(struct job *job, const uint8_t *data, size_t length)
{
	int err = stream_write(job->out, data, length, job->deadline_ms);

	if (err != 0) {
		return fail(job, err, N_("the signature cannot be handed over"));
	}
	job->written += length;
	return 0;
}

/* The tail, which holds the signature, leaves only when the content that went before it is what was signed. */
static int write_attached(struct job *job, struct span detached)
{
	__attribute__((cleanup(free_der))) uint8_t *head = NULL;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	size_t head_length = 0;
	struct span tail;
	int err = cms_attach_frame(detached, job->size, &head, &head_length, &tail);

	if (err != 0) {
		return fail(job, err, N_("the signature cannot be framed"));
	}
	err = write_out(job, head, head_length);
	if (err == 0) {
		err = pass_content(job, job->second, job->out, hash, &length);
	}
	if (err != 0) {
		return err;
	}
	job->written += job->size;
	if (length != job->hash_length || CRYPTO_memcmp(hash, job->hash, length) != 0) {
		return fail(job, ERR_MISMATCH, N_("the content changed while it was being signed"));
	}
	return write_out(job, tail.data, tail.length);
}

static int sign_with_key(void *context, struct span digest, uint8_t *ret, size_t *ret_length)
{
	const struct job *job = context;

	return operation_sign(&job->operation, job->padding, job->digest, digest, ret, ret_length);
}

static int make_signature(struct token *token, struct job *job, uint8_t **ret_der, size_t *ret_length)
{
	struct cms_signer signer = {
		.certificate = job->key->certificate,
		.chain = job->key->chain,
		.digest = job->digest,
		.cades = job->cades,
		.bare = job->bare,
		.pss = job->key->facts.is_rsa && job->padding == OPERATION_PSS,
		.sign = sign_with_key,
		.context = job,
	};
	int err = ERR_INTERNAL;

	job->operation = token_operation(token, job->key);
	token->module.why[0] = '\0';
	token_guard(job->deadline_ms);
	err = cms_sign_digest(&signer, job->hash, job->hash_length, ret_der, ret_length);
	token_unguard();
	if (err == ERR_DAMAGE) {
		return fail(job, err, N_("the token made a wrong signature; it was thrown away"));
	}
	if (err == ERR_PIN) {
		return fail(job, err, N_("the token refused the PIN for a key that asks before each use"));
	}
	if (err != 0) {
		(void)snprintf(job->why, sizeof job->why, "the token did not sign: %s", token->module.why);
	}
	return err;
}

static int run(struct token *token, const struct wire_message *message, struct job *job)
{
	__attribute__((cleanup(free_der))) uint8_t *der = NULL;
	size_t length = 0;
	int err = read_parameters(message, job);

	if (err == 0) {
		err = check_key(token, job);
	}
	if (err == 0) {
		err = check_intent(token, message, job);
	}
	if (err == 0 && (stream_prepare(job->first) != 0 || stream_prepare(job->second) != 0 || stream_prepare(job->out) != 0)) {
		err = fail(job, ERR_SYSTEM, N_("the content cannot be read"));
	}
	if (err == 0) {
		err = pass_content(job, job->first, -1, job->hash, &job->hash_length);
	}
	if (err == 0) {
		err = make_signature(token, job, &der, &length);
	}
	if (err != 0) {
		return err;
	}
	return job->attached ? write_attached(job, span_of(der, length)) : write_out(job, der, length);
}

static int answer(struct token *token, const struct wire_message *request, const struct job *job)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[4096];
	struct wire_message message;
	int length = 0;

	lines_set(&lines, "signer", job->key->facts.sha256);
	lines_set(&lines, "serial", job->key->facts.serial);
	lines_setf(&lines, "algorithm", "%s-%s", !job->key->facts.is_rsa ? "ecdsa" : job->padding == OPERATION_PSS ? "rsa-pss" : "rsa-pkcs1", job->digest_text);
	if (job->warning[0] != '\0') {
		lines_set(&lines, "warning", job->warning);
	}
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0) {
		return channel_answer_error(token->store, request->id, length, "the answer cannot be written");
	}
	wire_begin(&message, WIRE_TOKEN_SIGNED, request->id, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, job->written);
	return channel_send(token->store, &message);
}

int token_sign(struct token *token, struct wire_message *message)
{
	uint64_t latest_ms = clock_deadline(SIGN_MAX_MS);
	__attribute__((cleanup(job_free))) struct job job = {
		.index = wire_number(message, WIRE_F_INDEX, 0),
		.size = wire_number(message, WIRE_F_SIZE, 0),
		.deadline_ms = message->deadline_ms < latest_ms ? message->deadline_ms : latest_ms,
		.first = wire_take_fd(message, 0),
		.second = wire_take_fd(message, 1),
		.out = wire_take_fd(message, 2),
		.why = "internal error",
	};
	int err = ERR_INTERNAL;

	if (!wire_string(message, WIRE_F_KEY, job.name, sizeof job.name) || !wire_string(message, WIRE_F_PURPOSE, job.purpose, sizeof job.purpose)) {
		err = fail(&job, ERR_NOTFOUND, N_("this token has no key of that name"));
	} else {
		err = run(token, message, &job);
	}
	cleanup_close(&job.out); /* the reader's end of file comes before the answer */
	if (err != 0) {
		log_warning("intent %llu was not signed: %s: %s", (unsigned long long)job.index, err_name(err), job.why);
		(void)channel_answer_error(token->store, message->id, err, job.why);
	} else {
		log_info("intent %llu was signed", (unsigned long long)job.index);
		(void)answer(token, message, &job);
	}
	token_use_failed(token, err);
	return 0;
}
