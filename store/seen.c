#include "vault_crypto.h"

#include "seen.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"

#define KEY_FILE_BYTES (2 * VAULT_HMAC_BYTES + 1)
#define LINE_SIZE (2 * VAULT_HMAC_BYTES + 1 + TABLE_CASE_SIZE + 1)
#define FIRST_COUNT 1024

struct entry {
	uint8_t hmac[VAULT_HMAC_BYTES];
	char case_number[TABLE_CASE_SIZE];
	uint32_t next; /* entry + 1 of the same bucket, 0: last */
};

struct seen {
	const struct fileops *ops;
	int data_dir; /* borrowed */
	int fd;
	uint64_t length;
	bool broken;
	bool behind; /* the file holds what is forgotten here */
	uint8_t key[VAULT_HMAC_BYTES];
	struct entry *entries;
	uint32_t *buckets; /* entry + 1; as many as there is room for entries, a power of two */
	size_t count, room;
	char highest[TABLE_CASE_SIZE];
};

static size_t bucket_of(const struct seen *seen, const uint8_t hmac[VAULT_HMAC_BYTES])
{
	uint64_t number = 0;

	memcpy(&number, hmac, sizeof number);
	return (size_t)(number & (seen->room - 1));
}

static void chain(struct seen *seen, size_t place)
{
	size_t bucket = bucket_of(seen, seen->entries[place].hmac);

	seen->entries[place].next = seen->buckets[bucket];
	seen->buckets[bucket] = (uint32_t)place + 1;
}

static int grow(struct seen *seen)
{
	size_t room = seen->room == 0 ? FIRST_COUNT : seen->room * 2;
	struct entry *entries = NULL;
	uint32_t *buckets = NULL;

	if (room > UINT32_MAX / 2) {
		return ERR_LIMIT;
	}
	buckets = calloc(room, sizeof *buckets);
	entries = buckets == NULL ? NULL : realloc(seen->entries, room * sizeof *entries);
	if (entries == NULL) {
		free(buckets);
		return ERR_MEMORY;
	}
	free(seen->buckets);
	seen->entries = entries;
	seen->buckets = buckets;
	seen->room = room;
	for (size_t i = 0; i < seen->count; i++) {
		chain(seen, i);
	}
	return 0;
}

static int remember(struct seen *seen, const uint8_t hmac[VAULT_HMAC_BYTES], const char *case_number)
{
	struct entry *entry = NULL;

	if (seen->count == seen->room) {
		int err = grow(seen);

		if (err != 0) {
			return err;
		}
	}
	entry = &seen->entries[seen->count];
	memcpy(entry->hmac, hmac, sizeof entry->hmac);
	(void)snprintf(entry->case_number, sizeof entry->case_number, "%s", case_number);
	chain(seen, seen->count++);
	return 0;
}

static bool read_line(struct span line, uint8_t hmac[VAULT_HMAC_BYTES], char case_number[TABLE_CASE_SIZE])
{
	struct span hex;

	return span_read_until(&line, ' ', &hex) && span_parse_hex(hex, hmac, VAULT_HMAC_BYTES) && table_case_valid(line) &&
	       span_copy_string(line, case_number, TABLE_CASE_SIZE);
}

static int load(struct seen *seen, int data_dir)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0, bad = 0;
	struct span rest, line;
	int err = file_read_small(seen->ops, data_dir, "seen", SEEN_FILE_MAX_BYTES, &data, &length);

	if (err != 0) {
		return err == ERR_NOTFOUND ? 0 : err;
	}
	rest = span_of(data, length);
	while (err == 0 && span_read_until(&rest, '\n', &line)) {
		uint8_t hmac[VAULT_HMAC_BYTES];
		char case_number[TABLE_CASE_SIZE];

		if (read_line(line, hmac, case_number)) {
			err = remember(seen, hmac, case_number);
			if (strcmp(case_number, seen->highest) > 0) {
				(void)snprintf(seen->highest, sizeof seen->highest, "%s", case_number);
			}
		} else {
			bad++;
		}
	}
	if (bad > 0) {
		log_warning("file seen: %zu malformed lines passed over", bad);
	}
	seen->length = length - rest.length;
	return err;
}

static int make_key(struct seen *seen, int data_dir)
{
	char text[KEY_FILE_BYTES + 1];
	int err = ERR_INTERNAL;

	if (RAND_priv_bytes(seen->key, sizeof seen->key) == 1) {
		hex_encode(seen->key, sizeof seen->key, text);
		text[KEY_FILE_BYTES - 1] = '\n';
		err = file_replace(seen->ops, data_dir, "seen.key", text, KEY_FILE_BYTES, 0600);
		explicit_bzero(text, sizeof text);
	}
	return err;
}

static int load_key(struct seen *seen, int data_dir)
{
	uint8_t *data = NULL;
	size_t length = 0;
	int err = file_read_small(seen->ops, data_dir, "seen.key", KEY_FILE_BYTES, &data, &length);

	if (err == ERR_NOTFOUND) {
		return make_key(seen, data_dir);
	}
	if (err != 0) {
		return err == ERR_LIMIT ? ERR_FORMAT : err;
	}
	if (length != KEY_FILE_BYTES || data[length - 1] != '\n' || !span_parse_hex(span_of(data, length - 1), seen->key, sizeof seen->key)) {
		err = ERR_FORMAT;
	}
	explicit_bzero(data, length);
	free(data);
	return err;
}

