#include "receipt.h"

#include <stdio.h>
#include <string.h>

// NOLINTBEGIN(cert-err34-c): each number has a width, so that none can overflow
static bool is_offset(const char *text)
{
	int hour = 0, minute = 0, used = 0;

	if (text[0] == '\0' || strcmp(text, "Z") == 0) {
		return true;
	}
	return (text[0] == '+' || text[0] == '-') && sscanf(text + 1, "%2d:%2d%n", &hour, &minute, &used) == 2 && text[used + 1] == '\0' && hour <= 14 &&
	       minute <= 59;
}

static bool in_range(const int date[3], const int time[3])
{
	return date[0] >= 1900 && date[1] >= 1 && date[1] <= 12 && date[2] >= 1 && date[2] <= 31 && time[0] >= 0 && time[0] <= 24 && time[1] >= 0 &&
	       time[1] <= 59 && time[2] >= 0 && time[2] <= 60;
}

bool epo_receipt_date(const char *text, char *ret, size_t size)
{
	int date[3] = { 0 }, time[3] = { 0 }, used = 0, more = 0;
	bool iso = sscanf(text, "%4d-%2d-%2d%n", &date[0], &date[1], &date[2], &used) == 3 && used >= 8;

	if (!iso && (sscanf(text, "%2d.%2d.%4d%n", &date[2], &date[1], &date[0], &used) != 3 || used < 8)) {
		return false;
	}
	text += used;
	if ((text[0] == 'T' || text[0] == ' ') && sscanf(text + 1, "%2d:%2d:%2d%n", &time[0], &time[1], &time[2], &more) == 3) {
		text += more + 1;
		if (text[0] == '.') {
			text += 1 + strspn(text + 1, "0123456789");
		}
	} else if (!iso && text[0] == '\0') {
		(void)snprintf(ret, size, "%02d.%02d.%04d", date[2], date[1], date[0]);
		return in_range(date, time);
	}
	if (!is_offset(text) || !in_range(date, time)) {
		return false;
	}
	(void)snprintf(ret, size, "%02d.%02d.%04d %02d:%02d:%02d%s%s", date[2], date[1], date[0], time[0], time[1], time[2], text[0] == '\0' ? "" : " ", text);
	return true;
}
// NOLINTEND(cert-err34-c)
