#include "certificate.h"

#include <string.h>

#include "der.h"

#define SERIAL_MAX_BYTES 32 /* RFC 5280 asks for 20 */
#define EXTENSIONS_MAX 64
#define ID_SUBJECT_KEY 14
#define ID_KEY_USAGE 15
#define ID_SUBJECT_ALT_NAME 17
#define ID_BASIC_CONSTRAINTS 19
#define ID_CRL_PLACES 31
#define ID_AUTHORITY_KEY 35
#define ID_PURPOSES 37
#define NUMBERS 64

static const uint8_t oid_stamping[] = { 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08 };
static const uint8_t oid_common_name[] = { 0x55, 0x04, 0x03 };
static const uint8_t oid_organisation[] = { 0x55, 0x04, 0x0A };

bool audit_extension_read(struct bytes *from, struct bytes *ret_oid, bool *ret_critical, struct bytes *ret_value)
{
	struct bytes extension, critical;

	*ret_critical = false;
	if (!audit_der_read(from, DER_SEQUENCE, &extension) || !audit_der_read(&extension, DER_OID, ret_oid)) {
		return false;
	}
	if (audit_der_read(&extension, DER_BOOLEAN, &critical)) {
		if (critical.length != 1 || critical.data[0] != 0xFF) { /* FALSE is the default, DER leaves it out */
			return false;
		}
		*ret_critical = true;
	}
	return audit_der_last(extension, DER_OCTETS, ret_value);
}

unsigned audit_extension_number(struct bytes oid)
{
	return oid.length == 3 && oid.data[0] == 0x55 && oid.data[1] == 0x1D && oid.data[2] < NUMBERS ? oid.data[2] : 0;
}

bool audit_authority_key_id(struct bytes value, struct bytes *ret)
{
	struct bytes outer;

	*ret = (struct bytes){ NULL, 0 };
	if (!audit_der_is_whole(value) || !audit_der_last(value, DER_SEQUENCE, &outer)) {
		return false;
	}
	(void)audit_der_read(&outer, DER_CONTEXT, ret);
	return true;
}

static bool read_basic_constraints(struct bytes value, struct audit_certificate *ret)
{
	struct bytes outer, authority;
	int64_t length = 0;

	if (!audit_der_last(value, DER_SEQUENCE, &outer)) {
		return false;
	}
	if (audit_der_read(&outer, DER_BOOLEAN, &authority)) {
		if (authority.length != 1 || authority.data[0] != 0xFF) {
			return false;
		}
		ret->authority = true;
	}
	if (outer.length > 0) {
		if (!ret->authority || !audit_der_read_number(&outer, &length)) {
			return false;
		}
		ret->path_length = length > INT32_MAX ? INT32_MAX : (int)length;
	}
	return outer.length == 0;
}

static bool read_usage(struct bytes value, struct audit_certificate *ret)
{
	struct bytes bits;

	if (!audit_der_last(value, DER_BITS, &bits) || bits.length < 2) {
		return false;
	}
	for (unsigned i = 0; i < 8; i++) {
		ret->usage |= (bits.data[1] & (0x80U >> i)) != 0 ? 1U << i : 0;
	}
	ret->has_usage = true;
	return true;
}

static bool read_purposes(struct bytes value, bool critical, struct audit_certificate *ret)
{
	struct bytes list, oid;

	if (!audit_der_last(value, DER_SEQUENCE, &list) || list.length == 0) {
		return false;
	}
	while (list.length > 0) {
		if (!audit_der_read(&list, DER_OID, &oid)) {
			return false;
		}
		if (audit_bytes_equal(oid, AUDIT_BYTES(oid_stamping))) {
			ret->for_stamps = true;
		} else {
			ret->for_others = true;
		}
	}
	ret->has_purposes = true;
	ret->purposes_critical = critical;
	return true;
}

static bool read_extension(struct bytes oid, bool critical, struct bytes value, struct audit_certificate *ret)
{
	switch (audit_extension_number(oid)) {
	case ID_SUBJECT_KEY:
		ret->unknown_critical |= critical;
		return audit_der_last(value, DER_OCTETS, &ret->key_id);
	case ID_AUTHORITY_KEY:
		ret->unknown_critical |= critical;
		return audit_authority_key_id(value, &ret->issuer_key_id);
	case ID_KEY_USAGE:
		return read_usage(value, ret);
	case ID_BASIC_CONSTRAINTS:
		return read_basic_constraints(value, ret);
	case ID_PURPOSES:
		return read_purposes(value, critical, ret);
	case ID_CRL_PLACES:
		ret->places = value;
		return true; /* critical or not: it only says where lists are */
	case ID_SUBJECT_ALT_NAME:
		return true; /* one more name; nothing is decided by names here */
	default:
		/* Name constraints and policies among them: whoever marks them critical wants them obeyed, and this program does not know how. */
		ret->unknown_critical |= critical;
		return true;
	}
}

static bool read_extensions(struct bytes wrapped, struct audit_certificate *ret)
{
	struct bytes list, oids[EXTENSIONS_MAX], value;
	size_t count = 0;
	bool critical = false;

	if (!audit_der_last(wrapped, DER_SEQUENCE, &list) || list.length == 0) {
		return false;
	}
	for (; list.length > 0; count++) {
		if (count == EXTENSIONS_MAX || !audit_extension_read(&list, &oids[count], &critical, &value)) {
			return false;
		}
		for (size_t i = 0; i < count; i++) {
			if (audit_bytes_equal(oids[i], oids[count])) {
				return false;
			}
		}
		/* Values of extensions that are not known may be whatever they like. */
		if (audit_extension_number(oids[count]) != 0 && !audit_der_is_whole(value)) {
			return false;
		}
		if (!read_extension(oids[count], critical, value, ret)) {
			return false;
		}
	}
	return true;
}

