/* STORE_EVIDENCE: the pieces of an export (evidence.h), each to its own descriptor. What has no state here is asked for by numbers, so that nothing is held between
 * two pieces. */
#include "evidence.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"
#include "journal_format.h"

#define KIND_WORDS_MAX 5

struct server_evidence {
	struct server_evidence *next;
	struct server *server;
	uint64_t request, deadline_ms;
	int fd; /* until a flow has it */
	struct server_outflow *outflow;
	struct evidence evidence;
	int (*write)(const struct evidence *evidence, FILE *to);
	uint32_t generation; /* of the key that is waited for */
	struct object_ref ref;
};

static void remove_piece(struct server_evidence *piece)
{
	struct server_evidence **place = &piece->server->evidences;

	while (*place != piece) {
		place = &(*place)->next;
	}
	*place = piece->next;
	server_forget_key(piece->server, piece);
	server_outflow_cancel(piece->outflow);
	cleanup_close(&piece->fd);
	evidence_free(&piece->evidence);
	free(piece);
}

void server_evidence_forget(struct server *server)
{
	while (server->evidences != NULL) {
		remove_piece(server->evidences);
	}
}

static const char *words_of(int err)
{
	switch (err) {
	case ERR_LOCKED:
		return "the key of the case is locked: a vault token must be logged in";
	case ERR_NOTFOUND:
		return "there is no such record or file";
	case ERR_DAMAGE:
		return "what is stored is damaged: check the journal";
	case ERR_STATE:
		return "there is no checkpoint yet";
	case ERR_LIMIT:
		return "the case has more records or contents than an export can hold";
	default:
		return "it could not be read";
	}
}

static void fail(struct server_evidence *piece, int err)
{
	server_fail(piece->server, piece->request, err, words_of(err), NULL);
	remove_piece(piece);
}

static void on_copied(void *context, int err, uint64_t size)
{
	struct server_evidence *piece = context;
	struct wire_message answer;

	piece->outflow = NULL;
	if (err != 0) {
		if (err == ERR_DAMAGE) {
			log_error("an object of the vault is damaged");
		}
		fail(piece, err);
		return;
	}
	wire_begin(&answer, WIRE_STORE_COPIED, piece->request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_SIZE, size);
	server_tell_hub(piece->server, &answer);
	remove_piece(piece);
}

/* Takes over the text. */
static int send_text(struct server_evidence *piece, uint8_t *text, size_t length)
{
	return server_outflow_text(piece->server, text, length, take_fd(&piece->fd), piece->deadline_ms, on_copied, piece, &piece->outflow);
}

static int send_written(struct server_evidence *piece, FILE *stream, char **text, size_t *length, int err)
{
	if (fclose(stream) != 0) {
		err = ERR_MEMORY;
	}
	if (err != 0) {
		free(*text);
		return err;
	}
	return send_text(piece, (uint8_t *)*text, *length);
}

/* --- texts about the whole case, which want all its keys --- */

static void gather(struct server_evidence *piece);

static void on_gather_key(void *context, int err, struct key *key)
{
	struct server_evidence *piece = context;

	if (err == 0 || err == ERR_NOTFOUND) {
		err = evidence_use_key(&piece->evidence, piece->generation, err == 0 ? key : NULL);
	}
	if (err != 0) {
		fail(piece, err);
	} else {
		gather(piece);
	}
}

static void gather(struct server_evidence *piece)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = NULL;
	int err = ERR_MEMORY;

	piece->generation = evidence_next_key(&piece->evidence);
	if (piece->generation != 0) {
		server_need_key(piece->server, piece->evidence.number, piece->generation, on_gather_key, piece);
		return;
	}
	stream = open_memstream(&text, &length);
	if (stream != NULL) {
		err = send_written(piece, stream, &text, &length, piece->write(&piece->evidence, stream));
	}
	if (err != 0) {
		fail(piece, err);
	}
}

static int begin_gather(struct server_evidence *piece, const char *number, uint64_t until, int (*write)(const struct evidence *evidence, FILE *to))
{
	piece->write = write;
	return evidence_open(piece->server->journal, piece->server->vault, number, until, &piece->evidence);
}

/* --- the pieces --- */

