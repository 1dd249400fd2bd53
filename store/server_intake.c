/* Descriptor -> object: pipes when they have something, files in slices, so that no one keeps the loop for itself. */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"

#define NAME_OBJECT_MAX_BYTES ((size_t)16384) /* of the object `name`: lines file, folder, owner */

struct server_intake {
	struct server *server;
	char case_number[TABLE_CASE_SIZE];
	char role[OBJECT_ROLE_SIZE];
	int fd;
	bool regular;
	bool held, ended;  /* the end waits for server_intake_release; it came */
	uint64_t expected; /* how long the content must be; UINT64_MAX: as it comes */
	uint64_t offset;   /* of a regular file */
	int watch, step_timer, deadline_timer;
	struct vault_writer *writer;
	struct vault_hmac *same; /* role original, or with a guard: for seen.h */
	bool guarded;            /* it is fed with the guard, not with the content */
	char *name;              /* role name: its text */
	size_t name_length;
	server_intake_done done;
	void *context;
};

static void release(struct server_intake *intake)
{
	loop_unwatch(intake->server->loop, intake->watch);
	loop_cancel(intake->server->loop, intake->step_timer);
	loop_cancel(intake->server->loop, intake->deadline_timer);
	cleanup_close(&intake->fd);
	vault_writer_free(intake->writer);
	vault_hmac_free(intake->same);
	free(intake->name);
	free(intake);
}

void server_intake_cancel(struct server_intake *intake)
{
	if (intake != NULL) {
		release(intake);
	}
}

static void finish(struct server_intake *intake, int err, const struct object_ref *ref, const char *earlier)
{
	server_intake_done done = intake->done;
	void *context = intake->context;
	struct object_ref copy = { 0 };

	if (ref != NULL) {
		copy = *ref;
	}
	release(intake);
	done(context, err, ref == NULL ? NULL : &copy, earlier);
}

/* A case counts when the journal knows it, or when the hub took its original a moment ago and is about to record it. */
static bool case_counts(const struct server *server, const char *case_number)
{
	struct journal_case found;

	if (journal_case_find(server->journal, case_number, &found) == 0) {
		return true;
	}
	for (const struct server_recent *recent = server->recent; recent != NULL; recent = recent->next) {
		if (strcmp(recent->case_number, case_number) == 0 && strcmp(recent->role, "original") == 0) {
			return true;
		}
	}
	return false;
}

static int compare_seen(struct server_intake *intake, char earlier[TABLE_CASE_SIZE])
{
	struct server *server = intake->server;
	uint8_t hmac[VAULT_HMAC_BYTES];
	const char *known = NULL;
	size_t cursor = 0;

	if (!vault_hmac_finish(intake->same, hmac)) {
		return ERR_INTERNAL;
	}
	while ((known = seen_next(server->seen, hmac, &cursor)) != NULL) {
		if (strcmp(known, intake->case_number) != 0 && case_counts(server, known)) {
			(void)snprintf(earlier, TABLE_CASE_SIZE, "%s", known);
			break;
		}
	}
	return seen_add(server->seen, hmac, intake->case_number);
}

static void keep_recent(struct server_intake *intake, const struct object_ref *ref)
{
	struct server *server = intake->server;
	struct server_recent *recent = NULL;

	if (server->recent_count >= SERVER_RECENT_MAX) { /* the oldest is the last of the list */
		struct server_recent **last = &server->recent;

		while ((*last)->next != NULL) {
			last = &(*last)->next;
		}
		free(*last);
		*last = NULL;
		server->recent_count--;
	}
	recent = calloc(1, sizeof *recent);
	if (recent == NULL) {
		return;
	}
	memcpy(recent->case_number, intake->case_number, sizeof recent->case_number);
	memcpy(recent->role, intake->role, sizeof recent->role);
	recent->ref = *ref;
	recent->next = server->recent;
	server->recent = recent;
	server->recent_count++;
}

static void finish_content(struct server_intake *intake)
{
	struct server *server = intake->server;
	char earlier[TABLE_CASE_SIZE] = "";
	struct object_ref ref;
	int err = intake->expected == UINT64_MAX || intake->expected == intake->offset ? vault_writer_finish(intake->writer, &ref) : ERR_MISMATCH;

	if (err == 0 && intake->same != NULL) {
		err = compare_seen(intake, earlier);
		if (err == ERR_READONLY || err == ERR_SYSTEM) {
			server_fault(server, "the file seen could not be written");
		}
	}
	if (err == 0 && intake->name != NULL) {
		server_name_set(server, intake->case_number, span_of(intake->name, intake->name_length));
	}
	if (err == 0) {
		keep_recent(intake, &ref);
	}
	finish(intake, err, err == 0 ? &ref : NULL, earlier);
}

static int feed(struct server_intake *intake, const uint8_t *space, size_t length)
{
	if (intake->same != NULL && !intake->guarded && !vault_hmac_update(intake->same, span_of(space, length))) {
		return ERR_INTERNAL;
	}
	if (intake->name != NULL) {
		if (length > NAME_OBJECT_MAX_BYTES - intake->name_length) {
			return ERR_LIMIT;
		}
		memcpy(intake->name + intake->name_length, space, length);
		intake->name_length += length;
	}
	return vault_writer_filled(intake->writer, length);
}

