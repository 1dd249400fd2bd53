/* Signed replies. There are no anchors and the pin is of nothing: whatever comes must not be valid. */
#include <string.h>

#include "fuzz_job.h"

#define PARAMETERS "signer-cn: a|b\nsigner-sha256: 0000000000000000000000000000000000000000000000000000000000000000\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "verify", .partner = "epo" };
	const char *result = NULL;

	job.parameters = span_of_string(PARAMETERS);
	fuzz_in(&job, data, size);
	fuzz_in(&job, "", 0);
	fuzz_out(&job);
	if (job_run(job_kinds, &job) == 0) {
		result = lines_get(&job.result, "result");
		if (job.result.err != 0 || result == NULL || strcmp(result, "invalid") != 0) {
			abort();
		}
	}
	for (size_t i = 0; i < job.fd_count; i++) {
		(void)close(job.fds[i]);
	}
	lines_free(&job.result);
	return 0;
}
