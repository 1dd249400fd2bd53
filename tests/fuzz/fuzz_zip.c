/* Archives inside confirmations. */
#include "appliance/base/span.h"
#include "fuzz_job.h"
#include "transport/base/zip.h"

#define LIMIT_BYTES (1U << 20)

static int count(void *context, struct span bytes)
{
	size_t *total = context;

	*total += bytes.length;
	return *total > LIMIT_BYTES ? (abort(), 0) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t total = 0;

	(void)zip_read_single(span_of(data, size), LIMIT_BYTES, count, &total);
	return 0;
}
