#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "flow.h"

#define RECORD_TEXT_SIZE (LINES_BODY_MAX + RECORD_TYPE_BYTES + 2)

/* Notices come before answers, so the head that the store names must be the one known here. If it is not, the picture is wrong: only a new replay helps. */
static void check_picture(const struct work *work, const struct wire_message *message)
{
	struct span head = wire_span(message, WIRE_F_HASH);

	if (work->err == ERR_MISMATCH && work->of != NULL && head.length == sizeof work->of->head && memcmp(head.data, work->of->head, head.length) != 0) {
		log_error("%s: the journal has records that are not known here: starting anew", work->of->number);
		exit(HUB_EXIT_STORE_GONE);
	}
}

/* The store's words for a failure, into the work. True when the answer is good. */
static bool good_answer(struct work *work, int err, const struct wire_message *message)
{
	char text[CASE_REASON_MAX_BYTES];

	if (err != 0) {
		work_fail(work, err, "the store does not answer");
		return false;
	}
	if (message->type == WIRE_ERROR) {
		if (!wire_string(message, WIRE_F_TEXT, text, sizeof text)) {
			(void)snprintf(text, sizeof text, "no words given");
		}
		work_fail(work, -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL), text);
		check_picture(work, message);
		return false;
	}
	return true;
}

static void send_request(struct work *work, struct wire_message *message, uint64_t timeout_ms, channel_answer on_answer, void *context)
{
	int err = work->hub->store == NULL ? ERR_GONE : channel_request(work->hub->store, message, timeout_ms, on_answer, context, NULL);

	if (err != 0) {
		work_fail(work, err, "the store cannot be asked");
	} else {
		work_pend(work);
	}
}

static void on_simple(void *context, int err, struct wire_message *message)
{
	struct work *work = context;

	(void)good_answer(work, err, message);
	work_settle(work);
}

/* A reader that has seen enough closes its pipe; whether that was right is its own result's to say. Any other failure means that it read too little. */
static void on_copied(void *context, int err, struct wire_message *message)
{
	struct work *work = context;

	if (err != 0 || message->type != WIRE_ERROR || wire_number(message, WIRE_F_CODE, 0) != -ERR_GONE) {
		(void)good_answer(work, err, message);
	}
	work_settle(work);
}

void work_request(struct work *work, struct wire_message *message)
{
	send_request(work, message, HUB_STORE_TIMEOUT_MS, on_simple, work);
}

/* "type LF lines" */
static int compose_record(const char *type, const struct lines *lines, char ret[RECORD_TEXT_SIZE])
{
	size_t head = (size_t)snprintf(ret, RECORD_TYPE_BYTES + 2, "%s\n", type);
	int length = lines_finish(lines, ret + head, RECORD_TEXT_SIZE - head);

	return length < 0 ? length : (int)head + length;
}

static void put_case(struct wire_message *message, const struct hub_case *of)
{
	wire_put_string(message, WIRE_F_CASE, of->number);
	wire_put_bytes(message, WIRE_F_PREV, span_of(of->head, sizeof of->head));
}

static void append(struct work *work, struct wire_message *message)
{
	work_pend(work); /* also when the request fails at once: done is called from here, never twice */
	send_request(work, message, HUB_STORE_TIMEOUT_MS, on_simple, work);
	work_settle(work);
}

void work_append(struct work *work, const char *type, work_done done)
{
	static char text[RECORD_TEXT_SIZE];
	struct wire_message message;
	int length = compose_record(type, &work->record, text);

	work->done = done;
	if (length < 0) {
		work_fail(work, length, "the record does not fit");
		work_pend(work);
		work_settle(work);
		return;
	}
	wire_begin(&message, WIRE_STORE_APPEND, 0, CLOCK_NEVER_MS);
	put_case(&message, work->of);
	wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)length));
	append(work, &message);
}

