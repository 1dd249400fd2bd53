/* Checkpoints are signed by a token after they were made (design 4): the newest one, by the first key marked `journal` that can. Nothing waits for it but a
 * person who asked for a checkpoint: a token that is away, locked or slow leaves a note without signature, and when it is back it signs the newest note only;
 * the tree of that one covers all before it. */
#include "vault_crypto.h"

#include "server_seal.h"

#include <stdlib.h>
#include <string.h>

#include "anchor_seal.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"
#include "journal_anchor.h"
#include "server.h"

struct server_note_wait {
	struct server_note_wait *next;
	struct server *server;
	uint64_t request, epoch, size;
	int timer;
};

static void on_answer(void *context, int err, struct wire_message *message);

/* --- who waits --- */

static int hash_of(struct span bytes, uint8_t ret[JOURNAL_HASH_BYTES])
{
	return EVP_Digest(bytes.data, bytes.length, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_MEMORY;
}

static int put_note(struct server *server, uint64_t size, struct wire_message *answer, char lines[1024], uint8_t hash[JOURNAL_HASH_BYTES], uint8_t **ret_bytes)
{
	_cleanup_lines_ struct lines body = { 0 };
	_cleanup_free_ uint8_t *cms = NULL;
	const struct server_seal *seal = &server->seal;
	struct anchor_note note;
	size_t length = 0;
	char root[2 * JOURNAL_HASH_BYTES + 1];
	int err = journal_anchor_note(server->journal, size, ret_bytes, &note);
	bool is_signed = false;

	if (err == 0) {
		err = journal_anchor_seal_read(server->journal, size, &cms, &length);
		is_signed = err == 0;
		err = err == ERR_NOTFOUND ? 0 : err;
	}
	if (err == 0) {
		err = hash_of(is_signed ? span_of(cms, length) : note.text, hash);
	}
	if (err != 0) {
		return err;
	}
	hex_encode(note.root, sizeof note.root, root);
	lines_set(&body, "root", root);
	if (is_signed && seal->last_size == size) {
		lines_set(&body, "signer", seal->signer);
		lines_set(&body, "key", seal->key);
	} else if (!is_signed) {
		lines_set(&body, "why", seal->why[0] == '\0' ? N_("the token has not signed it yet") : seal->why);
	}
	err = lines_finish(&body, lines, 1024);
	if (err < 0) {
		return err;
	}
	wire_put_bytes(answer, WIRE_F_LINES, span_of(lines, (size_t)err));
	wire_put_bytes(answer, WIRE_F_BYTES, span_of(note.text.data, note.file_length));
	wire_put_number(answer, WIRE_F_INDEX, size);
	wire_put_bytes(answer, WIRE_F_HASH, span_of(hash, JOURNAL_HASH_BYTES));
	wire_put_number(answer, WIRE_F_BITS, is_signed ? 1 : 0);
	return 0;
}

static void answer_note(struct server *server, uint64_t request, uint64_t size)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	uint8_t hash[JOURNAL_HASH_BYTES];
	struct wire_message answer;
	char lines[1024];
	int err = ERR_INTERNAL;

	wire_begin(&answer, WIRE_STORE_NOTE, request, CLOCK_NEVER_MS);
	err = put_note(server, size, &answer, lines, hash, &bytes);
	if (err != 0) {
		server_fail(server, request, err, "the checkpoint cannot be read", NULL);
	} else {
		server_tell_hub(server, &answer);
	}
}

static void end_wait(struct server_note_wait **place)
{
	struct server_note_wait *wait = *place;

	*place = wait->next;
	loop_cancel(wait->server->loop, wait->timer);
	if (wait->epoch == wait->server->hub_epoch) {
		answer_note(wait->server, wait->request, wait->size);
	}
	free(wait);
}

/* Everybody who waits for a note that is signed or will not be. */
static void end_waits(struct server *server, uint64_t size)
{
	for (struct server_note_wait **place = &server->seal.waits; *place != NULL;) {
		if ((*place)->size == size) {
			end_wait(place);
		} else {
			place = &(*place)->next;
		}
	}
}

static void on_wait_timer(void *context, uint32_t events)
{
	struct server_note_wait *wait = context;

	(void)events;
	wait->timer = 0;
	for (struct server_note_wait **place = &wait->server->seal.waits; *place != NULL; place = &(*place)->next) {
		if (*place == wait) {
			end_wait(place);
			return;
		}
	}
}

static int add_wait(struct server *server, uint64_t request, uint64_t size)
{
	struct server_note_wait *wait = calloc(1, sizeof *wait);

	if (wait == NULL) {
		return ERR_MEMORY;
	}
	*wait = (struct server_note_wait){ .server = server, .request = request, .epoch = server->hub_epoch, .size = size, .next = server->seal.waits };
	wait->timer = loop_timer(server->loop, clock_deadline(SERVER_SEAL_WAIT_MS), on_wait_timer, wait);
	if (wait->timer < 0) {
		free(wait);
		return ERR_LIMIT;
	}
	server->seal.waits = wait;
	return 0;
}

/* --- which key --- */

