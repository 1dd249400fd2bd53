/* What the token says: TSTInfo (RFC 3161 2.4.2), compared with what was asked (spec timestamps 3, steps 2 and 4). */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/der.h"
#include "../base/digest.h"
#include "tsa.h"

#define SERIAL_MAX_BYTES 64                  /* RFC 3161 2.4.2 asks for room for 160 bits */
#define ACCURACY_MAX_SECONDS 31536000        /* what is told; more is told as this */
#define ACCURACY_COUNTS_MS UINT64_C(3600000) /* an authority that knows no hour cannot excuse a clock */
#define TIME_PARTS "YYYYMMDDhhmmss"
#define HASH_NAME_SIZE 80

static void cleanup_number(BIGNUM **number)
{
	BN_free(*number);
}

static void cleanup_object(ASN1_OBJECT **object)
{
	ASN1_OBJECT_free(*object);
}

void stamp_token_free(struct stamp_token *token)
{
	CMS_ContentInfo_free(token->cms);
	TS_TST_INFO_free(token->info);
	token->cms = NULL;
	token->info = NULL;
}

/* GeneralizedTime as RFC 3161 2.4.2 wants it: seconds, a fraction of any length, Z. */
static bool read_time(const ASN1_GENERALIZEDTIME *when, int64_t *ret_ms, uint64_t *ret_unit_ms)
{
	struct span text = span_of(ASN1_STRING_get0_data(when), (size_t)ASN1_STRING_length(when)), parts, fraction = span_of("", 0);
	char utc[CLOCK_UTC_SIZE], digits[4] = "000";
	const char *d = NULL;

	if (!span_read_bytes(&text, sizeof TIME_PARTS - 1, &parts) || text.length == 0 || text.data[text.length - 1] != 'Z') {
		return false;
	}
	if (text.length > 1 && (text.data[0] != '.' || text.length < 3)) {
		return false;
	}
	if (text.length > 1) {
		fraction = span_of(text.data + 1, text.length - 2);
	}
	for (size_t i = 0; i < fraction.length; i++) {
		if (fraction.data[i] < '0' || fraction.data[i] > '9') {
			return false;
		}
		if (i < sizeof digits - 1) {
			digits[i] = (char)fraction.data[i];
		}
	}
	d = (const char *)parts.data;
	(void)snprintf(utc, sizeof utc, "%.4s-%.2s-%.2s%s%.2s:%.2s:%.2s.%.3sZ", d, d + 4, d + 6, "T", d + 8, d + 10, d + 12, digits);
	*ret_unit_ms = fraction.length == 0 ? 1000 : fraction.length == 1 ? 100 : fraction.length == 2 ? 10 : 1;
	return clock_parse_utc(span_of_string(utc), ret_ms);
}

static uint64_t part_of(const ASN1_INTEGER *value, uint64_t most)
{
	int64_t number = 0;

	if (value == NULL || ASN1_INTEGER_get_int64(&number, value) != 1 || number < 0) {
		return value == NULL || ASN1_STRING_length(value) < 8 ? 0 : most;
	}
	return (uint64_t)number < most ? (uint64_t)number : most;
}

static uint64_t read_accuracy(TS_ACCURACY *accuracy)
{
	if (accuracy == NULL) {
		return 0;
	}
	return part_of(TS_ACCURACY_get_seconds(accuracy), ACCURACY_MAX_SECONDS) * 1000 + part_of(TS_ACCURACY_get_millis(accuracy), 999) +
	       (part_of(TS_ACCURACY_get_micros(accuracy), 999) > 0 ? 1 : 0);
}

static bool tell_serial(const ASN1_INTEGER *serial, struct lines *result)
{
	_cleanup_(cleanup_number) BIGNUM *number = ASN1_STRING_length(serial) > SERIAL_MAX_BYTES ? NULL : ASN1_INTEGER_to_BN(serial, NULL);
	uint8_t bytes[SERIAL_MAX_BYTES];
	char hex[2 * SERIAL_MAX_BYTES + 1];
	int length = number == NULL || BN_is_negative(number) ? -1 : BN_bn2bin(number, bytes);

	if (length < 0) {
		return false;
	}
	hex_encode(bytes, (size_t)length, hex);
	lines_set(result, "serial", length == 0 ? "00" : hex);
	return true;
}

