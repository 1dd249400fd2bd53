/* certificate.h - X.509 certificates (RFC 5280), read by hand: mbedTLS refuses those of time-stamp authorities for their critical extensions, and cannot say what is
 * valid at another time than now. Nothing is copied: the certificate points into the bytes that were read, which have to stay. */
#ifndef STORE_AUDIT_CERTIFICATE_H
#define STORE_AUDIT_CERTIFICATE_H

#include "audit.h"
#include "signed.h"

#define AUDIT_CERTIFICATE_MAX_BYTES 65536
#define AUDIT_NAME_SIZE 64

/* keyUsage, RFC 5280 4.2.1.3: bit 0 is the lowest. */
#define AUDIT_USE_SIGN 0x01U
#define AUDIT_USE_REPUDIATION 0x02U
#define AUDIT_USE_CERTIFICATES 0x20U
#define AUDIT_USE_CRL 0x40U

struct audit_certificate {
	struct bytes der, tbs, serial, issuer, subject, spki, signature;
	struct bytes key_id, issuer_key_id; /* empty: none */
	struct bytes places;                /* CRL distribution points; empty: none */
	struct audit_algorithm algorithm;
	bool algorithm_known;    /* false: it proves nothing, and only whoever trusts this very certificate can use it */
	int64_t from_s, until_s; /* both within validity */
	bool authority, unknown_critical, self_issued;
	int path_length; /* of an authority; -1: any */
	bool has_usage;
	unsigned usage;
	bool has_purposes, purposes_critical, for_stamps, for_others; /* extKeyUsage: id-kp-timeStamping, any other */
	uint8_t sha256[AUDIT_HASH_BYTES];
};

/* False: it is no certificate as RFC 5280 describes it. */
bool audit_certificate_read(struct bytes der, struct audit_certificate *ret);
/* `certificate` was signed by the key of `issuer`. Names are not looked at. */
bool audit_certificate_signed_by(const struct audit_certificate *certificate, const struct audit_certificate *issuer);
/* The name that people know it by (CN, else O), printable, cut to fit. */
void audit_certificate_name(const struct audit_certificate *certificate, char ret[AUDIT_NAME_SIZE]);

/* An extension: its OID, whether it is critical, its value. Takes one off the front. Used for CRLs too. */
bool audit_extension_read(struct bytes *from, struct bytes *ret_oid, bool *ret_critical, struct bytes *ret_value);
/* id-ce, 2.5.29.n: n; else 0. */
unsigned audit_extension_number(struct bytes oid);
/* keyIdentifier of an AuthorityKeyIdentifier; empty: none. */
bool audit_authority_key_id(struct bytes value, struct bytes *ret);

#endif
