#include "server_erase.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"
#include "erase.h"
#include "server.h"
#include "server_archive.h"

struct erasing {
	struct server *server;
	uint64_t request, epoch;
	char case_number[TABLE_CASE_SIZE];
	bool wish;
	struct journal_receipt receipt;
	int err;           /* of keys and content; 0: all of it is gone */
	uint64_t archive;  /* where the records say that content is; 0: in none */
	bool name_left;    /* stands in files of names that are locked now */
	bool archive_left; /* the archive was not there */
};

bool server_is_erased(const struct server *server, const char *case_number)
{
	struct journal_case found;

	return journal_case_find(server->journal, case_number, &found) == 0 && found.erased;
}

static bool is_gone(void *context, const char *owner)
{
	return server_is_erased(context, owner);
}

static bool is_gone_key(void *context, const char *owner, uint32_t generation)
{
	(void)generation;
	return server_is_erased(context, owner);
}

/* --- content --- */

struct content {
	struct server *server;
	const char *case_number;
	int err; /* the first failure; the others are tried all the same */
};

static int erase_object(void *context, const struct object_ref *ref)
{
	struct content *content = context;
	int err = vault_object_erase(content->server->vault, content->case_number, ref);

	if (err == ERR_MISMATCH) {
		log_warning("%s: a part that a record names belongs to another case; it stays", content->case_number);
		err = 0;
	}
	content->err = content->err != 0 ? content->err : err;
	return 0;
}

static int erase_content(struct server *server, const char *case_number)
{
	struct content content = { .server = server, .case_number = case_number };
	int err = erase_each_object(server->journal, case_number, erase_object, &content);

	return err != 0 ? err : content.err;
}

/* --- STORE_ERASE --- */

static void finish(struct erasing *erasing)
{
	struct server *server = erasing->server;
	_cleanup_lines_ struct lines left = { 0 };
	struct wire_message answer;
	char text[256];
	int length = 0;

	if (erasing->err != 0) {
		lines_set(&left, "content", "not yet");
	}
	if (erasing->err != 0 || erasing->archive_left) {
		server_erase_sweep(server, false);
	}
	lines_set(&left, "archive", erasing->archive_left ? "not there" : NULL);
	lines_set(&left, "name", erasing->name_left ? "locked" : NULL);
	length = lines_finish(&left, text, sizeof text);
	wire_begin(&answer, WIRE_STORE_APPENDED, erasing->request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_INDEX, erasing->receipt.index);
	wire_put_bytes(&answer, WIRE_F_HASH, span_of(erasing->receipt.hash, sizeof erasing->receipt.hash));
	wire_put_number(&answer, WIRE_F_TIME, (uint64_t)erasing->receipt.utc_ms);
	if (length > 0) {
		wire_put_bytes(&answer, WIRE_F_LINES, span_of(text, (size_t)length));
	}
	if (erasing->epoch == server->hub_epoch) {
		server_tell_hub(server, &answer);
	}
	free(erasing);
}

/* No archive of this journal is there: what no record says to be in one is in none that could be looked at. */
static bool is_no_archive(uint64_t archive, int err)
{
	return archive == 0 && (err == ERR_NOTFOUND || err == ERR_MISMATCH || err == ERR_FORMAT);
}

static void on_archive(void *context, int err, const struct server_archive_result *result)
{
	struct erasing *erasing = context;

	(void)result;
	if (err != 0 && !is_no_archive(erasing->archive, err)) {
		log_warning("%s: its content could not be removed from the archive: %s", erasing->case_number, err_name(err));
		erasing->archive_left = true;
	}
	finish(erasing);
}

/* Also where no record says that content is in the archive: a move that was cut off before its record leaves a copy there. */
static void leave_archive(struct erasing *erasing)
{
	int err = server_archive_remove(erasing->server, erasing->case_number, erasing->archive, on_archive, erasing);

	if (err != 0) {
		on_archive(erasing, err, NULL);
	}
}

/* Derived files; what fails here is tried again by the sweep. */
static int forget_derived(struct server *server, const char *case_number, bool *ret_name_left)
{
	int err = seen_forget(server->seen, is_gone, server), names = 0;

	names_forget(server->names, case_number);
	names = names_flush(server->names);
	*ret_name_left = names != 0 || names_dirty(server->names);
	return err;
}

