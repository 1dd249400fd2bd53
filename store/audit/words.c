#include "words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MO_MAGIC 0x950412deU
#define MO_HEADER_BYTES 28U

static bool czech;

bool audit_words_czech(void)
{
	return czech;
}

bool audit_words_choose(const char *language)
{
	static const char *const from[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	if (language != NULL) {
		czech = strcmp(language, "cs") == 0;
		return czech || strcmp(language, "en") == 0;
	}
	for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
		const char *value = getenv(from[i]);

		if (value != NULL && value[0] != '\0') {
			czech = strncmp(value, "cs", 2) == 0;
			return true;
		}
	}
	czech = false;
	return true;
}

static uint32_t word_at(size_t offset)
{
	const unsigned char *at = audit_words_catalogue + offset;

	return offset + 4 > audit_words_length ? 0 : (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Text n of one of the two tables (length and place each); terminated by msgfmt. */
static const char *text_at(size_t table, size_t n)
{
	size_t length = word_at(table + 8 * n), place = word_at(table + 8 * n + 4);

	if (place >= audit_words_length || length >= audit_words_length - place) {
		return "";
	}
	return (const char *)audit_words_catalogue + place;
}

const char *audit_words(const char *text)
{
	size_t low = 0, high = 0, originals = 0, translations = 0;

	if (!czech || text[0] == '\0' || audit_words_length < MO_HEADER_BYTES || word_at(0) != MO_MAGIC) {
		return text;
	}
	high = word_at(8);
	originals = word_at(12);
	translations = word_at(16);
	while (low < high) { /* msgfmt sorts them */
		size_t middle = low + (high - low) / 2;
		int order = strcmp(text, text_at(originals, middle));

		if (order == 0) {
			const char *found = text_at(translations, middle);

			return found[0] == '\0' ? text : found;
		}
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return text;
}

const char *audit_words_number(unsigned long long count, const char *one, const char *few, const char *many)
{
	return count == 1 ? audit_words(one) : audit_words(count >= 2 && count <= 4 ? few : many);
}
