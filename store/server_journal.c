/* The hub reads records and has them appended. */
#include "server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define CLOCK_AHEAD_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)
#define CASE_WAIT_FIRST_MS 2
#define CASE_WAIT_STEP_MS 10
#define CASE_WAIT_MS 5000

/* --- reading --- */

static void answer_records(struct server *server, uint64_t request, uint64_t next, uint64_t count, int fd)
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_STORE_RECORDS, request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_INDEX, next);
	wire_put_number(&answer, WIRE_F_COUNT, count);
	wire_put_fd(&answer, fd);
	server_tell_hub(server, &answer);
}

void server_read(struct server *server, const struct wire_message *message)
{
	uint64_t from = wire_number(message, WIRE_F_INDEX, 0), next = from;
	_cleanup_free_ uint8_t *buffer = malloc(SERVER_READ_BYTES);
	_cleanup_close_ int fd = -1;
	size_t length = 0;
	int err = buffer == NULL ? ERR_MEMORY : 0;

	if (err == 0 && from < journal_size(server->journal)) {
		err = journal_read(server->journal, from, buffer, SERVER_READ_BYTES, &length, &next);
	}
	if (err == 0) {
		fd = fd_memfd_sealed("records", buffer, length);
		err = fd < 0 ? fd : 0;
	}
	if (err != 0) {
		server_fail(server, message->id, err, "records cannot be read", NULL);
		return;
	}
	answer_records(server, message->id, next, next - from, fd);
}

static int write_record(int fd, const struct record *record)
{
	char trailer[RECORD_TRAILER_BYTES + 1];
	int err = fd_write_all(fd, record->leaf.data, record->leaf.length);

	record_format_trailer(record->index, record->hash, trailer);
	return err != 0 ? err : fd_write_all(fd, trailer, RECORD_TRAILER_BYTES);
}

static int collect_case(struct server *server, const char *case_number, int *ret_fd, size_t *ret_count)
{
	_cleanup_free_ uint64_t *indexes = NULL;
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	_cleanup_close_ int fd = fd_memfd_open("records");
	size_t count = 0;
	int err = buffer == NULL || fd < 0 ? ERR_MEMORY : journal_case_indexes(server->journal, case_number, &indexes, &count);

	for (size_t i = 0; err == 0 && i < count; i++) {
		struct record record;

		err = journal_read_one(server->journal, indexes[i], buffer, &record);
		if (err == 0) {
			err = write_record(fd, &record);
		}
	}
	if (err == 0) {
		err = fd_seal(fd);
	}
	if (err != 0) {
		return err;
	}
	*ret_fd = take_fd(&fd);
	*ret_count = count;
	return 0;
}

struct case_wait {
	struct server *server;
	uint64_t request, epoch;
	uint64_t deadline_ms;
	bool barrier; /* the hub knows the records: they were told it before this answer */
	char case_number[TABLE_CASE_SIZE];
};

static void on_case_timer(void *context, uint32_t events)
{
	_cleanup_free_ struct case_wait *wait = context;
	struct server *server = wait->server;
	_cleanup_close_ int fd = -1;
	size_t count = 0;
	int err = ERR_INTERNAL;

	(void)events;
	if (wait->epoch != server->hub_epoch) {
		return;
	}
	if (server_offer_pending(server, wait->case_number) && !clock_expired(wait->deadline_ms) &&
	    loop_timer(server->loop, clock_deadline(CASE_WAIT_STEP_MS), on_case_timer, wait) > 0) {
		wait = NULL; /* the timer has it */
		return;
	}
	if (wait->barrier) {
		fd = fd_memfd_sealed("records", "", 0);
		err = fd < 0 ? fd : 0;
	} else {
		err = collect_case(server, wait->case_number, &fd, &count);
	}
	if (err != 0) {
		server_fail(server, wait->request, err, "the case cannot be read", NULL);
		return;
	}
	answer_records(server, wait->request, journal_size(server->journal), count, fd);
}

