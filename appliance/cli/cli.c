#include "cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/span.h"
#include "../base/text.h"

#define OPTION_FIRST 256 /* of the numbers that getopt_long gives for cli_options */

static int usage(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int usage(struct cli *cli, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vfprintf(cli->err, format, list);
	va_end(list);
	(void)fputs(_("\"podatelna help\" lists the commands.\n"), cli->err);
	return CLI_USAGE;
}

/* Options and words in any order. False after saying what is wrong. */
static bool read_options(struct cli *cli, int count, char **words, struct cli_call *ret)
{
	struct option known[CLI_O_COUNT + 1] = { { NULL, 0, NULL, 0 } };
	int option = 0;

	for (int i = 0; i < CLI_O_COUNT; i++) {
		known[i] = (struct option){ cli_options[i].name, cli_options[i].argument == NULL ? no_argument : required_argument, NULL, OPTION_FIRST + i };
	}
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(count, words, "h", known, NULL)) != -1) {
		int id = option == 'h' ? CLI_O_HELP : option - OPTION_FIRST;

		if (id < 0 || id >= CLI_O_COUNT) {
			(void)usage(cli, _("podatelna: unknown option or missing value: %s\n"), words[optind - 1]);
			return false;
		}
		ret->given[id] = optarg != NULL ? optarg : "";
	}
	for (; optind < count; optind++) {
		if (ret->word_count >= CLI_WORDS_MAX) {
			(void)usage(cli, _("podatelna: too many words: %s\n"), words[optind]);
			return false;
		}
		ret->words[ret->word_count++] = words[optind];
	}
	return true;
}

static const struct cli_command *find_command(const struct cli_call *call, size_t *ret_words)
{
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		if (strcmp(command->name, call->words[0]) != 0) {
			continue;
		}
		if (command->sub == NULL || (call->word_count > 1 && strcmp(command->sub, call->words[1]) == 0)) {
			*ret_words = command->sub == NULL ? 1 : 2;
			return command;
		}
	}
	return NULL;
}

/* Does the command take these options, and has it those that it needs? */
static int check_options(struct cli *cli, const struct cli_call *call)
{
	const struct cli_command *command = call->command;

	for (size_t i = 0; i < CLI_O_COUNT; i++) {
		const struct cli_option *option = &cli_options[i];
		const char *value = call->given[i];
		uint64_t bit = UINT64_C(1) << i;

		if (value != NULL && !option->global && (command->options & bit) == 0) {
			return usage(cli, _("podatelna: %s takes no --%s\n"), command->name, option->name);
		}
		if ((value == NULL || value[0] == '\0') && (command->needed & bit) != 0) {
			return usage(cli, _("podatelna: %s needs --%s %s\n"), command->name, option->name, option->argument);
		}
		if (value != NULL && !option->global && !span_is_utf8(span_of_string(value))) {
			return usage(cli, _("podatelna: the value of --%s is not UTF-8\n"), option->name);
		}
	}
	return CLI_YES;
}

/* Does the call fit the command? CLI_YES, or CLI_USAGE after saying why not. */
static int check_call(struct cli *cli, const struct cli_call *call, size_t own_words)
{
	const struct cli_command *command = call->command;
	size_t given = call->word_count - own_words;

	if (given < command->least || given > command->most) {
		(void)cli_help(cli->err, command->name, command->sub);
		return CLI_USAGE;
	}
	for (size_t i = own_words; i < call->word_count; i++) {
		if (call->words[i][0] == '\0') {
			return usage(cli, _("podatelna: an empty word after %s\n"), command->name);
		}
		/* The hub takes words that begin so for options. */
		if (strncmp(call->words[i], "--", 2) == 0) {
			return usage(cli, _("podatelna: not a word for %s\n"), command->name);
		}
	}
	return check_options(cli, call);
}

