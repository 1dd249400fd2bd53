/* What the authority says: PKIStatusInfo (RFC 3161 2.4.2), and what follows from it (spec timestamps 1). */
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "tsa.h"

#define FAIL_SIZE 256
#define FAIL_BITS_MAX 64 /* those that the RFC names end at 25 */
#define STATUS_MAX 5

static const char *const statuses[STATUS_MAX + 1] = { "granted", "grantedWithMods", "rejection", "waiting", "revocationWarning", "revocationNotification" };

static const struct {
	int bit;
	const char *name, *cause;
	bool passing; /* of this server, now: another address may do better */
} failures[] = {
	{ TS_INFO_BAD_ALG, "badAlg", "bad-alg", false },
	{ TS_INFO_BAD_REQUEST, "badRequest", "bad-request", false },
	{ TS_INFO_BAD_DATA_FORMAT, "badDataFormat", "bad-data-format", false },
	{ TS_INFO_TIME_NOT_AVAILABLE, "timeNotAvailable", "time-not-available", true },
	{ TS_INFO_UNACCEPTED_POLICY, "unacceptedPolicy", "unaccepted-policy", false },
	{ TS_INFO_UNACCEPTED_EXTENSION, "unacceptedExtension", "unaccepted-extension", false },
	{ TS_INFO_ADD_INFO_NOT_AVAILABLE, "addInfoNotAvailable", "add-info-not-available", false },
	{ TS_INFO_SYSTEM_FAILURE, "systemFailure", "system-failure", true },
};

#define FAILURE_COUNT (sizeof failures / sizeof failures[0])

static void cleanup_info(TS_STATUS_INFO **info)
{
	TS_STATUS_INFO_free(*info);
}

/* Names every bit that is set. The first that the RFC knows is the cause; NULL when there is none. */
static const char *read_failures(const ASN1_BIT_STRING *bits, char names[FAIL_SIZE], bool *ret_passing)
{
	const char *cause = NULL;
	size_t have = 0;

	names[0] = '\0';
	*ret_passing = false;
	for (int bit = 0; bits != NULL && bit < FAIL_BITS_MAX; bit++) {
		char other[sizeof "bit-99"];
		const char *name = other;

		if (ASN1_BIT_STRING_get_bit(bits, bit) != 1) {
			continue;
		}
		(void)snprintf(other, sizeof other, "bit-%d", bit);
		for (size_t i = 0; i < FAILURE_COUNT; i++) {
			if (failures[i].bit == bit) {
				name = failures[i].name;
				*ret_passing = cause == NULL ? failures[i].passing : *ret_passing && failures[i].passing;
				cause = cause == NULL ? failures[i].cause : cause;
			}
		}
		if (have + strlen(name) + 2 <= FAIL_SIZE) {
			have += (size_t)snprintf(names + have, FAIL_SIZE - have, "%s%s", have == 0 ? "" : " ", name);
		}
	}
	return cause;
}

/* All texts, a blank between. */
static void tell_text(const STACK_OF(ASN1_UTF8STRING) * texts, struct lines *result)
{
	char all[STAMP_TEXT_SIZE] = "";
	size_t have = 0;

	for (int i = 0; i < sk_ASN1_UTF8STRING_num(texts); i++) {
		const ASN1_UTF8STRING *text = sk_ASN1_UTF8STRING_value(texts, i);

		if (have > 0 && have + 1 < sizeof all) {
			all[have++] = ' ';
		}
		job_copy_value(span_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)), all + have, sizeof all - have);
		have += strlen(all + have);
	}
	job_trim(all);
	if (all[0] != '\0') {
		lines_set(result, "text", all);
	}
}

static bool is_passing(long status, const char *cause, bool passing)
{
	return status == TS_STATUS_REJECTION && cause != NULL && passing;
}

static bool tell_no(long status, const char *fail, const char *cause, const struct lines *result, struct stamp_fault *fault)
{
	const char *text = lines_get(result, "text");
	const char *said = status > STATUS_MAX || status < 0 ? "a status that RFC 3161 does not know" : statuses[status];

	if (cause == NULL || status != TS_STATUS_REJECTION) {
		cause = status == TS_STATUS_REJECTION                 ? "rejected"
		        : status == TS_STATUS_WAITING                 ? "waiting"
		        : status == TS_STATUS_REVOCATION_WARNING      ? "revocation"
		        : status == TS_STATUS_REVOCATION_NOTIFICATION ? "revocation"
		                                                      : "unknown-status";
	}
	return stamp_no(fault, cause, "the authority says %s%s%s%s%s", said, fail[0] == '\0' ? "" : ", ", fail, text == NULL ? "" : ": ",
	                text == NULL ? "" : text);
}

bool stamp_status(struct span der, struct lines *result, struct stamp_fault *fault)
{
	const unsigned char *place = der.data;
	_cleanup_(cleanup_info) TS_STATUS_INFO *info = d2i_TS_STATUS_INFO(NULL, &place, (long)der.length);
	char fail[FAIL_SIZE];
	const char *cause = NULL;
	bool passing = false, granted = false;
	long status = -1;

	if (info == NULL || place != der.data + der.length) {
		return stamp_no(fault, "malformed", "the status in the answer is not a PKIStatusInfo");
	}
	status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(info));
	granted = status == TS_STATUS_GRANTED || status == TS_STATUS_GRANTED_WITH_MODS;
	cause = read_failures(TS_STATUS_INFO_get0_failure_info(info), fail, &passing);
	if (status >= 0 && status <= STATUS_MAX) {
		lines_set(result, "status", statuses[status]);
	} else {
		lines_setf(result, "status", "%ld", status);
	}
	if (fail[0] != '\0') {
		lines_set(result, "fail", fail);
	}
	tell_text(TS_STATUS_INFO_get0_text(info), result);
	lines_set(result, "spent", granted ? "yes" : "no");
	lines_set(result, "fall-over", is_passing(status, cause, passing) ? "yes" : "no");
	return granted || tell_no(status, fail, cause, result, fault);
}
