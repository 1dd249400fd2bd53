/* libcrypto.h - the headers of libcrypto and libp11, included before base/err.h. libcrypto has a type called ERR_STATE, which would clash with our
 * error of that name; nothing here uses the type.
 */
#ifndef TOKEN_LIBCRYPTO_H
#define TOKEN_LIBCRYPTO_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <libp11.h>
#undef ERR_STATE

#endif
