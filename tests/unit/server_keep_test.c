/* What need not be read again: the store's own state through the index of the journal, and what the hub hands it to keep. */
#include "vault_play.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "store/index_file.h"
#include "store/server.h"

#define SERIAL "00000000000000000000000000000000000000000000000000000000000000aa"
#define KEPT_TEXT "what the hub knows"

/* --- the store's own state --- */

struct told {
	const char *type, *body;
};

/* Open intents, PIN tries with every outcome, a clock. */
static const struct told history[] = {
	{ "boot", "version: 1\n" },
	{ "pin-try", "fingerprint: f1\nserial-sha256: " SERIAL "\nsource: file\ntoken: office\n" },
	{ "token", "event: login\nserial-sha256: " SERIAL "\ntoken: office\n" },
	{ "intent", "case: 2026-000001\nkey: sign\n" },
	{ "intent", "case: 2026-000002\nkey: sign\n" },
	{ "signed", "case: 2026-000001\nintent: 3\n" },
	{ "pin-try", "fingerprint: f2\nserial-sha256: " SERIAL "\nsource: file\ntoken: office\n" },
	{ "token", "event: pin-refused\nserial-sha256: " SERIAL "\ntoken: office\n" },
	{ "pin-try", "fingerprint: f3\nserial-sha256: " SERIAL "\nsource: file\ntoken: other\n" },
	{ "intent", "case: 2026-000003\nkey: sign\n" },
	{ "abandoned", "case: 2026-000002\nintent: 4\nreason: restart\n" },
	{ "pin-try", "serial-sha256: " SERIAL "\nsource: person\ntoken: office\n" },
	{ "clock-accepted", "by: uid:1000\nreason: right\n" },
};

#define TOLD (sizeof history / sizeof history[0])

static void tell(struct server *server, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct record record = { .index = i, .utc_ms = INT64_C(1795258800000) + (int64_t)i * 1000, .body = span_of_string(history[i].body) };

		(void)snprintf(record.type, sizeof record.type, "%s", history[i].type);
		server_follow(server, &record);
	}
}

static struct index_writer saved(const struct server *server)
{
	struct index_writer writer = { 0 };

	server_save((void *)(uintptr_t)server, &writer);
	assert_int_equal(writer.err, 0);
	return writer;
}

static void assert_same(const struct server *a, const struct server *b)
{
	struct index_writer first = saved(a), second = saved(b);

	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
	index_writer_free(&first);
	index_writer_free(&second);
}

static void assert_same_advice(const struct server *a, const struct server *b)
{
	static const char *const fingerprints[] = { "f1", "f2", "f3", "f4" };

	for (size_t i = 0; i < sizeof fingerprints / sizeof fingerprints[0]; i++) {
		char body[256];

		(void)snprintf(body, sizeof body, "fingerprint: %s\nserial-sha256: " SERIAL "\ntoken: office\n", fingerprints[i]);
		assert_string_equal(server_pin_advice(a, span_of_string(body)), server_pin_advice(b, span_of_string(body)));
	}
}

static void free_server(struct server *server)
{
	while (server->intents != NULL) {
		struct server_intent *next = server->intents->next;

		free(server->intents);
		server->intents = next;
	}
	server_pin_free(server);
	free(server);
}

/* For every place in the history: what was saved there and the rest is as good as all of it. */
static void state_at_every_place(void **state)
{
	struct server *whole = calloc(1, sizeof *whole);

	(void)state;
	assert_non_null(whole);
	tell(whole, 0, TOLD);
	assert_non_null(whole->intents);
	for (size_t cut = 0; cut <= TOLD; cut++) {
		struct server *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
		struct index_writer writer;

		assert_true(first != NULL && second != NULL);
		tell(first, 0, cut);
		writer = saved(first);
		for (size_t length = 0; length < writer.length; length++) {
			assert_false(server_restore(second, span_of(writer.data, length)));
			assert_null(second->intents);
			assert_null(second->pins);
		}
		assert_true(server_restore(second, span_of(writer.data, writer.length)));
		assert_same(first, second);
		tell(second, cut, TOLD);
		assert_same(whole, second);
		assert_same_advice(whole, second);
		assert_int_equal(second->last_utc_ms, whole->last_utc_ms);
		index_writer_free(&writer);
		free_server(first);
		free_server(second);
	}
	free_server(whole);
}

/* --- of the hub --- */

static void put_keep(struct wire_message *message, uint64_t index, const uint8_t hash[32], const char *text, uint64_t size)
{
	int fd = fd_memfd_sealed("kept", text, strlen(text));

	assert_true(fd >= 0);
	wire_begin(message, WIRE_STORE_KEEP, 0, CLOCK_NEVER_MS);
	wire_put_number(message, WIRE_F_INDEX, index);
	wire_put_bytes(message, WIRE_F_HASH, span_of(hash, 32));
	wire_put_number(message, WIRE_F_SIZE, size);
	wire_put_fd(message, fd);
}

