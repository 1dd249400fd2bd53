#include "evidence.h"

#include <stdlib.h>
#include <string.h>

#include "anchor_note.h"
#include "anchor_seal.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "table.h"

#define ROLE_PREFIX "object-"

void evidence_free(struct evidence *evidence)
{
	free(evidence->records);
	if (evidence->objects != NULL) {
		explicit_bzero(evidence->objects, evidence->object_count * sizeof *evidence->objects);
	}
	free(evidence->objects);
	free(evidence->uses);
	free(evidence->trust);
	*evidence = (struct evidence){ .until = 0 };
}

/* One more at the end of a list that doubles at powers of two; zeroed. NULL without memory. */
static void *add_item(void *list, size_t count, size_t size, size_t most)
{
	void **items = list, *larger = NULL;

	if (count >= most) {
		return NULL;
	}
	if ((count & (count - 1)) == 0) {
		larger = reallocarray(*items, count == 0 ? 1 : 2 * count, size);
		if (larger == NULL) {
			return NULL;
		}
		*items = larger;
	}
	memset((char *)*items + count * size, 0, size);
	return (char *)*items + count * size;
}

/* --- records and objects --- */

static bool same_ref(const struct object_ref *a, const struct object_ref *b)
{
	return a->size == b->size && a->generation == b->generation && a->part_count == b->part_count &&
	       memcmp(a->commitment, b->commitment, sizeof a->commitment) == 0 && memcmp(a->parts, b->parts, a->part_count * sizeof a->parts[0]) == 0;
}

static int add_use(struct evidence *evidence, size_t record, const char *role, const struct object_ref *ref)
{
	struct evidence_object *object = NULL;
	struct evidence_use *use = NULL;
	size_t n = 0;

	while (n < evidence->object_count && !same_ref(&evidence->objects[n].ref, ref)) {
		n++;
	}
	if (n == evidence->object_count) {
		object = add_item(&evidence->objects, n, sizeof *object, EVIDENCE_OBJECTS_MAX);
		if (object == NULL) {
			return n < EVIDENCE_OBJECTS_MAX ? ERR_MEMORY : ERR_LIMIT;
		}
		object->index = evidence->records[record].index;
		(void)snprintf(object->role, sizeof object->role, "%s", role);
		object->ref = *ref;
		evidence->object_count++;
	}
	use = add_item(&evidence->uses, evidence->use_count, sizeof *use, EVIDENCE_USES_MAX);
	if (use == NULL) {
		return evidence->use_count < EVIDENCE_USES_MAX ? ERR_MEMORY : ERR_LIMIT;
	}
	use->record = record;
	use->object = n;
	(void)snprintf(use->role, sizeof use->role, "%s", role);
	evidence->use_count++;
	return 0;
}

static int add_objects(struct evidence *evidence, size_t at, const struct record *record)
{
	struct span rest = record->body, name, value;
	char role[OBJECT_ROLE_SIZE];
	struct object_ref ref;
	int err = 0;

	while (err == 0 && lines_next(&rest, &name, &value)) {
		struct span head;

		if (!span_starts_with(name, ROLE_PREFIX) || !span_read_bytes(&name, strlen(ROLE_PREFIX), &head)) {
			continue;
		}
		if (!span_copy_string(name, role, sizeof role) || object_ref_parse(value, &ref) != 0) {
			return ERR_DAMAGE;
		}
		if (strcmp(role, "receipt") == 0) {
			evidence->receipts = true;
		} else {
			err = add_use(evidence, at, role, &ref);
		}
	}
	return err;
}

static void note_fate(struct evidence *evidence, const struct record *record)
{
	if (strcmp(record->type, "erased") == 0 && !record_field_is(record, "stage", "asked")) {
		evidence->erased = record->index;
	} else if (strcmp(record->type, "archived") == 0) {
		evidence->archived = record_field_is(record, "event", "back") ? 0 : record->index;
	}
}