/* After the subject's key: unique ids (nobody uses them) and extensions. */
static bool read_rest(struct bytes rest, int64_t version, struct audit_certificate *ret)
{
	struct bytes part;

	if (audit_der_read(&rest, DER_CONTEXT | 1, &part) && version < 1) {
		return false;
	}
	if (audit_der_read(&rest, DER_CONTEXT | 2, &part) && version < 1) {
		return false;
	}
	if (audit_der_read(&rest, DER_EXPLICIT | 3, &part) && (version != 2 || !read_extensions(part, ret))) {
		return false;
	}
	return rest.length == 0;
}

static bool read_tbs(struct bytes tbs, struct bytes algorithm, struct audit_certificate *ret)
{
	struct bytes part, inner_algorithm, validity;
	int64_t version = 0;

	if (audit_der_read(&tbs, DER_EXPLICIT, &part) && (!audit_der_read_number(&part, &version) || part.length != 0 || version < 1 || version > 2)) {
		return false;
	}
	if (!audit_der_read(&tbs, DER_INTEGER, &ret->serial) || ret->serial.length > SERIAL_MAX_BYTES ||
	    !audit_der_read(&tbs, DER_SEQUENCE, &inner_algorithm) || !audit_bytes_equal(inner_algorithm, algorithm) ||
	    !audit_der_read_whole(&tbs, DER_SEQUENCE, &part, &ret->issuer) || !audit_der_read(&tbs, DER_SEQUENCE, &validity) ||
	    !audit_der_read_time(&validity, &ret->from_s) || !audit_der_read_time(&validity, &ret->until_s) || validity.length != 0 ||
	    !audit_der_read_whole(&tbs, DER_SEQUENCE, &part, &ret->subject) || !audit_der_read_whole(&tbs, DER_SEQUENCE, &part, &ret->spki)) {
		return false;
	}
	ret->self_issued = audit_bytes_equal(ret->issuer, ret->subject);
	return read_rest(tbs, version, ret);
}

bool audit_certificate_read(struct bytes der, struct audit_certificate *ret)
{
	struct bytes outer, tbs, algorithm;

	memset(ret, 0, sizeof *ret);
	ret->der = der;
	ret->path_length = -1;
	if (der.length > AUDIT_CERTIFICATE_MAX_BYTES || !audit_der_is_whole(der) || !audit_der_last(der, DER_SEQUENCE, &outer) ||
	    !audit_der_read_whole(&outer, DER_SEQUENCE, &tbs, &ret->tbs) || !audit_der_read(&outer, DER_SEQUENCE, &algorithm) ||
	    !audit_der_read_bits(&outer, &ret->signature) || outer.length != 0 || !read_tbs(tbs, algorithm, ret)) {
		return false;
	}
	ret->algorithm_known = audit_algorithm_read(algorithm, &ret->algorithm) && ret->algorithm.kind != AUDIT_RSA_PLAIN;
	audit_sha256(der, ret->sha256);
	return true;
}

bool audit_certificate_signed_by(const struct audit_certificate *certificate, const struct audit_certificate *issuer)
{
	return certificate->algorithm_known && audit_key_verify_data(issuer->spki, &certificate->algorithm, certificate->tbs, certificate->signature);
}

/* What stands behind an attribute type in a name; the last one counts. */
static struct bytes find_name(struct bytes name, struct bytes type)
{
	struct bytes outer, set, pair, oid, value, found = { NULL, 0 };
	uint8_t tag = 0;

	if (!audit_der_last(name, DER_SEQUENCE, &outer)) {
		return found;
	}
	while (audit_der_read(&outer, DER_SET, &set)) {
		while (audit_der_read(&set, DER_SEQUENCE, &pair)) {
			if (audit_der_read(&pair, DER_OID, &oid) && audit_bytes_equal(oid, type) && audit_der_any(&pair, &tag, &value, NULL)) {
				found = value;
			}
		}
	}
	return found;
}

void audit_certificate_name(const struct audit_certificate *certificate, char ret[AUDIT_NAME_SIZE])
{
	struct bytes name = find_name(certificate->subject, AUDIT_BYTES(oid_common_name));
	size_t length = 0;

	if (name.length == 0) {
		name = find_name(certificate->subject, AUDIT_BYTES(oid_organisation));
	}
	for (size_t i = 0; i < name.length && length < AUDIT_NAME_SIZE - 2; i++) {
		uint8_t byte = name.data[i], next = i + 1 < name.length ? name.data[i + 1] : 0;

		/* Latin letters with accents, Greek, Cyrillic: two bytes of UTF-8. What else there is may be a control character, or no UTF-8 at all. */
		if (byte >= 0xC3 && byte <= 0xDF && next >= 0x80 && next <= 0xBF) {
			ret[length++] = (char)byte;
			ret[length++] = (char)next;
			i++;
		} else {
			ret[length++] = (char)(byte < 0x20 || byte >= 0x7F ? '?' : byte);
		}
	}
	ret[length] = '\0';
	if (length == 0) {
		memcpy(ret, "?", 2);
	}
}
