#include "card.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int ledger = -1;

bool ledger_open(const char *path)
{
	ledger = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return ledger >= 0;
}

uint64_t ledger_now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void ledger_write(const char *format, ...)
{
	char line[512];
	int length = snprintf(line, sizeof line, "%llu ", (unsigned long long)ledger_now_ms());
	va_list arguments;

	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof line - 1) {
		length = (int)sizeof line - 2;
	}
	line[length++] = '\n';
	/* One call, one line: whoever reads meanwhile sees whole lines only. */
	if (write(ledger, line, (size_t)length) != length) {
		_exit(1);
	}
}
