/* keep.c - when it is kept and recalled; keep_state.c says what. */
#include "keep.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "hub.h"
#include "mail.h"

#define PROGRAM_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* --- what it is bound to --- */

void keep_begin(struct hub *hub, struct span config)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint8_t *program = NULL;
	size_t length = 0;

	hub->keep = (struct keep){ .program = 0 };
	if (fd < 0 || fd_read_all(fd, PROGRAM_MAX_BYTES, &program, &length) != 0) {
		log_info("the program's own file cannot be read: every start replays the whole journal");
		return;
	}
	hub->keep.program = keep_mix(keep_mix(KEEP_MIX, span_of(program, length)), config);
}

void keep_record(struct hub *hub, const struct record *record)
{
	hub->keep.next = record->index + 1;
	memcpy(hub->keep.hash, record->hash, sizeof hub->keep.hash);
}

/* --- recalling --- */

struct recall {
	struct hub *hub;
	void (*done)(struct hub *hub);
};

/* An e-mail is due for a record that its queue has not seen yet: that record must be replayed. */
static bool mail_has_seen(const struct hub *hub, uint64_t next)
{
	return hub->mail == NULL || mail_cursor(hub->mail) >= next;
}

static bool take(struct hub *hub, struct wire_message *message)
{
	_cleanup_close_ int fd = wire_take_fd(message, 0);
	uint64_t size = wire_number(message, WIRE_F_SIZE, 0), index = wire_number(message, WIRE_F_INDEX, 0);
	struct span hash = wire_span(message, WIRE_F_HASH);
	void *map = NULL;
	bool good = false;

	if (size == 0 || size > KEEP_MAX_BYTES || fd < 0 || !fd_is_sealed(fd) || lseek(fd, 0, SEEK_END) != (off_t)size ||
	    hash.length != sizeof hub->keep.hash || !mail_has_seen(hub, index + 1)) {
		return false;
	}
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		return false;
	}
	good = keep_unpack(hub, span_of(map, (size_t)size));
	(void)munmap(map, (size_t)size);
	if (good) {
		hub->keep.next = hub->keep.kept = hub->replay_next = index + 1;
		memcpy(hub->keep.hash, hash.data, sizeof hub->keep.hash);
	}
	return good;
}

static void on_recalled(void *context, int err, struct wire_message *message)
{
	struct recall *recall = context;
	struct recall copy = *recall;

	free(recall);
	/* A journal that is not wholly in order is looked at as a whole. */
	if (err == 0 && message->type == WIRE_STORE_RECALLED && strcmp(copy.hub->store_state, "ok") == 0 && copy.hub->keep.program != 0) {
		bool good = take(copy.hub, message);

		log_info("%s", good ? "the replay goes on from what was kept" : "the whole journal is replayed");
	}
	copy.done(copy.hub);
}

int keep_recall(struct hub *hub, void (*done)(struct hub *hub))
{
	struct recall *recall = malloc(sizeof *recall);
	struct wire_message message;
	int err = ERR_MEMORY;

	if (recall == NULL) {
		return ERR_MEMORY;
	}
	*recall = (struct recall){ .hub = hub, .done = done };
	wire_begin(&message, WIRE_STORE_RECALL, 0, CLOCK_NEVER_MS);
	err = channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_recalled, recall, NULL);
	if (err != 0) {
		free(recall);
	}
	return err;
}

/* --- keeping --- */

static void on_kept(void *context, int err, struct wire_message *message)
{
	struct hub *hub = context;

	hub->keep.asked = false;
	if (err != 0 || message->type != WIRE_STORE_KEPT) {
		/* Not at every sweep again: after as many records more. */
		log_info("what the hub knows could not be kept (%s): the next start replays more", err != 0 ? err_name(err) : "refused");
	}
}

static bool is_due(const struct hub *hub)
{
	uint64_t more = hub->keep.next - hub->keep.kept;

	return hub->keep.program != 0 && hub->replayed && !hub->stopping && !hub->keep.asked && hub->store != NULL && strcmp(hub->store_state, "ok") == 0 &&
	       (more >= KEEP_RECORDS_BUSY || (more >= KEEP_RECORDS && hub->works == 0 && hub->errands == 0));
}

void keep_look(struct hub *hub)
{
	_cleanup_free_ uint8_t *data = NULL;
	_cleanup_close_ int fd = -1;
	struct wire_message message;
	size_t length = 0;

	if (!is_due(hub)) {
		return;
	}
	/* First the queue of e-mail: what is kept must not be ahead of it. */
	hub->keep.kept = hub->keep.next;
	if (mail_settle(hub->mail) != 0 || keep_pack(hub, &data, &length) != 0) {
		return;
	}
	fd = fd_memfd_sealed("kept", data, length);
	if (fd < 0) {
		return;
	}
	wire_begin(&message, WIRE_STORE_KEEP, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_INDEX, hub->keep.next - 1);
	wire_put_bytes(&message, WIRE_F_HASH, span_of(hub->keep.hash, sizeof hub->keep.hash));
	wire_put_number(&message, WIRE_F_SIZE, length);
	wire_put_fd(&message, take_fd(&fd));
	hub->keep.asked = channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_kept, hub, NULL) == 0;
}
