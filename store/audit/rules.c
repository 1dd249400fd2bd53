#include "rules.h"

#include <stdio.h>
#include <string.h>

#define COMMON_CASE "fields that every record of a case may carry:\n"
#define COMMON_BOX "fields that every record of the box may carry:\n"

static const char *const field_names[FIELD_KNOWN] = {
	"object-attachment",
	"object-confirmation",
	"object-content",
	"object-name",
	"object-original",
	"object-peer",
	"object-receipt",
	"object-reply",
	"object-report",
	"object-request",
	"object-signed",
	"case",
	"prev",
	"by",
	"reason",
	"detail",
	"answers",
	"intent",
	"verdict",
	"result",
	"evidence",
	"owes",
	"approval",
	"purpose",
	"stage",
	"asked-by",
	"keep-until",
	"event",
	"place",
	"file",
	"tsa",
	"size",
	"root",
	"sha256",
	"first",
	"last",
	"count",
	"accepted",
	"time",
	"until",
	"used",
	"policy",
	"off-ms",
	"serial",
	"attempt",
};

static const char *const type_names[TYPE_KNOWN] = {
	"boot",   "clock-accepted", "rolled-back", "recovered", "anchor",   "segment", "received", "recognised", "approved", "intent", "abandoned",
	"signed", "stamped",        "request",     "sending",   "not-sent", "unclear", "reply",    "verified",   "closed",   "erased", "archived",
};

static uint32_t hash_of(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < length; i++) {
		hash = (hash ^ at[i]) * 16777619U;
	}
	return hash ^ hash >> 15;
}

/* Of the length and three bytes: enough for the few names of one table, and every line of every record asks for one. */
static uint32_t name_slot(const uint8_t *name, size_t length)
{
	uint32_t bytes = (uint32_t)name[0] | (uint32_t)name[length / 2] << 8 | (uint32_t)name[length - 1] << 16 | (uint32_t)(length & 0xff) << 24;

	return bytes * 2654435769U >> (32 - FIELD_SLOT_BITS); /* 2^32 divided by the golden ratio */
}

uint8_t rules_field(const struct rules *rules, const uint8_t *name, size_t length)
{
	uint32_t slot = 0;

	if (length == 0 || length > FRAME_NAME_MAX) {
		return RULE_NONE;
	}
	slot = name_slot(name, length);
	while (rules->field_hash[slot] != RULE_NONE) {
		const char *each = rules->field[rules->field_hash[slot]];

		if (memcmp(each, name, length) == 0 && each[length] == '\0') {
			return rules->field_hash[slot];
		}
		slot = (slot + 1) % sizeof rules->field_hash;
	}
	return RULE_NONE;
}

uint8_t rules_type(const struct rules *rules, const char padded[FRAME_TYPE_BYTES])
{
	uint32_t slot = hash_of(padded, FRAME_TYPE_BYTES) % sizeof rules->type_hash;

	while (rules->type_hash[slot] != RULE_NONE) {
		if (memcmp(rules->rule[rules->type_hash[slot]].padded, padded, FRAME_TYPE_BYTES) == 0) {
			return rules->type_hash[slot];
		}
		slot = (slot + 1) % sizeof rules->type_hash;
	}
	return RULE_NONE;
}

static bool field_intern(struct rules *rules, struct bytes name, unsigned *ret)
{
	uint8_t found = rules_field(rules, name.data, name.length);

	if (found == RULE_NONE) {
		uint32_t slot = 0;

		if (rules->field_count == FIELDS_MAX || name.length == 0 || name.length > FRAME_NAME_MAX) {
			return false;
		}
		slot = name_slot(name.data, name.length);
		while (rules->field_hash[slot] != RULE_NONE) {
			slot = (slot + 1) % sizeof rules->field_hash;
		}
		found = (uint8_t)rules->field_count++;
		memcpy(rules->field[found], name.data, name.length);
		rules->field_hash[slot] = found;
	}
	*ret = found;
	return true;
}

/* --- reading the text -------------------------------------------------------------------------------------------------------------------------------- */

