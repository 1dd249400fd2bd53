/* `show`: a case with its records; or its form, or the bytes themselves, into a file or a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "cli.h"

/* Into a new file, never over an old one; nothing half stays. */
static int into_file(struct cli *cli, struct cli_call *call, const char *path)
{
	_cleanup_close_ int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	int code = CLI_NO;

	if (to < 0) {
		(void)fprintf(cli->err, _("podatelna: the file \"%s\" cannot be created: %s\n"), path, strerror(errno));
		return CLI_NO;
	}
	call->raw_to = to;
	code = cli_talk(cli, call, 2, -1, -1);
	if (code == CLI_YES && fsync(to) != 0) {
		(void)fputs(_("podatelna: the output cannot be written\n"), cli->err);
		code = CLI_NO;
	}
	if (code != CLI_YES) {
		(void)unlink(path);
	}
	return code;
}

int cli_show(struct cli *cli, const struct cli_call *call)
{
	bool form = call->given[CLI_O_FORM] != NULL, xml = call->given[CLI_O_XML] != NULL;
	struct cli_call raw = *call;
	int out = fileno(cli->out);

	if (form == xml) {
		if (form || call->word_count > 2) {
			(void)cli_help(cli->err, call->command->name, NULL);
			return CLI_USAGE;
		}
		return cli_talk(cli, call, call->word_count, -1, -1);
	}
	raw.raw = true;
	if (call->word_count > 2) {
		return into_file(cli, &raw, call->words[2]);
	}
	if (out < 0 || isatty(out) == 1) {
		(void)fprintf(cli->err, _("podatelna: name a file, a terminal cannot show it: podatelna show %s --%s FILE\n"), call->words[1],
		              form ? "form" : "xml");
		return CLI_USAGE;
	}
	raw.raw_to = out;
	(void)fflush(cli->out);
	return cli_talk(cli, &raw, 2, -1, -1);
}