static void destroy(struct erasing *erasing)
{
	struct server *server = erasing->server;
	struct journal_case found;
	int content = 0, derived = 0;

	server_forget_case(server, erasing->case_number);
	erasing->err = vault_keys_erase_owner(server->vault, erasing->case_number, 0);
	content = erase_content(server, erasing->case_number);
	derived = forget_derived(server, erasing->case_number, &erasing->name_left);
	erasing->err = erasing->err != 0 ? erasing->err : content != 0 ? content : derived;
	if (erasing->err != 0) {
		log_error("%s is erased, and not everything could be destroyed yet: %s", erasing->case_number, err_name(erasing->err));
	}
	erasing->archive = journal_case_find(server->journal, erasing->case_number, &found) == 0 ? found.archived : 0;
	leave_archive(erasing);
}

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	struct erasing *erasing = context;

	if (err != 0) {
		if (erasing->epoch == erasing->server->hub_epoch) {
			server_fail(erasing->server, erasing->request, err, "the journal takes no records", NULL);
		}
		free(erasing);
		return;
	}
	erasing->receipt = *receipt;
	if (erasing->wish) {
		finish(erasing);
	} else {
		destroy(erasing);
	}
}

static int check_journal(const struct server *server, char why[TABLE_WHY_SIZE])
{
	struct journal_facts facts;

	journal_facts(server->journal, &facts);
	(void)snprintf(why, TABLE_WHY_SIZE, "the journal is damaged or rolled back");
	return facts.state != JOURNAL_READY || facts.rolled_back ? ERR_READONLY : 0;
}

/* Nobody may be in the middle of something that needs the keys: a case at rest has nothing of that kind. Who reads it at this moment is cut off. */
static int check_idle(struct server *server, const char *case_number, char why[TABLE_WHY_SIZE])
{
	(void)snprintf(why, TABLE_WHY_SIZE, "%s", N_("the content of the case is in use at this moment"));
	server_forget_case(server, case_number);
	return server_offer_pending(server, case_number) || keys_in_use(server->keys, case_number) || server_archive_busy(server, case_number) ? ERR_BUSY : 0;
}

static int begin(struct server *server, const struct wire_message *message, char why[TABLE_WHY_SIZE])
{
	struct journal_entry entry = { .type = "erased", .body = wire_span(message, WIRE_F_LINES) };
	uint8_t prev[JOURNAL_HASH_BYTES];
	struct erasing *erasing = calloc(1, sizeof *erasing);
	struct journal_append append = { .writer = TABLE_HUB, .prev = prev, .entries = &entry, .count = 1 };
	struct span stage;
	int err = erasing == NULL ? ERR_MEMORY : 0;

	if (err == 0 && (!wire_string(message, WIRE_F_CASE, erasing->case_number, sizeof erasing->case_number) || !lines_valid(entry.body))) {
		err = ERR_FORMAT;
	}
	if (err == 0) {
		memcpy(prev, wire_span(message, WIRE_F_PREV).data, sizeof prev);
		erasing->server = server;
		erasing->request = message->id;
		erasing->epoch = server->hub_epoch;
		erasing->wish = lines_find(entry.body, "stage", &stage);
		append.case_number = erasing->case_number;
		err = check_journal(server, why);
	}
	if (err == 0 && !erasing->wish) {
		err = erase_check(server->journal, erasing->case_number, entry.body, clock_utc_ms(), why);
	}
	if (err == 0 && !erasing->wish) {
		err = check_idle(server, erasing->case_number, why);
	}
	if (err == 0) {
		err = server_stage(server, &append, on_recorded, erasing, why);
	}
	if (err != 0) {
		free(erasing);
	}
	return err;
}

void server_erase(struct server *server, const struct wire_message *message)
{
	char why[TABLE_WHY_SIZE] = "the record is malformed";
	int err = server->fault ? ERR_READONLY : begin(server, message, why);

	if (err != 0) {
		server_fail(server, message->id, err, err == ERR_MISMATCH ? "prev is not the head of the case" : why, NULL);
	}
}

/* --- what is left of earlier ones --- */

static void on_sweep(void *context, uint32_t events);

static void arm(struct server *server, uint64_t ms)
{
	int id = loop_timer(server->loop, clock_deadline(ms), on_sweep, server);

	server->sweep.timer = id > 0 ? id : 0;
}

static void on_swept(void *context, int err, const struct server_archive_result *result)
{
	struct server *server = context;
	struct server_sweep *sweep = &server->sweep;

	(void)result;
	if (is_no_archive(sweep->archive, err)) {
		sweep->everywhere = false;
	} else if (err != 0) {
		sweep->left++;
	}
	arm(server, 0);
}

