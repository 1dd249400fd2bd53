/* The answer of a time-stamp authority: TimeStampResp (RFC 3161 2.4.2), all checks of spec timestamps 3 in their order (job.h, kind `stamp-reply`). */
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/der.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "tsa.h"

#define TYPE_SIZE 128
#define TYPE_WANTED "application/timestamp-reply"
#define HTTP_OK 200

static void tell(struct job *job, const char *verdict, const struct stamp_fault *fault)
{
	lines_set(&job->result, "verdict", verdict);
	if (fault->cause != NULL) {
		lines_set(&job->result, "cause", fault->cause);
	}
	if (fault->reason[0] != '\0') {
		char reason[JOB_REASON_MAX_BYTES];

		job_copy_value(span_of_string(fault->reason), reason, sizeof reason);
		lines_set(&job->result, "reason", reason);
	}
}

/* No status came: nothing was granted as far as anybody can tell. */
static int tell_unusable(struct job *job, bool fall_over, const char *cause, const char *reason)
{
	struct stamp_fault fault;

	(void)stamp_no(&fault, cause, "%s", reason);
	lines_set(&job->result, "spent", "no");
	lines_set(&job->result, "fall-over", fall_over ? "yes" : "no");
	tell(job, "unusable", &fault);
	return 0;
}

/* Spec timestamps 1: a login that is refused is refused everywhere, and asking on may lock the account. A server that is away, or has nothing at this
 * address, says nothing about the next one; any other 4xx is about the request. */
static int tell_http(struct job *job, uint64_t status)
{
	char reason[sizeof "HTTP status 18446744073709551615"];
	bool away = status < 400 || status >= 500 || status == 404 || status == 405 || status == 408 || status == 410;

	(void)snprintf(reason, sizeof reason, "HTTP status %llu", (unsigned long long)status);
	return status == 401                    ? tell_unusable(job, false, "http-login", reason)
	       : status == 403 || status == 402 ? tell_unusable(job, false, "http-forbidden", reason)
	       : away                           ? tell_unusable(job, true, "http-away", reason)
	                                        : tell_unusable(job, false, "http-refused", reason);
}

/* The media type without parameters, lower case. */
static void read_type(const struct job *job, char ret[TYPE_SIZE])
{
	(void)job_parameter(job, "content-type", "", ret, TYPE_SIZE);
	ret[strcspn(ret, ";")] = '\0';
	job_trim(ret);
	for (char *c = ret; *c != '\0'; c++) {
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	}
}

static bool looks_like_page(struct span body)
{
	uint8_t byte = 0;

	while (span_read_u8(&body, &byte)) {
		if (byte == '<') {
			return true;
		}
		if (byte == 0 || strchr(" \t\r\n\xef\xbb\xbf", byte) == NULL) {
			return false;
		}
	}
	return false;
}

/* 200, but no TimeStampResp: something else answers at this address. */
static int tell_no_reply(struct job *job, struct span body, const char *type)
{
	char reason[TYPE_SIZE + 64];

	if (span_is_empty(body)) {
		return tell_unusable(job, true, "empty", "an empty answer");
	}
	(void)snprintf(reason, sizeof reason, "the answer (%s) is not a TimeStampResp in DER", type[0] == '\0' ? "without a content type" : type);
	return tell_unusable(job, true, looks_like_page(body) ? "html" : strcmp(type, TYPE_WANTED) != 0 ? "content-type" : "malformed", reason);
}

static int read_wish(struct job *job, struct stamp_wish *wish)
{
	struct span nonce = span_of("", 0);
	uint64_t from = 0, to = 0;
	int err = stamp_read_hash(job, &wish->hash, wish->imprint);

	err = err != 0 ? err : stamp_read_policy(job, wish->policy);
	if (err != 0) {
		return err;
	}
	(void)lines_find(job->parameters, "nonce", &nonce);
	if (!span_parse_hex(nonce, wish->nonce, sizeof wish->nonce)) {
		return job_fail(job, ERR_FORMAT, "the nonce is not %d bytes in hex", STAMP_NONCE_BYTES);
	}
	if (!lines_find_u64(job->parameters, "asked-from", &from) || !lines_find_u64(job->parameters, "asked-to", &to) || from > to || to > INT64_MAX / 2) {
		return job_fail(job, ERR_FORMAT, "when was it asked?");
	}
	wish->from_ms = (int64_t)from;
	wish->to_ms = (int64_t)to;
	wish->clock_limit_ms = job_parameter_u64(job, "clock-limit-ms", STAMP_CLOCK_LIMIT_MS);
	err = fd_read_all(job_input(job, 2), STAMP_ANCHORS_MAX_BYTES, &wish->anchors, &wish->anchors_length);
	return err == 0 ? 0 : job_fail(job, err, "the trust anchors cannot be read");
}

