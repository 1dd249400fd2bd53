/* export_renewals.c - stamps whose certificate has ended, and what keeps them (FORMAT.txt section 6; RFC 4998's idea): the record of a stamp, with its hash, in the tree of a
 * later checkpoint over which a stamp was made while the earlier one still held. The same rule as anchors_cover.c has over a whole journal, with a proof for each record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "export.h"
#include "words.h"

#define RENEWAL_PREFIX "obnova-"
#define STAMP_PREFIX "kontrolni-bod-"

/* --- records of stamps ------------------------------------------------------------------------------------------------------------------------------------ */

/* The stamp that the record is about: over that checkpoint, under that name. */
static struct export_stamp *find_stamp(struct export *export, const struct fact *fact, struct export_note **ret_note)
{
	struct bytes file = fact_value(fact, FIELD_FILE);
	uint64_t size = 0;

	if (fact->case_key != 0 || !fact_type_is(&export->audit.rules, fact, TYPE_ANCHOR) ||
	    !(fact_is(fact, FIELD_EVENT, "stamp") || fact_is(fact, FIELD_EVENT, "renewal")) || !fact_number(fact, FIELD_SIZE, &size)) {
		return NULL;
	}
	*ret_note = export_note_find(export, size);
	for (size_t i = 0; *ret_note != NULL && (*ret_note)->good && i < (*ret_note)->stamp_count; i++) {
		struct export_stamp *stamp = &(*ret_note)->stamps[i];

		if (stamp->signer != 0 && bytes_equal(file, export->signers[stamp->signer - 1].name + strlen(STAMP_PREFIX))) {
			return stamp;
		}
	}
	return NULL;
}

static bool is_hash(const struct fact *fact, unsigned field, const uint8_t hash[AUDIT_HASH_BYTES])
{
	struct bytes text = fact_value(fact, field);
	uint8_t told[AUDIT_HASH_BYTES];

	return text.length == 2 * sizeof told && frame_hex(text.data, told, sizeof told) && memcmp(told, hash, sizeof told) == 0;
}

static void check_renewal(struct export *export, const struct export_record *record)
{
	struct export_note *note = NULL;
	struct export_stamp *stamp = find_stamp(export, &record->fact, &note);

	if (stamp == NULL) {
		audit_found(&export->audit, AUDIT_STAMP, record->index, "this record is not about a time stamp that is here");
	} else if (!is_hash(&record->fact, FIELD_ROOT, note->root) || !is_hash(&record->fact, FIELD_SHA256, stamp->sha256)) {
		audit_found(&export->audit, AUDIT_STAMP, record->index, "%s is another time stamp than was recorded", export->signers[stamp->signer - 1].name);
	} else if (record->size > stamp->below) {
		stamp->below = record->size;
	}
}

int export_check_renewals(struct export *export)
{
	for (size_t i = 0; i < export->file_count; i++) {
		struct export_record record;
		uint64_t index = 0;

		if (!export_leaf_index(export->files[i].name, RENEWAL_PREFIX, &index)) {
			continue;
		}
		if (export_read_record(export, RENEWAL_PREFIX, index, &record) != 0) {
			return -1;
		}
		if (record.bytes != NULL && record.good) {
			check_renewal(export, &record);
		}
		free(record.bytes);
	}
	return 0;
}

/* --- which stamps hold ------------------------------------------------------------------------------------------------------------------------------------ */

struct placed {
	struct export_stamp *stamp;
	uint64_t size;
};

static int latest_first(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;

	return a->stamp->utc_s != b->stamp->utc_s ? (a->stamp->utc_s > b->stamp->utc_s ? -1 : 1) : a->size > b->size ? -1 : a->size < b->size;
}

static int64_t end_of(const struct export_stamp *stamp)
{
	return stamp->verdict.ends_s < stamp->hash_ends_s ? stamp->verdict.ends_s : stamp->hash_ends_s;
}

/* By one that holds itself, over the very checkpoint that its record is proved to be in, made while it held; `later` are those that were made after it. */
static bool is_renewed(const struct export_stamp *stamp, const struct placed *later, size_t count)
{
	for (size_t i = 0; i < count && stamp->below != 0; i++) {
		if (later[i].stamp->holds && later[i].size == stamp->below && later[i].stamp->utc_s <= end_of(stamp)) {
			return true;
		}
	}
	return false;
}

int export_renew(struct export *export)
{
	AUDIT_CLEAN_FREE void *memory = calloc((size_t)EXPORT_NOTES_MAX * EXPORT_STAMPS_MAX, sizeof(struct placed));
	struct placed *sorted = memory;
	size_t count = 0;

	if (sorted == NULL) {
		return -1;
	}
	for (size_t i = 0; i < export->note_count; i++) {
		for (size_t k = 0; k < export->notes[i].stamp_count; k++) {
			if (export->notes[i].stamps[k].trusted) {
				sorted[count++] = (struct placed){ .stamp = &export->notes[i].stamps[k], .size = export->notes[i].size };
			}
		}
	}
	if (count > 1) {
		qsort(sorted, count, sizeof *sorted, latest_first);
	}
	for (size_t i = 0; i < count; i++) {
		struct export_stamp *stamp = sorted[i].stamp;

		stamp->holds = export->audit.settings.now_s <= end_of(stamp);
		if (!stamp->holds && is_renewed(stamp, sorted, i)) {
			stamp->holds = true;
			export->renewals++;
		}
	}
	return 0;
}
