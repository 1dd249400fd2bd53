/* STORE_MAINTAIN: a child process looks (maintain.h), the store acts on what it is told, one thing for each turn of the loop. */
#include "server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "maintain.h"
#include "server_child.h"

#define MAINTAIN_MS_MAX (UINT64_C(24) * 3600 * 1000)
#define TELL_MS 200

struct server_maintain {
	struct server *server;
	struct server_child *child;
	uint64_t request, records;
	unsigned work;
	int report;
	uint64_t told_ms;
	uint64_t orphans, orphan_bytes, orphans_left, temporaries;
	bool damaged, failed;
	struct lines figures;
};

/* --- in the child --- */

static void tell_store(void *context, const struct maintain_found *found)
{
	struct server_maintain *maintain = context;

	if (found->what == MAINTAIN_PROGRESS) {
		if (clock_mono_ms() - maintain->told_ms < TELL_MS) {
			return;
		}
		maintain->told_ms = clock_mono_ms();
	}
	server_child_report(maintain->report, found, sizeof *found);
}

struct remake {
	struct server *server;
	void (*progress)(void *look, uint64_t done_bytes, uint64_t all_bytes);
	void *look;
};

static void follow(void *context, const struct record *record, bool replay)
{
	const struct remake *remake = context;

	(void)replay;
	server_follow(remake->server, record);
}

static void save(void *context, struct index_writer *writer)
{
	const struct remake *remake = context;

	server_save(remake->server, writer);
}

static void on_progress(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
	const struct remake *remake = context;

	remake->progress(remake->look, done_bytes, all_bytes);
}

/* The child's copy of the server is as good as a new one once it has forgotten what records told it. */
static int make_index(void *context, void (*progress)(void *look, uint64_t done_bytes, uint64_t all_bytes), void *look, struct journal_facts *ret)
{
	const struct server_maintain *maintain = context;
	struct remake remake = { .server = maintain->server, .progress = progress, .look = look };
	struct journal_options options = { .ops = maintain->server->ops,
		                           .data_fd = maintain->server->data_fd,
		                           .on_record = follow,
		                           .save = save,
		                           .on_progress = on_progress,
		                           .context = &remake };

	server_forget_followed(maintain->server);
	return journal_index_make(maintain->server->journal, &options, ret);
}

static void run_child(struct server *server, int fd, void *context)
{
	struct server_maintain *maintain = context;
	struct maintain_options options = { .ops = server->ops,
		                            .data_fd = server->data_fd,
		                            .records = maintain->records,
		                            .work = maintain->work,
		                            .now_ms = clock_utc_ms(),
		                            .tell = tell_store,
		                            .make_index = make_index,
		                            .context = maintain };

	maintain->report = fd;
	maintain_look(&options);
}

/* --- what was found is judged once more, by who knows what happens now --- */

