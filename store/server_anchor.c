/* STORE_ANCHOR: a reply of a time-stamp authority becomes a file, then a record (FORMAT.txt sections 6 and 9). The store does not read the reply: it comes from a
 * network, and podatelna-partner judged it. It only looks whether the hash of what was to be stamped occurs in it at all. */
#include "vault_crypto.h"

#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "anchor_seal.h"
#include "appliance/base/cleanup.h"
#include "journal_anchor.h"
#include "tree.h"

struct anchor_wait {
	struct server *server;
	uint64_t request, epoch;
};

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	_cleanup_free_ struct anchor_wait *wait = context;

	if (wait->epoch != wait->server->hub_epoch || !channel_is_open(wait->server->hub)) {
		return;
	}
	if (err != 0) {
		server_fail(wait->server, wait->request, err, "the journal takes no records", NULL);
	} else {
		server_answer_appended(wait->server->hub, wait->request, receipt);
	}
}

/* What the store knows better than whoever asks. False when something else was said. */
static bool set_own(struct lines *body, const char *name, const char *value)
{
	const char *said = lines_get(body, name);

	if (said != NULL && strcmp(said, value) != 0) {
		return false;
	}
	lines_set(body, name, value);
	return true;
}

static bool set_fields(struct lines *body, const struct anchor_note *note, struct span reply)
{
	uint8_t hash[JOURNAL_HASH_BYTES];
	char root[2 * JOURNAL_HASH_BYTES + 1], sha256[2 * JOURNAL_HASH_BYTES + 1], size[24];

	if (tree_plain_hash(reply, hash) != 0) {
		return false;
	}
	hex_encode(note->root, sizeof note->root, root);
	hex_encode(hash, sizeof hash, sha256);
	(void)snprintf(size, sizeof size, "%llu", (unsigned long long)note->size);
	return set_own(body, "root", root) && set_own(body, "sha256", sha256) && set_own(body, "size", size) && lines_get(body, "file") == NULL;
}

/* A stamp is over the CMS, or over the text of a note that had none when it was asked for. */
static bool is_about(struct server *server, const struct anchor_note *note, struct span reply)
{
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;

	return anchor_stamp_mentions(reply, note->text) ||
	       (journal_anchor_seal_read(server->journal, note->size, &cms, &length) == 0 && anchor_stamp_mentions(reply, span_of(cms, length)));
}

static int stage(struct server *server, uint64_t request, const struct lines *body, char why[TABLE_WHY_SIZE])
{
	struct anchor_wait *wait = malloc(sizeof *wait);
	int err = ERR_MEMORY;

	if (wait != NULL) {
		*wait = (struct anchor_wait){ .server = server, .request = request, .epoch = server->hub_epoch };
		err = server_stage_one(server, TABLE_STORE, "", "anchor", body, on_recorded, wait, why);
	}
	if (err != 0) {
		free(wait);
	}
	return err;
}

/* Is a record of these fields allowed? Asked before there is a file that no record would name. */
static int check_record(struct lines *body, char why[TABLE_WHY_SIZE])
{
	char text[4096];
	int length = 0;

	lines_set(body, "file", "1.tsr");
	length = lines_finish(body, text, sizeof text);
	return length < 0 ? length : table_check("anchor", TABLE_STORE, span_of(text, (size_t)length), 0, NULL, why);
}

static int keep(struct server *server, const struct wire_message *message, char why[TABLE_WHY_SIZE])
{
	_cleanup_lines_ struct lines body = { 0 };
	_cleanup_free_ uint8_t *bytes = NULL;
	struct span reply = wire_span(message, WIRE_F_BYTES);
	uint64_t size = wire_number(message, WIRE_F_INDEX, 0);
	char file[JOURNAL_ANCHOR_NAME_SIZE];
	const char *event = NULL;
	struct anchor_note note;
	int err = journal_anchor_note(server->journal, size, &bytes, &note);
	bool bad = false;

	(void)snprintf(why, TABLE_WHY_SIZE, "there is no such checkpoint");
	if (err != 0) {
		return err;
	}
	(void)snprintf(why, TABLE_WHY_SIZE, "what is said of the stamp does not fit it");
	if (span_is_empty(reply) || reply.length > ANCHOR_STAMP_MAX_BYTES || lines_parse(wire_span(message, WIRE_F_LINES), &body) != 0 ||
	    !set_fields(&body, &note, reply)) {
		return ERR_FORMAT;
	}
	event = lines_get(&body, "event");
	bad = event != NULL && strcmp(event, "bad-stamp") == 0;
	if (event == NULL || (!bad && !is_about(server, &note, reply))) {
		return ERR_MISMATCH;
	}
	err = check_record(&body, why);
	if (err == 0) {
		(void)snprintf(why, TABLE_WHY_SIZE, "the stamp could not be written");
		err = journal_anchor_stamp(server->journal, size, reply, bad, file);
	}
	if (err != 0) {
		return err;
	}
	lines_set(&body, "file", file);
	err = stage(server, message->id, &body, why);
	if (err == 0 && !bad) {
		server_notes_changed(server, size);
	}
	return err;
}

void server_anchor(struct server *server, const struct wire_message *message)
{
	char why[TABLE_WHY_SIZE] = "the journal takes no records";
	struct journal_facts facts;
	int err = server->fault ? ERR_READONLY : keep(server, message, why);

	journal_facts(server->journal, &facts);
	if (facts.state == JOURNAL_FAULTY) {
		server_fault(server, facts.why);
	}
	if (err != 0) {
		server_fail(server, message->id, err, why, NULL);
	}
}
