#include "anchors.h"

#include <mbedtls/base64.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "der.h"
#include "words.h"

#define NOTE_MAX_BYTES 65536
#define LINES_MAX 64
#define BLOB_MAX_BYTES 1024
#define DASH "\xE2\x80\x94 " /* U+2014 and a blank */
#define DASH_BYTES 4
#define ORIGIN_SHOWN 60

struct line {
	struct bytes name;
	uint8_t blob[BLOB_MAX_BYTES]; /* key id and signature */
	size_t length;
};

/* A C2SP signed note whose text is a tlog-checkpoint of three lines. */
struct parsed {
	struct bytes text, origin;
	uint64_t size;
	uint8_t root[AUDIT_HASH_BYTES];
	struct line own; /* of the key that is called as the log is; length 0: none */
	bool doubled;    /* more than one of these */
};

static void free_bytes(struct bytes *bytes)
{
	free((void *)(uintptr_t)bytes->data);
}
#define CLEAN_BYTES __attribute__((cleanup(free_bytes)))

/* Up to the line feed, which is taken too. */
static bool read_line(struct bytes *from, struct bytes *ret)
{
	const uint8_t *end = from->length == 0 ? NULL : memchr(from->data, '\n', from->length);

	if (end == NULL) {
		return false;
	}
	*ret = (struct bytes){ from->data, (size_t)(end - from->data) };
	from->data = end + 1;
	from->length -= ret->length + 1;
	return true;
}

static bool is_text(struct bytes bytes, const char *text)
{
	return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

/* In the one form that there is: what decodes and, encoded again, is the same. */
static bool read_base64(struct bytes text, uint8_t *ret, size_t size, size_t *ret_length)
{
	unsigned char again[2 * BLOB_MAX_BYTES];
	size_t length = 0;

	return text.length < sizeof again && mbedtls_base64_decode(ret, size, ret_length, text.data, text.length) == 0 &&
	       mbedtls_base64_encode(again, sizeof again, &length, ret, *ret_length) == 0 && audit_bytes_equal(text, (struct bytes){ again, length });
}

static bool read_size(struct bytes text, uint64_t *ret)
{
	uint64_t number = 0;

	if (text.length == 0 || text.length > 18 || (text.length > 1 && text.data[0] == '0')) {
		return false;
	}
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9') {
			return false;
		}
		number = number * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret = number;
	return true;
}

/* "— name base64". Of others (witnesses) only the form is looked at: keys that are not known say nothing. */
static bool parse_line(struct bytes line, struct parsed *ret)
{
	const uint8_t *blank = NULL;
	struct line read;

	if (line.length <= DASH_BYTES || memcmp(line.data, DASH, DASH_BYTES) != 0) {
		return false;
	}
	line = (struct bytes){ line.data + DASH_BYTES, line.length - DASH_BYTES };
	blank = memchr(line.data, ' ', line.length);
	if (blank == NULL || blank == line.data) {
		return false;
	}
	read.name = (struct bytes){ line.data, (size_t)(blank - line.data) };
	if (!audit_bytes_equal(read.name, ret->origin)) {
		return true;
	}
	if (!read_base64((struct bytes){ blank + 1, line.length - read.name.length - 1 }, read.blob, sizeof read.blob, &read.length)) {
		return false;
	}
	ret->doubled = ret->own.length > 0;
	ret->own = read;
	return true;
}

static bool parse(struct bytes file, struct parsed *ret)
{
	struct bytes rest = file, line, size, root;
	size_t length = 0, lines = 0;

	memset(ret, 0, sizeof *ret);
	for (size_t i = 0; i < file.length; i++) {
		if (file.data[i] < 0x20 && file.data[i] != '\n') {
			return false;
		}
	}
	if (!read_line(&rest, &ret->origin) || ret->origin.length == 0 || !read_line(&rest, &size) || !read_size(size, &ret->size) ||
	    !read_line(&rest, &root) || !read_base64(root, ret->root, sizeof ret->root, &length) || length != sizeof ret->root) {
		return false;
	}
	ret->text = (struct bytes){ file.data, file.length - rest.length };
	if (rest.length == 0) {
		return true;
	}
	if (!read_line(&rest, &line) || line.length != 0 || rest.length == 0) {
		return false;
	}
	while (rest.length > 0) {
		if (lines++ == LINES_MAX || !read_line(&rest, &line) || !parse_line(line, ret)) {
			return false;
		}
	}
	return true;
}

