#include "vault_crypto.h"

#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "head.h"
#include "journal_anchor.h"
#include "journal_private.h"
#include "object.h"
#include "survey.h"

#define COPY_BYTES ((size_t)256 * 1024)
#define SURVEY_TRIES 2 /* a segment that is closed while its folder is listed may not be seen */

struct writer {
	const struct backup_options *options;
	struct backup_result *result;
	struct survey survey;
	EVP_MD_CTX *hash, *lists;
	uint8_t *buffer;
	char *list;
	size_t list_length, list_files;
	uint64_t list_count, count;
};

static void writer_free(struct writer *writer)
{
	survey_free(&writer->survey);
	EVP_MD_CTX_free(writer->hash);
	EVP_MD_CTX_free(writer->lists);
	free(writer->buffer);
	free(writer->list);
}

static int damage(struct writer *writer, const char *what, const char *number)
{
	(void)snprintf(writer->result->why, sizeof writer->result->why, "%s%s%s", what, number[0] == '\0' ? "" : " ", number);
	return ERR_DAMAGE;
}

/* --- one file --- */

static int put(struct writer *writer, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;

	while (length > 0) {
		ssize_t done = writer->options->ops->write(writer->options->ops, writer->options->out, from, length);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return done < 0 && errno == EPIPE ? ERR_GONE : done < 0 ? file_error() : ERR_SYSTEM;
		}
		from += done;
		length -= (size_t)done;
		writer->result->bytes += (uint64_t)done;
	}
	return 0;
}

static int put_header(struct writer *writer, const char *name, uint64_t size)
{
	struct backup_name known;
	struct tar_entry entry = { .size = size, .mtime = (uint64_t)writer->options->now_ms / 1000 };
	uint8_t block[TAR_BLOCK_BYTES];
	int err = ERR_LIMIT;

	if (strlen(name) < sizeof entry.name && backup_name_parse(name, &known) && size <= known.limit) {
		(void)snprintf(entry.name, sizeof entry.name, "%s", name);
		entry.mode = known.kind == BACKUP_FILE ? known.mode : 0444;
		err = tar_format(&entry, block);
	}
	return err != 0 ? err : put(writer, block, sizeof block);
}

static int put_padding(struct writer *writer, uint64_t size)
{
	static const uint8_t zeros[TAR_BLOCK_BYTES];

	return put(writer, zeros, tar_padding(size));
}

static int write_list(struct writer *writer)
{
	char name[TAR_NAME_SIZE];
	int err = 0;

	if (writer->list_files == 0) {
		return 0;
	}
	(void)snprintf(name, sizeof name, "backup/%06llu.sha256", (unsigned long long)++writer->list_count);
	err = put_header(writer, name, writer->list_length);
	if (err == 0) {
		err = put(writer, writer->list, writer->list_length);
	}
	if (err == 0) {
		err = put_padding(writer, writer->list_length);
	}
	if (err == 0 && EVP_DigestUpdate(writer->lists, writer->list, writer->list_length) != 1) {
		err = ERR_INTERNAL;
	}
	writer->list_length = writer->list_files = 0;
	return err;
}

/* The file just written goes into the list; ret_hash may be NULL. */
static int end_file(struct writer *writer, const char *name, uint8_t ret_hash[OBJECT_HASH_BYTES])
{
	uint8_t hash[OBJECT_HASH_BYTES];
	char hex[2 * OBJECT_HASH_BYTES + 1];
	size_t room = BACKUP_LIST_MAX_BYTES + 1 - writer->list_length;
	int length = 0;

	if (EVP_DigestFinal_ex(writer->hash, hash, NULL) != 1) {
		return ERR_INTERNAL;
	}
	hex_encode(hash, sizeof hash, hex);
	length = snprintf(writer->list + writer->list_length, room, "%s  %s\n", hex, name);
	if (length < 0 || (size_t)length >= room) {
		return ERR_LIMIT;
	}
	writer->list_length += (size_t)length;
	writer->result->files++;
	if (ret_hash != NULL) {
		memcpy(ret_hash, hash, sizeof hash);
	}
	if (writer->options->progress != NULL) {
		int err = writer->options->progress(writer->options->context, writer->result->files, writer->count);

		if (err != 0) {
			return err;
		}
	}
	return ++writer->list_files == BACKUP_LIST_FILES ? write_list(writer) : 0;
}

