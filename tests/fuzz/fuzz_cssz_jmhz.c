/* Monthly reports of employers, looked at when they come, and what a person attaches as the protocol on their processing. */
#include "fuzz_job.h"

#define OPTIONS "option.class: CSSZ_JMHZ\noption.etype: JMHZ25\noption.report: jmhz\noption.vs: 9900000001\noption.vs-path: /jmhz/hlavicka/variabilniSymbol\n"

static void check(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "check", .partner = "cssz", .parameters = span_of_string("form: X\n" OPTIONS) };

	fuzz_in(&job, data, size);
	fuzz_out(&job);
	fuzz_run(&job, "fit");
}

static void attach(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "classify",
		           .partner = "cssz",
		           .parameters = span_of_string("form: X\nhttp-status: 200\n" OPTIONS "purpose: file\nstage: none\n") };

	fuzz_in(&job, data, size);
	fuzz_in(&job, "<jmhz/>", sizeof "<jmhz/>" - 1);
	fuzz_in(&job, "", 0);
	fuzz_out(&job);
	fuzz_out(&job);
	fuzz_run(&job, "verdict");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size);
	attach(data, size);
	return 0;
}
