#include "wire.h"

#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/lines.h"
#include "wire_schema.h"

#define HEADER_BYTES 24
#define FIELD_HEADER_BYTES 6

static const uint8_t magic[4] = { 'P', 'D', 'W', WIRE_VERSION };

void wire_begin(struct wire_message *message, enum wire_type type, uint64_t id, uint64_t deadline_ms)
{
	memset(message, 0, sizeof *message);
	message->type = type;
	message->id = id;
	message->deadline_ms = deadline_ms;
}

void wire_put_bytes(struct wire_message *message, enum wire_field tag, struct span value)
{
	/* One too many is kept as a count that wire_encode refuses: composing needs no error checks of its own. */
	if (message->field_count < WIRE_FIELDS_MAX) {
		message->fields[message->field_count].tag = tag;
		message->fields[message->field_count].value = value;
	}
	message->field_count++;
}

void wire_put_string(struct wire_message *message, enum wire_field tag, const char *value)
{
	wire_put_bytes(message, tag, span_of_string(value));
}

static void put_little_endian(uint8_t *to, uint64_t value, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		to[i] = (uint8_t)(value >> (8 * i));
	}
}

void wire_put_number(struct wire_message *message, enum wire_field tag, uint64_t value)
{
	size_t place = message->field_count;

	if (place < WIRE_FIELDS_MAX) {
		put_little_endian(message->numbers[place], value, 8);
		wire_put_bytes(message, tag, span_of(message->numbers[place], 8));
	} else {
		message->field_count++;
	}
}

void wire_put_fd(struct wire_message *message, int fd)
{
	if (message->fd_count < WIRE_FDS_MAX) {
		message->fds[message->fd_count] = fd;
	}
	message->fd_count++;
}

static bool value_fits_kind(enum wire_kind kind, struct span value)
{
	switch (kind) {
	case KIND_NUMBER:
		return value.length == 8;
	case KIND_HASH:
		return value.length == 32;
	case KIND_STRING:
		return value.length <= WIRE_STRING_MAX_BYTES && span_is_utf8(value);
	case KIND_LINES:
		return lines_valid(value);
	case KIND_BYTES:
		return true;
	case KIND_NONE:
	default:
		return false;
	}
}

/* NULL when the message fits the rule; otherwise what is wrong. Both directions use it: a sender's bug is found at the sender. */
static const char *find_fault(const struct wire_message *message, enum wire_role from, enum wire_role to)
{
	const struct wire_rule *rule = NULL;
	uint64_t seen = 0;

	if (message->type <= WIRE_NONE || message->type >= WIRE_TYPE_COUNT) {
		return "unknown type";
	}
	rule = &wire_rules[message->type];
	if ((rule->from & (uint32_t)from) == 0 || (rule->to & (uint32_t)to) == 0) {
		return "wrong direction";
	}
	if (message->fd_count < rule->fds_least || message->fd_count > rule->fds_most) {
		return "wrong number of descriptors";
	}
	if (rule->answer != 0 && message->id == 0) {
		return "request without id";
	}
	if (message->field_count > WIRE_FIELDS_MAX) {
		return "too many fields";
	}
	for (size_t i = 0; i < message->field_count; i++) {
		enum wire_field tag = message->fields[i].tag;
		uint64_t bit = 0;

		if (tag <= WIRE_F_NONE || tag >= WIRE_FIELD_COUNT) {
			return "unknown field";
		}
		bit = UINT64_C(1) << tag;
		if (((rule->required | rule->optional) & bit) == 0) {
			return "unexpected field";
		}
		if ((seen & bit) != 0 && (rule->repeatable & bit) == 0) {
			return "field twice";
		}
		if (!value_fits_kind(wire_kinds[tag], message->fields[i].value)) {
			return "malformed field";
		}
		seen |= bit;
	}
	return (seen & rule->required) == rule->required ? NULL : "missing field";
}

