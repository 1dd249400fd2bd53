/* Certificates as they come: what is told of them must be lines that can be told, and a message is made only of one that is whole. */
#include "fuzz_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job look = { .kind = "certificates", .partner = "" };
	struct job announce = { .kind = "announce", .partner = "" };

	look.parameters = span_of_string("");
	fuzz_in(&look, data, size);
	fuzz_run(&look, "count");
	announce.parameters = span_of_string("option.announce-qualified: no\noption.announce-template: <a>{certificate}</a>\n");
	fuzz_in(&announce, data, size);
	fuzz_out(&announce);
	fuzz_run(&announce, "cause");
	return 0;
}
