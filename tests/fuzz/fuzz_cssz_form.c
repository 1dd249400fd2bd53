/* Forms for ČSSZ, looked at before they are signed. */
#include "fuzz_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "compose",
		           .partner = "cssz",
		           .parameters =
		               span_of_string("form: X\noption.class: CSSZ_X\noption.forms-path: //employee\noption.vs-path: /a/b/c\nwhat: content\n") };

	fuzz_in(&job, data, size);
	fuzz_out(&job);
	fuzz_run(&job, "same");
	return 0;
}
