#include "intent.h"

#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/record.h"

static int fail(int err, const char *why, const char **ret_why)
{
	*ret_why = why;
	return err;
}

int intent_check(const struct intent_claim *claim, const char **ret_why)
{
	struct record record;

	if (record_read_leaf(claim->leaf, &record) != 0 || strcmp(record.type, "intent") != 0) {
		return fail(ERR_FORMAT, "what came is not an intent record", ret_why);
	}
	if (record.index != claim->index) {
		return fail(ERR_MISMATCH, "the intent record has another index", ret_why);
	}
	if (!record_field_is(&record, "key", claim->key)) {
		return fail(ERR_MISMATCH, "the intent record names another key", ret_why);
	}
	if (!record_field_is(&record, "purpose", claim->purpose)) {
		return fail(ERR_MISMATCH, "the intent record names another purpose", ret_why);
	}
	if (!record_field_is(&record, "form", claim->form) || !record_field_is(&record, "digest", claim->digest)) {
		return fail(ERR_MISMATCH, "the intent record names another form or digest", ret_why);
	}
	/* Records are numbered from 0 and the first of a journal is `boot`: no intent has index 0. */
	if (claim->index <= claim->last) {
		return fail(ERR_STATE, "this intent was used before", ret_why);
	}
	return 0;
}
