/* certificate.h - what a certificate allows and who it names, judged before its key is used. */
#ifndef TOKEN_CERTIFICATE_H
#define TOKEN_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcrypto.h"

#define CERTIFICATE_SUBJECT_BYTES 1024
#define CERTIFICATE_SOON_DAYS 30 /* expiry nearer than this is a warning */
#define CERTIFICATE_IK_BYTES 32

enum certificate_state { CERTIFICATE_OK, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET, CERTIFICATE_BAD_USAGE };

struct certificate {
	char subject[CERTIFICATE_SUBJECT_BYTES]; /* RFC 4514, UTF-8, escaped for a terminal */
	char issuer[CERTIFICATE_SUBJECT_BYTES];
	char not_after[32]; /* "2026-11-21T18:39:00.000Z" */
	char not_before[32];
	char sha256[65];
	char serial[64];    /* hexadecimal, cut at 31 bytes */
	char algorithm[32]; /* "rsa-2048", "ecdsa-p256" */
	int64_t not_before_ms, not_after_ms;
	bool is_rsa, self_signed;
	int bits;
	bool has_ik_mpsv; /* identifier of the client of the ministry (OID 1.3.6.1.4.1.11801.2.1), in the SAN or the subject */
	bool may_sign;    /* keyUsage digitalSignature or nonRepudiation, or no keyUsage */
	bool may_unwrap;  /* keyUsage keyEncipherment (RSA) or keyAgreement (EC), or no keyUsage */
};

/* 0, or ERR_CERT when the certificate cannot be read at all. */
int certificate_read(X509 *certificate, struct certificate *ret);
/* Validity at `now_ms` and usage for USE_* of setup.h. Words (English) into `ret_why` when not OK, and a warning when it is but ends soon; else "". */
enum certificate_state certificate_judge(const struct certificate *certificate, unsigned use, int64_t now_ms, char *ret_why, size_t size);
/* Whole days until the end, or since it (negative). */
int64_t certificate_days_left(const struct certificate *certificate, int64_t now_ms);
/* The partner's wishes `want` (words divided by blanks; token.h). 0 and warnings or "", or ERR_CERT and why not. */
int certificate_check_wishes(const struct certificate *certificate, const char *want, char *ret_words, size_t size);
bool certificate_wants(const char *want, const char *word);

#endif
