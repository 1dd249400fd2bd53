/* Signatures of checkpoints. The keys of the seeds were thrown away when they were made: what is good is signed by one of theirs, with the very certificate. */
#include <stdlib.h>
#include <string.h>

#include "store/audit/cms.h"

static const uint8_t p256[] = { 0xeb, 0xc4, 0x0b, 0x94, 0xe0, 0x00, 0x65, 0xe7, 0x8f, 0x0b, 0xa8, 0xcd, 0x9b, 0x23, 0xcc, 0x80,
	                        0x1e, 0x0e, 0x93, 0x4d, 0xfe, 0x0b, 0x41, 0x14, 0x01, 0xf9, 0x46, 0xdd, 0xdf, 0xfe, 0x2c, 0x99 };
static const uint8_t rsa[] = { 0x87, 0x6a, 0x3e, 0x42, 0x07, 0x71, 0x58, 0xab, 0xef, 0x19, 0x19, 0x2a, 0xe2, 0xf8, 0x35, 0x41,
	                       0xd0, 0xcc, 0x19, 0xaf, 0xd3, 0xe9, 0x49, 0x99, 0xa2, 0xe2, 0x6d, 0xca, 0x06, 0xd3, 0x6e, 0x20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes content = { (const uint8_t *)"fuzz", 4 };
	struct audit_cms cms;
	const char *why = NULL;

	if (!audit_cms_read((struct bytes){ data, size }, &cms, &why) || !audit_cms_verify(&cms, content, &why)) {
		if (why == NULL) {
			abort();
		}
	} else if (memcmp(cms.signer.sha256, p256, sizeof p256) != 0 && memcmp(cms.signer.sha256, rsa, sizeof rsa) != 0) {
		abort();
	}
	if (audit_cms_read_plain((struct bytes){ data, size }, &cms, &why) && audit_cms_verify(&cms, content, &why) &&
	    memcmp(cms.signer.sha256, p256, sizeof p256) != 0 && memcmp(cms.signer.sha256, rsa, sizeof rsa) != 0) {
		abort();
	}
	return 0;
}
