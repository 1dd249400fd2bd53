/* certificates.h - what a certificate says of itself, in words for the hub, which has no crypto code: names, numbers, validity, what it may be used for. */
#ifndef TRANSPORT_BASE_CERTIFICATES_H
#define TRANSPORT_BASE_CERTIFICATES_H

#include "../../appliance/base/lines.h"
#include "libcrypto.h"

#define CERTIFICATES_MAX 16                 /* of one file that are looked at */
#define CERTIFICATES_MAX_BYTES (256U << 10) /* of that file */
#define CERTIFICATES_NAME_SIZE 385          /* of a subject or issuer in words; cut */
#define CERTIFICATES_RSA_BITS_MIN 2048      /* to be encrypted for (spec/cssz 5.3: RSA key transport) */

/* Lines `<prefix>sha256`, `subject`, `issuer`, `serial` (hex), `from`, `until` (UTC), `enciphers` yes | no, `qualified` yes | no (job.h, kind `certificates`). */
void certificates_tell(X509 *cert, const char *prefix, struct lines *result);

/* Does it hold an RSA key that may encipher keys? */
bool certificates_may_encipher(X509 *cert);

/* Does its authority say that it is a qualified one (ETSI EN 319 412-5: qcStatements with QcCompliance)? */
bool certificates_is_qualified(X509 *cert);

/* Those of a file: PEM, one or several, or one in DER as authorities hand it out (.cer). 0, ERR_FORMAT (none), or ERR_LIMIT; to be freed with certificates_free. */
struct certificates {
	X509 *certs[CERTIFICATES_MAX];
	size_t count;
};
int certificates_read(struct span bytes, struct certificates *ret);
void certificates_free(struct certificates *certificates);

#endif
