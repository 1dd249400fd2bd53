#include <string.h>

#include "config_token.h"

/* Levenshtein distance of two short names. */
static size_t distance(const char *a, const char *b)
{
	size_t row[SCAN_KEY_MAX + 1];
	size_t width = strlen(b);

	if (strlen(a) > SCAN_KEY_MAX || width > SCAN_KEY_MAX) {
		return SIZE_MAX;
	}
	for (size_t j = 0; j <= width; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

			diagonal = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[width];
}

struct guess {
	const char *name;
	size_t distance;
};

static void consider(struct guess *guess, const char *word, const char *candidate)
{
	size_t d = distance(word, candidate);

	if (d < guess->distance) {
		guess->distance = d;
		guess->name = candidate;
	}
}

const char *config_suggest(const struct schema *schema, const struct schema_section *section, const char *word)
{
	struct guess guess = { NULL, strlen(word) / 3 + 2 };

	for (size_t i = 0; i < section->field_count; i++) {
		consider(&guess, word, section->fields[i].name);
	}
	for (size_t i = 1; section == &schema->sections[0] && i < schema->count; i++) {
		consider(&guess, word, schema->sections[i].name);
	}
	return guess.name;
}
