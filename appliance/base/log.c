#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "podatelna";
static enum log_level log_threshold = LOG_LEVEL_INFO;

static const char *const level_words[] = { "error", "warning", "info", "debug" };

void log_open(const char *program)
{
	const char *wanted = getenv("PODATELNA_LOG");

	log_program = program;
	for (size_t i = 0; wanted != NULL && i < sizeof level_words / sizeof level_words[0]; i++) {
		if (strcmp(wanted, level_words[i]) == 0) {
			log_threshold = (enum log_level)i;
		}
	}
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX_BYTES];
	va_list arguments;
	int head = 0, rest = 0;
	size_t length = 0;

	if (level > log_threshold) {
		return;
	}
	head = snprintf(line, sizeof line, "%s: %s: ", log_program, level_words[level]);
	if (head < 0) {
		return;
	}
	va_start(arguments, format);
	rest = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, arguments);
	va_end(arguments);
	if (rest < 0) {
		return;
	}
	length = strlen(line);
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)line[i] < 0x20) {
			line[i] = '?';
		}
	}
	line[length] = '\n';
	/* One write, so that lines of several processes do not mix; a log that cannot be written is no reason to stop. */
	if (write(STDERR_FILENO, line, length + 1) < 0) {
		return;
	}
}
