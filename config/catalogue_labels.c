#include <stdio.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "catalogue.h"

/* One label as KEY=WORDS LF. The length behind it, or ERR_LIMIT. */
static int write_label(const char *label, bool czech, char *ret, size_t size, size_t length)
{
	size_t key = strcspn(label, "="), first = strcspn(label + key + 1, "|");
	const char *words = label + key + 1 + (czech ? 0 : first + 1);
	int written = snprintf(ret + length, size - length, "%.*s=%.*s\n", (int)key, label, (int)(czech ? first : strlen(words)), words);

	return written < 0 || (size_t)written >= size - length ? ERR_LIMIT : (int)length + written;
}

int catalogue_labels_write(const struct catalogue *catalogue, const char *partner, const char *form, char *ret, size_t size)
{
	bool czech = strcmp(catalogue->language, "cs") == 0;
	int length = 0;

	for (size_t i = 0; i < 2 * catalogue->labels_count; i++) {
		const struct catalogue_labels *labels = &catalogue->labels[i < catalogue->labels_count ? i : i - catalogue->labels_count];
		const char *wanted = i < catalogue->labels_count ? form : "";

		for (size_t k = 0; strcmp(labels->partner, partner) == 0 && strcmp(labels->form, wanted) == 0 && k < labels->labels.count; k++) {
			length = write_label(labels->labels.items[k], czech, ret, size, (size_t)length);
			if (length < 0) {
				return length;
			}
		}
	}
	return length;
}