/* The parts of a TimeStampResp; `ret_token` is empty when there is none. */
static bool split(struct span body, struct span *ret_status, struct span *ret_token)
{
	struct span inside, ignored;

	*ret_token = span_of("", 0);
	if (!der_read(&body, DER_SEQUENCE, &inside, NULL) || !span_is_empty(body) || !der_read(&inside, DER_SEQUENCE, &ignored, ret_status)) {
		return false;
	}
	return span_is_empty(inside) || (der_read(&inside, DER_SEQUENCE, &ignored, ret_token) && span_is_empty(inside));
}

/* Everything about a token that came with `granted`. */
static bool good_token(struct job *job, struct span der, const struct stamp_wish *wish, const char *type, struct stamp_fault *fault)
{
	__attribute__((cleanup(stamp_token_free))) struct stamp_token token = { 0 };
	struct lines *result = &job->result;
	struct stamp_fault later = { 0 };
	bool good = false;

	if (span_is_empty(der)) {
		return stamp_no(fault, "no-token", "granted, but there is no token");
	}
	if (!stamp_token_read(der, &token, result, fault)) {
		return false;
	}
	stamp_token_clock(&token, wish, result, fault);
	good = stamp_token_fits(&token, wish, fault);
	/* Who signed is told of a bad one too. */
	good = stamp_sealed(&token, wish, result, good ? fault : &later) && good;
	if (good && strcmp(type, TYPE_WANTED) != 0) {
		return stamp_no(fault, "content-type", "the content type is %s instead of " TYPE_WANTED, type[0] == '\0' ? "absent" : type);
	}
	return good;
}

static int judge(struct job *job, struct span body, const struct stamp_wish *wish)
{
	struct stamp_fault fault = { 0 };
	struct span status, token;
	char type[TYPE_SIZE];
	bool good = false;
	int err = 0;

	read_type(job, type);
	if (!split(body, &status, &token)) {
		return tell_no_reply(job, body, type);
	}
	if (!stamp_status(status, &job->result, &fault)) {
		if (strcmp(fault.cause, "malformed") == 0) {
			return tell_unusable(job, true, fault.cause, fault.reason);
		}
		tell(job, "refused", &fault);
		return 0;
	}
	err = span_is_empty(token) ? 0 : fd_write_all(job_fd(job, 3), token.data, token.length);
	if (err != 0) {
		return job_fail(job, err, "the token cannot be written");
	}
	good = good_token(job, token, wish, type, &fault);
	tell(job, good ? "granted" : "invalid", &fault);
	return 0;
}

int job_stamp_reply(struct job *job)
{
	__attribute__((cleanup(stamp_wish_free))) struct stamp_wish wish = { 0 };
	_cleanup_free_ uint8_t *bytes = NULL;
	uint64_t limit = job_parameter_u64(job, "limit", STAMP_REPLY_MAX_BYTES), status = job_parameter_u64(job, "http-status", 0);
	size_t length = 0;
	int err = read_wish(job, &wish);

	if (err != 0) {
		return err;
	}
	if (status != HTTP_OK) {
		return tell_http(job, status);
	}
	err = fd_read_all(job_input(job, 1), limit, &bytes, &length);
	if (err == ERR_LIMIT) {
		return tell_unusable(job, true, "too-long", "the answer is longer than allowed");
	}
	return err != 0 ? job_fail(job, err, "the answer cannot be read") : judge(job, span_of(bytes, length), &wish);
}
