/* encrypt.h - CMS EnvelopedData for the partner (spec/cssz 5.3): DER, one recipient by issuer and serial, RSA PKCS#1 v1.5. */
#ifndef TRANSPORT_CSSZ_ENCRYPT_H
#define TRANSPORT_CSSZ_ENCRYPT_H

#include "../base/libcrypto.h"
#include "../base/partner.h"

#define ENCRYPT_CERTIFICATES_MAX 16
#define ENCRYPT_RSA_BITS_MIN 2048

/* The certificate to encrypt for now: of those in `pem` that are valid at this moment and hold an RSA key that may encipher keys, the one that begins last. Free with
 * X509_free; NULL with English words in `*ret_why` when there is none. */
X509 *encrypt_choose(struct span pem, time_t now, const char **ret_why);
/* `content` for that certificate; *ret_der is for OPENSSL_free. `cipher` as the option. 0, ERR_UNSUPPORTED (no such cipher), ERR_INTERNAL or ERR_MEMORY. */
int encrypt_for(X509 *recipient, const char *cipher, struct span content, unsigned char **ret_der, size_t *ret_length);

#endif
