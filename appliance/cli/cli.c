#include "cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../base/span.h"
#include "../base/text.h"

enum { OPTION_CONFIG = 256, OPTION_SOCKET, OPTION_LANGUAGE, OPTION_JSON, OPTION_REASON, OPTION_ALL, OPTION_PIN_FILE, OPTION_VERSION };

struct options {
	const char *socket, *language, *config;
	bool json, help, version;
	struct cli_call call;
};

static int usage(struct cli *cli, const char *format, const char *word)
{
	/* The formats are those of this file. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)fprintf(cli->err, format, word);
#pragma GCC diagnostic pop
	(void)fputs(_("\"podatelna help\" lists the commands.\n"), cli->err);
	return CLI_USAGE;
}

/* Options and words in any order. False after saying what is wrong. */
static bool read_options(struct cli *cli, int count, char **words, struct options *ret)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, OPTION_CONFIG },     { "socket", required_argument, NULL, OPTION_SOCKET },
		{ "language", required_argument, NULL, OPTION_LANGUAGE }, { "json", no_argument, NULL, OPTION_JSON },
		{ "reason", required_argument, NULL, OPTION_REASON },     { "all", no_argument, NULL, OPTION_ALL },
		{ "pin-file", required_argument, NULL, OPTION_PIN_FILE }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPTION_VERSION },         { NULL, 0, NULL, 0 },
	};
	int option = 0;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(count, words, "h", known, NULL)) != -1) {
		switch (option) {
		case OPTION_CONFIG:
			ret->config = optarg;
			break;
		case OPTION_SOCKET:
			ret->socket = optarg;
			break;
		case OPTION_LANGUAGE:
			ret->language = optarg;
			break;
		case OPTION_JSON:
			ret->json = true;
			break;
		case OPTION_REASON:
			ret->call.reason = optarg;
			break;
		case OPTION_ALL:
			ret->call.all = true;
			break;
		case OPTION_PIN_FILE:
			ret->call.pin_file = optarg;
			break;
		case OPTION_VERSION:
			ret->version = true;
			break;
		case 'h':
			ret->help = true;
			break;
		default:
			(void)usage(cli, _("podatelna: unknown option or missing value: %s\n"), words[optind - 1]);
			return false;
		}
	}
	for (; optind < count; optind++) {
		if (ret->call.word_count >= CLI_WORDS_MAX) {
			(void)usage(cli, _("podatelna: too many words: %s\n"), words[optind]);
			return false;
		}
		ret->call.words[ret->call.word_count++] = words[optind];
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

static bool is_text(const char *word)
{
	return word == NULL || span_is_utf8(span_of_string(word));
}

/* Does the call fit the command? CLI_YES, or CLI_USAGE after saying why not. */
static int check_call(struct cli *cli, const struct cli_call *call, size_t own_words)
{
	const struct cli_command *command = call->command;
	size_t given = call->word_count - own_words;

	if (given < command->least || given > command->most) {
		(void)fprintf(cli->err, _("Usage: podatelna %s%s%s %s\n"), command->name, command->sub == NULL ? "" : " ",
		              command->sub == NULL ? "" : command->sub, command->arguments);
		return CLI_USAGE;
	}
	if (call->reason != NULL && (command->options & CLI_OPTION_REASON) == 0) {
		return usage(cli, _("podatelna: %s takes no --reason\n"), command->name);
	}
	if ((call->reason == NULL || call->reason[0] == '\0') && (command->options & CLI_OPTION_REASON_NEEDED) != 0) {
		return usage(cli, _("podatelna: %s needs --reason TEXT: the journal keeps why\n"), command->name);
	}
	if (call->all && (command->options & CLI_OPTION_ALL) == 0) {
		return usage(cli, _("podatelna: %s takes no --all\n"), command->name);
	}
	if (call->pin_file != NULL && (command->options & CLI_OPTION_PIN_FILE) == 0) {
		return usage(cli, _("podatelna: %s takes no --pin-file\n"), command->name);
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
	return is_text(call->reason) ? CLI_YES : usage(cli, _("podatelna: the reason is not UTF-8 (%s)\n"), command->name);
}

/* Where the hub listens, and in which language to speak. An exit code. */
static int find_hub(struct cli *cli, const struct options *options)
{
	const char *language = options->language != NULL ? options->language : getenv("PODATELNA_LANGUAGE");
	char from_daemon[8] = "cs";

	if (options->config != NULL && language == NULL && cli_daemon_get(options->config, "language", from_daemon, sizeof from_daemon)) {
		language = from_daemon;
	}
	text_open(language != NULL && strcmp(language, "en") == 0 ? "en" : "cs");
	if (options->language != NULL && strcmp(options->language, "cs") != 0 && strcmp(options->language, "en") != 0) {
		return usage(cli, _("podatelna: --language is cs or en, not %s\n"), options->language);
	}
	cli->config = options->config;
	if (options->socket != NULL || options->config == NULL) {
		const char *path = options->socket != NULL ? options->socket : CLI_DEFAULT_SOCKET;

		if ((size_t)snprintf(cli->socket, sizeof cli->socket, "%s", path) >= sizeof cli->socket) {
			return usage(cli, _("podatelna: the path is too long: %.100s\n"), path);
		}
	} else if (!cli_daemon_get(options->config, "control_socket", cli->socket, sizeof cli->socket)) {
		/* A broken configuration is no reason not to be able to check it. */
		(void)snprintf(cli->socket, sizeof cli->socket, "%s", CLI_DEFAULT_SOCKET);
	}
	return CLI_YES;
}

static int run_call(struct cli *cli, struct cli_call *call)
{
	size_t own_words = 0;
	int code = CLI_USAGE;

	call->command = find_command(call, &own_words);
	if (call->command == NULL) {
		return usage(cli, _("podatelna: there is no such command: %s\n"), call->words[0]);
	}
	code = check_call(cli, call, own_words);
	return code == CLI_YES ? call->command->run(cli, call) : code;
}

int cli_run(struct cli *cli, int count, char **words)
{
	struct options options = { 0 };

	if (!read_options(cli, count, words, &options)) {
		return CLI_USAGE;
	}
	if (options.socket != NULL || options.config != NULL || options.language != NULL) {
		return usage(cli, _("podatelna: this option stands before the command \"%s\" only\n"), "console");
	}
	if (options.call.word_count == 0) {
		return CLI_YES;
	}
	cli->json = cli->json || options.json;
	return run_call(cli, &options.call);
}

int cli_main(int count, char **words, FILE *out, FILE *err)
{
	struct cli cli = { .out = out, .err = err };
	struct options options = { 0 };
	int code = CLI_USAGE;

	text_open("cs");
	if (!read_options(&cli, count, words, &options)) {
		return CLI_USAGE;
	}
	cli.json = options.json;
	code = find_hub(&cli, &options);
	if (code != CLI_YES) {
		return code;
	}
	if (options.version) {
		(void)fprintf(out, "podatelna %s\n", PODATELNA_VERSION);
		return CLI_YES;
	}
	if (options.help || options.call.word_count == 0) {
		cli_help(options.help ? out : err);
		return options.help ? CLI_YES : CLI_USAGE;
	}
	return run_call(&cli, &options.call);
}
