/* `list`: its options become typed fields of the command; the hub does the choosing. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "../base/span.h"
#include "../base/text.h"
#include "rows.h"

static int refuse(struct cli *cli, enum cli_option_id option, const char *value, const char *expected)
{
	(void)fprintf(cli->err, _("podatelna: --%s: \"%s\" is not %s\n"), cli_options[option].name, value, expected);
	return CLI_USAGE;
}

int cli_read_period(struct cli *cli, const struct cli_call *call, struct cli_filter *ret)
{
	const char *since = call->given[CLI_O_SINCE], *until = call->given[CLI_O_UNTIL], *month = call->given[CLI_O_MONTH];
	const char *date = _("a date like 2026-11-21 or 21.11.2026");

	if (month != NULL && (since != NULL || until != NULL)) {
		(void)fputs(_("podatelna: --month stands alone, without --since and --until\n"), cli->err);
		return CLI_USAGE;
	}
	if (month != NULL && !cli_period_month(month, &ret->since_ms, &ret->until_ms)) {
		return refuse(cli, CLI_O_MONTH, month, _("a month like 2026-11 or 11/2026"));
	}
	if (since != NULL && !cli_period_day(since, 0, &ret->since_ms)) {
		return refuse(cli, CLI_O_SINCE, since, date);
	}
	if (until != NULL && !cli_period_day(until, 1, &ret->until_ms)) {
		return refuse(cli, CLI_O_UNTIL, until, date);
	}
	if (since != NULL && until != NULL && ret->since_ms >= ret->until_ms) {
		(void)fputs(_("podatelna: --since is later than --until\n"), cli->err);
		return CLI_USAGE;
	}
	return CLI_YES;
}

/* The journal knows people by the number of their login, never by name (design 4). */
static int read_person(struct cli *cli, const char *who, struct cli_filter *ret)
{
	const struct passwd *person = NULL;
	uint64_t number = 0;

	if (who == NULL) {
		return CLI_YES;
	}
	if (strcmp(who, "box") == 0) {
		(void)snprintf(ret->by, sizeof ret->by, "box");
		return CLI_YES;
	}
	person = getpwnam(who);
	if (person != NULL) {
		number = person->pw_uid;
	} else if (!span_parse_u64(span_of_string(strncmp(who, "uid:", 4) == 0 ? who + 4 : who), &number)) {
		return refuse(cli, CLI_O_BY, who, _("a login name of this machine, a number, or \"box\""));
	}
	(void)snprintf(ret->by, sizeof ret->by, "uid:%llu", (unsigned long long)number);
	return CLI_YES;
}

int cli_list(struct cli *cli, const struct cli_call *call)
{
	struct cli_filter filter = {
		.states = call->given[CLI_O_STATE], .partner = call->given[CLI_O_PARTNER], .text = call->given[CLI_O_TEXT], .limit = ROWS_MAX
	};
	struct cli_call filtered = *call;
	const char *limit = call->given[CLI_O_LIMIT];
	int code = cli_read_period(cli, call, &filter);

	if (code == CLI_YES) {
		code = read_person(cli, call->given[CLI_O_BY], &filter);
	}
	if (code == CLI_YES && limit != NULL && (!span_parse_u64(span_of_string(limit), &filter.limit) || filter.limit == 0 || filter.limit > ROWS_MAX)) {
		code = refuse(cli, CLI_O_LIMIT, limit, _("a number of cases"));
	}
	filtered.filter = &filter;
	return code == CLI_YES ? cli_talk(cli, &filtered, call->word_count, -1, -1) : code;
}
