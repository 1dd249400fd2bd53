/* crl.c - is this the list of one of those authorities, and is it a present one (job `trust-crl`; RFC 5280 section 5)? It came over an open line: only its signature
 * says what it is. */
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/digest.h"
#include "../base/signer.h"

#define HTTP_OK 200
#define AHEAD_MS 300000 /* a list may be made by a clock that is ahead of ours so much */

static void cleanup_crl(X509_CRL **crl)
{
	X509_CRL_free(*crl);
}

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

/* DER as RFC 5280 wants it there, or PEM as some servers have it; whole either way. */
static X509_CRL *read_list(struct span bytes)
{
	_cleanup_(cleanup_bio) BIO *pem = NULL;
	const unsigned char *place = bytes.data;
	X509_CRL *crl = NULL;

	if (span_starts_with(bytes, "-----BEGIN")) {
		pem = BIO_new_mem_buf(bytes.data, (int)bytes.length);
		crl = pem == NULL ? NULL : PEM_read_bio_X509_CRL(pem, NULL, NULL, NULL);
	} else {
		crl = d2i_X509_CRL(NULL, &place, (long)bytes.length);
		if (crl != NULL && place != bytes.data + bytes.length) {
			X509_CRL_free(crl);
			crl = NULL;
		}
	}
	ERR_clear_error();
	return crl;
}

static int read_moment(const ASN1_TIME *when, char text[CLOCK_UTC_SIZE], int64_t *ret_ms)
{
	return when != NULL && stamp_moment(when, text, CLOCK_UTC_SIZE) && clock_parse_utc(span_of_string(text), ret_ms) ? 0 : ERR_FORMAT;
}

/* NULL when it was signed by one of these. */
static const char *signature_fault(X509_CRL *crl, const struct trust_chain *chain)
{
	const X509_ALGOR *algorithm = NULL;
	bool named = false;
	int digest = NID_undef;

	X509_CRL_get0_signature(crl, NULL, &algorithm);
	if (algorithm == NULL ||
	    (OBJ_find_sigid_algs(OBJ_obj2nid(algorithm->algorithm), &digest, NULL) == 1 && digest != NID_undef && stamp_hash_of(digest) == NULL)) {
		return "it is signed with a hash that is not accepted";
	}
	for (size_t i = 0; i < chain->count; i++) {
		EVP_PKEY *key = X509_get0_pubkey(chain->certs[i]);

		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(chain->certs[i])) != 0) {
			continue;
		}
		named = true;
		if (key != NULL && EVP_PKEY_get_security_bits(key) >= SIGNER_BITS_MIN && X509_CRL_verify(crl, key) == 1) {
			bool may = (X509_get_extension_flags(chain->certs[i]) & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(chain->certs[i]) & KU_CRL_SIGN) != 0;

			return may ? NULL : "its issuer may not sign lists";
		}
	}
	return named ? "its signature does not hold" : "its issuer is none of the authorities of this chain";
}

static const char *fault_of(struct job *job, X509_CRL *crl, const struct trust_chain *chain)
{
	char text[CLOCK_UTC_SIZE];
	int64_t from_ms = 0, until_ms = 0, at_ms = (int64_t)job_parameter_u64(job, "at", 0);
	const char *fault = signature_fault(crl, chain);

	if (fault != NULL) {
		return fault;
	}
	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0) {
		return "it lists changes only (a delta list)";
	}
	if (read_moment(X509_CRL_get0_lastUpdate(crl), text, &from_ms) != 0) {
		return "it does not say when it was made";
	}
	lines_set(&job->result, "time", text);
	if (read_moment(X509_CRL_get0_nextUpdate(crl), text, &until_ms) != 0) {
		return "it does not say when the next one comes";
	}
	lines_set(&job->result, "until", text);
	if (from_ms > at_ms + AHEAD_MS) {
		return "it was made in the future";
	}
	return until_ms <= at_ms ? "it is out of date" : NULL;
}

static int write_list(struct job *job, X509_CRL *crl)
{
	_cleanup_digest_ EVP_MD_CTX *digest = digest_new("SHA256");
	unsigned char *der = NULL;
	int length = i2d_X509_CRL(crl, &der);
	char hex[DIGEST_HEX_SIZE];
	int err = length <= 0 || digest == NULL || digest_feed(digest, span_of(der, (size_t)length)) != 0 || digest_hex(digest, hex) != 0 ? ERR_MEMORY : 0;

	err = err != 0 ? err : fd_write_all(job_fd(job, 4), der, (size_t)length);
	if (err == 0) {
		lines_set(&job->result, "sha256", hex);
		lines_set_u64(&job->result, "size", (uint64_t)length);
	}
	OPENSSL_free(der);
	return err == 0 ? 0 : job_fail(job, err, "the list cannot be written");
}

int job_trust_crl(struct job *job)
{
	__attribute__((cleanup(trust_chain_free))) struct trust_chain chain = { 0 };
	_cleanup_(cleanup_crl) X509_CRL *crl = NULL;
	_cleanup_free_ uint8_t *bytes = NULL;
	const char *fault = NULL;
	size_t length = 0;
	int err = trust_chain_read(job, 2, &chain);

	if (err != 0) {
		return err;
	}
	err = fd_read_all(job_input(job, 1), TRUST_CRL_MAX_BYTES, &bytes, &length);
	if (err != 0 && err != ERR_LIMIT) {
		return job_fail(job, err, "the list cannot be read");
	}
	crl = err != 0 ? NULL : read_list(span_of(bytes, length));
	fault = err == ERR_LIMIT                                      ? "it is longer than allowed"
	        : job_parameter_u64(job, "http-status", 0) != HTTP_OK ? "the server has no such list"
	        : crl == NULL                                         ? "it is not a list of revoked certificates"
	                                                              : fault_of(job, crl, &chain);
	ERR_clear_error();
	lines_set(&job->result, "verdict", fault == NULL ? "good" : "bad");
	if (fault != NULL) {
		lines_set(&job->result, "reason", fault);
		return 0;
	}
	return write_list(job, crl);
}
