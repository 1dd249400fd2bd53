#include "facts.h"

#include <stdio.h>
#include <string.h>

#include "tree.h"

#define HEX_BYTES ((size_t)2 * AUDIT_HASH_BYTES)

bool by_read(struct bytes by, int64_t *ret_uid)
{
	uint64_t uid = 0;

	if (bytes_equal(by, "box")) {
		*ret_uid = -1;
		return true;
	}
	if (by.length < 5 || memcmp(by.data, "uid:", 4) != 0 || !frame_number((struct bytes){ .data = by.data + 4, .length = by.length - 4 }, &uid) ||
	    uid > UINT32_MAX) {
		return false;
	}
	*ret_uid = (int64_t)uid;
	return true;
}

bool case_key(struct bytes number, uint64_t *ret)
{
	uint64_t letter = 0, year = 0, count = 0;

	if (number.length == 12) {
		if (number.data[0] < 'A' || number.data[0] > 'Z') {
			return false;
		}
		letter = (uint64_t)(number.data[0] - 'A') + 1;
		number.data++;
		number.length--;
	}
	if (number.length != 11 || number.data[4] != '-') {
		return false;
	}
	for (size_t i = 0; i < number.length; i++) {
		unsigned digit = (unsigned)number.data[i] - '0';

		if (i != 4 && digit > 9) {
			return false;
		}
		year = i < 4 ? year * 10 + digit : year;
		count = i > 4 ? count * 10 + digit : count;
	}
	*ret = (UINT64_C(1) << 40) | letter << 34 | year << 20 | count;
	return true;
}

void case_text(uint64_t key, char ret[CASE_NUMBER_SIZE])
{
	unsigned letter = (unsigned)(key >> 34 & 63), year = (unsigned)(key >> 20 & 16383), count = (unsigned)(key & 1048575);
	char first[2] = { letter == 0 ? '\0' : (char)('A' + letter - 1), '\0' };

	(void)snprintf(ret, CASE_NUMBER_SIZE, "%s%04u-%06u", first, year % 10000, count % 1000000);
}

static bool take_word(struct bytes *rest, struct bytes *ret)
{
	const uint8_t *blank = rest->length == 0 ? NULL : memchr(rest->data, ' ', rest->length);

	if (blank == NULL) {
		return false;
	}
	*ret = (struct bytes){ .data = rest->data, .length = (size_t)(blank - rest->data) };
	rest->length -= ret->length + 1;
	rest->data = blank + 1;
	return true;
}

bool object_ref_part(const struct object_ref *ref, size_t n, uint8_t ret[AUDIT_HASH_BYTES])
{
	return n < ref->part_count && frame_hex(ref->parts.data + n * (HEX_BYTES + 1), ret, AUDIT_HASH_BYTES);
}

bool object_ref_read(struct bytes value, struct object_ref *ret)
{
	struct bytes size, generation, commitment;
	uint64_t number = 0;
	uint8_t part[AUDIT_HASH_BYTES];

	if (!take_word(&value, &size) || !take_word(&value, &generation) || !take_word(&value, &commitment) || !frame_number(size, &ret->size) ||
	    !frame_number(generation, &number) || number == 0 || number > UINT32_MAX || commitment.length != HEX_BYTES ||
	    !frame_hex(commitment.data, ret->commitment, AUDIT_HASH_BYTES)) {
		return false;
	}
	if (value.length < HEX_BYTES || (value.length + 1) % (HEX_BYTES + 1) != 0) {
		return false;
	}
	ret->generation = (uint32_t)number;
	ret->parts = value;
	ret->part_count = (value.length + 1) / (HEX_BYTES + 1);
	for (size_t n = 0; n < ret->part_count; n++) {
		if (!object_ref_part(ret, n, part) || (n > 0 && value.data[n * (HEX_BYTES + 1) - 1] != ',')) {
			return false;
		}
	}
	/* Each part but the last carries exactly OBJECT_PART_BYTES; empty content has one part. */
	return ret->part_count == (ret->size == 0 ? 1 : (ret->size + OBJECT_PART_BYTES - 1) / OBJECT_PART_BYTES);
}

static void bad_value(struct fact *fact, unsigned field)
{
	fact->faults |= FAULT_VALUE;
	fact->bad_field = (uint8_t)field;
}

/* Values that have one form whatever the type. */
static void read_value(struct fact *fact, unsigned field, struct bytes value)
{
	struct object_ref ref;
	int64_t uid = 0;

	if (field < FIELD_OBJECT + ROLE_COUNT) {
		if (!object_ref_read(value, &ref)) {
			bad_value(fact, field);
		}
	} else if (field == FIELD_CASE) {
		if (!case_key(value, &fact->case_key)) {
			bad_value(fact, field);
		}
	} else if (field == FIELD_PREV) {
		fact->has_prev = value.length == HEX_BYTES && frame_hex(value.data, fact->prev, AUDIT_HASH_BYTES);
		if (!fact->has_prev) {
			bad_value(fact, field);
		}
	} else if (field == FIELD_BY && !by_read(value, &uid)) {
		bad_value(fact, field);
	}
}

