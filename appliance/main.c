/* podatelnad - the daemon: `podatelnad --config FILE [--check | --get KEY]`. With --hub it is the unprivileged child that the parent starts. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../config/config.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/place.h"
#include "base/text.h"
#include "hub/hub.h"
#include "parent/parent.h"

#include <fcntl.h>

#define DEFAULT_CONFIG "/etc/podatelna/podatelna.conf"

enum exit_code { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2 };

struct options {
	const char *config;
	const char *get, *tool;
	bool check, hub, restore;
};

/* The hub is started with --hub by the parent alone, a tool by the command line: they have no help. Help and manual are made of this table. */
static const struct {
	const char *name, *argument, *help;
	int letter;
} known_options[] = {
	{ "config", "FILE", N_("the configuration (usually /etc/podatelna/podatelna.conf)"), 'c' },
	{ "check", NULL, N_("look at configuration and machine, say what is wrong, end"), 'k' },
	{ "get", "KEY", N_("print one setting of the configuration and end"), 'g' },
	{ "hub", NULL, NULL, 'H' },
	{ "tool", "TOKEN", NULL, 'T' },
	{ "restore", NULL, NULL, 'R' },
	{ "help", NULL, N_("this help"), 'h' },
	{ "version", NULL, N_("the version"), 'V' },
};

#define OPTION_COUNT (sizeof known_options / sizeof known_options[0])

static int usage(FILE *to, int code)
{
	(void)fputs(_("Usage: podatelnad [OPTION]...\nThe box itself; systemd starts it: systemctl start podatelna\n"), to);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char left[32];

		if (known_options[i].help == NULL) {
			continue;
		}
		(void)snprintf(left, sizeof left, "%s%s%s", known_options[i].name, known_options[i].argument == NULL ? "" : " ",
		               known_options[i].argument == NULL ? "" : known_options[i].argument);
		(void)fprintf(to, "  --%-16s %s\n", left, _(known_options[i].help));
	}
	return code;
}

static int complain(const char *word)
{
	(void)fprintf(stderr, _("podatelnad: not understood: %s\n"), word);
	return usage(stderr, EXIT_USAGE);
}

/* -1: go on; otherwise an exit code. */
static int read_options(int count, char **words, struct options *ret)
{
	struct option known[OPTION_COUNT + 1] = { { 0 } };
	int option = 0;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		known[i] = (struct option){ known_options[i].name, known_options[i].argument != NULL ? required_argument : no_argument, NULL,
			                    known_options[i].letter };
	}
	opterr = 0;
	while ((option = getopt_long(count, words, "c:h", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			ret->config = optarg;
			break;
		case 'k':
			ret->check = true;
			break;
		case 'g':
			ret->get = optarg;
			break;
		case 'T':
			ret->tool = optarg;
			break;
		case 'R':
			ret->restore = true;
			break;
		case 'H':
			ret->hub = true;
			break;
		case 'V':
			(void)printf("podatelnad %s\n", PODATELNA_VERSION);
			return EXIT_YES;
		case 'h':
			return usage(stdout, EXIT_YES);
		default:
			return complain(words[optind - 1]);
		}
	}
	return optind == count ? -1 : complain(words[optind]);
}

/* Says why it cannot be read, and where an example is when there is no file at all. */
static int read_text(const char *path, uint8_t **ret_text, size_t *ret_length, struct config_report *report)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *whole = NULL;
	char example[PLACE_MAX_BYTES];
	int why = errno;

	if (fd >= 0 && fd_read_all(fd, CONFIG_FILE_MAX_BYTES, ret_text, ret_length) == 0) {
		return 0;
	}
	if (fd < 0 && why == ENOENT && place_share("podatelna/podatelna.conf.example", example) == 0 && (whole = realpath(example, NULL)) != NULL) {
		config_report_add(report, false, path, 0, _("does not exist; begin with a copy of %s"), whole);
	} else if (fd < 0) {
		config_report_add(report, false, path, 0, _("cannot be read: %s"), strerror(why));
	} else {
		config_report_add(report, false, path, 0, "%s", _("cannot be read"));
	}
	return ERR_NOTFOUND;
}

static int check(const struct config *config, struct config_report *report)
{
	int err = config_check(config, report);

	config_report_print(report, stdout);
	if (err == 0) {
		(void)printf(_("%s: in order\n"), config->file);
	}
	return err == 0 ? EXIT_YES : EXIT_NO;
}

static int get(const struct config *config, const char *key)
{
	const char *value = config_get(config, key);

	if (value == NULL) {
		(void)fprintf(stderr, _("podatelnad: no such key: %s\n"), key);
		return EXIT_USAGE;
	}
	(void)puts(value);
	return EXIT_YES;
}

static int run(const struct options *options)
{
	_cleanup_config_ struct config *config = NULL;
	static struct config_report report;
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0;
	int err = read_text(options->config, &text, &length, &report);

	if (err == 0) {
		err = config_parse(span_of(text, length), options->config, &config, &report);
	}
	if (err != 0) {
		config_report_print(&report, options->check ? stdout : stderr);
		return EXIT_NO;
	}
	text_open(config->language);
	if (options->check) {
		return check(config, &report);
	}
	if (options->get != NULL) {
		return get(config, options->get);
	}
	if (options->tool != NULL) {
		return parent_tool(config, options->tool);
	}
	if (options->restore) {
		return parent_restore(config);
	}
	config_report_print(&report, stderr);
	/* The environment is what all programs of the box have; what stands there already wins. */
	(void)setenv("PODATELNA_LOG", config->log_level, 0);
	log_open("podatelnad");
	return parent_run(config, span_of(text, length));
}

int main(int count, char **words)
{
	struct options options = { .config = DEFAULT_CONFIG };
	const char *language = getenv("PODATELNA_LANGUAGE");
	int code = -1;

	log_open("podatelnad");
	text_open(language != NULL && strcmp(language, "en") == 0 ? "en" : "cs"); /* until the configuration says it */
	code = read_options(count, words, &options);
	if (code >= 0) {
		return code;
	}
	return options.hub ? hub_run() : run(&options);
}
