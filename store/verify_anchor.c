/* What lies in journal/anchor/: notes, their signatures, their stamps, and what records say of them (FORMAT.txt sections 6 and 9). */
#include "vault_crypto.h"

#include "verify_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchor_seal.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "journal_note.h"
#include "journal_trust.h"

/* --- what is there --- */

static void *grow(void *array, size_t count, size_t size)
{
	/* A power of two is reached: double. */
	return (count & (count - 1)) == 0 ? reallocarray(array, count == 0 ? 1 : 2 * count, size) : array;
}

static int add_note(struct journal_verify *verify, uint64_t size)
{
	struct verify_note *moved = grow(verify->notes, verify->note_count, sizeof *moved);

	if (moved == NULL) {
		return ERR_MEMORY;
	}
	verify->notes = moved;
	verify->notes[verify->note_count++] = (struct verify_note){ .size = size };
	return 0;
}

static int add_file(struct journal_verify *verify, const struct journal_anchor_name *name)
{
	struct verify_file *moved = grow(verify->files, verify->file_count, sizeof *moved);

	if (moved == NULL) {
		return ERR_MEMORY;
	}
	verify->files = moved;
	verify->files[verify->file_count++] = (struct verify_file){ .name = *name };
	return 0;
}

static bool is_plain(const char *name)
{
	while (*name > 0x20 && *name < 0x7F) {
		name++;
	}
	return *name == '\0';
}

/* Named, so that a person can look. They prove nothing and are not damage. */
static void add_unknown(struct verify_result *result, const char *name)
{
	size_t length = strlen(name), have = strlen(result->unknown_names);

	if (length > 4 && strcmp(name + length - 4, ".tmp") == 0) {
		return; /* being written, or left over by a crash */
	}
	result->unknown++;
	if (is_plain(name) && have + length + 2 < sizeof result->unknown_names) {
		(void)snprintf(result->unknown_names + have, sizeof result->unknown_names - have, "%s%s", have == 0 ? "" : " ", name);
	}
}

static int visit(void *context, const char *text)
{
	struct journal_verify *verify = context;
	struct journal_anchor_name name;

	if (!journal_anchor_parse_name(text, &name)) {
		add_unknown(&verify->result, text);
		return 0;
	}
	if (name.size > verify->options.until) {
		return 0;
	}
	return name.kind == JOURNAL_ANCHOR_NOTE ? add_note(verify, name.size) : add_file(verify, &name);
}

static int compare_notes(const void *a, const void *b)
{
	uint64_t left = ((const struct verify_note *)a)->size, right = ((const struct verify_note *)b)->size;

	return left < right ? -1 : left > right;
}

static int compare_files(const void *a, const void *b)
{
	const struct journal_anchor_name *left = &((const struct verify_file *)a)->name, *right = &((const struct verify_file *)b)->name;

	if (left->size != right->size) {
		return left->size < right->size ? -1 : 1;
	}
	if (left->kind != right->kind) {
		return left->kind < right->kind ? -1 : 1;
	}
	return left->number < right->number ? -1 : left->number > right->number;
}

int verify_anchor_load(struct journal_verify *verify)
{
	int err = file_list(verify->options.ops, verify->anchor_fd, visit, verify);

	if (err == 0 && verify->note_count > 1) {
		qsort(verify->notes, verify->note_count, sizeof *verify->notes, compare_notes);
	}
	if (err == 0 && verify->file_count > 1) {
		qsort(verify->files, verify->file_count, sizeof *verify->files, compare_files);
	}
	return err;
}

static struct verify_note *find_note(struct journal_verify *verify, uint64_t size)
{
	struct verify_note key = { .size = size };

	return verify->note_count == 0 ? NULL : bsearch(&key, verify->notes, verify->note_count, sizeof key, compare_notes);
}

static struct verify_file *find_file(struct journal_verify *verify, const struct journal_anchor_name *name)
{
	struct verify_file key = { .name = *name };

	return verify->file_count == 0 ? NULL : bsearch(&key, verify->files, verify->file_count, sizeof key, compare_files);
}

/* --- a checkpoint --- */

/* A file that was there a moment ago. What is too long is not ours: damage, as an empty file is. */
static int read_named(struct journal_verify *verify, const struct journal_anchor_name *name, uint8_t **ret_data, size_t *ret_length)
{
	char text[JOURNAL_ANCHOR_NAME_SIZE];
	int err = 0;

	journal_anchor_format_name(name, text);
	*ret_length = 0;
	err = file_read_small(verify->options.ops, verify->anchor_fd, text, JOURNAL_ANCHOR_MAX_BYTES, ret_data, ret_length);
	return err == ERR_LIMIT ? 0 : err;
}

