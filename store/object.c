#include "object.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"

size_t object_part_count(uint64_t size)
{
	return size == 0 ? 1 : (size_t)((size + OBJECT_PART_BYTES - 1) / OBJECT_PART_BYTES);
}

/* A decimal number in its shortest form, so that there is one text for one value. */
static bool read_number(struct span text, uint64_t most, uint64_t *ret)
{
	uint64_t value = 0;

	if (!span_parse_u64(text, &value) || value > most || (text.length > 1 && text.data[0] == '0')) {
		return false;
	}
	*ret = value;
	return true;
}

static bool read_parts(struct span text, struct object_ref *ref)
{
	struct span part;

	ref->part_count = 0;
	while (span_read_until(&text, ',', &part)) {
		if (ref->part_count == OBJECT_PARTS_MAX || !span_parse_hex(part, ref->parts[ref->part_count], OBJECT_HASH_BYTES)) {
			return false;
		}
		ref->part_count++;
	}
	if (ref->part_count == OBJECT_PARTS_MAX || !span_parse_hex(text, ref->parts[ref->part_count], OBJECT_HASH_BYTES)) {
		return false;
	}
	ref->part_count++;
	return true;
}

int object_ref_parse(struct span text, struct object_ref *ret)
{
	struct object_ref ref = { 0 };
	struct span size, generation, commitment;
	uint64_t number = 0;

	if (!span_read_until(&text, ' ', &size) || !span_read_until(&text, ' ', &generation) || !span_read_until(&text, ' ', &commitment)) {
		return ERR_FORMAT;
	}
	if (!read_number(size, OBJECT_MAX_BYTES, &ref.size) || !read_number(generation, OBJECT_GENERATION_MAX, &number) || number == 0 ||
	    !span_parse_hex(commitment, ref.commitment, sizeof ref.commitment) || !read_parts(text, &ref) || ref.part_count != object_part_count(ref.size)) {
		return ERR_FORMAT;
	}
	ref.generation = (uint32_t)number;
	*ret = ref;
	return 0;
}

int object_ref_format(const struct object_ref *ref, char *ret, size_t size)
{
	char hex[2 * OBJECT_HASH_BYTES + 1];
	int have = 0;

	hex_encode(ref->commitment, sizeof ref->commitment, hex);
	have = snprintf(ret, size, "%" PRIu64 " %" PRIu32 " %s ", ref->size, ref->generation, hex);
	for (size_t i = 0; i < ref->part_count && have >= 0 && (size_t)have < size; i++) {
		int wrote = 0;

		hex_encode(ref->parts[i], OBJECT_HASH_BYTES, hex);
		wrote = snprintf(ret + have, size - (size_t)have, "%s%s", i == 0 ? "" : ",", hex);
		have = wrote < 0 ? wrote : have + wrote;
	}
	return have < 0 || (size_t)have >= size ? ERR_LIMIT : have;
}

bool object_role_valid(const char *role)
{
	size_t length = strnlen(role, OBJECT_ROLE_SIZE);

	return length > 0 && length < OBJECT_ROLE_SIZE && strspn(role, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

bool object_owner_valid(const char *owner)
{
	size_t length = strnlen(owner, OBJECT_OWNER_SIZE);

	return length > 0 && length < OBJECT_OWNER_SIZE && owner[0] != '-' &&
	       strspn(owner, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == length;
}
