/* RFC 4180, for spreadsheets. */
#include "../base/escape.h"
#include "rows.h"

#define CELL_MAX_BYTES 2048

/* Names that stay: other programs read them. */
static const char *const columns[] = { "month", "tsa", "purpose", "what", "case", "count", "bad" };
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

void rows_print_csv(const struct rows *rows, FILE *to)
{
	for (size_t k = 0; k < COLUMN_COUNT; k++) {
		(void)fprintf(to, "%s\"%s\"", k == 0 ? "" : ",", columns[k]);
	}
	(void)fputs("\r\n", to);
	for (size_t i = 0; i < rows->count; i++) {
		for (size_t k = 0; k < COLUMN_COUNT; k++) {
			char value[CELL_MAX_BYTES / 4], shown[CELL_MAX_BYTES];

			rows_value(&rows->rows[i], columns[k], value, sizeof value);
			(void)escape_text(ESCAPE_CSV, span_of_string(value), shown, sizeof shown);
			(void)fprintf(to, "%s%s", k == 0 ? "" : ",", shown);
		}
		(void)fputs("\r\n", to);
	}
}
