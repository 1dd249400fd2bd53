/* A stamp of a signature: what of it is stamped, and the stamp as its unsigned attribute (RFC 5126 6.1.1, CAdES-T; job.h,
 * kinds `stamp-imprint` and `stamp-embed`).
 *
 * The CMS is taken apart by its outer framing only, and put together of the same bytes: what was signed stays what it was, and its content, however
 * large, is held once and copied never.
 */
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/der.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/digest.h"
#include "tsa.h"

#define FRAMES 6 /* ContentInfo, its content, SignedData, signerInfos, SignerInfo, its unsigned attributes */
#define ATTRIBUTES_MAX 32

/* 1.2.840.113549.1.7.2 and 1.2.840.113549.1.9.16.2.14, as elements. */
static const uint8_t oid_signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
static const uint8_t oid_stamp[] = { 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0e };

/* A CMS with one signer, all spans borrowed from its bytes. */
struct layout {
	struct span type;       /* of ContentInfo, whole */
	struct span before;     /* SignedData before signerInfos: version to certificates and lists of revoked ones */
	struct span signer;     /* SignerInfo before its unsigned attributes */
	struct span signature;  /* the value */
	struct span attributes; /* unsigned ones, each whole, one after the other; may be empty */
	bool stamped;
};

struct frame {
	uint8_t bytes[DER_HEADER_MAX_BYTES];
	size_t length;
};

/* One element with any tag of one byte. */
static bool read_any(struct span *from, uint8_t *ret_tag, struct span *ret_content)
{
	*ret_tag = span_is_empty(*from) ? 0 : from->data[0];
	return (*ret_tag & 0x1f) != 0x1f && der_read(from, *ret_tag, ret_content, NULL);
}

/* What lies between the beginning of `all` and the beginning of `rest`. */
static struct span passed(struct span all, struct span rest)
{
	return span_of(all.data, all.length - rest.length);
}

static bool read_attributes(struct span attributes, struct layout *ret)
{
	ret->attributes = attributes;
	for (size_t count = 0; !span_is_empty(attributes); count++) {
		struct span inside, ignored, type;

		if (count == ATTRIBUTES_MAX || !der_read(&attributes, DER_SEQUENCE, &inside, NULL) || !der_read(&inside, DER_OID, &ignored, &type) ||
		    !der_read(&inside, DER_SET, &ignored, NULL) || !span_is_empty(inside)) {
			return false;
		}
		ret->stamped = ret->stamped || span_equals(type, span_of(oid_stamp, sizeof oid_stamp));
	}
	return true;
}

/* SignerInfo (RFC 5652 5.3). */
static bool read_signer(struct span signer, struct layout *ret)
{
	struct span all = signer, part, attributes;
	uint8_t tag = 0;

	if (!der_read(&signer, DER_INTEGER, &part, NULL) || !read_any(&signer, &tag, &part) || !der_read(&signer, DER_SEQUENCE, &part, NULL)) {
		return false;
	}
	(void)der_read(&signer, DER_CONTEXT_0, &part, NULL); /* signed attributes */
	if (!der_read(&signer, DER_SEQUENCE, &part, NULL) || !der_read(&signer, DER_OCTET_STRING, &ret->signature, NULL)) {
		return false;
	}
	ret->signer = passed(all, signer);
	return span_is_empty(signer) || (der_read(&signer, DER_CONTEXT_1, &attributes, NULL) && span_is_empty(signer) && read_attributes(attributes, ret));
}

/* NULL, or what is not as it must be. */
static const char *read_layout(struct span cms, struct layout *ret)
{
	static const char malformed[] = "not CMS signed data with definite lengths";
	struct span outer, content, data, all, part, signers, signer;
	uint8_t tag = 0;

	if (!der_read(&cms, DER_SEQUENCE, &outer, NULL) || !span_is_empty(cms) || !der_read(&outer, DER_OID, &part, &ret->type) ||
	    !span_equals(ret->type, span_of(oid_signed_data, sizeof oid_signed_data)) || !der_read(&outer, DER_CONTEXT_0, &content, NULL) ||
	    !span_is_empty(outer) || !der_read(&content, DER_SEQUENCE, &data, NULL) || !span_is_empty(content)) {
		return malformed;
	}
	all = data;
	if (!der_read(&data, DER_INTEGER, &part, NULL) || !der_read(&data, DER_SET, &part, NULL) || !der_read(&data, DER_SEQUENCE, &part, NULL)) {
		return malformed;
	}
	while (!span_is_empty(data) && (data.data[0] == DER_CONTEXT_0 || data.data[0] == DER_CONTEXT_1)) {
		if (!read_any(&data, &tag, &part)) {
			return malformed;
		}
	}
	ret->before = passed(all, data);
	if (!der_read(&data, DER_SET, &signers, NULL) || !span_is_empty(data) || !der_read(&signers, DER_SEQUENCE, &signer, NULL)) {
		return malformed;
	}
	if (!span_is_empty(signers)) {
		return "more than one signature";
	}
	return read_signer(signer, ret) ? NULL : malformed;
}

static int read_cms(struct job *job, uint8_t **ret_bytes, size_t *ret_length, struct layout *ret)
{
	uint64_t limit = job_parameter_u64(job, "limit", STAMP_CMS_MAX_BYTES);
	const char *fault = NULL;
	int err = fd_read_all(job_input(job, 1), limit < STAMP_CMS_MAX_BYTES ? limit : STAMP_CMS_MAX_BYTES, ret_bytes, ret_length);

	if (err != 0) {
		return job_fail(job, err, err == ERR_LIMIT ? "the signed file is too large to be stamped" : "the signed file cannot be read");
	}
	fault = read_layout(span_of(*ret_bytes, *ret_length), ret);
	return fault == NULL ? 0 : job_fail(job, ERR_FORMAT, "%s", fault);
}

