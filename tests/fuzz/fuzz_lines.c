/* Lines: what is valid parses, and is written again to the same bytes. And escaping never writes beyond its buffer, and always text. */
#include <stdlib.h>
#include <string.h>

#include "appliance/base/escape.h"
#include "appliance/base/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[LINES_BODY_MAX + 1];
	struct lines lines = { 0 };
	char escaped[64];

	if (lines_parse(span_of(data, size), &lines) == 0) {
		int length = lines_finish(&lines, text, sizeof text);

		if (length < 0 || (size_t)length != size || memcmp(text, data, size) != 0) {
			abort();
		}
	}
	lines_free(&lines);
	for (int target = ESCAPE_TERMINAL; target <= ESCAPE_FILE; target++) {
		size_t length = escape_text((enum escape_for)target, span_of(data, size), escaped, sizeof escaped);

		if (length >= sizeof escaped || escaped[length] != '\0' || !span_is_utf8(span_of(escaped, length))) {
			abort();
		}
	}
	return 0;
}
