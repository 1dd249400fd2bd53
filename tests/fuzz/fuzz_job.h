/* fuzz_job.h - runs one job of podatelna-partner on bytes from a fuzzer. */
#ifndef TESTS_FUZZ_FUZZ_JOB_H
#define TESTS_FUZZ_FUZZ_JOB_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/fdio.h"
#include "transport/base/partner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_in(struct job *job, const void *data, size_t size)
{
	int fd = fd_memfd_sealed("in", data, size);

	if (fd < 0) {
		abort();
	}
	job->fds[job->fd_count++] = fd;
}

static inline void fuzz_out(struct job *job)
{
	int fd = fd_memfd_open("out");

	if (fd < 0) {
		abort();
	}
	job->fds[job->fd_count++] = fd;
}

/* A job that succeeded must have a result that can be told, with `must` in it. */
static inline void fuzz_run(struct job *job, const char *must)
{
	static char text[LINES_BODY_MAX + 1];
	int err = job_run(job_kinds, job);

	if (err == 0 && (lines_finish(&job->result, text, sizeof text) < 0 || (must[0] != '\0' && lines_get(&job->result, must) == NULL))) {
		abort();
	}
	for (size_t i = 0; i < job->fd_count; i++) {
		(void)close(job->fds[i]);
	}
	lines_free(&job->result);
}

/* `classify` of a partner on these bytes, with all its outputs; `original` and `receipt` are texts. */
static inline void fuzz_classify(const char *partner, const char *parameters, const void *data, size_t size, const char *original, const char *receipt)
{
	struct job job = { .kind = "classify", .partner = partner, .parameters = span_of_string(parameters) };

	fuzz_in(&job, data, size);
	fuzz_in(&job, original, strlen(original));
	fuzz_in(&job, receipt, strlen(receipt));
	fuzz_out(&job);
	fuzz_out(&job);
	fuzz_out(&job);
	fuzz_run(&job, "verdict");
}

/* `verify` of a partner, without anchors. */
static inline void fuzz_verify(const char *partner, const void *data, size_t size)
{
	struct job job = { .kind = "verify", .partner = partner, .parameters = span_of_string("signer-cn: \n") };

	fuzz_in(&job, data, size);
	fuzz_in(&job, NULL, 0);
	fuzz_out(&job);
	fuzz_run(&job, "result");
}

#endif