/* The certificate of a key as its token tells it, and only of a key that can be used. */
static bool find_signer(const struct server_token *token, const char *key, char ret[2 * JOURNAL_HASH_BYTES + 1])
{
	struct span lines = span_of_string(token->lines == NULL ? "" : token->lines), name;
	char field[LINES_NAME_MAX + 1], state[16];

	for (size_t n = 0; n < SERVER_KEYS_MAX; n++) {
		(void)snprintf(field, sizeof field, "key.%zu.name", n);
		if (!lines_find(lines, field, &name)) {
			return false;
		}
		if (!span_equals_string(name, key)) {
			continue;
		}
		(void)snprintf(field, sizeof field, "key.%zu.state", n);
		if (!lines_find_string(lines, field, state, sizeof state) || strcmp(state, "ok") != 0) {
			return false;
		}
		(void)snprintf(field, sizeof field, "key.%zu.sha256", n);
		return lines_find_string(lines, field, ret, 2 * JOURNAL_HASH_BYTES + 1);
	}
	return false;
}

/* The next key that was not asked for this note; SERVER_JOURNAL_KEYS_MAX: none. */
static size_t next_key(struct server *server, struct server_token **ret_token, char ret_signer[2 * JOURNAL_HASH_BYTES + 1])
{
	for (size_t i = 0; i < server->settings->journal_key_count; i++) {
		const char *name = server->settings->journal_keys[i];

		*ret_token = server_ready_token(server, name);
		if ((server->seal.tried & (1U << i)) == 0 && *ret_token != NULL && find_signer(*ret_token, name, ret_signer)) {
			return i;
		}
	}
	return SERVER_JOURNAL_KEYS_MAX;
}

static void say_why(struct server *server, const char *why)
{
	(void)snprintf(server->seal.why, sizeof server->seal.why, "%s", why);
}

/* --- asking --- */

static int ask(struct server *server, const char *key, struct server_token *token, uint64_t size)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct anchor_note note;
	struct wire_message message;
	int err = journal_anchor_note(server->journal, size, &bytes, &note);

	if (err != 0) {
		return err;
	}
	wire_begin(&message, WIRE_TOKEN_SEAL, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, size);
	wire_put_string(&message, WIRE_F_KEY, key);
	wire_put_bytes(&message, WIRE_F_BYTES, note.text);
	return channel_request(token->channel, &message, SERVER_SEAL_MS, on_answer, server, NULL);
}

/* Asks the next key; without one this note stays as it is until a token becomes ready. */
static void ask_next(struct server *server)
{
	struct server_seal *seal = &server->seal;
	uint64_t size = seal->size;

	for (;;) {
		struct server_token *token = NULL;
		size_t key = next_key(server, &token, seal->expected);
		int err = 0;

		if (key == SERVER_JOURNAL_KEYS_MAX) {
			seal->size = 0;
			if (seal->tried == 0) {
				say_why(server, server->settings->journal_key_count == 0 ? N_("no key has the use journal")
				                                                         : N_("no token with a journal key is ready"));
			}
			end_waits(server, size);
			return;
		}
		seal->tried |= 1U << key;
		(void)snprintf(seal->asked, sizeof seal->asked, "%s", server->settings->journal_keys[key]);
		err = ask(server, seal->asked, token, size);
		if (err == 0) {
			return;
		}
		log_warning("checkpoint %llu: the token could not be asked to sign: %s", (unsigned long long)size, err_name(err));
		say_why(server, N_("the token could not be asked"));
	}
}

void server_seal(struct server *server)
{
	struct server_seal *seal = &server->seal;
	struct journal_facts facts;

	journal_facts(server->journal, &facts);
	if (seal->size != 0 || server->fault || facts.state != JOURNAL_READY || facts.note_size == 0 || facts.seal_size >= facts.note_size) {
		return;
	}
	if (seal->begun != facts.note_size) {
		seal->begun = facts.note_size;
		seal->tried = 0;
		seal->why[0] = '\0';
	}
	seal->size = facts.note_size;
	ask_next(server);
}

void server_seal_ready(struct server *server)
{
	server->seal.tried = server->seal.size == 0 ? 0 : server->seal.tried;
	server_seal(server);
}

/* --- the answer --- */

/* Both signatures, over this text, by that certificate; the note with its line in *ret_note (empty where the key has no type of its own). */
static int check_answer(struct server *server, const struct wire_message *message, const struct anchor_note *note, uint8_t **ret_note, size_t *ret_length,
                        const char **ret_why)
{
	_cleanup_(anchor_seal_free) struct anchor_seal found = { 0 };
	struct span lines = wire_span(message, WIRE_F_LINES), base64;
	char signer[2 * JOURNAL_HASH_BYTES + 1];
	int err = anchor_seal_check(wire_span(message, WIRE_F_BYTES), note->text, &found, ret_why), length = 0;

	if (err != 0) {
		return err;
	}
	hex_encode(found.signer, sizeof found.signer, signer);
	if (strcmp(signer, server->seal.expected) != 0) {
		*ret_why = N_("it is by another certificate than that of the key");
		return ERR_DAMAGE;
	}
	if (!lines_find(lines, "note", &base64)) {
		return 0;
	}
	*ret_why = N_("the signature of the note does not fit");
	if (!anchor_seal_check_note(&found, note->text, base64)) {
		return ERR_DAMAGE;
	}
	*ret_note = malloc(ANCHOR_NOTE_MAX_BYTES);
	if (*ret_note == NULL) {
		return ERR_MEMORY;
	}
	length = anchor_note_sign(note->text, server->seal.origin, base64, *ret_note, ANCHOR_NOTE_MAX_BYTES);
	*ret_length = length < 0 ? 0 : (size_t)length;
	return length < 0 ? length : 0;
}