struct asked {
	struct span words[KIND_WORDS_MAX];
	size_t count;
	uint64_t numbers[KIND_WORDS_MAX]; /* of the words that are numbers */
};

static void split(struct span kind, struct asked *ret)
{
	struct span word;

	*ret = (struct asked){ .count = 0 };
	while (ret->count < KIND_WORDS_MAX && span_read_until(&kind, ' ', &word)) {
		ret->words[ret->count++] = word;
	}
	if (ret->count < KIND_WORDS_MAX) {
		ret->words[ret->count++] = kind;
	}
	for (size_t i = 0; i < ret->count; i++) {
		(void)span_parse_u64(ret->words[i], &ret->numbers[i]);
	}
}

static bool is_kind(const struct asked *asked, const char *name, size_t least, size_t most)
{
	return asked->count >= least && asked->count <= most && span_equals_string(asked->words[0], name);
}

/* `number` NULL: a record of a stamp. Others of the box are nobody's business here. */
static int find_record(struct server *server, const char *number, uint64_t index, uint8_t *buffer, struct record *ret)
{
	int err = journal_read_one(server->journal, index, buffer, ret);
	bool wanted = err == 0 && (number != NULL ? record_field_is(ret, "case", number) : evidence_is_stamp_record(ret));

	return err == 0 && !wanted ? ERR_NOTFOUND : err;
}

static int send_leaf(struct server_evidence *piece, const char *number, uint64_t index)
{
	uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct record record;
	int err = buffer == NULL ? ERR_MEMORY : find_record(piece->server, number, index, buffer, &record);

	if (err != 0) {
		free(buffer);
		return err;
	}
	return send_text(piece, buffer, record.leaf.length); /* it stands at the beginning of the buffer, the trailer behind it */
}

static int send_proof(struct server_evidence *piece, const char *number, uint64_t index, uint64_t size)
{
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct record record;
	char *text = NULL;
	size_t length = 0;
	FILE *stream = NULL;
	int err = buffer == NULL ? ERR_MEMORY : find_record(piece->server, number, index, buffer, &record);

	if (err == 0 && (stream = open_memstream(&text, &length)) == NULL) {
		err = ERR_MEMORY;
	}
	return err != 0 ? err : send_written(piece, stream, &text, &length, evidence_write_proof(piece->server->journal, index, size, stream));
}

static int send_anchor(struct server_evidence *piece, enum journal_anchor_kind kind, uint64_t size, uint64_t n)
{
	uint8_t *bytes = NULL;
	size_t length = 0;
	int err = journal_anchor_file(piece->server->journal, &(struct journal_anchor_name){ .kind = kind, .size = size, .number = n }, &bytes, &length);

	return err != 0 ? err : send_text(piece, bytes, length);
}

static int send_trust(struct server_evidence *piece, struct span name)
{
	char text[EVIDENCE_NAME_SIZE];
	uint8_t *bytes = NULL;
	size_t length = 0;
	int err = span_copy_string(name, text, sizeof text) ? journal_trust_file(piece->server->journal, text, &bytes, &length) : ERR_FORMAT;

	return err != 0 ? err : send_text(piece, bytes, length);
}

static int send_format(struct server_evidence *piece)
{
	uint8_t *copy = malloc(journal_format_length);

	if (copy == NULL) {
		return ERR_MEMORY;
	}
	memcpy(copy, journal_format_text, journal_format_length);
	return send_text(piece, copy, journal_format_length);
}

static void on_object_key(void *context, int err, struct key *key)
{
	struct server_evidence *piece = context;

	if (err == 0) {
		err = server_outflow_start(piece->server, key, &piece->ref, take_fd(&piece->fd), piece->deadline_ms, on_copied, piece, &piece->outflow);
	}
	if (err != 0) {
		fail(piece, err);
	}
}

/* Ends by itself, in any case: ERR_AGAIN is never an answer. */
static int send_object(struct server_evidence *piece, const char *number, uint64_t index, struct span role)
{
	char name[OBJECT_ROLE_SIZE];
	int err = index != 0 && span_copy_string(role, name, sizeof name) ? server_find_object(piece->server, number, name, index, &piece->ref) : ERR_FORMAT;

	if (err == 0) {
		server_need_key(piece->server, number, piece->ref.generation, on_object_key, piece);
	}
	return err;
}

