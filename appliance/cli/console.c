/* The serial console: one command a line, until "exit" or the end of input. */
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/text.h"
#include "cli.h"

#define LINE_MAX_BYTES 4096

/* Splits at blanks; "..." and '...' keep blanks. The words point into `line`. The count, or -1. */
static int split(char *line, char *words[CLI_WORDS_MAX + 2])
{
	char *to = line;
	int count = 1;

	words[0] = (char *)(uintptr_t) "podatelna";
	while (*line != '\0') {
		char quote = '\0';

		line += strspn(line, " \t\r\n");
		if (*line == '\0') {
			break;
		}
		if (count > CLI_WORDS_MAX) {
			return -1;
		}
		words[count++] = to;
		for (; *line != '\0' && (quote != '\0' || strchr(" \t\r\n", *line) == NULL); line++) {
			if (quote == '\0' && (*line == '"' || *line == '\'')) {
				quote = *line;
			} else if (*line == quote) {
				quote = '\0';
			} else {
				*to++ = *line;
			}
		}
		if (quote != '\0') {
			return -1;
		}
		line += *line != '\0' ? 1 : 0;
		*to++ = '\0';
	}
	words[count] = NULL;
	return count;
}

int cli_console(struct cli *cli, const struct cli_call *call)
{
	char line[LINE_MAX_BYTES];
	bool json = cli->json;
	int code = CLI_YES;

	(void)call;
	if (cli->in_console) {
		(void)fputs(_("podatelna: this is the console already\n"), cli->err);
		return CLI_USAGE;
	}
	cli->in_console = true;
	(void)fputs(_("Podatelna. \"help\" lists the commands, \"exit\" ends.\n"), cli->out);
	/* Unbuffered, so that a PIN is not read ahead into the buffer of a line. */
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		char *words[CLI_WORDS_MAX + 2];
		int count = 0;

		(void)fputs("podatelna> ", cli->out);
		(void)fflush(cli->out);
		if (fgets(line, sizeof line, stdin) == NULL) {
			break;
		}
		if (strchr(line, '\n') == NULL && !feof(stdin)) {
			(void)fputs(_("podatelna: the line is too long\n"), cli->err);
			for (int c = getchar(); c != '\n' && c != EOF;) {
				c = getchar();
			}
			continue;
		}
		count = split(line, words);
		if (count < 0) {
			(void)fputs(_("podatelna: a quote is not closed, or there are too many words\n"), cli->err);
			continue;
		}
		if (count == 2 && (strcmp(words[1], "exit") == 0 || strcmp(words[1], "konec") == 0)) {
			break;
		}
		cli->json = json;
		code = cli_run(cli, count, words);
		if (code != CLI_YES) {
			(void)fprintf(cli->err, _("(exit code %d)\n"), code);
		}
	}
	cli->in_console = false;
	return CLI_YES;
}
