/* export_records.c - the records of the case: each by itself, one after the other, and that they stand in the journal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "chains.h"
#include "clean.h"
#include "export.h"

#define LEAF_PREFIX "zaznam-"
#define LEAF_SUFFIX ".leaf"
#define INDEX_DIGITS 12
#define PROOF_FIRST_LINE "c2sp.org/tlog-proof@v1"

bool export_leaf_index(const char *name, const char *prefix, uint64_t *ret)
{
	size_t length = strlen(prefix);
	uint64_t index = 0;

	if (strlen(name) != length + INDEX_DIGITS + strlen(LEAF_SUFFIX) || strncmp(name, prefix, length) != 0 ||
	    strcmp(name + length + INDEX_DIGITS, LEAF_SUFFIX) != 0) {
		return false;
	}
	for (size_t i = 0; i < INDEX_DIGITS; i++) {
		if (name[length + i] < '0' || name[length + i] > '9') {
			return false;
		}
		index = index * 10 + (uint64_t)(name[length + i] - '0');
	}
	*ret = index;
	return index < EXPORT_INDEX_MAX;
}

/* --- one record ------------------------------------------------------------------------------------------------------------------------------------------ */

/* The leaf gets the trailer that it had in the journal, of its own hash: what reads records wants one. */
static void add_trailer(uint8_t *bytes, size_t length, uint64_t index)
{
	uint8_t hash[AUDIT_HASH_BYTES];
	char hex[2 * AUDIT_HASH_BYTES + 1], trailer[FRAME_TRAILER_BYTES + 1];

	tree_leaf((struct bytes){ .data = bytes, .length = length }, hash);
	frame_to_hex(hash, sizeof hash, hex);
	(void)snprintf(trailer, sizeof trailer, ".%012" PRIu64 " %s\n", index, hex);
	memcpy(bytes + length, trailer, FRAME_TRAILER_BYTES);
}

static bool is_whole(const uint8_t *bytes, size_t length)
{
	struct frame_step step;

	return length >= FRAME_HEADER_BYTES && length <= FRAME_LEAF_MAX_BYTES && frame_step(bytes, &step) && step.body_length == length - FRAME_HEADER_BYTES;
}

static void say_faults(struct export *export, const struct export_record *record, const char *name)
{
	unsigned faults = record->fact.faults;

	if ((faults & FAULT_INDEX) != 0) {
		audit_found(&export->audit, AUDIT_ORDER, record->index, "%s holds a record of another index", name);
	} else if ((faults & (FAULT_HEADER | FAULT_CRC)) != 0) {
		audit_found(&export->audit, AUDIT_FRAME, record->index, "%s is no record, or was altered", name);
	} else if ((faults & FAULTS_TABLE) != 0) {
		audit_found(&export->audit, AUDIT_TABLE, record->index, "%s: type, fields or values are not those of the record table", name);
	}
}

/* -1: no memory. */
static int read_record(struct export *export, const char *name, struct export_record *record)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	uint8_t hash[AUDIT_HASH_BYTES];
	size_t length = 0;

	if (!export_read(export, name, FRAME_LEAF_MAX_BYTES, &bytes, &length)) {
		audit_found(&export->audit, AUDIT_UNREADABLE, record->index, "%s cannot be read", name);
		return 0;
	}
	if (!is_whole(bytes, length)) {
		audit_found(&export->audit, AUDIT_FRAME, record->index, "%s is no record, or was altered", name);
		return 0;
	}
	record->bytes = malloc(length + FRAME_TRAILER_BYTES);
	if (record->bytes == NULL) {
		return -1;
	}
	memcpy(record->bytes, bytes, length);
	add_trailer(record->bytes, length, record->index);
	fact_read(&export->audit.rules, (struct bytes){ .data = record->bytes, .length = length + FRAME_TRAILER_BYTES }, record->index, &record->fact, hash);
	say_faults(export, record, name);
	record->good = record->fact.faults == 0;
	return 0;
}

