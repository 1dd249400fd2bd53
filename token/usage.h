/* usage.h - what a certificate allows, in the words of its own extensions and in those of the configuration. */
#ifndef TOKEN_USAGE_H
#define TOKEN_USAGE_H

#include <stddef.h>

#include "libcrypto.h"
#include "certificate.h"

/* keyUsage and extKeyUsage (RFC 5280 4.2.1.3, 4.2.1.12) by their names there, divided by blanks; "any" where there is neither. */
void usage_words(X509 *certificate, char *ret, size_t size);
/* The uses of podatelna.conf that the certificate allows, the one it was most likely made for first; "issuer" for one of an authority, "" for none. Static. */
const char *usage_suits(X509 *certificate, const struct certificate *facts);

#endif
