/* trust.h - what is collected for the auditor of later years: the chain of whoever signed a stamp or a checkpoint, and the lists of revoked certificates of its
 * authorities (jobs `trust-chain` and `trust-crl` of transport/base/job.h; RFC 5280).
 */
#ifndef TRANSPORT_TSA_TRUST_H
#define TRANSPORT_TSA_TRUST_H

#include "tsa.h"

#define TRUST_CHAIN_MAX 8
#define TRUST_URLS_MAX 3 /* of one certificate */
#define TRUST_URL_SIZE 513
#define TRUST_INCLUDED_MAX 64               /* certificates looked at, those of the signed thing and those beside it */
#define TRUST_SIGNED_MAX_BYTES (256U << 10) /* a TimeStampResp or CMS */
#define TRUST_CRL_MAX_BYTES (8U << 20)

/* Who signed, whose authority that is, and so on to the root or as far as it is known. Zero-initialise; free with trust_chain_free. */
struct trust_chain {
	X509 *certs[TRUST_CHAIN_MAX];
	size_t count;
	CMS_ContentInfo *cms;
	bool is_stamp;
	struct span token; /* of a stamp: its ContentInfo */
	uint8_t *bytes;
};

/* The chain of descriptors `place` (TimeStampResp or CMS SignedData, DER) and `place` + 1 (further certificates, PEM, may be empty). Nothing here says that the signature
 * holds: only that each certificate was signed by the next. 0, or a negative error with job->reason. */
int trust_chain_read(struct job *job, size_t place, struct trust_chain *ret);
void trust_chain_free(struct trust_chain *chain);

#endif
