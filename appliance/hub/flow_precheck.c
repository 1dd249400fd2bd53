/* flow_precheck.c - a form is shown to its partner's checking service before it is signed, where the configuration wants that and the catalogue says that the service
 * knows the form: option `check` (yes), form option `checkable`. Nothing is signed of what it finds errors in. It is no part of the filing: without a result it is
 * asked again with growing pauses, and after some questions it is signed all the same where `check-unreachable` says skip; each question and its end is a record. */
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "flow.h"

#define TRIES_DEFAULT 3

static bool option_is(const struct lines *parameters, const char *name, const char *value)
{
	const char *found = lines_get(parameters, name);

	return found != NULL && strcmp(found, value) == 0;
}

/* Is a result still wanted? */
static bool is_wanted(const struct hub_case *of, const struct lines *parameters)
{
	const char *text = lines_get(parameters, "option.check-tries");
	uint64_t tries = TRIES_DEFAULT;

	if (of->checked || !option_is(parameters, "option.check", "yes") || !option_is(parameters, "option.checkable", "yes")) {
		return false;
	}
	if (text != NULL) {
		(void)span_parse_u64(span_of_string(text), &tries);
	}
	return !option_is(parameters, "option.check-unreachable", "skip") || of->unchecked < tries;
}

void flow_precheck(struct hub *hub, struct hub_case *of)
{
	_cleanup_lines_ struct lines parameters = { 0 };
	int64_t due_ms = of->head_ms, now = clock_utc_ms();

	flow_job_parameters(hub, of, &parameters);
	if (!is_wanted(of, &parameters)) {
		flow_sign(hub, of);
		return;
	}
	due_ms += of->unchecked == 0 ? 0 : (int64_t)work_backoff(of->unchecked);
	if (due_ms > now) {
		of->waiting = N_("the service that checks forms before they are signed gave no result");
		of->due_ms = clock_deadline((uint64_t)(due_ms - now));
	} else {
		flow_request(hub, of, PURPOSE_CHECK);
	}
}