static int send_words(struct server_evidence *piece, const char *number, const struct asked *asked)
{
	int err = begin_gather(piece, number, asked->numbers[1], evidence_write_words);

	for (size_t i = 2; err == 0 && i < asked->count; i++) {
		err = evidence_add_note(piece->server->journal, &piece->evidence, asked->numbers[i]);
	}
	err = err == 0 ? evidence_find_renewals(piece->server->journal, &piece->evidence) : err;
	return err == 0 ? evidence_find_trust(piece->server->journal, &piece->evidence) : err;
}

static int send_list(struct server_evidence *piece, const char *number)
{
	struct journal *journal = piece->server->journal;
	int err = begin_gather(piece, number, journal_size(journal), evidence_write_list);

	err = err == 0 ? evidence_choose_notes(journal, &piece->evidence) : err;
	err = err == 0 ? evidence_find_renewals(journal, &piece->evidence) : err;
	return err == 0 ? evidence_find_trust(journal, &piece->evidence) : err;
}

/* 0 (the answer follows, or was given by then), or why not; then the piece is still there. */
static int send_piece(struct server_evidence *piece, const char *number, const struct asked *asked, bool *ret_gather)
{
	const uint64_t *numbers = asked->numbers;
	int err = ERR_FORMAT;

	if (is_kind(asked, "leaf", 2, 2) || is_kind(asked, "renewal", 2, 2)) {
		return send_leaf(piece, is_kind(asked, "leaf", 2, 2) ? number : NULL, numbers[1]);
	}
	if (is_kind(asked, "proof", 3, 3) || is_kind(asked, "renewal-proof", 3, 3)) {
		return send_proof(piece, is_kind(asked, "proof", 3, 3) ? number : NULL, numbers[1], numbers[2]);
	}
	if (is_kind(asked, "note", 2, 2) || is_kind(asked, "seal", 2, 2) || is_kind(asked, "stamp", 3, 3)) {
		return send_anchor(piece,
		                   is_kind(asked, "note", 2, 2)   ? JOURNAL_ANCHOR_NOTE
		                   : is_kind(asked, "seal", 2, 2) ? JOURNAL_ANCHOR_SEAL
		                                                  : JOURNAL_ANCHOR_STAMP,
		                   numbers[1], asked->count == 3 ? numbers[2] : 1);
	}
	if (is_kind(asked, "object", 3, 3)) {
		return send_object(piece, number, numbers[1], asked->words[2]);
	}
	if (is_kind(asked, "trust", 2, 2)) {
		return send_trust(piece, asked->words[1]);
	}
	if (is_kind(asked, "format", 1, 1)) {
		return send_format(piece);
	}
	if (is_kind(asked, "list", 1, 1)) {
		err = send_list(piece, number);
	} else if (is_kind(asked, "contents", 2, 2)) {
		err = begin_gather(piece, number, numbers[1], evidence_write_contents);
	} else if (is_kind(asked, "words", 3, 4)) {
		err = send_words(piece, number, asked);
	}
	*ret_gather = err == 0;
	return err;
}

void server_evidence(struct server *server, struct wire_message *message)
{
	struct server_evidence *piece = calloc(1, sizeof *piece);
	char number[TABLE_CASE_SIZE];
	struct asked asked;
	bool wants_keys = false;
	int err = ERR_FORMAT;

	if (piece == NULL) {
		server_fail(server, message->id, ERR_MEMORY, words_of(ERR_MEMORY), NULL);
		return;
	}
	*piece = (struct server_evidence){ .server = server, .request = message->id, .deadline_ms = server_deadline(message), .fd = wire_take_fd(message, 0) };
	piece->next = server->evidences;
	server->evidences = piece;
	server_commit(server);
	split(wire_span(message, WIRE_F_KIND), &asked);
	if (wire_string(message, WIRE_F_CASE, number, sizeof number)) {
		err = send_piece(piece, number, &asked, &wants_keys);
	}
	if (err != 0) {
		fail(piece, err);
	} else if (wants_keys) {
		gather(piece);
	}
}