/* --- its proof ------------------------------------------------------------------------------------------------------------------------------------------- */

bool export_proof_read(struct bytes rest, struct export_proof *ret)
{
	struct bytes line, word;

	*ret = (struct export_proof){ .count = 0 };
	if (!export_line(&rest, &line) || !bytes_equal(line, PROOF_FIRST_LINE) || !export_line(&rest, &line)) {
		return false;
	}
	if (line.length > 6 && memcmp(line.data, "extra ", 6) == 0 && !export_line(&rest, &line)) {
		return false;
	}
	word = export_word(&line);
	if (!bytes_equal(word, "index") || !frame_number(line, &ret->index)) {
		return false;
	}
	while (export_line(&rest, &line)) {
		if (line.length == 0) {
			ret->note = rest;
			return true;
		}
		if (ret->count == TREE_PATH_MAX || !base64_read(line, ret->path[ret->count], AUDIT_HASH_BYTES)) {
			return false;
		}
		ret->count++;
	}
	return false;
}

static void check_proof(struct export *export, struct export_record *record, const struct export_proof *proof, const char *name)
{
	struct export_note *kept = NULL;
	tree_hash leaf;
	struct note note;

	if (proof->index != record->index || !note_read(proof->note, &note)) {
		audit_found(&export->audit, AUDIT_NOTE, record->index, "%s is no proof of this record", name);
		return;
	}
	kept = export_note_find(export, note.size);
	if (kept == NULL || !kept->good || kept->length != proof->note.length || memcmp(kept->bytes, proof->note.data, kept->length) != 0) {
		audit_found(&export->audit, AUDIT_NOTE, record->index, "%s carries another checkpoint than the file kontrolni-bod-%ju.note", name, note.size);
		return;
	}
	tree_leaf(record->fact.leaf, leaf);
	if (!tree_path_leads(leaf, record->index, note.size, (const tree_hash *)proof->path, proof->count, note.root)) {
		audit_found(&export->audit, AUDIT_ROOT, record->index, "%s does not lead to the root of checkpoint %ju: record or proof was altered", name,
		            note.size);
		return;
	}
	record->size = note.size;
}

static void prove(struct export *export, const char *prefix, struct export_record *record)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	char name[EXPORT_NAME_SIZE];
	struct export_proof proof;
	size_t length = 0;

	(void)snprintf(name, sizeof name, "%s%012" PRIu64 ".tlog-proof", prefix, record->index);
	if (record->bytes == NULL) {
		(void)export_knows(export, name);
		return;
	}
	if (!export_read(export, name, EXPORT_FILE_MAX_BYTES, &bytes, &length)) {
		audit_found(&export->audit, AUDIT_UNSIGNED, record->index, "there is no proof that it stands in the journal");
		return;
	}
	if (!export_proof_read((struct bytes){ .data = bytes, .length = length }, &proof)) {
		audit_found(&export->audit, AUDIT_NOTE, record->index, "%s is no proof of this record", name);
		return;
	}
	check_proof(export, record, &proof, name);
}

int export_read_record(struct export *export, const char *prefix, uint64_t index, struct export_record *ret)
{
	char name[EXPORT_NAME_SIZE];

	*ret = (struct export_record){ .index = index };
	(void)snprintf(name, sizeof name, "%s%012" PRIu64 LEAF_SUFFIX, prefix, index);
	if (read_record(export, name, ret) != 0) {
		return -1;
	}
	prove(export, prefix, ret);
	return 0;
}

/* --- the case --------------------------------------------------------------------------------------------------------------------------------------------- */

static void check_prev(struct export *export, const struct fact *fact, struct audit_case *state)
{
	if (fact->has_prev ? state->count > 0 && memcmp(fact->prev, state->head, AUDIT_HASH_BYTES) == 0 : state->count == 0) {
		return;
	}
	state->uncertain = true;
	audit_found(&export->audit, AUDIT_CHAIN, fact->index, "prev is not the record before it in this folder: one is missing, or was altered");
}

