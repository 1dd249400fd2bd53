/* Everything here is foreign bytes: a backup lay on a stick or a share for years. Nothing is believed before the list that covers it has come by, and nothing of
 * it is a journal before `verify` has looked at it (restore.c). */
#include "vault_crypto.h"

#include "backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "appliance/base/text.h"

#define COPY_BYTES ((size_t)256 * 1024)
#define ORIGIN_PREFIX "podatelna.invalid/"

struct reading {
	const struct backup_reader *reader;
	struct backup_found *found;
	EVP_MD_CTX *hash, *lists;
	uint8_t *buffer;
	char *list; /* as the next list must be */
	size_t list_length, list_files;
	uint64_t list_count, at;
	bool ended;
};

static void reading_free(struct reading *reading)
{
	EVP_MD_CTX_free(reading->hash);
	EVP_MD_CTX_free(reading->lists);
	free(reading->buffer);
	free(reading->list);
}

static int wrong(struct reading *reading, const char *why)
{
	if (reading->found->why == NULL) {
		reading->found->why = why;
	}
	return ERR_FORMAT;
}

/* Exactly so many bytes. */
static int take(struct reading *reading, size_t length)
{
	ssize_t have = reading->reader->read(reading->reader->context, reading->buffer, length);

	if (have < 0) {
		return (int)have;
	}
	reading->at += (uint64_t)have;
	return (size_t)have == length ? 0 : wrong(reading, N_("it is cut short"));
}

static int skip_padding(struct reading *reading, uint64_t size)
{
	size_t length = tar_padding(size);
	int err = take(reading, length);

	for (size_t i = 0; i < length && err == 0; i++) {
		if (reading->buffer[i] != 0) {
			err = wrong(reading, N_("there is something behind the end of a file"));
		}
	}
	return err;
}

/* --- manifest, lists, end: small, read whole --- */

static int read_small(struct reading *reading, uint64_t size, char **ret)
{
	char *text = malloc(size + 1);
	size_t done = 0;
	int err = text == NULL ? ERR_MEMORY : 0;

	while (err == 0 && done < size) {
		size_t step = size - done < COPY_BYTES ? (size_t)(size - done) : COPY_BYTES;

		err = take(reading, step);
		if (err == 0) {
			memcpy(text + done, reading->buffer, step);
			done += step;
		}
	}
	if (err == 0) {
		text[size] = '\0';
		err = skip_padding(reading, size);
	}
	if (err != 0) {
		free(text);
		return err;
	}
	*ret = text;
	return 0;
}

static bool find_hash(struct span text, const char *name, uint8_t ret[JOURNAL_HASH_BYTES])
{
	struct span value;

	return lines_find(text, name, &value) && span_parse_hex(value, ret, JOURNAL_HASH_BYTES);
}

static int read_manifest(struct reading *reading, struct span text)
{
	struct backup_manifest *manifest = &reading->found->manifest;
	uint64_t format = 0;
	struct span keys, origin;
	int64_t created = 0;

	if (!lines_valid(text) || !lines_find_u64(text, "podatelna-backup", &format)) {
		return wrong(reading, N_("it is no backup of a Podatelna"));
	}
	if (format != BACKUP_FORMAT) {
		return wrong(reading, N_("its format is newer than this program"));
	}
	if (!lines_find(text, "keys", &keys) || !lines_find(text, "origin", &origin) || !span_starts_with(origin, ORIGIN_PREFIX) ||
	    !span_copy_string(origin, manifest->origin, sizeof manifest->origin) || !lines_find_u64(text, "records", &manifest->records) ||
	    manifest->records == 0 || manifest->records > RECORD_INDEX_MAX || !find_hash(text, "root", manifest->root) ||
	    !find_hash(text, "head", manifest->head) || !lines_find_string(text, "created", manifest->created, sizeof manifest->created) ||
	    !clock_parse_utc(span_of_string(manifest->created), &created)) {
		return wrong(reading, N_("its manifest is malformed"));
	}
	manifest->keys = span_equals_string(keys, "yes");
	return manifest->keys || span_equals_string(keys, "no") ? 0 : wrong(reading, N_("its manifest is malformed"));
}