int wire_encode(const struct wire_message *message, enum wire_role from, enum wire_role to, uint8_t *ret, size_t size)
{
	size_t have = HEADER_BYTES;

	if (find_fault(message, from, to) != NULL) {
		return ERR_PROTOCOL;
	}
	for (size_t i = 0; i < message->field_count; i++) {
		have += FIELD_HEADER_BYTES + message->fields[i].value.length;
	}
	if (have > size || have > WIRE_MESSAGE_MAX_BYTES) {
		return ERR_LIMIT;
	}
	memcpy(ret, magic, sizeof magic);
	put_little_endian(ret + 4, (uint64_t)message->type, 2);
	put_little_endian(ret + 6, message->field_count, 2);
	put_little_endian(ret + 8, message->id, 8);
	put_little_endian(ret + 16, message->deadline_ms, 8);
	have = HEADER_BYTES;
	for (size_t i = 0; i < message->field_count; i++) {
		struct span value = message->fields[i].value;

		put_little_endian(ret + have, (uint64_t)message->fields[i].tag, 2);
		put_little_endian(ret + have + 2, value.length, 4);
		if (value.length > 0) {
			memcpy(ret + have + FIELD_HEADER_BYTES, value.data, value.length);
		}
		have += FIELD_HEADER_BYTES + value.length;
	}
	return (int)have;
}

static bool read_packet(struct span packet, struct wire_message *ret)
{
	struct span mark;
	uint16_t type = 0, count = 0;

	if (!span_read_bytes(&packet, sizeof magic, &mark) || !span_equals(mark, span_of(magic, sizeof magic)) || !span_read_u16(&packet, &type) ||
	    !span_read_u16(&packet, &count) || !span_read_u64(&packet, &ret->id) || !span_read_u64(&packet, &ret->deadline_ms) || type >= WIRE_TYPE_COUNT ||
	    count > WIRE_FIELDS_MAX) {
		return false;
	}
	ret->type = (enum wire_type)type;
	ret->field_count = count;
	for (size_t i = 0; i < count; i++) {
		uint16_t tag = 0;
		uint32_t length = 0;

		if (!span_read_u16(&packet, &tag) || !span_read_u32(&packet, &length) || tag >= WIRE_FIELD_COUNT ||
		    !span_read_bytes(&packet, length, &ret->fields[i].value)) {
			return false;
		}
		ret->fields[i].tag = (enum wire_field)tag;
	}
	return span_is_empty(packet);
}

int wire_decode(struct span packet, enum wire_role from, enum wire_role to, struct wire_message *ret, const char **ret_why)
{
	const char *fault = NULL;

	if (packet.length > WIRE_MESSAGE_MAX_BYTES || !read_packet(packet, ret)) {
		*ret_why = "malformed packet";
		return ERR_PROTOCOL;
	}
	fault = find_fault(ret, from, to);
	if (fault != NULL) {
		*ret_why = fault;
		return ERR_PROTOCOL;
	}
	return 0;
}

bool wire_nth(const struct wire_message *message, enum wire_field tag, size_t n, struct span *ret)
{
	for (size_t i = 0; i < message->field_count; i++) {
		if (message->fields[i].tag == tag && n-- == 0) {
			*ret = message->fields[i].value;
			return true;
		}
	}
	return false;
}

bool wire_has(const struct wire_message *message, enum wire_field tag)
{
	struct span ignored;

	return wire_nth(message, tag, 0, &ignored);
}

uint64_t wire_number(const struct wire_message *message, enum wire_field tag, uint64_t otherwise)
{
	struct span value;
	uint64_t number = otherwise;

	if (wire_nth(message, tag, 0, &value)) {
		(void)span_read_u64(&value, &number);
	}
	return number;
}

struct span wire_span(const struct wire_message *message, enum wire_field tag)
{
	struct span value = span_of("", 0);

	(void)wire_nth(message, tag, 0, &value);
	return value;
}

bool wire_string(const struct wire_message *message, enum wire_field tag, char *ret, size_t size)
{
	return span_copy_string(wire_span(message, tag), ret, size);
}

int wire_take_fd(struct wire_message *message, size_t n)
{
	int fd = -1;

	if (n < message->fd_count && n < WIRE_FDS_MAX) {
		fd = message->fds[n];
		message->fds[n] = -1;
	}
	return fd;
}

void wire_message_free(struct wire_message *message)
{
	for (size_t i = 0; message->owns_fds && i < message->fd_count && i < WIRE_FDS_MAX; i++) {
		if (message->fds[i] >= 0) {
			(void)close(message->fds[i]);
			message->fds[i] = -1;
		}
	}
	message->fd_count = 0;
}

const char *wire_type_name(enum wire_type type)
{
	return type > WIRE_NONE && type < WIRE_TYPE_COUNT ? wire_rules[type].name : "?";
}

const char *wire_role_name(enum wire_role role)
{
	static const char *const names[] = { "parent", "hub", "store", "token", "partner", "job", "transport", "session", "cli" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if ((uint32_t)role == UINT32_C(1) << i) {
			return names[i];
		}
	}
	return "?";
}