static void end_sweep(struct server *server)
{
	struct server_sweep *sweep = &server->sweep;

	const bool asked = sweep->asked, archived = sweep->asked_archived;

	if (sweep->left > 0) {
		sweep->pause_ms = sweep->pause_ms == 0 ? SERVER_ERASE_AGAIN_MS : sweep->pause_ms * 2;
		sweep->pause_ms = sweep->pause_ms < SERVER_ERASE_MOST_MS ? sweep->pause_ms : SERVER_ERASE_MOST_MS;
		log_warning("%zu erased cases have content that could not be removed yet, in the vault or in an archive that is not there", sweep->left);
	}
	free(sweep->cases);
	*sweep = (struct server_sweep){ .pause_ms = sweep->left > 0 ? sweep->pause_ms : 0, .asked_archived = archived };
	if (asked || sweep->pause_ms > 0) {
		arm(server, asked ? 0 : sweep->pause_ms); /* who asked has seen something new */
	}
}

struct leaving {
	struct server *server;
	const struct journal_case *of;
	int err; /* the first failure; the others are tried all the same */
};

static int leave_object(void *context, const struct object_ref *ref)
{
	struct leaving *leaving = context;
	int err = vault_object_leave(leaving->server->vault, leaving->of->number, ref, leaving->of->archived);

	leaving->err = leaving->err != 0 ? leaving->err : err;
	return 0;
}

static void leave_copies(struct server *server, const struct journal_case *of)
{
	struct leaving leaving = { .server = server, .of = of };
	int err = of->archived == 0 ? 0 : erase_each_object(server->journal, of->number, leave_object, &leaving);

	err = err != 0 ? err : leaving.err;
	if (err != 0) { /* a copy too many, which harms nobody */
		log_warning("%s: archived content stays in the vault too: %s", of->number, err_name(err));
	}
}

/* One case. */
static void on_sweep(void *context, uint32_t events)
{
	struct server *server = context;
	struct server_sweep *sweep = &server->sweep;
	struct journal_case found;
	int err = ERR_INTERNAL;

	(void)events;
	sweep->timer = 0;
	if (sweep->cases == NULL) {
		server_erase_sweep(server, sweep->asked_archived);
		return;
	}
	if (sweep->next == sweep->count || server->fault) {
		end_sweep(server);
		return;
	}
	err = journal_case_find(server->journal, sweep->cases[sweep->next], &found);
	sweep->next++;
	if (err == 0 && !found.erased) {
		leave_copies(server, &found);
		arm(server, 0);
		return;
	}
	if (err == 0) {
		err = erase_content(server, found.number);
	}
	if (err == 0 && (found.archived != 0 || sweep->everywhere)) {
		sweep->archive = found.archived;
		err = server_archive_remove(server, found.number, found.archived, on_swept, server);
		if (err == 0) {
			return; /* on_swept goes on */
		}
		err = is_no_archive(found.archived, err) ? 0 : err;
	}
	sweep->left += err != 0 ? 1 : 0;
	arm(server, 0);
}

static void count_erased(void *context, const struct journal_case *found)
{
	struct server_sweep *sweep = context;

	sweep->count += found->erased || (sweep->archived && found->archived != 0) ? 1 : 0;
}

static void collect_erased(void *context, const struct journal_case *found)
{
	struct server_sweep *sweep = context;

	if (found->erased || (sweep->archived && found->archived != 0)) {
		memcpy(sweep->cases[sweep->count++], found->number, TABLE_CASE_SIZE);
	}
}

void server_erase_sweep(struct server *server, bool archived)
{
	struct server_sweep *sweep = &server->sweep;

	if (sweep->cases != NULL) { /* one is under way, and may have passed what this one is about: another one follows it */
		sweep->asked = true;
		sweep->asked_archived = sweep->asked_archived || archived;
		return;
	}
	loop_cancel(server->loop, sweep->timer);
	*sweep = (struct server_sweep){ .pause_ms = sweep->pause_ms, .archived = archived, .everywhere = true };
	journal_case_each(server->journal, count_erased, sweep);
	sweep->cases = sweep->count == 0 ? NULL : calloc(sweep->count, sizeof *sweep->cases);
	sweep->count = 0;
	if (sweep->cases == NULL) {
		return;
	}
	journal_case_each(server->journal, collect_erased, sweep);
	if (vault_keys_erase(server->vault, is_gone_key, server, NULL) != 0 || seen_forget(server->seen, is_gone, server) != 0) {
		sweep->left++;
	}
	arm(server, 0);
}

void server_erase_open(struct server *server)
{
	struct journal_facts facts;

	names_gone(server->names, is_gone, server);
	journal_facts(server->journal, &facts);
	server->sweep = (struct server_sweep){ .archived = false };
	journal_case_each(server->journal, count_erased, &server->sweep);
	if (server->sweep.count == 0 || facts.state != JOURNAL_READY) {
		return;
	}
	if (names_sweep(server->names) != 0) {
		log_warning("keys of files of names that are no more could not be removed");
	}
	server_erase_sweep(server, false);
	server->sweep.everywhere = facts.unclean;
}
