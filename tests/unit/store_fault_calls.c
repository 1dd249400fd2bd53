/* What podatelna-store in these tests asks of libc and libcrypto: the linker puts these in front (store_fault.cmake), and one of them fails. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "store_fault.h"

/* clang-format off */
#define FAIL_OR(kind, name, result, call) \
	if (store_fault_at(#name, kind, __builtin_return_address(0))) { errno = ENOMEM; return result; } \
	return call

#define WRAP(kind, type, name, failure, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters { FAIL_OR(kind, name, failure, __real_##name arguments); }

#define MEMORY(type, name, failure, parameters, arguments) WRAP(STORE_FAULT_MEMORY, type, name, failure, parameters, arguments)
#define CRYPTO(type, name, failure, parameters, arguments) WRAP(STORE_FAULT_CRYPTO, type, name, failure, parameters, arguments)

MEMORY(void *, malloc, NULL, (size_t a), (a))
MEMORY(void *, calloc, NULL, (size_t a, size_t b), (a, b))
MEMORY(void *, realloc, NULL, (void *a, size_t b), (a, b))
MEMORY(void *, reallocarray, NULL, (void *a, size_t b, size_t c), (a, b, c))
MEMORY(char *, strdup, NULL, (const char *a), (a))
MEMORY(char *, strndup, NULL, (const char *a, size_t b), (a, b))
MEMORY(void *, mmap, (void *)-1, (void *a, size_t b, int c, int d, int e, off_t f), (a, b, c, d, e, f))
MEMORY(int, memfd_create, -1, (const char *a, unsigned b), (a, b))
MEMORY(ssize_t, getrandom, -1, (void *a, size_t b, unsigned c), (a, b, c))
MEMORY(int, pipe2, -1, (int a[2], int b), (a, b))
MEMORY(int, socketpair, -1, (int a, int b, int c, int d[2]), (a, b, c, d))
MEMORY(int, dup, -1, (int a), (a))
MEMORY(int, epoll_create1, -1, (int a), (a))

CRYPTO(int, RAND_priv_bytes, 0, (unsigned char *a, int b), (a, b))
CRYPTO(int, i2d_CMS_ContentInfo, -1, (const CMS_ContentInfo *a, unsigned char **b), (a, b))
CRYPTO(int, BIO_read, -1, (BIO *a, void *b, int c), (a, b, c))
CRYPTO(BIO *, BIO_new_mem_buf, NULL, (const void *a, int b), (a, b))
CRYPTO(X509 *, PEM_read_bio_X509, NULL, (BIO *a, X509 **b, pem_password_cb *c, void *d), (a, b, c, d))
CRYPTO(int, X509_digest, 0, (const X509 *a, const EVP_MD *b, unsigned char *c, unsigned *d), (a, b, c, d))
CRYPTO(char *, CRYPTO_strdup, NULL, (const char *a, const char *b, int c), (a, b, c))
CRYPTO(void *, CRYPTO_memdup, NULL, (const void *a, size_t b, const char *c, int d), (a, b, c, d))
CRYPTO(unsigned char *, HMAC, NULL, (const EVP_MD *a, const void *b, int c, const unsigned char *d, size_t e, unsigned char *f, unsigned *g), (a, b, c, d, e, f, g))
CRYPTO(EVP_MD *, EVP_MD_fetch, NULL, (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c))
CRYPTO(EVP_MD_CTX *, EVP_MD_CTX_new, NULL, (void), ())
CRYPTO(EVP_MAC *, EVP_MAC_fetch, NULL, (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c))
CRYPTO(EVP_MAC_CTX *, EVP_MAC_CTX_new, NULL, (EVP_MAC *a), (a))
CRYPTO(int, EVP_MAC_init, 0, (EVP_MAC_CTX *a, const unsigned char *b, size_t c, const OSSL_PARAM d[]), (a, b, c, d))
CRYPTO(int, EVP_MAC_update, 0, (EVP_MAC_CTX *a, const unsigned char *b, size_t c), (a, b, c))
CRYPTO(int, EVP_MAC_final, 0, (EVP_MAC_CTX *a, unsigned char *b, size_t *c, size_t d), (a, b, c, d))
CRYPTO(int, EVP_DigestInit_ex2, 0, (EVP_MD_CTX *a, const EVP_MD *b, const OSSL_PARAM c[]), (a, b, c))
CRYPTO(int, EVP_DigestUpdate, 0, (EVP_MD_CTX *a, const void *b, size_t c), (a, b, c))
CRYPTO(int, EVP_DigestFinal_ex, 0, (EVP_MD_CTX *a, unsigned char *b, unsigned *c), (a, b, c))
CRYPTO(CMS_ContentInfo *, CMS_AuthEnvelopedData_create, NULL, (const EVP_CIPHER *a), (a))
CRYPTO(int, CMS_set_detached, 0, (CMS_ContentInfo *a, int b), (a, b))
CRYPTO(int, CMS_final, 0, (CMS_ContentInfo *a, BIO *b, BIO *c, unsigned d), (a, b, c, d))
CRYPTO(int, CMS_decrypt_set1_key, 0, (CMS_ContentInfo *a, unsigned char *b, size_t c, const unsigned char *d, size_t e), (a, b, c, d, e))
CRYPTO(BIO *, CMS_dataInit, NULL, (CMS_ContentInfo *a, BIO *b), (a, b))
CRYPTO(CMS_RecipientInfo *, CMS_add1_recipient_cert, NULL, (CMS_ContentInfo *a, X509 *b, unsigned c), (a, b, c))
CRYPTO(CMS_RecipientInfo *, CMS_add0_recipient_key, NULL, (CMS_ContentInfo *a, int b, unsigned char *c, size_t d, unsigned char *e, size_t f, ASN1_GENERALIZEDTIME *g, ASN1_OBJECT *h, ASN1_TYPE *i), (a, b, c, d, e, f, g, h, i))
/* clang-format on */
