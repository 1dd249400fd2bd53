#include "frame.h"

#include <string.h>

/* Places in the header line (FORMAT.txt, section 2). */
#define AT_INDEX 4
#define AT_TIME 17
#define AT_TYPE 42
#define AT_BATCH 59
#define AT_LENGTH 72
#define AT_CRC 78
#define INDEX_DIGITS 12
#define LENGTH_DIGITS 5
#define CRC_BYTES 4

static bool digits(const uint8_t *text, size_t count, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned digit = (unsigned)text[i] - '0';

		if (digit > 9) {
			return false;
		}
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

bool frame_number(struct bytes text, uint64_t *ret)
{
	uint64_t value = 0;

	if (text.length == 0 || (text.length > 1 && text.data[0] == '0')) {
		return false;
	}
	for (size_t i = 0; i < text.length; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
			return false;
		}
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

/* Value of a digit, X for any other byte. */
#define DIGIT_BAD 0x80
#define X DIGIT_BAD
/* clang-format off */
static const uint8_t nibbles[256] = {
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, 10, 11, 12, 13, 14, 15, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
};
/* clang-format on */
#undef X

/* One hash, without a table or a branch: the compiler makes wide steps of it. */
static bool hash_hex(const uint8_t *text, uint8_t *ret)
{
	uint8_t values[2 * AUDIT_HASH_BYTES], bad = 0;

	for (size_t i = 0; i < sizeof values; i++) {
		uint8_t digit = (uint8_t)(text[i] - '0'), letter = (uint8_t)(text[i] - 'a');

		bad |= (uint8_t)((digit > 9) & (letter > 5));
		values[i] = digit > 9 ? (uint8_t)(letter + 10) : digit;
	}
	for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
		ret[i] = (uint8_t)(values[2 * i] << 4 | values[2 * i + 1]);
	}
	return bad == 0;
}

bool frame_hex(const uint8_t *text, uint8_t *ret, size_t size)
{
	unsigned bad = 0;

	if (size == AUDIT_HASH_BYTES) {
		return hash_hex(text, ret);
	}
	for (size_t i = 0; i < size; i++) {
		unsigned high = nibbles[text[2 * i]], low = nibbles[text[2 * i + 1]];

		bad |= high | low;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return (bad & DIGIT_BAD) == 0;
}

void frame_to_hex(const uint8_t *bytes, size_t size, char *text)
{
	static const char figures[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = figures[bytes[i] >> 4];
		text[2 * i + 1] = figures[bytes[i] & 15];
	}
	text[2 * size] = '\0';
}

bool frame_step(const uint8_t *bytes, struct frame_step *ret)
{
	uint64_t length = 0;

	/* "RS J1 ", and the blanks that part the columns */
	if (bytes[0] != FRAME_SEPARATOR || bytes[1] != 'J' || bytes[2] != '1' || bytes[3] != ' ' || bytes[16] != ' ' || bytes[41] != ' ' || bytes[58] != ' ' ||
	    bytes[71] != ' ' || bytes[77] != ' ' || bytes[FRAME_HEADER_BYTES - 1] != '\n') {
		return false;
	}
	if (!digits(bytes + AT_INDEX, INDEX_DIGITS, &ret->index) || !digits(bytes + AT_BATCH, INDEX_DIGITS, &ret->batch) ||
	    !digits(bytes + AT_LENGTH, LENGTH_DIGITS, &length) || length > FRAME_BODY_MAX_BYTES) {
		return false;
	}
	ret->body_length = (size_t)length;
	return true;
}

static int64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	/* March is the first month of the year here, so that the day that comes and goes is the last one. */
	uint64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	uint64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;

	return (int64_t)days - 719468;
}

static uint64_t days_of(uint64_t year, uint64_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : days[month - 1];
}

bool frame_time(const uint8_t *text, int64_t *ret_ms)
{
	uint64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, thousandth = 0;

	if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.' || text[23] != 'Z') {
		return false;
	}
	if (!digits(text, 4, &year) || !digits(text + 5, 2, &month) || !digits(text + 8, 2, &day) || !digits(text + 11, 2, &hour) ||
	    !digits(text + 14, 2, &minute) || !digits(text + 17, 2, &second) || !digits(text + 20, 3, &thousandth)) {
		return false;
	}
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 59) {
		return false;
	}
	*ret_ms = ((days_since_1970(year, month, day) * 24 + (int64_t)hour) * 60 + (int64_t)minute) * 60000 + (int64_t)(second * 1000 + thousandth);
	return true;
}

/* Letters a-z and hyphens, then blanks alone. */
static bool type_valid(const uint8_t *type)
{
	size_t i = 0;

	while (i < FRAME_TYPE_BYTES && ((type[i] >= 'a' && type[i] <= 'z') || type[i] == '-')) {
		i++;
	}
	if (i == 0) {
		return false;
	}
	while (i < FRAME_TYPE_BYTES && type[i] == ' ') {
		i++;
	}
	return i == FRAME_TYPE_BYTES;
}

bool frame_trailer_begins(const uint8_t *bytes, uint64_t index)
{
	uint64_t told = 0;

	return bytes[0] == '.' && digits(bytes + 1, INDEX_DIGITS, &told) && told == index && bytes[1 + INDEX_DIGITS] == ' ' &&
	       bytes[FRAME_TRAILER_BYTES - 1] == '\n';
}

bool frame_trailer(const uint8_t *bytes, uint64_t index, uint8_t ret_told[AUDIT_HASH_BYTES])
{
	return frame_trailer_begins(bytes, index) && frame_hex(bytes + 2 + INDEX_DIGITS, ret_told, AUDIT_HASH_BYTES);
}

