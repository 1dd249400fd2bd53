/* query.c - `cssz`: asks the social security for something. The very text that staff would put into the inbox is made of the options and handed in. */
#include <ctype.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/fdio.h"
#include "../base/query.h"
#include "../base/text.h"
#include "cli.h"

#define PARTNER "cssz"
#define OLD_VERSION "20" /* of DZDPN, which is told apart by its name */

static const struct {
	enum cli_option_id option;
	const char *field;
} fields[] = {
	{ CLI_O_VS, "vs" },       { CLI_O_FROM, "from" }, { CLI_O_TO, "to" },         { CLI_O_ID, "id" },
	{ CLI_O_MONTH, "month" }, { CLI_O_YEAR, "year" }, { CLI_O_NUMBER, "number" },
};

static bool fill(const struct cli_call *call, struct query *ret)
{
	size_t length = strlen(call->command->sub);

	for (size_t i = 0; i < length && i + 1 < sizeof ret->what; i++) {
		ret->what[i] = (char)toupper((unsigned char)call->command->sub[i]);
	}
	if (call->given[CLI_O_OLD] != NULL) {
		(void)strncat(ret->what, OLD_VERSION, sizeof ret->what - length - 1);
	}
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		const char *value = call->given[fields[i].option];

		if (value != NULL && !query_add(ret, fields[i].field, value)) {
			return false;
		}
	}
	return true;
}

int cli_query(struct cli *cli, const struct cli_call *call)
{
	struct query query = { .what = "" };
	char text[QUERY_MAX_BYTES], name[QUERY_NAME_SIZE + 8];
	bool good = fill(call, &query);
	int length = good ? query_write(&query, text, sizeof text) : -1;
	_cleanup_close_ int fd = length > 0 ? fd_memfd_sealed("query", text, (size_t)length) : -1;
	struct cli_call ask = { .command = call->command, .words = { "ask", PARTNER, name }, .word_count = 3 };

	if (length <= 0) {
		(void)fputs(_("podatelna: a value is too long, or has signs that no such value has\n"), cli->err);
		return CLI_USAGE;
	}
	(void)snprintf(name, sizeof name, "%s.txt", query.what);
	return fd < 0 ? CLI_NO : cli_talk(cli, &ask, 3, fd, -1);
}
