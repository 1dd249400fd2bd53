/* Answers of a time-stamp authority. The keys of the seeds were thrown away when they were made: what is granted can only be one of theirs. */
#include <string.h>

#include "fuzz_job.h"

#define PARAMETERS                                                                                                                                             \
	"asked-from: 1795320185000\nasked-to: 1795320186000\ncontent-type: application/timestamp-reply\nhash: sha256\nhttp-status: 200\n"                      \
	"imprint: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\nnonce: 00c0ffee00000001\n"

static const char anchor[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIB1TCCAXugAwIBAgIUBOD8VslOtrLII23OMM7XsNQl4cYwCgYIKoZIzj0EAwIw\n"
                             "ODELMAkGA1UEBhMCQ1oxFzAVBgNVBAoMDlBvZGF0ZWxuYSB0ZXN0MRAwDgYDVQQD\n"
                             "DAdGdXp6IENBMB4XDTI2MTEyMTA0MDMwNVoXDTM2MTExOTA0MDMwNVowODELMAkG\n"
                             "A1UEBhMCQ1oxFzAVBgNVBAoMDlBvZGF0ZWxuYSB0ZXN0MRAwDgYDVQQDDAdGdXp6\n"
                             "IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjGmBNcNwNLGnh5zxB6H0uuc3\n"
                             "uYJc6CYmLPEHLSU/RFWMiZReRy2vRpUwYPvJEX60U+WYDBeWXjtpNIcxbsmn/qNj\n"
                             "MGEwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUDu2ADmiSrSYsczRpI7znAutY\n"
                             "kB8wHwYDVR0jBBgwFoAUDu2ADmiSrSYsczRpI7znAutYkB8wDgYDVR0PAQH/BAQD\n"
                             "AgEGMAoGCCqGSM49BAMCA0gAMEUCIQDX/i1p9zm0lslFmQtqcpOSNGrY2XyIy2RS\n"
                             "P7co24FMmQIgbJsCpjDs8DzxJ+eQ54Fh2617V+kn8VmgMyyWOxhz//Y=\n"
                             "-----END CERTIFICATE-----\n";

static bool says(const struct lines *result, const char *name, const char *value)
{
	const char *found = lines_get(result, name);

	return found != NULL && strcmp(found, value) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[LINES_BODY_MAX + 1];
	struct job job = { .kind = "stamp-reply", .partner = "" };

	job.parameters = span_of_string(PARAMETERS);
	fuzz_in(&job, data, size);
	fuzz_in(&job, anchor, sizeof anchor - 1);
	fuzz_out(&job);
	if (job_run(job_kinds, &job) != 0 || lines_finish(&job.result, text, sizeof text) < 0 || lines_get(&job.result, "spent") == NULL ||
	    lines_get(&job.result, "fall-over") == NULL) {
		abort();
	}
	if (says(&job.result, "verdict", "granted") ? !says(&job.result, "serial", "1001") || !says(&job.result, "spent", "yes")
	                                            : lines_get(&job.result, "cause") == NULL || lines_get(&job.result, "reason") == NULL) {
		abort();
	}
	for (size_t i = 0; i < job.fd_count; i++) {
		(void)close(job.fds[i]);
	}
	lines_free(&job.result);
	return 0;
}
