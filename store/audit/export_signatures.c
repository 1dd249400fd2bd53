/* export_signatures.c - who signed the filing, and what the other side signed. What our reader cannot read may be good all the same: a doubt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/base64.h>

#include "clean.h"
#include "export.h"
#include "words.h"

#define SIGNED_MAX_BYTES ((size_t)64 * 1024 * 1024) /* what a signature without content is over; a reply with a seal in it */
#define PREFIX_MAX_BYTES 64                         /* of a name in a tag */
#define TAG_MAX_BYTES 1024                          /* with its attributes */

static const struct export_content *find_content(const struct export_content *contents, size_t count, const uint8_t commitment[AUDIT_HASH_BYTES])
{
	for (size_t i = 0; i < count; i++) {
		if (contents[i].good && memcmp(contents[i].commitment, commitment, AUDIT_HASH_BYTES) == 0) {
			return &contents[i];
		}
	}
	return NULL;
}

/* The first object of the record whose field begins with `prefix`. */
static bool find_object(const struct export_record *record, const char *prefix, struct object_ref *ret)
{
	struct bytes rest = record->fact.body, name, value;
	size_t length = strlen(prefix);

	while (frame_line(&rest, &name, &value)) {
		if (name.length >= length && memcmp(name.data, prefix, length) == 0) {
			return object_ref_read(value, ret);
		}
	}
	return false;
}

static bool is_hash(const struct export_record *record, const char *name, const uint8_t hash[AUDIT_HASH_BYTES])
{
	uint8_t said[AUDIT_HASH_BYTES];
	struct bytes field;

	return frame_field(record->fact.body, name, &field) && field.length == (size_t)2 * AUDIT_HASH_BYTES && frame_hex(field.data, said, sizeof said) &&
	       memcmp(said, hash, sizeof said) == 0;
}

static bool field_is(const struct export_record *record, const char *name, const char *value)
{
	struct bytes field;

	return frame_field(record->fact.body, name, &field) && bytes_equal(field, value);
}

static void doubt(struct export *export, const struct export_content *content, const char *why)
{
	audit_found_as(&export->audit, AUDIT_CMS, AUDIT_DOUBT, content->record->index, "%s: this program cannot judge the signature (%s); openssl cms may",
	               content->file, _(why));
}

/* --- the filing, and a reply that is a CMS ---------------------------------------------------------------------------------------------------------------- */

/* What a signature without content is over: the object of the intent that its record names. Read; NULL: it is not here. */
static uint8_t *read_signed_over(struct export *export, const struct export_content *content, const struct export_content *contents, size_t count,
                                 size_t *ret_length)
{
	const struct export_record *intent = NULL;
	const struct export_content *over = NULL;
	struct object_ref ref;
	struct bytes field;
	uint64_t index = 0;
	uint8_t *bytes = NULL;

	if (frame_field(content->record->fact.body, "intent", &field) && frame_number(field, &index)) {
		intent = export_find_record(export, index);
	}
	if (intent != NULL && find_object(intent, "object-", &ref)) {
		over = find_content(contents, count, ref.commitment);
	}
	return over != NULL && export_read(export, over->file, SIGNED_MAX_BYTES, &bytes, ret_length) ? bytes : NULL;
}

static void check_cms(struct export *export, const struct export_content *content, const struct export_content *contents, size_t count)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	AUDIT_CLEAN_FREE uint8_t *over = NULL;
	bool filing = bytes_equal(content->role, "signed");
	struct bytes signed_bytes = { .length = 0 };
	struct audit_cms cms;
	const char *why = "";
	size_t length = 0;

	if (!export_read(export, content->file, AUDIT_CMS_MAX_BYTES, &bytes, &length) ||
	    !audit_cms_read_plain((struct bytes){ .data = bytes, .length = length }, &cms, &why)) {
		doubt(export, content, why);
		return;
	}
	signed_bytes = cms.content;
	if (!cms.has_content) {
		over = filing ? read_signed_over(export, content, contents, count, &signed_bytes.length) : NULL;
		if (over == NULL) {
			doubt(export, content, N_("what it is over is not here"));
			return;
		}
		signed_bytes.data = over;
	}
	if (!audit_cms_verify(&cms, signed_bytes, &why)) {
		audit_found(&export->audit, AUDIT_CMS, content->record->index, "%s: the signature does not fit its content: %s", content->file, _(why));
		return;
	}
	if (filing && !is_hash(content->record, "signer", cms.signer.sha256)) {
		audit_found(&export->audit, AUDIT_CERTIFICATE, content->record->index, "%s was signed with another certificate than its record says",
		            content->file);
		return;
	}
	(void)export_add_signer(export, &cms, AUDIT_FOR_CHECKPOINTS, content->record->index, content->file);
}

/* --- a reply with a seal in it ---------------------------------------------------------------------------------------------------------------------------- */

/* The text of the one element of that local name, from the character behind its tag up to the next '<'. This is no reader of XML: what is found counts only when the seal
 * that it holds fits. */
static bool find_element(struct bytes in, const char *name, struct bytes *ret)
{
	size_t length = strlen(name), found = 0;

	for (size_t i = 1; i + length < in.length; i++) {
		const uint8_t *at = in.data + i, *open = NULL, *end = NULL;
		size_t left = in.length - i - length;

		if (memcmp(at, name, length) != 0 || (at[-1] != '<' && at[-1] != ':') || (at[length] != '>' && at[length] != ' ')) {
			continue;
		}
		for (open = at - 1; open > in.data && at - open < PREFIX_MAX_BYTES && *open != '<' && *open != '/' && *open != '>'; open--) {
		}
		at += length;
		end = memchr(at, '>', left < TAG_MAX_BYTES ? left : TAG_MAX_BYTES);
		if (*open != '<' || end == NULL) {
			continue;
		}
		ret->data = end + 1;
		ret->length = in.length - (size_t)(ret->data - in.data);
		end = memchr(ret->data, '<', ret->length);
		ret->length = end == NULL ? 0 : (size_t)(end - ret->data);
		found++;
	}
	return found == 1;
}

