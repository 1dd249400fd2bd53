/* zygote_job.h - a job as the zygote holds it, and the forked process that does it. Only zygote.c and zygote_job.c. */
#ifndef TRANSPORT_ZYGOTE_JOB_H
#define TRANSPORT_ZYGOTE_JOB_H

#include <sys/types.h>

#include "../appliance/base/sandbox.h"
#include "base/partner.h"

#define JOB_KIND_SIZE 64
#define JOB_PARTNER_SIZE 64

/* An order, copied out of its message. Owns its descriptors. */
struct order {
	char kind[JOB_KIND_SIZE], partner[JOB_PARTNER_SIZE];
	uint8_t *parameters;
	size_t parameters_length;
	int fds[WIRE_FDS_MAX]; /* [0] is the job socket */
	size_t fd_count;
	struct order *next;
};

/* Takes the descriptors out of the message. NULL without memory or when a name is too long (then the message keeps them). */
struct order *order_new(struct wire_message *message);
void order_free(struct order *order);
uint64_t order_deadline_ms(const struct order *order);
/* Answers on the job socket in the job's place. */
void order_refuse(const struct order *order, int err, const char *why);

/* In the forked process: never returns. `narrow` is the filter of a job, `life` the descriptor whose closing tells the zygote that the process ended. */
void job_process(const struct job_kind *kinds, const struct sandbox_filter *narrow, struct order *order, int life, pid_t zygote) __attribute__((noreturn));

#endif
