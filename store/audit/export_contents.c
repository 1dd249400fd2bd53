/* export_contents.c - obsah.txt: each content is the one that its record committed to (FORMAT.txt sections 7 and 8). Who signed it: export_signatures.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mbedtls/md.h>

#include "clean.h"
#include "export.h"
#include "words.h"

#define LIST_NAME "obsah.txt"
#define CONTENT_PIECE 65536
#define CONTENT_ROLE_MAX 32

/* A line of obsah.txt. */
struct content {
	struct export_content of;
	struct object_ref ref;
	uint8_t salt[AUDIT_HASH_BYTES];
};

const struct export_record *export_find_record(const struct export *export, uint64_t index)
{
	for (size_t i = 0; i < export->record_count; i++) {
		if (export->records[i].index == index && export->records[i].bytes != NULL) {
			return &export->records[i];
		}
	}
	return NULL;
}

static bool find_object(const struct export_record *record, struct bytes role, struct object_ref *ret)
{
	char field[CONTENT_ROLE_MAX + 8];
	struct bytes value;

	if (role.length == 0 || role.length > CONTENT_ROLE_MAX) {
		return false;
	}
	(void)snprintf(field, sizeof field, "object-%.*s", (int)role.length, (const char *)role.data);
	return frame_field(record->fact.body, field, &value) && object_ref_read(value, ret);
}

/* <file> <index, 12 digits> <role> <salt> */
static bool parse_line(const struct export *export, struct bytes line, struct content *ret)
{
	struct bytes file = export_word(&line), index = export_word(&line);
	uint64_t number = 0;

	ret->of.role = export_word(&line);
	while (index.length > 1 && index.data[0] == '0') {
		index.data++;
		index.length--;
	}
	if (file.length == 0 || file.length >= sizeof ret->of.file || file.data[0] == '.' || memchr(file.data, '/', file.length) != NULL ||
	    memchr(file.data, '\0', file.length) != NULL || !frame_number(index, &number) || line.length != (size_t)2 * AUDIT_HASH_BYTES ||
	    !frame_hex(line.data, ret->salt, sizeof ret->salt)) {
		return false;
	}
	memcpy(ret->of.file, file.data, file.length);
	ret->of.file[file.length] = '\0';
	ret->of.record = export_find_record(export, number);
	return ret->of.record != NULL && find_object(ret->of.record, ret->of.role, &ret->ref);
}

/* HMAC-SHA256 of a whole file. False: it could not be read. */
static bool hash_file(int fd, const uint8_t salt[AUDIT_HASH_BYTES], uint8_t ret[AUDIT_HASH_BYTES], uint64_t *ret_size)
{
	mbedtls_md_context_t state;
	uint8_t piece[CONTENT_PIECE];
	ssize_t count = 0;
	bool good = false;

	mbedtls_md_init(&state);
	good = mbedtls_md_setup(&state, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1) == 0 && mbedtls_md_hmac_starts(&state, salt, AUDIT_HASH_BYTES) == 0;
	*ret_size = 0;
	while (good && (count = read(fd, piece, sizeof piece)) > 0) {
		*ret_size += (uint64_t)count;
		good = mbedtls_md_hmac_update(&state, piece, (size_t)count) == 0;
	}
	good = good && count == 0 && mbedtls_md_hmac_finish(&state, ret) == 0;
	mbedtls_md_free(&state);
	return good;
}

struct peer {
	bool seen, same;
	uint8_t sha256[AUDIT_HASH_BYTES];
};

static void compare_peer(void *context, struct bytes der, bool is_crl)
{
	struct peer *peer = context;
	uint8_t hash[AUDIT_HASH_BYTES];

	if (!peer->seen && !is_crl) {
		audit_sha256(der, hash);
		peer->seen = true;
		peer->same = memcmp(hash, peer->sha256, sizeof hash) == 0;
	}
}

static void check_peer(struct export *export, const struct content *content)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	struct peer peer = { .seen = false };
	struct bytes field;
	size_t length = 0;

	if (!frame_field(content->of.record->fact.body, "peer-sha256", &field) || field.length != (size_t)2 * AUDIT_HASH_BYTES ||
	    !frame_hex(field.data, peer.sha256, sizeof peer.sha256) || !export_read(export, content->of.file, EXPORT_FILE_MAX_BYTES, &bytes, &length)) {
		return;
	}
	(void)audit_pool_each((struct bytes){ .data = bytes, .length = length }, compare_peer, &peer);
	if (!peer.same) {
		audit_found(&export->audit, AUDIT_CERTIFICATE, content->of.record->index, "%s begins with another certificate than its record says",
		            content->of.file);
	}
}

