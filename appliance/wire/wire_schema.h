/* wire_schema.h - the table behind wire.h: who may say what to whom, with which fields. Only wire.c and its fuzzer read it. */
#ifndef WIRE_WIRE_SCHEMA_H
#define WIRE_WIRE_SCHEMA_H

#include "wire.h"

enum wire_kind { KIND_NONE, KIND_NUMBER, KIND_STRING, KIND_LINES, KIND_BYTES, KIND_HASH };

struct wire_rule {
	const char *name;
	uint32_t from, to; /* sets of enum wire_role */
	uint64_t required; /* sets of 1 << enum wire_field */
	uint64_t optional;
	uint64_t repeatable; /* of these, which may stand more than once */
	uint8_t fds_least, fds_most;
	uint8_t answer; /* enum wire_type of the good answer; 0: not a request */
};

extern const enum wire_kind wire_kinds[WIRE_FIELD_COUNT];
extern const struct wire_rule wire_rules[WIRE_TYPE_COUNT];

#endif
