#include "server_archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"
#include "archive.h"
#include "erase.h"
#include "server_depot.h"

int server_archive_remove(struct server *server, const char *case_number, uint64_t id, server_archive_done done, void *context)
{
	struct server_depot wanted = { .action = DEPOT_REMOVE, .id = id, .wait_ms = SERVER_ERASE_WAIT_MS, .done = done, .context = context };

	(void)snprintf(wanted.case_number, sizeof wanted.case_number, "%s", case_number);
	return server_depot_start(server, &wanted);
}

bool server_archive_busy(const struct server *server, const char *case_number)
{
	return server_depot_has(server, case_number);
}

const char *server_archive_obstacle(const struct server *server, const char *case_number)
{
	struct journal_case found;
	struct journal_facts facts;
	struct archive archive;
	int err = journal_case_find(server->journal, case_number, &found);

	if (err != 0 || found.archived == 0) {
		return NULL;
	}
	journal_facts(server->journal, &facts);
	err = archive_open(server->ops, server->settings->archive_dir, facts.origin, &archive);
	archive_close(server->ops, &archive);
	return err == 0 && archive.id == found.archived ? NULL : N_("the content is in the archive, and that is not there now");
}

/* --- STORE_ARCHIVE --- */

struct moving {
	struct server *server;
	uint64_t request, epoch;
	char case_number[TABLE_CASE_SIZE];
	bool back;
	uint8_t prev[JOURNAL_HASH_BYTES];
	struct lines body;
	struct journal_receipt receipt;
};

static void release(struct moving *moving)
{
	lines_free(&moving->body);
	free(moving);
}

static const char *words_of(int err)
{
	switch (err) {
	case ERR_NOTFOUND:
		return N_("the archive is not there");
	case ERR_MISMATCH:
		return N_("the folder is the archive of another journal");
	case ERR_FORMAT:
		return N_("the file that marks the archive is damaged");
	case ERR_STATE:
		return N_("the folder is on the same disk as the journal: is the archive mounted?");
	case ERR_EXISTS:
		return N_("the folder is an archive already");
	case ERR_DAMAGE:
		return N_("content is not what was written");
	case ERR_SPACE:
		return N_("the archive is full");
	case ERR_BUSY:
		return N_("other content is being moved at this moment");
	case ERR_DEADLINE:
		return N_("the archive does not answer");
	default:
		return N_("the archive cannot be read or written");
	}
}

static void fail(struct moving *moving, int err, const char *text)
{
	if (moving->epoch == moving->server->hub_epoch) {
		server_fail(moving->server, moving->request, err, text, NULL);
	}
	release(moving);
}

static void finish(struct moving *moving)
{
	if (moving->epoch == moving->server->hub_epoch && channel_is_open(moving->server->hub)) {
		server_answer_appended(moving->server->hub, moving->request, &moving->receipt);
	}
	release(moving);
}

static int leave_vault(void *context, const struct object_ref *ref)
{
	const struct moving *moving = context;
	int err = vault_object_erase(moving->server->vault, moving->case_number, ref);

	if (err != 0) { /* a copy too many, which harms nobody */
		log_warning("%s: archived content stays in the vault too: %s", moving->case_number, err_name(err));
	}
	return 0;
}

static void on_removed(void *context, int err, const struct server_archive_result *result)
{
	struct moving *moving = context;

	(void)result;
	if (err != 0) {
		log_warning("%s: content that was brought back stays in the archive too: %s", moving->case_number, err_name(err));
	}
	finish(moving);
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	struct moving *moving = context;
	uint8_t bytes[8];
	uint64_t id = 0;

	if (err != 0) {
		fail(moving, err, "the journal takes no records");
		return;
	}
	moving->receipt = *receipt;
	if (!moving->back) {
		(void)erase_each_object(moving->server->journal, moving->case_number, leave_vault, moving);
		finish(moving);
		return;
	}
	if (span_parse_hex(span_of_string(lines_get(&moving->body, "place")), bytes, sizeof bytes)) {
		for (size_t i = 0; i < sizeof bytes; i++) {
			id = id << 8 | bytes[i];
		}
	}
	if (server_archive_remove(moving->server, moving->case_number, id, on_removed, moving) != 0) {
		finish(moving);
	}
}

static int stage(struct moving *moving, uint64_t id, char why[TABLE_WHY_SIZE])
{
	char text[LINES_BODY_MAX + 1], place[ARCHIVE_ID_SIZE];
	struct journal_entry entry = { .type = "archived" };
	struct journal_append append = { .writer = TABLE_HUB, .case_number = moving->case_number, .prev = moving->prev, .entries = &entry, .count = 1 };
	int length = 0;

	archive_id_text(id, place);
	lines_set(&moving->body, "place", place);
	length = lines_finish(&moving->body, text, sizeof text);
	if (length < 0) {
		return length;
	}
	entry.body = span_of(text, (size_t)length);
	return server_stage(moving->server, &append, on_recorded, moving, why);
}

static void on_copied(void *context, int err, const struct server_archive_result *result)
{
	struct moving *moving = context;
	char why[TABLE_WHY_SIZE] = "";

	if (err != 0 || result == NULL) {
		fail(moving, err, words_of(err));
		return;
	}
	err = server_is_erased(moving->server, moving->case_number) ? ERR_STATE : stage(moving, result->id, why);
	if (err != 0) {
		fail(moving, err, err == ERR_MISMATCH ? "prev is not the head of the case" : why);
	}
}

