/* case_label.c - the state of a case in words for people, and what is told of it without its records. */
#include <stdio.h>
#include <string.h>

#include "../base/text.h"
#include "case.h"

void case_label(const struct hub_case *of, enum case_state state, char ret[CASE_LABEL_SIZE])
{
	if (of->state != state || !(of->partial || of->warnings > 0) || (state != CASE_DONE && state != CASE_DATA_ERROR)) {
		(void)snprintf(ret, CASE_LABEL_SIZE, "%s", state_label(state));
	} else if (of->partial) {
		(void)snprintf(ret, CASE_LABEL_SIZE, "%s", state_partial_label());
	} else {
		(void)snprintf(ret, CASE_LABEL_SIZE, _("%s, with reservations (%u)"), state_label(state), of->warnings);
	}
}

bool case_is_asked_about(const struct hub_case *of)
{
	return of->stage[0] != '\0' && strcmp(of->stage, CASE_STAGE_NONE) != 0;
}