static int keep_answer(struct server *server, const struct wire_message *message, const char **ret_why)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	_cleanup_free_ uint8_t *text = NULL;
	struct anchor_note note;
	size_t length = 0;
	int err = journal_anchor_note(server->journal, server->seal.size, &bytes, &note);

	*ret_why = N_("the note cannot be read");
	if (err == 0) {
		(void)span_copy_string(note.origin, server->seal.origin, sizeof server->seal.origin);
		err = check_answer(server, message, &note, &text, &length, ret_why);
	}
	if (err == 0) {
		*ret_why = N_("it could not be written");
		err = journal_anchor_seal(server->journal, server->seal.size, span_of(text, length), wire_span(message, WIRE_F_BYTES));
	}
	return err;
}

static void note_seal(struct server *server)
{
	struct server_seal *seal = &server->seal;

	seal->last_size = seal->size;
	seal->last_ms = clock_utc_ms();
	memcpy(seal->signer, seal->expected, sizeof seal->signer);
	memcpy(seal->key, seal->asked, sizeof seal->key);
	seal->why[0] = '\0';
	server_send_hello(server);
}

static void on_answer(void *context, int err, struct wire_message *message)
{
	struct server *server = context;
	struct server_seal *seal = &server->seal;
	const char *why = N_("the token did not answer");
	struct journal_facts facts;
	uint64_t size = seal->size;
	char text[sizeof seal->why] = "";

	if (err == 0 && message->type == WIRE_ERROR) {
		err = ERR_TOKEN;
		why = wire_string(message, WIRE_F_TEXT, text, sizeof text) ? text : N_("the token refused");
	} else if (err == 0) {
		err = server->fault ? ERR_READONLY : keep_answer(server, message, &why);
	}
	journal_facts(server->journal, &facts);
	if (facts.state == JOURNAL_FAULTY) {
		server_fault(server, facts.why);
	}
	if (err != 0) {
		log_warning("checkpoint %llu is not signed: %s", (unsigned long long)size, why);
		say_why(server, why);
		ask_next(server);
	} else {
		note_seal(server);
		seal->size = 0;
		end_waits(server, size);
		server_notes_changed(server, size);
	}
	server_seal(server); /* a newer note may be there by now */
}

/* --- the rest --- */

void server_checkpoint(struct server *server, const struct wire_message *message)
{
	char note[JOURNAL_NOTE_SIZE];
	struct journal_facts facts;
	int err = ERR_READONLY;

	server_commit(server);
	if (!server->fault) {
		err = wire_number(message, WIRE_F_BITS, 0) == 1 ? journal_checkpoint_anew(server->journal, note) : journal_checkpoint(server->journal, note);
	}
	if (err != 0) {
		server_fail(server, message->id, err, "no checkpoint", NULL);
		return;
	}
	server_arm_checkpoint(server);
	server_notes_changed(server, 0);
	server_seal_ready(server); /* asked for by somebody: a key that refused before is asked once more */
	journal_facts(server->journal, &facts);
	if (server->seal.size == 0 || facts.seal_size >= facts.note_size || add_wait(server, message->id, facts.note_size) != 0) {
		answer_note(server, message->id, facts.note_size);
	}
}

void server_seal_open(struct server *server)
{
	_cleanup_(anchor_seal_free) struct anchor_seal found = { 0 };
	_cleanup_free_ uint8_t *bytes = NULL;
	_cleanup_free_ uint8_t *cms = NULL;
	struct server_seal *seal = &server->seal;
	struct journal_facts facts;
	struct anchor_note note;
	const char *why = "";
	size_t length = 0;

	journal_facts(server->journal, &facts);
	if (facts.seal_size == 0 || journal_anchor_note(server->journal, facts.seal_size, &bytes, &note) != 0 ||
	    journal_anchor_seal_read(server->journal, facts.seal_size, &cms, &length) != 0 ||
	    anchor_seal_check(span_of(cms, length), note.text, &found, &why) != 0) {
		return;
	}
	seal->last_size = facts.seal_size;
	seal->last_ms = journal_anchor_seal_time(server->journal, facts.seal_size);
	hex_encode(found.signer, sizeof found.signer, seal->signer);
}

void server_seal_hello(const struct server *server, struct lines *body)
{
	const struct server_seal *seal = &server->seal;

	if (seal->last_size == 0) {
		return;
	}
	lines_set_u64(body, "seal-size", seal->last_size);
	lines_set_u64(body, "seal-time", (uint64_t)seal->last_ms);
	lines_set(body, "seal-signer", seal->signer);
}
