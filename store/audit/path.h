/* path.h - from a certificate to one that the auditor trusts, and whether that held at a given time (RFC 5280 section 6, without policies and name constraints: where
 * these are critical the path is refused).
 *
 * A path is: names and key identifiers fit, signatures fit, each issuer may sign certificates and allows as many below it, nothing critical is unknown, the last one is
 * trusted. Issuers are matched by the very bytes of the name. At a time `t`:
 *  - each certificate, the trusted one included, is within its validity;
 *  - none but the trusted one is on a list of its issuer with a revocation date at or before `t`, whatever the dates of the list itself: what an authority once
 *    declared it declared. An entry that takes a certificate back is none.
 *  - a list says something about `t` when it was in force then (thisUpdate <= t <= nextUpdate), or was made later while the certificate had not ended yet (afterwards
 *    authorities drop it): t <= thisUpdate <= notAfter. Without one nothing is known of a revocation: `lists_known` is false.
 */
#ifndef STORE_AUDIT_PATH_H
#define STORE_AUDIT_PATH_H

#include "pool.h"

#define AUDIT_PATH_DEPTH 8 /* certificates, the first and the trusted one included */
#define AUDIT_PATHS_MAX 8  /* ways from one certificate to trusted ones */

enum audit_purpose {
	AUDIT_FOR_CHECKPOINTS, /* keyUsage, where there is one: digitalSignature or nonRepudiation; extKeyUsage: anything but time stamping alone */
	AUDIT_FOR_STAMPS,      /* RFC 3161 2.3: extKeyUsage critical, time stamping and nothing else; keyUsage, where there is one, for signatures only */
};

struct audit_path {
	struct audit_link *links[AUDIT_PATH_DEPTH];
	size_t count; /* 0: the certificate is trusted itself */
};

struct audit_paths {
	const struct audit_entry *entry;
	struct audit_path paths[AUDIT_PATHS_MAX];
	size_t count;
	bool fits;       /* may be used for the purpose */
	const char *why; /* where there is no path; static */
};

struct audit_verdict {
	enum audit_kind kind; /* AUDIT_KIND_COUNT: good; else AUDIT_CERTIFICATE, AUDIT_EXPIRED, AUDIT_REVOKED */
	bool lists_known;
	/* How long the path goes on to prove anything about the past, after which it has to be renewed: the first end of its certificates (the trusted one not counted), or
	 * a revocation after which nothing is believed any more; then `condemned`. */
	int64_t ends_s;
	bool condemned;
	const struct audit_certificate *about; /* whose fault it is */
	const char *why;                       /* static */
};

/* All ways, by structure. After that audit_pool_apply() can gather what lists say. */
void audit_paths_find(struct audit_pool *pool, const struct audit_entry *entry, enum audit_purpose purpose, struct audit_paths *ret);
/* The best of them at this time. */
void audit_paths_judge(const struct audit_paths *paths, int64_t at_s, struct audit_verdict *ret);

#endif
