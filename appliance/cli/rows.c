#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "../base/err.h"

int rows_add(struct rows *rows, struct span kind, struct span lines)
{
	struct row row = { .length = lines.length };
	struct row *more = NULL;

	if (rows->count >= ROWS_MAX) {
		return ERR_LIMIT;
	}
	if (!lines_valid(lines) || !span_copy_string(kind, row.kind, sizeof row.kind)) {
		return ERR_FORMAT;
	}
	if ((rows->count & (rows->count - 1)) == 0) {
		size_t room = rows->count == 0 ? 1 : rows->count * 2;

		more = reallocarray(rows->rows, room, sizeof *more);
		if (more == NULL) {
			return ERR_MEMORY;
		}
		rows->rows = more;
	}
	row.text = malloc(lines.length + 1);
	if (row.text == NULL) {
		return ERR_MEMORY;
	}
	if (lines.length > 0) {
		memcpy(row.text, lines.data, lines.length);
	}
	row.text[lines.length] = '\0';
	rows->rows[rows->count++] = row;
	return 0;
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].text);
	}
	free(rows->rows);
	*rows = (struct rows){ 0 };
}

void rows_value(const struct row *row, const char *name, char *ret, size_t size)
{
	struct span value = { 0 };
	size_t length = 0;

	if (lines_find(span_of(row->text, row->length), name, &value)) {
		length = value.length < size ? value.length : size - 1;
		memcpy(ret, value.data, length);
	}
	ret[length] = '\0';
}

/* The row with this line set. */
static int set_line(struct row *row, const char *name, struct span value)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char *text = NULL;
	int length = lines_parse(span_of(row->text, row->length), &lines);

	if (length < 0) {
		return length;
	}
	lines_set_span(&lines, name, value);
	text = malloc(row->length + strlen(name) + value.length + 4);
	if (text == NULL) {
		return ERR_MEMORY;
	}
	length = lines_finish(&lines, text, row->length + strlen(name) + value.length + 4);
	if (length < 0) {
		free(text);
		return length;
	}
	free(row->text);
	row->text = text;
	row->length = (size_t)length;
	return 0;
}

struct name {
	struct span number, name;
};

static int compare(const void *a, const void *b)
{
	const struct name *first = a, *second = b;
	size_t shorter = first->number.length < second->number.length ? first->number.length : second->number.length;
	int order = memcmp(first->number.data, second->number.data, shorter);

	if (order != 0 || first->number.length == second->number.length) {
		return order;
	}
	return first->number.length < second->number.length ? -1 : 1;
}

/* A name comes from the share: what lines.h does not allow becomes "?". */
static void clean(struct span name, char *ret, size_t size)
{
	size_t length = name.length < size ? name.length : size - 1;

	while (length > 0 && length < name.length && (name.data[length] & 0xc0) == 0x80) {
		length--;
	}
	memcpy(ret, name.data, length);
	ret[length] = '\0';
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)ret[i] < 0x20 || ret[i] == 0x7f) {
			ret[i] = '?';
		}
	}
}

static size_t read_names(struct span text, struct name *ret, size_t most)
{
	struct span line = { 0 };
	size_t count = 0;

	while (count < most && span_read_until(&text, '\n', &line)) {
		struct name name = { .name = line };

		if (span_read_until(&name.name, '\t', &name.number) && name.number.length > 0 && span_is_utf8(name.name)) {
			ret[count++] = name;
		}
	}
	return count;
}

int rows_join_names(struct rows *rows, struct span names)
{
	struct name *list = calloc(ROWS_MAX, sizeof *list);
	size_t count = 0;
	int r = 0;

	if (list == NULL) {
		return ERR_MEMORY;
	}
	count = read_names(names, list, ROWS_MAX);
	qsort(list, count, sizeof *list, compare);
	for (size_t i = 0; r == 0 && i < rows->count; i++) {
		struct row *row = &rows->rows[i];
		struct name key = { 0 };
		const struct name *found = NULL;
		char name[1024];

		if (strcmp(row->kind, "case") == 0 && lines_find(span_of(row->text, row->length), "case", &key.number)) {
			found = bsearch(&key, list, count, sizeof *list, compare);
		}
		if (found != NULL) {
			clean(found->name, name, sizeof name);
			r = set_line(row, "name", span_of_string(name));
		}
	}
	free(list);
	return r;
}