static int add_record(struct evidence *evidence, const struct record *record)
{
	const struct table_rule *rule = table_find(record->type);
	struct evidence_record *added = add_item(&evidence->records, evidence->record_count, sizeof *added, EVIDENCE_RECORDS_MAX);

	if (added == NULL) {
		return evidence->record_count < EVIDENCE_RECORDS_MAX ? ERR_MEMORY : ERR_LIMIT;
	}
	added->index = record->index;
	memcpy(added->type, record->type, sizeof added->type);
	(void)lines_find_u64(record->body, "answers", &added->answers);
	added->valid = strcmp(record->type, "verified") == 0 && record_field_is(record, "result", "valid");
	added->sealed = added->valid && record_field_is(record, "form", "sealed-xml");
	added->detached = strcmp(record->type, "intent") == 0 && record_field_is(record, "form", "detached-der");
	added->partial = strcmp(record->type, "closed") == 0 && record_field_is(record, "verdict", "partial");
	if (rule == NULL || (rule->marks & TABLE_TRANSPARENT) == 0) {
		evidence->need = record->index + 1;
	}
	note_fate(evidence, record);
	return add_objects(evidence, evidence->record_count++, record);
}

/* --- names for people --- */

static const struct evidence_use *find_use(const struct evidence *evidence, size_t record, const char *role)
{
	for (size_t i = 0; i < evidence->use_count; i++) {
		if (evidence->uses[i].record == record && strcmp(evidence->uses[i].role, role) == 0) {
			return &evidence->uses[i];
		}
	}
	return NULL;
}

/* Gives the object its name, unless it has one or another has that name. */
static void give_name(struct evidence *evidence, size_t record, const char *role, const char *name)
{
	const struct evidence_use *use = find_use(evidence, record, role);

	if (use == NULL || evidence->objects[use->object].file[0] != '\0') {
		return;
	}
	for (size_t i = 0; i < evidence->object_count; i++) {
		if (strcmp(evidence->objects[i].file, name) == 0) {
			return;
		}
	}
	(void)snprintf(evidence->objects[use->object].file, EVIDENCE_NAME_SIZE, "%s", name);
}

/* The last record of that type, from `end` (a place) backwards; record_count: none. */
static size_t last_of(const struct evidence *evidence, const char *type, size_t end)
{
	while (end > 0) {
		end--;
		if (strcmp(evidence->records[end].type, type) == 0) {
			return end;
		}
	}
	return evidence->record_count;
}

/* The reply or attachment that the last good `verified` was about. */
static size_t find_verified(const struct evidence *evidence, bool *ret_sealed)
{
	size_t at = evidence->record_count;

	while (at > 0 && !evidence->records[at - 1].valid) {
		at--;
	}
	*ret_sealed = at > 0 && evidence->records[at - 1].sealed;
	while (at > 0) {
		at--;
		if (find_use(evidence, at, "reply") != NULL) {
			return at;
		}
	}
	return evidence->record_count;
}

/* What the signature of place `at` is over, where it does not hold it itself: the object of its intent. */
static void find_signed_over(struct evidence *evidence, size_t at)
{
	size_t intent = last_of(evidence, "intent", at);

	for (size_t i = 0; at < evidence->record_count && intent < evidence->record_count && evidence->records[intent].detached && i < evidence->use_count;
	     i++) {
		if (evidence->uses[i].record == intent) {
			evidence->signed_over = evidence->uses[i].object + 1;
			return;
		}
	}
}

static void name_objects(struct evidence *evidence)
{
	bool sealed = false;
	size_t count = evidence->record_count, sending = last_of(evidence, "sending", count), verified = find_verified(evidence, &sealed);

	give_name(evidence, last_of(evidence, "signed", count), "signed", "podano.p7s");
	find_signed_over(evidence, last_of(evidence, "signed", count));
	give_name(evidence, sending, "request", "odeslano");
	give_name(evidence, verified, "reply", sealed ? EVIDENCE_SEALED_REPLY : "potvrzeni.p7s");
	for (size_t i = 0; sending < count && i < count; i++) {
		if (evidence->records[i].answers == evidence->records[sending].index) {
			give_name(evidence, i, "reply", "odpoved");
			give_name(evidence, i, "peer", "protistrana.pem");
		}
	}
	for (size_t i = 0; i < count; i++) {
		give_name(evidence, i, "original", "original");
		give_name(evidence, i, "name", "jmeno.txt");
	}
	for (size_t i = count; i > 0; i--) {
		give_name(evidence, i - 1, "confirmation", "potvrzeni.xml");
		give_name(evidence, i - 1, "report", "protokol.txt");
	}
	for (size_t i = 0; i < evidence->object_count; i++) {
		struct evidence_object *object = &evidence->objects[i];

		if (object->file[0] == '\0') {
			(void)snprintf(object->file, sizeof object->file, "%012llu-%s", (unsigned long long)object->index, object->role);
		}
	}
}

