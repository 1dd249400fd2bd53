/* Dates as people write them: ISO, or the Czech way with or without blanks. */
#include <stdlib.h>

#include "../base/clock.h"
#include "cli.h"

#define DAY_MS INT64_C(86400000)

/* A number of one to `digits` digits, at the place where *text points. */
static bool read_number(const char **text, size_t digits, int *ret)
{
	size_t count = 0;

	*ret = 0;
	for (; count < digits && **text >= '0' && **text <= '9'; count++, (*text)++) {
		*ret = *ret * 10 + (**text - '0');
	}
	return count > 0 && !(**text >= '0' && **text <= '9');
}

/* One of these signs; blanks may follow. */
static bool read_sign(const char **text, const char *signs)
{
	for (; *signs != '\0'; signs++) {
		if (**text == *signs) {
			(*text)++;
			while (**text == ' ') {
				(*text)++;
			}
			return true;
		}
	}
	return false;
}

static bool moment_of(int year, int month, int day, int64_t *ret)
{
	struct clock_date date = { .year = year, .month = month, .day = day };

	return year >= 1970 && month >= 1 && month <= 12 && clock_from_czech(&date, ret);
}

bool cli_period_day(const char *text, int days, int64_t *ret_utc_ms)
{
	int first = 0, second = 0, third = 0;
	int64_t moment = 0;
	struct clock_date date = { 0 };
	bool iso = false, read = read_number(&text, 4, &first);

	iso = first > 31;
	read = read && read_sign(&text, iso ? "-" : ".") && read_number(&text, 2, &second) && read_sign(&text, iso ? "-" : ".") &&
	       read_number(&text, 4, &third) && *text == '\0';
	if (!read || !moment_of(iso ? first : third, second, iso ? third : first, &moment)) {
		return false;
	}
	if (days != 0) {
		/* Noon of the day in question: no change of summer time moves it into another day. */
		clock_czech_date(moment + days * DAY_MS + DAY_MS / 2, &date);
		date = (struct clock_date){ .year = date.year, .month = date.month, .day = date.day };
		if (!clock_from_czech(&date, &moment)) {
			return false;
		}
	}
	*ret_utc_ms = moment;
	return true;
}

bool cli_period_month(const char *text, int64_t *ret_since_ms, int64_t *ret_until_ms)
{
	int first = 0, second = 0, year = 0, month = 0;
	bool read = read_number(&text, 4, &first), iso = first > 12;

	read = read && read_sign(&text, iso ? "-" : "./") && read_number(&text, 4, &second) && *text == '\0';
	year = iso ? first : second;
	month = iso ? second : first;
	return read && moment_of(year, month, 1, ret_since_ms) && moment_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1, ret_until_ms);
}
