#include "clock.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

uint64_t clock_mono_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_deadline(uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	return ms > CLOCK_NEVER_MS - now ? CLOCK_NEVER_MS : now + ms;
}

bool clock_expired(uint64_t deadline_ms)
{
	return clock_mono_ms() >= deadline_ms;
}

int clock_left(uint64_t deadline_ms)
{
	uint64_t now = clock_mono_ms();

	if (deadline_ms == CLOCK_NEVER_MS) {
		return -1;
	}
	if (deadline_ms <= now) {
		return 0;
	}
	return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

int64_t clock_utc_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_format_utc(int64_t utc_ms, char ret[CLOCK_UTC_SIZE])
{
	time_t seconds = (time_t)(utc_ms / 1000);
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm);
	memcpy(ret, "0000-00-00T00:00:00.000Z", CLOCK_UTC_SIZE);
	digits_encode((unsigned)tm.tm_year + 1900, ret, 4);
	digits_encode((unsigned)tm.tm_mon + 1, ret + 5, 2);
	digits_encode((unsigned)tm.tm_mday, ret + 8, 2);
	digits_encode((unsigned)tm.tm_hour, ret + 11, 2);
	digits_encode((unsigned)tm.tm_min, ret + 14, 2);
	digits_encode((unsigned)tm.tm_sec, ret + 17, 2);
	digits_encode((unsigned)(utc_ms % 1000), ret + 20, 3);
}

/* `pattern`: 'd' a digit, anything else itself. */
static bool matches_pattern(struct span text, const char *pattern)
{
	if (text.length != strlen(pattern)) {
		return false;
	}
	for (size_t i = 0; i < text.length; i++) {
		bool digit = text.data[i] >= '0' && text.data[i] <= '9';

		if (pattern[i] == 'd' ? !digit : text.data[i] != (uint8_t)pattern[i]) {
			return false;
		}
	}
	return true;
}

static int decimal_at(struct span text, size_t offset, size_t digits)
{
	int value = 0;

	for (size_t i = offset; i < offset + digits; i++) {
		value = value * 10 + (text.data[i] - '0');
	}
	return value;
}

bool clock_parse_utc(struct span text, int64_t *ret_utc_ms)
{
	struct tm tm = { 0 };
	char again[CLOCK_UTC_SIZE];
	int64_t value = 0;

	if (!matches_pattern(text, "dddd-dd-ddTdd:dd:dd.dddZ")) {
		return false;
	}
	tm.tm_year = decimal_at(text, 0, 4) - 1900;
	tm.tm_mon = decimal_at(text, 5, 2) - 1;
	tm.tm_mday = decimal_at(text, 8, 2);
	tm.tm_hour = decimal_at(text, 11, 2);
	tm.tm_min = decimal_at(text, 14, 2);
	tm.tm_sec = decimal_at(text, 17, 2);
	value = (int64_t)timegm(&tm) * 1000 + decimal_at(text, 20, 3);
	clock_format_utc(value, again); /* refuses the 31st of February and the like */
	if (!span_equals_string(text, again)) {
		return false;
	}
	*ret_utc_ms = value;
	return true;
}

/* Seconds since 1970 of 01:00 UTC on the last Sunday of `month` (0 = January), a month of 31 days. */
static int64_t last_sunday(int year_since_1900, int month)
{
	struct tm tm = { .tm_year = year_since_1900, .tm_mon = month, .tm_mday = 31, .tm_hour = 1 };
	time_t end = timegm(&tm);

	(void)gmtime_r(&end, &tm);
	return (int64_t)end - (int64_t)tm.tm_wday * DAY_S;
}

void clock_czech_date(int64_t utc_ms, struct clock_date *ret)
{
	int64_t seconds = utc_ms / 1000;
	time_t moment = (time_t)seconds;
	struct tm tm = { 0 };
	bool summer = false;

	(void)gmtime_r(&moment, &tm);
	summer = seconds >= last_sunday(tm.tm_year, 2) && seconds < last_sunday(tm.tm_year, 9);
	moment += summer ? 7200 : 3600;
	(void)gmtime_r(&moment, &tm);
	*ret = (struct clock_date){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec };
}

bool clock_from_czech(const struct clock_date *date, int64_t *ret_utc_ms)
{
	struct tm tm = { .tm_year = date->year - 1900, .tm_mon = date->month - 1, .tm_mday = date->day };
	int64_t moment = 0;

	tm.tm_hour = date->hour;
	tm.tm_min = date->minute;
	tm.tm_sec = date->second;
	moment = (int64_t)timegm(&tm);
	for (int64_t offset = 7200; offset >= 3600; offset -= 3600) {
		struct clock_date again;

		clock_czech_date((moment - offset) * 1000, &again);
		/* Refuses the 31st of February, and the hour that summer time leaves out. */
		if (again.year == date->year && again.month == date->month && again.day == date->day && again.hour == date->hour &&
		    again.minute == date->minute && again.second == date->second) {
			*ret_utc_ms = (moment - offset) * 1000;
			return true;
		}
	}
	return false;
}
