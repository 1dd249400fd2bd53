/* pool.h - the certificates that are known, which of them the auditor trusts, and who signed whom.
 *
 * Filled first (from several threads if need be), then asked by one. It owns copies of all certificates; pointers that it gave stay good until audit_pool_free().
 * A link is a certificate and one that may have signed it: the signature is checked once, and what lists say of the certificate is gathered with it.
 */
#ifndef STORE_AUDIT_POOL_H
#define STORE_AUDIT_POOL_H

#include <pthread.h>

#include "certificate.h"
#include "crl.h"

#define AUDIT_POOL_MAX 4096   /* certificates */
#define AUDIT_LINKS_MAX 16384 /* signatures that are checked to build paths */

struct audit_entry {
	struct audit_certificate certificate;
	uint8_t *memory;
	bool trusted;
};

struct audit_list_time {
	int64_t this_s, next_s;
};

struct audit_link {
	const struct audit_entry *subject, *issuer;
	bool good;           /* the signature fits */
	int64_t revoked_s;   /* earliest revocation date that any list says; INT64_MAX: none */
	int64_t condemned_s; /* the same of reasons after which nothing is believed that the key ever signed (RFC 3161 section 4) */
	struct audit_list_time *lists;
	size_t list_count;
};

struct audit_pool {
	struct audit_entry **entries;
	struct audit_link **links;
	size_t count, link_count;
	pthread_mutex_t mutex; /* of audit_pool_add only */
};

void audit_pool_init(struct audit_pool *pool);
void audit_pool_free(struct audit_pool *pool);
/* The certificate, known from now on; NULL: it is none, or there are too many. The same bytes give the same entry. Thread-safe. */
const struct audit_entry *audit_pool_add(struct audit_pool *pool, struct bytes der, bool trusted);
/* NULL: too many. */
struct audit_link *audit_pool_link(struct audit_pool *pool, const struct audit_entry *subject, const struct audit_entry *issuer);
/* What a list says of the certificates in all links that are there. False: it is not usable, or nobody known signed it. */
bool audit_pool_apply(struct audit_pool *pool, struct bytes crl);

/* Each certificate (`is_crl` false) or list in a file that is DER, or PEM with any number of them. False: there is none in it, or something that is broken. */
bool audit_pool_each(struct bytes file, void (*found)(void *context, struct bytes der, bool is_crl), void *context);

#endif
