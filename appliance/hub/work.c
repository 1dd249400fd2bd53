#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "flow.h"
#include "signer.h"

struct work *work_begin(struct hub *hub, struct hub_case *of)
{
	struct work *work = NULL;

	if ((of != NULL && of->work != NULL) || (work = calloc(1, sizeof *work)) == NULL) {
		return NULL;
	}
	work->hub = hub;
	work->of = of;
	work->job_socket = -1;
	for (size_t i = 0; i < WORK_OUTPUTS_MAX; i++) {
		work->outputs[i].memfd = -1;
	}
	hub->works++;
	if (of != NULL) {
		of->work = work;
		if (clock_expired(of->due_ms)) { /* otherwise it goes on waiting for the same, beside this errand */
			of->waiting = "";
		}
	}
	return work;
}

struct work *work_begin_aside(struct hub *hub, struct hub_case *of)
{
	const char *waiting = of->waiting;
	struct work *work = work_begin(hub, of);

	if (work != NULL) {
		work->aside = true;
		of->waiting = waiting;
	}
	return work;
}

static void release(struct work *work)
{
	struct hub *hub = work->hub;

	signer_release(work, false);
	for (size_t i = 0; i < work->output_count; i++) {
		if (work->outputs[i].memfd >= 0) {
			(void)close(work->outputs[i].memfd);
		}
	}
	lines_free(&work->result);
	lines_free(&work->record);
	hub->works--;
	if (work->of != NULL) {
		work->of->work = NULL;
	}
	free(work);
}

static void on_free_place(void *context, uint32_t events)
{
	struct hub *hub = context;

	(void)events;
	flow_all(hub);
}

/* Cases that found no free place are looked at again, from the loop: ending a work never starts others from inside itself. */
static void look_again(struct hub *hub)
{
	if (hub->works == HUB_WORKS_MAX - 1) {
		(void)loop_timer(hub->loop, clock_mono_ms(), on_free_place, hub);
	}
}

void work_end(struct work *work)
{
	struct hub *hub = work->hub;
	struct hub_case *of = work->of;
	bool step = !work->aside;

	release(work);
	if (of != NULL && step) {
		of->failures = of->deaths = 0;
		of->death_epoch = 0;
	}
	if (of != NULL) {
		flow_next(hub, of);
	}
	look_again(hub);
}

uint64_t work_backoff(uint32_t failures)
{
	uint64_t delay = HUB_RETRY_FIRST_MS;

	for (uint32_t i = 1; i < failures && delay < HUB_RETRY_MAX_MS; i++) {
		delay *= 2;
	}
	return delay > HUB_RETRY_MAX_MS ? HUB_RETRY_MAX_MS : delay;
}

void work_retry(struct work *work, const char *waiting)
{
	struct hub *hub = work->hub;
	struct hub_case *of = work->of;

	if (of != NULL) {
		of->failures++;
		of->due_ms = clock_deadline(work_backoff(of->failures));
		of->waiting = waiting;
		log_info("%s: step put off (%s%s%s), try %u", of->number, waiting, work->why[0] != '\0' ? ": " : "", work->why, of->failures);
	}
	release(work);
	look_again(hub);
}

void work_wait(struct work *work, const char *waiting, uint64_t ms)
{
	struct hub *hub = work->hub;
	struct hub_case *of = work->of;

	release(work);
	if (of != NULL) {
		of->due_ms = clock_deadline(ms);
		of->waiting = waiting;
	}
	look_again(hub);
}

void work_fail(struct work *work, int err, const char *why)
{
	if (work->err == 0) {
		work->err = err;
		(void)snprintf(work->why, sizeof work->why, "%s", why);
	}
}

void work_pend(struct work *work)
{
	work->pending++;
}

void work_settle(struct work *work)
{
	work->pending--;
	if (work->pending == 0) {
		work->done(work);
	}
}
