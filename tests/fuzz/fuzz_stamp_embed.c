/* Signatures that are to be stamped: the length of a token in two bytes, the token, the CMS. What was written must be read again with the stamp in it. */
#include <stdio.h>
#include <string.h>

#include "fuzz_job.h"

static void end(struct job *job)
{
	for (size_t i = 0; i < job->fd_count; i++) {
		(void)close(job->fds[i]);
	}
	lines_free(&job->result);
}

static void read_again(int fd, const struct lines *first)
{
	static char text[LINES_BODY_MAX + 1];
	struct job job = { .kind = "stamp-imprint", .partner = "" };
	char parameters[sizeof "hash: sha256\n"];

	(void)snprintf(parameters, sizeof parameters, "hash: %s\n", lines_get(first, "hash"));
	job.parameters = span_of_string(parameters);
	job.fds[job.fd_count++] = dup(fd);
	if (job_run(job_kinds, &job) != 0 || lines_finish(&job.result, text, sizeof text) < 0 || strcmp(lines_get(&job.result, "stamped"), "yes") != 0 ||
	    strcmp(lines_get(&job.result, "imprint"), lines_get(first, "imprint")) != 0 ||
	    strcmp(lines_get(&job.result, "size"), lines_get(first, "size")) != 0) {
		abort();
	}
	end(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), token;
	struct job alone = { .kind = "stamp-imprint", .partner = "" }, job = { .kind = "stamp-embed", .partner = "" };
	uint16_t length = 0;

	if (!span_read_u16(&all, &length) || !span_read_bytes(&all, length, &token)) {
		return 0;
	}
	alone.parameters = job.parameters = span_of_string("");
	fuzz_in(&alone, all.data, all.length);
	fuzz_run(&alone, "imprint");
	fuzz_in(&job, all.data, all.length);
	fuzz_in(&job, token.data, token.length);
	fuzz_out(&job);
	if (job_run(job_kinds, &job) == 0) {
		read_again(job.fds[2], &job.result);
	} else if (job.reason[0] == '\0') {
		abort();
	}
	end(&job);
	return 0;
}
