#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *log_program = "podatelna";
static enum log_level log_threshold = LOG_LEVEL_INFO;

static bool log_to_journal;

static const char *const level_words[] = { "error", "warning", "info", "debug" };
/* Severities of syslog(3) as the journal takes them from the beginning of a line (sd-daemon(3)). */
static const char *const level_marks[] = { "<3>", "<4>", "<6>", "<7>" };

/* Is standard error what systemd's journal reads? (JOURNAL_STREAM, systemd.exec(5).) */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char name[64];

	if (stream == NULL || fstat(STDERR_FILENO, &status) != 0) {
		return false;
	}
	(void)snprintf(name, sizeof name, "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
	return strcmp(name, stream) == 0;
}

void log_open(const char *program)
{
	const char *wanted = getenv("PODATELNA_LOG");

	log_program = program;
	log_to_journal = is_journal();
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
	head = snprintf(line, sizeof line, "%s%s: %s: ", log_to_journal ? level_marks[level] : "", log_program, level_words[level]);
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
