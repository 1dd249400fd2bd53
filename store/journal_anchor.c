#include "journal_anchor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "journal_private.h"

static const char *const suffixes[] = { [JOURNAL_ANCHOR_NOTE] = "note", [JOURNAL_ANCHOR_SEAL] = "p7s", [JOURNAL_ANCHOR_STAMP] = "tsr" };

void journal_anchor_format_name(const struct journal_anchor_name *name, char ret[JOURNAL_ANCHOR_NAME_SIZE])
{
	if (name->number > 1) {
		(void)snprintf(ret, JOURNAL_ANCHOR_NAME_SIZE, "%llu.%llu.%s", (unsigned long long)name->size, (unsigned long long)name->number,
		               suffixes[name->kind]);
	} else {
		(void)snprintf(ret, JOURNAL_ANCHOR_NAME_SIZE, "%llu.%s", (unsigned long long)name->size, suffixes[name->kind]);
	}
}

/* Only what journal_anchor_format_name writes: the form is canonical, so that there are no two names for one thing. */
bool journal_anchor_parse_name(const char *name, struct journal_anchor_name *ret)
{
	struct span rest = span_of_string(name), digits;
	struct journal_anchor_name parsed = { .number = 1 };
	char again[JOURNAL_ANCHOR_NAME_SIZE];

	if (!span_read_until(&rest, '.', &digits) || !span_parse_u64(digits, &parsed.size) || parsed.size == 0) {
		return false;
	}
	if (span_read_until(&rest, '.', &digits) && (!span_parse_u64(digits, &parsed.number) || parsed.number < 2 || !span_equals_string(rest, "tsr"))) {
		return false;
	}
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		parsed.kind = (enum journal_anchor_kind)i;
		journal_anchor_format_name(&parsed, again);
		if (strcmp(again, name) == 0) {
			*ret = parsed;
			return true;
		}
	}
	return false;
}

int journal_anchor_read(const struct journal *journal, const struct journal_anchor_name *name, uint8_t **ret_bytes, size_t *ret_length)
{
	char text[JOURNAL_ANCHOR_NAME_SIZE];

	journal_anchor_format_name(name, text);
	return file_read_small(journal->ops, journal->anchor_fd, text, JOURNAL_ANCHOR_MAX_BYTES, ret_bytes, ret_length);
}

static int read_file(const struct journal *journal, uint64_t size, enum journal_anchor_kind kind, uint8_t **ret_bytes, size_t *ret_length)
{
	return journal_anchor_read(journal, &(struct journal_anchor_name){ .kind = kind, .size = size }, ret_bytes, ret_length);
}

int journal_anchor_note(const struct journal *journal, uint64_t size, uint8_t **ret_bytes, struct anchor_note *ret_note)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t length = 0;
	int err = read_file(journal, size, JOURNAL_ANCHOR_NOTE, &bytes, &length);

	if (err != 0) {
		return err == ERR_LIMIT ? ERR_DAMAGE : err;
	}
	if (anchor_note_parse(span_of(bytes, length), ret_note) != 0 || ret_note->size != size || !span_equals_string(ret_note->origin, journal->origin)) {
		return ERR_DAMAGE;
	}
	*ret_bytes = bytes;
	bytes = NULL;
	return 0;
}

int journal_anchor_seal_read(const struct journal *journal, uint64_t size, uint8_t **ret_bytes, size_t *ret_length)
{
	return read_file(journal, size, JOURNAL_ANCHOR_SEAL, ret_bytes, ret_length);
}

int64_t journal_anchor_seal_time(const struct journal *journal, uint64_t size)
{
	char name[JOURNAL_ANCHOR_NAME_SIZE];
	struct stat info;

	journal_anchor_format_name(&(struct journal_anchor_name){ .kind = JOURNAL_ANCHOR_SEAL, .size = size }, name);
	if (journal->ops->fstatat(journal->ops, journal->anchor_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return 0;
	}
	return (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
}

static int put(struct journal *journal, int directory, const char *name, struct span bytes)
{
	int err = journal->state != JOURNAL_READY ? ERR_READONLY : bytes.length > JOURNAL_ANCHOR_MAX_BYTES ? ERR_LIMIT : 0;

	if (err != 0) {
		return err;
	}
	err = file_replace(journal->ops, directory, name, bytes.data, bytes.length, 0444);
	return err == 0 || err == ERR_SPACE ? err : journal_fail(journal, err, "a signature or stamp of a checkpoint could not be written");
}

int journal_anchor_seal(struct journal *journal, uint64_t size, struct span note, struct span cms)
{
	struct journal_anchor_name name = { .kind = JOURNAL_ANCHOR_NOTE, .size = size };
	char text[JOURNAL_ANCHOR_NAME_SIZE];
	int err = 0;

	journal_anchor_format_name(&name, text);
	if (!span_is_empty(note)) {
		err = put(journal, journal->anchor_fd, text, note);
	}
	name.kind = JOURNAL_ANCHOR_SEAL;
	journal_anchor_format_name(&name, text);
	if (err == 0) {
		err = put(journal, journal->anchor_fd, text, cms);
	}
	if (err == 0 && size > journal->seal_size) {
		journal->seal_size = size;
	}
	return err;
}

/* 1: the file has these bytes; 0: others; ERR_NOTFOUND: there is none. */
static int compare(const struct journal *journal, int directory, const char *name, struct span bytes)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	int err = file_read_small(journal->ops, directory, name, JOURNAL_ANCHOR_MAX_BYTES, &data, &length);

	if (err == ERR_LIMIT) {
		return 0;
	}
	return err != 0 ? err : span_equals(span_of(data, length), bytes) ? 1 : 0;
}

static int free_name(const struct journal *journal, uint64_t size, struct span reply, char ret[JOURNAL_ANCHOR_NAME_SIZE])
{
	struct journal_anchor_name name = { .kind = JOURNAL_ANCHOR_STAMP, .size = size, .number = 1 };
	int found = ERR_LIMIT;

	for (; name.number <= JOURNAL_STAMPS_MAX; name.number++) {
		journal_anchor_format_name(&name, ret);
		found = compare(journal, journal->anchor_fd, ret, reply);
		if (found != 0) {
			return found;
		}
	}
	return ERR_LIMIT;
}

int journal_anchor_stamp(struct journal *journal, uint64_t size, struct span reply, bool bad, char ret_file[JOURNAL_ANCHOR_NAME_SIZE])
{
	int directory = bad ? journal->quarantine_fd : journal->anchor_fd, found = ERR_INTERNAL;
	uint8_t hash[TREE_HASH_BYTES];
	char hex[2 * TREE_HASH_BYTES + 1];

	if (bad) {
		found = tree_plain_hash(reply, hash);
		if (found != 0) {
			return found;
		}
		hex_encode(hash, sizeof hash, hex);
		(void)snprintf(ret_file, JOURNAL_ANCHOR_NAME_SIZE, "%llu-%.16s.tsr", (unsigned long long)size, hex);
		found = compare(journal, directory, ret_file, reply);
	} else {
		found = free_name(journal, size, reply, ret_file);
	}
	if (found == ERR_NOTFOUND || (bad && found == 0)) {
		return put(journal, directory, ret_file, reply);
	}
	return found == 1 ? 0 : found;
}
