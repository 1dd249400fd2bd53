/* Whatever somebody copies into the folder. */
#include "fuzz_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "recognise", .partner = "" };

	job.parameters = span_of("", 0);
	fuzz_in(&job, data, size);
	fuzz_run(&job, "complete");
	return 0;
}
