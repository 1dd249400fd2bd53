/* config_stamps.c - what the keys about time stamps say about each other, and the packages that were bought. */
#include <string.h>

#include "../appliance/base/clock.h"
#include "../appliance/base/text.h"
#include "config_schema.h"

#define DAY_MS UINT64_C(86400000)
#define COUNT_MAX 10000000
#define COMPLAIN(reading, line, ...) config_report_add((reading)->report, false, (reading)->file, line, __VA_ARGS__)

const char *config_hash_name(enum config_hash hash)
{
	static const char *const names[] = { [CONFIG_HASH_SHA256] = "sha256", [CONFIG_HASH_SHA384] = "sha384", [CONFIG_HASH_SHA512] = "sha512" };

	return names[hash];
}

/* "2026-01-15" -> the moment that day begins in the Czech calendar, or the next one with `days` 1. */
static bool read_day(struct span text, int days, int64_t *ret_ms)
{
	struct clock_date date = { 0 };
	struct span year, month;
	uint64_t numbers[3] = { 0 };

	if (text.length != 10 || !span_read_until(&text, '-', &year) || !span_read_until(&text, '-', &month) || year.length != 4 || month.length != 2 ||
	    !span_parse_u64(year, &numbers[0]) || !span_parse_u64(month, &numbers[1]) || !span_parse_u64(text, &numbers[2])) {
		return false;
	}
	date = (struct clock_date){ .year = (int)numbers[0], .month = (int)numbers[1], .day = (int)numbers[2] };
	if (!clock_from_czech(&date, ret_ms)) {
		return false;
	}
	if (days > 0) {
		/* 26 hours on it is the next day, whatever became of summer time; that day's own begin is meant. */
		clock_czech_date(*ret_ms + 26 * INT64_C(3600000), &date);
		date.hour = date.minute = date.second = 0;
		return clock_from_czech(&date, ret_ms);
	}
	return true;
}

/* "200 2026-01-15 2051-01-15" */
static bool read_package(struct span text, struct config_package *ret)
{
	struct span count, from;

	return span_read_until(&text, ' ', &count) && span_read_until(&text, ' ', &from) && span_parse_u64(count, &ret->count) && ret->count > 0 &&
	       ret->count <= COUNT_MAX && read_day(from, 0, &ret->from_ms) && read_day(text, 1, &ret->until_ms) && ret->from_ms < ret->until_ms;
}

static void read_packages(struct reading *reading, size_t n, struct config_tsa *tsa)
{
	int line = config_reading_line(reading, "tsa", n, "packages");

	tsa->bought_count = 0;
	if (tsa->package > 0 && tsa->packages.count > 0) {
		COMPLAIN(reading, line, _("either \"package\" or \"packages\", not both"));
		return;
	}
	if (tsa->package > 0) {
		tsa->bought[tsa->bought_count++] = (struct config_package){ .count = tsa->package, .from_ms = 0, .until_ms = INT64_MAX };
	}
	for (size_t i = 0; i < tsa->packages.count; i++) {
		if (tsa->bought_count == CONFIG_PACKAGES_MAX) {
			COMPLAIN(reading, line, _("\"packages\": at most %d items"), CONFIG_PACKAGES_MAX);
			return;
		}
		if (read_package(span_of_string(tsa->packages.items[i]), &tsa->bought[tsa->bought_count])) {
			tsa->bought_count++;
		} else {
			COMPLAIN(reading, line,
			         _("\"packages\": expected a number, the first and the last day, as in \"200 2026-01-15 2051-01-15\"; found \"%.100s\""),
			         tsa->packages.items[i]);
		}
	}
}

static void check_numbers(struct reading *reading, size_t n, const struct config_tsa *tsa)
{
	uint64_t all = 0;

	for (size_t i = 0; i < tsa->bought_count; i++) {
		all += tsa->bought[i].count;
	}
	if (tsa->stop_line > 0 && tsa->stop_line >= all) {
		COMPLAIN(reading, config_reading_line(reading, "tsa", n, "stop_line"), _("\"stop_line\" is not less than what was bought"));
	}
	if (tsa->check_every_ms > 0 && tsa->check_every_ms < DAY_MS) {
		COMPLAIN(reading, config_reading_line(reading, "tsa", n, "check_every"),
		         _("\"check_every\": each check is a stamp; expected at least 1 d, or 0"));
	}
}

static void check_lists(struct reading *reading, const char *section, size_t n, const struct config_list *urls)
{
	for (size_t i = 0; i < urls->count; i++) {
		if (strncmp(urls->items[i], "http://", strlen("http://")) != 0 && strncmp(urls->items[i], "https://", strlen("https://")) != 0) {
			COMPLAIN(reading, config_reading_line(reading, section, n, "crl_urls"),
			         _("\"crl_urls\": expected addresses that begin with http:// or https://; found \"%.100s\""), urls->items[i]);
		}
	}
}

void config_stamps_check(struct reading *reading, struct config *config)
{
	check_lists(reading, "journal", 0, &config->signer_crl_urls);
	for (size_t i = 0; i < config->tsa_count; i++) {
		read_packages(reading, i, &config->tsas[i]);
		check_numbers(reading, i, &config->tsas[i]);
		check_lists(reading, "tsa", i, &config->tsas[i].crl_urls);
	}
	if (config->stamp_warn_ms > 0 && config->stamp_stop_ms > 0 && config->stamp_stop_ms < config->stamp_warn_ms) {
		COMPLAIN(reading, config_reading_line(reading, "journal", 0, "stamp_stop_after"), _("\"stamp_stop_after\" is less than \"stamp_warn_after\""));
	}
}
