/* libcrypto.h - the headers of libcrypto and libssl beside base/err.h: libcrypto has a type called ERR_STATE, which would clash with a value there; no code here
 * uses that type. To be included first. */
#ifndef NET_LIBCRYPTO_H
#define NET_LIBCRYPTO_H

#define ERR_STATE LIBCRYPTO_ERR_STATE
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#endif
