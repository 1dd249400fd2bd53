#include "crl.h"

#include <string.h>

#include "der.h"

#define ID_CRL_NUMBER 20
#define ID_REASON 21
#define ID_INVALIDITY 24
#define ID_SCOPE 28
#define ID_AUTHORITY_KEY 35

/* BOOLEAN TRUE under a context tag. */
static bool read_flag(struct bytes *from, uint8_t number, bool *ret)
{
	struct bytes value;

	if (!audit_der_read(from, (uint8_t)(DER_CONTEXT | number), &value)) {
		return true;
	}
	*ret = value.length == 1 && value.data[0] == 0xFF;
	return *ret;
}

/* IssuingDistributionPoint (RFC 5280 5.2.5). A name relative to the issuer is not used. */
static bool read_scope(struct bytes value, struct audit_crl *ret)
{
	struct bytes outer, place;

	if (!audit_der_last(value, DER_SEQUENCE, &outer)) {
		return false;
	}
	if (audit_der_read(&outer, DER_EXPLICIT, &place) && (!audit_der_last(place, DER_EXPLICIT, &ret->place) || ret->place.length == 0)) {
		return false;
	}
	return read_flag(&outer, 1, &ret->users_only) && read_flag(&outer, 2, &ret->authorities_only) && outer.length == 0;
}

static bool read_extensions(struct bytes wrapped, struct audit_crl *ret)
{
	struct bytes list, oid, value;
	bool critical = false;

	if (!audit_der_last(wrapped, DER_SEQUENCE, &list) || list.length == 0) {
		return false;
	}
	while (list.length > 0) {
		unsigned number = 0;

		if (!audit_extension_read(&list, &oid, &critical, &value)) {
			return false;
		}
		number = audit_extension_number(oid);
		if (number == ID_SCOPE) {
			if (!audit_der_is_whole(value) || !read_scope(value, ret)) {
				return false;
			}
		} else if (number == ID_AUTHORITY_KEY) {
			if (!audit_authority_key_id(value, &ret->issuer_key_id)) {
				return false;
			}
		} else if (critical && number != ID_CRL_NUMBER) {
			return false;
		}
	}
	return true;
}

static bool read_tbs(struct bytes tbs, struct bytes algorithm, struct audit_crl *ret)
{
	struct bytes inner, part;
	int64_t version = 0;

	if (audit_der_read_number(&tbs, &version) && version != 1) {
		return false;
	}
	if (!audit_der_read(&tbs, DER_SEQUENCE, &inner) || !audit_bytes_equal(inner, algorithm) ||
	    !audit_der_read_whole(&tbs, DER_SEQUENCE, &part, &ret->issuer) || !audit_der_read_time(&tbs, &ret->this_s)) {
		return false;
	}
	if ((audit_der_next_is(tbs, DER_UTC_TIME) || audit_der_next_is(tbs, DER_TIME)) &&
	    (!audit_der_read_time(&tbs, &ret->next_s) || ret->next_s < ret->this_s)) {
		return false;
	}
	(void)audit_der_read(&tbs, DER_SEQUENCE, &ret->entries);
	if (audit_der_read(&tbs, DER_EXPLICIT, &part) && (version != 1 || !read_extensions(part, ret))) {
		return false;
	}
	return tbs.length == 0;
}

bool audit_crl_read(struct bytes der, struct audit_crl *ret)
{
	struct bytes outer, tbs, algorithm;

	memset(ret, 0, sizeof *ret);
	ret->next_s = INT64_MIN;
	return der.length <= AUDIT_CRL_MAX_BYTES && audit_der_is_whole(der) && audit_der_last(der, DER_SEQUENCE, &outer) &&
	       audit_der_read_whole(&outer, DER_SEQUENCE, &tbs, &ret->tbs) && audit_der_read(&outer, DER_SEQUENCE, &algorithm) &&
	       audit_der_read_bits(&outer, &ret->signature) && outer.length == 0 && audit_algorithm_read(algorithm, &ret->algorithm) &&
	       ret->algorithm.kind != AUDIT_RSA_PLAIN && read_tbs(tbs, algorithm, ret);
}

bool audit_crl_signed_by(const struct audit_crl *crl, const struct audit_certificate *issuer)
{
	if (!audit_bytes_equal(crl->issuer, issuer->subject) || (issuer->has_usage && (issuer->usage & AUDIT_USE_CRL) == 0) ||
	    (crl->issuer_key_id.length > 0 && issuer->key_id.length > 0 && !audit_bytes_equal(crl->issuer_key_id, issuer->key_id))) {
		return false;
	}
	return audit_key_verify_data(issuer->spki, &crl->algorithm, crl->tbs, crl->signature);
}

bool audit_crl_is_about(const struct audit_crl *crl, const struct audit_certificate *certificate)
{
	struct bytes names = crl->place, name, whole;
	uint8_t tag = 0;

	if ((crl->users_only && certificate->authority) || (crl->authorities_only && !certificate->authority)) {
		return false;
	}
	if (crl->place.length == 0) {
		return true;
	}
	/* One of its names is one of the certificate's distribution points, tag, length and all. */
	while (audit_der_any(&names, &tag, &name, &whole)) {
		if (certificate->places.length > 0 && memmem(certificate->places.data, certificate->places.length, whole.data, whole.length) != NULL) {
			return true;
		}
	}
	return false;
}

static bool read_entry_extensions(struct bytes list, int *ret_reason)
{
	struct bytes oid, value, reason;
	bool critical = false;

	while (list.length > 0) {
		unsigned number = 0;

		if (!audit_extension_read(&list, &oid, &critical, &value)) {
			return false;
		}
		number = audit_extension_number(oid);
		if (number == ID_REASON) {
			if (!audit_der_last(value, DER_ENUMERATED, &reason) || reason.length != 1) {
				return false;
			}
			*ret_reason = reason.data[0];
		} else if (critical && number != ID_INVALIDITY) {
			return false;
		}
	}
	return true;
}

enum audit_listed audit_crl_find(const struct audit_crl *crl, struct bytes serial, int64_t *ret_revoked_s, int *ret_reason)
{
	struct bytes entries = crl->entries, entry, number, extensions = { NULL, 0 };
	enum audit_listed found = AUDIT_NOT_LISTED;

	while (entries.length > 0) {
		int64_t when = 0;
		int reason = -1;

		if (!audit_der_read(&entries, DER_SEQUENCE, &entry) || !audit_der_read(&entry, DER_INTEGER, &number) || !audit_der_read_time(&entry, &when)) {
			return AUDIT_LIST_UNUSABLE;
		}
		if (entry.length > 0 && (!audit_der_last(entry, DER_SEQUENCE, &extensions) || !read_entry_extensions(extensions, &reason))) {
			return AUDIT_LIST_UNUSABLE;
		}
		if (found == AUDIT_NOT_LISTED && reason != AUDIT_REASON_BACK && audit_bytes_equal(number, serial)) {
			found = AUDIT_LISTED;
			*ret_revoked_s = when;
			*ret_reason = reason;
		}
	}
	return found;
}
