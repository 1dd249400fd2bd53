#include "lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

static bool name_is_valid(struct span name)
{
	if (name.length == 0 || name.length > LINES_NAME_MAX) {
		return false;
	}
	for (size_t i = 0; i < name.length; i++) {
		uint8_t c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) {
			return false;
		}
	}
	return true;
}

/* Nearly every value is printable ASCII from end to end, and every record is looked at when it is written and when it is read: that is settled in one pass, and only
 * what follows the first other byte is looked at closely. */
static bool value_is_valid(struct span value)
{
	struct span plain;
	size_t length = 0;

	if (value.length > LINES_VALUE_MAX) {
		return false;
	}
	while (length < value.length && value.data[length] >= 0x20 && value.data[length] < 0x7f) {
		length++;
	}
	if (!span_read_bytes(&value, length, &plain) || !span_is_utf8(value)) {
		return false;
	}
	for (size_t i = 0; i < value.length; i++) {
		if (value.data[i] < 0x20 || value.data[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

/* The place of `name`, or where it belongs. */
static size_t find_place(const struct lines *lines, const char *name, bool *ret_found)
{
	size_t place = 0;

	while (place < lines->count && strcmp(lines->names[place], name) < 0) {
		place++;
	}
	*ret_found = place < lines->count && strcmp(lines->names[place], name) == 0;
	return place;
}

static void remove_at(struct lines *lines, size_t place)
{
	free(lines->names[place]);
	free(lines->values[place]);
	for (size_t i = place + 1; i < lines->count; i++) {
		lines->names[i - 1] = lines->names[i];
		lines->values[i - 1] = lines->values[i];
	}
	lines->count--;
}

static void insert_at(struct lines *lines, size_t place, char *name, char *value)
{
	for (size_t i = lines->count; i > place; i--) {
		lines->names[i] = lines->names[i - 1];
		lines->values[i] = lines->values[i - 1];
	}
	lines->names[place] = name;
	lines->values[place] = value;
	lines->count++;
}

void lines_set(struct lines *lines, const char *name, const char *value)
{
	bool found = false;
	size_t place = find_place(lines, name, &found);
	char *name_copy = NULL, *value_copy = NULL;

	if (found) {
		remove_at(lines, place);
	}
	if (value == NULL || lines->err != 0) {
		return;
	}
	if (!name_is_valid(span_of_string(name)) || !value_is_valid(span_of_string(value))) {
		lines->err = ERR_FORMAT;
		return;
	}
	if (lines->count == LINES_COUNT_MAX) {
		lines->err = ERR_LIMIT;
		return;
	}
	name_copy = strdup(name);
	value_copy = strdup(value);
	if (name_copy == NULL || value_copy == NULL) {
		free(name_copy);
		free(value_copy);
		lines->err = ERR_MEMORY;
		return;
	}
	insert_at(lines, place, name_copy, value_copy);
}

void lines_setf(struct lines *lines, const char *name, const char *format, ...)
{
	char value[LINES_VALUE_MAX + 1];
	va_list arguments;
	int length = 0;

	va_start(arguments, format);
	length = vsnprintf(value, sizeof value, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof value) {
		lines->err = lines->err != 0 ? lines->err : ERR_LIMIT;
		return;
	}
	lines_set(lines, name, value);
}

void lines_set_u64(struct lines *lines, const char *name, uint64_t value)
{
	lines_setf(lines, name, "%llu", (unsigned long long)value);
}

void lines_set_span(struct lines *lines, const char *name, struct span value)
{
	char text[LINES_VALUE_MAX + 1];

	if (!span_copy_string(value, text, sizeof text)) {
		lines->err = lines->err != 0 ? lines->err : ERR_FORMAT;
		return;
	}
	lines_set(lines, name, text);
}

const char *lines_get(const struct lines *lines, const char *name)
{
	bool found = false;
	size_t place = find_place(lines, name, &found);

	return found ? lines->values[place] : NULL;
}

int lines_finish(const struct lines *lines, char *ret, size_t size)
{
	size_t have = 0;

	if (lines->err != 0) {
		return lines->err;
	}
	if (size == 0) {
		return ERR_LIMIT;
	}
	ret[0] = '\0';
	for (size_t i = 0; i < lines->count; i++) {
		int wrote = snprintf(ret + have, size - have, "%s: %s\n", lines->names[i], lines->values[i]);

		if (wrote < 0 || (size_t)wrote >= size - have) {
			return ERR_LIMIT;
		}
		have += (size_t)wrote;
	}
	return have > LINES_BODY_MAX ? ERR_LIMIT : (int)have;
}

int lines_parse(struct span text, struct lines *ret)
{
	struct lines lines = { 0 };
	struct span name, value;

	memset(ret, 0, sizeof *ret);
	if (!lines_valid(text)) {
		return ERR_FORMAT;
	}
	while (lines_next(&text, &name, &value)) {
		char key[LINES_NAME_MAX + 1];

		(void)span_copy_string(name, key, sizeof key);
		lines_set_span(&lines, key, value);
	}
	if (lines.err != 0) {
		int err = lines.err;

		lines_free(&lines);
		return err;
	}
	*ret = lines;
	return 0;
}

void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		free(lines->names[i]);
		free(lines->values[i]);
	}
	lines->count = 0;
	lines->err = 0;
}

bool lines_next(struct span *text, struct span *ret_name, struct span *ret_value)
{
	struct span rest = *text, line, name;

	if (!span_read_until(&rest, '\n', &line) || !span_read_until(&line, ':', &name) || line.length == 0 || line.data[0] != ' ') {
		return false;
	}
	*ret_name = name;
	*ret_value = (struct span){ .data = line.data + 1, .length = line.length - 1 };
	*text = rest;
	return true;
}

static bool ascends(struct span earlier, struct span later)
{
	size_t common = earlier.length < later.length ? earlier.length : later.length;
	int order = common == 0 ? 0 : memcmp(earlier.data, later.data, common);

	return order < 0 || (order == 0 && earlier.length < later.length);
}

bool lines_valid(struct span text)
{
	struct span name, value, before = span_of("", 0);
	size_t count = 0;

	if (text.length > LINES_BODY_MAX) {
		return false;
	}
	while (lines_next(&text, &name, &value)) {
		if (!name_is_valid(name) || !value_is_valid(value) || !ascends(before, name) || ++count > LINES_COUNT_MAX) {
			return false;
		}
		before = name;
	}
	return span_is_empty(text);
}

bool lines_find(struct span text, const char *name, struct span *ret_value)
{
	struct span each, value;

	while (lines_next(&text, &each, &value)) {
		if (span_equals_string(each, name)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

bool lines_find_string(struct span text, const char *name, char *ret, size_t size)
{
	struct span value;

	return lines_find(text, name, &value) && span_copy_string(value, ret, size);
}

bool lines_find_u64(struct span text, const char *name, uint64_t *ret)
{
	struct span value;

	return lines_find(text, name, &value) && span_parse_u64(value, ret);
}
