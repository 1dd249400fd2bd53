#include <string.h>

#include "appliance/base/span.h"
#include "backup.h"
#include "head.h"
#include "journal_anchor.h"
#include "journal_private.h"
#include "object.h"
#include "seen.h"
#include "vault.h"

#define SMALL_MAX_BYTES (UINT64_C(64) * 1024)
#define FORMAT_TEXT_MAX_BYTES (UINT64_C(4) * 1024 * 1024)
#define QUARANTINE_MAX_BYTES (UINT64_C(64) * 1024 * 1024)
#define SEGMENT_LARGEST_BYTES (UINT64_C(4) * 1024 * 1024 * 1024)
#define TRUST_MAX_BYTES (UINT64_C(64) * 1024 * 1024)

static const struct {
	const char *name, *folder, *file;
	unsigned mode;
	uint64_t limit;
	bool key;
} fixed[] = {
	{ "journal/FORMAT.txt", "journal", "FORMAT.txt", 0444, FORMAT_TEXT_MAX_BYTES, false },
	{ "journal/origin", "journal", "origin", 0640, SMALL_MAX_BYTES, false },
	{ "journal/head.a", "journal", "head.a", 0640, HEAD_BYTES, false },
	{ "journal/head.b", "journal", "head.b", 0640, HEAD_BYTES, false },
	{ "seen", "", "seen", 0600, SEEN_FILE_MAX_BYTES, true },
	{ "seen.key", "", "seen.key", 0600, SMALL_MAX_BYTES, true },
};

static bool is_hex(struct span text, size_t length)
{
	for (size_t i = 0; i < text.length; i++) {
		if ((text.data[i] < '0' || text.data[i] > '9') && (text.data[i] < 'a' || text.data[i] > 'f')) {
			return false;
		}
	}
	return text.length == length;
}

static bool is_number(struct span text, size_t most)
{
	uint64_t value = 0;

	return text.length >= 1 && text.length <= most && span_parse_u64(text, &value);
}

static bool take(struct backup_name *name, const char *folder, struct span file, unsigned mode, uint64_t limit)
{
	name->kind = BACKUP_FILE;
	name->folder = folder;
	name->mode = mode;
	name->limit = limit;
	return span_copy_string(file, name->file, sizeof name->file);
}

static bool segment_name(struct span file, struct backup_name *ret)
{
	struct journal_segment segment;

	return take(ret, "journal/segment", file, 0444, SEGMENT_LARGEST_BYTES) && journal_segment_parse(ret->file, &segment) &&
	       ((ret->mode = strcmp(segment.suffix, "open") == 0 ? 0640 : 0444) != 0);
}

static bool anchor_name(struct span file, struct backup_name *ret)
{
	struct journal_anchor_name anchor;

	return take(ret, "journal/anchor", file, 0444, JOURNAL_ANCHOR_MAX_BYTES) && journal_anchor_parse_name(ret->file, &anchor);
}

/* <64 digits>.crl, .cer */
static bool trust_name(struct span file, struct backup_name *ret)
{
	struct span rest = file, hash;

	return span_read_until(&rest, '.', &hash) && is_hex(hash, 2 * OBJECT_HASH_BYTES) &&
	       (span_equals_string(rest, "crl") || span_equals_string(rest, "cer")) && take(ret, "journal/trust", file, 0444, TRUST_MAX_BYTES);
}

/* ab/<64 digits> */
static bool part_name(struct span file, struct backup_name *ret)
{
	struct span rest = file, folder;

	if (!span_read_until(&rest, '/', &folder) || folder.length != 2 || !is_hex(rest, 2 * OBJECT_HASH_BYTES) || memcmp(folder.data, rest.data, 2) != 0) {
		return false;
	}
	(void)span_copy_string(folder, ret->sub, sizeof ret->sub);
	return take(ret, "vault", rest, 0440, VAULT_PART_FILE_MAX_BYTES);
}

/* <case>.<generation>; the keys of the names are made anew with them. */
static bool key_name(struct span file, struct backup_name *ret)
{
	struct span rest = file, owner;
	char text[OBJECT_OWNER_SIZE];

	ret->key = true;
	return span_read_until(&rest, '.', &owner) && span_copy_string(owner, text, sizeof text) && table_case_valid(owner) && is_number(rest, 6) &&
	       rest.data[0] != '0' && take(ret, "keys", file, 0640, VAULT_KEY_FILE_MAX_BYTES);
}

/* <index>-<16 digits>.tail, <size>-<16 digits>.tsr */
static bool quarantine_name(struct span file, struct backup_name *ret)
{
	struct span rest = file, number, hash;

	return span_read_until(&rest, '-', &number) && is_number(number, 12) && span_read_until(&rest, '.', &hash) && is_hex(hash, 16) &&
	       (span_equals_string(rest, "tail") || span_equals_string(rest, "tsr")) && take(ret, "quarantine", file, 0440, QUARANTINE_MAX_BYTES);
}

static bool own_name(struct span file, struct backup_name *ret)
{
	struct span rest = file, number;
	uint64_t value = 0;

	ret->limit = BACKUP_LINES_MAX_BYTES;
	if (span_equals_string(file, "manifest") || span_equals_string(file, "end")) {
		ret->kind = span_equals_string(file, "end") ? BACKUP_END : BACKUP_MANIFEST;
		return true;
	}
	ret->kind = BACKUP_LIST;
	ret->limit = BACKUP_LIST_MAX_BYTES;
	return span_read_until(&rest, '.', &number) && number.length == 6 && span_parse_u64(number, &value) && span_equals_string(rest, "sha256");
}

bool backup_name_parse(const char *name, struct backup_name *ret)
{
	static const struct {
		const char *prefix;
		bool (*parse)(struct span file, struct backup_name *ret);
	} folders[] = {
		{ "backup/", own_name },
		{ "journal/segment/", segment_name },
		{ "journal/anchor/", anchor_name },
		{ "journal/trust/", trust_name },
		{ "vault/", part_name },
		{ "keys/", key_name },
		{ "quarantine/", quarantine_name },
	};
	struct span text = span_of_string(name), prefix;

	memset(ret, 0, sizeof *ret);
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		if (strcmp(name, fixed[i].name) == 0) {
			ret->key = fixed[i].key;
			return take(ret, fixed[i].folder, span_of_string(fixed[i].file), fixed[i].mode, fixed[i].limit);
		}
	}
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		if (span_starts_with(text, folders[i].prefix)) {
			return span_read_bytes(&text, strlen(folders[i].prefix), &prefix) && folders[i].parse(text, ret);
		}
	}
	return false;
}
