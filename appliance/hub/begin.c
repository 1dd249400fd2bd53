#include "begin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"

#define CONTENT_LIMIT_BYTES (64U * 1024 * 1024)
#define NAME_LIMIT_BYTES 8192

struct beginning {
	int content, name;
	char kind[CASE_WORD_MAX_BYTES], source[CASE_WORD_MAX_BYTES], by[CASE_WORD_MAX_BYTES], number[CASE_NUMBER_SIZE];
	begin_done done;
	void *context;
};

static void end(struct work *work)
{
	struct beginning *beginning = work->context;
	char why[CASE_REASON_MAX_BYTES];
	int err = work->err;

	(void)snprintf(why, sizeof why, "%s", work->why);
	work_end(work);
	beginning->done(beginning->context, err, why, beginning->number);
	cleanup_close(&beginning->content);
	cleanup_close(&beginning->name);
	free(beginning);
}

/* Composed here, since work_append works on a case, and there is none before this record. */
static void append_received(struct work *work)
{
	static const uint8_t none[RECORD_HASH_BYTES];
	static char text[LINES_BODY_MAX + 32];
	struct beginning *beginning = work->context;
	struct wire_message message;
	int head = snprintf(text, sizeof text, "received\n");
	int length = 0;

	lines_set(&work->record, "case", beginning->number);
	lines_set(&work->record, "kind", beginning->kind);
	lines_set(&work->record, "source", beginning->source);
	lines_set(&work->record, "by", beginning->by);
	lines_set(&work->record, "object-original", work->outputs[0].ref);
	lines_set(&work->record, "object-name", work->outputs[1].ref);
	length = lines_finish(&work->record, text + head, sizeof text - (size_t)head);
	work->done = end;
	work_pend(work);
	if (length < 0) {
		work_fail(work, length, "the record does not fit");
	} else {
		wire_begin(&message, WIRE_STORE_APPEND, 0, CLOCK_NEVER_MS);
		wire_put_string(&message, WIRE_F_CASE, beginning->number);
		wire_put_bytes(&message, WIRE_F_PREV, span_of(none, sizeof none));
		wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)head + (size_t)length));
		work_request(work, &message);
	}
	work_settle(work);
}

static void on_taken(struct work *work)
{
	if (work->err != 0) {
		end(work);
	} else {
		append_received(work);
	}
}

static void on_number(void *context, int err, struct wire_message *message)
{
	struct work *work = context;
	struct beginning *beginning = work->context;

	if (err != 0 || message->type == WIRE_ERROR || !wire_string(message, WIRE_F_CASE, beginning->number, sizeof beginning->number)) {
		work_fail(work, err != 0 ? err : ERR_SYSTEM, "the journal does not take records");
		end(work);
		return;
	}
	work->done = on_taken;
	work->output_count = 2;
	work_pend(work);
	work_take(work, beginning->number, "original", beginning->content, CONTENT_LIMIT_BYTES, &work->outputs[0]);
	work_take(work, beginning->number, "name", beginning->name, NAME_LIMIT_BYTES, &work->outputs[1]);
	work_settle(work);
}

/* What people call it, as the inbox keeps it of a file. */
static int name_object(const struct begin_wish *wish)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[NAME_LIMIT_BYTES];
	int length = 0;

	lines_set(&lines, "file", wish->file);
	lines_set(&lines, "folder", wish->folder);
	lines_set(&lines, "owner", wish->by);
	length = lines_finish(&lines, text, sizeof text);
	return length < 0 ? length : fd_memfd_sealed("name", text, (size_t)length);
}

void case_begin(struct hub *hub, int fd, const struct begin_wish *wish, begin_done done, void *context)
{
	struct beginning *beginning = calloc(1, sizeof *beginning);
	struct work *work = beginning == NULL ? NULL : work_begin(hub, NULL);
	struct wire_message message;

	if (work == NULL) {
		free(beginning);
		done(context, ERR_MEMORY, "no memory", "");
		return;
	}
	*beginning = (struct beginning){ .content = dup(fd), .name = name_object(wish), .done = done, .context = context };
	(void)snprintf(beginning->kind, sizeof beginning->kind, "%s", wish->kind);
	(void)snprintf(beginning->source, sizeof beginning->source, "%s", wish->source);
	(void)snprintf(beginning->by, sizeof beginning->by, "%s", wish->by);
	work->context = beginning;
	wire_begin(&message, WIRE_STORE_CASE_NEW, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, wish->kind);
	if (beginning->content < 0 || beginning->name < 0 || hub->store == NULL ||
	    channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_number, work, NULL) != 0) {
		work_fail(work, ERR_GONE, "the store cannot be asked");
		end(work);
	}
}