static int put_bytes(struct writer *writer, const char *name, struct span bytes)
{
	int err = put_header(writer, name, bytes.length);

	if (err == 0 && (EVP_DigestInit_ex(writer->hash, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(writer->hash, bytes.data, bytes.length) != 1)) {
		err = ERR_INTERNAL;
	}
	if (err == 0) {
		err = put(writer, bytes.data, bytes.length);
	}
	if (err == 0) {
		err = put_padding(writer, bytes.length);
	}
	return err != 0 ? err : end_file(writer, name, NULL);
}

/* The first `size` bytes of an open file; UINT64_MAX: all that it has now. */
static int copy_fd(struct writer *writer, const char *name, int fd, uint64_t size, uint8_t ret_hash[OBJECT_HASH_BYTES])
{
	const struct fileops *ops = writer->options->ops;
	struct stat info;
	uint64_t offset = 0;
	int err = 0;

	if (size == UINT64_MAX) {
		if (ops->fstat(ops, fd, &info) != 0) {
			return file_error();
		}
		size = (uint64_t)info.st_size;
	}
	err = put_header(writer, name, size);
	if (err == 0 && EVP_DigestInit_ex(writer->hash, EVP_sha256(), NULL) != 1) {
		err = ERR_INTERNAL;
	}
	while (err == 0 && offset < size) {
		size_t step = size - offset < COPY_BYTES ? (size_t)(size - offset) : COPY_BYTES;
		ssize_t have = file_pread(ops, fd, writer->buffer, step, offset);

		if (have != (ssize_t)step) {
			return have < 0 ? (int)have : damage(writer, "a file became shorter while it was read:", name);
		}
		err = EVP_DigestUpdate(writer->hash, writer->buffer, step) == 1 ? put(writer, writer->buffer, step) : ERR_INTERNAL;
		offset += step;
	}
	if (err == 0) {
		err = put_padding(writer, size);
	}
	return err != 0 ? err : end_file(writer, name, ret_hash);
}

/* A file of the data directory. ERR_NOTFOUND before anything is written of it. */
static int copy_file(struct writer *writer, const char *path, const char *name, uint64_t size, uint8_t ret_hash[OBJECT_HASH_BYTES])
{
	int fd = file_open_read(writer->options->ops, writer->options->data_fd, path), err = 0;

	if (fd < 0) {
		return fd;
	}
	err = copy_fd(writer, name, fd, size, ret_hash);
	file_close(writer->options->ops, &fd);
	return err;
}

/* --- the journal --- */

static int write_manifest(struct writer *writer)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[BACKUP_LINES_MAX_BYTES], hex[2 * TREE_HASH_BYTES + 1], created[CLOCK_UTC_SIZE];
	int length = 0;

	clock_format_utc(writer->options->now_ms, created);
	lines_set_u64(&lines, "podatelna-backup", BACKUP_FORMAT);
	lines_set(&lines, "created", created);
	hex_encode(writer->survey.head, TREE_HASH_BYTES, hex);
	lines_set(&lines, "head", hex);
	lines_set(&lines, "keys", writer->options->with_keys ? "yes" : "no");
	lines_set(&lines, "origin", writer->options->origin);
	lines_set_u64(&lines, "records", writer->survey.records);
	hex_encode(writer->survey.root, TREE_HASH_BYTES, hex);
	lines_set(&lines, "root", hex);
	lines_set(&lines, "version", PODATELNA_VERSION);
	length = lines_finish(&lines, text, sizeof text);
	return length < 0 ? length : put_bytes(writer, "backup/manifest", span_of(text, (size_t)length));
}

static int write_head(struct writer *writer, const char *name, uint64_t sequence, uint64_t segment, uint64_t offset)
{
	struct head head = { .sequence = sequence, .size = writer->survey.records, .segment = segment, .offset = offset, .clean = true };
	char line[HEAD_BYTES + 1];

	memcpy(head.root, writer->survey.root, sizeof head.root);
	head_format(&head, line);
	return put_bytes(writer, name, span_of(line, HEAD_BYTES));
}

/* The last segment is the one that was written at that size, whatever became of it since: it ends with the last record, and its name says that it is open. */
static int write_segment(struct writer *writer, const struct survey_segment *segment, bool open)
{
	static const char *const suffixes[] = { "s", "u", "open" };
	char file[JOURNAL_NAME_SIZE], path[2 * JOURNAL_NAME_SIZE], name[2 * JOURNAL_NAME_SIZE];
	int err = ERR_NOTFOUND;

	journal_segment_name(segment->first, open ? "open" : segment->suffix, file);
	(void)snprintf(name, sizeof name, "journal/segment/%s", file);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0] && err == ERR_NOTFOUND; i++) {
		journal_segment_name(segment->first, suffixes[i], file);
		(void)snprintf(path, sizeof path, "journal/segment/%s", file);
		err = copy_file(writer, path, name, segment->bytes, NULL);
	}
	return err == ERR_NOTFOUND ? damage(writer, "a segment is missing:", name) : err;
}

