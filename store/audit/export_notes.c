/* export_notes.c - the checkpoints of the folder with their signatures and stamps, and the certificates and lists that came along: read, and judged by themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "export.h"
#include "words.h"

#define NOTE_PREFIX "kontrolni-bod-"
#define NOTE_SUFFIX ".note"
#define TRUST_NAME_BYTES ((size_t)2 * AUDIT_HASH_BYTES + 4)
#define KEY_SIGNATURE_MAX 128

static const uint8_t em_dash[] = { 0xe2, 0x80, 0x94 };

struct export_note *export_note_find(struct export *export, uint64_t size)
{
	for (size_t i = 0; i < export->note_count; i++) {
		if (export->notes[i].size == size) {
			return &export->notes[i];
		}
	}
	return NULL;
}

/* --- certificates and lists ------------------------------------------------------------------------------------------------------------------------------ */

static void add_list(struct export *export, struct bytes list)
{
	if (export->list_count < EXPORT_LISTS_MAX) {
		export->lists[export->list_count++] = list;
	}
}

static void take_trusted(void *context, struct bytes der, bool is_crl)
{
	struct export *export = context;
	struct audit_certificate certificate;

	if (is_crl) {
		add_list(export, der);
	} else if (audit_certificate_read(der, &certificate) && audit_pool_add(&export->pool, der, certificate.self_issued) != NULL) {
		export->trusted_count += certificate.self_issued ? 1 : 0;
	}
}

static void take_untrusted(void *context, struct bytes der, bool is_crl)
{
	struct export *export = context;

	if (is_crl) {
		add_list(export, der);
	} else {
		(void)audit_pool_add(&export->pool, der, false);
	}
}

static bool keep_blob(struct export *export, uint8_t *bytes)
{
	if (export->blob_count == EXPORT_BLOBS_MAX) {
		free(bytes);
		return false;
	}
	export->blobs[export->blob_count++] = bytes;
	return true;
}

static void read_trusted(struct export *export)
{
	const struct audit_settings *settings = &export->audit.settings;

	for (size_t i = 0; i < settings->trust_count; i++) {
		uint8_t *bytes = NULL;
		size_t length = 0;
		bool good = source_read(settings->trust[i], EXPORT_TRUST_MAX_BYTES, &bytes, &length) == 0 && keep_blob(export, bytes) &&
		            audit_pool_each((struct bytes){ .data = bytes, .length = length }, take_trusted, export);

		if (!good) {
			audit_found(&export->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "%s holds no certificate or list that can be read", settings->trust[i]);
		}
	}
}

/* "<sha256>.cer", "<sha256>.crl" */
static bool is_trust_name(const char *name)
{
	uint8_t hash[AUDIT_HASH_BYTES];

	return strlen(name) == TRUST_NAME_BYTES && frame_hex((const uint8_t *)name, hash, sizeof hash) &&
	       (strcmp(name + TRUST_NAME_BYTES - 4, ".cer") == 0 || strcmp(name + TRUST_NAME_BYTES - 4, ".crl") == 0);
}

static void read_collected(struct export *export, const char *name)
{
	uint8_t *bytes = NULL;
	uint8_t told[AUDIT_HASH_BYTES], hash[AUDIT_HASH_BYTES];
	size_t length = 0;

	if (!export_read(export, name, EXPORT_TRUST_MAX_BYTES, &bytes, &length)) {
		audit_found(&export->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "%s cannot be read", name);
		return;
	}
	audit_sha256((struct bytes){ .data = bytes, .length = length }, hash);
	if (!frame_hex((const uint8_t *)name, told, sizeof told) || memcmp(told, hash, sizeof hash) != 0) {
		audit_found(&export->audit, AUDIT_NOTE, AUDIT_NO_INDEX, "%s is not what its name says: it was altered", name);
		free(bytes);
	} else if (keep_blob(export, bytes)) {
		(void)audit_pool_each((struct bytes){ .data = bytes, .length = length }, take_untrusted, export);
	}
}

static void add_from_cms(struct export *export, const struct audit_cms *cms)
{
	for (size_t i = 0; i < cms->certificate_count; i++) {
		(void)audit_pool_add(&export->pool, cms->certificates[i], false);
	}
	for (size_t i = 0; i < cms->list_count; i++) {
		uint8_t *copy = malloc(cms->lists[i].length + 1);

		if (copy != NULL) {
			memcpy(copy, cms->lists[i].data, cms->lists[i].length);
			if (keep_blob(export, copy)) {
				add_list(export, (struct bytes){ .data = copy, .length = cms->lists[i].length });
			}
		}
	}
}

