/* options.h - the command line of podatelna-audit. */
#ifndef STORE_AUDIT_OPTIONS_H
#define STORE_AUDIT_OPTIONS_H

#include "audit.h"

#define LIMIT_HOURS_MAX 100000

struct options {
	struct audit_settings settings;
	bool json, records;
	const char *report;      /* a file for the page, NULL */
	const char *argument[2]; /* what stands behind the options; settings.data_dir is the first */
};

/* argv[0] is the command, behind which stand `arguments` words. 0, or AUDIT_USAGE with words on stderr. The language is chosen here too. */
int options_read(int argc, char **argv, int arguments, struct options *ret);
/* "2026-11-21T18:39:00Z" as seconds since 1970. */
bool options_time(const char *text, int64_t *ret_s);

#endif
