/* signer.h - is the one who signed a CMS reply the one who should have? Identity, strength, chain or pinned certificate. */
#ifndef TRANSPORT_BASE_SIGNER_H
#define TRANSPORT_BASE_SIGNER_H

#include <time.h>

#include "../../appliance/base/lines.h"
#include "libcrypto.h"

#define SIGNER_LIST_SIZE 4096
#define SIGNER_HEX_SIZE (2 * EVP_MAX_MD_SIZE + 1)
#define SIGNER_BITS_MIN 112 /* RSA 2048, P-224 (NIST SP 800-57) */

struct signer_wish {
	char names[SIGNER_LIST_SIZE];         /* common names, '|' between; empty: any */
	char organisations[SIGNER_LIST_SIZE]; /* one of these stands in O; empty: any */
	char pins[SIGNER_LIST_SIZE];          /* SHA-256 of certificates, hex; when not empty one of them must match */
	uint8_t *anchors;                     /* PEM; may be empty */
	size_t anchors_length;
	time_t at;
};

/* After CMS_verify: NULL when the signer is good, otherwise the reason (English). Fills signer-sha256, signer-name, chain of `result` as far as known. */
const char *signer_fault(CMS_ContentInfo *cms, const struct signer_wish *wish, struct lines *result);

/* X509_V_OK when `cert` leads, over what is included in `cms`, to one of the anchors (PEM) at that moment; otherwise what is wrong, and in `*ret_with` (may be NULL;
 * the caller's to free) the certificate that it is wrong with. An anchor may be an intermediate authority: it was given on purpose. */
int signer_chain(CMS_ContentInfo *cms, X509 *cert, const void *anchors, size_t anchors_length, time_t at, X509 **ret_with);
/* The common name as a value of lines.h; false, and "" written, when there is not exactly one. */
bool signer_name(X509 *cert, char *ret, size_t size);
/* SHA-256 in hex; "" when it cannot be had. */
void signer_fingerprint(X509 *cert, char ret[SIGNER_HEX_SIZE]);

#endif