size_t export_add_signer(struct export *export, const struct audit_cms *cms, enum audit_purpose purpose, uint64_t index, const char *name)
{
	struct export_signer *signer = &export->signers[export->signer_count];
	const struct audit_entry *entry = NULL;

	if (export->signer_count == EXPORT_SIGNERS_MAX) {
		return 0;
	}
	add_from_cms(export, cms);
	entry = audit_pool_add(&export->pool, cms->signer.der, false);
	if (entry == NULL) {
		return 0;
	}
	*signer = (struct export_signer){ .entry = entry, .purpose = purpose, .index = index };
	(void)snprintf(signer->name, sizeof signer->name, "%s", name);
	return ++export->signer_count;
}

/* --- one checkpoint --------------------------------------------------------------------------------------------------------------------------------------- */

static void read_seal(struct export *export, struct export_note *note, uint8_t **ret_bytes, size_t *ret_length)
{
	struct bytes text = { .data = note->bytes, .length = note->text_length };
	char name[EXPORT_NAME_SIZE];
	const char *why = "";
	struct audit_cms cms;

	(void)snprintf(name, sizeof name, NOTE_PREFIX "%" PRIu64 ".p7s", note->size);
	if (!export_read(export, name, EXPORT_FILE_MAX_BYTES, ret_bytes, ret_length)) {
		return;
	}
	if (!audit_cms_read((struct bytes){ .data = *ret_bytes, .length = *ret_length }, &cms, &why) || !audit_cms_verify(&cms, text, &why)) {
		audit_found(&export->audit, AUDIT_CMS, AUDIT_NO_INDEX, "%s does not fit its checkpoint: %s", name, _(why));
		return;
	}
	note->signer = export_add_signer(export, &cms, AUDIT_FOR_CHECKPOINTS, AUDIT_NO_INDEX, name);
}

/* "— <origin> <base64>" */
static bool line_is_good(const struct export *export, const struct export_note *note, struct bytes line)
{
	const struct bytes spki = export->signers[note->signer - 1].entry->certificate.spki;
	uint8_t blob[KEY_SIGNATURE_MAX];
	struct bytes word = export_word(&line);
	size_t length = 0;

	if (word.length != sizeof em_dash || memcmp(word.data, em_dash, sizeof em_dash) != 0 || !bytes_equal(export_word(&line), export->audit.source.origin)) {
		return false;
	}
	length = line.length / 4 * 3;
	length -= line.length > 0 && line.data[line.length - 1] == '=' ? 1 : 0;
	length -= line.length > 1 && line.data[line.length - 2] == '=' ? 1 : 0;
	return length <= sizeof blob && base64_read(line, blob, length) &&
	       audit_note_verify(spki, (struct bytes){ .data = note->bytes, .length = note->text_length }, (struct bytes){ .data = blob, .length = length });
}

static void check_lines(struct export *export, const struct export_note *note, const char *name)
{
	struct bytes rest = { .data = note->bytes + note->text_length, .length = note->length - note->text_length };
	struct bytes line;
	bool good = true;

	if (rest.length == 0) {
		return;
	}
	good = export_line(&rest, &line) && line.length == 0 && rest.length > 0;
	while (good && note->signer != 0 && rest.length > 0) {
		good = export_line(&rest, &line) && line_is_good(export, note, line);
	}
	if (!good) {
		audit_found(&export->audit, AUDIT_NOTE_SIGNATURE, AUDIT_NO_INDEX, "%s: the signature line does not fit", name);
	}
}

