/* What "podatelna help" prints: made of the tables in command.c, 80 columns wide. */
#include <string.h>

#include "../base/text.h"
#include "cli.h"
#include "columns.h"

#define HELP_COLUMNS 80
#define LEFT_COLUMNS 28

static void print_pair(FILE *to, const char *left, const char *right)
{
	(void)fputs("  ", to);
	columns_pad(left, LEFT_COLUMNS - 2, to);
	if (columns_count(left) > LEFT_COLUMNS - 3) {
		(void)fputc('\n', to);
		columns_pad("", LEFT_COLUMNS, to);
	}
	columns_wrap(right, LEFT_COLUMNS, HELP_COLUMNS, to);
}

static void print_options(FILE *to, bool global, unsigned set)
{
	for (size_t i = 0; i < CLI_O_COUNT; i++) {
		const struct cli_option *option = &cli_options[i];
		char left[80];

		if (option->global == global && (global || (set & (1u << i)) != 0)) {
			(void)snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument == NULL ? "" : " ",
			               option->argument == NULL ? "" : option->argument);
			print_pair(to, left, _(option->help));
		}
	}
}

static void name_command(const struct cli_command *command, char ret[80])
{
	(void)snprintf(ret, 80, "%s%s%s%s%s", command->name, command->sub == NULL ? "" : " ", command->sub == NULL ? "" : command->sub,
	               command->arguments[0] == '\0' ? "" : " ", command->arguments);
}

static void print_one(FILE *to, const struct cli_command *command)
{
	char words[80];

	name_command(command, words);
	(void)fprintf(to, _("Usage: podatelna %s%s\n"), words, (command->options & ~command->needed) != 0 ? " [OPTION]..." : "");
	(void)fputs("  ", to);
	columns_wrap(_(command->help), 2, HELP_COLUMNS, to);
	print_options(to, false, command->options);
}

static void print_all(FILE *to)
{
	(void)fputs(_("Usage: podatelna [OPTION]... COMMAND [WORD]...\n\n"), to);
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		char words[80];

		name_command(command, words);
		print_pair(to, words, _(command->help));
	}
	(void)fputs(_("\nOptions of every command (\"podatelna help COMMAND\" lists its own):\n"), to);
	print_options(to, true, 0);
	(void)fputc('\n', to);
	columns_wrap(_("Exit codes: 0 yes or done, 1 no or failed, 2 wrong usage, 3 the box does not answer, 4 not permitted now or for you, 5 damage found."),
	             0, HELP_COLUMNS, to);
}

bool cli_help(FILE *to, const char *name, const char *sub)
{
	bool found = false;

	if (name == NULL) {
		print_all(to);
		return true;
	}
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		bool same_sub = sub == NULL || command->sub == NULL || strcmp(command->sub, sub) == 0;

		if (strcmp(command->name, name) == 0 && same_sub) {
			(void)fputs(found ? "\n" : "", to);
			print_one(to, command);
			found = true;
		}
	}
	return found;
}