static void policy_text(const ASN1_OBJECT *policy, char ret[STAMP_POLICY_SIZE])
{
	int length = OBJ_obj2txt(ret, STAMP_POLICY_SIZE, policy, 1);

	if (length <= 0 || length >= STAMP_POLICY_SIZE) {
		(void)snprintf(ret, STAMP_POLICY_SIZE, "?");
	}
}

static bool tell_digest(struct span der, struct lines *result)
{
	_cleanup_digest_ EVP_MD_CTX *digest = digest_new("SHA256");
	char hex[DIGEST_HEX_SIZE];

	if (digest == NULL || digest_feed(digest, der) != 0 || digest_hex(digest, hex) != 0) {
		return false;
	}
	lines_set(result, "sha256", hex);
	return true;
}

/* RFC 5652 5.1: other content than plain data makes it 3. libcrypto does not look. */
static bool is_version_3(struct span der)
{
	struct span outer, part, content, data, version;

	return der_read(&der, DER_SEQUENCE, &outer, NULL) && der_read(&outer, DER_OID, &part, NULL) && der_read(&outer, DER_CONTEXT_0, &content, NULL) &&
	       der_read(&content, DER_SEQUENCE, &data, NULL) && der_read(&data, DER_INTEGER, &version, NULL) && version.length == 1 && version.data[0] == 3;
}

static bool read_cms(struct span der, struct stamp_token *token, struct stamp_fault *fault)
{
	const unsigned char *place = der.data;
	ASN1_OCTET_STRING **content = NULL;
	const unsigned char *inner = NULL;
	size_t length = 0;

	token->cms = d2i_CMS_ContentInfo(NULL, &place, (long)der.length);
	if (token->cms == NULL || place != der.data + der.length) {
		return stamp_no(fault, "token-form", "the token is not CMS");
	}
	if (OBJ_obj2nid(CMS_get0_type(token->cms)) != NID_pkcs7_signed) {
		return stamp_no(fault, "token-form", "the token is not signed data");
	}
	if (OBJ_obj2nid(CMS_get0_eContentType(token->cms)) != NID_id_smime_ct_TSTInfo) {
		return stamp_no(fault, "token-form", "the signed content is not marked as a time stamp (id-ct-TSTInfo)");
	}
	if (!is_version_3(der)) {
		return stamp_no(fault, "token-form", "the signed data are not of version 3");
	}
	content = CMS_get0_content(token->cms);
	if (content == NULL || *content == NULL) {
		return stamp_no(fault, "token-form", "the token has no content");
	}
	inner = ASN1_STRING_get0_data(*content);
	length = (size_t)ASN1_STRING_length(*content);
	place = inner;
	token->info = d2i_TS_TST_INFO(NULL, &place, (long)length);
	if (token->info == NULL || place != inner + length) {
		return stamp_no(fault, "token-form", "the signed content is not a TSTInfo");
	}
	return true;
}

bool stamp_token_read(struct span der, struct stamp_token *token, struct lines *result, struct stamp_fault *fault)
{
	char utc[CLOCK_UTC_SIZE], policy[STAMP_POLICY_SIZE];

	if (!tell_digest(der, result)) {
		return stamp_no(fault, "token-form", "no digest of the token");
	}
	if (!read_cms(der, token, fault)) {
		return false;
	}
	if (!read_time(TS_TST_INFO_get_time(token->info), &token->time_ms, &token->unit_ms)) {
		return stamp_no(fault, "time-form", "genTime is not a moment as RFC 3161 writes it");
	}
	clock_format_utc(token->time_ms, utc);
	lines_set(result, "time", utc);
	lines_setf(result, "time-ms", "%lld", (long long)token->time_ms);
	token->accuracy_ms = read_accuracy(TS_TST_INFO_get_accuracy(token->info));
	lines_set_u64(result, "accuracy-ms", token->accuracy_ms);
	policy_text(TS_TST_INFO_get_policy_id(token->info), policy);
	lines_set(result, "policy", policy);
	if (!tell_serial(TS_TST_INFO_get_serial(token->info), result)) {
		return stamp_no(fault, "token-form", "the serial number is negative or too long");
	}
	if (TS_TST_INFO_get_version(token->info) != 1) {
		return stamp_no(fault, "token-form", "version %ld of TSTInfo", TS_TST_INFO_get_version(token->info));
	}
	/* RFC 3161 2.4.2: none is defined, and one that is critical must be understood. */
	return TS_TST_INFO_get_ext_by_critical(token->info, 1, -1) < 0 || stamp_no(fault, "token-form", "a critical extension that is not known");
}

