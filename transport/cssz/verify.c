/* The kind `verify` of job.h for ČSSZ: the seal over Message, and that inside and outside of the answer do not contradict each other (spec/cssz 6.2, 6.3).
 * The content that is handed on is Message in canonical form with SignatureValue emptied: the very bytes under the seal. */
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/verify.h"
#include "cssz.h"
#include "seal.h"

#define AHEAD_MAX_MS (INT64_C(24) * 3600 * 1000) /* a seal of later than that was not made yet */
#define WORD_SIZE 65

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

/* Trimmed; takes `text`, which may be NULL. */
static void copy(char *text, char *ret, size_t size)
{
	job_copy_value(span_of_string(text == NULL ? "" : text), ret, size);
	job_trim(ret);
	free(text);
}

/* The gateway's outside is not sealed; where it says something else than the sealed inside, a person must look (6.2 item 5, 6.3 item 7). */
static const char *contradiction(const struct seal *seal)
{
	struct xmlnode *result = xmltree_find(seal->message, "ProcessingResult"), *item = NULL;
	char type[WORD_SIZE], number[WORD_SIZE], verdict[WORD_SIZE];

	if (result == NULL) {
		return "the sealed message holds no result";
	}
	copy(xmltree_attribute(result, "type"), type, sizeof type);
	if (strcmp(seal->class_name, type) != 0) {
		return "the sealed result is of another service than the answer";
	}
	item = xmltree_find(result, "Item");
	copy(xmltree_attribute(item, "sqnr"), number, sizeof number);
	copy(xmltree_attribute(item, "result"), verdict, sizeof verdict);
	if (strcmp(seal->qualifier, "response") == 0 && number[0] == '\0' && strcmp(verdict, "ERROR") == 0) {
		return "the gateway says accepted and the sealed result refused";
	}
	return NULL;
}

/* The content of the CMS is the digest itself. */
static const char *check_value(const struct seal *seal, const struct signer_wish *wish, struct span signed_bytes, struct lines *result)
{
	_cleanup_(cleanup_bio) BIO *sink = BIO_new(BIO_s_mem());
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	char *inside = NULL;
	const char *fault = NULL;
	long inside_length = 0;

	if (sink == NULL || EVP_Digest(signed_bytes.data, signed_bytes.length, digest, &length, seal->digest, NULL) != 1) {
		return "no memory";
	}
	fault = verify_attached(span_of(seal->cms, seal->cms_length), wish, sink, result);
	if (fault != NULL) {
		return fault;
	}
	inside_length = BIO_get_mem_data(sink, &inside);
	return inside_length == (long)length && CRYPTO_memcmp(inside, digest, length) == 0 ? NULL : "the seal is one of other content";
}

/* Where Message stands in the envelope, namespaces declared outside belong to its canonical form; sealed before it was put in, it has none of these. Both are forms of
 * the same content, and the text of the specification does not say which: either counts. NULL when good, with the bytes in `ret`. */
static const char *check(const struct seal *seal, const struct signer_wish *wish, struct lines *result, uint8_t **ret, size_t *ret_length)
{
	const char *fault = NULL;

	for (int alone = 0; alone <= 1; alone++) {
		free(*ret);
		*ret = NULL;
		if (xmltree_canonical(seal->reply, seal->message, alone == 1, ret, ret_length) != 0) {
			return "the message has no canonical form";
		}
		fault = check_value(seal, wish, span_of(*ret, *ret_length), result);
		if (fault == NULL) {
			return contradiction(seal);
		}
	}
	return fault;
}

int cssz_verify(struct job *job)
{
	_cleanup_(verify_wish_free) struct signer_wish wish = { 0 };
	_cleanup_(seal_free) struct seal seal = { 0 };
	_cleanup_free_ uint8_t *content = NULL;
	_cleanup_free_ uint8_t *reply = NULL;
	size_t length = 0;
	const char *fault = NULL;
	int err = verify_wish_read(job, &wish);

	if (err != 0) {
		return err;
	}
	err = fd_read_all(job_input(job, 1), SEAL_REPLY_MAX_BYTES, &reply, &length);
	if (err != 0) {
		return job_fail(job, err, err == ERR_LIMIT ? "the answer is larger than allowed" : "the answer cannot be read");
	}
	fault = seal_read(span_of(reply, length), &seal);
	if (fault == NULL && seal.at_ms > clock_utc_ms() + AHEAD_MAX_MS) {
		fault = "the seal was made later than now";
	}
	wish.at = (time_t)(seal.at_ms / 1000); /* the signer's certificate must have been good then (6.3 item 6) */
	fault = fault != NULL ? fault : check(&seal, &wish, &job->result, &content, &length);
	if (fault != NULL) {
		return verify_tell_invalid(job, fault);
	}
	err = fd_write_all(job_fd(job, 3), content, length);
	if (err != 0) {
		return job_fail(job, err, "the sealed message cannot be written");
	}
	lines_set(&job->result, "form", "sealed-xml");
	lines_set(&job->result, "result", "valid");
	lines_set_u64(&job->result, "size", length);
	return 0;
}