/* --- its text --- */

static void say_origin(struct anchors_run *run, uint64_t size, struct bytes origin)
{
	char shown[ORIGIN_SHOWN + 1];
	size_t length = origin.length < ORIGIN_SHOWN ? origin.length : ORIGIN_SHOWN;

	for (size_t i = 0; i < length; i++) {
		shown[i] = (char)(origin.data[i] > 0x20 && origin.data[i] < 0x7F ? origin.data[i] : '?');
	}
	shown[length] = '\0';
	if (anchors_may_say(run, AUDIT_ORIGIN)) {
		audit_found(run->audit, AUDIT_ORIGIN, size, N_("checkpoint %ju is one of another log: %s"), size, shown);
	}
}

/* Records that are missing are one finding, said at the end. What was made while the segments were read is none. */
static void note_beyond(struct anchors_run *run, uint64_t size)
{
	if (size > run->records->notes_before) {
		return;
	}
	(void)pthread_mutex_lock(&run->lock);
	if (size > run->beyond) {
		run->beyond = size;
	}
	(void)pthread_mutex_unlock(&run->lock);
}

static bool check_text(struct anchors_run *run, const struct anchors_note *note, const struct parsed *parsed)
{
	const char *origin = run->records->origin;
	uint8_t root[AUDIT_HASH_BYTES];

	if (origin != NULL && origin[0] != '\0' && !is_text(parsed->origin, origin)) {
		say_origin(run, note->size, parsed->origin);
		return false;
	}
	if (parsed->size != note->size) {
		if (anchors_may_say(run, AUDIT_NOTE)) {
			audit_found(run->audit, AUDIT_NOTE, note->size, N_("in the place of checkpoint %ju lies one of %ju records"), note->size, parsed->size);
		}
		return false;
	}
	if (run->settings->layout == AUDIT_LAYOUT_NOTES) {
		return true;
	}
	if (note->size > run->records->size) {
		note_beyond(run, note->size);
		return false;
	}
	if (!run->root_of(run->context, note->size, root) || memcmp(root, parsed->root, sizeof root) != 0) {
		if (anchors_may_say(run, AUDIT_ROOT)) {
			audit_found(run->audit, AUDIT_ROOT, note->size, N_("checkpoint %ju is over other records than these: one of the two was exchanged"),
			            note->size);
		}
		return false;
	}
	return true;
}

/* --- its signature --- */

static void gather(struct anchors_run *run, const struct audit_cms *cms)
{
	for (size_t i = 0; i < cms->certificate_count; i++) {
		(void)audit_pool_add(&run->pool, cms->certificates[i], false);
	}
	for (size_t i = 0; i < cms->list_count; i++) {
		anchors_keep_list(run, cms->lists[i]);
	}
}

static void check_line(struct anchors_run *run, const struct anchors_note *note, const struct parsed *parsed, struct bytes spki)
{
	const char *why = NULL;

	if (parsed->own.length == 0) {
		why = audit_key_is_p256(spki) ? N_("it is missing, and a key of this kind makes one") : NULL;
	} else if (parsed->doubled) {
		why = N_("there are two");
	} else if (!audit_note_verify(spki, parsed->text, (struct bytes){ parsed->own.blob, parsed->own.length })) {
		why = N_("it does not fit the text and the certificate");
	}
	if (why != NULL && anchors_may_say(run, AUDIT_NOTE_SIGNATURE)) {
		audit_found(run->audit, AUDIT_NOTE_SIGNATURE, note->size, N_("the signature line of checkpoint %ju: %s"), note->size, _(why));
	}
}

static void check_seal(struct anchors_run *run, struct anchors_note *note, const struct parsed *parsed, struct bytes seal)
{
	struct audit_cms cms;
	const char *why = NULL;
	bool good = audit_cms_read(seal, &cms, &why);

	if (good && (cms.has_content || !audit_bytes_equal(cms.content_type, AUDIT_BYTES(audit_oid_data)))) {
		why = N_("it is not a detached signature of plain data");
		good = false;
	}
	if (!good || !audit_cms_verify(&cms, parsed->text, &why)) {
		if (anchors_may_say(run, AUDIT_CMS)) {
			audit_found(run->audit, AUDIT_CMS, note->size, N_("the signature of checkpoint %ju: %s"), note->size, _(why));
		}
		return;
	}
	gather(run, &cms);
	note->signed_by = audit_pool_add(&run->pool, cms.signer.der, false);
	check_line(run, note, parsed, cms.signer.spki);
}