/* Stamps are over the CMS, or over the text where that was not there. */
static void read_stamp(struct export *export, struct export_note *note, const char *name, struct bytes seal)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	struct bytes text = { .data = note->bytes, .length = note->text_length };
	struct audit_stamp stamp;
	const char *why = "";
	size_t length = 0;

	if (!export_read(export, name, EXPORT_FILE_MAX_BYTES, &bytes, &length)) {
		audit_found(&export->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "%s cannot be read", name);
		return;
	}
	if (!audit_stamp_read((struct bytes){ .data = bytes, .length = length }, &stamp, &why)) {
		audit_found(&export->audit, AUDIT_STAMP, AUDIT_NO_INDEX, "%s is no good time stamp: %s", name, _(why));
		return;
	}
	if (!(seal.length > 0 && audit_stamp_is_over(&stamp, seal)) && !audit_stamp_is_over(&stamp, text)) {
		audit_found(&export->audit, AUDIT_STAMP, AUDIT_NO_INDEX, "%s is a time stamp over other bytes than this checkpoint", name);
		return;
	}
	if (note->stamp_count < EXPORT_STAMPS_MAX) {
		struct export_stamp *kept = &note->stamps[note->stamp_count++];
		int64_t over_s = audit_hash_ends(stamp.hash), within_s = audit_hash_ends(stamp.cms.hash);

		*kept = (struct export_stamp){ .signer = export_add_signer(export, &stamp.cms, AUDIT_FOR_STAMPS, AUDIT_NO_INDEX, name),
			                       .utc_s = stamp.utc_s,
			                       .hash_ends_s = over_s < within_s ? over_s : within_s };
		audit_sha256((struct bytes){ .data = bytes, .length = length }, kept->sha256);
	}
}

static void read_stamps(struct export *export, struct export_note *note, struct bytes seal)
{
	char prefix[EXPORT_NAME_SIZE];
	size_t length = (size_t)snprintf(prefix, sizeof prefix, NOTE_PREFIX "%" PRIu64 ".", note->size);

	for (size_t i = 0; i < export->file_count; i++) {
		const char *name = export->files[i].name, *end = strrchr(name, '.');

		if (strncmp(name, prefix, length) == 0 && end != NULL && strcmp(end, ".tsr") == 0) {
			read_stamp(export, note, name, seal);
		}
	}
}

static bool parse_note(struct export *export, struct export_note *note, const char *name)
{
	struct note parsed;

	if (!note_read((struct bytes){ .data = note->bytes, .length = note->length }, &parsed) || parsed.size != note->size) {
		audit_found(&export->audit, AUDIT_NOTE, AUDIT_NO_INDEX, "%s is no checkpoint of that size", name);
		return false;
	}
	if (export->audit.source.origin[0] == '\0') {
		memcpy(export->audit.source.origin, parsed.origin, sizeof parsed.origin);
	} else if (strcmp(export->audit.source.origin, parsed.origin) != 0) {
		audit_found(&export->audit, AUDIT_ORIGIN, AUDIT_NO_INDEX, "%s is of another log", name);
		return false;
	}
	memcpy(note->root, parsed.root, sizeof note->root);
	note->text_length = parsed.text_length;
	return true;
}

static void read_note(struct export *export, const char *name, uint64_t size)
{
	struct export_note *note = &export->notes[export->note_count];
	AUDIT_CLEAN_FREE uint8_t *seal = NULL;
	size_t length = 0;

	*note = (struct export_note){ .size = size, .stamped_s = INT64_MAX };
	if (!export_read(export, name, NOTE_MAX_BYTES, &note->bytes, &note->length)) {
		audit_found(&export->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "%s cannot be read", name);
		return;
	}
	export->note_count++;
	note->good = parse_note(export, note, name);
	if (note->good) {
		read_seal(export, note, &seal, &length);
		check_lines(export, note, name);
		read_stamps(export, note, (struct bytes){ .data = seal, .length = seal == NULL ? 0 : length });
	}
}

/* "kontrolni-bod-17.note" */
static bool note_size(const char *name, uint64_t *ret)
{
	size_t prefix = strlen(NOTE_PREFIX), length = strlen(name), suffix = strlen(NOTE_SUFFIX);

	return length > prefix + suffix && strncmp(name, NOTE_PREFIX, prefix) == 0 && strcmp(name + length - suffix, NOTE_SUFFIX) == 0 &&
	       frame_number((struct bytes){ .data = (const uint8_t *)name + prefix, .length = length - prefix - suffix }, ret);
}

int export_read_notes(struct export *export)
{
	read_trusted(export);
	for (size_t i = 0; i < export->file_count; i++) {
		uint64_t size = 0;

		if (is_trust_name(export->files[i].name)) {
			read_collected(export, export->files[i].name);
		} else if (note_size(export->files[i].name, &size) && export->note_count < EXPORT_NOTES_MAX) {
			read_note(export, export->files[i].name, size);
		}
	}
	export->note_signers = export->signer_count;
	return 0;
}
