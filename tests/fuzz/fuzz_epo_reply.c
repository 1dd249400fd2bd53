/* Replies of the portal, for every purpose; the first byte chooses it. */
#include "fuzz_job.h"

#define ORIGINAL "<Pisemnost/>"

static const char *const purposes[] = {
	"http-status: 200\npurpose: test\n",
	"http-status: 200\npurpose: file\n",
	"http-status: 302\npurpose: file\n",
	"http-status: 500\noption.treat-n-as: passable\npurpose: test\n",
	"http-status: 200\npurpose: poll\nstage: state\n",
	"http-status: 200\npurpose: poll\nstage: result\n",
	"purpose: confirmation\n",
	"http-status: 200\npurpose: file\n", /* of the toy partner */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "classify", .partner = "epo" };
	size_t choice = size == 0 ? 0 : data[0] % (sizeof purposes / sizeof purposes[0]);

	if (choice == sizeof purposes / sizeof purposes[0] - 1) {
		job.partner = "toy";
	}
	job.parameters = span_of_string(purposes[choice]);
	fuzz_in(&job, size == 0 ? data : data + 1, size == 0 ? 0 : size - 1);
	fuzz_in(&job, ORIGINAL, sizeof ORIGINAL - 1);
	fuzz_in(&job, NULL, 0);
	fuzz_out(&job);
	fuzz_out(&job);
	fuzz_run(&job, "verdict");
	return 0;
}
