#include "config_value.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/text.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
static const struct unit sizes[] = { { "B", 1 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 }, { NULL, 0 } };

/* "12 min", "12min"; "0" needs no unit. */
static bool parse_quantity(const char *text, const struct unit *units, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint64_t number = 0;

	if (!span_parse_u64(span_of(text, digits), &number)) {
		return false;
	}
	if (*unit == '\0') {
		*ret = 0;
		return number == 0;
	}
	unit += *unit == ' ' ? 1 : 0;
	for (; units->name != NULL; units++) {
		if (strcmp(unit, units->name) == 0) {
			return !__builtin_mul_overflow(number, units->factor, ret) && *ret <= INT64_MAX;
		}
	}
	return false;
}

bool config_value_duration(const char *text, uint64_t *ret_ms)
{
	return parse_quantity(text, durations, ret_ms);
}

bool config_value_size(const char *text, uint64_t *ret_bytes)
{
	return parse_quantity(text, sizes, ret_bytes);
}

bool config_value_word(const char *words, const char *text, unsigned *ret)
{
	struct span left = span_of_string(words);
	struct span word = { 0 };

	for (unsigned i = 0; !span_is_empty(left); i++) {
		if (!span_read_until(&left, '|', &word)) {
			word = left;
			left = (struct span){ 0 };
		}
		if (span_equals_string(word, text)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool config_value_bool(const char *text, bool *ret)
{
	unsigned index = 0;

	if (!config_value_word("false|true|no|yes|off|on", text, &index)) {
		return false;
	}
	*ret = index % 2 == 1;
	return true;
}

bool config_value_path(const char *text)
{
	size_t length = strlen(text);

	return text[0] == '/' && length > 1 && length < PATH_MAX && text[length - 1] != '/' && strstr(text, "//") == NULL && strstr(text, "/../") == NULL &&
	       strstr(text, "/./") == NULL && (length < 3 || strcmp(text + length - 3, "/..") != 0) && strcmp(text + length - 2, "/.") != 0;
}

static bool is_printable(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			return false;
		}
	}
	return strlen(text) <= VALUE_TEXT_MAX_BYTES;
}

/* First byte of `first`, the others of `others`. */
static bool is_made_of(const char *text, const char *first, const char *others, size_t most)
{
	return text[0] != '\0' && strchr(first, text[0]) != NULL && strspn(text, others) == strlen(text) && strlen(text) <= most;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_option(const char *text)
{
	size_t name = strspn(text, LOWER DIGITS "-."); /* names as in lines.h */

	return name > 0 && name <= CONFIG_NAME_MAX && text[name] == '=' && is_printable(text);
}

static bool is_environment(const char *text)
{
	size_t name = strspn(text, UPPER DIGITS "_");

	return name > 0 && text[name] == '=' && is_printable(text) && strncmp(text, "LD_", 3) != 0 && strncmp(text, "GCONV_PATH=", 11) != 0;
}

static bool is_filename(const char *text)
{
	return text[0] != '\0' && text[0] != '.' && strlen(text) <= 100 && strpbrk(text, "/\\:*?\"<>|") == NULL && is_printable(text);
}

/* The part of RFC 5321 section 4.1.2 that people have: no quotes, no comments, no letters beyond ASCII, nothing that could end a header or a command. */
bool config_address_valid(const char *text)
{
	const char *at = strrchr(text, '@');
	size_t name = strspn(text, UPPER LOWER DIGITS "!#$%&'*+-/=?^_`{|}~.");

	return at != NULL && at == text + name && name > 0 && name <= 64 && text[0] != '.' && at[-1] != '.' && strstr(text, "..") == NULL &&
	       is_made_of(at + 1, UPPER LOWER DIGITS, UPPER LOWER DIGITS "-.", 189) && text[strlen(text) - 1] != '.';
}

static bool is_time(const char *text)
{
	return strlen(text) == 5 && text[2] == ':' && strspn(text, DIGITS) == 2 && strspn(text + 3, DIGITS) == 2 && strncmp(text, "24", 2) < 0 && text[3] < '6';
}

static bool is_text_of(const struct schema_field *field, const char *text)
{
	unsigned index = 0;

	switch (field->type) {
	case SCHEMA_TEXT:
		return is_printable(text);
	case SCHEMA_NAME:
		return is_made_of(text, LOWER, LOWER DIGITS "-", CONFIG_NAME_MAX);
	case SCHEMA_LOGIN:
		return is_made_of(text, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "_.-", CONFIG_NAME_MAX);
	case SCHEMA_PATH:
		return config_value_path(text);
	case SCHEMA_FILENAME:
		return is_filename(text);
	case SCHEMA_URL:
		return config_value_url(text);
	case SCHEMA_PROXY:
		return config_value_proxy(text);
	case SCHEMA_MAIL_URL:
		return config_value_mail_url(text);
	case SCHEMA_ADDRESS:
		return config_address_valid(text);
	case SCHEMA_TIME:
		return is_time(text);
	case SCHEMA_PKCS11:
		return config_value_pkcs11(text, field->words != NULL && strcmp(field->words, "key") == 0);
	case SCHEMA_PIN:
		return strcmp(text, CONFIG_PIN_PROMPT) == 0 || strcmp(text, CONFIG_PIN_PAD) == 0 || config_value_path(text);
	case SCHEMA_HEX256:
		return is_made_of(text, DIGITS "abcdefABCDEF", DIGITS "abcdefABCDEF", 64) && strlen(text) == 64;
	case SCHEMA_OPTION:
		return is_option(text);
	case SCHEMA_ENVIRONMENT:
		return is_environment(text);
	case SCHEMA_WORD_TEXT:
		return config_value_word(field->words, text, &index);
	default:
		return false;
	}
}

static int store_text(const struct schema_field *field, const char *text, char **place)
{
	/* An empty default means "not set", whatever the type. */
	bool unset = text[0] == '\0' && field->fallback != NULL && field->fallback[0] == '\0';
	char *copy = NULL;

	if (!unset && !is_text_of(field, text)) {
		return ERR_FORMAT;
	}
	copy = strdup(text);
	if (copy == NULL) {
		return ERR_MEMORY;
	}
	for (char *c = copy; field->type == SCHEMA_HEX256 && *c != '\0'; c++) {
		*c = (char)tolower((unsigned char)*c);
	}
	free(*place);
	*place = copy;
	return 0;
}

static int store_number(const struct schema_field *field, const char *text, uint64_t *place)
{
	uint64_t number = 0;
	bool good = false;

	if (field->type == SCHEMA_DURATION) {
		good = config_value_duration(text, &number);
	} else if (field->type == SCHEMA_SIZE) {
		good = config_value_size(text, &number);
	} else {
		good = span_parse_u64(span_of_string(text), &number);
	}
	if (!good || number < field->least || (field->most != 0 && number > field->most)) {
		return ERR_FORMAT;
	}
	*place = number;
	return 0;
}

static int store_letters(const struct schema_field *field, const char *text, char *place)
{
	unsigned index = 0;

	if (strcmp(field->words, "A-Z") == 0) {
		if (strlen(text) > 1 || (text[0] != '\0' && strchr(UPPER, text[0]) == NULL)) {
			return ERR_FORMAT;
		}
		place[0] = text[0];
		place[1] = '\0';
		return 0;
	}
	if (!config_value_word(field->words, text, &index) || strlen(text) != 2) {
		return ERR_FORMAT;
	}
	memcpy(place, text, 3);
	return 0;
}

int config_value_store(const struct schema_field *field, const char *text, void *place)
{
	unsigned index = 0;

	switch (field->type) {
	case SCHEMA_WORD:
		if (!config_value_word(field->words, text, &index)) {
			return ERR_FORMAT;
		}
		memcpy(place, &index, sizeof index);
		return 0;
	case SCHEMA_FLAGS:
		if (!config_value_word(field->words, text, &index)) {
			return ERR_FORMAT;
		}
		*(uint32_t *)place |= UINT32_C(1) << index;
		return 0;
	case SCHEMA_LETTERS:
		return store_letters(field, text, place);
	case SCHEMA_BOOL:
		return config_value_bool(text, place) ? 0 : ERR_FORMAT;
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
	case SCHEMA_COUNT:
		return store_number(field, text, place);
	default:
		return store_text(field, text, place);
	}
}

static const char *expected_text(const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_NAME:
		return _("a name of small letters, digits and \"-\"");
	case SCHEMA_LOGIN:
		return _("the name of a user or group");
	case SCHEMA_PATH:
		return _("an absolute path without \"..\" and without a slash at its end");
	case SCHEMA_FILENAME:
		return _("a single file name, usable on Windows too");
	case SCHEMA_URL:
		return _("an address that begins with https:// and has no slash at its end");
	case SCHEMA_PROXY:
		return _("an address such as \"http://proxy.firm.example:3128\", with a port and without a login");
	case SCHEMA_MAIL_URL:
		return _("an address such as \"smtps://smtp.firm.example:465\" or \"smtp://smtp.firm.example:587\"");
	case SCHEMA_ADDRESS:
		return _("an e-mail address such as \"office@firm.example\"");
	case SCHEMA_TIME:
		return _("a time of day such as \"07:00\"");
	case SCHEMA_PKCS11:
		return field->words != NULL && strcmp(field->words, "key") == 0
		           ? _("a key as RFC 7512 has it, such as \"pkcs11:id=%01\"")
		           : _("a token as RFC 7512 has it, such as \"pkcs11:serial=1234\", without a PIN");
	case SCHEMA_PIN:
		return _("\"prompt\", \"pinpad\", or the absolute path of a file that only root reads (never the PIN itself)");
	case SCHEMA_HEX256:
		return _("64 hexadecimal digits");
	case SCHEMA_OPTION:
		return _("name=value");
	case SCHEMA_ENVIRONMENT:
		return _("NAME=value, and no LD_ variable");
	case SCHEMA_BOOL:
		return _("true or false");
	case SCHEMA_DURATION:
		return _("a duration such as \"60 s\", \"5 min\", \"2 h\", \"30 d\" or \"0\"");
	case SCHEMA_SIZE:
		return _("a size such as \"10 MiB\"");
	case SCHEMA_COUNT:
		return _("a whole number");
	default:
		return _("one line of text");
	}
}

/* A bound in the unit it would be written in. */
static void write_quantity(const struct schema_field *field, uint64_t number, char *ret, size_t size)
{
	const struct unit *units = field->type == SCHEMA_DURATION ? durations : field->type == SCHEMA_SIZE ? sizes : NULL;
	const struct unit *best = NULL;

	for (const struct unit *unit = units; unit != NULL && unit->name != NULL; unit++) {
		if (number != 0 && number % unit->factor == 0) {
			best = unit;
		}
	}
	if (best == NULL) {
		(void)snprintf(ret, size, "%llu", (unsigned long long)number);
	} else {
		(void)snprintf(ret, size, "%llu %s", (unsigned long long)(number / best->factor), best->name);
	}
}

void config_value_expected(const struct schema_field *field, char ret[VALUE_EXPECTED_MAX])
{
	char least[40], most[40];
	size_t length = 0;

	switch (field->type) {
	case SCHEMA_WORD:
	case SCHEMA_FLAGS:
	case SCHEMA_WORD_TEXT:
		(void)snprintf(ret, VALUE_EXPECTED_MAX, _("one of %s"), field->words);
		return;
	case SCHEMA_LETTERS:
		(void)snprintf(ret, VALUE_EXPECTED_MAX, strcmp(field->words, "A-Z") == 0 ? _("one capital letter %s, or \"\"") : _("one of %s"), field->words);
		return;
	default:
		(void)snprintf(ret, VALUE_EXPECTED_MAX, "%s", expected_text(field));
	}
	if ((field->type == SCHEMA_DURATION || field->type == SCHEMA_SIZE || field->type == SCHEMA_COUNT) && field->most != 0) {
		write_quantity(field, field->least, least, sizeof least);
		write_quantity(field, field->most, most, sizeof most);
		length = strlen(ret);
		(void)snprintf(ret + length, VALUE_EXPECTED_MAX - length, _(", from %s to %s"), least, most);
	}
}
