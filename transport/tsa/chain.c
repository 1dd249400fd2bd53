/* chain.c - the certificates behind a stamp or the signature of a checkpoint, and where the lists of their authorities can be had (job `trust-chain`). */
#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/der.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/signer.h"

#define NAME_SIZE 257

static void cleanup_certs(STACK_OF(X509) * *certs)
{
	sk_X509_pop_free(*certs, X509_free);
}

static void cleanup_points(CRL_DIST_POINTS **points)
{
	CRL_DIST_POINTS_free(*points);
}

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

void trust_chain_free(struct trust_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		X509_free(chain->certs[i]);
	}
	CMS_ContentInfo_free(chain->cms);
	free(chain->bytes);
	*chain = (struct trust_chain){ 0 };
}

/* A ContentInfo begins with its type, a TimeStampResp with its status. */
static bool find_signed(struct span whole, struct trust_chain *chain)
{
	struct span rest = whole, inside, ignored, first;

	if (!der_read(&rest, DER_SEQUENCE, &inside, NULL) || !span_is_empty(rest)) {
		return false;
	}
	first = inside;
	if (der_read(&first, DER_OID, &ignored, NULL)) {
		chain->token = whole;
		return true;
	}
	chain->is_stamp = true;
	return der_read(&inside, DER_SEQUENCE, &ignored, NULL) && der_read(&inside, DER_SEQUENCE, &ignored, &chain->token) && span_is_empty(inside);
}

static X509 *find_signer(CMS_ContentInfo *cms, STACK_OF(X509) * included)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	for (int i = 0; sk_CMS_SignerInfo_num(signers) == 1 && i < sk_X509_num(included); i++) {
		if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(signers, 0), sk_X509_value(included, i)) == 0) {
			return sk_X509_value(included, i);
		}
	}
	return NULL;
}

static bool is_issued(X509 *issuer, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return key != NULL && X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, key) == 1;
}

static void follow(STACK_OF(X509) * known, X509 *signer, struct trust_chain *chain)
{
	X509 *last = signer;

	while (last != NULL && chain->count < TRUST_CHAIN_MAX && X509_up_ref(last) == 1) {
		X509 *next = NULL;

		chain->certs[chain->count++] = last;
		if (is_issued(last, last)) {
			break;
		}
		for (int i = 0; i < sk_X509_num(known) && next == NULL; i++) {
			next = is_issued(sk_X509_value(known, i), last) ? sk_X509_value(known, i) : NULL;
		}
		last = next;
	}
	ERR_clear_error();
}

/* The PEM beside it, after what is included. */
static int add_beside(struct job *job, size_t place, STACK_OF(X509) * known)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t length = 0;
	int err = fd_read_all(job_input(job, place), STAMP_ANCHORS_MAX_BYTES, &bytes, &length);
	_cleanup_(cleanup_bio) BIO *pem = err != 0 ? NULL : BIO_new_mem_buf(bytes, (int)length);
	X509 *cert = NULL;

	if (err != 0) {
		return job_fail(job, err, "the certificates beside it cannot be read");
	}
	while (pem != NULL && sk_X509_num(known) < TRUST_INCLUDED_MAX && (cert = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
		(void)X509_add_cert(known, cert, X509_ADD_FLAG_DEFAULT);
	}
	ERR_clear_error();
	return 0;
}

int trust_chain_read(struct job *job, size_t place, struct trust_chain *ret)
{
	_cleanup_(cleanup_certs) STACK_OF(X509) *known = NULL;
	const unsigned char *at = NULL;
	X509 *signer = NULL;
	size_t length = 0;
	int err = fd_read_all(job_input(job, place), TRUST_SIGNED_MAX_BYTES, &ret->bytes, &length);

	if (err != 0) {
		return job_fail(job, err, "what was signed cannot be read");
	}
	if (!find_signed(span_of(ret->bytes, length), ret)) {
		return job_fail(job, ERR_FORMAT, "it is neither a time stamp nor a signature");
	}
	at = ret->token.data;
	ret->cms = d2i_CMS_ContentInfo(NULL, &at, (long)ret->token.length);
	known = ret->cms == NULL ? NULL : CMS_get1_certs(ret->cms);
	if (known == NULL || at != ret->token.data + ret->token.length || sk_X509_num(known) > TRUST_INCLUDED_MAX) {
		return job_fail(job, ERR_FORMAT, "it holds no certificates that can be read");
	}
	signer = find_signer(ret->cms, known);
	if (signer == NULL) {
		return job_fail(job, ERR_FORMAT, "the certificate of whoever signed is not included");
	}
	err = add_beside(job, place + 1, known);
	if (err == 0) {
		follow(known, signer, ret);
	}
	return err;
}