/* What a session sent before its end may come after this request: its link is read in this round of the loop, or in the next. */
void server_case(struct server *server, const struct wire_message *message)
{
	struct case_wait *wait = calloc(1, sizeof *wait);

	if (wait == NULL || !wire_string(message, WIRE_F_CASE, wait->case_number, sizeof wait->case_number)) {
		free(wait);
		server_fail(server, message->id, ERR_FORMAT, "not a case number", NULL);
		return;
	}
	wait->server = server;
	wait->request = message->id;
	wait->epoch = server->hub_epoch;
	wait->barrier = wire_number(message, WIRE_F_BITS, 0) != 0;
	wait->deadline_ms = clock_deadline(CASE_WAIT_MS);
	if (loop_timer(server->loop, clock_deadline(CASE_WAIT_FIRST_MS), on_case_timer, wait) < 0) {
		free(wait);
		server_fail(server, message->id, ERR_LIMIT, "too many at once", NULL);
	}
}

void server_case_new(struct server *server, const struct wire_message *message)
{
	char number[JOURNAL_CASE_SIZE];
	struct wire_message answer;
	int err = ERR_INTERNAL;

	do {
		err = journal_next_case(server->journal, number);
	} while (err == 0 && strcmp(number, seen_highest(server->seen)) <= 0);

	if (err != 0) {
		server_fail(server, message->id, err, "no case number", NULL);
		return;
	}
	wire_begin(&answer, WIRE_STORE_CASE_NUMBER, message->id, CLOCK_NEVER_MS);
	wire_put_string(&answer, WIRE_F_CASE, number);
	server_tell_hub(server, &answer);
}

/* Looks from the last record of the case back, not before `from`; `fits` says whether this is the one. */
static int search_case(struct server *server, const char *case_number, uint64_t from, bool (*fits)(void *context, const struct record *record), void *context,
                       uint64_t *ret_index)
{
	_cleanup_free_ uint64_t *indexes = NULL;
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	size_t count = 0;
	int err = buffer == NULL ? ERR_MEMORY : journal_case_indexes(server->journal, case_number, &indexes, &count);

	while (err == 0 && count > 0 && indexes[count - 1] >= from) {
		struct record record;

		err = journal_read_one(server->journal, indexes[--count], buffer, &record);
		if (err == 0 && fits(context, &record)) {
			*ret_index = indexes[count];
			return 0;
		}
	}
	return err != 0 ? err : ERR_NOTFOUND;
}

struct object_search {
	char field[OBJECT_ROLE_SIZE + 8];
	struct object_ref ref;
	bool malformed;
};

static bool has_object(void *context, const struct record *record)
{
	struct object_search *search = context;
	struct span value;

	if (!record_field(record, search->field, &value)) {
		return false;
	}
	search->malformed = object_ref_parse(value, &search->ref) != 0;
	return true;
}

int server_find_object(struct server *server, const char *case_number, const char *role, uint64_t index, struct object_ref *ret)
{
	struct object_search search = { .malformed = false };
	uint64_t found = 0;
	int err = ERR_NOTFOUND;

	for (const struct server_recent *recent = index == 0 ? server->recent : NULL; recent != NULL; recent = recent->next) {
		if (strcmp(recent->case_number, case_number) == 0 && strcmp(recent->role, role) == 0) {
			*ret = recent->ref;
			return 0;
		}
	}
	if (server_known_find(&server->known, case_number, role, index, ret)) {
		return 0;
	}
	(void)snprintf(search.field, sizeof search.field, "object-%s", role);
	if (index == 0) {
		err = search_case(server, case_number, 0, has_object, &search, &found);
	} else {
		_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
		struct record record;

		err = buffer == NULL ? ERR_MEMORY : journal_read_one(server->journal, index, buffer, &record);
		if (err == 0 && (!record_field_is(&record, "case", case_number) || !has_object(&search, &record))) {
			err = ERR_NOTFOUND;
		}
	}
	if (err == 0 && search.malformed) {
		err = ERR_DAMAGE;
	}
	if (err == 0) {
		*ret = search.ref;
	}
	return err;
}

static bool has_answer(void *context, const struct record *record)
{
	uint64_t session = 0;

	return lines_find_u64(record->body, "answers", &session) && session == *(const uint64_t *)context;
}

int server_find_answer(struct server *server, const char *case_number, uint64_t session, uint64_t *ret_index)
{
	return search_case(server, case_number, session, has_answer, &session, ret_index); /* an answer stands behind what it answers */
}

/* --- following --- */