static bool ascends(struct bytes before, struct bytes name)
{
	size_t common = before.length < name.length ? before.length : name.length;
	int order = common == 0 ? 0 : memcmp(before.data, name.data, common);

	return order < 0 || (order == 0 && before.length < name.length);
}

/* frame_body and the table in one walk: a name that the table has is a good name. */
static void read_body(const struct rules *rules, struct fact *fact)
{
	const struct rule *rule = fact->type == RULE_NONE ? NULL : &rules->rule[fact->type];
	struct bytes rest = fact->body, before = { .data = rest.data, .length = 0 }, name, value;
	bool plain = frame_plain(fact->body);
	size_t count = 0;

	while (frame_line(&rest, &name, &value)) {
		uint8_t field = rules_field(rules, name.data, name.length);

		if (++count > FRAME_LINES_MAX || !ascends(before, name) || value.length > FRAME_VALUE_MAX || (!plain && !frame_text(value))) {
			fact->faults |= FAULT_BODY;
			return;
		}
		before = name;
		if (field == RULE_NONE || rule == NULL || !field_in(&rule->allowed, field)) {
			fact->faults |= rule == NULL ? 0 : FAULT_FIELD;
			continue;
		}
		field_add(&fact->fields, field);
		fact->where[field].at = (uint16_t)(value.data - fact->body.data);
		fact->where[field].length = (uint16_t)value.length;
		read_value(fact, field, value);
	}
	if (rest.length != 0 || ((fact->faults & FAULT_FIELD) != 0 && !frame_body(fact->body))) {
		fact->faults |= FAULT_BODY;
	}
}

static void check_required(const struct rules *rules, struct fact *fact)
{
	const struct rule *rule = &rules->rule[fact->type];
	bool object = false;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		object = object || fact_has(fact, FIELD_OBJECT + i);
	}
	if (rule->needs_object && !object) {
		fact->faults |= FAULT_REQUIRED;
		fact->bad_field = FIELD_OBJECT;
	}
	for (unsigned word = 0; word < FIELDS_MAX / 64; word++) {
		for (uint64_t left = rule->required.bits[word]; left != 0; left &= left - 1) {
			unsigned field = 64 * word + (unsigned)__builtin_ctzll(left);

			if (fact_value(fact, field).length == 0) {
				fact->faults |= FAULT_REQUIRED;
				fact->bad_field = (uint8_t)field;
			}
		}
	}
	if (rule->of_case && fact->case_key == 0) {
		fact->faults |= FAULT_REQUIRED;
		fact->bad_field = FIELD_CASE;
	}
}

void fact_read(const struct rules *rules, struct bytes bytes, uint64_t index, struct fact *ret, uint8_t ret_leaf[AUDIT_HASH_BYTES])
{
	struct bytes leaf = { .data = bytes.data, .length = bytes.length - FRAME_TRAILER_BYTES };
	uint8_t told[AUDIT_HASH_BYTES];
	struct frame frame;
	bool good = frame_read(bytes, &frame);

	ret->index = ret->batch = index;
	ret->case_key = 0;
	ret->utc_ms = 0;
	ret->leaf = leaf;
	ret->body = (struct bytes){ .data = bytes.data, .length = 0 };
	ret->faults = good ? 0 : FAULT_HEADER;
	ret->type = ret->bad_field = RULE_NONE;
	ret->has_prev = false;
	ret->fields = (struct field_set){ 0 };
	tree_leaf(leaf, ret_leaf);
	if (good && frame.index == index ? !frame.has_trailer : !frame_trailer(bytes.data + leaf.length, index, told)) {
		ret->faults |= FAULT_TRAILER;
	} else if (memcmp(good && frame.index == index ? frame.told : told, ret_leaf, sizeof told) != 0) {
		ret->faults |= FAULT_HASH;
		memcpy(ret_leaf, good && frame.index == index ? frame.told : told, sizeof told);
	}
	if (!good) {
		return;
	}
	ret->faults |= frame.index != index ? FAULT_INDEX : 0;
	ret->faults |= frame_crc(frame.body) != frame.crc ? FAULT_CRC : 0;
	ret->batch = frame.batch;
	ret->utc_ms = frame.utc_ms;
	ret->body = frame.body;
	ret->type = rules_type(rules, frame.type);
	ret->faults |= ret->type == RULE_NONE ? FAULT_TYPE : 0;
	read_body(rules, ret);
	if (ret->type != RULE_NONE && (ret->faults & FAULT_BODY) == 0) {
		check_required(rules, ret);
	}
}