static bool next_line(struct bytes *rest, struct bytes *ret)
{
	const uint8_t *end = rest->length == 0 ? NULL : memchr(rest->data, '\n', rest->length);

	if (end == NULL) {
		return false;
	}
	*ret = (struct bytes){ .data = rest->data, .length = (size_t)(end - rest->data) };
	rest->length -= ret->length + 1;
	rest->data = end + 1;
	return true;
}

static bool next_word(struct bytes *rest, struct bytes *ret)
{
	while (rest->length > 0 && rest->data[0] == ' ') {
		rest->data++;
		rest->length--;
	}
	*ret = (struct bytes){ .data = rest->data, .length = 0 };
	while (rest->length > 0 && rest->data[0] != ' ') {
		rest->data++;
		rest->length--;
		ret->length++;
	}
	return ret->length > 0;
}

/* What stands behind the first place of `words`. */
static bool after(struct bytes text, const char *words, struct bytes *ret)
{
	const uint8_t *found = memmem(text.data, text.length, words, strlen(words));

	if (found == NULL) {
		return false;
	}
	found += strlen(words);
	*ret = (struct bytes){ .data = found, .length = text.length - (size_t)(found - text.data) };
	return true;
}

static bool read_fields(struct rules *rules, struct bytes list, struct field_set *set, bool *ret_object)
{
	struct bytes word;

	while (next_word(&list, &word)) {
		unsigned field = 0;

		if (bytes_equal(word, "object-*")) {
			*ret_object = true;
		} else if (!bytes_equal(word, "none")) {
			if (!field_intern(rules, word, &field)) {
				return false;
			}
			field_add(set, field);
		}
	}
	return true;
}

static bool read_common(struct rules *rules, struct bytes text, const char *title, struct field_set *ret)
{
	struct bytes rest, line;
	bool object = false;

	if (!after(text, title, &rest) || !next_line(&rest, &line) || !read_fields(rules, line, ret, &object)) {
		return false;
	}
	for (unsigned i = 0; object && i < ROLE_COUNT; i++) {
		field_add(ret, FIELD_OBJECT + i);
	}
	return true;
}

/* A line of the table, "  key: words" with perhaps "  key: words" behind it. */
static bool key_words(struct bytes line, const char *key, struct bytes *ret)
{
	const uint8_t *second = NULL;

	if (!after(line, key, ret)) {
		return false;
	}
	second = memmem(ret->data, ret->length, "  ", 2);
	if (second != NULL) {
		ret->length = (size_t)(second - ret->data);
	}
	return true;
}

static uint8_t type_by_name(const struct rules *rules, struct bytes name)
{
	char padded[FRAME_TYPE_BYTES];

	if (name.length > sizeof padded) {
		return RULE_NONE;
	}
	memset(padded, ' ', sizeof padded);
	memcpy(padded, name.data, name.length);
	return rules_type(rules, padded);
}

static bool read_follows(const struct rules *rules, struct rule *rule, struct bytes list)
{
	struct bytes word;

	while (next_word(&list, &word)) {
		uint8_t type = type_by_name(rules, word);

		if (bytes_equal(word, "any")) {
			rule->follows_any = true;
		} else if (bytes_equal(word, "-")) {
			rule->begins = true;
		} else if (type != RULE_NONE) {
			rule->follows |= UINT64_C(1) << type;
		} else if (!bytes_equal(word, "none")) {
			return false;
		}
	}
	return true;
}

