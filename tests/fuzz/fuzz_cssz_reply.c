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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = sizeof purposes / sizeof purposes[0], choice = size == 0 ? 0 : data[0] % (count + 1);

	if (size > 0 && choice == count) {
		fuzz_verify("cssz", data + 1, size - 1);
	} else {
		fuzz_classify("cssz", purposes[choice], size == 0 ? data : data + 1, size == 0 ? 0 : size - 1, ORIGINAL, RECEIPT);
	}
	return 0;
}