/* Reads once. ERR_AGAIN: nothing there now. *ret_end: the content is whole. */
static int read_piece(struct server_intake *intake, size_t *ret_length, bool *ret_end)
{
	size_t room = 0;
	uint8_t *space = vault_writer_space(intake->writer, &room);
	ssize_t done = 0;

	if (space == NULL) {
		return ERR_MEMORY;
	}
	done = intake->regular ? pread(intake->fd, space, room, (off_t)intake->offset) : read(intake->fd, space, room);
	if (done < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? ERR_AGAIN : ERR_GONE;
	}
	intake->offset += (uint64_t)done;
	*ret_length = (size_t)done;
	*ret_end = done == 0;
	return done == 0 ? 0 : feed(intake, space, (size_t)done);
}

static void on_step(void *context, uint32_t events);

static void arm_step(struct server_intake *intake)
{
	int id = loop_timer(intake->server->loop, clock_mono_ms(), on_step, intake);

	intake->step_timer = id > 0 ? id : 0;
}

/* One slice. */
static void on_step(void *context, uint32_t events)
{
	struct server_intake *intake = context;
	size_t have = 0, length = 0;
	bool end = false;
	int err = 0;

	(void)events;
	intake->step_timer = 0;
	while (err == 0 && !end && have < SERVER_SLICE_BYTES) {
		err = read_piece(intake, &length, &end);
		have += err == 0 ? length : 0;
	}
	if (end && intake->held) {
		intake->ended = true;
		loop_unwatch(intake->server->loop, intake->watch);
		intake->watch = 0;
	} else if (end) {
		finish_content(intake);
	} else if (err != 0 && err != ERR_AGAIN) {
		finish(intake, err, NULL, "");
	} else if (intake->watch <= 0) {
		arm_step(intake);
	}
}

static void on_deadline(void *context, uint32_t events)
{
	struct server_intake *intake = context;

	(void)events;
	intake->deadline_timer = 0;
	finish(intake, ERR_DEADLINE, NULL, "");
}

int server_intake_guard(struct server_intake *intake, struct span guard)
{
	static const char mark[] = "guard\n"; /* no content of a filing, which are asked for alike, is this by chance */

	vault_hmac_free(intake->same);
	intake->same = seen_begin(intake->server->seen);
	intake->guarded = true;
	return intake->same != NULL && vault_hmac_update(intake->same, span_of(mark, sizeof mark - 1)) && vault_hmac_update(intake->same, guard) ? 0
	                                                                                                                                         : ERR_INTERNAL;
}

void server_intake_hold(struct server_intake *intake)
{
	intake->held = true;
}

void server_intake_release(struct server_intake *intake, uint64_t size)
{
	intake->held = false;
	intake->expected = size;
	if (intake->ended) {
		finish_content(intake);
	}
}

static int prepare(struct server_intake *intake, uint64_t limit)
{
	struct key *key = NULL;
	int err = vault_key_for_writing(intake->server->vault, intake->case_number, &key);

	if (err != 0) {
		return err;
	}
	intake->writer = vault_writer_new(intake->server->vault, key, limit);
	if (intake->writer == NULL) {
		return ERR_MEMORY;
	}
	if (strcmp(intake->role, "original") == 0) {
		intake->same = seen_begin(intake->server->seen);
		return intake->same == NULL ? ERR_MEMORY : 0;
	}
	if (strcmp(intake->role, "name") == 0) {
		intake->name = malloc(NAME_OBJECT_MAX_BYTES);
		return intake->name == NULL ? ERR_MEMORY : 0;
	}
	return 0;
}

static int arm(struct server_intake *intake, uint64_t deadline_ms)
{
	struct stat status;
	int id = 0;

	if (fstat(intake->fd, &status) != 0) {
		return ERR_SYSTEM;
	}
	intake->regular = S_ISREG(status.st_mode);
	if (intake->regular) {
		arm_step(intake);
	} else {
		id = fd_set_nonblocking(intake->fd, true) != 0 ? ERR_SYSTEM : loop_watch(intake->server->loop, intake->fd, EPOLLIN, on_step, intake);
		if (id < 0) {
			return id;
		}
		intake->watch = id;
	}
	id = loop_timer(intake->server->loop, deadline_ms, on_deadline, intake);
	if (id < 0) {
		return id;
	}
	intake->deadline_timer = id;
	return 0;
}

int server_intake_start(struct server *server, const char *case_number, const char *role, uint64_t limit, int fd, uint64_t deadline_ms, server_intake_done done,
                        void *context, struct server_intake **ret)
{
	struct server_intake *intake = calloc(1, sizeof *intake);
	int err = ERR_FORMAT;

	if (intake == NULL) {
		(void)close(fd);
		return ERR_MEMORY;
	}
	*intake = (struct server_intake){ .server = server, .fd = fd, .expected = UINT64_MAX, .done = done, .context = context };
	if (table_case_valid(span_of_string(case_number)) && object_role_valid(role)) {
		(void)snprintf(intake->case_number, sizeof intake->case_number, "%s", case_number);
		(void)snprintf(intake->role, sizeof intake->role, "%s", role);
		err = server_is_erased(server, case_number) ? ERR_STATE : prepare(intake, limit);
	}
	if (err == 0) {
		err = arm(intake, deadline_ms);
	}
	if (err != 0) {
		release(intake);
		return err;
	}
	*ret = intake;
	return 0;
}
