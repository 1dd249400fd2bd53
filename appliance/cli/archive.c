#include <string.h>

#include "../base/text.h"
#include "rows.h"

static int usage(struct cli *cli, const char *text)
{
	(void)fprintf(cli->err, "podatelna: %s\n", text);
	return CLI_USAGE;
}

static bool read_day(const struct cli_call *call, enum cli_option_id option, int64_t *ret_ms)
{
	return call->given[option] == NULL || cli_period_day(call->given[option], 0, ret_ms);
}

int cli_archive(struct cli *cli, const struct cli_call *call)
{
	struct cli_filter filter = { .limit = ROWS_MAX };
	struct cli_call filtered = *call;
	bool restore = call->given[CLI_O_RESTORE] != NULL, one = call->word_count > 1;
	bool dates = call->given[CLI_O_BEFORE] != NULL || call->given[CLI_O_SINCE] != NULL;

	if (!read_day(call, CLI_O_BEFORE, &filter.until_ms) || !read_day(call, CLI_O_SINCE, &filter.since_ms)) {
		return usage(cli, _("expected a date like 2026-11-21 or 21.11.2026"));
	}
	if (call->given[CLI_O_INIT] != NULL && (restore || one || dates)) {
		return usage(cli, _("--init stands alone"));
	}
	if ((one && dates) || (one && !restore) || (restore && !one && !dates) || (!restore && call->given[CLI_O_SINCE] != NULL)) {
		return usage(cli, _("archive --before DATE, archive --restore ID, or archive --restore --since DATE"));
	}
	filtered.filter = &filter;
	return cli_talk(cli, &filtered, call->word_count, -1, -1);
}
