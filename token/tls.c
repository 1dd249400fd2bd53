/* TLS client login (design 2): who the key is, and its signature over the full to-be-signed bytes of CertificateVerify. */
#include <stdio.h>
#include <string.h>

#include "token.h"

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/lines.h"
#include "../appliance/base/log.h"
#include "../appliance/base/text.h"
#include "tls_signed.h"

#define TLS_MAX_MS 60000
#define TLS_ALGORITHMS_BYTES 256

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void free_der(unsigned char **der)
{
	OPENSSL_free(*der);
}

/* In the order in which they are offered. TLS 1.3 knows no PKCS#1 v1.5 and binds each curve to one digest (RFC 8446 4.2.3). */
static const struct algorithm {
	const char *word;
	bool is_rsa;
	enum operation_padding padding;
	const EVP_MD *(*hash)(void);
	int bits_13; /* of the curve in TLS 1.3 */
} algorithms[] = {
	{ "RSA-PSS+SHA256", true, OPERATION_PSS, EVP_sha256, 0 },    { "RSA-PSS+SHA384", true, OPERATION_PSS, EVP_sha384, 0 },
	{ "RSA-PSS+SHA512", true, OPERATION_PSS, EVP_sha512, 0 },    { "RSA+SHA256", true, OPERATION_PKCS1, EVP_sha256, 0 },
	{ "RSA+SHA384", true, OPERATION_PKCS1, EVP_sha384, 0 },      { "RSA+SHA512", true, OPERATION_PKCS1, EVP_sha512, 0 },
	{ "ECDSA+SHA256", false, OPERATION_PKCS1, EVP_sha256, 256 }, { "ECDSA+SHA384", false, OPERATION_PKCS1, EVP_sha384, 384 },
	{ "ECDSA+SHA512", false, OPERATION_PKCS1, EVP_sha512, 521 },
};

static bool can(const struct token_key *key, const struct algorithm *algorithm)
{
	return key->facts.is_rsa == algorithm->is_rsa && operation_can_sign(key, algorithm->padding);
}

static int fail(struct token *token, const struct wire_message *message, int err, const char *why)
{
	log_warning("TLS: %s: %s", err_name(err), why);
	(void)channel_answer_error(token->store, message->id, err, why);
	token_use_failed(token, err);
	return 0;
}

static int find_key(struct token *token, const struct wire_message *message, struct token_key **ret, const char **ret_why)
{
	char name[SETUP_NAME_BYTES];

	if (!wire_string(message, WIRE_F_KEY, name, sizeof name)) {
		*ret_why = N_("this token has no key of that name");
		return ERR_NOTFOUND;
	}
	return token_use_key(token, name, USE_TLS, ret, ret_why);
}

/* --- who are we --- */

static void list_algorithms(const struct token_key *key, char ret[TLS_ALGORITHMS_BYTES])
{
	size_t have = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
		if (can(key, &algorithms[i])) {
			have += (size_t)snprintf(ret + have, TLS_ALGORITHMS_BYTES - have, "%s%s", have > 0 ? " " : "", algorithms[i].word);
		}
	}
}

static BIO *write_chain(const struct token_key *key)
{
	BIO *text = BIO_new(BIO_s_mem());
	bool good = text != NULL && PEM_write_bio_X509(text, key->certificate) == 1;

	for (int i = 0; good && key->chain != NULL && i < sk_X509_num(key->chain); i++) {
		good = PEM_write_bio_X509(text, sk_X509_value(key->chain, i)) == 1;
	}
	if (!good) {
		BIO_free(text);
		return NULL;
	}
	return text;
}

int token_client(struct token *token, struct wire_message *message)
{
	__attribute__((cleanup(free_bio))) BIO *chain = NULL;
	_cleanup_lines_ struct lines lines = { 0 };
	char words[TLS_ALGORITHMS_BYTES], text[512], *pem = NULL;
	struct token_key *key = NULL;
	struct wire_message answer;
	const char *why = "";
	int err = find_key(token, message, &key, &why), length = 0;
	long pem_length = 0;

	if (err != 0) {
		return fail(token, message, err, why);
	}
	list_algorithms(key, words);
	lines_set(&lines, "algorithms", words);
	lines_set(&lines, "signer", key->facts.sha256);
	length = lines_finish(&lines, text, sizeof text);
	chain = write_chain(key);
	if (length < 0 || chain == NULL || (pem_length = BIO_get_mem_data(chain, &pem)) <= 0) {
		return fail(token, message, ERR_MEMORY, "no memory");
	}
	wire_begin(&answer, WIRE_TOKEN_CLIENT_IS, message->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of(pem, (size_t)pem_length));
	wire_put_bytes(&answer, WIRE_F_LINES, span_of(text, (size_t)length));
	(void)channel_send(token->store, &answer);
	return 0;
}

