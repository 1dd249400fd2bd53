#include "labels.h"

#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "xmlwalk.h"

static int compare_spans(struct span a, struct span b)
{
	size_t shared = a.length < b.length ? a.length : b.length;
	int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);

	return order != 0 ? order : a.length < b.length ? -1 : a.length > b.length ? 1 : 0;
}

/* Equal keys in the order of the text: the first counts. */
static int compare_items(const void *a, const void *b)
{
	const struct label *left = a, *right = b;
	int order = compare_spans(left->key, right->key);

	return order != 0 ? order : left->key.data < right->key.data ? -1 : left->key.data > right->key.data ? 1 : 0;
}

static int split(struct labels *labels, struct span text)
{
	while (!span_is_empty(text)) {
		struct span line = { 0 }, key = { 0 };

		if (!span_read_until(&text, '\n', &line) || !span_read_until(&line, '=', &key) || span_is_empty(key)) {
			return ERR_FORMAT;
		}
		if (labels->count == LABELS_MAX) {
			return ERR_LIMIT;
		}
		labels->items[labels->count++] = (struct label){ .key = key, .words = line };
	}
	return 0;
}

int labels_read(int fd, struct labels *ret)
{
	size_t length = 0;
	int err = fd_read_all(fd, LABELS_MAX_BYTES, &ret->text, &length);

	if (err != 0) {
		return err;
	}
	ret->items = calloc(LABELS_MAX, sizeof *ret->items);
	if (ret->items == NULL) {
		return ERR_MEMORY;
	}
	err = span_is_utf8(span_of(ret->text, length)) ? split(ret, span_of(ret->text, length)) : ERR_FORMAT;
	if (err == 0 && ret->count > 0) {
		qsort(ret->items, ret->count, sizeof *ret->items, compare_items);
	}
	return err;
}

static struct span find(const struct labels *labels, struct span key)
{
	size_t first = 0, behind = labels->count;

	while (first < behind) {
		size_t middle = first + (behind - first) / 2;

		if (compare_spans(labels->items[middle].key, key) < 0) {
			first = middle + 1;
		} else {
			behind = middle;
		}
	}
	return first < labels->count && span_equals(labels->items[first].key, key) ? labels->items[first].words : span_of("", 0);
}

struct span labels_find(const struct labels *labels, struct span element, struct span attribute)
{
	uint8_t key[2 * XMLWALK_NAME_MAX_BYTES + 1];
	struct span found = span_of("", 0);
	size_t length = element.length + 1 + attribute.length;

	if (labels->count == 0) {
		return found;
	}
	if (span_is_empty(attribute)) {
		return find(labels, element);
	}
	if (length > sizeof key) {
		return found;
	}
	if (element.length > 0) {
		memcpy(key, element.data, element.length);
	}
	key[element.length] = '@';
	memcpy(key + element.length + 1, attribute.data, attribute.length);
	found = find(labels, span_of(key, length));
	return span_is_empty(found) ? find(labels, span_of(key + element.length, length - element.length)) : found;
}

void labels_free(struct labels *labels)
{
	free(labels->text);
	free(labels->items);
	*labels = (struct labels){ 0 };
}
