/* The form that a person looks at before it is signed. The first line of the input, up to a zero byte, are labels. */
#include <string.h>

#include "fuzz_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char parameters[] = "case: 2026-000001\nenv: test\nform: FORM\nlanguage: cs\ntitle: Form\n";
	struct job job = { .kind = "render", .partner = "" };
	const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
	size_t labels = zero == NULL ? 0 : (size_t)(zero - data);

	job.parameters = span_of(parameters, sizeof parameters - 1);
	fuzz_in(&job, zero == NULL ? data : zero + 1, zero == NULL ? size : size - labels - 1);
	fuzz_in(&job, data, labels);
	fuzz_out(&job);
	fuzz_run(&job, "sha256");
	return 0;
}
