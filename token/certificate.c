#include "certificate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/escape.h"
#include "setup.h"

#define IK_MPSV_OID "1.3.6.1.4.1.11801.2.1"
#define RSA_LEAST_BITS 2048
#define DAY_MS INT64_C(86400000)
#define SERIAL_SHOWN_BYTES 31

static bool read_time(const ASN1_TIME *from, int64_t *ret_ms, char *ret, size_t size)
{
	char text[CLOCK_UTC_SIZE];
	struct tm parts;

	if (from == NULL || ASN1_TIME_to_tm(from, &parts) != 1) {
		return false;
	}
	*ret_ms = (int64_t)timegm(&parts) * 1000;
	clock_format_utc(*ret_ms, text);
	(void)snprintf(ret, size, "%s", text);
	return true;
}

static void read_name(const X509_NAME *name, char *ret, size_t size)
{
	BIO *words = BIO_new(BIO_s_mem());
	char *text = NULL;
	long length = 0;

	ret[0] = '\0';
	if (words == NULL) {
		return;
	}
	/* RFC 2253 form without escaping UTF-8: that is RFC 4514. */
	if (X509_NAME_print_ex(words, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0 && (length = BIO_get_mem_data(words, &text)) > 0) {
		(void)escape_text(ESCAPE_TERMINAL, span_of(text, (size_t)length), ret, size);
	}
	BIO_free(words);
}

static bool read_serial(X509 *certificate, char *ret)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	int length = serial == NULL ? 0 : ASN1_STRING_length(serial);

	if (length <= 0) {
		return false;
	}
	hex_encode(ASN1_STRING_get0_data(serial), (size_t)(length < SERIAL_SHOWN_BYTES ? length : SERIAL_SHOWN_BYTES), ret);
	return true;
}

static bool is_ik(const ASN1_OBJECT *object)
{
	char oid[64];

	return OBJ_obj2txt(oid, sizeof oid, object, 1) > 0 && strcmp(oid, IK_MPSV_OID) == 0;
}

static bool san_has_ik(X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		found = found || (name->type == GEN_OTHERNAME && is_ik(name->d.otherName->type_id));
	}
	GENERAL_NAMES_free(names);
	return found;
}

static bool subject_has_ik(X509 *certificate)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);

	for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
		if (is_ik(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(subject, i)))) {
			return true;
		}
	}
	return false;
}

static bool read_key(X509 *certificate, struct certificate *ret)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char group[32] = "";

	if (key == NULL) {
		return false;
	}
	ret->is_rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	ret->bits = EVP_PKEY_get_bits(key);
	if (ret->is_rsa) {
		(void)snprintf(ret->algorithm, sizeof ret->algorithm, "rsa-%d", ret->bits);
		return true;
	}
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1) {
		return false;
	}
	(void)snprintf(ret->algorithm, sizeof ret->algorithm, "ecdsa-p%d", ret->bits);
	return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 || strcmp(group, "secp521r1") == 0;
}

