/* stamp_keep.c - the bytes of a reply go to the store as they came, with the record of them (STORE_ANCHOR). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "stamp_private.h"

struct keeping {
	struct hub *hub;
	void (*then)(void *context, int err);
	void *context;
	struct lines lines; /* of a bad stamp, until there is a checkpoint to put it with */
	int reply;
};

static void finish(struct keeping *keeping, int err)
{
	void (*then)(void *, int) = keeping->then;
	void *context = keeping->context;

	if (err != 0) {
		log_error("a time stamp was spent and could not be kept: %s", err_name(err));
		stamper_unkept(keeping->hub->stamper);
	} else {
		keeping->hub->stamper->unkept = 0;
	}
	lines_free(&keeping->lines);
	cleanup_close(&keeping->reply);
	free(keeping);
	then(context, err);
}

static int error_of(int err, const struct wire_message *message)
{
	return err != 0 ? err : message->type == WIRE_ERROR ? -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL) : 0;
}

static void on_kept(void *context, int err, struct wire_message *message)
{
	finish(context, error_of(err, message));
}

static int send_anchor(struct keeping *keeping, uint64_t size, int reply, const struct lines *lines)
{
	static char text[LINES_BODY_MAX + 1];
	static uint8_t bytes[STAMP_REPLY_MAX_BYTES];
	struct wire_message message;
	ssize_t length = lseek(reply, 0, SEEK_SET) == 0 ? fd_read_full(reply, bytes, sizeof bytes) : ERR_SYSTEM;
	int written = lines_finish(lines, text, sizeof text);

	if (length < 0 || written < 0 || keeping->hub->store == NULL) {
		return length < 0 ? (int)length : written < 0 ? written : ERR_GONE;
	}
	wire_begin(&message, WIRE_STORE_ANCHOR, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_INDEX, size);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(bytes, (size_t)length));
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)written));
	return channel_request(keeping->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_kept, keeping, NULL);
}

void stamp_keep(struct hub *hub, uint64_t size, int reply, struct lines *lines, void (*then)(void *context, int err), void *context)
{
	struct keeping *keeping = calloc(1, sizeof *keeping);
	int err = ERR_MEMORY;

	if (keeping == NULL) {
		stamper_unkept(hub->stamper);
		then(context, err);
		return;
	}
	*keeping = (struct keeping){ .hub = hub, .then = then, .context = context, .reply = -1 };
	err = send_anchor(keeping, size, reply, lines);
	if (err != 0) {
		finish(keeping, err);
	}
}

/* --- a bad stamp of a filing: any checkpoint will do to lie with --- */

static void on_note(void *context, int err, struct wire_message *message)
{
	struct keeping *keeping = context;

	err = error_of(err, message);
	if (err == 0) {
		err = send_anchor(keeping, wire_number(message, WIRE_F_INDEX, 0), keeping->reply, &keeping->lines);
	}
	if (err != 0) {
		finish(keeping, err);
	}
}

void stamps_keep_bad(struct hub *hub, const struct stamp_result *result, const char *number, void (*then)(void *context, int err), void *context)
{
	struct keeping *keeping = calloc(1, sizeof *keeping);
	struct wire_message message;
	int err = ERR_GONE;

	if (keeping == NULL) {
		stamper_unkept(hub->stamper);
		then(context, ERR_MEMORY);
		return;
	}
	*keeping = (struct keeping){ .hub = hub, .then = then, .context = context, .reply = dup(result->reply) };
	stamp_describe(hub, result, STAMP_FILING, &keeping->lines);
	lines_set(&keeping->lines, "event", "bad-stamp");
	lines_set(&keeping->lines, "detail", number);
	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, CLOCK_NEVER_MS);
	if (hub->store != NULL) {
		err = channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_note, keeping, NULL);
	}
	if (err != 0) {
		finish(keeping, err);
	}
}