/* --- the list --------------------------------------------------------------------------------------------------------------------------------------------- */

static void check_content(struct export *export, struct content *content)
{
	AUDIT_CLEAN_FD int fd = -1;
	uint8_t hash[AUDIT_HASH_BYTES];
	uint64_t size = 0, index = content->of.record->index;
	struct stat status;

	if (!export_knows(export, content->of.file)) {
		audit_found(&export->audit, AUDIT_OBJECT_MISSING, index, "%s is not in the folder", content->of.file);
		return;
	}
	fd = openat(export->folder, content->of.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || !hash_file(fd, content->salt, hash, &size)) {
		audit_found(&export->audit, AUDIT_UNREADABLE, index, "%s cannot be read", content->of.file);
		return;
	}
	if (size != content->ref.size || memcmp(hash, content->ref.commitment, sizeof hash) != 0) {
		audit_found(&export->audit, AUDIT_OBJECT_CHANGED, index, "%s is not what the record committed to: it, its record or its salt was altered",
		            content->of.file);
		return;
	}
	export->contents++;
	content->of.good = true;
	if (bytes_equal(content->of.role, "peer")) {
		check_peer(export, content);
	}
}

struct listed {
	struct export_content *contents;
	size_t count;
};

/* What a record commits to and the list does not have. Role receipt is left out on purpose. */
static void say_missing(struct export *export, const struct listed *listed, const struct export_record *record, const struct object_ref *ref, struct bytes name)
{
	for (size_t i = 0; i < listed->count; i++) {
		if (memcmp(listed->contents[i].commitment, ref->commitment, AUDIT_HASH_BYTES) == 0) {
			return;
		}
	}
	if (bytes_equal(name, "object-receipt") || export->erased != 0) {
		return;
	}
	if (export->archived != 0) {
		audit_found(&export->audit, AUDIT_ARCHIVED, record->index, "content in the archive since record %ju is not here (%.*s)", export->archived - 1,
		            (int)name.length, (const char *)name.data);
	} else {
		audit_found_as(&export->audit, AUDIT_OBJECT_MISSING, AUDIT_DOUBT, record->index, "content that the record commits to is not here (%.*s)",
		               (int)name.length, (const char *)name.data);
	}
}

static void check_missing(struct export *export, const struct listed *listed)
{
	for (size_t i = 0; i < export->record_count; i++) {
		struct bytes rest = export->records[i].fact.body, name, value;
		struct object_ref ref;

		while (export->records[i].bytes != NULL && frame_line(&rest, &name, &value)) {
			if (name.length > 7 && memcmp(name.data, "object-", 7) == 0 && object_ref_read(value, &ref)) {
				say_missing(export, listed, &export->records[i], &ref, name);
			}
		}
	}
}

int export_check_contents(struct export *export)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	AUDIT_CLEAN_FREE void *memory = NULL;
	struct listed listed = { .count = 0 };
	struct bytes rest, line;
	uint64_t number = 0;
	size_t length = 0;

	if (!export_read(export, LIST_NAME, EXPORT_FILE_MAX_BYTES, &bytes, &length)) {
		audit_found(&export->audit, AUDIT_OBJECT_MISSING, AUDIT_NO_INDEX, "obsah.txt is not in the folder: contents cannot be checked");
		return 0;
	}
	memory = calloc(length / 64 + 1, sizeof *listed.contents); /* a line has a salt of 64 digits */
	if (memory == NULL) {
		return -1;
	}
	listed.contents = memory;
	rest = (struct bytes){ .data = bytes, .length = length };
	while (export_line(&rest, &line)) {
		struct content content = { .of = { .record = NULL } };

		number++;
		if (!parse_line(export, line, &content)) {
			audit_found(&export->audit, AUDIT_OBJECT_CHANGED, AUDIT_NO_INDEX, "obsah.txt, line %ju: no content of a record here", number);
			continue;
		}
		check_content(export, &content);
		memcpy(content.of.commitment, content.ref.commitment, sizeof content.of.commitment);
		listed.contents[listed.count++] = content.of;
	}
	if (rest.length > 0) {
		audit_found(&export->audit, AUDIT_OBJECT_CHANGED, AUDIT_NO_INDEX, "obsah.txt ends within a line");
	}
	check_missing(export, &listed);
	return export_check_signatures(export, listed.contents, listed.count);
}