/* Appending goes on behind the last whole line. */
static int open_file(struct seen *seen, int data_dir)
{
	seen->fd = seen->ops->openat(seen->ops, data_dir, "seen", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (seen->fd < 0) {
		return file_error();
	}
	if (seen->ops->ftruncate(seen->ops, seen->fd, (off_t)seen->length) != 0) {
		return file_error();
	}
	return file_sync_directory(seen->ops, data_dir);
}

int seen_open(const struct fileops *ops, int data_dir, struct seen **ret)
{
	struct seen *seen = calloc(1, sizeof *seen);
	int err = seen == NULL ? ERR_MEMORY : 0;

	if (err == 0) {
		seen->ops = ops;
		seen->fd = -1;
		seen->data_dir = data_dir;
		err = load_key(seen, data_dir);
	}
	if (err == 0) {
		err = load(seen, data_dir);
	}
	if (err == 0) {
		err = open_file(seen, data_dir);
	}
	if (err != 0) {
		seen_free(seen);
		return err;
	}
	*ret = seen;
	return 0;
}

void seen_free(struct seen *seen)
{
	if (seen == NULL) {
		return;
	}
	file_close(seen->ops, &seen->fd);
	explicit_bzero(seen->key, sizeof seen->key);
	free(seen->entries);
	free(seen->buckets);
	free(seen);
}

const char *seen_highest(const struct seen *seen)
{
	return seen->highest;
}

struct vault_hmac *seen_begin(const struct seen *seen)
{
	return vault_hmac_new(seen->key);
}

const char *seen_next(const struct seen *seen, const uint8_t hmac[VAULT_HMAC_BYTES], size_t *cursor)
{
	size_t place = 0;

	if (seen->count == 0) {
		return NULL;
	}
	place = *cursor == 0 ? seen->buckets[bucket_of(seen, hmac)] : seen->entries[*cursor - 1].next;
	while (place != 0) {
		if (memcmp(seen->entries[place - 1].hmac, hmac, VAULT_HMAC_BYTES) == 0) {
			*cursor = place;
			return seen->entries[place - 1].case_number;
		}
		place = seen->entries[place - 1].next;
	}
	return NULL;
}

static int append(struct seen *seen, const char *line, size_t length)
{
	int err = file_write_all(seen->ops, seen->fd, line, length);

	if (err != 0) {
		/* No half line may stay in front of the next one. */
		seen->broken = seen->ops->ftruncate(seen->ops, seen->fd, (off_t)seen->length) != 0;
		return err;
	}
	if (seen->ops->fdatasync(seen->ops, seen->fd) != 0) {
		seen->broken = true;
		return file_error();
	}
	seen->length += length;
	return 0;
}

int seen_add(struct seen *seen, const uint8_t hmac[VAULT_HMAC_BYTES], const char *case_number)
{
	char line[LINE_SIZE + 1], hex[2 * VAULT_HMAC_BYTES + 1];
	size_t cursor = 0;
	const char *known = NULL;
	int length = 0, err = ERR_INTERNAL;

	while ((known = seen_next(seen, hmac, &cursor)) != NULL) {
		if (strcmp(known, case_number) == 0) {
			return 0;
		}
	}
	if (seen->broken) {
		return ERR_READONLY;
	}
	if (!table_case_valid(span_of_string(case_number))) {
		return ERR_FORMAT;
	}
	hex_encode(hmac, VAULT_HMAC_BYTES, hex);
	length = snprintf(line, sizeof line, "%s %s\n", hex, case_number);
	err = append(seen, line, (size_t)length);
	return err != 0 ? err : remember(seen, hmac, case_number);
}

/* --- forgetting --- */

static size_t write_entry(const struct entry *entry, char *ret)
{
	char hex[2 * VAULT_HMAC_BYTES + 1];

	hex_encode(entry->hmac, VAULT_HMAC_BYTES, hex);
	return (size_t)snprintf(ret, LINE_SIZE + 1, "%s %s\n", hex, entry->case_number);
}

/* The same entries in a new file, in the place of the old one; appending goes on there. */
static int rewrite(struct seen *seen)
{
	_cleanup_free_ char *text = malloc(seen->count * LINE_SIZE + LINE_SIZE + 1);
	size_t length = 0;
	int err = text == NULL ? ERR_MEMORY : 0;

	for (size_t i = 0; err == 0 && i < seen->count; i++) {
		if (seen->entries[i].case_number[0] != '\0') {
			length += write_entry(&seen->entries[i], text + length);
		}
	}
	if (err == 0) {
		err = file_replace(seen->ops, seen->data_dir, "seen", text, length, 0600);
	}
	if (err == 0) {
		file_close(seen->ops, &seen->fd);
		seen->length = length;
		err = open_file(seen, seen->data_dir);
		seen->broken = err != 0;
	}
	return err;
}

int seen_forget(struct seen *seen, bool (*gone)(void *context, const char *case_number), void *context)
{
	bool found = seen->behind;

	for (size_t i = 0; i < seen->count; i++) {
		struct entry *entry = &seen->entries[i];

		if (entry->case_number[0] != '\0' && gone(context, entry->case_number)) {
			/* It stays on its chain, with a hash that no content has. */
			memset(entry->hmac, 0, sizeof entry->hmac);
			entry->case_number[0] = '\0';
			found = true;
		}
	}
	if (!found) {
		return 0;
	}
	if (seen->broken) {
		return ERR_READONLY;
	}
	seen->behind = rewrite(seen) != 0;
	return seen->behind ? ERR_SYSTEM : 0;
}