static int write_segments(struct writer *writer)
{
	const struct survey *survey = &writer->survey;
	const struct survey_segment *last = &survey->segments[survey->segment_count - 1];
	bool open = last->cut || strcmp(last->suffix, "open") == 0;
	uint64_t first = open ? last->first : survey->records;
	char name[2 * JOURNAL_NAME_SIZE], file[JOURNAL_NAME_SIZE];
	int err = write_head(writer, "journal/head.a", 2, first, open ? last->bytes : 0);

	if (err == 0) {
		err = write_head(writer, "journal/head.b", 1, first, open ? last->bytes : 0);
	}
	for (size_t i = 0; i < survey->segment_count && err == 0; i++) {
		err = write_segment(writer, &survey->segments[i], i + 1 == survey->segment_count && open);
	}
	if (err == 0 && !open) {
		journal_segment_name(first, "open", file);
		(void)snprintf(name, sizeof name, "journal/segment/%s", file);
		err = put_bytes(writer, name, span_of("", 0));
	}
	return err;
}

struct listing {
	struct writer *writer;
	const char *folder;
};

/* Names that a backup does not know are no part of the box: half-written files, derived ones, foreign ones. */
static int visit_file(void *context, const char *file)
{
	const struct listing *listing = context;
	struct writer *writer = listing->writer;
	struct journal_anchor_name anchor;
	struct backup_name known;
	char name[TAR_NAME_SIZE];
	int err = 0;

	if ((size_t)snprintf(name, sizeof name, "%s/%s", listing->folder, file) >= sizeof name || !backup_name_parse(name, &known)) {
		return 0;
	}
	if (strcmp(listing->folder, "journal/anchor") == 0 && journal_anchor_parse_name(file, &anchor) && anchor.size > writer->survey.records) {
		return 0;
	}
	if (known.key) {
		char owner[TABLE_CASE_SIZE];
		const struct survey_fate *fate = NULL;

		(void)snprintf(owner, sizeof owner, "%.*s", (int)strcspn(file, "."), file);
		fate = survey_find_case(&writer->survey, owner);
		if (fate == NULL || fate->erased) {
			return 0;
		}
	}
	err = copy_file(writer, name, name, UINT64_MAX, NULL);
	return err == ERR_NOTFOUND ? 0 : err; /* a key that was erased meanwhile */
}

