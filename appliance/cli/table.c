#include <stdlib.h>
#include <string.h>

#include "../base/escape.h"
#include "../base/state.h"
#include "../base/text.h"
#include "block.h"
#include "columns.h"
#include "rows.h"

#define CELL_MAX_BYTES 2048
#define CELL_MAX_COLUMNS 48 /* the last column may be longer */
#define COLUMNS_MAX 8
#define INDENT 4      /* of what goes on in the next line */
#define WRAP_LEAST 24 /* a last column that has so much room is broken in its place */

enum format { PLAIN, CASE_STATE, OUTCOME, TOKEN_STATE, PARTNER_STATE, YES, LED, KIND, PERSON, SIZE, TIME, CERT_STATE };

struct column {
	const char *line, *header; /* header NULL: none */
	enum format format;
};

static const struct layout {
	const char *kind;
	struct column columns[COLUMNS_MAX + 1];
} layouts[] = {
	{ "case",
	  { { "case", N_("Case"), PLAIN },
	    { "time", N_("Since"), TIME },
	    { "state", N_("State"), CASE_STATE },
	    { "partner", N_("Partner"), PLAIN },
	    { "form", N_("Form"), PLAIN },
	    { "env", N_("Environment"), PLAIN },
	    { "name", N_("File"), PLAIN },
	    { "why", N_("Reason"), PLAIN } } },
	{ "record", { { "index", N_("Record"), PLAIN }, { "time", N_("Time"), TIME }, { "type", N_("Type"), PLAIN }, { "detail", N_("Detail"), PLAIN } } },
	{ "program",
	  { { "program", N_("Program"), PLAIN },
	    { "pid", N_("Process"), PLAIN },
	    { "restarts", N_("Restarts"), PLAIN },
	    { "protection", N_("Protection"), PLAIN },
	    { "text", N_("Note"), PLAIN } } },
	{ "token",
	  { { "token", N_("Token"), PLAIN },
	    { "state", N_("State"), TOKEN_STATE },
	    { "label", N_("Label"), PLAIN },
	    { "serial", N_("Serial number"), PLAIN },
	    { "software", N_("Software"), YES },
	    { "text", N_("Note"), PLAIN } } },
	{ "partner",
	  { { "partner", N_("Partner"), PLAIN },
	    { "env", N_("Environment"), PLAIN },
	    { "state", N_("State"), PARTNER_STATE },
	    { "since", N_("Since"), TIME },
	    { "next", N_("Next try"), TIME },
	    { "open", N_("Open cases"), PLAIN },
	    { "text", N_("Note"), PLAIN } } },
	{ "test",
	  { { "key", N_("Key"), PLAIN },
	    { "token", N_("Token"), PLAIN },
	    { "result", N_("Result"), YES },
	    { "operation", N_("Operation"), YES },
	    { "algorithm", N_("Algorithm"), PLAIN },
	    { "ms", N_("Milliseconds"), PLAIN },
	    { "text", N_("Note"), PLAIN } } },
	{ "tsa",
	  { { "tsa", N_("Time-stamp authority"), PLAIN },
	    { "left", N_("Left"), PLAIN },
	    { "of", N_("Of"), PLAIN },
	    { "used", N_("Used by the box"), PLAIN },
	    { "text", N_("Note"), PLAIN } } },
	{ "package",
	  { { "tsa", N_("Time-stamp authority"), PLAIN },
	    { "package", N_("Package"), PLAIN },
	    { "left", N_("Left"), PLAIN },
	    { "of", N_("Of"), PLAIN },
	    { "from", N_("Valid from"), TIME },
	    { "until", N_("Valid until"), TIME } } },
	{ "crl",
	  { { "of", N_("Certificates of"), PLAIN },
	    { "url", N_("List of revoked certificates"), PLAIN },
	    { "from", N_("Collected: made"), TIME },
	    { "until", N_("Next one by"), TIME },
	    { "text", N_("Note"), PLAIN } } },
	{ "stamp-use",
	  { { "month", N_("Month"), PLAIN },
	    { "tsa", N_("Time-stamp authority"), PLAIN },
	    { "what", N_("Purpose"), PLAIN },
	    { "case", N_("Case"), PLAIN },
	    { "count", N_("Time stamps"), PLAIN },
	    { "bad", N_("Of these not good"), PLAIN } } },
	{ "partner-cert",
	  { { "partner", N_("Partner"), PLAIN },
	    { "state", N_("State"), CERT_STATE },
	    { "until", N_("Valid until"), TIME },
	    { "use-from", N_("Used from"), TIME },
	    { "subject", N_("Holder"), PLAIN },
	    { "serial", N_("Serial number"), PLAIN },
	    { "sha256", N_("Fingerprint (SHA-256)"), PLAIN } } },
	{ "finding", { { "file", N_("File"), PLAIN }, { "line", N_("Line"), PLAIN }, { "level", N_("Weight"), PLAIN }, { "text", N_("Finding"), PLAIN } } },
};