/* --- the signature --- */

static const struct algorithm *find_algorithm(const struct token_key *key, struct span lines)
{
	struct span word;

	if (!lines_find(lines, "algorithm", &word)) {
		return NULL;
	}
	for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
		if (span_equals_string(word, algorithms[i].word) && can(key, &algorithms[i])) {
			return &algorithms[i];
		}
	}
	return NULL;
}

/* 0, or why these bytes are not signed with this key. */
static int judge(const struct token_key *key, const struct algorithm *algorithm, struct span bytes, const char **ret_why)
{
	__attribute__((cleanup(free_der))) unsigned char *der = NULL;
	int length = i2d_X509(key->certificate, &der);

	if (length <= 0) {
		*ret_why = "no memory";
		return ERR_MEMORY;
	}
	if (algorithm == NULL) {
		*ret_why = N_("the token cannot make this kind of signature");
		return ERR_UNSUPPORTED;
	}
	switch (tls_signed_look(bytes, span_of(der, (size_t)length))) {
	case TLS_SIGNED_12:
		return 0;
	case TLS_SIGNED_13:
		if (algorithm->is_rsa ? algorithm->padding == OPERATION_PSS : algorithm->bits_13 == key->facts.bits) {
			return 0;
		}
		*ret_why = N_("the token cannot make this kind of signature");
		return ERR_UNSUPPORTED;
	case TLS_SIGNED_NOT:
		break;
	}
	*ret_why = N_("what came is not what a TLS client signs");
	return ERR_FORMAT;
}

static int sign(struct token *token, struct token_key *key, const struct algorithm *algorithm, struct span bytes, uint8_t *ret, size_t *ret_length)
{
	struct operation operation = token_operation(token, key);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	int err = ERR_INTERNAL;

	if (EVP_Digest(bytes.data, bytes.length, digest, &length, algorithm->hash(), NULL) != 1) {
		return ERR_MEMORY;
	}
	err = operation_sign(&operation, algorithm->padding, algorithm->hash(), span_of(digest, length), ret, ret_length);
	if (err == 0 && !operation_verify(key, algorithm->padding, algorithm->hash(), span_of(digest, length), span_of(ret, *ret_length))) {
		(void)snprintf(token->module.why, sizeof token->module.why, "%s", N_("the token made a wrong signature; it was thrown away"));
		err = ERR_DAMAGE;
	}
	return err;
}

int token_tls(struct token *token, struct wire_message *message)
{
	uint64_t deadline_ms = clock_deadline(TLS_MAX_MS);
	const struct algorithm *algorithm = NULL;
	struct span bytes = wire_span(message, WIRE_F_BYTES);
	uint8_t signature[OPERATION_MAX_BYTES];
	struct token_key *key = NULL;
	struct wire_message answer;
	size_t length = 0;
	const char *why = "";
	int err = find_key(token, message, &key, &why);

	if (err == 0) {
		algorithm = find_algorithm(key, wire_span(message, WIRE_F_LINES));
		err = judge(key, algorithm, bytes, &why);
	}
	if (err != 0) {
		return fail(token, message, err, why);
	}
	token->module.why[0] = '\0';
	token_guard(message->deadline_ms < deadline_ms ? message->deadline_ms : deadline_ms);
	err = sign(token, key, algorithm, bytes, signature, &length);
	token_unguard();
	if (err != 0) {
		return fail(token, message, err, token->module.why);
	}
	log_info("a TLS login was signed (record %llu)", (unsigned long long)wire_number(message, WIRE_F_INDEX, 0));
	wire_begin(&answer, WIRE_TOKEN_TLS_SIGNED, message->id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, span_of(signature, length));
	(void)channel_send(token->store, &answer);
	return 0;
}
