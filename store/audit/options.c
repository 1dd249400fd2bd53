#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "words.h"

#define HOUR_MS UINT64_C(3600000)
#define TRUST_MAX (sizeof((struct audit_settings *)0)->trust / sizeof(const char *))

enum choice {
	OPTION_TRUST = 256,
	OPTION_SINCE,
	OPTION_JSON,
	OPTION_LIMIT,
	OPTION_AT,
	OPTION_ARCHIVE,
	OPTION_REPORT,
	OPTION_LANGUAGE,
	OPTION_NO_OBJECTS,
	OPTION_NO_SIGNATURES,
	OPTION_REQUIRE_CRL,
	OPTION_THREADS,
	OPTION_RECORDS,
};

static const struct option table[] = {
	{ "trust", required_argument, NULL, OPTION_TRUST },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "limit", required_argument, NULL, OPTION_LIMIT },
	{ "at", required_argument, NULL, OPTION_AT },
	{ "archive", required_argument, NULL, OPTION_ARCHIVE },
	{ "report", required_argument, NULL, OPTION_REPORT },
	{ "language", required_argument, NULL, OPTION_LANGUAGE },
	{ "no-objects", no_argument, NULL, OPTION_NO_OBJECTS },
	{ "no-signatures", no_argument, NULL, OPTION_NO_SIGNATURES },
	{ "require-crl", no_argument, NULL, OPTION_REQUIRE_CRL },
	{ "threads", required_argument, NULL, OPTION_THREADS },
	{ "records", no_argument, NULL, OPTION_RECORDS },
	{ NULL, 0, NULL, 0 },
};

static bool number(const char *text, uint64_t most, uint64_t *ret)
{
	return frame_number((struct bytes){ .data = (const uint8_t *)text, .length = strlen(text) }, ret) && *ret >= 1 && *ret <= most;
}

bool options_time(const char *text, int64_t *ret_s)
{
	char whole[25];
	int64_t ms = 0;

	if (strlen(text) != 20 || text[19] != 'Z') {
		return false;
	}
	(void)snprintf(whole, sizeof whole, "%.19s.000Z", text);
	if (!frame_time((const uint8_t *)whole, &ms)) {
		return false;
	}
	*ret_s = ms / 1000;
	return true;
}

static bool apply(struct options *options, int option, const char *value)
{
	struct audit_settings *settings = &options->settings;
	uint64_t count = 0;

	switch (option) {
	case OPTION_TRUST:
		if (settings->trust_count == TRUST_MAX) {
			return false;
		}
		settings->trust[settings->trust_count++] = value;
		return true;
	case OPTION_SINCE:
		settings->since = value;
		return true;
	case OPTION_JSON:
		options->json = true;
		return true;
	case OPTION_LIMIT:
		settings->late_ms = number(value, LIMIT_HOURS_MAX, &count) ? count * HOUR_MS : 0;
		return settings->late_ms != 0;
	case OPTION_AT:
		return options_time(value, &settings->now_s);
	case OPTION_ARCHIVE:
		settings->archive_dir = value;
		return true;
	case OPTION_REPORT:
		options->report = value;
		return true;
	case OPTION_LANGUAGE:
		return audit_words_choose(value);
	case OPTION_NO_OBJECTS:
		settings->no_objects = true;
		return true;
	case OPTION_NO_SIGNATURES:
		settings->no_signatures = true;
		return true;
	case OPTION_REQUIRE_CRL:
		settings->require_crl = true;
		return true;
	case OPTION_THREADS:
		settings->threads = number(value, AUDIT_THREADS_MAX, &count) ? (unsigned)count : 0;
		return settings->threads != 0;
	case OPTION_RECORDS:
		options->records = true;
		return true;
	default:
		return false;
	}
}

int options_read(int argc, char **argv, int arguments, struct options *ret)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int option = 0, which = -1;

	*ret = (struct options){ 0 };
	ret->settings.now_s = (int64_t)time(NULL);
	ret->settings.threads = processors < 1 ? 1U : processors > AUDIT_THREADS_MAX ? AUDIT_THREADS_MAX : (unsigned)processors;
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, "", table, &which)) != -1) {
		if (option == '?' || option == ':') {
			(void)fprintf(stderr, _("unknown option, or its value is missing: %s"), argv[optind - 1]);
			(void)fprintf(stderr, "\n");
			return AUDIT_USAGE;
		}
		if (!apply(ret, option, optarg)) {
			(void)fprintf(stderr, _("the value of --%s is not right: %s"), table[which].name, optarg == NULL ? "" : optarg);
			(void)fprintf(stderr, "\n");
			return AUDIT_USAGE;
		}
	}
	if (argc - optind != arguments) {
		(void)fprintf(stderr, "%s\n",
		              argc - optind > arguments ? _("too many words")
		              : arguments == 1          ? _("which directory?")
		                                        : _("which directory, and what of it?"));
		return AUDIT_USAGE;
	}
	for (int i = 0; i < arguments; i++) {
		ret->argument[i] = argv[optind + i];
	}
	ret->settings.data_dir = ret->argument[0];
	return 0;
}
