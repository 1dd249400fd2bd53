/* libcrypto.h - the headers of libcrypto for this program. libcrypto has a type called ERR_STATE, which would clash with the value of base/err.h;
 * no code here uses that type. */
#ifndef TRANSPORT_BASE_LIBCRYPTO_H
#define TRANSPORT_BASE_LIBCRYPTO_H

#define ERR_STATE LIBCRYPTO_ERR_STATE
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