int evidence_open(struct journal *journal, const struct vault *vault, const char *number, uint64_t until, struct evidence *ret)
{
	_cleanup_free_ uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	_cleanup_free_ uint64_t *indexes = NULL;
	struct journal_facts facts;
	struct record record;
	size_t count = 0;
	int err = buffer == NULL ? ERR_MEMORY : 0;

	*ret = (struct evidence){ .until = until };
	journal_facts(journal, &facts);
	(void)snprintf(ret->number, sizeof ret->number, "%s", number);
	memcpy(ret->origin, facts.origin, sizeof ret->origin);
	err = err == 0 ? journal_case_indexes(journal, number, &indexes, &count) : err;
	for (size_t i = 0; err == 0 && i < count && indexes[i] < until; i++) {
		err = journal_read_one(journal, indexes[i], buffer, &record);
		err = err == 0 ? add_record(ret, &record) : err;
	}
	if (err != 0) {
		return err;
	}
	name_objects(ret);
	for (size_t i = 0; i < ret->object_count; i++) {
		ret->objects[i].absent = !vault_object_readable(vault, &ret->objects[i].ref);
	}
	return ret->record_count == 0 ? ERR_NOTFOUND : 0;
}

uint32_t evidence_next_key(const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->object_count; i++) {
		if (!evidence->objects[i].absent && !evidence->objects[i].salted) {
			return evidence->objects[i].ref.generation;
		}
	}
	return 0;
}

int evidence_use_key(struct evidence *evidence, uint32_t generation, const struct key *key)
{
	for (size_t i = 0; i < evidence->object_count; i++) {
		struct evidence_object *object = &evidence->objects[i];

		if (object->ref.generation != generation) {
			continue;
		}
		if (key == NULL) {
			object->absent = true;
		} else if (keys_object_salt(key, object->ref.parts[0], object->salt)) {
			object->salted = true;
		} else {
			return ERR_INTERNAL;
		}
	}
	return 0;
}

/* --- checkpoints --- */

struct note_search {
	struct journal_anchor_name *found; /* all files of checkpoints that cover what is needed */
	size_t count;
	uint64_t need, newest;
};

#define NOTE_FILES_MAX ((size_t)16 * 1024 * 1024)

static int visit_note(void *context, const struct journal_anchor_name *name)
{
	struct note_search *search = context;
	struct journal_anchor_name *added = NULL;

	if (name->size < search->need) {
		return 0;
	}
	added = add_item(&search->found, search->count, sizeof *added, NOTE_FILES_MAX);
	if (added == NULL) {
		return ERR_MEMORY;
	}
	*added = *name;
	search->count++;
	if (name->kind == JOURNAL_ANCHOR_NOTE && name->size > search->newest) {
		search->newest = name->size;
	}
	return 0;
}

static int by_size(const void *left, const void *right)
{
	const struct journal_anchor_name *a = left, *b = right;

	return a->size < b->size ? -1 : a->size > b->size ? 1 : a->kind < b->kind ? -1 : a->kind > b->kind ? 1 : 0;
}

/* The first checkpoint that has all the files of `kinds` (set of 1 << kind); 0: none. */
static uint64_t first_with(const struct note_search *search, unsigned kinds)
{
	unsigned have = 0;

	for (size_t i = 0; i < search->count; i++) {
		have = i > 0 && search->found[i].size == search->found[i - 1].size ? have : 0;
		have |= 1U << search->found[i].kind;
		if ((have & kinds) == kinds) {
			return search->found[i].size;
		}
	}
	return 0;
}

