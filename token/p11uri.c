#include "p11uri.h"

#include <string.h>

#include "../appliance/base/err.h"

#define SCHEME "pkcs11:"

enum attribute { A_TOKEN, A_MANUFACTURER, A_SERIAL, A_MODEL, A_OBJECT, A_TYPE, A_ID, A_KNOWN };

/* Lawful in the RFC, without a meaning here: better refused than silently ignored, for the URI would match more than its writer meant. */
static const char *const unsupported[] = {
	"library-manufacturer", "library-description", "library-version", "slot-manufacturer", "slot-description", "slot-id"
};
static const char *const names[A_KNOWN] = { "token", "manufacturer", "serial", "model", "object", "type", "id" };

static int fail(int err, const char *why, const char **ret_why)
{
	*ret_why = why;
	return err;
}

static bool read_hex_digit(struct span *from, unsigned *ret)
{
	uint8_t c = 0;

	if (!span_read_u8(from, &c)) {
		return false;
	}
	if (c >= '0' && c <= '9') {
		*ret = (unsigned)c - '0';
	} else if (c >= 'a' && c <= 'f') {
		*ret = (unsigned)c - 'a' + 10;
	} else if (c >= 'A' && c <= 'F') {
		*ret = (unsigned)c - 'A' + 10;
	} else {
		return false;
	}
	return true;
}

/* RFC 7512 section 2.3: pk11-pchar = unreserved / pk11-res-avail / "&" / pct-encoded. */
static bool is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != 0 && strchr("-._~:[]@!$'()*+,=&", c) != NULL);
}

static int decode(struct span value, uint8_t *ret, size_t size, size_t *ret_length, const char **ret_why)
{
	size_t have = 0;
	uint8_t c = 0;

	while (span_read_u8(&value, &c)) {
		unsigned high = 0, low = 0;

		if (c == '%') {
			if (!read_hex_digit(&value, &high) || !read_hex_digit(&value, &low)) {
				return fail(ERR_FORMAT, "% without two hexadecimal digits", ret_why);
			}
			c = (uint8_t)(high << 4 | low);
		} else if (!is_plain(c)) {
			return fail(ERR_FORMAT, "a character that must be percent-encoded", ret_why);
		}
		if (have == size) {
			return fail(ERR_LIMIT, "a value is too long", ret_why);
		}
		ret[have++] = c;
	}
	*ret_length = have;
	return 0;
}

static int decode_text(struct span value, char *ret, size_t size, const char **ret_why)
{
	uint8_t raw[P11URI_VALUE_MAX_BYTES];
	size_t length = 0;
	int err = decode(value, raw, size - 1 < sizeof raw ? size - 1 : sizeof raw, &length, ret_why);

	if (err != 0) {
		return err;
	}
	if (length == 0) {
		return fail(ERR_FORMAT, "an empty value", ret_why);
	}
	if (!span_is_utf8(span_of(raw, length)) || !span_copy_string(span_of(raw, length), ret, size)) {
		return fail(ERR_FORMAT, "a value is not UTF-8 text", ret_why);
	}
	return 0;
}

static int set_type(struct span value, enum p11uri_type *ret, const char **ret_why)
{
	if (span_equals_string(value, "private")) {
		*ret = P11URI_PRIVATE;
	} else if (span_equals_string(value, "public")) {
		*ret = P11URI_PUBLIC;
	} else if (span_equals_string(value, "cert")) {
		*ret = P11URI_CERT;
	} else {
		return fail(ERR_UNSUPPORTED, "type= must be private, public or cert", ret_why);
	}
	return 0;
}

static int set_attribute(struct p11uri *uri, enum attribute which, struct span value, const char **ret_why)
{
	switch (which) {
	case A_TOKEN:
		return decode_text(value, uri->token, sizeof uri->token, ret_why);
	case A_MANUFACTURER:
		return decode_text(value, uri->manufacturer, sizeof uri->manufacturer, ret_why);
	case A_SERIAL:
		return decode_text(value, uri->serial, sizeof uri->serial, ret_why);
	case A_MODEL:
		return decode_text(value, uri->model, sizeof uri->model, ret_why);
	case A_OBJECT:
		return decode_text(value, uri->object, sizeof uri->object, ret_why);
	case A_TYPE:
		return set_type(value, &uri->type, ret_why);
	case A_ID:
		if (span_is_empty(value)) {
			return fail(ERR_FORMAT, "an empty value", ret_why);
		}
		return decode(value, uri->id, sizeof uri->id, &uri->id_length, ret_why);
	case A_KNOWN:
		break;
	}
	return ERR_INTERNAL;
}

static int find_attribute(struct span name, enum attribute *ret, const char **ret_why)
{
	for (size_t i = 0; i < A_KNOWN; i++) {
		if (span_equals_string(name, names[i])) {
			*ret = (enum attribute)i;
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
		if (span_equals_string(name, unsupported[i])) {
			return fail(ERR_UNSUPPORTED, "library- and slot- attributes are not supported", ret_why);
		}
	}
	return fail(ERR_FORMAT, "an unknown attribute", ret_why);
}

/* One `name=value`, up to the next ';' or the end. */
static int read_attribute(struct span *from, struct p11uri *uri, unsigned *seen, const char **ret_why)
{
	struct span part, name;
	enum attribute which = A_KNOWN;
	int err = ERR_INTERNAL;

	if (!span_read_until(from, ';', &part)) {
		(void)span_read_bytes(from, from->length, &part);
	} else if (span_is_empty(*from)) {
		return fail(ERR_FORMAT, "nothing after the last ;", ret_why);
	}
	if (!span_read_until(&part, '=', &name)) {
		return fail(ERR_FORMAT, "an attribute without =", ret_why);
	}
	err = find_attribute(name, &which, ret_why);
	if (err != 0) {
		return err;
	}
	if ((*seen & 1U << which) != 0) {
		return fail(ERR_FORMAT, "an attribute stands there twice", ret_why);
	}
	*seen |= 1U << which;
	return set_attribute(uri, which, part, ret_why);
}

int p11uri_parse(struct span text, struct p11uri *ret, const char **ret_why)
{
	struct p11uri uri = { .type = P11URI_ANY };
	struct span scheme, query = text;
	unsigned seen = 0;

	if (text.length > P11URI_TEXT_MAX_BYTES) {
		return fail(ERR_LIMIT, "the URI is too long", ret_why);
	}
	if (!span_starts_with(text, SCHEME) || !span_read_bytes(&text, strlen(SCHEME), &scheme)) {
		return fail(ERR_FORMAT, "the URI must begin with pkcs11:", ret_why);
	}
	if (span_read_until(&query, '?', &scheme)) {
		return fail(ERR_UNSUPPORTED, "a query part (after ?) is not supported", ret_why);
	}
	while (!span_is_empty(text)) {
		int err = read_attribute(&text, &uri, &seen, ret_why);

		if (err != 0) {
			return err;
		}
	}
	*ret = uri;
	return 0;
}
