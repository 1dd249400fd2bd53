#include "keys_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/lines.h"

void key_text_wipe(struct key_text *text)
{
	explicit_bzero(text, sizeof *text);
}

/* The next line must have this name. */
static bool read_line(struct span *text, const char *name, struct span *ret_value)
{
	struct span found;

	return lines_next(text, &found, ret_value) && span_equals_string(found, name);
}

static bool read_generation(struct span value, uint32_t *ret)
{
	uint64_t number = 0;

	if (!span_parse_u64(value, &number) || number == 0 || number > OBJECT_GENERATION_MAX || value.data[0] == '0') {
		return false;
	}
	*ret = (uint32_t)number;
	return true;
}

static bool read_all(struct span text, struct key_text *ret)
{
	struct span value;

	return read_line(&text, "case", &value) && span_copy_string(value, ret->owner, sizeof ret->owner) && object_owner_valid(ret->owner) &&
	       read_line(&text, "generation", &value) && read_generation(value, &ret->generation) && read_line(&text, "kek", &value) &&
	       span_parse_hex(value, ret->kek, sizeof ret->kek) && read_line(&text, "origin", &value) && value.length > 0 &&
	       span_copy_string(value, ret->origin, sizeof ret->origin) && read_line(&text, "salt", &value) &&
	       span_parse_hex(value, ret->salt, sizeof ret->salt) && span_is_empty(text);
}

int key_text_parse(struct span text, struct key_text *ret)
{
	struct key_text read = { 0 };
	int err = ERR_FORMAT;

	if (text.length <= KEYS_TEXT_MAX_BYTES && lines_valid(text) && read_all(text, &read)) {
		*ret = read;
		err = 0;
	}
	key_text_wipe(&read);
	return err;
}

int key_text_format(const struct key_text *text, char *ret, size_t size)
{
	char kek[2 * KEYS_SECRET_BYTES + 1], salt[2 * KEYS_SECRET_BYTES + 1];
	int length = 0;

	if (!object_owner_valid(text->owner) || text->origin[0] == '\0' || text->generation == 0) {
		return ERR_FORMAT;
	}
	hex_encode(text->kek, sizeof text->kek, kek);
	hex_encode(text->salt, sizeof text->salt, salt);
	length =
	    snprintf(ret, size, "case: %s\ngeneration: %" PRIu32 "\nkek: %s\norigin: %s\nsalt: %s\n", text->owner, text->generation, kek, text->origin, salt);
	explicit_bzero(kek, sizeof kek);
	explicit_bzero(salt, sizeof salt);
	if (length < 0 || (size_t)length >= size || length > KEYS_TEXT_MAX_BYTES) {
		return ERR_LIMIT;
	}
	return lines_valid(span_of(ret, (size_t)length)) ? length : ERR_FORMAT;
}
