#include "query.h"

#include <stdio.h>
#include <string.h>

#include "err.h"

static struct span trim(struct span text)
{
	while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
		text = span_of(text.data + 1, text.length - 1);
	}
	while (text.length > 0 && strchr(" \t\r\n", text.data[text.length - 1]) != NULL && text.data[text.length - 1] != '\0') {
		text.length--;
	}
	return text;
}

static struct span without_mark(struct span text)
{
	struct span skipped;

	if (span_starts_with(text, "\xef\xbb\xbf")) {
		(void)span_read_bytes(&text, 3, &skipped);
	}
	return text;
}

static bool is_made_of(const char *text, const char *letters)
{
	return text[0] != '\0' && strspn(text, letters) == strlen(text);
}

#define SMALL "abcdefghijklmnopqrstuvwxyz0123456789-"

static bool is_name(const char *text)
{
	return is_made_of(text, SMALL);
}

static bool is_what(const char *text)
{
	return is_made_of(text, SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.");
}

static bool is_value(const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e) {
			return false;
		}
	}
	return true;
}

bool query_begins(struct span head)
{
	return span_starts_with(without_mark(head), QUERY_MARK);
}

bool query_add(struct query *query, const char *name, const char *value)
{
	struct query_field *field = &query->fields[query->count];

	if (query->count == QUERY_FIELDS_MAX || query_get(query, name) != NULL || !is_name(name) || strcmp(name, QUERY_END) == 0 || !is_value(value) ||
	    strlen(name) >= sizeof field->name || strlen(value) >= sizeof field->value) {
		return false;
	}
	(void)snprintf(field->name, sizeof field->name, "%s", name);
	(void)snprintf(field->value, sizeof field->value, "%s", value);
	query->count++;
	return true;
}

const char *query_get(const struct query *query, const char *name)
{
	for (size_t i = 0; i < query->count; i++) {
		if (strcmp(query->fields[i].name, name) == 0) {
			return query->fields[i].value;
		}
	}
	return NULL;
}

/* One line that is not empty. *ret_end: it was the end. */
static int read_line(struct span line, struct query *ret, bool *ret_end)
{
	char name[QUERY_NAME_SIZE], value[QUERY_VALUE_SIZE];
	struct span left;

	if (!span_read_until(&line, ':', &left) || !span_copy_string(trim(left), name, sizeof name) || !span_copy_string(trim(line), value, sizeof value)) {
		return ERR_FORMAT;
	}
	if (strcmp(name, QUERY_END) == 0) {
		*ret_end = true;
		return 0;
	}
	return ret->count == QUERY_FIELDS_MAX ? ERR_LIMIT : query_add(ret, name, value) ? 0 : ERR_FORMAT;
}

/* The first line. */
static int read_what(struct span *text, struct query *ret)
{
	struct span line, mark;

	if (!query_begins(*text)) {
		return ERR_FORMAT;
	}
	*text = without_mark(*text);
	if (!span_read_until(text, '\n', &line)) {
		return ERR_AGAIN;
	}
	(void)span_read_bytes(&line, strlen(QUERY_MARK), &mark);
	if (!span_copy_string(trim(line), ret->what, sizeof ret->what) || !is_what(ret->what)) {
		ret->what[0] = '\0';
		return ERR_FORMAT;
	}
	return 0;
}

int query_read(struct span text, struct query *ret)
{
	bool end = false;
	int err = text.length > QUERY_MAX_BYTES ? ERR_LIMIT : 0;

	*ret = (struct query){ .what = "" };
	err = err == 0 ? read_what(&text, ret) : err;
	while (err == 0 && text.length > 0) {
		struct span line;

		if (!span_read_until(&text, '\n', &line)) { /* the last line may go without one */
			line = text;
			text = span_of("", 0);
		}
		line = trim(line);
		if (line.length == 0 || line.data[0] == '#') {
			continue;
		}
		err = end ? ERR_FORMAT : read_line(line, ret, &end);
	}
	return err != 0 ? err : end ? 0 : ERR_AGAIN;
}

int query_write(const struct query *query, char *ret, size_t size)
{
	size_t length = 0;
	int wrote = is_what(query->what) ? snprintf(ret, size, "%s %s\n", QUERY_MARK, query->what) : -1;

	if (wrote < 0) {
		return ERR_FORMAT;
	}
	length = (size_t)wrote;
	for (size_t i = 0; i < query->count && length < size; i++) {
		length += (size_t)snprintf(ret + length, size - length, "%s: %s\n", query->fields[i].name, query->fields[i].value);
	}
	if (length < size) {
		length += (size_t)snprintf(ret + length, size - length, "%s:\n", QUERY_END);
	}
	return length < size && length <= QUERY_MAX_BYTES ? (int)length : ERR_LIMIT;
}
