/* The hub's TAKE, COPY and NAMES: many at once, none in the way of another. */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"

struct server_stream {
	struct server *server;
	uint64_t request;
	uint64_t deadline_ms;
	struct server_intake *intake; /* one of the two, or none yet: waiting for a key */
	struct server_outflow *outflow;
	char case_number[TABLE_CASE_SIZE];
	struct object_ref ref;
	int fd; /* until a flow has it */
	struct server_stream *next;
};

static struct server_stream *add_stream(struct server *server, const struct wire_message *message)
{
	struct server_stream *stream = NULL;

	if (server->stream_count >= SERVER_STREAMS_MAX) {
		return NULL;
	}
	stream = calloc(1, sizeof *stream);
	if (stream != NULL) {
		stream->server = server;
		stream->request = message->id;
		stream->deadline_ms = server_deadline(message);
		stream->fd = -1;
		stream->next = server->streams;
		server->streams = stream;
		server->stream_count++;
	}
	return stream;
}

static void remove_stream(struct server_stream *stream)
{
	struct server *server = stream->server;

	for (struct server_stream **place = &server->streams; *place != NULL; place = &(*place)->next) {
		if (*place == stream) {
			*place = stream->next;
			server->stream_count--;
			break;
		}
	}
	cleanup_close(&stream->fd);
	free(stream);
}

static void fail_stream(struct server_stream *stream, int err, const char *text)
{
	server_fail(stream->server, stream->request, err, text, NULL);
	remove_stream(stream);
}

void server_forget_hub(struct server *server)
{
	while (server->streams != NULL) {
		struct server_stream *stream = server->streams;

		server_forget_key(server, stream);
		server_intake_cancel(stream->intake);
		server_outflow_cancel(stream->outflow);
		remove_stream(stream);
	}
	while (server->recent != NULL) {
		struct server_recent *recent = server->recent;

		server->recent = recent->next;
		free(recent);
	}
	server->recent_count = 0;
}

void server_forget_case(struct server *server, const char *case_number)
{
	struct server_stream *stream = server->streams;

	while (stream != NULL) {
		struct server_stream *next = stream->next;

		if (strcmp(stream->case_number, case_number) == 0) {
			server_forget_key(server, stream);
			server_intake_cancel(stream->intake);
			server_outflow_cancel(stream->outflow);
			fail_stream(stream, ERR_STATE, "the case is being erased");
		}
		stream = next;
	}
}

static const char *words_of(int err)
{
	switch (err) {
	case ERR_LOCKED:
		return "the key of the case is locked: a vault token must be logged in";
	case ERR_NOTFOUND:
		return "no such object";
	case ERR_DAMAGE:
		return "the object is damaged";
	case ERR_LIMIT:
		return "longer than permitted";
	case ERR_SPACE:
		return "no space left";
	case ERR_GONE:
		return "the other end of the descriptor closed or failed";
	case ERR_BUSY:
		return "too many at once";
	case ERR_STATE:
		return N_("the case is erased: its content is gone");
	default:
		return "the object could not be transferred";
	}
}

/* --- TAKE --- */

static void on_taken(void *context, int err, const struct object_ref *ref, const char *earlier)
{
	struct server_stream *stream = context;
	char text[OBJECT_REF_SIZE];
	struct wire_message answer;

	if (err == 0 && object_ref_format(ref, text, sizeof text) < 0) {
		err = ERR_LIMIT;
	}
	if (err != 0) {
		fail_stream(stream, err, words_of(err));
		return;
	}
	wire_begin(&answer, WIRE_STORE_OBJECT, stream->request, CLOCK_NEVER_MS);
	wire_put_string(&answer, WIRE_F_REF, text);
	wire_put_number(&answer, WIRE_F_SIZE, ref->size);
	if (earlier[0] != '\0') {
		wire_put_string(&answer, WIRE_F_CASE, earlier);
	}
	server_tell_hub(stream->server, &answer);
	remove_stream(stream);
}

