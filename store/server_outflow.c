/* Object or text -> descriptor. Pipes are written as far as they take it, files in slices. */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/fdio.h"

struct server_outflow {
	struct server *server;
	struct vault_reader *reader; /* NULL: text alone */
	uint8_t *text;
	struct span piece; /* not yet written */
	bool end;          /* nothing comes after `piece` */
	uint64_t size;
	int fd, watch, step_timer, deadline_timer;
	server_outflow_done done;
	void *context;
};

static void release(struct server_outflow *outflow)
{
	loop_unwatch(outflow->server->loop, outflow->watch);
	loop_cancel(outflow->server->loop, outflow->step_timer);
	loop_cancel(outflow->server->loop, outflow->deadline_timer);
	cleanup_close(&outflow->fd);
	vault_reader_free(outflow->reader);
	free(outflow->text);
	free(outflow);
}

void server_outflow_cancel(struct server_outflow *outflow)
{
	if (outflow != NULL) {
		release(outflow);
	}
}

static void finish(struct server_outflow *outflow, int err)
{
	server_outflow_done done = outflow->done;
	void *context = outflow->context;
	uint64_t size = outflow->size;

	release(outflow); /* closes the descriptor before the answer: the reader's end is there when the answer is */
	done(context, err, size);
}

static int next_piece(struct server_outflow *outflow)
{
	int err = 0;

	if (!span_is_empty(outflow->piece) || outflow->end) {
		return 0;
	}
	err = vault_reader_next(outflow->reader, &outflow->piece);
	outflow->end = err == 0 && span_is_empty(outflow->piece);
	return err;
}

/* Writes once. ERR_AGAIN: the pipe is full. */
static int write_piece(struct server_outflow *outflow, size_t *ret_length)
{
	ssize_t done = write(outflow->fd, outflow->piece.data, outflow->piece.length);
	struct span written;

	if (done < 0) {
		switch (errno) {
		case EAGAIN:
		case EINTR:
			return ERR_AGAIN;
		case EPIPE:
			return ERR_GONE;
		case ENOSPC:
		case EDQUOT:
			return ERR_SPACE;
		default:
			return ERR_SYSTEM;
		}
	}
	outflow->size += (uint64_t)done;
	*ret_length = (size_t)done;
	return span_read_bytes(&outflow->piece, (size_t)done, &written) ? 0 : ERR_INTERNAL;
}

static void on_step(void *context, uint32_t events);

static int arm_step(struct server_outflow *outflow)
{
	int id = loop_timer(outflow->server->loop, clock_mono_ms(), on_step, outflow);

	outflow->step_timer = id > 0 ? id : 0;
	return id > 0 ? 0 : id;
}

static void on_step(void *context, uint32_t events)
{
	struct server_outflow *outflow = context;
	size_t have = 0, length = 0;
	int err = 0;

	(void)events;
	outflow->step_timer = 0;
	while (err == 0 && have < SERVER_SLICE_BYTES) {
		err = next_piece(outflow);
		if (err == 0 && outflow->end && span_is_empty(outflow->piece)) {
			finish(outflow, 0);
			return;
		}
		if (err == 0) {
			err = write_piece(outflow, &length);
			have += err == 0 ? length : 0;
		}
	}
	if (err != 0 && err != ERR_AGAIN) {
		finish(outflow, err);
	} else if (outflow->watch <= 0) {
		(void)arm_step(outflow);
	}
}

static void on_deadline(void *context, uint32_t events)
{
	struct server_outflow *outflow = context;

	(void)events;
	outflow->deadline_timer = 0;
	finish(outflow, ERR_DEADLINE);
}

static int arm(struct server_outflow *outflow, uint64_t deadline_ms)
{
	struct stat status;
	int id = 0;

	if (fstat(outflow->fd, &status) != 0) {
		return ERR_SYSTEM;
	}
	if (S_ISREG(status.st_mode)) {
		id = arm_step(outflow);
	} else {
		id = fd_set_nonblocking(outflow->fd, true) != 0 ? ERR_SYSTEM : loop_watch(outflow->server->loop, outflow->fd, EPOLLOUT, on_step, outflow);
		outflow->watch = id > 0 ? id : 0;
	}
	if (id < 0) {
		return id;
	}
	id = loop_timer(outflow->server->loop, deadline_ms, on_deadline, outflow);
	outflow->deadline_timer = id > 0 ? id : 0;
	return id < 0 ? id : 0;
}

static int start(struct server_outflow *outflow, uint64_t deadline_ms, struct server_outflow **ret)
{
	int err = arm(outflow, deadline_ms);

	if (err != 0) {
		release(outflow);
		return err;
	}
	*ret = outflow;
	return 0;
}

int server_outflow_start(struct server *server, struct key *key, const struct object_ref *ref, int fd, uint64_t deadline_ms, server_outflow_done done,
                         void *context, struct server_outflow **ret)
{
	struct server_outflow *outflow = calloc(1, sizeof *outflow);

	if (outflow == NULL) {
		(void)close(fd);
		return ERR_MEMORY;
	}
	*outflow = (struct server_outflow){ .server = server, .fd = fd, .done = done, .context = context };
	outflow->reader = vault_reader_new(server->vault, key, ref);
	if (outflow->reader == NULL) {
		release(outflow);
		return ERR_MEMORY;
	}
	return start(outflow, deadline_ms, ret);
}

int server_outflow_text(struct server *server, uint8_t *text, size_t length, int fd, uint64_t deadline_ms, server_outflow_done done, void *context,
                        struct server_outflow **ret)
{
	struct server_outflow *outflow = calloc(1, sizeof *outflow);

	if (outflow == NULL) {
		(void)close(fd);
		free(text);
		return ERR_MEMORY;
	}
	*outflow = (struct server_outflow){ .server = server, .fd = fd, .done = done, .context = context, .text = text, .end = true };
	outflow->piece = span_of(text, length);
	return start(outflow, deadline_ms, ret);
}
