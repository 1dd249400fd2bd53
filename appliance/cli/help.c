/* What "podatelna help" prints: made of the tables in command.c, 80 columns wide. */
#include <string.h>

#include "../base/state.h"
#include "../base/text.h"
#include "cli.h"
#include "columns.h"
#include "rows.h"

#define HELP_COLUMNS 80
#define LEFT_COLUMNS 28

/* 80 columns, or those of a narrower terminal. */
static size_t width_of(FILE *to)
{
	size_t width = columns_terminal(to);

	return width == 0 || width > HELP_COLUMNS ? HELP_COLUMNS : width;
}

static void print_pair(FILE *to, const char *left, const char *right)
{
	(void)fputs("  ", to);
	columns_pad(left, LEFT_COLUMNS - 2, to);
	if (columns_count(left) > LEFT_COLUMNS - 3) {
		(void)fputc('\n', to);
		columns_pad("", LEFT_COLUMNS, to);
	}
	columns_wrap(right, LEFT_COLUMNS, width_of(to), to);
}

static void print_options(FILE *to, bool global, uint64_t set)
{
	for (size_t i = 0; i < CLI_O_COUNT; i++) {
		const struct cli_option *option = &cli_options[i];
		char left[80];

		if (option->global == global && (global || (set & (UINT64_C(1) << i)) != 0)) {
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
	columns_wrap(_(command->help), 2, width_of(to), to);
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
	(void)fputc('\n', to);
	columns_wrap(_("Options of every command (\"podatelna help COMMAND\" lists its own):"), 0, width_of(to), to);
	print_options(to, true, 0);
	(void)fputc('\n', to);
	columns_wrap(_("Exit codes: 0 yes or done, 1 no or failed, 2 wrong usage, 3 the box does not answer, 4 not permitted now or for you, 5 damage found."),
	             0, width_of(to), to);
}

/* Names of the options in a set, divided by blanks. */
static void put_set(struct lines *lines, const char *name, uint64_t set)
{
	char names[512] = "";

	for (size_t i = 0; i < CLI_O_COUNT; i++) {
		size_t have = strlen(names);

		if ((set & (UINT64_C(1) << i)) != 0) {
			(void)snprintf(names + have, sizeof names - have, "%s%s", have == 0 ? "" : " ", cli_options[i].name);
		}
	}
	lines_set(lines, name, names);
}

static int put_row(struct rows *rows, const char *kind, struct lines *lines)
{
	static char text[LINES_BODY_MAX + 1];
	int length = lines_finish(lines, text, sizeof text);

	lines_free(lines);
	return length < 0 ? length : rows_add(rows, span_of_string(kind), span_of(text, (size_t)length));
}

int cli_help_rows(FILE *to)
{
	struct rows rows = { 0 };
	int err = 0;

	for (const struct cli_command *command = cli_commands; err == 0 && command->name != NULL; command++) {
		struct lines row = { 0 };

		lines_set(&row, "name", command->name);
		lines_set(&row, "sub", command->sub);
		lines_set(&row, "arguments", command->arguments);
		lines_set(&row, "help", _(command->help));
		put_set(&row, "options", command->options);
		err = put_row(&rows, "command", &row);
	}
	for (size_t i = 0; err == 0 && i < CLI_O_COUNT; i++) {
		struct lines row = { 0 };

		lines_set(&row, "name", cli_options[i].name);
		lines_set(&row, "argument", cli_options[i].argument);
		lines_set(&row, "help", _(cli_options[i].help));
		lines_set(&row, "global", cli_options[i].global ? "yes" : NULL);
		err = put_row(&rows, "option", &row);
	}
	for (size_t i = CASE_RECEIVED; err == 0 && i < CASE_STATE_COUNT; i++) {
		struct lines row = { 0 };

		lines_set(&row, "state", state_name((enum case_state)i));
		lines_set(&row, "label", state_label((enum case_state)i));
		err = put_row(&rows, "state", &row);
	}
	if (err == 0) {
		rows_print_json(&rows, to);
	}
	rows_free(&rows);
	return err;
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
