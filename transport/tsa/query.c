/* The request for a stamp: TimeStampReq of RFC 3161 2.4.1 (spec timestamps 2; job.h, kind `stamp-query`). */
#include <sys/random.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "tsa.h"

static void cleanup_request(TS_REQ **request)
{
	TS_REQ_free(*request);
}

static void cleanup_imprint(TS_MSG_IMPRINT **imprint)
{
	TS_MSG_IMPRINT_free(*imprint);
}

static void cleanup_algorithm(X509_ALGOR **algorithm)
{
	X509_ALGOR_free(*algorithm);
}

static void cleanup_number(BIGNUM **number)
{
	BN_free(*number);
}

static void cleanup_integer(ASN1_INTEGER **integer)
{
	ASN1_INTEGER_free(*integer);
}

static void cleanup_object(ASN1_OBJECT **object)
{
	ASN1_OBJECT_free(*object);
}

static void cleanup_bytes(unsigned char **bytes)
{
	OPENSSL_free(*bytes);
}

static bool set_imprint(TS_REQ *request, const struct stamp_hash *hash, uint8_t *bytes)
{
	_cleanup_(cleanup_imprint) TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	_cleanup_(cleanup_algorithm) X509_ALGOR *algorithm = X509_ALGOR_new();

	return imprint != NULL && algorithm != NULL && X509_ALGOR_set0(algorithm, OBJ_nid2obj(hash->nid), V_ASN1_NULL, NULL) == 1 &&
	       TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 && TS_MSG_IMPRINT_set_msg(imprint, bytes, (int)hash->length) == 1 &&
	       TS_REQ_set_msg_imprint(request, imprint) == 1;
}

static bool set_nonce(TS_REQ *request, const uint8_t nonce[STAMP_NONCE_BYTES])
{
	_cleanup_(cleanup_number) BIGNUM *number = BN_bin2bn(nonce, STAMP_NONCE_BYTES, NULL);
	_cleanup_(cleanup_integer) ASN1_INTEGER *integer = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);

	return integer != NULL && TS_REQ_set_nonce(request, integer) == 1;
}

static bool set_policy(TS_REQ *request, const char *policy)
{
	_cleanup_(cleanup_object) ASN1_OBJECT *object = policy[0] == '\0' ? NULL : OBJ_txt2obj(policy, 1);

	return policy[0] == '\0' || (object != NULL && TS_REQ_set_policy_id(request, object) == 1);
}

int job_stamp_query(struct job *job)
{
	_cleanup_(cleanup_request) TS_REQ *request = TS_REQ_new();
	_cleanup_(cleanup_bytes) unsigned char *der = NULL;
	const struct stamp_hash *hash = NULL;
	uint8_t imprint[EVP_MAX_MD_SIZE], nonce[STAMP_NONCE_BYTES];
	char policy[STAMP_POLICY_SIZE], hex[2 * STAMP_NONCE_BYTES + 1];
	int length = -1;
	int err = stamp_read_hash(job, &hash, imprint);

	err = err != 0 ? err : stamp_read_policy(job, policy);
	if (err != 0) {
		return err;
	}
	if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
		return job_fail(job, ERR_SYSTEM, "no random bits");
	}
	if (request == NULL || TS_REQ_set_version(request, 1) != 1 || !set_imprint(request, hash, imprint) || !set_policy(request, policy) ||
	    !set_nonce(request, nonce) || TS_REQ_set_cert_req(request, 1) != 1 || (length = i2d_TS_REQ(request, &der)) <= 0) {
		return job_fail(job, ERR_MEMORY, "the request cannot be composed");
	}
	err = fd_write_all(job_fd(job, 1), der, (size_t)length);
	if (err != 0) {
		return job_fail(job, err, "the request cannot be written");
	}
	hex_encode(nonce, sizeof nonce, hex);
	lines_set(&job->result, "nonce", hex);
	lines_set_u64(&job->result, "size", (uint64_t)length);
	lines_set(&job->result, "method", "POST");
	lines_set(&job->result, "path", "");
	lines_set(&job->result, "header.1", "Content-Type: application/timestamp-query");
	lines_set(&job->result, "header.2", "Accept: application/timestamp-reply");
	lines_set_u64(&job->result, "reply-limit", STAMP_REPLY_MAX_BYTES);
	return 0;
}
