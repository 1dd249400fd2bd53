/* Who the box is in TLS, and its signatures under handshakes (design 2): a session or errand asks over its link, which was made for one key; first the record
 * `tls`, then the token. Nothing here waits for a PIN: a token that is not ready is said to be so at once. */
#include "server.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define TLS_WORD_SIZE 33 /* of an algorithm */
#define TLS_PEER_SIZE 65 /* SHA-256 in hex */
#define TLS_REASON_SIZE 256

struct server_login {
	struct server_login *next;
	struct server *server;
	struct channel *channel; /* who waits for the answer; NULL: gone */
	uint64_t request;
	char key[SERVER_NAME_SIZE];
	char algorithm[TLS_WORD_SIZE];
	uint8_t *bytes; /* all that is signed */
	size_t length;
};

static void release(struct server_login *login)
{
	for (struct server_login **place = &login->server->logins; *place != NULL; place = &(*place)->next) {
		if (*place == login) {
			*place = login->next;
			break;
		}
	}
	free(login->bytes);
	free(login);
}

static void fail(struct server_login *login, int err, const char *text)
{
	if (login->channel != NULL && channel_is_open(login->channel)) {
		(void)channel_answer_error(login->channel, login->request, err, text);
	}
	release(login);
}

void server_tls_forget(struct server *server, const struct channel *channel)
{
	for (struct server_login *login = server->logins; login != NULL; login = login->next) {
		if (login->channel == channel) {
			login->channel = NULL;
		}
	}
}

/* The token's words, or what became of it. */
static void fail_as_told(struct server_login *login, int err, const struct wire_message *message)
{
	char text[TLS_REASON_SIZE];

	if (err != 0) {
		fail(login, err, err == ERR_DEADLINE ? "the token gave no answer in time" : "the token process ended");
		return;
	}
	err = -(int)(wire_number(message, WIRE_F_CODE, (uint64_t)-ERR_TOKEN) & 0xffff);
	if (!wire_string(message, WIRE_F_TEXT, text, sizeof text) || text[0] == '\0') {
		(void)snprintf(text, sizeof text, "%s", "the token refused");
	}
	fail(login, err < ERR_MIN || err >= 0 ? ERR_TOKEN : err, text);
}

/* --- who are we --- */

static void on_client(void *context, int err, struct wire_message *message)
{
	struct server_login *login = context;
	struct wire_message answer;

	if (err != 0 || message->type == WIRE_ERROR) {
		fail_as_told(login, err, message);
		return;
	}
	if (login->channel != NULL && channel_is_open(login->channel)) {
		wire_begin(&answer, WIRE_SESSION_CLIENT_IS, login->request, CLOCK_NEVER_MS);
		wire_put_bytes(&answer, WIRE_F_BYTES, wire_span(message, WIRE_F_BYTES));
		wire_put_bytes(&answer, WIRE_F_LINES, wire_span(message, WIRE_F_LINES));
		(void)channel_send(login->channel, &answer);
	}
	release(login);
}

static void ask_client(struct server_login *login)
{
	struct server_token *token = server_ready_token(login->server, login->key);
	struct wire_message message;
	int err = ERR_INTERNAL;

	if (token == NULL) {
		fail(login, ERR_LOCKED, "the token of the key is not ready");
		return;
	}
	wire_begin(&message, WIRE_TOKEN_CLIENT, 0, 0);
	wire_put_string(&message, WIRE_F_KEY, login->key);
	err = channel_request(token->channel, &message, SERVER_TLS_MS, on_client, login, NULL);
	if (err != 0) {
		fail(login, err, "the token could not be asked");
	}
}

/* --- the signature --- */

static void on_signed(void *context, int err, struct wire_message *message)
{
	struct server_login *login = context;
	struct wire_message answer;

	if (err != 0 || message->type == WIRE_ERROR) {
		fail_as_told(login, err, message);
		return;
	}
	if (login->channel != NULL && channel_is_open(login->channel)) {
		wire_begin(&answer, WIRE_SESSION_TLS_SIGNED, login->request, CLOCK_NEVER_MS);
		wire_put_bytes(&answer, WIRE_F_BYTES, wire_span(message, WIRE_F_BYTES));
		(void)channel_send(login->channel, &answer);
	}
	release(login);
}

static int ask_signature(struct server_login *login, uint64_t index)
{
	struct server_token *token = server_ready_token(login->server, login->key);
	_cleanup_lines_ struct lines lines = { 0 };
	char text[TLS_REASON_SIZE];
	struct wire_message message;
	int length = 0;

	lines_set(&lines, "algorithm", login->algorithm);
	length = lines_finish(&lines, text, sizeof text);
	if (length < 0 || token == NULL) {
		return length < 0 ? length : ERR_LOCKED;
	}
	wire_begin(&message, WIRE_TOKEN_TLS, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, index);
	wire_put_string(&message, WIRE_F_KEY, login->key);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(login->bytes, login->length));
	return channel_request(token->channel, &message, SERVER_TLS_MS, on_signed, login, NULL);
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	struct server_login *login = context;

	if (err != 0) {
		fail(login, err, "the journal takes no records");
		return;
	}
	if (login->channel == NULL) { /* nobody wants it any more: not signed */
		release(login);
		return;
	}
	err = ask_signature(login, receipt->index);
	if (err != 0) {
		fail(login, err, err == ERR_LOCKED ? "the token of the key is not ready" : "the token could not be asked");
	}
}

