/* rules.h - the record table: part three of FORMAT.txt, which the program carries, read at its start into numbers and bit sets.
 *
 * So the table that people read is the one that is applied. What words can only say (section 6) stands in chains.c and duties.c. Field names are interned: the
 * known ones have the numbers of enum rule_field, others of the table come after them.
 */
#ifndef STORE_AUDIT_RULES_H
#define STORE_AUDIT_RULES_H

#include "frame.h"

#define RULES_MAX 62 /* types: a bit each in a set, and one for the beginning of a case */
#define FIELDS_MAX 128
#define FIELD_SLOT_BITS 10
#define ROLE_COUNT 11
#define RULE_NONE 0xff

/* Fields that the program itself speaks of. The objects come first and in the order of section 7's roles by alphabet. */
enum rule_field {
	FIELD_OBJECT, /* object-attachment ... object-signed */
	FIELD_OBJECT_ORIGINAL = FIELD_OBJECT + 4,
	FIELD_OBJECT_REQUEST = FIELD_OBJECT + 9,
	FIELD_OBJECT_SIGNED = FIELD_OBJECT + 10,
	FIELD_CASE = FIELD_OBJECT + ROLE_COUNT,
	FIELD_PREV,
	FIELD_BY,
	FIELD_REASON,
	FIELD_DETAIL,
	FIELD_ANSWERS,
	FIELD_INTENT,
	FIELD_VERDICT,
	FIELD_RESULT,
	FIELD_EVIDENCE,
	FIELD_OWES,
	FIELD_APPROVAL,
	FIELD_PURPOSE,
	FIELD_STAGE,
	FIELD_ASKED_BY,
	FIELD_KEEP_UNTIL,
	FIELD_EVENT,
	FIELD_PLACE,
	FIELD_FILE,
	FIELD_TSA,
	FIELD_SIZE,
	FIELD_ROOT,
	FIELD_SHA256,
	FIELD_FIRST,
	FIELD_LAST,
	FIELD_COUNT_OF,
	FIELD_ACCEPTED,
	FIELD_TIME,
	FIELD_UNTIL,
	FIELD_USED,
	FIELD_POLICY,
	FIELD_OFF_MS,
	FIELD_SERIAL,
	FIELD_ATTEMPT,
	FIELD_KNOWN,
};

/* Types that the program itself speaks of; rules_load gives the number of each. */
enum rule_type {
	TYPE_BOOT,
	TYPE_CLOCK_ACCEPTED,
	TYPE_ROLLED_BACK,
	TYPE_RECOVERED,
	TYPE_ANCHOR,
	TYPE_SEGMENT,
	TYPE_RECEIVED,
	TYPE_RECOGNISED,
	TYPE_APPROVED,
	TYPE_INTENT,
	TYPE_ABANDONED,
	TYPE_SIGNED,
	TYPE_STAMPED,
	TYPE_REQUEST,
	TYPE_SENDING,
	TYPE_NOT_SENT,
	TYPE_UNCLEAR,
	TYPE_REPLY,
	TYPE_VERIFIED,
	TYPE_CLOSED,
	TYPE_ERASED,
	TYPE_ARCHIVED,
	TYPE_KNOWN,
};

struct field_set {
	uint64_t bits[FIELDS_MAX / 64];
};

struct rule {
	char name[FRAME_TYPE_BYTES + 1];
	char padded[FRAME_TYPE_BYTES]; /* as in a header */
	bool of_case, transparent, forced, quiet, follows_any, begins;
	bool needs_object;
	uint64_t follows; /* bit n: type n */
	struct field_set required, allowed;
};

struct rules {
	struct rule rule[RULES_MAX];
	size_t count;
	uint8_t known[TYPE_KNOWN]; /* number of each enum rule_type */
	char field[FIELDS_MAX][FRAME_NAME_MAX + 1];
	size_t field_count;
	uint8_t field_hash[1 << FIELD_SLOT_BITS], type_hash[256]; /* RULE_NONE: nothing */
	struct field_set common_case, common_box;
};

extern const unsigned char audit_format_text[]; /* FORMAT.txt; made at build */
extern const size_t audit_format_length;

/* Reads the table of a FORMAT.txt. -1 when a line of it is not understood or something the program speaks of is missing; `why` then says which. */
int rules_load(struct bytes format, struct rules *ret, char why[AUDIT_WHY_SIZE]);
/* The number of a field name or RULE_NONE. */
uint8_t rules_field(const struct rules *rules, const uint8_t *name, size_t length);
/* The number of a type as it stands in a header (padded), or RULE_NONE. */
uint8_t rules_type(const struct rules *rules, const char padded[FRAME_TYPE_BYTES]);

static inline bool field_in(const struct field_set *set, unsigned field)
{
	return (set->bits[field / 64] >> (field % 64) & 1) != 0;
}

static inline void field_add(struct field_set *set, unsigned field)
{
	set->bits[field / 64] |= UINT64_C(1) << (field % 64);
}

#endif
