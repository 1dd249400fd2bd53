#include "facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "../base/clock.h"

bool fact_disk(const char *path, uint64_t *ret_free, uint64_t *ret_total)
{
	struct statvfs space;

	if (statvfs(path, &space) != 0) {
		return false;
	}
	*ret_free = (uint64_t)space.f_bavail * space.f_frsize;
	*ret_total = (uint64_t)space.f_blocks * space.f_frsize;
	return true;
}

bool fact_key(const struct hub_token *token, size_t n, struct fact_key *ret)
{
	struct span lines = span_of_string(token->lines == NULL ? "" : token->lines), value;
	char name[LINES_NAME_MAX + 1];

	memset(ret, 0, sizeof *ret);
	(void)snprintf(name, sizeof name, "key.%zu.name", n);
	if (!lines_find_string(lines, name, ret->name, sizeof ret->name)) {
		return false;
	}
	(void)snprintf(name, sizeof name, "key.%zu.not-after", n);
	if (lines_find(lines, name, &value)) {
		(void)clock_parse_utc(value, &ret->not_after_ms);
	}
	(void)snprintf(name, sizeof name, "key.%zu.state", n);
	ret->unusable = strcmp(token->state, "ready") == 0 && lines_find(lines, name, &value) && !span_equals_string(value, "ok");
	return true;
}