static void blame(struct journal_verify *verify, uint64_t size, const char *what, const char *why)
{
	char text[JOURNAL_TEXT_SIZE];

	(void)snprintf(text, sizeof text, "%s of checkpoint %llu: %s", what, (unsigned long long)size, why);
	verify_damage(verify, size, text);
}

static int check_seal(struct journal_verify *verify, const struct anchor_note *note, struct span cms)
{
	_cleanup_(anchor_seal_free) struct anchor_seal seal = { 0 };
	const char *why = "";
	int err = anchor_seal_check(cms, note->text, &seal, &why), lines = 0;

	if (err == ERR_DAMAGE) {
		blame(verify, note->size, "the CMS signature", why);
		return 0;
	}
	if (err != 0) {
		return err;
	}
	verify->result.signed_notes++;
	lines = anchor_seal_check_lines(&seal, note);
	if (lines < 0) {
		blame(verify, note->size, "the signature line", "it does not fit the text or the certificate");
	} else {
		verify->result.note_signatures += (uint64_t)lines;
	}
	return 0;
}

static int check_stamp(struct journal_verify *verify, const struct anchor_note *note, struct span cms, const struct journal_anchor_name *name)
{
	_cleanup_free_ uint8_t *reply = NULL;
	struct span of[2] = { note->text, cms };
	const char *why = "";
	size_t length = 0, which = 0;
	int err = read_named(verify, name, &reply, &length);

	if (err == 0) {
		err = anchor_stamp_check(span_of(reply, length), of, span_is_empty(cms) ? 1 : 2, &which, &why);
	}
	if (err == ERR_DAMAGE) {
		blame(verify, note->size, "the time stamp", why);
		return 0;
	}
	verify->result.stamps += err == 0 ? 1 : 0;
	return err;
}

/* Signatures and stamps of the checkpoint that the scan has reached; the files are in the order of the checkpoints. */
static int check_files(struct journal_verify *verify, const struct anchor_note *note)
{
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;
	int err = 0;

	while (verify->file_position < verify->file_count && verify->files[verify->file_position].name.size < note->size) {
		verify->file_position++;
	}
	for (; err == 0 && verify->file_position < verify->file_count; verify->file_position++) {
		const struct journal_anchor_name *name = &verify->files[verify->file_position].name;

		if (name->size != note->size) {
			break;
		}
		if (name->kind == JOURNAL_ANCHOR_SEAL) {
			err = read_named(verify, name, &cms, &length);
			err = err != 0 ? err : check_seal(verify, note, span_of(cms, length));
		} else {
			err = check_stamp(verify, note, span_of(cms, length), name);
		}
	}
	return err;
}

int verify_anchor_note(struct journal_verify *verify, const uint8_t root[TREE_HASH_BYTES])
{
	_cleanup_free_ uint8_t *data = NULL;
	struct verify_note *found = find_note(verify, verify->tree.size);
	char expected[JOURNAL_NOTE_SIZE];
	struct anchor_note note;
	size_t length = 0;
	int err = read_named(verify, &(struct journal_anchor_name){ .kind = JOURNAL_ANCHOR_NOTE, .size = verify->tree.size }, &data, &length);

	if (err != 0 || found == NULL) { /* it was counted when the folder was listed */
		return err != 0 ? err : ERR_INTERNAL;
	}
	verify->result.notes++;
	memcpy(found->root, root, sizeof found->root);
	journal_note_format(verify->result.origin, verify->tree.size, root, expected);
	if (!span_starts_with(span_of(data, length), expected)) {
		/* Each record is right by itself, so history was written anew from somewhere behind the last checkpoint that still fits. */
		verify_damage(verify, verify->known_good, "from here on the records are not those that a checkpoint covers");
		return 0;
	}
	if (anchor_note_parse(span_of(data, length), &note) != 0) {
		blame(verify, verify->tree.size, "the note", "behind its text stands something that is no signature");
		return 0;
	}
	return check_files(verify, &note);
}

/* --- records --- */

static bool read_hash(const struct record *record, const char *name, uint8_t ret[TREE_HASH_BYTES])
{
	struct span value;

	return record_field(record, name, &value) && span_parse_hex(value, ret, TREE_HASH_BYTES);
}

/* The file has the hash that the record says. ERR_DAMAGE when not, or when there is none. */
static int compare_file(struct journal_verify *verify, int directory, const char *name, size_t limit, const struct record *record)
{
	_cleanup_free_ uint8_t *data = NULL;
	uint8_t stored[TREE_HASH_BYTES], hash[TREE_HASH_BYTES];
	size_t length = 0;
	int err = file_read_small(verify->options.ops, directory, name, limit, &data, &length);

	if (err == ERR_NOTFOUND || err == ERR_LIMIT) {
		return ERR_DAMAGE;
	}
	if (err == 0) {
		err = tree_plain_hash(span_of(data, length), hash);
	}
	return err != 0 ? err : read_hash(record, "sha256", stored) && memcmp(stored, hash, sizeof hash) == 0 ? 0 : ERR_DAMAGE;
}