static bool imprint_fits(const struct stamp_token *token, const struct stamp_wish *wish, struct stamp_fault *fault)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(token->info);
	const ASN1_OBJECT *algorithm = TS_MSG_IMPRINT_get_algo(imprint)->algorithm;
	const ASN1_OCTET_STRING *bytes = TS_MSG_IMPRINT_get_msg(imprint);
	struct span stamped = span_of(ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes));
	char name[HASH_NAME_SIZE] = "?";

	if (OBJ_obj2nid(algorithm) != wish->hash->nid) {
		(void)OBJ_obj2txt(name, sizeof name, algorithm, 0);
		return stamp_no(fault, "imprint-hash", "the stamp is of a %s, asked was %s", name, wish->hash->name);
	}
	return span_equals(stamped, span_of(wish->imprint, wish->hash->length)) ||
	       stamp_no(fault, "imprint", "the stamped %s is not the one that was asked for", wish->hash->name);
}

static bool nonce_fits(const struct stamp_token *token, const struct stamp_wish *wish, struct stamp_fault *fault)
{
	const ASN1_INTEGER *got = TS_TST_INFO_get_nonce(token->info);
	_cleanup_(cleanup_number) BIGNUM *number = got == NULL ? NULL : ASN1_INTEGER_to_BN(got, NULL);
	_cleanup_(cleanup_number) BIGNUM *asked = BN_bin2bn(wish->nonce, STAMP_NONCE_BYTES, NULL);

	if (got == NULL) {
		return stamp_no(fault, "nonce", "the stamp carries no nonce");
	}
	return (number != NULL && asked != NULL && BN_cmp(number, asked) == 0) || stamp_no(fault, "nonce", "the nonce is not the one that was asked with");
}

static bool policy_fits(const struct stamp_token *token, const struct stamp_wish *wish, struct stamp_fault *fault)
{
	_cleanup_(cleanup_object) ASN1_OBJECT *asked = wish->policy[0] == '\0' ? NULL : OBJ_txt2obj(wish->policy, 1);
	char got[STAMP_POLICY_SIZE];

	if (wish->policy[0] == '\0' || (asked != NULL && OBJ_cmp(asked, TS_TST_INFO_get_policy_id(token->info)) == 0)) {
		return true;
	}
	policy_text(TS_TST_INFO_get_policy_id(token->info), got);
	return stamp_no(fault, "policy", "the policy is %s, asked was %s", got, wish->policy);
}

bool stamp_token_fits(const struct stamp_token *token, const struct stamp_wish *wish, struct stamp_fault *fault)
{
	return imprint_fits(token, wish, fault) && nonce_fits(token, wish, fault) && policy_fits(token, wish, fault);
}

void stamp_token_clock(const struct stamp_token *token, const struct stamp_wish *wish, struct lines *result, struct stamp_fault *fault)
{
	int64_t slack = (int64_t)(token->accuracy_ms < ACCURACY_COUNTS_MS ? token->accuracy_ms : ACCURACY_COUNTS_MS);
	int64_t earliest = token->time_ms - slack, latest = token->time_ms + (int64_t)token->unit_ms - 1 + slack;
	int64_t off = wish->from_ms > latest ? wish->from_ms - latest : wish->to_ms < earliest ? wish->to_ms - earliest : 0;
	uint64_t far = (uint64_t)(off < 0 ? -off : off);

	lines_setf(result, "off-ms", "%lld", (long long)off);
	lines_set(result, "clock", far > wish->clock_limit_ms ? "off" : "ok");
	if (far > wish->clock_limit_ms) {
		(void)stamp_no(fault, NULL, "the clock of the box is %llu ms %s", (unsigned long long)far, off < 0 ? "behind" : "ahead");
	}
}
