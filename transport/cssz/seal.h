/* seal.h - the seal of ČSSZ in an answer (spec/cssz 6.3): which bytes it covers and what it says. Whether it holds: verify.c. */
#ifndef TRANSPORT_CSSZ_SEAL_H
#define TRANSPORT_CSSZ_SEAL_H

#include "../base/libcrypto.h"
#include "../base/xmltree.h"
#include "reply.h"

#define SEAL_REPLY_MAX_BYTES (UINT64_C(20) << 20) /* spec/cssz 2 */
#define SEAL_SIGNATURE_MAX_BYTES (UINT64_C(1) << 20)

/* Zero-initialise; seal_free when done. */
struct seal {
	struct xmltree *reply;                                        /* the envelope of POX, or what an answer of WS holds */
	char class_name[CSSZ_CLASS_SIZE], qualifier[REPLY_WORD_SIZE]; /* of the outside, which is not sealed */
	struct xmlnode *message;                                      /* with SignatureValue emptied: what is under the seal, once it is canonical */
	const EVP_MD *digest;                                         /* of DigestMethod */
	int64_t at_ms;                                                /* TimeStamp, UTC */
	unsigned char *cms;                                           /* SignatureValue decoded */
	size_t cms_length;
};

/* Takes an answer apart. NULL when it has a seal that can be checked, otherwise why not (English). */
const char *seal_read(struct span reply, struct seal *ret);
void seal_free(struct seal *seal);

#endif
