#include "verify.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "partner.h"

#define LIMIT_BYTES ((UINT64_C(22) << 20)) /* 2 x 10 MiB + 2 MiB */
#define ANCHORS_MAX_BYTES (4U << 20)
#define LIST_SIZE 4096

static void cleanup_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

int verify_tell_invalid(struct job *job, const char *reason)
{
	lines_set(&job->result, "result", "invalid");
	lines_set(&job->result, "reason", reason);
	return 0;
}

/* Checks the outer form. NULL when good, otherwise the reason. */
static const char *form_fault(CMS_ContentInfo *cms)
{
	ASN1_OCTET_STRING **content = NULL;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		return "not signed data";
	}
	if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data) {
		return "the signed content is not plain data";
	}
	content = CMS_get0_content(cms);
	if (content == NULL || *content == NULL) {
		return "the signature is detached";
	}
	return sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) == 1 ? NULL : "not exactly one signature";
}

static void tell_signing_time(struct lines *result, CMS_SignerInfo *info)
{
	const ASN1_TIME *when = CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_signingTime), -3, V_ASN1_UTCTIME);
	char text[CLOCK_UTC_SIZE];
	struct tm parts = { 0 };

	if (when == NULL) {
		when = CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_signingTime), -3, V_ASN1_GENERALIZEDTIME);
	}
	if (when != NULL && ASN1_TIME_to_tm(when, &parts) == 1) {
		clock_format_utc((int64_t)timegm(&parts) * 1000, text);
		lines_set(result, "signing-time", text);
	}
}

/* messageDigest, signature and then the content to `sink`. NULL when good. */
static const char *check_signature(CMS_ContentInfo *cms, BIO *sink)
{
	/* The chain is judged by signer.c, with words of its own. */
	if (CMS_verify(cms, NULL, NULL, NULL, sink, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1) {
		unsigned long code = ERR_peek_last_error();

		return ERR_GET_REASON(code) == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND ? "the signer's certificate is not included"
		       : ERR_GET_REASON(code) == CMS_R_CONTENT_VERIFY_ERROR       ? "the signature does not fit the content"
		                                                                  : "the signature does not verify";
	}
	return NULL;
}

int verify_wish_read(struct job *job, struct signer_wish *wish)
{
	char at[CLOCK_UTC_SIZE];
	int64_t utc_ms = clock_utc_ms();
	int err = 0;

	/* A wish that does not fit must not become no wish at all. */
	if (job_parameter_whole(job, "signer-cn", wish->names, sizeof wish->names) != 0 ||
	    job_parameter_whole(job, "signer-o", wish->organisations, sizeof wish->organisations) != 0 ||
	    job_parameter_whole(job, "signer-sha256", wish->pins, sizeof wish->pins) != 0) {
		return job_fail(job, ERR_LIMIT, "a list of signers is too long");
	}
	if (job_parameter_whole(job, "at", at, sizeof at) != 0 || (at[0] != '\0' && !clock_parse_utc(span_of_string(at), &utc_ms))) {
		return job_fail(job, ERR_FORMAT, "the moment `at` is malformed");
	}
	wish->at = (time_t)(utc_ms / 1000);
	if (job_fd(job, 2) >= 0) {
		err = fd_read_all(job_input(job, 2), ANCHORS_MAX_BYTES, &wish->anchors, &wish->anchors_length);
	}
	return err == 0 ? 0 : job_fail(job, err, "the trust anchors cannot be read");
}

void verify_wish_free(struct signer_wish *wish)
{
	free(wish->anchors);
}

const char *verify_attached(struct span der, const struct signer_wish *wish, BIO *sink, struct lines *result)
{
	const unsigned char *place = der.data;
	_cleanup_(cleanup_cms) CMS_ContentInfo *cms = der.length > LONG_MAX ? NULL : d2i_CMS_ContentInfo(NULL, &place, (long)der.length);
	const char *fault = NULL;

	if (cms == NULL || place != der.data + der.length) {
		return cms == NULL ? "not CMS" : "bytes after the end of the CMS structure";
	}
	fault = form_fault(cms);
	if (fault == NULL) {
		tell_signing_time(result, sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0));
		fault = check_signature(cms, sink);
	}
	return fault == NULL ? signer_fault(cms, wish, result) : fault;
}

int job_verify(struct job *job)
{
	_cleanup_(verify_wish_free) struct signer_wish wish = { 0 };
	_cleanup_(cleanup_bio) BIO *sink = BIO_new_fd(job_fd(job, 3), BIO_NOCLOSE);
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t length = 0;
	const char *fault = NULL;
	int err = verify_wish_read(job, &wish);

	if (err != 0) {
		return err;
	}
	err = sink == NULL ? ERR_MEMORY : fd_read_all(job_input(job, 1), job_parameter_u64(job, "limit", LIMIT_BYTES), &bytes, &length);
	if (err != 0) {
		return job_fail(job, err, err == ERR_LIMIT ? "the reply is larger than allowed" : "the reply cannot be read");
	}
	fault = verify_attached(span_of(bytes, length), &wish, sink, &job->result);
	if (fault != NULL) {
		return verify_tell_invalid(job, fault);
	}
	lines_set(&job->result, "result", "valid");
	lines_set_u64(&job->result, "size", BIO_number_written(sink));
	return 0;
}
