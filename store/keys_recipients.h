/* keys_recipients.h - the certificates that key files are wrapped to: the public halves of the `vault` keys. */
#ifndef STORE_KEYS_RECIPIENTS_H
#define STORE_KEYS_RECIPIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "vault_crypto.h"

#include "appliance/base/span.h"

#define RECIPIENTS_MAX 6
#define RECIPIENTS_PEM_MAX_BYTES 65536

struct recipients {
	X509 *certificates[RECIPIENTS_MAX];
	uint8_t fingerprints[RECIPIENTS_MAX][32]; /* SHA-256 of the certificate */
	size_t count;
};

/* Adds the first certificate of a PEM text. ERR_CERT: none there, or a key that cannot receive (neither RSA nor EC). ERR_LIMIT. */
int recipients_add(struct recipients *recipients, struct span pem);
void recipients_free(struct recipients *recipients);

#endif
