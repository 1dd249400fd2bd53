#include <stdarg.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/escape.h"
#include "../appliance/base/text.h"
#include "config.h"

#define FINDING_TEXT_MAX_BYTES 700

void config_report_add(struct config_report *report, bool warning, const char *file, int line, const char *format, ...)
{
	char text[FINDING_TEXT_MAX_BYTES];
	struct config_finding *finding = NULL;
	va_list arguments;

	report->errors += warning ? 0 : 1;
	if (report->count >= CONFIG_FINDINGS_MAX) {
		report->lost++;
		return;
	}
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	finding = &report->findings[report->count];
	*finding = (struct config_finding){ .line = line, .warning = warning, .file = strdup(file), .text = strdup(text) };
	if (finding->file == NULL || finding->text == NULL) {
		free(finding->file);
		free(finding->text);
		report->lost++;
		return;
	}
	report->count++;
}

static int compare(const void *a, const void *b)
{
	const struct config_finding *first = a, *second = b;
	int order = strcmp(first->file, second->file);

	if (order != 0) {
		return order;
	}
	if (first->line != second->line) {
		return first->line < second->line ? -1 : 1;
	}
	return strcmp(first->text, second->text);
}

void config_report_print(struct config_report *report, FILE *to)
{
	qsort(report->findings, report->count, sizeof report->findings[0], compare);
	for (size_t i = 0; i < report->count; i++) {
		const struct config_finding *finding = &report->findings[i];
		char file[1024], text[FINDING_TEXT_MAX_BYTES * 2], line[16] = "";

		(void)escape_text(ESCAPE_TERMINAL, span_of_string(finding->file), file, sizeof file);
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(finding->text), text, sizeof text);
		if (finding->line > 0) {
			(void)snprintf(line, sizeof line, ":%d", finding->line);
		}
		(void)fprintf(to, "%s%s: %s: %s\n", file, line, finding->warning ? _("warning") : _("error"), text);
	}
	if (report->lost > 0) {
		(void)fprintf(to, _("%zu further findings are not shown\n"), report->lost);
	}
}

void config_report_free(struct config_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->findings[i].file);
		free(report->findings[i].text);
	}
	report->count = report->errors = report->lost = 0;
}