int server_take(struct server *server, struct wire_message *message)
{
	struct server_stream *stream = NULL;
	char case_number[TABLE_CASE_SIZE], role[OBJECT_ROLE_SIZE];
	struct journal_facts facts;
	int err = ERR_FORMAT;

	journal_facts(server->journal, &facts);
	if (server->fault || facts.state != JOURNAL_READY) { /* what no record can refer to need not come in */
		server_fail(server, message->id, ERR_READONLY, "the store takes no content", NULL);
		return 0;
	}
	if (!wire_string(message, WIRE_F_CASE, case_number, sizeof case_number) || !wire_string(message, WIRE_F_OBJECT, role, sizeof role)) {
		server_fail(server, message->id, ERR_FORMAT, "not a case number or role", NULL);
		return 0;
	}
	stream = add_stream(server, message);
	if (stream == NULL) {
		server_fail(server, message->id, ERR_BUSY, words_of(ERR_BUSY), NULL);
		return 0;
	}
	memcpy(stream->case_number, case_number, sizeof stream->case_number);
	if (strcmp(role, "original") == 0 && (err = server_check_space(server, server->settings->min_free_bytes)) != 0) {
		fail_stream(stream, err, words_of(err));
		return 0;
	}
	err = server_intake_start(server, case_number, role, wire_number(message, WIRE_F_LIMIT, 0), wire_take_fd(message, 0), stream->deadline_ms, on_taken,
	                          stream, &stream->intake);
	if (err == 0 && wire_has(message, WIRE_F_HASH)) {
		err = server_intake_guard(stream->intake, wire_span(message, WIRE_F_HASH));
		if (err != 0) {
			server_intake_cancel(stream->intake);
		}
	}
	if (err != 0) {
		fail_stream(stream, err, words_of(err));
	}
	return 0;
}

/* --- COPY --- */

static void on_copied(void *context, int err, uint64_t size)
{
	struct server_stream *stream = context;
	struct wire_message answer;

	if (err != 0) {
		if (err == ERR_DAMAGE) {
			log_error("an object of the vault is damaged");
		}
		fail_stream(stream, err, words_of(err));
		return;
	}
	wire_begin(&answer, WIRE_STORE_COPIED, stream->request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_SIZE, size);
	server_tell_hub(stream->server, &answer);
	remove_stream(stream);
}

static void on_copy_key(void *context, int err, struct key *key)
{
	struct server_stream *stream = context;

	if (err == 0) {
		err = server_outflow_start(stream->server, key, &stream->ref, take_fd(&stream->fd), stream->deadline_ms, on_copied, stream, &stream->outflow);
	}
	/* ERR_GONE would say that the reader wanted no more, which the hub takes for no fault: a token that died while it opened the key is one. */
	err = err == ERR_GONE ? ERR_TOKEN : err;
	if (err != 0) {
		fail_stream(stream, err, words_of(err));
	}
}

void server_copy(struct server *server, struct wire_message *message)
{
	struct server_stream *stream = add_stream(server, message);
	char role[OBJECT_ROLE_SIZE];
	const char *away = NULL;
	int err = ERR_NOTFOUND;

	if (stream == NULL) {
		server_fail(server, message->id, ERR_BUSY, words_of(ERR_BUSY), NULL);
		return;
	}
	stream->fd = wire_take_fd(message, 0);
	if (wire_string(message, WIRE_F_CASE, stream->case_number, sizeof stream->case_number) && wire_string(message, WIRE_F_OBJECT, role, sizeof role)) {
		err = server_is_erased(server, stream->case_number)
		          ? ERR_STATE
		          : server_find_object(server, stream->case_number, role, wire_number(message, WIRE_F_INDEX, 0), &stream->ref);
	}
	away = err == 0 ? server_archive_obstacle(server, stream->case_number) : NULL;
	err = away != NULL ? ERR_NOTFOUND : err;
	if (err != 0) {
		fail_stream(stream, err, away != NULL ? away : words_of(err));
		return;
	}
	server_need_key(server, stream->case_number, stream->ref.generation, on_copy_key, stream);
}

void server_names(struct server *server, struct wire_message *message)
{
	struct server_stream *stream = add_stream(server, message);
	uint8_t *text = NULL;
	size_t length = 0;
	int err = ERR_INTERNAL;

	if (stream == NULL) {
		server_fail(server, message->id, ERR_BUSY, words_of(ERR_BUSY), NULL);
		return;
	}
	err = names_text(server->names, &text, &length);
	if (err == 0) {
		err = server_outflow_text(server, text, length, wire_take_fd(message, 0), stream->deadline_ms, on_copied, stream, &stream->outflow);
	}
	if (err != 0) {
		fail_stream(stream, err, words_of(err));
	}
}