static int add_to_list(struct reading *reading, const char *name)
{
	uint8_t hash[JOURNAL_HASH_BYTES];
	char hex[2 * JOURNAL_HASH_BYTES + 1];
	size_t room = BACKUP_LIST_MAX_BYTES + 1 - reading->list_length;
	int length = 0;

	if (reading->list_files == BACKUP_LIST_FILES) {
		return wrong(reading, N_("a list of files is missing"));
	}
	if (EVP_DigestFinal_ex(reading->hash, hash, NULL) != 1) {
		return ERR_INTERNAL;
	}
	hex_encode(hash, sizeof hash, hex);
	length = snprintf(reading->list + reading->list_length, room, "%s  %s\n", hex, name);
	if (length < 0 || (size_t)length >= room) {
		return ERR_INTERNAL;
	}
	reading->list_length += (size_t)length;
	reading->list_files++;
	reading->found->files++;
	return reading->found->files > BACKUP_FILES_MAX ? wrong(reading, N_("there are too many files")) : 0;
}

/* What the list says must be what came by, in the same order. */
static int read_list(struct reading *reading, const struct tar_entry *entry, struct span text)
{
	char name[TAR_NAME_SIZE];

	(void)snprintf(name, sizeof name, "backup/%06llu.sha256", (unsigned long long)++reading->list_count);
	if (strcmp(entry->name, name) != 0 || reading->list_files == 0) {
		return wrong(reading, N_("a list of files is missing"));
	}
	if (!span_equals(text, span_of(reading->list, reading->list_length))) {
		return wrong(reading, N_("a file is not the one that its list names"));
	}
	reading->list_length = reading->list_files = 0;
	return EVP_DigestUpdate(reading->lists, text.data, text.length) == 1 ? 0 : ERR_INTERNAL;
}

static int read_end(struct reading *reading, struct span text, uint64_t at)
{
	uint8_t expected[JOURNAL_HASH_BYTES], hash[JOURNAL_HASH_BYTES];
	uint64_t files = 0, lists = 0, bytes = 0;

	if (!lines_valid(text) || !lines_find_u64(text, "files", &files) || !lines_find_u64(text, "lists", &lists) || !lines_find_u64(text, "bytes", &bytes) ||
	    !lines_find_u64(text, "archived-parts", &reading->found->archived) || !find_hash(text, "sha256", expected)) {
		return wrong(reading, N_("its last entry is malformed"));
	}
	if (EVP_DigestFinal_ex(reading->lists, hash, NULL) != 1) {
		return ERR_INTERNAL;
	}
	if (reading->list_files != 0 || files != reading->found->files || lists != reading->list_count || bytes != at ||
	    memcmp(hash, expected, sizeof hash) != 0) {
		return wrong(reading, N_("it does not hold what its last entry counts"));
	}
	reading->ended = true;
	return 0;
}

