/* cms_sign.h - one CMS SignedData (RFC 5652) over a digest that was computed elsewhere, so that content of any size streams past it.
 *
 * SignedData version 1, id-data, one SignerInfo with issuerAndSerialNumber; signed attributes contentType, messageDigest, signingTime and
 * (CAdES-BES) signing-certificate-v2, or none at all; no S/MIME capabilities; the signer's certificate and its issuers inside. All of it strict DER.
 *
 * Without signed attributes the signature is over the content's own digest (RFC 5652 5.4). Then content that is itself a SET of attributes in DER would be signed as
 * if it were these: whoever holds the signature could pass it off as one over other content. cms_is_bare_safe says which content may be
 * signed so.
 */
#ifndef TOKEN_CMS_SIGN_H
#define TOKEN_CMS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcrypto.h"
#include "../appliance/base/span.h"

#define CMS_SIGNATURE_MAX_BYTES 1024

struct cms_signer {
	X509 *certificate;      /* borrowed, all of them */
	STACK_OF(X509) * chain; /* issuers without the signer, may be NULL */
	const EVP_MD *digest;
	bool cades;
	bool bare; /* no signed attributes; `cades` counts for nothing then */
	bool pss;  /* RSASSA-PSS with the same digest and a salt of its length (RFC 4056); RSA only */
	/* The private key: signs this digest (of the signed attributes, or of the content) into CMS_SIGNATURE_MAX_BYTES; 0 or an error, which is handed on. */
	int (*sign)(void *context, struct span digest, uint8_t *ret, size_t *ret_length);
	void *context;
};

/* May content that begins with this byte be signed without attributes? Not when it could be a SET. */
static inline bool cms_is_bare_safe(uint8_t first)
{
	return first != 0x31;
}

/* Signs, and checks the signature with the certificate's public key before it hands out anything. *ret_der: the detached SignedData, for OPENSSL_free.
 * Failures: those of `sign`, ERR_CERT (the certificate cannot be a signer's), ERR_DAMAGE (the signature is wrong), ERR_MEMORY. */
int cms_sign_digest(const struct cms_signer *signer, const uint8_t *digest, size_t length, uint8_t **ret_der, size_t *ret_length);

/* Does this detached SignedData hold exactly one signature over `digest` that the certificate's key verifies? */
bool cms_verify_digest(struct span der, X509 *certificate, const uint8_t *digest, size_t length);

/* What stands before and after `content_length` bytes of content to make `detached` an attached signature. *ret_head: OPENSSL_free; *ret_tail points
 * into `detached`. ERR_FORMAT when `detached` is not such a structure. */
int cms_attach_frame(struct span detached, uint64_t content_length, uint8_t **ret_head, size_t *ret_head_length, struct span *ret_tail);

#endif