static bool is_space(uint8_t sign)
{
	return sign == ' ' || sign == '\t' || sign == '\r' || sign == '\n';
}

/* Base64, with white space or without. The caller's to free; NULL. */
static uint8_t *decode(struct bytes text, size_t *ret_length)
{
	AUDIT_CLEAN_FREE uint8_t *packed = malloc(text.length + 1);
	uint8_t *bytes = malloc(text.length + 1);
	size_t length = 0;

	for (size_t i = 0; packed != NULL && i < text.length; i++) {
		if (!is_space(text.data[i])) {
			packed[length++] = text.data[i];
		}
	}
	if (packed == NULL || bytes == NULL || length == 0 || mbedtls_base64_decode(bytes, text.length + 1, ret_length, packed, length) != 0) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

uint8_t *export_seal_find(struct bytes reply, size_t *ret_length)
{
	AUDIT_CLEAN_FREE uint8_t *inner = NULL;
	struct bytes text;
	size_t length = 0;

	if (find_element(reply, "BodyBase64XML", &text)) {
		inner = decode(text, &length);
		reply = (struct bytes){ .data = inner, .length = inner == NULL ? 0 : length };
	}
	return find_element(reply, "SignatureValue", &text) ? decode(text, ret_length) : NULL;
}

/* The content of the seal is a hash of the sealed bytes; which, its length tells. */
static bool is_hash_of(struct bytes hash, struct bytes sealed)
{
	static const enum audit_hash known[] = { AUDIT_SHA256, AUDIT_SHA384, AUDIT_SHA512 };

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		uint8_t digest[AUDIT_DIGEST_MAX];
		size_t length = audit_hash_bytes(known[i], sealed, digest);

		if (length == hash.length && length > 0 && memcmp(hash.data, digest, length) == 0) {
			return true;
		}
	}
	return false;
}

/* The reply that `verified` is about: that of the last record before it that has one. */
static const struct export_content *find_reply(const struct export *export, const struct export_record *verified, const struct export_content *contents,
                                               size_t count)
{
	const struct export_content *found = NULL;

	for (size_t i = 0; i < export->record_count; i++) {
		const struct export_record *each = &export->records[i];
		struct object_ref ref;

		if (each->bytes != NULL && each->index < verified->index && find_object(each, "object-reply", &ref)) {
			found = find_content(contents, count, ref.commitment);
		}
	}
	return found;
}

static void judge_seal(struct export *export, const struct export_content *content, const struct export_content *reply, struct bytes sealed, struct bytes seal)
{
	struct audit_cms cms;
	const char *why = "";

	if (!audit_cms_read_plain(seal, &cms, &why) || !cms.has_content) {
		doubt(export, reply, why[0] == '\0' ? N_("it has no content") : why);
	} else if (!audit_cms_verify(&cms, cms.content, &why)) {
		audit_found(&export->audit, AUDIT_CMS, reply->record->index, "%s: the signature does not fit its content: %s", reply->file, _(why));
	} else if (!is_hash_of(cms.content, sealed)) {
		audit_found(&export->audit, AUDIT_CMS, content->record->index, "the seal in %s is not one over %s", reply->file, content->file);
	} else if (!is_hash(content->record, "signer", cms.signer.sha256)) {
		audit_found(&export->audit, AUDIT_CERTIFICATE, content->record->index, "%s was sealed with another certificate than its record says",
		            content->file);
	} else {
		audit_found_as(&export->audit, AUDIT_CMS, AUDIT_REMARK, content->record->index,
		               "the seal in %s fits, and is over %s; that this is the message in %s was not compared (OVERENI.txt says how)", reply->file,
		               content->file, reply->file);
		(void)export_add_signer(export, &cms, AUDIT_FOR_CHECKPOINTS, content->record->index, reply->file);
	}
}

static void check_seal(struct export *export, const struct export_content *content, const struct export_content *contents, size_t count)
{
	const struct export_content *reply = find_reply(export, content->record, contents, count);
	AUDIT_CLEAN_FREE uint8_t *bytes = NULL;
	AUDIT_CLEAN_FREE uint8_t *sealed = NULL;
	AUDIT_CLEAN_FREE uint8_t *seal = NULL;
	size_t length = 0, sealed_length = 0, seal_length = 0;

	if (reply == NULL || !export_read(export, reply->file, SIGNED_MAX_BYTES, &bytes, &length) ||
	    !export_read(export, content->file, SIGNED_MAX_BYTES, &sealed, &sealed_length)) {
		doubt(export, content, N_("the reply with its seal is not here"));
		return;
	}
	seal = export_seal_find((struct bytes){ .data = bytes, .length = length }, &seal_length);
	if (seal == NULL) {
		doubt(export, reply, N_("its seal is not found"));
		return;
	}
	judge_seal(export, content, reply, (struct bytes){ .data = sealed, .length = sealed_length }, (struct bytes){ .data = seal, .length = seal_length });
}

int export_check_signatures(struct export *export, const struct export_content *contents, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct export_content *each = &contents[i];

		if (!each->good) {
			continue;
		}
		if (strcmp(each->file, "podano.p7s") == 0 || strcmp(each->file, "potvrzeni.p7s") == 0) {
			check_cms(export, each, contents, count);
		} else if (bytes_equal(each->role, "confirmation") && field_is(each->record, "form", "sealed-xml")) {
			check_seal(export, each, contents, count);
		}
	}
	return 0;
}
