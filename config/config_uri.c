#include <string.h>

#include "config_value.h"

#define URI_MAX_BYTES 512

static bool is_in(uint8_t c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters, digits, bytes of `also` and %XX. */
static bool is_encoded(struct span text, const char *also)
{
	uint8_t c = 0;

	while (span_read_u8(&text, &c)) {
		uint8_t high = 0, low = 0;

		if (is_alphanumeric(c) || is_in(c, also)) {
			continue;
		}
		if (c != '%' || !span_read_u8(&text, &high) || !span_read_u8(&text, &low) || !is_in(high, "0123456789abcdefABCDEF") ||
		    !is_in(low, "0123456789abcdefABCDEF")) {
			return false;
		}
	}
	return true;
}

static bool is_host(struct span host)
{
	uint8_t c = 0;
	bool label = false;

	if (host.length > 253) {
		return false;
	}
	if (span_starts_with(host, "[")) {
		/* IPv6: digits and colons in brackets; the resolver has the last word. */
		struct span inside = { 0 };

		return span_read_u8(&host, &c) && span_read_until(&host, ']', &inside) && inside.length >= 2 && span_is_empty(host) && is_encoded(inside, ":.");
	}
	while (span_read_u8(&host, &c)) {
		if (c == '.' && !label) {
			return false;
		}
		label = c != '.';
		if (!is_alphanumeric(c) && c != '-' && c != '.') {
			return false;
		}
	}
	return label;
}

static bool is_port(struct span port)
{
	uint64_t number = 0;

	return span_parse_u64(port, &number) && number > 0 && number <= 65535;
}

/* The last ":" that is not inside brackets splits host and port. */
static bool is_authority(struct span authority)
{
	size_t colon = authority.length;

	for (size_t i = authority.length; i > 0; i--) {
		if (authority.data[i - 1] == ']') {
			break;
		}
		if (authority.data[i - 1] == ':') {
			colon = i - 1;
			break;
		}
	}
	if (colon == authority.length) {
		return is_host(authority);
	}
	return is_host(span_of(authority.data, colon)) && is_port(span_of(authority.data + colon + 1, authority.length - colon - 1));
}

bool config_value_url(const char *text)
{
	struct span left = span_of_string(text);
	struct span authority = { 0 };
	struct span scheme = { 0 };

	if (left.length > URI_MAX_BYTES || !span_starts_with(left, "https://") || !span_read_bytes(&left, strlen("https://"), &scheme)) {
		return false;
	}
	if (!span_read_until(&left, '/', &authority)) {
		return is_authority(left);
	}
	return is_authority(authority) && left.length > 0 && left.data[left.length - 1] != '/' && is_encoded(left, "-._~!$&'()*+,;=:@/");
}

/* host:port after one scheme. With a port: what is meant without one is not agreed on (80, 1080, 3128; 25, 465, 587). */
static bool is_endpoint(const char *text, const char *scheme)
{
	struct span left = span_of_string(text), begin = { 0 };
	const char *colon = strrchr(text, ':');

	return left.length <= URI_MAX_BYTES && span_starts_with(left, scheme) && span_read_bytes(&left, strlen(scheme), &begin) && is_authority(left) &&
	       colon[1] >= '0' && colon[1] <= '9' && colon > text + strlen(scheme);
}

bool config_value_proxy(const char *text)
{
	return is_endpoint(text, "http://");
}

bool config_value_mail_url(const char *text)
{
	return is_endpoint(text, "smtps://") || is_endpoint(text, "smtp://");
}

static const char *const path_names[] = { "token",  "manufacturer", "serial", "model",   "library-manufacturer", "library-description", "library-version",
	                                  "object", "type",         "id",     "slot-id", "slot-description",     "slot-manufacturer",   NULL };
static const char *const query_names[] = { "module-name", "module-path", NULL };

/* Index of a name in a list, or -1. */
static int find_name(const char *const *names, struct span name)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (span_equals_string(name, names[i])) {
			return i;
		}
	}
	return -1;
}

/* name=value, separated; each name once. *ret_seen: a bit per name. */
static bool read_attributes(struct span text, uint8_t separator, const char *const *names, const char *also, uint32_t *ret_seen)
{
	*ret_seen = 0;
	while (!span_is_empty(text)) {
		struct span attribute = text;
		struct span name = { 0 };
		int index = -1;
		bool more = span_read_until(&text, separator, &attribute);

		if (!more) {
			text = (struct span){ 0 };
		}
		if (!span_read_until(&attribute, '=', &name)) {
			return false;
		}
		index = find_name(names, name);
		if (index < 0 || (*ret_seen & (UINT32_C(1) << index)) != 0 || !is_encoded(attribute, also)) {
			return false;
		}
		*ret_seen |= UINT32_C(1) << index;
		if (more && span_is_empty(text)) {
			return false;
		}
	}
	return true;
}

bool config_value_pkcs11(const char *text, bool need_object)
{
	struct span left = span_of_string(text);
	struct span path = { 0 };
	struct span scheme = { 0 };
	uint32_t seen = 0, asked = 0;
	uint32_t object = (UINT32_C(1) << find_name(path_names, span_of_string("object"))) | (UINT32_C(1) << find_name(path_names, span_of_string("id")));

	if (left.length > URI_MAX_BYTES || !span_starts_with(left, "pkcs11:") || !span_read_bytes(&left, strlen("pkcs11:"), &scheme)) {
		return false;
	}
	if (!span_read_until(&left, '?', &path)) {
		path = left;
		left = (struct span){ 0 };
	}
	/* pin-value and pin-source are not among the names: a PIN comes from `pin` only. */
	return read_attributes(path, ';', path_names, "-._~:[]@!$'()*+,=&", &seen) && read_attributes(left, '&', query_names, "-._~:[]@!$'()*+,=/?|", &asked) &&
	       (!need_object || (seen & object) != 0);
}
