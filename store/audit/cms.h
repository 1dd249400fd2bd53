/* cms.h - CMS SignedData (RFC 5652) by one signer, with signed attributes, or without where that is asked for; content inside or beside it. Nothing is copied.
 *
 * Taken: DER; versions 1 and 3 as RFC 5652 5.1 and 5.3 give them; certificates of X.509 and lists inside; the signer by issuer and serial number or by key identifier, and
 * its certificate inside; the attributes content-type and message-digest once each, signing-certificate or signing-certificate-v2 (RFC 5035), when there, about the signer
 * first; signing-time and other attributes are not looked at: nobody but the signer says so. Refused: anything else.
 */
#ifndef STORE_AUDIT_CMS_H
#define STORE_AUDIT_CMS_H

#include "certificate.h"

#define AUDIT_CMS_MAX_BYTES ((size_t)1024 * 1024)
#define AUDIT_CMS_CERTIFICATES_MAX 16
#define AUDIT_CMS_LISTS_MAX 16

struct audit_cms {
	struct bytes content_type, content;
	bool has_content, names_signer;
	bool plain; /* no signed attributes: the signature is over the content itself */
	struct bytes certificates[AUDIT_CMS_CERTIFICATES_MAX], lists[AUDIT_CMS_LISTS_MAX];
	size_t certificate_count, list_count;
	struct audit_certificate signer;
	enum audit_hash hash;
	struct audit_algorithm algorithm;
	struct bytes attributes; /* whole, with its tag [0] */
	struct bytes signature;
};

extern const uint8_t audit_oid_data[9]; /* id-data */

/* False, and *ret_why (static) says why, when it is not such a CMS. Nothing is verified yet but what names the signer. */
bool audit_cms_read(struct bytes der, struct audit_cms *ret, const char **ret_why);
/* The same, and one without signed attributes too (RFC 5652 5.4): what partners sign and want signed. */
bool audit_cms_read_plain(struct bytes der, struct audit_cms *ret, const char **ret_why);
/* The signature fits these bytes and the key of `ret->signer`. The certificate itself is path.h's. */
bool audit_cms_verify(const struct audit_cms *cms, struct bytes content, const char **ret_why);

#endif
