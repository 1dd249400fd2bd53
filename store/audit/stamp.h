/* stamp.h - RFC 3161: a TimeStampResp, the TSTInfo in it, and what it is over. Nothing is copied.
 *
 * Taken: status granted or grantedWithMods; CMS version 3 with id-ct-TSTInfo inside; signing-certificate or signing-certificate-v2 there and about the signer;
 * TSTInfo version 1 without critical extensions; imprint by SHA-256, SHA-384 or SHA-512. Who may sign stamps, and when, is path.h's. */
#ifndef STORE_AUDIT_STAMP_H
#define STORE_AUDIT_STAMP_H

#include "cms.h"

#define AUDIT_STAMP_MAX_BYTES ((size_t)1024 * 1024)

struct audit_stamp {
	struct audit_cms cms;
	enum audit_hash hash;                        /* of the imprint */
	struct bytes imprint, policy, serial, nonce; /* nonce: empty where there is none */
	int64_t utc_s;                               /* genTime, its fraction cut off */
	unsigned utc_ms;                             /* its fraction */
	uint64_t accuracy_ms;                        /* 0: it does not say; rounded up */
};

/* The reply is a stamp and its own signature fits. False, and *ret_why (static) says why. */
bool audit_stamp_read(struct bytes der, struct audit_stamp *ret, const char **ret_why);
/* It is over these bytes. */
bool audit_stamp_is_over(const struct audit_stamp *stamp, struct bytes of);

#endif