void work_append_two(struct work *work, const char *first_type, struct lines *first, const char *type, work_done done)
{
	static char first_text[RECORD_TEXT_SIZE], text[RECORD_TEXT_SIZE];
	struct wire_message message;
	int first_length = compose_record(first_type, first, first_text);
	int length = compose_record(type, &work->record, text);

	work->done = done;
	if (length < 0 || first_length < 0) {
		work_fail(work, ERR_LIMIT, "the record does not fit");
		work_pend(work);
		work_settle(work);
		return;
	}
	wire_begin(&message, WIRE_STORE_APPEND, 0, CLOCK_NEVER_MS);
	put_case(&message, work->of);
	wire_put_bytes(&message, WIRE_F_RECORD, span_of(first_text, (size_t)first_length));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)length));
	append(work, &message);
}

/* The answer belongs to the output that waits for one: takes of one work are asked one after the other and answered in any order, so the request says which. */
struct take {
	struct work *work;
	struct work_output *output;
};

static void on_taken(void *context, int err, struct wire_message *message)
{
	struct take *take = context;
	struct work *work = take->work;
	struct work_output *output = take->output;

	free(take);
	if (good_answer(work, err, message)) {
		output->size = wire_number(message, WIRE_F_SIZE, 0);
		output->taken = wire_string(message, WIRE_F_REF, output->ref, sizeof output->ref);
		if (!output->taken) {
			work_fail(work, ERR_LIMIT, "the reference of an object is too long");
		} else if (wire_has(message, WIRE_F_CASE)) {
			lines_set_span(&work->record, "seen", wire_span(message, WIRE_F_CASE));
		}
	}
	work_settle(work);
}

/* Any request that an object answers. */
static void ask_object(struct work *work, struct wire_message *message, struct work_output *output)
{
	struct take *take = malloc(sizeof *take);
	int err = take == NULL ? ERR_MEMORY : work->hub->store == NULL ? ERR_GONE : 0;

	if (err == 0) {
		*take = (struct take){ .work = work, .output = output };
		err = channel_request(work->hub->store, message, HUB_STORE_TIMEOUT_MS, on_taken, take, NULL);
	}
	if (err != 0) {
		free(take);
		work_fail(work, err, "the store cannot be asked");
	} else {
		work_pend(work);
	}
}

void work_take_once(struct work *work, const char *number, const char *role, int fd, uint64_t limit, struct span guard, struct work_output *output)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_TAKE, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_LIMIT, limit);
	if (guard.length > 0) {
		wire_put_bytes(&message, WIRE_F_HASH, guard);
	}
	wire_put_fd(&message, fd);
	ask_object(work, &message, output);
}

void work_take(struct work *work, const char *number, const char *role, int fd, uint64_t limit, struct work_output *output)
{
	work_take_once(work, number, role, fd, limit, span_of("", 0), output);
}

void work_decrypt(struct work *work, const char *role, uint64_t index, const char *key, uint64_t limit, struct work_output *output)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_DECRYPT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, work->of->number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_INDEX, index);
	wire_put_string(&message, WIRE_F_KEY, key);
	wire_put_number(&message, WIRE_F_LIMIT, limit);
	ask_object(work, &message, output);
}

void work_copy(struct work *work, const char *number, const char *role, uint64_t index, int fd)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_COPY, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, number);
	wire_put_string(&message, WIRE_F_OBJECT, role);
	wire_put_number(&message, WIRE_F_INDEX, index);
	wire_put_fd(&message, fd);
	send_request(work, &message, HUB_STORE_TIMEOUT_MS, on_copied, work);
}

void work_sign(struct work *work, const char *key, const char *role, struct lines *parameters, work_done done)
{
	static char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int length = lines_finish(parameters, text, sizeof text);

	work->done = done;
	work_pend(work);
	if (length < 0) {
		work_fail(work, length, "parameters do not fit");
	} else {
		wire_begin(&message, WIRE_STORE_SIGN, 0, CLOCK_NEVER_MS);
		put_case(&message, work->of);
		wire_put_string(&message, WIRE_F_KEY, key);
		wire_put_string(&message, WIRE_F_PURPOSE, "file");
		wire_put_string(&message, WIRE_F_OBJECT, role);
		wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
		send_request(work, &message, HUB_SIGN_TIMEOUT_MS, on_simple, work);
	}
	work_settle(work);
}
