#include "cssz.h"

#include <ctype.h>
#include <string.h>

bool cssz_is_plain(const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (!isalnum((unsigned char)text[i]) && strchr("_-.:", text[i]) == NULL) {
			return false;
		}
	}
	return text[0] != '\0';
}

uint64_t cssz_request_max(const struct job *job)
{
	return job_parameter_u64(job, "option.request-max", CSSZ_REQUEST_MAX_BYTES);
}

bool cssz_is_id(const char *text)
{
	return isalnum((unsigned char)text[0]) && cssz_is_plain(text) && strlen(text) < CSSZ_ID_SIZE;
}

const struct partner cssz_partner = {
	.name = "cssz", .compose = cssz_compose, .classify = cssz_classify, .receipt = cssz_receipt_text, .verify = cssz_verify, .check = cssz_check
};
