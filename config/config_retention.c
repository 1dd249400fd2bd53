/* config_retention.c - how long a closed filing must be kept, as the last day of it. */
#include <stdio.h>
#include <string.h>

#include "../appliance/base/clock.h"
#include "config.h"

#define YEARS_MAX 100

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static void add_months(struct clock_date *date, int months)
{
	int all = date->year * 12 + date->month - 1 + months, most = 0;

	date->year = all / 12;
	date->month = all % 12 + 1;
	most = days_of(date->year, date->month);
	date->day = date->day < most ? date->day : most;
}

/* Day by day in the calendar, so that summer time does not matter. */
static void add_days(struct clock_date *date, int64_t days)
{
	for (; days > 0; days--) {
		if (date->day < days_of(date->year, date->month)) {
			date->day++;
		} else {
			date->day = 1;
			add_months(date, 1);
		}
	}
}

bool config_retention_until(const char *text, int64_t utc_ms, char ret[CONFIG_DAY_SIZE])
{
	struct span rest = span_of_string(text), number;
	struct clock_date date;
	uint64_t count = 0;

	ret[0] = '\0';
	if (strcmp(text, "0") == 0) {
		return true;
	}
	if (!span_read_until(&rest, ' ', &number) || !span_parse_u64(number, &count) || count == 0 || count > YEARS_MAX * 366) {
		return false;
	}
	clock_czech_date(utc_ms, &date);
	if ((span_equals_string(rest, "years") || span_equals_string(rest, "year")) && count <= YEARS_MAX) {
		add_months(&date, (int)count * 12);
	} else if ((span_equals_string(rest, "months") || span_equals_string(rest, "month")) && count <= YEARS_MAX * 12) {
		add_months(&date, (int)count);
	} else if (span_equals_string(rest, "days") || span_equals_string(rest, "day")) {
		add_days(&date, (int64_t)count);
	} else {
		return false;
	}
	(void)snprintf(ret, CONFIG_DAY_SIZE, "%04d-%02d-%02d", date.year % 10000, date.month, date.day);
	return true;
}