/* Where the hub listens, and in which language to speak. An exit code. */
static int find_hub(struct cli *cli, const struct cli_call *call)
{
	const char *config = call->given[CLI_O_CONFIG], *socket = call->given[CLI_O_SOCKET];
	const char *asked = call->given[CLI_O_LANGUAGE];
	const char *language = asked != NULL ? asked : getenv("PODATELNA_LANGUAGE");
	char from_daemon[8] = "cs";

	if (config == NULL && socket == NULL && access(CLI_DEFAULT_CONFIG, R_OK) == 0) {
		config = CLI_DEFAULT_CONFIG; /* one that speaks English, or listens elsewhere, is obeyed without being named */
	}
	if (config != NULL && language == NULL && cli_daemon_get(config, "language", from_daemon, sizeof from_daemon)) {
		language = from_daemon;
	}
	text_open(language != NULL && strcmp(language, "en") == 0 ? "en" : "cs");
	if (asked != NULL && strcmp(asked, "cs") != 0 && strcmp(asked, "en") != 0) {
		return usage(cli, _("podatelna: --language is cs or en, not %s\n"), asked);
	}
	cli->config = config;
	if (socket != NULL || config == NULL) {
		const char *path = socket != NULL ? socket : CLI_DEFAULT_SOCKET;

		if ((size_t)snprintf(cli->socket, sizeof cli->socket, "%s", path) >= sizeof cli->socket) {
			return usage(cli, _("podatelna: the path is too long: %.100s\n"), path);
		}
	} else if (!cli_daemon_get(config, "control_socket", cli->socket, sizeof cli->socket)) {
		/* A broken configuration is no reason not to be able to check it. */
		(void)snprintf(cli->socket, sizeof cli->socket, "%s", CLI_DEFAULT_SOCKET);
	}
	return CLI_YES;
}

static int run_call(struct cli *cli, struct cli_call *call)
{
	size_t own_words = 0;
	int code = CLI_USAGE;

	if (call->given[CLI_O_HELP] != NULL && cli_help(cli->out, call->words[0], call->words[1])) {
		return CLI_YES;
	}
	call->command = find_command(call, &own_words);
	if (call->command == NULL && call->word_count == 1 && cli_help(cli->err, call->words[0], NULL)) {
		return CLI_USAGE; /* "token" alone */
	}
	if (call->command == NULL) {
		return usage(cli, _("podatelna: there is no such command: %s%s%s\n"), call->words[0], call->word_count > 1 ? " " : "",
		             call->word_count > 1 ? call->words[1] : "");
	}
	code = check_call(cli, call, own_words);
	return code == CLI_YES ? call->command->run(cli, call) : code;
}

int cli_run(struct cli *cli, int count, char **words)
{
	struct cli_call call = { .command = NULL };

	if (!read_options(cli, count, words, &call)) {
		return CLI_USAGE;
	}
	if (call.given[CLI_O_SOCKET] != NULL || call.given[CLI_O_CONFIG] != NULL || call.given[CLI_O_LANGUAGE] != NULL) {
		return usage(cli, _("podatelna: this option stands before the command \"%s\" only\n"), "console");
	}
	if (call.word_count == 0) {
		return CLI_YES;
	}
	cli->json = cli->json || call.given[CLI_O_JSON] != NULL;
	return run_call(cli, &call);
}

int cli_main(int count, char **words, FILE *out, FILE *err)
{
	struct cli cli = { .out = out, .err = err };
	struct cli_call call = { .command = NULL };
	int code = CLI_USAGE;

	text_open("cs");
	if (!read_options(&cli, count, words, &call)) {
		return CLI_USAGE;
	}
	cli.json = call.given[CLI_O_JSON] != NULL;
	code = find_hub(&cli, &call);
	if (code != CLI_YES) {
		return code;
	}
	if (call.given[CLI_O_VERSION] != NULL) {
		(void)fprintf(out, "podatelna %s\n", PODATELNA_VERSION);
		return CLI_YES;
	}
	if (call.word_count == 0) {
		bool asked = call.given[CLI_O_HELP] != NULL;

		(void)cli_help(asked ? out : err, NULL, NULL);
		return asked ? CLI_YES : CLI_USAGE;
	}
	return run_call(&cli, &call);
}
