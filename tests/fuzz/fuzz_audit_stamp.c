/* Time stamps. The key of the seeds was thrown away when they were made: what is good is theirs, over what they were over, at their time. */
#include <stdlib.h>
#include <string.h>

#include "store/audit/stamp.h"

#define SEED_TIME_S INT64_C(1893456000)

static const uint8_t tsa[] = { 0x4a, 0x5b, 0xbd, 0x57, 0x4e, 0xcb, 0x4a, 0x07, 0x24, 0x93, 0xee, 0x57, 0xb2, 0x46, 0xe5, 0x07,
	                       0x91, 0xbb, 0xa4, 0xbc, 0xe1, 0x59, 0x88, 0x84, 0x24, 0xa2, 0x44, 0x8c, 0xfc, 0x6d, 0x29, 0x2a };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes content = { (const uint8_t *)"fuzz", 4 };
	struct audit_stamp stamp;
	const char *why = NULL;

	if (!audit_stamp_read((struct bytes){ data, size }, &stamp, &why)) {
		if (why == NULL) {
			abort();
		}
	} else if (memcmp(stamp.cms.signer.sha256, tsa, sizeof tsa) != 0 || !audit_stamp_is_over(&stamp, content) || stamp.utc_s != SEED_TIME_S) {
		abort();
	}
	return 0;
}
