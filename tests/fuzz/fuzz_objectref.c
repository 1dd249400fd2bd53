/* References to objects, as the hub and the records name them. */
#include "store/object.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct object_ref ref;
	char again[OBJECT_REF_SIZE];

	if (object_ref_parse(span_of(data, size), &ref) == 0) {
		int wrote = object_ref_format(&ref, again, sizeof again);

		if (wrote < 0 || (size_t)wrote != size || memcmp(again, data, size) != 0) {
			abort();
		}
	}
	return 0;
}
