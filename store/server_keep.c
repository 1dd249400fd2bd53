/* What need not be read again at a start: of the store itself (in the index of the journal), and for the hub (index/hub). */
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"
#include "appliance/base/log.h"

#define HUB_NAME "hub"
#define HUB_MAX_BYTES (UINT64_C(1024) * 1024 * 1024)

/* --- of the store --- */

/* Objects of the latest records (server_known.h) are not kept: what is not known there is looked up in the journal. */
void server_save(void *context, struct index_writer *writer)
{
	const struct server *server = context;
	uint64_t count = 0;

	index_put_u64(writer, (uint64_t)server->last_utc_ms);
	for (const struct server_intent *intent = server->intents; intent != NULL; intent = intent->next) {
		count++;
	}
	index_put_u64(writer, count);
	for (const struct server_intent *intent = server->intents; intent != NULL; intent = intent->next) {
		index_put_u64(writer, intent->index);
		index_put(writer, intent->case_number, sizeof intent->case_number);
	}
	server_pin_save(server, writer);
}

static void forget_intents(struct server *server)
{
	while (server->intents != NULL) {
		struct server_intent *intent = server->intents;

		server->intents = intent->next;
		free(intent);
	}
}

static bool restore_intents(struct server *server, struct span *from)
{
	struct server_intent **end = &server->intents;
	uint64_t count = 0;

	if (!span_read_u64(from, &count)) {
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct server_intent *intent = calloc(1, sizeof *intent);

		if (intent == NULL) {
			return false;
		}
		*end = intent;
		end = &intent->next;
		if (!span_read_u64(from, &intent->index) || !index_take(from, intent->case_number, sizeof intent->case_number) ||
		    memchr(intent->case_number, '\0', sizeof intent->case_number) == NULL) {
			return false;
		}
	}
	return true;
}

bool server_restore(void *context, struct span saved)
{
	struct server *server = context;
	uint64_t last_utc_ms = 0;

	if (!span_read_u64(&saved, &last_utc_ms) || !restore_intents(server, &saved)) {
		forget_intents(server);
		return false;
	}
	if (!server_pin_restore(server, &saved) || !span_is_empty(saved)) {
		forget_intents(server);
		server_pin_free(server);
		return false;
	}
	server->last_utc_ms = (int64_t)last_utc_ms;
	server->last_mono_ms = clock_mono_ms();
	return true;
}

void server_forget_followed(struct server *server)
{
	forget_intents(server);
	server_pin_free(server);
	server->last_utc_ms = 0;
}

/* --- of the hub --- */

/* The record that it ends with is there and is the same. */
static bool is_of_journal(struct server *server, uint64_t index, struct span hash)
{
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct record record;

	return buffer != NULL && journal_read_one(server->journal, index, buffer, &record) == 0 && span_equals(hash, span_of(record.hash, sizeof record.hash));
}

static int keep(struct server *server, uint64_t index, struct span hash, struct span bytes)
{
	struct index_writer writer = { 0 };
	struct journal_facts facts;
	int err = ERR_INTERNAL;

	journal_facts(server->journal, &facts);
	if (facts.state != JOURNAL_READY || server->fault) {
		return ERR_READONLY;
	}
	if (!is_of_journal(server, index, hash)) {
		return ERR_MISMATCH;
	}
	index_begin(&writer, HUB_NAME);
	index_put(&writer, facts.origin, sizeof facts.origin);
	index_put_u64(&writer, index);
	index_put(&writer, hash.data, hash.length);
	index_put(&writer, bytes.data, bytes.length);
	err = index_write(&writer, server->ops, server->data_fd, HUB_NAME);
	index_writer_free(&writer);
	return err;
}

void server_hub_keep(struct server *server, struct wire_message *message)
{
	_cleanup_close_ int fd = wire_take_fd(message, 0);
	uint64_t size = wire_number(message, WIRE_F_SIZE, 0);
	struct wire_message answer;
	void *map = MAP_FAILED;
	int err = ERR_FORMAT;

	if (size > 0 && size <= HUB_MAX_BYTES && fd_is_sealed(fd) && lseek(fd, 0, SEEK_END) == (off_t)size) {
		map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
		err = map == MAP_FAILED ? ERR_SYSTEM : 0;
	}
	if (err == 0) {
		err = keep(server, wire_number(message, WIRE_F_INDEX, 0), wire_span(message, WIRE_F_HASH), span_of(map, (size_t)size));
		(void)munmap(map, (size_t)size);
	}
	if (err != 0) {
		server_fail(server, message->id, err, "it could not be kept", NULL);
		return;
	}
	wire_begin(&answer, WIRE_STORE_KEPT, message->id, CLOCK_NEVER_MS);
	server_tell_hub(server, &answer);
}

/* What is kept and fits this journal. ERR_NOTFOUND and other errors: nothing. */
static int recall(struct server *server, uint64_t *ret_index, uint8_t ret_hash[JOURNAL_HASH_BYTES], size_t *ret_size, int *ret_fd)
{
	_cleanup_free_ uint8_t *data = NULL;
	char origin[JOURNAL_ORIGIN_SIZE];
	struct journal_facts facts;
	struct span content;
	int err = index_read(server->ops, server->data_fd, HUB_NAME, &data, &content);

	if (err != 0) {
		return err;
	}
	journal_facts(server->journal, &facts);
	if (!index_take(&content, origin, sizeof origin) || strncmp(origin, facts.origin, sizeof origin) != 0 || !span_read_u64(&content, ret_index) ||
	    !index_take(&content, ret_hash, JOURNAL_HASH_BYTES) || span_is_empty(content) ||
	    !is_of_journal(server, *ret_index, span_of(ret_hash, JOURNAL_HASH_BYTES))) {
		return ERR_MISMATCH;
	}
	*ret_fd = fd_memfd_sealed("kept", content.data, content.length);
	*ret_size = content.length;
	return *ret_fd < 0 ? *ret_fd : 0;
}

void server_hub_recall(struct server *server, const struct wire_message *message)
{
	uint8_t hash[JOURNAL_HASH_BYTES] = { 0 };
	struct wire_message answer;
	uint64_t index = 0;
	size_t size = 0;
	int fd = -1;
	int err = recall(server, &index, hash, &size, &fd);

	if (err != 0 && err != ERR_NOTFOUND) {
		log_info("what the hub kept is of no use (%s): it replays the whole journal", err_name(err));
	}
	wire_begin(&answer, WIRE_STORE_RECALLED, message->id, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_INDEX, err == 0 ? index : 0);
	wire_put_bytes(&answer, WIRE_F_HASH, span_of(hash, sizeof hash));
	wire_put_number(&answer, WIRE_F_SIZE, err == 0 ? size : 0);
	if (err == 0) {
		wire_put_fd(&answer, fd);
	}
	server_tell_hub(server, &answer);
}
