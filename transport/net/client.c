#include "client.h"

#include "libcrypto.h"

#include <stdio.h>
#include <string.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/wire/channel.h"

#define QUESTION_MAX_BYTES 1024

static uint8_t packet[WIRE_MESSAGE_MAX_BYTES];

static int fail(struct client *client, int err, const char *why)
{
	client->err = err;
	report_text(span_of_string(why), client->why, sizeof client->why);
	return err;
}

/* A code of the far end is one of ours, or means no more than that it went wrong. */
static int read_error(struct client *client, const struct wire_message *answer)
{
	int err = -(int)(wire_number(answer, WIRE_F_CODE, 0) & 0xffff);
	char text[REPORT_TEXT_MAX_BYTES];

	if (!wire_string(answer, WIRE_F_TEXT, text, sizeof text) || text[0] == '\0') {
		(void)snprintf(text, sizeof text, "%s", err_name(err));
	}
	return fail(client, err >= 0 || err < ERR_MIN ? ERR_TOKEN : err, text);
}

/* One question, one answer; spans of *ret point into `packet`. */
static int ask(struct client *client, struct wire_message *question, enum wire_type wanted, struct wire_message *ret)
{
	uint64_t deadline_ms = clock_deadline(CLIENT_WAIT_MS);
	int err = ERR_GONE;

	question->id = ++client->requests;
	question->deadline_ms = deadline_ms;
	if (client->link >= 0) {
		err = wire_send_blocking(client->link, WIRE_SESSION, WIRE_STORE, question, deadline_ms);
	}
	while (err == 0) {
		err = wire_receive_blocking(client->link, WIRE_SESSION, WIRE_STORE, packet, ret, deadline_ms);
		if (err == 0 && ret->id == question->id) {
			break; /* an answer that is not to this question came too late for its own */
		}
	}
	if (err != 0) {
		return fail(client, err, err == ERR_DEADLINE ? "no answer in time" : "the store is not there");
	}
	if (ret->type == WIRE_ERROR) {
		return read_error(client, ret);
	}
	return ret->type == wanted ? 0 : fail(client, ERR_PROTOCOL, "the store answered something else");
}

/* --- the signature --- */

static int sign(void *context, const char *algorithm, struct span message, uint8_t *ret, size_t size)
{
	struct client *client = context;
	_cleanup_lines_ struct lines lines = { 0 };
	char text[QUESTION_MAX_BYTES];
	struct wire_message question, answer;
	struct span signature;
	int length = 0;

	lines_set(&lines, "algorithm", algorithm);
	if (client->peer->sha256[0] != '\0') {
		lines_set(&lines, "peer", client->peer->sha256);
	}
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0 || message.length > CLIENT_MESSAGE_MAX_BYTES) {
		return fail(client, ERR_LIMIT, "the handshake is too long to be signed");
	}
	wire_begin(&question, WIRE_SESSION_TLS, 0, CLOCK_NEVER_MS);
	wire_put_string(&question, WIRE_F_KEY, client->key);
	wire_put_bytes(&question, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_bytes(&question, WIRE_F_BYTES, message);
	if (ask(client, &question, WIRE_SESSION_TLS_SIGNED, &answer) != 0) {
		return client->err;
	}
	signature = wire_span(&answer, WIRE_F_BYTES);
	if (signature.length == 0 || signature.length > size) {
		return fail(client, ERR_TOKEN, "the signature has a wrong length");
	}
	memcpy(ret, signature.data, signature.length);
	return (int)signature.length;
}

/* --- who are we --- */

static int read_chain(struct client *client, struct span pem)
{
	BIO *text = BIO_new_mem_buf(pem.data, (int)pem.length);
	X509 *each = NULL;

	while (text != NULL && client->count < CLIENT_CHAIN_MAX && (each = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
		client->chain[client->count++] = each;
	}
	BIO_free(text);
	ERR_clear_error(); /* the end of the text is one for libcrypto */
	return client->count > 0 ? 0 : fail(client, ERR_CERT, "the key has no certificate");
}

/* "A B C", as the token says it, to "A:B:C". */
static int read_algorithms(struct client *client, struct span lines)
{
	if (!lines_find_string(lines, "algorithms", client->algorithms, sizeof client->algorithms) || client->algorithms[0] == '\0') {
		return fail(client, ERR_UNSUPPORTED, "the token can make no signature for TLS with this key");
	}
	for (char *each = client->algorithms; *each != '\0'; each++) {
		*each = *each == ' ' ? ':' : *each;
	}
	return 0;
}

int client_open(struct client *client, int link, const char *key, const struct peer *peer)
{
	struct wire_message question, answer;
	int err = 0;

	*client = (struct client){ .link = link, .peer = peer, .signer = { .sign = sign, .context = client } };
	(void)snprintf(client->key, sizeof client->key, "%s", key);
	wire_begin(&question, WIRE_SESSION_CLIENT, 0, CLOCK_NEVER_MS);
	wire_put_string(&question, WIRE_F_KEY, client->key);
	err = ask(client, &question, WIRE_SESSION_CLIENT_IS, &answer);
	if (err == 0) {
		err = read_chain(client, wire_span(&answer, WIRE_F_BYTES));
	}
	if (err == 0) {
		err = read_algorithms(client, wire_span(&answer, WIRE_F_LINES));
	}
	if (err == 0) {
		client->private = provider_key(X509_get0_pubkey(client->chain[0]), &client->signer);
		err = client->private != NULL ? 0 : fail(client, ERR_UNSUPPORTED, "the key is neither RSA nor EC");
	}
	return err;
}

void client_close(struct client *client)
{
	EVP_PKEY_free(client->private);
	client->private = NULL;
	while (client->count > 0) {
		X509_free(client->chain[--client->count]);
	}
}

/* TLS 1.3 has no PKCS#1 v1.5 (RFC 8446 section 4.2.3): a key that can nothing else stays with TLS 1.2. */
static bool can_tls13(const struct client *client)
{
	return strstr(client->algorithms, "ECDSA") != NULL || strstr(client->algorithms, "PSS") != NULL;
}

bool client_hook(struct client *client, void *ssl_ctx)
{
	SSL_CTX *context = ssl_ctx;
	bool good = SSL_CTX_use_certificate(context, client->chain[0]) == 1;

	for (size_t i = 1; good && i < client->count; i++) {
		good = SSL_CTX_add1_chain_cert(context, client->chain[i]) == 1;
	}
	good = good && SSL_CTX_use_PrivateKey(context, client->private) == 1 && SSL_CTX_set1_client_sigalgs_list(context, client->algorithms) == 1 &&
	       (can_tls13(client) || SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1);
	if (!good) {
		(void)fail(client, ERR_CERT, "certificate and key cannot be used for TLS");
	}
	return good;
}

enum cause client_cause(const struct client *client)
{
	switch (client->err) {
	case 0:
		return CAUSE_NONE;
	case ERR_LOCKED:
	case ERR_PIN:
	case ERR_PIN_LAST:
	case ERR_PIN_BLOCKED:
		return CAUSE_TLS_LOCKED;
	default:
		return CAUSE_TLS_TOKEN;
	}
}
