/* One gzip member within a limit: of foreign bytes no more comes out than allowed, and what we packed comes out as it was, whole or not at all. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "transport/base/deflate.h"
#include "transport/base/inflate.h"

#define LIMIT_BYTES UINT64_C(100000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_within(const uint8_t *data, size_t size, uint64_t limit, uint8_t **ret, size_t *ret_length)
{
	int err = inflate_gzip(span_of(data, size), limit, ret, ret_length);

	if (err == 0 ? *ret_length > limit : err != ERR_LIMIT && err != ERR_FORMAT) {
		abort();
	}
	return err;
}

static void expect(const uint8_t *data, size_t size, uint64_t limit, int wanted)
{
	uint8_t *out = NULL;
	size_t length = 0;

	if (open_within(data, size, limit, &out, &length) != wanted) {
		abort();
	}
	free(out);
}

static void there_and_back(const uint8_t *data, size_t size)
{
	_cleanup_deflated_ struct deflated packed = { 0 };
	uint8_t *out = NULL;
	size_t length = 0;
	int fd = fd_memfd_sealed("in", data, size);

	if (fd < 0 || deflate_fd(fd, DEFLATE_GZIP, LIMIT_BYTES, &packed) != 0 || !inflate_is_gzip(span_of(packed.data, packed.length)) ||
	    open_within(packed.data, packed.length, size, &out, &length) != 0 || length != size || (size > 0 && memcmp(out, data, size) != 0)) {
		abort();
	}
	free(out);
	(void)close(fd);
	expect(packed.data, packed.length - 1, LIMIT_BYTES, ERR_FORMAT); /* cut off */
	if (size > 0) {
		expect(packed.data, packed.length, size - 1, ERR_LIMIT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *out = NULL;
	size_t length = 0;

	if (size <= LIMIT_BYTES) {
		there_and_back(data, size);
	}
	(void)open_within(data, size, LIMIT_BYTES, &out, &length);
	free(out);
	return 0;
}
