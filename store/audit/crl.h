/* crl.h - lists of revoked certificates (RFC 5280 section 5): whole lists of the authority itself. Deltas, lists of other authorities' certificates, lists of some
 * reasons only and what is critical and unknown are not used. Nothing is copied: the list points into the bytes that were read. */
#ifndef STORE_AUDIT_CRL_H
#define STORE_AUDIT_CRL_H

#include "certificate.h"

#define AUDIT_CRL_MAX_BYTES ((size_t)32 * 1024 * 1024)

struct audit_crl {
	struct bytes tbs, issuer, signature, entries, issuer_key_id;
	struct bytes place; /* names of the distribution point that it is limited to; empty: it is not */
	struct audit_algorithm algorithm;
	int64_t this_s, next_s; /* next_s: INT64_MIN where it does not say */
	bool users_only, authorities_only;
};

/* CRLReason (RFC 5280 5.3.1). */
enum audit_reason {
	AUDIT_REASON_UNSPECIFIED = 0,
	AUDIT_REASON_AFFILIATION = 3,
	AUDIT_REASON_SUPERSEDED = 4,
	AUDIT_REASON_CESSATION = 5,
	AUDIT_REASON_BACK = 8
};

enum audit_listed { AUDIT_NOT_LISTED, AUDIT_LISTED, AUDIT_LIST_UNUSABLE };

/* False: it is no list, or none that can be used. */
bool audit_crl_read(struct bytes der, struct audit_crl *ret);
/* The key of `issuer` signed it, and may sign lists. */
bool audit_crl_signed_by(const struct audit_crl *crl, const struct audit_certificate *issuer);
/* It is about this certificate of its issuer, by its scope. */
bool audit_crl_is_about(const struct audit_crl *crl, const struct audit_certificate *certificate);
/* ret_reason: -1 where the entry gives none. An entry that takes a certificate back (removeFromCRL) is none. */
enum audit_listed audit_crl_find(const struct audit_crl *crl, struct bytes serial, int64_t *ret_revoked_s, int *ret_reason);

#endif
