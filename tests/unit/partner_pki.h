/* partner_pki.h - throw-away authorities, certificates and CMS messages, made when the test runs. */
#ifndef TESTS_UNIT_PARTNER_PKI_H
#define TESTS_UNIT_PARTNER_PKI_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/base/libcrypto.h"

struct pki_identity {
	EVP_PKEY *key;
	X509 *cert;
	char *pem; /* terminated */
	char sha256[65];
};

enum pki_key { PKI_P256, PKI_RSA2048, PKI_RSA1024, PKI_SERVICE /* RSA 2048, for signing and for enciphering keys */ };

/* Signed by `issuer`, or by itself when NULL (then it is an authority). Days are relative to now. */
struct pki_identity *pki_new(enum pki_key kind, const char *cn, const char *o, const struct pki_identity *issuer, int from_days, int to_days);
void pki_free(struct pki_identity *identity);

/* CMS SignedData over the bytes, to be freed. */
#define PKI_DETACHED 1U
#define PKI_NO_ATTRIBUTES 2U
#define PKI_NO_CERTS 4U
#define PKI_BER 8U
#define PKI_SHA1 16U
#define PKI_TWO_SIGNERS 32U
unsigned char *pki_sign(const struct pki_identity *signer, const void *data, size_t length, unsigned how, size_t *ret_length);

#endif
