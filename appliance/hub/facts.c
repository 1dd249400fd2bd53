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
	*ret_total = ((uint64_t)space.f_blocks - space.f_bfree + space.f_bavail) * space.f_frsize; /* without what is kept for root, as df counts */
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
	(void)snprintf(name, sizeof name, "key.%zu.sha256", n);
	if (lines_find(lines, name, &value) && value.length >= sizeof ret->certificate - 1) {
		(void)span_copy_string(span_of(value.data, sizeof ret->certificate - 1), ret->certificate, sizeof ret->certificate);
	}
	(void)snprintf(name, sizeof name, "key.%zu.state", n);
	ret->unusable = strcmp(token->state, "ready") == 0 && lines_find(lines, name, &value) && !span_equals_string(value, "ok");
	return true;
}

/* key.<n>.refused.<words of the partner, divided by dots> (token/token.h). */
static bool says_refused(const struct hub *hub, const struct config_key *key, const char *wants)
{
	const struct hub_token *token = &hub->tokens[key->token_index];
	struct span lines = span_of_string(token->lines == NULL ? "" : token->lines), ignored;
	struct fact_key each;
	char name[LINES_NAME_MAX + 1];

	for (size_t n = 0; fact_key(token, n, &each); n++) {
		if (strcmp(each.name, key->name) == 0) {
			(void)snprintf(name, sizeof name, "key.%zu.refused.%s", n, wants);
			for (char *blank = name; (blank = strchr(blank, ' ')) != NULL;) {
				*blank = '.';
			}
			return lines_find(lines, name, &ignored);
		}
	}
	return false;
}

bool fact_refused(const struct hub *hub, size_t partner, size_t nth, char *ret_key)
{
	const struct config_partner *config = hub->partners[partner].config;

	for (size_t i = 0; hub->partners[partner].catalogue != NULL && i < config->sign_keys.count; i++) {
		const struct config_key *key = &hub->config->keys[config->sign_key_index[i]];

		if (says_refused(hub, key, hub_partner_wants(&hub->partners[partner])) && nth-- == 0) {
			(void)snprintf(ret_key, CONFIG_NAME_MAX + 1, "%s", key->name);
			return true;
		}
	}
	return false;
}

uint32_t fact_days_passed(int64_t ends_ms, int64_t now_ms)
{
	static const uint32_t thresholds[] = { 1, 7, 14, FACT_CERTIFICATE_DAYS };
	int64_t left_ms = ends_ms - now_ms;

	if (left_ms < 0) {
		return 0;
	}
	for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
		if (left_ms <= (int64_t)thresholds[i] * FACT_DAY_MS) {
			return thresholds[i];
		}
	}
	return FACT_DAYS_NONE;
}