static int write_folder(struct writer *writer, const char *folder)
{
	struct listing listing = { .writer = writer, .folder = folder };
	int fd = writer->options->ops->openat(writer->options->ops, writer->options->data_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	int err = fd < 0 ? file_error() : file_list(writer->options->ops, fd, visit_file, &listing);

	file_close(writer->options->ops, &fd);
	return err == ERR_NOTFOUND ? 0 : err;
}

/* --- content --- */

/* Content may go while the backup is made: the record of that is durable before the first part goes. */
static int explain_missing(struct writer *writer, const struct survey_part *part)
{
	struct survey_options options = { .ops = writer->options->ops, .data_fd = writer->options->data_fd, .until = UINT64_MAX };
	const char *number = writer->survey.cases.entries[part->of].number;
	_cleanup_survey_ struct survey now = { 0 };
	const struct survey_fate *fate = NULL;
	int err = survey_make(&options, &now);

	if (err != 0) {
		return err;
	}
	fate = survey_find_case(&now, number);
	return fate != NULL && (fate->erased || fate->archived) ? ERR_AGAIN : damage(writer, "content in the vault is missing: case", number);
}

static int write_part(struct writer *writer, const struct survey_part *part)
{
	const struct survey_fate *fate = &writer->survey.fates[part->of];
	char hex[2 * OBJECT_HASH_BYTES + 1], name[TAR_NAME_SIZE];
	uint8_t hash[OBJECT_HASH_BYTES];
	int err = 0;

	if (fate->erased || fate->archived) {
		writer->result->archived += fate->erased ? 0 : 1;
		return 0;
	}
	hex_encode(part->hash, OBJECT_HASH_BYTES, hex);
	(void)snprintf(name, sizeof name, "vault/%.2s/%s", hex, hex);
	err = copy_file(writer, name, name, UINT64_MAX, hash);
	if (err == ERR_NOTFOUND) {
		return explain_missing(writer, part);
	}
	writer->result->parts += err == 0 ? 1 : 0;
	if (err == ERR_LIMIT || (err == 0 && memcmp(hash, part->hash, sizeof hash) != 0)) {
		return damage(writer, "content in the vault is damaged: case", writer->survey.cases.entries[part->of].number);
	}
	return err;
}

static int write_content(struct writer *writer)
{
	int err = 0;

	for (size_t i = 0; i < writer->survey.part_count && err == 0; i++) {
		err = write_part(writer, &writer->survey.parts[i]);
	}
	return err;
}

static int write_keys(struct writer *writer)
{
	static const char *const names[] = { "seen.key", "seen" };
	int err = write_folder(writer, "keys");

	for (size_t i = 0; i < sizeof names / sizeof names[0] && err == 0; i++) {
		err = copy_file(writer, names[i], names[i], UINT64_MAX, NULL);
		err = err == ERR_NOTFOUND ? 0 : err;
	}
	return err;
}

static int write_end(struct writer *writer)
{
	static const uint8_t zeros[TAR_END_BLOCKS * TAR_BLOCK_BYTES];
	_cleanup_lines_ struct lines lines = { 0 };
	uint8_t hash[OBJECT_HASH_BYTES];
	char text[BACKUP_LINES_MAX_BYTES], hex[2 * OBJECT_HASH_BYTES + 1];
	int length = 0, err = write_list(writer);

	if (err != 0 || EVP_DigestFinal_ex(writer->lists, hash, NULL) != 1) {
		return err != 0 ? err : ERR_INTERNAL;
	}
	hex_encode(hash, sizeof hash, hex);
	lines_set_u64(&lines, "archived-parts", writer->result->archived);
	lines_set_u64(&lines, "bytes", writer->result->bytes);
	lines_set_u64(&lines, "files", writer->result->files);
	lines_set_u64(&lines, "lists", writer->list_count);
	lines_set(&lines, "sha256", hex);
	length = lines_finish(&lines, text, sizeof text);
	err = length < 0 ? length : put_header(writer, "backup/end", (uint64_t)length);
	if (err == 0) {
		err = put(writer, text, (size_t)length);
	}
	if (err == 0) {
		err = put_padding(writer, (uint64_t)length);
	}
	return err != 0 ? err : put(writer, zeros, sizeof zeros);
}

/* --- all of it --- */

static int prepare(struct writer *writer)
{
	struct survey_options options = { .ops = writer->options->ops, .data_fd = writer->options->data_fd, .until = writer->options->records };
	int err = ERR_DAMAGE;

	for (int i = 0; i < SURVEY_TRIES && err == ERR_DAMAGE; i++) {
		survey_free(&writer->survey);
		err = survey_make(&options, &writer->survey);
	}
	if (err != 0) {
		return err == ERR_DAMAGE ? damage(writer, "the journal is damaged", "") : err;
	}
	writer->count = writer->survey.segment_count + writer->survey.part_count + (writer->options->with_keys ? writer->survey.cases.count : 0);
	writer->buffer = malloc(COPY_BYTES);
	writer->list = malloc(BACKUP_LIST_MAX_BYTES + 1);
	writer->hash = EVP_MD_CTX_new();
	writer->lists = EVP_MD_CTX_new();
	if (writer->buffer == NULL || writer->list == NULL || writer->hash == NULL || writer->lists == NULL) {
		return ERR_MEMORY;
	}
	return EVP_DigestInit_ex(writer->lists, EVP_sha256(), NULL) == 1 ? 0 : ERR_INTERNAL;
}

int backup_write(const struct backup_options *options, struct backup_result *ret)
{
	static const char *const plain[] = { "journal/FORMAT.txt", "journal/origin" };
	static const char *const folders[] = { "journal/anchor", "journal/trust", "quarantine" };
	_cleanup_(writer_free) struct writer writer = { .options = options, .result = ret };
	int err = 0;

	memset(ret, 0, sizeof *ret);
	err = options->records == 0 ? ERR_STATE : prepare(&writer);
	if (err == 0) {
		err = write_manifest(&writer);
	}
	for (size_t i = 0; i < sizeof plain / sizeof plain[0] && err == 0; i++) {
		err = copy_file(&writer, plain[i], plain[i], UINT64_MAX, NULL);
	}
	if (err == 0) {
		err = write_segments(&writer);
	}
	for (size_t i = 0; i < sizeof folders / sizeof folders[0] && err == 0; i++) {
		err = write_folder(&writer, folders[i]);
	}
	if (err == 0) {
		err = write_content(&writer);
	}
	if (err == 0 && options->with_keys) {
		err = write_keys(&writer);
	}
	if (err == 0) {
		err = write_end(&writer);
	}
	ret->records = writer.survey.records;
	memcpy(ret->root, writer.survey.root, sizeof ret->root);
	return err;
}
