/* vault_crypto.h - the headers of libcrypto, included first in a file. libcrypto has a type of its own called ERR_STATE, which would clash with
 * the error code of appliance/base/err.h; nobody here needs the type. */
#ifndef STORE_VAULT_CRYPTO_H
#define STORE_VAULT_CRYPTO_H

#ifdef BASE_ERR_H
#error "vault_crypto.h must come before err.h"
#endif

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#undef ERR_STATE

#endif