static void record_signature(struct server_login *login, uint64_t session, const char *peer)
{
	_cleanup_lines_ struct lines body = { 0 };
	struct server_token *token = server_ready_token(login->server, login->key);
	uint8_t digest[OBJECT_HASH_BYTES];
	char hex[2 * OBJECT_HASH_BYTES + 1], why[TABLE_WHY_SIZE] = "";
	int err = ERR_LOCKED;

	if (token == NULL) {
		fail(login, err, "the token of the key is not ready");
		return;
	}
	err = EVP_Digest(login->bytes, login->length, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_MEMORY;
	if (err == 0) {
		hex_encode(digest, sizeof digest, hex);
		lines_set(&body, "key", login->key);
		lines_set(&body, "token", token->name);
		lines_set(&body, "sha256", hex);
		lines_set(&body, "algorithm", login->algorithm);
		lines_set(&body, "peer", peer[0] != '\0' ? peer : NULL);
		if (session != 0) {
			lines_set_u64(&body, "session", session);
		}
		err = server_stage_one(login->server, TABLE_STORE, "", "tls", &body, on_recorded, login, why);
	}
	if (err != 0) {
		log_warning("tls: %s", why);
		fail(login, err, "the journal takes no such record");
	}
}

/* --- the beginning --- */

/* Words of a process that talks to the world: into a record goes only what they may be. */
static bool read_words(const struct wire_message *message, char algorithm[TLS_WORD_SIZE], char peer[TLS_PEER_SIZE])
{
	struct span lines = wire_span(message, WIRE_F_LINES), name, value;

	peer[0] = '\0';
	if (!lines_find_string(lines, "algorithm", algorithm, TLS_WORD_SIZE) || algorithm[0] == '\0' ||
	    strspn(algorithm, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-") != strlen(algorithm)) {
		return false;
	}
	if (lines_find_string(lines, "peer", peer, TLS_PEER_SIZE) &&
	    (strlen(peer) != TLS_PEER_SIZE - 1 || strspn(peer, "0123456789abcdef") != TLS_PEER_SIZE - 1)) {
		return false;
	}
	while (lines_next(&lines, &name, &value)) {
		if (!span_equals_string(name, "algorithm") && !span_equals_string(name, "peer")) {
			return false;
		}
	}
	return true;
}

static struct server_login *begin(struct server *server, struct channel *channel, const struct wire_message *message, const char *key)
{
	struct server_login *login = calloc(1, sizeof *login);
	struct span bytes = wire_span(message, WIRE_F_BYTES);

	if (login == NULL) {
		return NULL;
	}
	login->server = server;
	login->channel = channel;
	login->request = message->id;
	(void)snprintf(login->key, sizeof login->key, "%s", key);
	login->bytes = malloc(bytes.length + 1);
	if (login->bytes == NULL) {
		free(login);
		return NULL;
	}
	if (bytes.length > 0) {
		memcpy(login->bytes, bytes.data, bytes.length);
	}
	login->length = bytes.length;
	login->next = server->logins;
	server->logins = login;
	return login;
}

int server_tls(struct server *server, struct channel *channel, struct server_tls_link *link, uint64_t session, const struct wire_message *message)
{
	bool signs = message->type == WIRE_SESSION_TLS;
	char key[SERVER_NAME_SIZE], algorithm[TLS_WORD_SIZE] = "", peer[TLS_PEER_SIZE] = "";
	struct server_login *login = NULL;

	if (!wire_string(message, WIRE_F_KEY, key, sizeof key) || (signs && !read_words(message, algorithm, peer))) {
		return ERR_PROTOCOL;
	}
	if (link->key[0] == '\0' || strcmp(link->key, key) != 0) {
		log_warning("a session asks for a key that its link was not made for");
		return channel_answer_error(channel, message->id, ERR_DENIED, "this link is not for that key");
	}
	if (++link->asked > SERVER_TLS_PER_LINK) {
		return channel_answer_error(channel, message->id, ERR_LIMIT, "too many signatures over one link");
	}
	login = begin(server, channel, message, key);
	if (login == NULL) {
		return channel_answer_error(channel, message->id, ERR_MEMORY, "no memory");
	}
	if (signs) {
		(void)snprintf(login->algorithm, sizeof login->algorithm, "%s", algorithm);
		record_signature(login, session, peer);
	} else {
		ask_client(login);
	}
	return 0;
}