static void cell(const struct row *row, const struct column *column, char ret[CELL_MAX_BYTES])
{
	char value[CELL_MAX_BYTES / 2], time[64];
	const char *shown = value;

	rows_value(row, column->line, value, sizeof value);
	if (column->format == CASE_STATE) {
		char outcome[32];

		rows_value(row, "outcome", outcome, sizeof outcome);
		shown = outcome[0] != '\0' ? label_outcome(outcome) : label_state(value);
	} else if (column->format == OUTCOME) {
		shown = label_outcome(value);
	} else if (column->format == TOKEN_STATE) {
		shown = state_token_label(value);
	} else if (column->format == PARTNER_STATE) {
		shown = label_partner_state(value);
	} else if (column->format == CERT_STATE) {
		shown = label_cert_state(value);
	} else if (column->format == YES) {
		shown = label_yes(value);
	} else if (column->format == LED) {
		shown = label_led(value);
	} else if (column->format == KIND) {
		shown = label_kind(value);
	} else if (column->format == PERSON && strlen(value) < sizeof time) {
		label_person(value, time, sizeof time);
		shown = time;
	} else if (column->format == SIZE && strlen(value) < sizeof time) {
		label_size(value, time, sizeof time);
		shown = time;
	} else if (column->format == TIME && strlen(value) < sizeof time) {
		label_time(value, time, sizeof time);
		shown = time;
	}
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(shown), ret, CELL_MAX_BYTES);
}

static void measure(const struct layout *layout, const struct row *rows, size_t count, size_t widths[COLUMNS_MAX])
{
	char text[CELL_MAX_BYTES];

	for (size_t k = 0; k < COLUMNS_MAX && layout->columns[k].line != NULL; k++) {
		size_t width = 0;

		for (size_t i = 0; i < count; i++) {
			cell(&rows[i], &layout->columns[k], text);
			width = columns_count(text) > width ? columns_count(text) : width;
		}
		/* A column in which nothing stands is left out. */
		if (width > 0) {
			size_t header = columns_count(_(layout->columns[k].header));

			width = width > CELL_MAX_COLUMNS ? CELL_MAX_COLUMNS : width;
			widths[k] = width > header ? width : header;
		}
	}
}

/* A line under construction. */
struct line {
	FILE *to;
	size_t width;    /* of the terminal, 0: none */
	size_t at, goal; /* the cursor's column, and where the next cell begins */
};

/* A cell that does not fit goes on in the next line, indented. */
static void put_cell(struct line *line, const char *text, size_t columns, bool last)
{
	if (line->width != 0 && line->goal > INDENT && line->goal + (columns > WRAP_LEAST && last ? WRAP_LEAST : columns) > line->width) {
		(void)fputc('\n', line->to);
		line->at = 0;
		line->goal = INDENT;
	}
	columns_pad("", line->goal - line->at, line->to);
	if (last && line->width != 0) {
		columns_wrap(text, line->goal, line->width, line->to);
	} else {
		(void)fprintf(line->to, "%s%s", text, last ? "\n" : "");
	}
	line->at = line->goal + columns_count(text);
}

