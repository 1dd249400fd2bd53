#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "flow.h"

#define JOB_GRACE_MS 5000 /* the partner's program kills a job at its deadline; so long after that it counts as gone anyway */

const char *work_result(const struct work *work, const char *name)
{
	const char *value = lines_get(&work->result, name);

	return value == NULL ? "" : value;
}

bool work_result_is(const struct work *work, const char *name, const char *value)
{
	return strcmp(work_result(work, name), value) == 0;
}

void work_output_add(struct work *work, const char *role, const char *when, uint64_t limit)
{
	struct work_output *output = &work->outputs[work->output_count++];

	if (output->memfd >= 0) {
		(void)close(output->memfd);
	}
	*output = (struct work_output){ .role = role, .when = when, .limit = limit, .memfd = fd_memfd_open("output") };
	if (output->memfd < 0) {
		work_fail(work, ERR_SYSTEM, "no memory file");
	}
}

void work_output_keep(struct work *work)
{
	work_output_add(work, NULL, NULL, 0);
}

static void close_outputs(struct work *work)
{
	for (size_t i = 0; i < work->output_count; i++) {
		if (work->outputs[i].memfd >= 0 && work->outputs[i].role != NULL && !work->outputs[i].held) {
			(void)close(work->outputs[i].memfd);
			work->outputs[i].memfd = -1;
		}
	}
}

static void end_job(struct work *work)
{
	loop_unwatch(work->hub->loop, work->job_watch);
	loop_cancel(work->hub->loop, work->job_timer);
	work->job_watch = work->job_timer = 0;
	if (work->job_socket >= 0) {
		(void)close(work->job_socket);
		work->job_socket = -1;
	}
}

static bool output_counts(const struct work *work, const struct work_output *output)
{
	const char *equals = output->when == NULL ? NULL : strchr(output->when, '=');
	char name[LINES_NAME_MAX + 1];

	if (equals == NULL) {
		return true;
	}
	(void)snprintf(name, sizeof name, "%.*s", (int)(equals - output->when), output->when);
	return work_result_is(work, name, equals + 1);
}

/* What the job wrote becomes objects of the case, as far as its result says that it counts. */
static void take_outputs(struct work *work)
{
	for (size_t i = 0; i < work->output_count && work->err == 0; i++) {
		struct work_output *output = &work->outputs[i];

		if (output->role == NULL || !output_counts(work, output)) {
			continue;
		}
		if (fd_seal(output->memfd) != 0) {
			work_fail(work, ERR_SYSTEM, "a job's output cannot be sealed");
			return;
		}
		work_take(work, work->of->number, output->role, output->memfd, output->limit, output);
	}
}

static void read_result(struct work *work, const struct wire_message *message)
{
	int code = (int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
	char text[CASE_REASON_MAX_BYTES];

	if (!wire_string(message, WIRE_F_TEXT, text, sizeof text) || text[0] == '\0') {
		(void)snprintf(text, sizeof text, "%s", err_name(-code));
	}
	if (code != 0) {
		work_fail(work, -code, text);
	} else if (lines_parse(wire_span(message, WIRE_F_LINES), &work->result) != 0) {
		work_fail(work, ERR_MEMORY, "no memory for a result");
	}
}

static void on_job_result(void *context, uint32_t events)
{
	static uint8_t packet[WIRE_MESSAGE_MAX_BYTES];
	struct work *work = context;
	struct wire_message message;
	int err = wire_receive_blocking(work->job_socket, WIRE_HUB, WIRE_JOB, packet, &message, clock_mono_ms());

	(void)events;
	if (err == 0) {
		read_result(work, &message);
		wire_message_free(&message);
	} else {
		/* The process of a job is killed by its parent anyway; a crash on foreign bytes is an ordinary end for it. */
		work_fail(work, err, err == ERR_PROTOCOL ? "the job broke the protocol" : "the job died");
	}
	end_job(work);
	if (work->err == 0) {
		take_outputs(work);
	}
	close_outputs(work);
	work_settle(work);
}

static void on_job_deadline(void *context, uint32_t events)
{
	struct work *work = context;

	(void)events;
	work->job_timer = 0;
	work_fail(work, ERR_DEADLINE, "the job took too long");
	end_job(work);
	close_outputs(work);
	work_settle(work);
}

/* Content of an object flows from the store into a pipe whose other end the job reads. */
static int open_input(struct work *work, const struct work_input *input, int *ret_fd)
{
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;

	if (input->role == NULL) {
		*ret_fd = dup(input->fd);
		return *ret_fd < 0 ? ERR_SYSTEM : 0;
	}
	if (fd_pipe(&read_end, &write_end) != 0) {
		return ERR_SYSTEM;
	}
	work_copy(work, work->of->number, input->role, input->index, write_end);
	*ret_fd = take_fd(&read_end);
	return 0;
}

static int send_job(struct work *work, const char *kind, const char *partner, struct lines *parameters, const int *fds, size_t fd_count, int job_end)
{
	static char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int length = lines_finish(parameters, text, sizeof text);

	if (length < 0 || work->hub->partner == NULL) {
		return length < 0 ? length : ERR_GONE;
	}
	wire_begin(&message, WIRE_JOB_START, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, kind);
	wire_put_string(&message, WIRE_F_NAME, partner);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_fd(&message, job_end);
	for (size_t i = 0; i < fd_count; i++) {
		wire_put_fd(&message, fds[i]);
	}
	for (size_t i = 0; i < work->output_count; i++) {
		wire_put_fd(&message, work->outputs[i].memfd);
	}
	return channel_send(work->hub->partner, &message);
}

static int start_job(struct work *work, const char *kind, const char *partner, struct lines *parameters, const int *fds, size_t fd_count)
{
	int ends[2];
	int err = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		return ERR_SYSTEM;
	}
	work->job_socket = ends[0];
	err = send_job(work, kind, partner, parameters, fds, fd_count, ends[1]);
	(void)close(ends[1]);
	if (err == 0) {
		work->job_watch = loop_watch(work->hub->loop, work->job_socket, EPOLLIN, on_job_result, work);
		work->job_timer = loop_timer(work->hub->loop, clock_deadline(HUB_JOB_TIMEOUT_MS + JOB_GRACE_MS), on_job_deadline, work);
		err = work->job_watch < 0 || work->job_timer < 0 ? ERR_LIMIT : 0;
	}
	if (err == 0) {
		work_pend(work);
	} else {
		end_job(work);
	}
	return err;
}

void work_job(struct work *work, const char *kind, const char *partner, struct lines *parameters, const struct work_input *inputs, size_t input_count,
              work_done done)
{
	int fds[WIRE_FDS_MAX];
	size_t count = 0;
	int err = work->err;

	work->done = done;
	work_pend(work);
	lines_free(&work->result);
	for (size_t i = 0; i < input_count && err == 0; i++) {
		err = open_input(work, &inputs[i], &fds[count]);
		count += err == 0 ? 1 : 0;
	}
	if (err == 0) {
		err = start_job(work, kind, partner, parameters, fds, count);
	}
	for (size_t i = 0; i < count; i++) {
		(void)close(fds[i]);
	}
	if (err != 0) {
		work_fail(work, err, "the partner's program cannot be asked");
		close_outputs(work);
	}
	work_settle(work);
}