/* --- its stamps --- */

static void check_stamp(struct anchors_run *run, struct anchors_stamp *stamp, struct bytes text, struct bytes seal)
{
	CLEAN_BYTES struct bytes file = { NULL, 0 };
	char name[ANCHORS_NAME_SIZE];
	struct audit_stamp read;
	const char *why = NULL;

	anchors_stamp_name(stamp, name);
	if (anchors_file_read(run->anchor_fd, name, ANCHORS_FILE_MAX_BYTES, &file) != ANCHORS_READ) {
		if (anchors_may_say(run, AUDIT_UNREADABLE)) {
			audit_found(run->audit, AUDIT_UNREADABLE, stamp->size, N_("%s cannot be read"), name);
		}
		return;
	}
	audit_sha256(file, stamp->sha256);
	stamp->read = true;
	if (audit_stamp_read(file, &read, &why)) {
		why = audit_stamp_is_over(&read, text) || (seal.length > 0 && audit_stamp_is_over(&read, seal)) ? NULL : N_("it is over other bytes");
	}
	if (why != NULL) {
		if (anchors_may_say(run, AUDIT_STAMP)) {
			audit_found(run->audit, AUDIT_STAMP, stamp->size, N_("time stamp %s: %s"), name, _(why));
		}
		return;
	}
	gather(run, &read.cms);
	stamp->signed_by = audit_pool_add(&run->pool, read.cms.signer.der, false);
	stamp->good = stamp->signed_by != NULL;
	stamp->utc_s = read.utc_s;
	stamp->hash_ends_s = audit_hash_ends(read.hash) < audit_hash_ends(read.cms.hash) ? audit_hash_ends(read.hash) : audit_hash_ends(read.cms.hash);
}

static void say_note(struct anchors_run *run, const struct anchors_note *note, enum audit_kind kind, const char *why)
{
	if (anchors_may_say(run, kind)) {
		audit_found(run->audit, kind, note->size, N_("the note of checkpoint %ju: %s"), note->size, _(why));
	}
}

/* The files of a checkpoint whose records are beyond what is here: only its note is of use. */
void anchors_note_check(struct anchors_run *run, struct anchors_note *note)
{
	CLEAN_BYTES struct bytes file = { NULL, 0 };
	CLEAN_BYTES struct bytes seal = { NULL, 0 };
	struct parsed parsed;
	char name[ANCHORS_NAME_SIZE];

	(void)snprintf(name, sizeof name, "%" PRIu64 ".note", note->size);
	switch (anchors_file_read(run->anchor_fd, name, NOTE_MAX_BYTES, &file)) {
	case ANCHORS_READ:
		break;
	case ANCHORS_MISSING:
		say_note(run, note, AUDIT_NOTE, N_("it is missing, while its signature or stamp is there"));
		return;
	case ANCHORS_UNREADABLE:
		say_note(run, note, AUDIT_UNREADABLE, N_("it cannot be read"));
		return;
	}
	if (!parse(file, &parsed)) {
		say_note(run, note, AUDIT_NOTE, N_("it is no checkpoint"));
		return;
	}
	note->good = check_text(run, note, &parsed);
	if (!note->good) {
		return;
	}
	(void)snprintf(name, sizeof name, "%" PRIu64 ".p7s", note->size);
	if (note->has_seal) {
		if (anchors_file_read(run->anchor_fd, name, ANCHORS_FILE_MAX_BYTES, &seal) == ANCHORS_READ) {
			check_seal(run, note, &parsed, seal);
		} else if (anchors_may_say(run, AUDIT_UNREADABLE)) {
			audit_found(run->audit, AUDIT_UNREADABLE, note->size, N_("%s cannot be read"), name);
		}
	}
	for (size_t i = 0; i < note->stamp_count; i++) {
		check_stamp(run, &run->stamps[note->first_stamp + i], parsed.text, seal);
	}
}