static void follow_intent(struct server *server, const struct record *record, const char *case_number)
{
	struct server_intent *intent = calloc(1, sizeof *intent);

	if (intent == NULL) {
		log_error("no memory");
		return;
	}
	(void)snprintf(intent->case_number, sizeof intent->case_number, "%s", case_number);
	intent->index = record->index;
	intent->next = server->intents;
	server->intents = intent;
}

static void follow_outcome(struct server *server, const struct record *record)
{
	uint64_t index = 0;

	if (!lines_find_u64(record->body, "intent", &index)) {
		return;
	}
	for (struct server_intent **place = &server->intents; *place != NULL; place = &(*place)->next) {
		struct server_intent *intent = *place;

		if (intent->index == index) {
			*place = intent->next;
			free(intent);
			return;
		}
	}
}

/* What a record of the case names is no longer "just taken". */
static void follow_objects(struct server *server, const struct record *record, const char *case_number)
{
	for (struct server_recent **place = &server->recent; *place != NULL;) {
		struct server_recent *recent = *place;
		char field[OBJECT_ROLE_SIZE + 8], text[OBJECT_REF_SIZE];
		struct span value;

		(void)snprintf(field, sizeof field, "object-%s", recent->role);
		if (strcmp(recent->case_number, case_number) == 0 && record_field(record, field, &value) &&
		    object_ref_format(&recent->ref, text, sizeof text) > 0 && span_equals_string(value, text)) {
			*place = recent->next;
			server->recent_count--;
			free(recent);
		} else {
			place = &recent->next;
		}
	}
}

/* The latest time that can be believed: a record of a clock that jumped back or far ahead does not count until a person or a signed date confirms it
 * (design 3), so that a restart under a wrong clock does not make it right. */
static void follow_clock(struct server *server, const struct record *record)
{
	int64_t ahead_ms = record->utc_ms - server->last_utc_ms;

	if (server->last_utc_ms == 0 || (ahead_ms >= 0 && ahead_ms <= CLOCK_AHEAD_MAX_MS) || strcmp(record->type, "clock-accepted") == 0) {
		server->last_utc_ms = record->utc_ms;
		server->last_mono_ms = clock_mono_ms();
	}
}

void server_follow(struct server *server, const struct record *record)
{
	char case_number[TABLE_CASE_SIZE];

	follow_clock(server, record);
	server_pin_follow(server, record);
	if (!record_field_string(record, "case", case_number, sizeof case_number)) {
		return;
	}
	if (strcmp(record->type, "intent") == 0) {
		follow_intent(server, record, case_number);
	} else if (strcmp(record->type, "signed") == 0 || strcmp(record->type, "abandoned") == 0) {
		follow_outcome(server, record);
	}
	follow_objects(server, record, case_number);
	server_known_follow(&server->known, record, case_number);
}

/* --- appending --- */

struct append_wait {
	struct server *server;
	uint64_t request, epoch;
};

static void on_appended(void *context, int err, const struct journal_receipt *receipt)
{
	_cleanup_free_ struct append_wait *wait = context;

	if (wait->epoch != wait->server->hub_epoch || !channel_is_open(wait->server->hub)) {
		return; /* another hub by now: it reads the record */
	}
	if (err != 0) {
		server_fail(wait->server, wait->request, err, "the journal takes no records", NULL);
	} else {
		server_answer_appended(wait->server->hub, wait->request, receipt);
	}
}

/* "type LF lines". The type is copied, the body borrowed. */
static bool split_record(struct span record, char ret_type[RECORD_TYPE_BYTES + 1], struct span *ret_body)
{
	struct span type;

	if (!span_read_until(&record, '\n', &type) || !span_copy_string(type, ret_type, RECORD_TYPE_BYTES + 1)) {
		return false;
	}
	*ret_body = record;
	return true;
}

/* What a record names must be there: whole objects of that case, durable before the record (design 4). */
static int check_objects(struct server *server, struct span body)
{
	struct span name, value;

	while (lines_next(&body, &name, &value)) {
		struct object_ref ref;

		if (span_starts_with(name, "object-") && (object_ref_parse(value, &ref) != 0 || !vault_object_exists(server->vault, &ref))) {
			return ERR_NOTFOUND;
		}
	}
	return 0;
}