/* Only what is at rest moves, and only once. */
static int check_case(const struct server *server, const struct moving *moving, uint64_t *ret_id, char why[TABLE_WHY_SIZE])
{
	struct journal_case found;
	int err = journal_case_find(server->journal, moving->case_number, &found);
	const char *bad = NULL;

	if (err != 0) {
		return err;
	}
	if (found.erased) {
		bad = "the case is erased";
	} else if (moving->back == (found.archived == 0)) {
		bad = moving->back ? "the content is not in an archive" : "the content is in an archive already";
	} else if (!erase_is_at_rest(found.last_type)) {
		bad = "the case is not closed, deleted or refused";
	}
	*ret_id = found.archived;
	(void)snprintf(why, TABLE_WHY_SIZE, "%s", bad != NULL ? bad : "");
	return bad != NULL ? ERR_STATE : 0;
}

static int begin(struct moving *moving, const struct wire_message *message, char why[TABLE_WHY_SIZE])
{
	struct server_depot wanted = { .wait_ms = SERVER_ARCHIVE_WAIT_MS, .done = on_copied, .context = moving };
	struct server *server = moving->server;
	const char *event = NULL;
	int err = ERR_FORMAT;

	if (!wire_string(message, WIRE_F_CASE, moving->case_number, sizeof moving->case_number) ||
	    lines_parse(wire_span(message, WIRE_F_LINES), &moving->body) != 0 || (event = lines_get(&moving->body, "event")) == NULL ||
	    lines_get(&moving->body, "place") != NULL) {
		return ERR_FORMAT;
	}
	memcpy(moving->prev, wire_span(message, WIRE_F_PREV).data, sizeof moving->prev);
	moving->back = strcmp(event, "back") == 0;
	err = check_case(server, moving, &wanted.id, why);
	if (err == 0 && moving->back) {
		err = server_check_space(server, server->settings->min_free_bytes);
		(void)snprintf(why, TABLE_WHY_SIZE, "no space left");
	}
	if (err == 0) {
		memcpy(wanted.case_number, moving->case_number, sizeof wanted.case_number);
		wanted.action = moving->back ? DEPOT_BACK : DEPOT_OUT;
		err = server_depot_start(server, &wanted);
		(void)snprintf(why, TABLE_WHY_SIZE, "%s", words_of(err));
	}
	return err;
}

void server_archive(struct server *server, const struct wire_message *message)
{
	struct moving *moving = calloc(1, sizeof *moving);
	char why[TABLE_WHY_SIZE] = "the record is malformed";
	struct journal_facts facts;
	int err = ERR_MEMORY;

	journal_facts(server->journal, &facts);
	if (moving != NULL) {
		moving->server = server;
		moving->request = message->id;
		moving->epoch = server->hub_epoch;
		err = server->fault || facts.state != JOURNAL_READY ? ERR_READONLY : begin(moving, message, why);
	}
	if (err != 0) {
		if (moving != NULL) {
			release(moving);
		}
		server_fail(server, message->id, err, why, NULL);
	}
}

/* --- STORE_ARCHIVE_LOOK --- */

struct looking {
	struct server *server;
	uint64_t request, epoch;
};

static void on_looked(void *context, int err, const struct server_archive_result *result)
{
	_cleanup_free_ struct looking *looking = context;
	struct server *server = looking->server;
	_cleanup_lines_ struct lines lines = { 0 };
	struct wire_message answer;
	char text[256], id[ARCHIVE_ID_SIZE];
	int length = 0;

	if (looking->epoch != server->hub_epoch) {
		return;
	}
	if (err != 0 || result == NULL) {
		server_fail(server, looking->request, err, words_of(err), NULL);
		return;
	}
	archive_id_text(result->id, id);
	lines_set(&lines, "id", id);
	lines_set_u64(&lines, "free", result->free_bytes);
	length = lines_finish(&lines, text, sizeof text);
	wire_begin(&answer, WIRE_STORE_ARCHIVE_IS, looking->request, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_LINES, span_of(text, length < 0 ? 0 : (size_t)length));
	server_tell_hub(server, &answer);
	server_erase_sweep(server, true); /* an archive that is back may hold what was erased meanwhile */
}

void server_archive_look(struct server *server, const struct wire_message *message)
{
	struct looking *looking = malloc(sizeof *looking);
	uint64_t bits = wire_number(message, WIRE_F_BITS, 0);
	struct server_depot wanted = {
		.action = (bits & 1) != 0 ? DEPOT_INIT : DEPOT_LOOK,
		.same_disk = (bits & 2) != 0,
		.wait_ms = SERVER_ARCHIVE_WAIT_MS,
		.done = on_looked,
		.context = looking,
	};
	int err = ERR_MEMORY;

	if (looking != NULL) {
		*looking = (struct looking){ .server = server, .request = message->id, .epoch = server->hub_epoch };
		err = server_depot_start(server, &wanted);
	}
	if (err != 0) {
		free(looking);
		server_fail(server, message->id, err, words_of(err), NULL);
	}
}
