#include "journal_ref.h"

#include <stdio.h>

#include "appliance/base/err.h"
#include "appliance/base/lines.h"

/* Decimal without leading zeros: the canonical form is the only form. */
static bool parse_number(struct span text, uint64_t *ret)
{
	return text.length > 0 && (text.length == 1 || text.data[0] != '0') && span_parse_u64(text, ret);
}

static bool parse_parts(struct span text, struct journal_ref *ref)
{
	struct span part;
	bool more = true;

	ref->part_count = 0;
	while (more) {
		more = span_read_until(&text, ',', &part);
		if (!more) {
			part = text;
		}
		if (ref->part_count == JOURNAL_REF_PARTS_MAX || !span_parse_hex(part, ref->parts[ref->part_count], 32)) {
			return false;
		}
		ref->part_count++;
	}
	return true;
}

static uint64_t parts_of(uint64_t size)
{
	return size == 0 ? 1 : (size - 1) / JOURNAL_REF_PART_BYTES + 1;
}

/* Straight into `ret`: most references have one part of 240, and each record of a filing has two of them to be judged. */
int journal_ref_parse(struct span text, struct journal_ref *ret)
{
	struct span size, generation, commitment;

	if (!span_read_until(&text, ' ', &size) || !parse_number(size, &ret->size) || !span_read_until(&text, ' ', &generation) ||
	    !parse_number(generation, &ret->generation) || ret->generation == 0 || !span_read_until(&text, ' ', &commitment) ||
	    !span_parse_hex(commitment, ret->commitment, sizeof ret->commitment) || !parse_parts(text, ret) || ret->part_count != parts_of(ret->size)) {
		return ERR_FORMAT;
	}
	return 0;
}

int journal_ref_format(const struct journal_ref *ref, char *ret, size_t size)
{
	char hex[65];
	size_t have = 0;
	int length = 0;

	hex_encode(ref->commitment, sizeof ref->commitment, hex);
	length = snprintf(ret, size, "%llu %llu %s", (unsigned long long)ref->size, (unsigned long long)ref->generation, hex);
	if (length < 0 || (size_t)length >= size || ref->part_count > JOURNAL_REF_PARTS_MAX) {
		return ERR_LIMIT;
	}
	have = (size_t)length;
	for (size_t i = 0; i < ref->part_count; i++) {
		if (size - have < 66) {
			return ERR_LIMIT;
		}
		hex_encode(ref->parts[i], 32, hex);
		have += (size_t)snprintf(ret + have, size - have, "%c%s", i == 0 ? ' ' : ',', hex);
	}
	return (int)have;
}

bool journal_ref_nth(struct span body, size_t n, struct span *ret_role, struct span *ret_value)
{
	struct span name, value, prefix;

	while (lines_next(&body, &name, &value)) {
		if (!span_starts_with(name, "object-") || n-- > 0) {
			continue;
		}
		if (!span_read_bytes(&name, 7, &prefix)) {
			return false;
		}
		*ret_role = name;
		*ret_value = value;
		return true;
	}
	return false;
}