int server_check_space(const struct server *server, uint64_t bytes)
{
	struct statvfs space;

	if (server->ops->fstatvfs(server->ops, server->data_fd, &space) != 0) {
		return ERR_SYSTEM;
	}
	return (uint64_t)space.f_bavail * space.f_frsize < bytes ? ERR_SPACE : 0;
}

/* Rolled back: nothing is signed or sent until a person accepts (design 3). And nothing is sent without room for the reply. */
static int check_permitted(struct server *server, const char *type, const char **ret_text)
{
	struct journal_facts facts;

	if (strcmp(type, "erased") == 0 || strcmp(type, "archived") == 0) {
		*ret_text = "this record has a request of its own";
		return ERR_DENIED;
	}
	if (strcmp(type, "sending") != 0) {
		return 0;
	}
	journal_facts(server->journal, &facts);
	if (facts.rolled_back) {
		*ret_text = "the journal was rolled back; a person must accept that first";
		return ERR_READONLY;
	}
	*ret_text = "no room for the reply";
	return server_check_space(server, SERVER_SENDING_RESERVE_BYTES);
}

static int read_entries(struct server *server, const struct wire_message *message, struct journal_entry *entries, char types[][RECORD_TYPE_BYTES + 1],
                        size_t *ret_count, const char **ret_text)
{
	struct span record;
	size_t count = 0;

	while (wire_nth(message, WIRE_F_RECORD, count, &record)) {
		int err = ERR_FORMAT;

		*ret_text = "a record is malformed";
		if (!split_record(record, types[count], &entries[count].body) || !lines_valid(entries[count].body)) {
			return ERR_FORMAT;
		}
		entries[count].type = types[count];
		*ret_text = "an object that a record names is not in the vault";
		err = check_objects(server, entries[count].body);
		if (err == 0) {
			err = check_permitted(server, types[count], ret_text);
		}
		if (err != 0) {
			return err;
		}
		count++;
	}
	*ret_count = count;
	return 0;
}

static int stage_append(struct server *server, const struct wire_message *message, const char **ret_text, char why[TABLE_WHY_SIZE])
{
	struct journal_entry entries[WIRE_FIELDS_MAX];
	char types[WIRE_FIELDS_MAX][RECORD_TYPE_BYTES + 1];
	char case_number[TABLE_CASE_SIZE];
	uint8_t prev[JOURNAL_HASH_BYTES];
	struct journal_append append = { .writer = TABLE_HUB, .case_number = case_number, .entries = entries };
	struct append_wait *wait = NULL;
	int err = ERR_FORMAT;

	*ret_text = "not a case number";
	if (!wire_string(message, WIRE_F_CASE, case_number, sizeof case_number)) {
		return ERR_FORMAT;
	}
	err = read_entries(server, message, entries, types, &append.count, ret_text);
	if (err != 0) {
		return err;
	}
	memcpy(prev, wire_span(message, WIRE_F_PREV).data, sizeof prev);
	append.prev = case_number[0] == '\0' ? NULL : prev;
	wait = malloc(sizeof *wait);
	if (wait == NULL) {
		return ERR_MEMORY;
	}
	*wait = (struct append_wait){ .server = server, .request = message->id, .epoch = server->hub_epoch };
	*ret_text = why;
	err = server_stage(server, &append, on_appended, wait, why);
	if (err != 0) {
		free(wait);
	}
	return err;
}

int server_append(struct server *server, const struct wire_message *message)
{
	char why[TABLE_WHY_SIZE] = "", case_number[TABLE_CASE_SIZE] = "";
	const char *text = "";
	struct journal_case found;
	int err = stage_append(server, message, &text, why);

	if (err == 0) {
		return 0;
	}
	if (err == ERR_MISMATCH) {
		server_commit(server); /* the notice of the record that came before goes out before the refusal that names it */
	}
	if (err == ERR_MISMATCH && wire_string(message, WIRE_F_CASE, case_number, sizeof case_number) &&
	    journal_case_find(server->journal, case_number, &found) == 0) {
		server_fail(server, message->id, err, "prev is not the head of the case", found.head);
		return 0;
	}
	server_fail(server, message->id, err, text, NULL);
	return 0;
}
