/* audit_pki.h - the other side of podatelna-audit's tests: authorities, certificates, lists, CMS and time stamps by libcrypto, made when the test runs.
 *
 * Times are seconds since 1970 and have nothing to do with the clock: T0 is the first of January 2030. */
#ifndef TESTS_UNIT_AUDIT_PKI_H
#define TESTS_UNIT_AUDIT_PKI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "store/audit/audit.h"

#define DAY INT64_C(86400)
#define YEAR (365 * DAY)
#define T0 INT64_C(1893456000)

enum pki_kind { PKI_P256, PKI_P384, PKI_P521, PKI_RSA2048, PKI_RSA1024, PKI_PSS };

struct pki {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t *der;
	size_t length;
};

/* Zero means: as it should be for a signer's certificate under `issuer`, from T0 - YEAR to T0 + YEAR; without an issuer it is an authority signed by itself.
 * Extensions in words of openssl's configuration; "" leaves one out. */
struct pki_plan {
	enum pki_kind kind;
	const char *cn;
	const struct pki *issuer;
	const struct pki *key_of; /* the key of somebody else */
	const struct pki *claims; /* the issuer's name, while `issuer` signs */
	int64_t from_s, until_s;
	const char *basic, *usage, *purposes;
	const char *extra[4]; /* "NAME=VALUE" */
	const EVP_MD *md;     /* SHA-256 */
	long serial;
};
struct pki *pki_make(const struct pki_plan *plan);
/* The usual ones. */
struct pki *pki_root(enum pki_kind kind, const char *cn);
struct pki *pki_under(const struct pki *issuer, enum pki_kind kind, const char *cn);
struct pki *pki_tsa(const struct pki *issuer, enum pki_kind kind, const char *cn);
void pki_drop(struct pki *pki);
struct bytes pki_bytes(const struct pki *pki);

/* A list of `issuer`; `revoked` may be NULL. reason -1: none given. To be freed. */
struct pki_crl {
	const struct pki *issuer, *key_of; /* key_of: who really signs; NULL: the issuer */
	int64_t this_s, next_s;            /* next_s 0: it does not say */
	const struct pki *revoked;
	int64_t revoked_s;
	int reason;
	const char *extension; /* "NAME=VALUE" */
	const EVP_MD *md;
};
uint8_t *pki_list(const struct pki_crl *plan, size_t *ret_length);

/* CMS over the bytes, detached unless said otherwise, with signing-certificate-v2. To be freed. */
#define PKI_ATTACHED 1U
#define PKI_NO_ATTRIBUTES 2U
#define PKI_NO_CERTIFICATE 4U
#define PKI_KEY_ID 8U
#define PKI_TWO_SIGNERS 16U
#define PKI_USE_PSS 32U
#define PKI_STREAM 64U /* BER of indefinite length */
#define PKI_NOT_NAMED 128U
#define PKI_NAMES_V1 256U
#define PKI_NAMES_OTHER 512U /* `beside` */
uint8_t *pki_cms(const struct pki *signer, const struct pki *beside, struct bytes data, int content_type, const EVP_MD *md, unsigned how, size_t *ret_length);

/* A TimeStampResp over `data`. Zero means: as it should be. */
struct pki_stamp {
	const struct pki *tsa, *beside;
	struct bytes data;
	const char *time; /* GeneralizedTime; NULL: `at_s` */
	int64_t at_s;
	const EVP_MD *hash, *md;
	long status, version;
	bool nonce, accuracy, critical;
	int content_type;
	unsigned how;
};
uint8_t *pki_reply(const struct pki_stamp *plan, size_t *ret_length);

#endif
