/* encrypt.h - CMS EnvelopedData for the partner (spec/cssz 5.3): DER, one recipient by issuer and serial, RSA PKCS#1 v1.5. */
#ifndef TRANSPORT_CSSZ_ENCRYPT_H
#define TRANSPORT_CSSZ_ENCRYPT_H

#include "../base/libcrypto.h"
#include "../base/partner.h"

/* The certificate to encrypt for: the one of `file` with this fingerprint (64 lower-case hex digits; "": none is approved), when it is valid at this moment and holds an
 * RSA key that may encipher keys. Which one that is, the hub decides: nothing is encrypted for one that nobody approved. Free with X509_free; NULL with English
 * words in `*ret_why` when it cannot be had. */
X509 *encrypt_choose(struct span file, const char *sha256, time_t now, const char **ret_why);
/* *content for that certificate; it is freed, and NULL then, as soon as it is encrypted, so that large ones are not held three times. *ret_der is for OPENSSL_free.
 * `cipher` as the option. 0, ERR_UNSUPPORTED (no such cipher), ERR_INTERNAL or ERR_MEMORY: *content may be there still. */
int encrypt_for(X509 *recipient, const char *cipher, uint8_t **content, size_t length, unsigned char **ret_der, size_t *ret_length);

#endif
