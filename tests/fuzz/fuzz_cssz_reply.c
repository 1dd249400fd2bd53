/* Answers of VREP, for every purpose, and the seal in them; the first byte chooses. */
#include "fuzz_job.h"

#define ORIGINAL "<REGZEC><employee><comp vs='9900000001'/></employee></REGZEC>"
#define RECEIPT "class: CSSZ_REGZEC\ncorrelation-id: 0A1B2C3D4E5F60718293A4B5C6D7E8F9\nvs: 9900000001\n"
#define SERVICE                                                                                                                                                \
	"option.class: CSSZ_REGZEC\noption.echoes: count|number|person\noption.forms-path: //employee\noption.partial: yes\noption.subtypes: "                 \
	"REGZEC25\noption.vs-path: //employee/comp/@vs\n"

static const char *const purposes[] = {
	"http-status: 200\n" SERVICE "purpose: file\n",
	"http-status: 200\n" SERVICE "purpose: poll\nstage: result\n",
	SERVICE "purpose: confirmation\n",
	"language: en\n" SERVICE "purpose: confirmation\n",
	SERVICE "purpose: check\n",
};

static void classify(const char *parameters, const uint8_t *data, size_t size)
{
	struct job job = { .kind = "classify", .partner = "cssz", .parameters = span_of_string(parameters) };

	fuzz_in(&job, data, size);
	fuzz_in(&job, ORIGINAL, sizeof ORIGINAL - 1);
	fuzz_in(&job, RECEIPT, sizeof RECEIPT - 1);
	fuzz_out(&job);
	fuzz_out(&job);
	fuzz_run(&job, "verdict");
}

static void verify(const uint8_t *data, size_t size)
{
	struct job job = { .kind = "verify", .partner = "cssz", .parameters = span_of_string("signer-cn: \n") };

	fuzz_in(&job, data, size);
	fuzz_in(&job, NULL, 0);
	fuzz_out(&job);
	fuzz_run(&job, "result");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = sizeof purposes / sizeof purposes[0], choice = size == 0 ? 0 : data[0] % (count + 1);

	if (size > 0 && choice == count) {
		verify(data + 1, size - 1);
	} else {
		classify(purposes[choice], size == 0 ? data : data + 1, size == 0 ? 0 : size - 1);
	}
	return 0;
}
