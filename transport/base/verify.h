/* verify.h - verifies CMS SignedData (RFC 5652), BER or DER, attached, one signer, plain data inside: the job `verify` of job.h, and its parts for partners whose
 * signed replies have another shape around the CMS.
 *
 * Memory: the encoded message and once more its content, both bound by `limit`.
 */
#ifndef TRANSPORT_BASE_VERIFY_H
#define TRANSPORT_BASE_VERIFY_H

#include "job.h"
#include "signer.h"

/* Who must have signed, from the parameters and descriptor [2] of the job. 0, or the error of the job with its reason told. */
int verify_wish_read(struct job *job, struct signer_wish *wish);
void verify_wish_free(struct signer_wish *wish);
/* NULL when signature and signer are good, otherwise the reason (English). The content goes to `sink` as it is read and counts only when all is good.
 * Fills signer-sha256, signer-name, chain, signing-time of `result` as far as they are known. */
const char *verify_attached(struct span der, const struct signer_wish *wish, BIO *sink, struct lines *result);
/* The verdict that is no error of the job: result, reason. Returns 0. */
int verify_tell_invalid(struct job *job, const char *reason);

#endif