static bool imprint_of(const struct stamp_hash *hash, struct span value, uint8_t ret[EVP_MAX_MD_SIZE])
{
	unsigned length = 0;

	return EVP_Digest(value.data, value.length, ret, &length, EVP_get_digestbynid(hash->nid), NULL) == 1 && length == hash->length;
}

static void tell_imprint(struct job *job, const struct stamp_hash *hash, const uint8_t *imprint)
{
	char hex[DIGEST_HEX_SIZE];

	hex_encode(imprint, hash->length, hex);
	lines_set(&job->result, "imprint", hex);
	lines_set(&job->result, "hash", hash->name);
}

int job_stamp_imprint(struct job *job)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	const struct stamp_hash *hash = NULL;
	struct layout layout = { 0 };
	uint8_t imprint[EVP_MAX_MD_SIZE];
	size_t length = 0;
	int err = stamp_read_hash(job, &hash, NULL);

	err = err != 0 ? err : read_cms(job, &bytes, &length, &layout);
	if (err != 0) {
		return err;
	}
	if (!imprint_of(hash, layout.signature, imprint)) {
		return job_fail(job, ERR_MEMORY, "the hash cannot be computed");
	}
	tell_imprint(job, hash, imprint);
	lines_set_u64(&job->result, "size", length);
	lines_set(&job->result, "stamped", layout.stamped ? "yes" : "no");
	return 0;
}

/* 0 when the token is one of this signature value. */
static int check_token(struct job *job, struct span der, struct span signature)
{
	__attribute__((cleanup(stamp_token_free))) struct stamp_token token = { 0 };
	__attribute__((cleanup(lines_free))) struct lines says = { 0 };
	struct stamp_fault fault = { 0 };
	TS_MSG_IMPRINT *stamped = NULL;
	const ASN1_OCTET_STRING *value = NULL;
	const struct stamp_hash *hash = NULL;
	uint8_t imprint[EVP_MAX_MD_SIZE];

	if (!stamp_token_read(der, &token, &says, &fault)) {
		return job_fail(job, ERR_FORMAT, "%s", fault.reason);
	}
	stamped = TS_TST_INFO_get_msg_imprint(token.info);
	value = TS_MSG_IMPRINT_get_msg(stamped);
	hash = stamp_hash_of(OBJ_obj2nid(TS_MSG_IMPRINT_get_algo(stamped)->algorithm));
	if (hash == NULL || !imprint_of(hash, signature, imprint) ||
	    !span_equals(span_of(imprint, hash->length), span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)))) {
		return job_fail(job, ERR_MISMATCH, "the time stamp is not one of this signature");
	}
	tell_imprint(job, hash, imprint);
	return 0;
}

static uint64_t wrap(uint8_t tag, uint64_t length, struct frame *ret)
{
	ret->length = der_header(tag, length, ret->bytes);
	return ret->length + length;
}

/* All of it, with `token` as one attribute more; from the inside out, so that every length is known. Written in the order of the bytes. */
static int write_all(int out, const struct layout *of, struct span token, uint64_t *ret_size)
{
	struct frame attribute, values, frames[FRAMES];
	uint64_t size = wrap(DER_SET, token.length, &values);
	const struct span oid = span_of(oid_stamp, sizeof oid_stamp);
	int err = 0;

	size = wrap(DER_SEQUENCE, oid.length + size, &attribute);
	size = wrap(DER_CONTEXT_1, of->attributes.length + size, &frames[5]);
	size = wrap(DER_SEQUENCE, of->signer.length + size, &frames[4]);
	size = wrap(DER_SET, size, &frames[3]);
	size = wrap(DER_SEQUENCE, of->before.length + size, &frames[2]);
	size = wrap(DER_CONTEXT_0, size, &frames[1]);
	size = wrap(DER_SEQUENCE, of->type.length + size, &frames[0]);
	{
		const struct span parts[] = {
			span_of(frames[0].bytes, frames[0].length),
			of->type,
			span_of(frames[1].bytes, frames[1].length),
			span_of(frames[2].bytes, frames[2].length),
			of->before,
			span_of(frames[3].bytes, frames[3].length),
			span_of(frames[4].bytes, frames[4].length),
			of->signer,
			span_of(frames[5].bytes, frames[5].length),
			of->attributes,
			span_of(attribute.bytes, attribute.length),
			oid,
			span_of(values.bytes, values.length),
			token,
		};

		for (size_t i = 0; err == 0 && i < sizeof parts / sizeof parts[0]; i++) {
			err = span_is_empty(parts[i]) ? 0 : fd_write_all(out, parts[i].data, parts[i].length);
		}
	}
	*ret_size = size;
	return err;
}

int job_stamp_embed(struct job *job)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	_cleanup_free_ uint8_t *token = NULL;
	struct layout layout = { 0 };
	size_t length = 0, token_length = 0;
	uint64_t size = 0;
	int err = read_cms(job, &bytes, &length, &layout);

	if (err != 0) {
		return err;
	}
	if (layout.stamped) {
		return job_fail(job, ERR_EXISTS, "the signature carries a time stamp already");
	}
	err = fd_read_all(job_input(job, 2), STAMP_REPLY_MAX_BYTES, &token, &token_length);
	err = err != 0 ? job_fail(job, err, "the time stamp cannot be read") : check_token(job, span_of(token, token_length), layout.signature);
	if (err != 0) {
		return err;
	}
	err = write_all(job_fd(job, 3), &layout, span_of(token, token_length), &size);
	if (err != 0) {
		return job_fail(job, err, "the stamped file cannot be written");
	}
	lines_set_u64(&job->result, "size", size);
	return 0;
}