/* What the store gives back: true when it is that text. */
static bool recalls(struct play *play, uint64_t index, const char *text)
{
	struct wire_message message, answer;
	uint8_t *data = NULL;
	size_t length = 0;
	bool same = false;
	int fd = -1;

	wire_begin(&message, WIRE_STORE_RECALL, 0, CLOCK_NEVER_MS);
	play_ask(play, &message, WIRE_STORE_RECALLED, &answer);
	if (wire_number(&answer, WIRE_F_SIZE, 0) == 0) {
		assert_int_equal(answer.fd_count, 0);
		return false;
	}
	fd = wire_take_fd(&answer, 0);
	assert_true(fd_is_sealed(fd));
	assert_int_equal(fd_read_all(fd, 1024, &data, &length), 0);
	same = length == strlen(text) && memcmp(data, text, length) == 0 && wire_number(&answer, WIRE_F_INDEX, 0) == index &&
	       wire_number(&answer, WIRE_F_SIZE, 0) == length;
	close(fd);
	free(data);
	return same;
}

static void restart(struct play *play)
{
	play_start(play);
	play_link_hub(play);
}

static void kept_over_starts(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], path[200];
	uint8_t prev[32], wrong[32] = { 1 }, *bytes = NULL;
	uint64_t index = 0;
	size_t length = 0;
	int fd = -1;

	play_approved(play, number, prev, "content");
	index = play->recorded_index;
	assert_false(recalls(play, index, KEPT_TEXT));
	put_keep(&message, index, wrong, KEPT_TEXT, strlen(KEPT_TEXT));
	assert_int_equal(play_refused(play, &message), ERR_MISMATCH);
	put_keep(&message, index + 1, play->recorded_hash, KEPT_TEXT, strlen(KEPT_TEXT));
	assert_int_equal(play_refused(play, &message), ERR_MISMATCH);
	put_keep(&message, index, play->recorded_hash, KEPT_TEXT, strlen(KEPT_TEXT) + 1);
	assert_int_equal(play_refused(play, &message), ERR_FORMAT);
	assert_false(recalls(play, index, KEPT_TEXT));
	put_keep(&message, index, play->recorded_hash, KEPT_TEXT, strlen(KEPT_TEXT));
	play_ask(play, &message, WIRE_STORE_KEPT, &answer);
	assert_true(recalls(play, index, KEPT_TEXT));
	play_kill(play);
	restart(play);
	assert_true(recalls(play, index, KEPT_TEXT));
	assert_int_equal(play_stop(play), 0);
	/* Torn: as if there were none. */
	(void)snprintf(path, sizeof path, "%s/index/hub", play->data);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 65536, &bytes, &length), 0);
	assert_int_equal(ftruncate(fd, (off_t)length - 1), 0);
	restart(play);
	assert_false(recalls(play, index, KEPT_TEXT));
	/* A byte of it is another one. */
	bytes[length - 40] ^= 1;
	assert_int_equal(pwrite(fd, bytes, length, 0), (ssize_t)length);
	assert_false(recalls(play, index, KEPT_TEXT));
	bytes[length - 40] ^= 1;
	assert_int_equal(pwrite(fd, bytes, length, 0), (ssize_t)length);
	assert_true(recalls(play, index, KEPT_TEXT));
	close(fd);
	free(bytes);
}

/* The journal was put back to where that record was not yet: nothing is recalled. */
static void not_after_a_roll_back(void **state)
{
	struct play *play = *state;
	struct wire_message message, answer;
	char number[16], command[512];
	uint8_t prev[32];
	uint64_t index = 0;

	assert_int_equal(play_stop(play), 0);
	(void)snprintf(command, sizeof command, "cp -a %s/journal %s.old", play->data, play->data);
	assert_int_equal(system(command), 0);
	restart(play);
	play_approved(play, number, prev, "content");
	index = play->recorded_index;
	put_keep(&message, index, play->recorded_hash, KEPT_TEXT, strlen(KEPT_TEXT));
	play_ask(play, &message, WIRE_STORE_KEPT, &answer);
	assert_int_equal(play_stop(play), 0);
	(void)snprintf(command, sizeof command, "rm -rf %s/journal && mv %s.old %s/journal", play->data, play->data, play->data);
	assert_int_equal(system(command), 0);
	restart(play);
	play_approved(play, number, prev, "something else"); /* other records come to stand where the kept one was */
	assert_true(play->recorded_index >= index - 1);
	assert_false(recalls(play, index, KEPT_TEXT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_at_every_place),
		cmocka_unit_test_setup_teardown(kept_over_starts, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(not_after_a_roll_back, play_set_up, play_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