static int check_good(struct journal_verify *verify, const struct record *record, uint64_t size, const char *file)
{
	struct journal_anchor_name name;
	struct verify_file *found = NULL;
	int err = ERR_DAMAGE;

	if (journal_anchor_parse_name(file, &name) && name.kind == JOURNAL_ANCHOR_STAMP && name.size == size) {
		found = find_file(verify, &name);
		err = found == NULL ? ERR_DAMAGE : compare_file(verify, verify->anchor_fd, file, JOURNAL_ANCHOR_MAX_BYTES, record);
	}
	if (err == 0) {
		found->recorded = true;
	}
	return err;
}

static int check_bad(struct journal_verify *verify, const struct record *record, uint64_t size, const char *file)
{
	char expected[JOURNAL_ANCHOR_NAME_SIZE], hex[2 * TREE_HASH_BYTES + 1] = "";

	(void)record_field_string(record, "sha256", hex, sizeof hex);
	(void)snprintf(expected, sizeof expected, "%llu-%.16s.tsr", (unsigned long long)size, hex);
	if (verify->quarantine_fd < 0 || strlen(hex) != 2 * (size_t)TREE_HASH_BYTES || strcmp(expected, file) != 0) {
		return ERR_DAMAGE;
	}
	verify->result.bad_stamps++;
	return compare_file(verify, verify->quarantine_fd, file, JOURNAL_ANCHOR_MAX_BYTES, record);
}

/* journal/trust/: named by its own hash. */
static int check_trust(struct journal_verify *verify, const struct record *record, const char *event)
{
	const struct fileops *ops = verify->options.ops;
	uint8_t named[TREE_HASH_BYTES], said[TREE_HASH_BYTES];
	char file[JOURNAL_TRUST_NAME_SIZE] = "";
	int directory = -1, err = ERR_DAMAGE;

	(void)record_field_string(record, "file", file, sizeof file);
	if (!journal_trust_parse_name(file, event, named) || !read_hash(record, "sha256", said) || memcmp(named, said, sizeof named) != 0) {
		return ERR_DAMAGE;
	}
	directory = ops->openat(ops, verify->dir_fd, "trust", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (directory >= 0) {
		err = compare_file(verify, directory, file, JOURNAL_TRUST_MAX_BYTES, record);
	}
	file_close(ops, &directory);
	return err;
}

int verify_anchor_record(struct journal_verify *verify, const struct record *record, const char **ret_bad)
{
	char event[32] = "", file[JOURNAL_ANCHOR_NAME_SIZE] = "";
	const struct verify_note *note = NULL;
	uint8_t root[TREE_HASH_BYTES];
	uint64_t size = 0;
	int err = 0;

	*ret_bad = NULL;
	(void)record_field_string(record, "event", event, sizeof event);
	if (strcmp(event, "package") == 0) {
		return 0;
	}
	if (strcmp(event, "crl") == 0 || strcmp(event, "cert") == 0) {
		err = check_trust(verify, record, event);
		*ret_bad = err == ERR_DAMAGE ? "the file in journal/trust that this record speaks of is missing or another" : NULL;
		return err == ERR_DAMAGE ? 0 : err;
	}
	if (!lines_find_u64(record->body, "size", &size) || (note = find_note(verify, size)) == NULL) {
		*ret_bad = "the file of the checkpoint that this record speaks of is missing";
		return 0;
	}
	if (event[0] == '\0') {
		return 0; /* the rest is check_summary's */
	}
	/* Of the same size it is when there was no room for the record of the checkpoint itself. */
	if (size > record->index || !read_hash(record, "root", root) || memcmp(root, note->root, sizeof root) != 0) {
		*ret_bad = "anchor is not about a checkpoint before it";
		return 0;
	}
	(void)record_field_string(record, "file", file, sizeof file);
	err = strcmp(event, "bad-stamp") == 0 ? check_bad(verify, record, size, file) : check_good(verify, record, size, file);
	if (err == ERR_DAMAGE) {
		*ret_bad = "the file of the time stamp that this record speaks of is missing or another";
		return 0;
	}
	return err;
}

void verify_anchor_finish(struct journal_verify *verify)
{
	for (size_t i = 0; i < verify->file_count; i++) {
		const struct verify_file *file = &verify->files[i];

		if (file->name.size <= verify->tree.size && find_note(verify, file->name.size) == NULL) {
			blame(verify, file->name.size, "a signature or stamp", "the note is missing");
		}
		verify->result.unrecorded += file->name.kind == JOURNAL_ANCHOR_STAMP && file->name.size < verify->tree.size && !file->recorded ? 1 : 0;
	}
}
