#include "tsa.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"

#define HASH_NAME_SIZE 16

static const struct stamp_hash hashes[] = {
	{ "sha256", NID_sha256, 32 },
	{ "sha384", NID_sha384, 48 },
	{ "sha512", NID_sha512, 64 },
};

const struct stamp_hash *stamp_hash_find(const char *name)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (strcmp(hashes[i].name, name) == 0) {
			return &hashes[i];
		}
	}
	return NULL;
}

const struct stamp_hash *stamp_hash_of(int nid)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (hashes[i].nid == nid) {
			return &hashes[i];
		}
	}
	return NULL;
}

int stamp_read_hash(struct job *job, const struct stamp_hash **ret, uint8_t *imprint)
{
	char name[HASH_NAME_SIZE];
	struct span hex = span_of("", 0);

	if (job_parameter_whole(job, "hash", name, sizeof name) != 0) {
		name[0] = '?';
	}
	*ret = stamp_hash_find(name[0] == '\0' ? "sha256" : name);
	if (*ret == NULL) {
		return job_fail(job, ERR_UNSUPPORTED, "the hash must be sha256, sha384 or sha512");
	}
	(void)lines_find(job->parameters, "imprint", &hex);
	if (imprint != NULL && !span_parse_hex(hex, imprint, (*ret)->length)) {
		return job_fail(job, ERR_FORMAT, "the imprint is not %zu bytes in hex", (*ret)->length);
	}
	return 0;
}

int stamp_read_policy(struct job *job, char ret[STAMP_POLICY_SIZE])
{
	ASN1_OBJECT *object = NULL;

	if (job_parameter_whole(job, "policy", ret, STAMP_POLICY_SIZE) != 0) {
		return job_fail(job, ERR_LIMIT, "the policy is too long");
	}
	if (ret[0] == '\0') {
		return 0;
	}
	object = OBJ_txt2obj(ret, 1);
	if (object == NULL) {
		return job_fail(job, ERR_FORMAT, "the policy is no object identifier in numbers");
	}
	ASN1_OBJECT_free(object);
	return 0;
}

void stamp_wish_free(struct stamp_wish *wish)
{
	free(wish->anchors);
	wish->anchors = NULL;
}

bool stamp_no(struct stamp_fault *fault, const char *cause, const char *format, ...)
{
	va_list arguments;

	fault->cause = cause;
	va_start(arguments, format);
	(void)vsnprintf(fault->reason, sizeof fault->reason, format, arguments);
	va_end(arguments);
	return false;
}

bool stamp_moment(const ASN1_TIME *when, char *ret, size_t size)
{
	struct tm parts = { 0 };

	if (size < CLOCK_UTC_SIZE || ASN1_TIME_to_tm(when, &parts) != 1) {
		return false;
	}
	clock_format_utc((int64_t)timegm(&parts) * 1000, ret);
	return true;
}