static void print_line(const struct layout *layout, const struct row *row, const size_t widths[COLUMNS_MAX], size_t last, struct line line)
{
	for (size_t k = 0; k <= last; k++) {
		char text[CELL_MAX_BYTES];

		if (widths[k] == 0) {
			continue;
		}
		if (row != NULL) {
			cell(row, &layout->columns[k], text);
		} else {
			(void)snprintf(text, sizeof text, "%s", _(layout->columns[k].header));
		}
		if (k != last) {
			columns_cut(text, widths[k]);
		}
		put_cell(&line, text, k == last ? columns_count(text) : widths[k], k == last);
		line.goal += widths[k] + 2;
	}
}

static void print_group(const struct layout *layout, const struct row *rows, size_t count, size_t width, FILE *to)
{
	const struct line line = { .to = to, .width = width };
	size_t widths[COLUMNS_MAX] = { 0 };
	size_t last = 0;

	measure(layout, rows, count, widths);
	for (size_t k = 0; k < COLUMNS_MAX; k++) {
		last = widths[k] > 0 ? k : last;
	}
	print_line(layout, NULL, widths, last, line);
	for (size_t i = 0; i < count; i++) {
		print_line(layout, &rows[i], widths, last, line);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void print_field(const struct row *row, size_t width, FILE *to)
{
	char name[256], label[256], title[512], shown[CELL_MAX_BYTES];
	struct column column = { .line = "value", .format = PLAIN };

	rows_value(row, "name", name, sizeof name);
	rows_value(row, "label", label, sizeof label);
	if (strcmp(name, "state") == 0 || ends_with(name, "-state")) {
		column.format = CASE_STATE;
	} else if (strcmp(name, "outcome") == 0) {
		column.format = OUTCOME;
	} else if (strcmp(name, "time") == 0 || ends_with(name, "-time")) {
		column.format = TIME;
	} else if (strcmp(name, "led") == 0) {
		column.format = LED;
	} else if (strcmp(name, "kind") == 0) {
		column.format = KIND;
	} else if (strcmp(name, "by") == 0) {
		column.format = PERSON;
	} else if (ends_with(name, "-free")) {
		column.format = SIZE;
	}
	cell(row, &column, shown);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(label[0] != '\0' ? label : label_field(name)), title, sizeof title);
	if (shown[0] == '\0') {
		return; /* nothing is known of it */
	}
	(void)fprintf(to, "%s: ", title);
	if (width == 0) {
		(void)fprintf(to, "%s\n", shown);
	} else {
		columns_wrap(shown, columns_count(title) + 2, width, to);
	}
}

/* `text` rows, and kinds that this program does not know: all values, divided by blanks. */
static void print_plain(const struct row *row, FILE *to)
{
	struct span left = span_of(row->text, row->length);
	struct span name = { 0 }, value = { 0 };
	const char *before = "";

	while (lines_next(&left, &name, &value)) {
		char shown[CELL_MAX_BYTES];

		(void)escape_text(ESCAPE_TERMINAL, value, shown, sizeof shown);
		(void)fprintf(to, "%s%s", before, shown);
		before = "  ";
	}
	(void)fputc('\n', to);
}

static const struct layout *find_layout(const char *kind)
{
	for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
		if (strcmp(layouts[i].kind, kind) == 0) {
			return &layouts[i];
		}
	}
	return NULL;
}

void rows_print_table(const struct rows *rows, FILE *to)
{
	for (size_t i = 0; i < rows->count;) {
		const struct row *row = &rows->rows[i];
		const struct layout *layout = find_layout(row->kind);
		size_t count = 1;

		while (i + count < rows->count && strcmp(rows->rows[i + count].kind, row->kind) == 0) {
			count++;
		}
		if (i > 0) {
			(void)fputc('\n', to);
		}
		if (layout != NULL) {
			print_group(layout, row, count, columns_terminal(to), to);
		}
		for (size_t k = 0; layout == NULL && k < count; k++) {
			if (strcmp(row->kind, "field") == 0) {
				print_field(&row[k], columns_terminal(to), to);
			} else if (!block_print(&row[k], k == 0, to)) {
				print_plain(&row[k], to);
			}
		}
		i += count;
	}
}