int certificate_read(X509 *certificate, struct certificate *ret)
{
	struct certificate read = { 0 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	uint32_t usage = 0;

	if (!read_time(X509_get0_notBefore(certificate), &read.not_before_ms, read.not_before, sizeof read.not_before) ||
	    !read_time(X509_get0_notAfter(certificate), &read.not_after_ms, read.not_after, sizeof read.not_after) || !read_key(certificate, &read) ||
	    !read_serial(certificate, read.serial) || X509_digest(certificate, EVP_sha256(), digest, &length) != 1 || length != 32) {
		return ERR_CERT;
	}
	hex_encode(digest, length, read.sha256);
	read_name(X509_get_subject_name(certificate), read.subject, sizeof read.subject);
	read_name(X509_get_issuer_name(certificate), read.issuer, sizeof read.issuer);
	read.has_ik_mpsv = san_has_ik(certificate) || subject_has_ik(certificate);
	read.self_signed = X509_self_signed(certificate, 0) == 1;
	usage = X509_get_key_usage(certificate); /* all ones when the extension is absent (RFC 5280 4.2.1.3 leaves usage open then) */
	read.may_sign = (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;
	read.may_unwrap = (usage & (read.is_rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT)) != 0;
	*ret = read;
	return 0;
}

int64_t certificate_days_left(const struct certificate *certificate, int64_t now_ms)
{
	return (certificate->not_after_ms - now_ms) / DAY_MS;
}

enum certificate_state certificate_judge(const struct certificate *certificate, unsigned use, int64_t now_ms, char *ret_why, size_t size)
{
	int64_t days = certificate_days_left(certificate, now_ms);

	ret_why[0] = '\0';
	if (now_ms > certificate->not_after_ms) {
		(void)snprintf(ret_why, size, "the certificate expired %lld days ago, on %.10s", (long long)-days, certificate->not_after);
		return CERTIFICATE_EXPIRED;
	}
	if (now_ms < certificate->not_before_ms) {
		(void)snprintf(ret_why, size, "the certificate is not valid before %.10s", certificate->not_before);
		return CERTIFICATE_NOT_YET;
	}
	if ((use & (USE_VAULT | USE_DECRYPT)) != 0 && !certificate->may_unwrap) {
		(void)snprintf(ret_why, size, "the certificate's keyUsage lacks %s", certificate->is_rsa ? "keyEncipherment" : "keyAgreement");
		return CERTIFICATE_BAD_USAGE;
	}
	if ((use & (USE_SIGN | USE_TLS | USE_JOURNAL)) != 0 && !certificate->may_sign) {
		(void)snprintf(ret_why, size, "the certificate's keyUsage has neither digitalSignature nor nonRepudiation");
		return CERTIFICATE_BAD_USAGE;
	}
	if (days < CERTIFICATE_SOON_DAYS) {
		(void)snprintf(ret_why, size, "the certificate expires in %lld days, on %.10s", (long long)days, certificate->not_after);
	}
	return CERTIFICATE_OK;
}

bool certificate_wants(const char *want, const char *word)
{
	struct span text = span_of_string(want), next;

	while (!span_is_empty(text)) {
		if (!span_read_until(&text, ' ', &next)) {
			(void)span_read_bytes(&text, text.length, &next);
		}
		if (span_equals_string(next, word)) {
			return true;
		}
	}
	return false;
}

/* spec of the tax portal, "The signature" and "The certificate": RSA only unless allowed, at least 2048 bits; IK MPSV is asked for, not demanded. */
int certificate_check_wishes(const struct certificate *certificate, const char *want, char *ret_words, size_t size)
{
	bool ecdsa = certificate_wants(want, "epo-ecdsa");

	ret_words[0] = '\0';
	if (certificate_wants(want, "rsa") && (!certificate->is_rsa || certificate->bits < RSA_LEAST_BITS)) {
		(void)snprintf(ret_words, size, "the partner takes RSA keys of at least %d bits only", RSA_LEAST_BITS);
		return ERR_CERT;
	}
	if (!ecdsa && !certificate_wants(want, "epo")) {
		return 0;
	}
	if (!certificate->is_rsa && !ecdsa) {
		(void)snprintf(ret_words, size, "the tax portal takes RSA keys only, this one is %s", certificate->algorithm);
		return ERR_CERT;
	}
	if (certificate->is_rsa && certificate->bits < RSA_LEAST_BITS) {
		(void)snprintf(ret_words, size, "the key has %d bits, the tax portal asks for %d", certificate->bits, RSA_LEAST_BITS);
		return ERR_CERT;
	}
	(void)snprintf(ret_words, size, "%s%s%s", certificate->has_ik_mpsv ? "" : "the certificate carries no IK MPSV",
	               certificate->self_signed && !certificate->has_ik_mpsv ? "; " : "",
	               certificate->self_signed ? "the certificate is self-signed: the tax portal refuses such" : "");
	return 0;
}