static bool refers_to(const struct object_ref *ref, const uint8_t hash[OBJECT_HASH_BYTES])
{
	for (size_t i = 0; i < ref->part_count; i++) {
		if (memcmp(ref->parts[i], hash, OBJECT_HASH_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

static bool record_refers_to(const struct record *record, const uint8_t hash[OBJECT_HASH_BYTES])
{
	struct journal_ref ref;
	struct span role, value;

	for (size_t i = 0; journal_ref_nth(record->body, i, &role, &value); i++) {
		if (journal_ref_parse(value, &ref) != 0) {
			return true; /* not understood: nothing is taken away */
		}
		for (size_t k = 0; k < ref.part_count; k++) {
			if (memcmp(ref.parts[k], hash, OBJECT_HASH_BYTES) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* By something on its way, or by a record that the child did not see. */
static bool is_wanted(const struct server_maintain *maintain, const uint8_t hash[OBJECT_HASH_BYTES])
{
	struct server *server = maintain->server;
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	bool wanted = buffer == NULL || server->stream_count > 0 || server->offers != NULL;

	for (const struct server_recent *recent = server->recent; recent != NULL && !wanted; recent = recent->next) {
		wanted = refers_to(&recent->ref, hash);
	}
	for (uint64_t index = maintain->records; index < journal_size(server->journal) && !wanted; index++) {
		struct record record;

		wanted = journal_read_one(server->journal, index, buffer, &record) != 0 || record_refers_to(&record, hash);
	}
	return wanted;
}

static void take_orphan(struct server_maintain *maintain, const struct maintain_found *found)
{
	server_commit(maintain->server);
	if (maintain->server->fault || is_wanted(maintain, found->hash)) {
		maintain->orphans_left++;
		return;
	}
	vault_part_remove(maintain->server->vault, found->hash);
	maintain->orphans++;
	maintain->orphan_bytes += found->bytes;
}

/* Files are put in place within one turn of the loop: what has a name of that kind now belongs to nobody. */
static void take_temporary(struct server_maintain *maintain, const struct maintain_found *found)
{
	struct server *server = maintain->server;
	char name[MAINTAIN_NAME_SIZE];

	(void)snprintf(name, sizeof name, "%.*s", MAINTAIN_NAME_SIZE - 1, found->name);
	if (server->ops->unlinkat(server->ops, server->data_fd, name, 0) == 0) {
		maintain->temporaries++;
	}
}

/* --- the end --- */

static void finish(struct server_maintain *maintain)
{
	maintain->server->maintain = NULL;
	server_names_rebuild_stop(maintain->server);
	server_child_stop(maintain->child);
	lines_free(&maintain->figures);
	free(maintain);
}

static void answer(struct server_maintain *maintain)
{
	struct wire_message message;
	static char text[LINES_BODY_MAX + 1];
	int length = 0;

	if ((maintain->work & MAINTAIN_LEFTOVERS) != 0) {
		lines_set_u64(&maintain->figures, "orphans", maintain->orphans);
		lines_set_u64(&maintain->figures, "orphans-bytes", maintain->orphan_bytes);
		lines_set_u64(&maintain->figures, "orphans-left", maintain->orphans_left);
		lines_set_u64(&maintain->figures, "temporaries", maintain->temporaries);
	}
	length = lines_finish(&maintain->figures, text, sizeof text);
	wire_begin(&message, WIRE_STORE_MAINTAINED, maintain->request, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, maintain->damaged ? 5 : maintain->failed ? 1 : 0);
	if (length > 0) {
		wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	}
	server_tell_hub(maintain->server, &message);
	finish(maintain);
}

/* --- names --- */

static void on_names(void *context, size_t made, size_t left)
{
	struct server_maintain *maintain = context;

	lines_set_u64(&maintain->figures, "names-made", made);
	lines_set_u64(&maintain->figures, "names-left", left);
	maintain->failed = maintain->failed || left > 0;
	answer(maintain);
}

static void on_names_progress(void *context, size_t done, size_t count)
{
	struct server_maintain *maintain = context;
	struct wire_message notice;

	wire_begin(&notice, WIRE_PROGRESS, maintain->request, CLOCK_NEVER_MS);
	wire_put_number(&notice, WIRE_F_DONE, done);
	wire_put_number(&notice, WIRE_F_COUNT, count);
	wire_put_string(&notice, WIRE_F_TEXT, "maintenance");
	server_tell_hub(maintain->server, &notice);
}

static void look_at_names(struct server_maintain *maintain)
{
	if ((maintain->work & MAINTAIN_NAMES) == 0) {
		answer(maintain);
	} else {
		server_names_rebuild(maintain->server, on_names, on_names_progress, maintain);
	}
}

/* --- what the child tells --- */

static void put_space(struct server_maintain *maintain, const struct maintain_space *space)
{
	lines_set_u64(&maintain->figures, "space-segments", space->segments);
	lines_set_u64(&maintain->figures, "space-anchors", space->anchors);
	lines_set_u64(&maintain->figures, "space-vault", space->vault);
	lines_set_u64(&maintain->figures, "space-keys", space->keys);
	lines_set_u64(&maintain->figures, "space-names", space->names);
	lines_set_u64(&maintain->figures, "space-index", space->index);
	lines_set_u64(&maintain->figures, "space-quarantine", space->quarantine);
	lines_set_u64(&maintain->figures, "space-free", space->left);
}

static void put_check(struct server_maintain *maintain, const struct maintain_found *found)
{
	lines_set_u64(&maintain->figures, "check-records", found->records);
	lines_set_u64(&maintain->figures, "check-objects", found->objects);
	if (found->damaged) {
		maintain->damaged = true;
		lines_set_u64(&maintain->figures, "check-index", found->index);
		lines_set(&maintain->figures, "check-why", found->why);
	}
}

static int remove_kept(void *context, const char *name)
{
	struct server_maintain *maintain = context;
	struct server *server = maintain->server;
	char path[MAINTAIN_NAME_SIZE];

	if ((strcmp(name, JOURNAL_INDEX_NAME) != 0 || maintain->damaged) && (size_t)snprintf(path, sizeof path, INDEX_FOLDER "/%s", name) < sizeof path &&
	    server->ops->unlinkat(server->ops, server->data_fd, path, 0) != 0) {
		log_warning("a file of the index could not be removed");
	}
	return 0;
}

/* Everything else that is derived goes: the hub writes its own anew. Where records are damaged the next start must read them, so no index may vouch for them. */
static void clear_index(struct server_maintain *maintain)
{
	struct server *server = maintain->server;
	int fd = server->ops->openat(server->ops, server->data_fd, INDEX_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd >= 0) {
		(void)file_list(server->ops, fd, remove_kept, maintain);
		file_close(server->ops, &fd);
	}
}

static void take_index(struct server_maintain *maintain, const struct maintain_found *found)
{
	int err = found->records > 0 ? journal_index_adopt(maintain->server->journal, found->records) : 0;

	if (err != 0) {
		log_error("the index could not be put in its place: %s", err_name(err));
		server_fail(maintain->server, maintain->request, err, "the index could not be put in its place", NULL);
		finish(maintain);
		return;
	}
	if (found->damaged) {
		maintain->damaged = true;
		lines_set_u64(&maintain->figures, "check-index", found->index);
		lines_set(&maintain->figures, "check-why", found->why);
	}
	clear_index(maintain);
	lines_set_u64(&maintain->figures, "index", found->records);
}

static void tell_progress(const struct server_maintain *maintain, const struct maintain_found *found)
{
	struct wire_message notice;

	wire_begin(&notice, WIRE_PROGRESS, maintain->request, CLOCK_NEVER_MS);
	wire_put_number(&notice, WIRE_F_DONE, found->done);
	wire_put_number(&notice, WIRE_F_COUNT, found->count);
	wire_put_string(&notice, WIRE_F_TEXT, "maintenance");
	server_tell_hub(maintain->server, &notice);
}

static void on_done(struct server_maintain *maintain, int err)
{
	server_child_stop(maintain->child);
	maintain->child = NULL;
	if (err != 0) {
		log_error("maintenance ended early: %s", err_name(err));
		server_fail(maintain->server, maintain->request, err, "the data directory could not be read whole", NULL);
		finish(maintain);
	} else {
		look_at_names(maintain);
	}
}

static void on_packet(void *context, const void *packet)
{
	struct server_maintain *maintain = context;
	static struct maintain_found found;

	memcpy(&found, packet, sizeof found);
	switch (found.what) {
	case MAINTAIN_PROGRESS:
		tell_progress(maintain, &found);
		break;
	case MAINTAIN_INDEXED:
		take_index(maintain, &found);
		break;
	case MAINTAIN_ORPHAN:
		take_orphan(maintain, &found);
		break;
	case MAINTAIN_TEMPORARY:
		take_temporary(maintain, &found);
		break;
	case MAINTAIN_CHECKED:
		put_check(maintain, &found);
		break;
	case MAINTAIN_MEASURED:
		put_space(maintain, &found.space);
		break;
	case MAINTAIN_DONE:
		on_done(maintain, found.err);
		break;
	}
}

static void on_lost(void *context, int err)
{
	struct server_maintain *maintain = context;

	maintain->child = NULL;
	server_fail(maintain->server, maintain->request, err, "the maintenance ended early", NULL);
	finish(maintain);
}

/* --- the beginning --- */

static int start(struct server *server, uint64_t request, unsigned work)
{
	struct server_maintain *maintain = calloc(1, sizeof *maintain);
	struct server_child_plan plan = { .packet = sizeof(struct maintain_found),
		                          .timeout_ms = MAINTAIN_MS_MAX,
		                          .keep = -1,
		                          .run = run_child,
		                          .on_packet = on_packet,
		                          .on_lost = on_lost,
		                          .context = maintain };
	int err = ERR_MEMORY;

	if (maintain == NULL) {
		return err;
	}
	maintain->server = server;
	maintain->request = request;
	maintain->work = work;
	maintain->records = journal_size(server->journal);
	err = server_child_start(server, &plan, &maintain->child);
	if (err != 0) {
		free(maintain);
		return err;
	}
	server->maintain = maintain;
	if ((work & MAINTAIN_LEFTOVERS) != 0) {
		server_erase_sweep(server, true);
		lines_set_u64(&maintain->figures, "erasures", server->sweep.count);
	}
	return 0;
}

void server_maintain_stop(struct server *server)
{
	if (server->maintain != NULL) {
		finish(server->maintain);
	}
}

void server_maintain_start(struct server *server, const struct wire_message *message)
{
	struct journal_facts facts;
	char word[32];
	unsigned work = 0;
	int err = ERR_BUSY;

	server_commit(server);
	journal_facts(server->journal, &facts);
	work = wire_string(message, WIRE_F_KIND, word, sizeof word) ? maintain_parse(word) : 0;
	if (work == 0) {
		server_fail(server, message->id, ERR_FORMAT, "there is no such maintenance", NULL);
		return;
	}
	if (facts.state != JOURNAL_READY) {
		server_fail(server, message->id, ERR_READONLY, "the journal is damaged: nothing is touched", NULL);
		return;
	}
	if (server->maintain == NULL) {
		err = start(server, message->id, work);
	}
	if (err != 0) {
		server_fail(server, message->id, err, err == ERR_BUSY ? "maintenance is running already" : "the maintenance could not be started", NULL);
	}
}