/* --- where lists can be had --- */

/* http or https, and nothing that would not stand in a request as it is. */
static bool is_address(struct span text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~') {
			return false;
		}
	}
	return text.length < TRUST_URL_SIZE && (span_starts_with(text, "http://") || span_starts_with(text, "https://"));
}

/* RFC 5280 4.2.1.13: a list for some reasons only, or of another issuer, says nothing of the rest. */
static void tell_urls(X509 *cert, size_t n, struct lines *result)
{
	_cleanup_(cleanup_points) CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	size_t count = 0;

	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *point = sk_DIST_POINT_value(points, i);
		const GENERAL_NAMES *names = point->distpoint == NULL || point->distpoint->type != 0 ? NULL : point->distpoint->name.fullname;

		for (int k = 0; point->reasons == NULL && point->CRLissuer == NULL && k < sk_GENERAL_NAME_num(names); k++) {
			const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, k);
			struct span text = span_of("", 0);
			char line[LINES_NAME_MAX + 1], url[TRUST_URL_SIZE];

			if (name->type == GEN_URI) {
				text = span_of(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
				               (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier));
			}
			if (count < TRUST_URLS_MAX && is_address(text) && span_copy_string(text, url, sizeof url)) {
				(void)snprintf(line, sizeof line, "cert.%zu.url.%zu", n, count++);
				lines_set(result, line, url);
			}
		}
	}
	ERR_clear_error();
}

static void tell_cert(X509 *cert, size_t n, struct lines *result)
{
	char line[LINES_NAME_MAX + 1], hex[SIGNER_HEX_SIZE], subject[NAME_SIZE], moment[CLOCK_UTC_SIZE];

	signer_fingerprint(cert, hex);
	(void)snprintf(line, sizeof line, "cert.%zu.sha256", n);
	lines_set(result, line, hex);
	(void)snprintf(line, sizeof line, "cert.%zu.name", n);
	(void)signer_name(cert, subject, sizeof subject);
	lines_set(result, line, subject);
	(void)snprintf(line, sizeof line, "cert.%zu.from", n);
	lines_set(result, line, stamp_moment(X509_get0_notBefore(cert), moment, sizeof moment) ? moment : "");
	(void)snprintf(line, sizeof line, "cert.%zu.until", n);
	lines_set(result, line, stamp_moment(X509_get0_notAfter(cert), moment, sizeof moment) ? moment : "");
	tell_urls(cert, n, result);
}

static void tell_stamp(const struct trust_chain *chain, struct lines *result)
{
	__attribute__((cleanup(stamp_token_free))) struct stamp_token token = { 0 };
	struct stamp_fault fault = { 0 };

	if (chain->is_stamp && stamp_token_read(chain->token, &token, result, &fault)) {
		stamp_tell_digests(&token, result);
	}
}

static int write_cert(struct job *job, X509 *cert)
{
	unsigned char *der = NULL;
	int length = i2d_X509(cert, &der);
	int err = length <= 0 ? ERR_MEMORY : fd_write_all(job_fd(job, 3), der, (size_t)length);

	OPENSSL_free(der);
	return err == 0 ? 0 : job_fail(job, err, "the certificate cannot be written");
}

int job_trust_chain(struct job *job)
{
	__attribute__((cleanup(trust_chain_free))) struct trust_chain chain = { 0 };
	uint64_t n = job_parameter_u64(job, "n", UINT64_MAX);
	int err = trust_chain_read(job, 1, &chain);

	if (err != 0) {
		return err;
	}
	lines_set_u64(&job->result, "count", chain.count);
	lines_set(&job->result, "root", chain.count > 0 && is_issued(chain.certs[chain.count - 1], chain.certs[chain.count - 1]) ? "yes" : "no");
	for (size_t i = 0; i < chain.count; i++) {
		tell_cert(chain.certs[i], i, &job->result);
	}
	tell_stamp(&chain, &job->result);
	ERR_clear_error();
	return n < chain.count ? write_cert(job, chain.certs[n]) : 0;
}
