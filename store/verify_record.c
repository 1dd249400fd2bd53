#include "verify_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"

static int find_entry(struct journal_verify *verify, const struct record *record, struct journal_case_entry **ret)
{
	struct journal_case_entry *entry = NULL;
	char number[TABLE_CASE_SIZE];
	int err = journal_cases_reserve(&verify->cases);

	if (err != 0) {
		return err;
	}
	if (record_field_string(record, "case", number, sizeof number)) {
		entry = journal_cases_find(&verify->cases, number);
		entry = entry != NULL ? entry : journal_cases_add(&verify->cases, number);
	}
	*ret = entry;
	return 0;
}

static const char *check_prev(const struct record *record, const struct journal_case_entry *entry)
{
	uint8_t prev[TREE_HASH_BYTES];
	struct span value;
	bool has = record_field(record, "prev", &value);

	if (entry == NULL || entry->count == 0) {
		return has ? "prev stands where there is no record before" : NULL;
	}
	if (!has || !span_parse_hex(value, prev, sizeof prev) || memcmp(prev, entry->head, sizeof prev) != 0) {
		return "prev is not the record before in its case";
	}
	return NULL;
}

static bool has_number(const struct record *record, const char *name, uint64_t expected)
{
	struct span value;
	uint64_t found = 0;

	return record_field(record, name, &value) && span_parse_u64(value, &found) && found == expected;
}

static bool has_root(const struct record *record, const struct tree *tree)
{
	uint8_t stored[TREE_HASH_BYTES], root[TREE_HASH_BYTES];
	struct span value;

	return record_field(record, "root", &value) && span_parse_hex(value, stored, sizeof stored) && tree_root(tree, root) == 0 &&
	       memcmp(stored, root, sizeof root) == 0;
}

/* A stamp, or what a person said of a package; without it the record is that of a checkpoint. */
static bool has_event(const struct record *record)
{
	struct span event;

	return record_field(record, "event", &event);
}

/* Records that speak of the tree before them. */
static const char *check_summary(const struct journal_verify *verify, const struct record *record)
{
	uint64_t first = verify->segments[verify->position].first;

	if (verify->summarised) {
		return "a record follows the last record of its segment";
	}
	if (strcmp(record->type, "anchor") == 0 && !has_event(record)) {
		return has_number(record, "size", record->index) && has_root(record, &verify->tree) ? NULL : "anchor is not about the records before it";
	}
	if (strcmp(record->type, "segment") == 0) {
		return has_number(record, "first", first) && has_number(record, "last", record->index) &&
		               has_number(record, "count", record->index - first + 1) && has_root(record, &verify->tree)
		           ? NULL
		           : "segment is not about the records before it";
	}
	return NULL;
}

static int remember_missing(struct journal_verify *verify, uint64_t index, const struct journal_case_entry *entry)
{
	struct verify_missing_object *moved = realloc(verify->missing, (verify->missing_count + 1) * sizeof *moved);

	if (moved == NULL) {
		return ERR_MEMORY;
	}
	verify->missing = moved;
	verify->missing[verify->missing_count++] = (struct verify_missing_object){ .index = index, .entry = (size_t)(entry - verify->cases.entries) };
	return 0;
}

static int check_objects(struct journal_verify *verify, const struct record *record, const struct journal_case_entry *entry)
{
	struct span role, value;

	for (size_t n = 0; journal_ref_nth(record->body, n, &role, &value); n++) {
		char why[JOURNAL_TEXT_SIZE] = "an object is damaged";
		struct journal_ref ref;
		int err = 0;

		verify->result.objects++;
		if (verify->options.on_object == NULL || journal_ref_parse(value, &ref) != 0) {
			continue;
		}
		err = verify->options.on_object(verify->options.context, record, role, &ref, why);
		if (err == ERR_NOTFOUND && entry != NULL) {
			err = remember_missing(verify, record->index, entry);
			if (err != 0) {
				return err;
			}
		} else if (err == ERR_SYSTEM || err == ERR_MEMORY) {
			return err; /* it could not be looked at: that says nothing about it */
		} else if (err != 0) {
			verify_damage(verify, record->index, why);
		}
	}
	return 0;
}

void verify_missing(struct journal_verify *verify)
{
	for (size_t i = 0; i < verify->missing_count; i++) {
		const struct table_case *state = &verify->cases.entries[verify->missing[i].entry].state;

		if (!state->erased && (state->archived == 0 || state->archived == verify->options.archive)) {
			verify_damage(verify, verify->missing[i].index, "an object is missing and its case is not erased");
		}
	}
}

/* For people: which cases were erased by which record. */
static void note_erased(struct journal_verify *verify, const struct record *record, const char *number)
{
	char *names = verify->result.erased_names;
	size_t have = strlen(names);

	(void)snprintf(names + have, sizeof verify->result.erased_names - have, "%s%s (record %llu)", have == 0 ? "" : ", ", number,
	               (unsigned long long)record->index);
	if (strlen(names) + 1 == sizeof verify->result.erased_names) {
		names[have] = '\0'; /* whole ones only */
	}
}

static int check_tree(struct journal_verify *verify)
{
	const uint64_t size = verify->tree.size;
	bool noted = verify->note_position < verify->note_count && verify->notes[verify->note_position].size == size;
	uint8_t root[TREE_HASH_BYTES];
	int err = 0;

	if (!noted && !(verify->head_valid[0] && verify->heads[0].size == size) && !(verify->head_valid[1] && verify->heads[1].size == size)) {
		return 0;
	}
	err = tree_root(&verify->tree, root);
	for (int i = 0; i < 2 && err == 0; i++) {
		if (verify->head_valid[i] && verify->heads[i].size == size && memcmp(verify->heads[i].root, root, sizeof root) != 0) {
			verify_damage(verify, verify->known_good, "from here on the records are not those that the head covers");
		}
	}
	if (err == 0 && noted) {
		verify->note_position++;
		err = verify_anchor_note(verify, root);
	}
	verify->known_good = size;
	return err;
}

int verify_record(struct journal_verify *verify, const struct record *record)
{
	struct journal_case_entry *entry = NULL;
	char why[TABLE_WHY_SIZE] = "";
	const char *bad = NULL;
	int err = find_entry(verify, record, &entry);
	bool erased = err == 0 && entry != NULL && entry->state.erased;

	if (err != 0) {
		return err;
	}
	bad = check_prev(record, entry);
	bad = bad != NULL ? bad : check_summary(verify, record);
	if (bad == NULL && strcmp(record->type, "anchor") == 0) {
		err = verify_anchor_record(verify, record, &bad);
	}
	if (err != 0) {
		return err;
	}
	if (bad == NULL && table_check_stored(record->type, record->body, record->index, entry == NULL ? NULL : &entry->state, why) != 0) {
		bad = why;
	}
	if (bad != NULL) {
		verify_damage(verify, record->index, bad);
		return 0;
	}
	if (entry != NULL) {
		memcpy(entry->head, record->hash, TREE_HASH_BYTES);
		entry->first = entry->count == 0 ? (uint32_t)record->index : entry->first;
		entry->last = (uint32_t)record->index;
		entry->count++;
		if (!erased && entry->state.erased) {
			note_erased(verify, record, entry->number);
		}
	}
	verify->summarised = strcmp(record->type, "segment") == 0;
	err = check_objects(verify, record, entry);
	if (err == 0) {
		err = tree_append(&verify->tree, record->hash);
	}
	return err != 0 ? err : check_tree(verify);
}
