/* journal_trust.h - journal/trust/: certificates and lists of revoked certificates in DER, collected while they could be had (FORMAT.txt sections 1 and 6).
 *
 *   <SHA-256>.cer   <SHA-256>.crl
 *
 * The name is the content's hash, so that nothing here is ever replaced. A file without a record is left from a crash between the two; it harms nothing.
 */
#ifndef STORE_JOURNAL_TRUST_H
#define STORE_JOURNAL_TRUST_H

#include "journal.h"

#define JOURNAL_TRUST_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define JOURNAL_TRUST_NAME_SIZE 72

/* Puts it in place, durable when the call returned 0; the same again is fine. `event`: "crl" or "cert". ERR_READONLY, ERR_LIMIT, ERR_SPACE; anything else makes the
 * journal faulty. */
int journal_trust_put(struct journal *journal, const char *event, struct span bytes, char ret_file[JOURNAL_TRUST_NAME_SIZE]);
/* True when `name` is that of such a file; *ret_hash is the beginning of it that must be the content's hash. */
bool journal_trust_parse_name(const char *name, const char *event, uint8_t ret_hash[JOURNAL_HASH_BYTES]);

#endif
