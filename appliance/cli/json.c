#include <stdlib.h>
#include <string.h>

#include "../base/escape.h"
#include "rows.h"

/* A value of LINES_VALUE_MAX bytes may grow to six times its length ("\u001f"). */
#define ESCAPED_MAX_BYTES (LINES_VALUE_MAX * 6 + 1)

static void print_string(struct span text, char *buffer, FILE *to)
{
	(void)escape_text(ESCAPE_JSON, text, buffer, ESCAPED_MAX_BYTES);
	(void)fprintf(to, "\"%s\"", buffer);
}

static void print_row(const struct row *row, char *buffer, FILE *to)
{
	struct span left = span_of(row->text, row->length);
	struct span name = { 0 }, value = { 0 };

	(void)fputs("{\"kind\": ", to);
	print_string(span_of_string(row->kind), buffer, to);
	while (lines_next(&left, &name, &value)) {
		/* A line named `kind` (of a case: filing, query) must not appear twice in the object. */
		(void)fputs(span_equals_string(name, "kind") ? ", \"case-" : ", \"", to);
		(void)fwrite(name.data, 1, name.length, to);
		(void)fputs("\": ", to);
		print_string(value, buffer, to);
	}
	(void)fputc('}', to);
}

void rows_print_json(const struct rows *rows, FILE *to)
{
	char *buffer = malloc(ESCAPED_MAX_BYTES);

	if (buffer == NULL) {
		return;
	}
	(void)fputc('[', to);
	for (size_t i = 0; i < rows->count; i++) {
		(void)fputs(i == 0 ? "\n" : ",\n", to);
		print_row(&rows->rows[i], buffer, to);
	}
	(void)fputs(rows->count == 0 ? "]\n" : "\n]\n", to);
	free(buffer);
}