/* One entry: the lines of section "type / typ" under its name. */
static bool read_entry(struct rules *rules, struct rule *rule, struct bytes *rest)
{
	struct bytes of, required, optional, follows, words;

	if (!next_line(rest, &of) || !next_line(rest, &required) || !next_line(rest, &optional) || !next_line(rest, &follows)) {
		return false;
	}
	if (!key_words(of, "  of: ", &words) || !(bytes_equal(words, "case") || bytes_equal(words, "box"))) {
		return false;
	}
	rule->of_case = bytes_equal(words, "case");
	rule->allowed = rule->of_case ? rules->common_case : rules->common_box;
	if (!key_words(required, "  required: ", &words) || !read_fields(rules, words, &rule->required, &rule->needs_object) ||
	    !key_words(optional, "  optional: ", &words) || !read_fields(rules, words, &rule->allowed, &(bool){ false }) ||
	    !key_words(follows, "  marks: ", &words)) {
		return false;
	}
	for (size_t i = 0; i < FIELDS_MAX / 64; i++) {
		rule->allowed.bits[i] |= rule->required.bits[i];
	}
	rule->transparent = memmem(words.data, words.length, "transparent", 11) != NULL;
	rule->forced = memmem(words.data, words.length, "forced", 6) != NULL;
	rule->quiet = memmem(words.data, words.length, "quiet", 5) != NULL;
	return key_words(follows, "  follows: ", &words) && read_follows(rules, rule, words);
}

static bool begins_entry(struct bytes line)
{
	return line.length > 0 && line.length <= FRAME_TYPE_BYTES && line.data[0] >= 'a' && line.data[0] <= 'z' && memchr(line.data, ' ', line.length) == NULL;
}

/* The names first, so that `follows` may speak of a type further down. */
static bool read_names(struct rules *rules, struct bytes rest)
{
	struct bytes line;

	while (next_line(&rest, &line)) {
		struct rule *rule = &rules->rule[rules->count];
		uint32_t slot = 0;

		if (!begins_entry(line)) {
			continue;
		}
		if (rules->count == RULES_MAX || type_by_name(rules, line) != RULE_NONE) {
			return false;
		}
		memcpy(rule->name, line.data, line.length);
		memset(rule->padded, ' ', sizeof rule->padded);
		memcpy(rule->padded, line.data, line.length);
		slot = hash_of(rule->padded, sizeof rule->padded) % sizeof rules->type_hash;
		while (rules->type_hash[slot] != RULE_NONE) {
			slot = (slot + 1) % sizeof rules->type_hash;
		}
		rules->type_hash[slot] = (uint8_t)rules->count++;
	}
	return true;
}

static bool read_table(struct rules *rules, struct bytes rest, char why[AUDIT_WHY_SIZE])
{
	struct bytes line;

	if (!read_names(rules, rest)) {
		(void)snprintf(why, AUDIT_WHY_SIZE, "the types of the record table");
		return false;
	}
	while (next_line(&rest, &line)) {
		if (begins_entry(line) && !read_entry(rules, &rules->rule[type_by_name(rules, line)], &rest)) {
			(void)snprintf(why, AUDIT_WHY_SIZE, "the entry %.*s of the record table", (int)line.length, (const char *)line.data);
			return false;
		}
	}
	return true;
}

int rules_load(struct bytes format, struct rules *ret, char why[AUDIT_WHY_SIZE])
{
	struct bytes table;
	unsigned field = 0;

	*ret = (struct rules){ 0 };
	memset(ret->field_hash, RULE_NONE, sizeof ret->field_hash);
	memset(ret->type_hash, RULE_NONE, sizeof ret->type_hash);
	for (unsigned i = 0; i < FIELD_KNOWN; i++) {
		(void)field_intern(ret, (struct bytes){ .data = (const uint8_t *)field_names[i], .length = strlen(field_names[i]) }, &field);
	}
	if (!read_common(ret, format, COMMON_CASE, &ret->common_case) || !read_common(ret, format, COMMON_BOX, &ret->common_box)) {
		(void)snprintf(why, AUDIT_WHY_SIZE, "the fields that every record may carry");
		return -1;
	}
	if (!after(format, COMMON_BOX, &table) || !next_line(&table, &(struct bytes){ 0 }) || !read_table(ret, table, why)) {
		return -1;
	}
	for (unsigned i = 0; i < TYPE_KNOWN; i++) {
		ret->known[i] = type_by_name(ret, (struct bytes){ .data = (const uint8_t *)type_names[i], .length = strlen(type_names[i]) });
		if (ret->known[i] == RULE_NONE) {
			(void)snprintf(why, AUDIT_WHY_SIZE, "the type %s is missing", type_names[i]);
			return -1;
		}
	}
	return 0;
}
