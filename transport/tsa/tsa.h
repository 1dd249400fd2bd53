/* tsa.h - what the jobs about time stamps share (RFC 3161 with RFC 5816; spec timestamps; transport/base/job.h, kinds `stamp-...`).
 *
 * An answer is taken apart in steps, each in its own file: status.c what the authority says, token.c what the token says, sealer.c who signed it. A step that
 * does not hold fills a `struct stamp_fault` with its cause (appliance/base/stampcause.h) and the words of what was found.
 */
#ifndef TRANSPORT_TSA_TSA_H
#define TRANSPORT_TSA_TSA_H

#include "../base/libcrypto.h"
#include "../base/partner.h"

#define STAMP_POLICY_SIZE 129
#define STAMP_ANCHORS_MAX_BYTES (4U << 20)
#define STAMP_CLOCK_LIMIT_MS 300000
#define STAMP_NONCE_BYTES 8

struct stamp_hash {
	const char *name;
	int nid;
	size_t length; /* bytes */
};

/* What was asked, and what an answer is measured by. Zero-initialise; free with stamp_wish_free. */
struct stamp_wish {
	const struct stamp_hash *hash;
	uint8_t imprint[EVP_MAX_MD_SIZE];
	char policy[STAMP_POLICY_SIZE]; /* "": none asked */
	uint8_t nonce[STAMP_NONCE_BYTES];
	int64_t from_ms, to_ms; /* our clock before the request and after the reply, since 1970 */
	uint64_t clock_limit_ms;
	uint8_t *anchors; /* PEM */
	size_t anchors_length;
};

struct stamp_fault {
	const char *cause; /* NULL: none */
	char reason[JOB_REASON_MAX_BYTES];
};

/* sha256, sha384, sha512; NULL for any other word. */
const struct stamp_hash *stamp_hash_find(const char *name);
const struct stamp_hash *stamp_hash_of(int nid);
/* Parameter `hash` (default sha256) and, where `imprint` is not NULL, `imprint` of its length. 0, or a negative error with job->reason. */
int stamp_read_hash(struct job *job, const struct stamp_hash **ret, uint8_t *imprint);
/* Parameter `policy`: "" or an object identifier in numbers. 0, or a negative error with job->reason. */
int stamp_read_policy(struct job *job, char ret[STAMP_POLICY_SIZE]);
void stamp_wish_free(struct stamp_wish *wish);

/* Fills the fault; always false, for `return stamp_no(...)`. */
bool stamp_no(struct stamp_fault *fault, const char *cause, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* status.c. PKIStatusInfo (DER): result lines status, fail, text, fall-over, spent. True when a stamp is granted; false with the fault. */
bool stamp_status(struct span info, struct lines *result, struct stamp_fault *fault);

/* A token that was read. Free with stamp_token_free. */
struct stamp_token {
	CMS_ContentInfo *cms;
	TS_TST_INFO *info;
	int64_t time_ms;      /* genTime */
	uint64_t unit_ms;     /* how finely it is written: 1000 without a fraction */
	uint64_t accuracy_ms; /* rounded up */
};
/* token.c. Reads it and tells what it says of itself (result lines time ... sha256). False with the fault. */
bool stamp_token_read(struct span der, struct stamp_token *ret, struct lines *result, struct stamp_fault *fault);
/* Imprint, nonce, policy. */
bool stamp_token_fits(const struct stamp_token *token, const struct stamp_wish *wish, struct stamp_fault *fault);
/* Result lines off-ms and clock; when it is off, words in `fault` without a cause. */
void stamp_token_clock(const struct stamp_token *token, const struct stamp_wish *wish, struct lines *result, struct stamp_fault *fault);
void stamp_token_free(struct stamp_token *token);

/* sealer.c. Signature, signer's certificate, its usage and chain at genTime; result lines signer-sha256, signer-name, not-after. */
bool stamp_sealed(const struct stamp_token *token, const struct stamp_wish *wish, struct lines *result, struct stamp_fault *fault);

/* Result line digest: the hash of the imprint and that of the authority's signature ("sha256 sha512"; "other": none of those that are known). */
void stamp_tell_digests(const struct stamp_token *token, struct lines *result);

/* A moment of ASN.1 as records write moments (clock.h, CLOCK_UTC_SIZE); false when it cannot be read. */
bool stamp_moment(const ASN1_TIME *when, char *ret, size_t size);

#endif
