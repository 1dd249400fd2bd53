/* facts.h - one record by itself: everything that can be judged without its neighbours, found out in parallel; what its neighbours need is kept for chains.c. */
#ifndef STORE_AUDIT_FACTS_H
#define STORE_AUDIT_FACTS_H

#include "rules.h"

/* What is wrong with a record by itself. A record with FAULT_HEADER has no fields. */
enum fault {
	FAULT_HEADER = 1, /* bytes that are no header line */
	FAULT_CRC = 2,
	FAULT_TRAILER = 4, /* bytes that are no trailer */
	FAULT_HASH = 8,    /* the trailer's hash is not that of the leaf */
	FAULT_BODY = 16,   /* not the canonical form */
	FAULT_TYPE = 32,   /* not in the table */
	FAULT_REQUIRED = 64,
	FAULT_FIELD = 128, /* a field that the type does not have */
	FAULT_VALUE = 256, /* by, case, prev, or an object reference is malformed */
	FAULT_INDEX = 512, /* another index, though the next record has the right one */
};

#define FAULTS_BYTES (FAULT_HEADER | FAULT_CRC | FAULT_TRAILER | FAULT_HASH | FAULT_INDEX)
#define FAULTS_TABLE (FAULT_BODY | FAULT_TYPE | FAULT_REQUIRED | FAULT_FIELD | FAULT_VALUE)

struct fact {
	uint64_t index, batch, case_key; /* 0: a record of the box */
	int64_t utc_ms;
	struct bytes leaf, body;
	unsigned faults;
	uint8_t type;      /* number in the table, or RULE_NONE */
	uint8_t bad_field; /* with FAULT_REQUIRED, FAULT_VALUE: which */
	bool has_prev;
	uint8_t prev[AUDIT_HASH_BYTES];
	struct field_set fields; /* of the table that it has */
	struct {
		uint16_t at, length;
	} where[FIELDS_MAX]; /* in the body; only of those it has */
};

/* A reference to content (FORMAT.txt, section 7), parts unread. */
struct object_ref {
	uint64_t size;
	uint32_t generation;
	uint8_t commitment[AUDIT_HASH_BYTES];
	struct bytes parts; /* hex, parted by commas */
	size_t part_count;
};

#define OBJECT_PART_BYTES UINT64_C(1048576)
#define OBJECT_PARTS_MAX 255 /* a value of 16384 bytes holds no more */

/* Judges the record in `bytes` (header, body, trailer) that stands at the place of `index`. `ret_leaf` is its leaf hash as computed; when the trailer tells
 * another one, that one: the tree then shows whether it is the one that was written. */
void fact_read(const struct rules *rules, struct bytes bytes, uint64_t index, struct fact *ret, uint8_t ret_leaf[AUDIT_HASH_BYTES]);

/* Asked some thirty times of each record: within the header, so that no call is left of them. */
static inline bool fact_has(const struct fact *fact, unsigned field)
{
	return field_in(&fact->fields, field);
}

/* The value of a field it has; empty otherwise. */
static inline struct bytes fact_value(const struct fact *fact, unsigned field)
{
	if (!fact_has(fact, field)) {
		return (struct bytes){ .data = fact->body.data, .length = 0 };
	}
	return (struct bytes){ .data = fact->body.data + fact->where[field].at, .length = fact->where[field].length };
}

static inline bool fact_is(const struct fact *fact, unsigned field, const char *value)
{
	return fact_has(fact, field) && bytes_equal(fact_value(fact, field), value);
}

static inline bool fact_number(const struct fact *fact, unsigned field, uint64_t *ret)
{
	return fact_has(fact, field) && frame_number(fact_value(fact, field), ret);
}

/* By its enum rule_type. */
static inline bool fact_type_is(const struct rules *rules, const struct fact *fact, enum rule_type type)
{
	return fact->type == rules->known[type];
}

/* A case number ("2026-000001", perhaps a letter in front) as a number that is not 0, and back. */
bool case_key(struct bytes number, uint64_t *ret);
#define CASE_NUMBER_SIZE 13
void case_text(uint64_t key, char ret[CASE_NUMBER_SIZE]);

bool object_ref_read(struct bytes value, struct object_ref *ret);
/* The hash of part n; false when there is none. */
bool object_ref_part(const struct object_ref *ref, size_t n, uint8_t ret[AUDIT_HASH_BYTES]);
/* "uid:" and a number, or "box". `ret_uid` is -1 for the box. */
bool by_read(struct bytes by, int64_t *ret_uid);

#endif
