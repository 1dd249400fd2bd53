/* Any bytes as podatelna.conf: it is read or refused with a finding, libconfuse included. */
#include <stdlib.h>
#include <string.h>

#include "../../config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	int r = size > CONFIG_FILE_MAX_BYTES ? -1 : config_parse(span_of(data, size), "fuzz", &config, &report);

	/* Taken without an error, or refused with one. */
	if (size <= CONFIG_FILE_MAX_BYTES && (r == 0) != (report.errors == 0)) {
		abort();
	}
	if ((r == 0) != (config != NULL)) {
		abort();
	}
	config_free(config);
	/* What the first pass lets through libconfuse must take too. */
	for (size_t i = 0; i < report.count; i++) {
		if (strcmp(report.findings[i].text, "the file cannot be read") == 0) {
			abort();
		}
	}
	config_report_free(&report);
	return 0;
}
