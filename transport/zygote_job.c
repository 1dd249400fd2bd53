#include "zygote_job.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/log.h"
#include "../appliance/wire/channel.h"
#include "zygote.h"

#define FIRST_FD 3
#define PARKING_FD 128 /* above every descriptor that the job will have */
#define RESULT_DEADLINE_MS 5000

struct order *order_new(struct wire_message *message)
{
	struct order *order = calloc(1, sizeof *order);
	struct span parameters = wire_span(message, WIRE_F_LINES);

	if (order == NULL || !wire_string(message, WIRE_F_KIND, order->kind, sizeof order->kind) ||
	    !wire_string(message, WIRE_F_NAME, order->partner, sizeof order->partner) || (order->parameters = malloc(parameters.length + 1)) == NULL) {
		order_free(order);
		return NULL;
	}
	if (parameters.length > 0) {
		memcpy(order->parameters, parameters.data, parameters.length);
	}
	order->parameters_length = parameters.length;
	for (; order->fd_count < message->fd_count; order->fd_count++) {
		order->fds[order->fd_count] = wire_take_fd(message, order->fd_count);
	}
	return order;
}

void order_free(struct order *order)
{
	if (order == NULL) {
		return;
	}
	for (size_t i = 0; i < order->fd_count; i++) {
		(void)close(order->fds[i]);
	}
	free(order->parameters);
	free(order);
}

uint64_t order_deadline_ms(const struct order *order)
{
	uint64_t wished = 0;

	if (!lines_find_u64(span_of(order->parameters, order->parameters_length), "deadline-ms", &wished) || wished == 0) {
		wished = ZYGOTE_DEADLINE_MS;
	}
	return wished < ZYGOTE_DEADLINE_MAX_MS ? wished : ZYGOTE_DEADLINE_MAX_MS;
}

static int send_result(int fd, int err, struct span lines, const char *why)
{
	struct wire_message message;

	wire_begin(&message, WIRE_JOB_RESULT, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, (uint64_t)-err);
	wire_put_bytes(&message, WIRE_F_LINES, lines);
	if (why[0] != '\0') {
		wire_put_string(&message, WIRE_F_TEXT, why);
	}
	return wire_send_blocking(fd, WIRE_JOB, WIRE_HUB, &message, clock_deadline(RESULT_DEADLINE_MS));
}

void order_refuse(const struct order *order, int err, const char *why)
{
	(void)send_result(order->fds[0], err, span_of("", 0), why);
}

/* Moves the job's descriptors to 3, 4, … and closes everything else: the zygote's links, its event loop, other jobs' ends. */
static int keep_only(struct order *order, int life)
{
	int parked[WIRE_FDS_MAX + 1];
	size_t count = order->fd_count + 1;

	for (size_t i = 0; i < count; i++) {
		parked[i] = fcntl(i < order->fd_count ? order->fds[i] : life, F_DUPFD_CLOEXEC, PARKING_FD);
		if (parked[i] < 0) {
			return ERR_SYSTEM;
		}
	}
	for (size_t i = 0; i < count; i++) {
		int fd = FIRST_FD + (int)i;

		if (dup2(parked[i], fd) != fd) {
			return ERR_SYSTEM;
		}
		if (i < order->fd_count) {
			order->fds[i] = fd;
		}
	}
	return close_range((unsigned)(FIRST_FD + (int)count), ~0U, 0) == 0 ? 0 : ERR_SYSTEM;
}

static int limit_to(int resource, uint64_t most)
{
	struct rlimit limit = { most, most };

	return setrlimit((__rlimit_resource_t)resource, &limit) == 0 ? 0 : ERR_SYSTEM;
}

/* The kernel's own bounds, beside the zygote's timer: whatever fails, the job ends. */
static int confine(const struct sandbox_filter *narrow, uint64_t deadline_ms)
{
	uint64_t seconds = deadline_ms / 1000 + 1;
	int err = 0;

	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm((unsigned)seconds + 1);
	err = limit_to(RLIMIT_CPU, seconds);
#ifndef PODATELNA_SANITIZED
	err = err != 0 ? err : limit_to(RLIMIT_AS, ZYGOTE_JOB_MEMORY_BYTES);
#endif
	err = err != 0 ? err : limit_to(RLIMIT_NOFILE, ZYGOTE_JOB_FILES_MAX);
	return err != 0 ? err : sandbox_narrow(narrow);
}

static int work(const struct job_kind *kinds, struct order *order)
{
	static char text[LINES_BODY_MAX + 1];
	static struct job job; /* too large for comfort on a stack */
	int length = 0, err = ERR_INTERNAL;

	job.kind = order->kind;
	job.partner = order->partner;
	job.parameters = span_of(order->parameters, order->parameters_length);
	for (size_t i = 1; i < order->fd_count; i++) {
		job.fds[job.fd_count++] = order->fds[i];
	}
	err = job_run(kinds, &job);
	length = lines_finish(&job.result, text, sizeof text);
	return send_result(order->fds[0], err, span_of(text, length < 0 ? 0 : (size_t)length), job.reason);
}

void job_process(const struct job_kind *kinds, const struct sandbox_filter *narrow, struct order *order, int life, pid_t zygote)
{
	int err = ERR_INTERNAL;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != zygote) {
		_exit(1);
	}
	err = keep_only(order, life);
	if (err == 0) {
		err = confine(narrow, order_deadline_ms(order));
	}
	if (err != 0) {
		log_error("a job could not be confined");
		order_refuse(order, err, "the job could not be confined");
		_exit(1);
	}
	_exit(work(kinds, order) == 0 ? 0 : 1);
}