static int read_own(struct reading *reading, const struct backup_name *name, const struct tar_entry *entry, uint64_t at)
{
	_cleanup_free_ char *text = NULL;
	struct span span;
	int err = read_small(reading, entry->size, &text);

	if (err != 0) {
		return err;
	}
	span = span_of(text, entry->size);
	if (name->kind == BACKUP_LIST) {
		return read_list(reading, entry, span);
	}
	if (name->kind == BACKUP_END) {
		return read_end(reading, span, at);
	}
	err = reading->found->files > 0 ? wrong(reading, N_("its manifest is not the first")) : read_manifest(reading, span);
	if (err == 0 && (EVP_DigestInit_ex(reading->hash, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(reading->hash, text, entry->size) != 1)) {
		err = ERR_INTERNAL;
	}
	return err != 0 ? err : add_to_list(reading, entry->name);
}

/* --- a file of the box --- */

static int read_file(struct reading *reading, const struct backup_name *name, const struct tar_entry *entry)
{
	const struct backup_reader *reader = reading->reader;
	uint64_t left = entry->size;
	int err = 0;

	if (reading->found->files == 0) {
		return wrong(reading, N_("it is no backup of a Podatelna"));
	}
	if (name->key && !reading->found->manifest.keys) {
		return wrong(reading, N_("there are keys that its manifest does not speak of"));
	}
	err = reader->begin(reader->context, name, entry->size);
	if (err == 0 && EVP_DigestInit_ex(reading->hash, EVP_sha256(), NULL) != 1) {
		err = ERR_INTERNAL;
	}
	while (err == 0 && left > 0) {
		size_t step = left < COPY_BYTES ? (size_t)left : COPY_BYTES;

		err = take(reading, step);
		if (err == 0) {
			err = EVP_DigestUpdate(reading->hash, reading->buffer, step) == 1 ? reader->data(reader->context, span_of(reading->buffer, step))
			                                                                  : ERR_INTERNAL;
		}
		left -= step;
	}
	if (err == 0) {
		err = reader->end(reader->context);
	}
	if (err == 0) {
		err = skip_padding(reading, entry->size);
	}
	reading->found->bytes += entry->size;
	return err != 0 ? err : add_to_list(reading, entry->name);
}

static int read_entry(struct reading *reading, const struct tar_entry *entry, uint64_t at)
{
	struct backup_name name;

	memcpy(reading->found->name, entry->name, sizeof reading->found->name);
	if (!backup_name_parse(entry->name, &name)) {
		return wrong(reading, N_("there is a file that no backup has"));
	}
	if (entry->size > name.limit) {
		return wrong(reading, N_("a file is longer than it can be"));
	}
	if (reading->ended) {
		return wrong(reading, N_("there is a file behind the last entry"));
	}
	return name.kind == BACKUP_FILE ? read_file(reading, &name, entry) : read_own(reading, &name, entry, at);
}

/* The second block of zeros, and then nothing: fillers of other programs' block sizes are zeros too. */
static int read_rest(struct reading *reading)
{
	int err = reading->ended ? take(reading, TAR_BLOCK_BYTES) : wrong(reading, N_("it is cut short"));
	ssize_t have = TAR_BLOCK_BYTES;

	while (err == 0 && have > 0) {
		for (ssize_t i = 0; i < have; i++) {
			if (reading->buffer[i] != 0) {
				return wrong(reading, N_("there is something behind its end"));
			}
		}
		have = reading->reader->read(reading->reader->context, reading->buffer, COPY_BYTES);
		err = have < 0 ? (int)have : 0;
	}
	return err;
}

int backup_read(const struct backup_reader *reader, struct backup_found *ret)
{
	_cleanup_(reading_free) struct reading reading = { .reader = reader, .found = ret };
	struct tar_entry entry;
	int err = 0;

	memset(ret, 0, sizeof *ret);
	reading.buffer = malloc(COPY_BYTES);
	reading.list = malloc(BACKUP_LIST_MAX_BYTES + 1);
	reading.hash = EVP_MD_CTX_new();
	reading.lists = EVP_MD_CTX_new();
	if (reading.buffer == NULL || reading.list == NULL || reading.hash == NULL || reading.lists == NULL ||
	    EVP_DigestInit_ex(reading.lists, EVP_sha256(), NULL) != 1) {
		return ERR_MEMORY;
	}
	while (err == 0) {
		uint64_t at = reading.at;

		err = take(&reading, TAR_BLOCK_BYTES);
		if (err == 0) {
			err = tar_parse(span_of(reading.buffer, TAR_BLOCK_BYTES), &entry);
			if (err == ERR_NOTFOUND) {
				return read_rest(&reading);
			}
			err = err != 0 ? wrong(&reading, N_("it is no tar of a Podatelna, or it is damaged")) : read_entry(&reading, &entry, at);
		}
	}
	return err;
}