/* A stamp is the harder thing to come by: a stamped checkpoint without a signature is preferred to a signed one without a stamp. */
int evidence_choose_notes(const struct journal *journal, struct evidence *evidence)
{
	static const unsigned wishes[] = {
		1U << JOURNAL_ANCHOR_NOTE | 1U << JOURNAL_ANCHOR_SEAL | 1U << JOURNAL_ANCHOR_STAMP,
		1U << JOURNAL_ANCHOR_NOTE | 1U << JOURNAL_ANCHOR_STAMP,
		1U << JOURNAL_ANCHOR_NOTE | 1U << JOURNAL_ANCHOR_SEAL,
		1U << JOURNAL_ANCHOR_NOTE,
	};
	struct note_search search = { .need = evidence->need };
	uint64_t size = 0;
	int err = journal_anchor_each(journal, visit_note, &search);

	if (err == 0 && search.count > 0) {
		qsort(search.found, search.count, sizeof *search.found, by_size);
	}
	for (size_t i = 0; err == 0 && size == 0 && i < sizeof wishes / sizeof wishes[0]; i++) {
		size = first_with(&search, wishes[i]);
	}
	free(search.found);
	if (err != 0 || size == 0) {
		return err != 0 ? err : ERR_STATE;
	}
	err = evidence_add_note(journal, evidence, size);
	if (err == 0 && search.newest > size && evidence->records[evidence->record_count - 1].index >= size) {
		err = evidence_add_note(journal, evidence, search.newest);
	}
	return err;
}

static bool has_seal(const struct journal *journal, uint64_t size)
{
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;

	return journal_anchor_seal_read(journal, size, &cms, &length) == 0;
}

int evidence_read_note(const struct journal *journal, uint64_t size, struct evidence_note *ret)
{
	struct evidence_note added = { .size = size };
	_cleanup_free_ uint8_t *bytes = NULL;
	struct anchor_note note;
	int err = journal_anchor_note(journal, size, &bytes, &note);

	if (err != 0) {
		return err;
	}
	added.is_signed = has_seal(journal, size);
	added.has_line = note.count > 0;
	for (uint64_t n = 1; added.stamps < EVIDENCE_STAMPS_MAX; n++) {
		_cleanup_free_ uint8_t *reply = NULL;
		size_t length = 0;

		if (journal_anchor_file(journal, &(struct journal_anchor_name){ .kind = JOURNAL_ANCHOR_STAMP, .size = size, .number = n }, &reply, &length) !=
		    0) {
			break;
		}
		added.over_text[added.stamps++] = anchor_stamp_mentions(span_of(reply, length), note.text);
	}
	*ret = added;
	return 0;
}

int evidence_add_note(const struct journal *journal, struct evidence *evidence, uint64_t size)
{
	int err = evidence->note_count == EVIDENCE_NOTES_MAX ? ERR_LIMIT : evidence_read_note(journal, size, &evidence->notes[evidence->note_count]);

	evidence->note_count += err == 0 ? 1 : 0;
	return err;
}

uint64_t evidence_note_for(const struct evidence *evidence, uint64_t index)
{
	for (size_t i = 0; i < evidence->note_count; i++) {
		if (index < evidence->notes[i].size) {
			return evidence->notes[i].size;
		}
	}
	return 0;
}

/* --- certificates and lists --- */

struct trust_search {
	struct evidence *evidence;
	uint64_t bytes;
};

static int visit_trust(void *context, const char *name, uint64_t length)
{
	struct trust_search *search = context;
	struct evidence *evidence = search->evidence;
	char(*added)[EVIDENCE_NAME_SIZE] = NULL;

	if (evidence->trust_count == EVIDENCE_TRUST_MAX || length > EVIDENCE_TRUST_FILE_MAX_BYTES || search->bytes + length > EVIDENCE_TRUST_MAX_BYTES) {
		evidence->trust_truncated = true;
		return 0;
	}
	added = add_item(&evidence->trust, evidence->trust_count, sizeof *added, EVIDENCE_TRUST_MAX);
	if (added == NULL) {
		return ERR_MEMORY;
	}
	(void)snprintf(*added, sizeof *added, "%s", name);
	evidence->trust_count++;
	search->bytes += length;
	return 0;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(left, right);
}

int evidence_find_trust(const struct journal *journal, struct evidence *evidence)
{
	struct trust_search search = { .evidence = evidence };
	int err = journal_trust_each(journal, visit_trust, &search);

	if (err == 0 && evidence->trust_count > 0) {
		qsort(evidence->trust, evidence->trust_count, sizeof evidence->trust[0], by_name);
	}
	return err;
}
