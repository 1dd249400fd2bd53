#include "stamp.h"

#include <string.h>

#include "der.h"
#include "words.h"

#define GRANTED 0
#define GRANTED_WITH_MODS 1
#define ACCURACY_MAX_S INT64_C(31536000) /* more is told as this */

static const uint8_t oid_tst_info[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x04 };

static bool no(const char **ret_why, const char *why)
{
	*ret_why = why;
	return false;
}

/* RFC 3161 2.4.2: YYYYMMDDhhmmss, a fraction that does not end in 0, Z. */
static bool read_time(struct bytes value, struct audit_stamp *ret)
{
	unsigned weight = 100;

	if (value.length < 15 || value.data[value.length - 1] != 'Z' || !audit_der_moment(value.data, &ret->utc_s)) {
		return false;
	}
	if (value.length == 15) {
		return true;
	}
	if (value.length < 17 || value.data[14] != '.' || value.data[value.length - 2] == '0') {
		return false;
	}
	for (size_t i = 15; i < value.length - 1; i++) {
		if (value.data[i] < '0' || value.data[i] > '9') {
			return false;
		}
		ret->utc_ms += weight * (unsigned)(value.data[i] - '0');
		weight /= 10;
	}
	return true;
}

/* SEQUENCE { seconds INTEGER, millis [0], micros [1] }, each may be missing. */
static bool read_accuracy(struct bytes value, struct audit_stamp *ret)
{
	struct bytes part;
	int64_t seconds = 0, millis = 0, micros = 0;

	if (audit_der_next_is(value, DER_INTEGER) && !audit_der_read_number(&value, &seconds)) {
		return false;
	}
	if (audit_der_read(&value, DER_CONTEXT, &part) && (!audit_der_number(part, &millis) || millis < 1 || millis > 999)) {
		return false;
	}
	if (audit_der_read(&value, DER_CONTEXT | 1, &part) && (!audit_der_number(part, &micros) || micros < 1 || micros > 999)) {
		return false;
	}
	ret->accuracy_ms = (uint64_t)((seconds < ACCURACY_MAX_S ? seconds : ACCURACY_MAX_S) * 1000 + millis + (micros > 0 ? 1 : 0));
	return value.length == 0;
}

static bool read_imprint(struct bytes value, struct audit_stamp *ret)
{
	struct bytes identifier;
	uint8_t digest[AUDIT_DIGEST_MAX];

	if (!audit_der_read(&value, DER_SEQUENCE, &identifier) || !audit_der_last(value, DER_OCTETS, &ret->imprint)) {
		return false;
	}
	ret->hash = audit_hash_read(identifier);
	return ret->hash != AUDIT_HASH_NONE && audit_hash_bytes(ret->hash, (struct bytes){ ret->imprint.data, 0 }, digest) == ret->imprint.length;
}

/* [1] Extensions: none is defined, and one that is critical would have to be understood. */
static bool read_extensions(struct bytes list)
{
	struct bytes oid, value;
	bool critical = false;

	while (list.length > 0) {
		if (!audit_extension_read(&list, &oid, &critical, &value) || critical) {
			return false;
		}
	}
	return true;
}

/* What may follow genTime: accuracy, ordering, nonce, tsa, extensions. */
static bool read_options(struct bytes info, struct audit_stamp *ret)
{
	struct bytes part;

	if (audit_der_read(&info, DER_SEQUENCE, &part) && !read_accuracy(part, ret)) {
		return false;
	}
	if (audit_der_read(&info, DER_BOOLEAN, &part) && (part.length != 1 || part.data[0] != 0xFF)) {
		return false;
	}
	(void)audit_der_read(&info, DER_INTEGER, &ret->nonce);
	(void)audit_der_read(&info, DER_EXPLICIT, &part);
	if (audit_der_read(&info, DER_EXPLICIT | 1, &part) && !read_extensions(part)) {
		return false;
	}
	return info.length == 0;
}

static bool read_info(struct bytes der, struct audit_stamp *ret, const char **ret_why)
{
	struct bytes info, imprint, when;
	int64_t version = 0;

	if (!audit_der_is_whole(der) || !audit_der_last(der, DER_SEQUENCE, &info) || !audit_der_read_number(&info, &version) || version != 1 ||
	    !audit_der_read(&info, DER_OID, &ret->policy) || !audit_der_read(&info, DER_SEQUENCE, &imprint)) {
		return no(ret_why, N_("what is signed is not a TSTInfo of RFC 3161"));
	}
	if (!read_imprint(imprint, ret)) {
		return no(ret_why, N_("its hash is not one that proves anything"));
	}
	if (!audit_der_read(&info, DER_INTEGER, &ret->serial) || ret->serial.data[0] >= 0x80 || !audit_der_read(&info, DER_TIME, &when) ||
	    !read_time(when, ret)) {
		return no(ret_why, N_("its time is not as RFC 3161 writes it"));
	}
	return read_options(info, ret) || no(ret_why, N_("what is signed is not a TSTInfo of RFC 3161"));
}

/* PKIStatusInfo: what else it may say is of no use where a token was granted. */
static bool is_granted(struct bytes status)
{
	struct bytes part;
	int64_t number = -1;

	if (!audit_der_read_number(&status, &number) || (number != GRANTED && number != GRANTED_WITH_MODS)) {
		return false;
	}
	(void)audit_der_read(&status, DER_SEQUENCE, &part);
	(void)audit_der_read(&status, DER_BITS, &part);
	return status.length == 0;
}

bool audit_stamp_read(struct bytes der, struct audit_stamp *ret, const char **ret_why)
{
	struct bytes outer, status, content, token;

	memset(ret, 0, sizeof *ret);
	if (der.length > AUDIT_STAMP_MAX_BYTES || !audit_der_is_whole(der) || !audit_der_last(der, DER_SEQUENCE, &outer) ||
	    !audit_der_read(&outer, DER_SEQUENCE, &status)) {
		return no(ret_why, N_("it is not a TimeStampResp in DER"));
	}
	if (!is_granted(status)) {
		return no(ret_why, N_("it was not granted"));
	}
	if (!audit_der_read_whole(&outer, DER_SEQUENCE, &content, &token) || outer.length != 0) {
		return no(ret_why, N_("it is not a TimeStampResp in DER"));
	}
	if (!audit_cms_read(token, &ret->cms, ret_why)) {
		return false;
	}
	if (!audit_bytes_equal(ret->cms.content_type, AUDIT_BYTES(oid_tst_info)) || !ret->cms.has_content) {
		return no(ret_why, N_("what is signed is not a TSTInfo of RFC 3161"));
	}
	if (!ret->cms.names_signer) {
		return no(ret_why, N_("it does not name the certificate of its signer"));
	}
	return read_info(ret->cms.content, ret, ret_why) && audit_cms_verify(&ret->cms, ret->cms.content, ret_why);
}

bool audit_stamp_is_over(const struct audit_stamp *stamp, struct bytes of)
{
	uint8_t digest[AUDIT_DIGEST_MAX];
	size_t length = audit_hash_bytes(stamp->hash, of, digest);

	return length > 0 && audit_bytes_equal(stamp->imprint, (struct bytes){ digest, length });
}