bool frame_read(struct bytes bytes, struct frame *ret)
{
	uint8_t crc[CRC_BYTES];
	struct frame_step step;

	if (bytes.length < FRAME_HEADER_BYTES + FRAME_TRAILER_BYTES || !frame_step(bytes.data, &step) ||
	    bytes.length != FRAME_HEADER_BYTES + step.body_length + FRAME_TRAILER_BYTES) {
		return false;
	}
	ret->leaf = (struct bytes){ .data = bytes.data, .length = FRAME_HEADER_BYTES + step.body_length };
	ret->body = (struct bytes){ .data = bytes.data + FRAME_HEADER_BYTES, .length = step.body_length };
	ret->index = step.index;
	ret->batch = step.batch;
	memcpy(ret->type, bytes.data + AT_TYPE, FRAME_TYPE_BYTES);
	ret->has_trailer = frame_trailer(bytes.data + ret->leaf.length, step.index, ret->told);
	if (!ret->has_trailer) {
		memset(ret->told, 0, sizeof ret->told);
	}
	if (!frame_time(bytes.data + AT_TIME, &ret->utc_ms) || !type_valid(bytes.data + AT_TYPE) || !frame_hex(bytes.data + AT_CRC, crc, sizeof crc)) {
		return false;
	}
	ret->crc = (uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 | (uint32_t)crc[3];
	return true;
}

static bool name_valid(const uint8_t *name, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = name[i];

		if ((byte < 'a' || byte > 'z') && (byte < '0' || byte > '9') && byte != '.' && byte != '-') {
			return false;
		}
	}
	return length >= 1 && length <= FRAME_NAME_MAX;
}

/* Length of the sequence that begins here, 0 when it is none (RFC 3629: shortest form, no surrogates, nothing over U+10FFFF). */
static size_t sequence(const uint8_t *at, size_t left)
{
	uint32_t code = 0, least = 0;
	size_t length = 0;

	if (at[0] < 0x80) {
		return 1;
	}
	if (at[0] >= 0xc2 && at[0] < 0xe0) {
		length = 2, code = at[0] & 0x1fU, least = 0x80;
	} else if (at[0] >= 0xe0 && at[0] < 0xf0) {
		length = 3, code = at[0] & 0x0fU, least = 0x800;
	} else if (at[0] >= 0xf0 && at[0] < 0xf5) {
		length = 4, code = at[0] & 0x07U, least = 0x10000;
	}
	if (length == 0 || length > left) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | (at[i] & 0x3fU);
	}
	return code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

bool frame_plain(struct bytes body)
{
	unsigned bad = 0;

	for (size_t i = 0; i < body.length; i++) { /* without a branch: the compiler makes wide steps of it */
		bad |= (unsigned)(body.data[i] < 0x20 && body.data[i] != '\n') | (unsigned)(body.data[i] >= 0x7f);
	}
	return bad == 0;
}

bool frame_text(struct bytes text)
{
	unsigned bad = 0, high = 0;

	for (size_t i = 0; i < text.length; i++) { /* without a branch: the compiler makes wide steps of it */
		bad |= (unsigned)(text.data[i] < 0x20) | (unsigned)(text.data[i] == 0x7f);
		high |= text.data[i];
	}
	if (bad != 0 || (high & 0x80) == 0) {
		return bad == 0;
	}
	for (size_t i = 0, length = 0; i < text.length; i += length) {
		length = sequence(text.data + i, text.length - i);
		if (length == 0) {
			return false;
		}
	}
	return true;
}

bool frame_line(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_value)
{
	const uint8_t *colon = NULL, *end = NULL;
	size_t most = rest->length < FRAME_NAME_MAX + 1 ? rest->length : FRAME_NAME_MAX + 1, left = 0;

	if (rest->length == 0) {
		return false;
	}
	colon = memchr(rest->data, ':', most);
	if (colon == NULL) {
		return false;
	}
	left = rest->length - (size_t)(colon - rest->data);
	if (left < 3 || colon[1] != ' ') {
		return false;
	}
	end = memchr(colon + 2, '\n', left - 2);
	if (end == NULL) {
		return false;
	}
	*ret_name = (struct bytes){ .data = rest->data, .length = (size_t)(colon - rest->data) };
	*ret_value = (struct bytes){ .data = colon + 2, .length = (size_t)(end - colon) - 2 };
	rest->length -= (size_t)(end + 1 - rest->data);
	rest->data = end + 1;
	return true;
}

/* Names ascend by bytes, the shorter one first. */
static bool ascends(struct bytes before, struct bytes name)
{
	size_t common = before.length < name.length ? before.length : name.length;
	int order = common == 0 ? 0 : memcmp(before.data, name.data, common);

	return order < 0 || (order == 0 && before.length < name.length);
}

bool frame_body(struct bytes body)
{
	struct bytes before = { .data = body.data, .length = 0 }, name, value;
	size_t count = 0;

	if (body.length > FRAME_BODY_MAX_BYTES) {
		return false;
	}
	while (frame_line(&body, &name, &value)) {
		if (++count > FRAME_LINES_MAX || !name_valid(name.data, name.length) || !ascends(before, name) || value.length > FRAME_VALUE_MAX ||
		    !frame_text(value)) {
			return false;
		}
		before = name;
	}
	return body.length == 0;
}

bool frame_field(struct bytes body, const char *name, struct bytes *ret)
{
	struct bytes each, value;

	while (frame_line(&body, &each, &value)) {
		if (bytes_equal(each, name)) {
			*ret = value;
			return true;
		}
	}
	return false;
}
