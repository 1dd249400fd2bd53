/* Before a zero byte: a file of the catalogue. After it: facts of a message that are matched with it. */
#include <stdlib.h>
#include <string.h>

#include "../../config/catalogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span facts = span_of(data, size);
	struct span file = facts;
	struct config_report report = { 0 };
	struct catalogue *catalogue = NULL;
	struct catalogue_match found;
	bool both = span_read_until(&facts, 0, &file);
	int r = size > CATALOGUE_FILE_MAX_BYTES ? -1 : catalogue_parse(file, "fuzz", "en", &catalogue, &report);

	if ((r == 0) != (catalogue != NULL) || (size <= CATALOGUE_FILE_MAX_BYTES && (r == 0) != (report.errors == 0))) {
		abort();
	}
	if (r == 0 && both) {
		catalogue_match(catalogue, facts, "epo", "a.xml", &found);
		if ((found.verdict == CATALOGUE_FORM) != (found.reason[0] == '\0') || strlen(found.id) > CATALOGUE_ID_MAX) {
			abort();
		}
	}
	catalogue_free(catalogue);
	/* What the first pass lets through libconfuse must take too. */
	for (size_t i = 0; i < report.count; i++) {
		if (strcmp(report.findings[i].text, "the file cannot be read") == 0) {
			abort();
		}
	}
	config_report_free(&report);
	return 0;
}