static void note_fate(struct export *export, const struct fact *fact)
{
	const struct rules *rules = &export->audit.rules;

	if (fact_type_is(rules, fact, TYPE_ERASED) && !fact_has(fact, FIELD_STAGE)) {
		export->erased = fact->index + 1;
		audit_found(&export->audit, AUDIT_ERASED, fact->index, "this record erased the content of the case");
	} else if (fact_type_is(rules, fact, TYPE_ARCHIVED)) {
		export->archived = fact_is(fact, FIELD_EVENT, "back") ? 0 : fact->index + 1;
	}
}

static int chain_records(struct export *export)
{
	struct chain chain = { .audit = &export->audit, .batch = AUDIT_NO_INDEX };
	uint64_t key = 0;

	for (size_t i = 0; i < export->record_count; i++) {
		const struct fact *fact = &export->records[i].fact;
		struct audit_case *state = NULL;
		uint8_t leaf[AUDIT_HASH_BYTES];

		if (export->records[i].bytes == NULL || (fact->faults & FAULT_HEADER) != 0 || fact->type == RULE_NONE) {
			continue;
		}
		if (fact->case_key == 0 || (key != 0 && fact->case_key != key)) {
			audit_found(&export->audit, AUDIT_CHAIN, fact->index, "a record of another case, or of none");
			continue;
		}
		key = fact->case_key;
		state = audit_case_make(&export->audit, key);
		if (state == NULL) {
			return -1;
		}
		export->audit.case_of[fact->index] = (uint32_t)(state - export->audit.cases) + 1;
		export->audit.types[fact->index] = fact->type;
		check_prev(export, fact, state);
		if ((fact->faults & FAULTS_TABLE) != 0) {
			state->uncertain = true;
		} else {
			duties_check(&chain, fact, state);
			note_fate(export, fact);
		}
		if (duties_apply(&chain, fact, state) != 0) {
			return -1;
		}
		tree_leaf(fact->leaf, leaf);
		memcpy(state->head, leaf, sizeof leaf);
		state->last = fact->index;
		state->count++;
	}
	case_text(key, export->case_number);
	return 0;
}

/* What the rules of a case know of other records stands by index; the folder has a few of very many. Room that is not touched costs nothing. */
static int with_room(struct export *export, uint64_t size)
{
	size_t types = (size_t)size * sizeof *export->audit.types, cases = (size_t)size * sizeof *export->audit.case_of;
	void *first = mmap(NULL, types, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *second = mmap(NULL, cases, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int err = -1;

	if (first != MAP_FAILED && second != MAP_FAILED) {
		export->audit.types = first;
		export->audit.case_of = second;
		err = chain_records(export);
		export->audit.types = NULL;
		export->audit.case_of = NULL;
	}
	if (first != MAP_FAILED) {
		(void)munmap(first, types);
	}
	if (second != MAP_FAILED) {
		(void)munmap(second, cases);
	}
	return err;
}

int export_check_records(struct export *export)
{
	uint64_t index = 0, last = 0;

	export->records = calloc(export->file_count + 1, sizeof *export->records);
	if (export->records == NULL) {
		return -1;
	}
	for (size_t i = 0; i < export->file_count; i++) {
		if (!export_leaf_index(export->files[i].name, LEAF_PREFIX, &index)) {
			continue;
		}
		if (export_read_record(export, LEAF_PREFIX, index, &export->records[export->record_count]) != 0) {
			return -1;
		}
		export->proved += export->records[export->record_count++].size != 0 ? 1 : 0;
		last = index;
	}
	if (export->record_count == 0) {
		audit_found(&export->audit, AUDIT_TRUNCATED, AUDIT_NO_INDEX, "there is no record in this folder: podatelna export makes such folders");
		return 0;
	}
	return with_room(export, last + 1);
}
