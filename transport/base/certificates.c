#include "certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/der.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "partner.h"
#include "signer.h"

#define SERIAL_MAX_BYTES 20 /* RFC 5280 4.1.2.2 */

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

static void tell(struct lines *result, const char *prefix, const char *name, const char *value)
{
	char line[LINES_NAME_MAX + 1];

	(void)snprintf(line, sizeof line, "%s%s", prefix, name);
	lines_set(result, line, value);
}

static void tell_name(struct lines *result, const char *prefix, const char *name, X509_NAME *of)
{
	_cleanup_(cleanup_bio) BIO *to = BIO_new(BIO_s_mem());
	char text[CERTIFICATES_NAME_SIZE] = "", *bytes = NULL;
	long length = 0;

	/* As openssl prints it, but in UTF-8: people read it. */
	if (to != NULL && X509_NAME_print_ex(to, of, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		length = BIO_get_mem_data(to, &bytes);
		job_copy_value(span_of(bytes, length > 0 ? (size_t)length : 0), text, sizeof text);
	}
	tell(result, prefix, name, text);
}

static void tell_moment(struct lines *result, const char *prefix, const char *name, const ASN1_TIME *when)
{
	char text[CLOCK_UTC_SIZE] = "";
	struct tm parts = { 0 };

	if (ASN1_TIME_to_tm(when, &parts) == 1) {
		clock_format_utc((int64_t)timegm(&parts) * 1000, text);
	}
	tell(result, prefix, name, text);
}

static void tell_serial(struct lines *result, const char *prefix, X509 *cert)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	size_t length = (size_t)ASN1_STRING_length(serial);
	char hex[2 * SERIAL_MAX_BYTES + 1] = "";

	if (length <= SERIAL_MAX_BYTES) {
		hex_encode(ASN1_STRING_get0_data(serial), length, hex);
	}
	tell(result, prefix, "serial", hex);
}

bool certificates_may_encipher(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	return key != NULL && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= CERTIFICATES_RSA_BITS_MIN &&
	       (X509_get_key_usage(cert) & KU_KEY_ENCIPHERMENT) != 0; /* no extension: UINT32_MAX */
}

bool certificates_is_qualified(X509 *cert)
{
	static const uint8_t compliance[] = { 0x04, 0x00, 0x8e, 0x46, 0x01, 0x01 }; /* 0.4.0.1862.1.1 */
	int place = X509_get_ext_by_NID(cert, NID_qcStatements, -1);
	const ASN1_OCTET_STRING *value = place < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(cert, place));
	struct span rest, statements, statement, id;

	if (value == NULL) {
		return false;
	}
	rest = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	if (!der_read(&rest, DER_SEQUENCE, &statements, NULL) || !span_is_empty(rest)) {
		return false;
	}
	while (der_read(&statements, DER_SEQUENCE, &statement, NULL)) {
		if (der_read(&statement, DER_OID, &id, NULL) && span_equals(id, span_of(compliance, sizeof compliance))) {
			return true;
		}
	}
	return false;
}

void certificates_tell(X509 *cert, const char *prefix, struct lines *result)
{
	char hex[SIGNER_HEX_SIZE];

	signer_fingerprint(cert, hex);
	tell(result, prefix, "sha256", hex);
	tell_name(result, prefix, "subject", X509_get_subject_name(cert));
	tell_name(result, prefix, "issuer", X509_get_issuer_name(cert));
	tell_serial(result, prefix, cert);
	tell_moment(result, prefix, "from", X509_get0_notBefore(cert));
	tell_moment(result, prefix, "until", X509_get0_notAfter(cert));
	tell(result, prefix, "enciphers", certificates_may_encipher(cert) ? "yes" : "no");
	tell(result, prefix, "qualified", certificates_is_qualified(cert) ? "yes" : "no");
}

void certificates_free(struct certificates *certificates)
{
	for (size_t i = 0; i < certificates->count; i++) {
		X509_free(certificates->certs[i]);
	}
	*certificates = (struct certificates){ 0 };
}

static X509 *read_der(struct span bytes)
{
	const unsigned char *at = bytes.data;
	X509 *cert = d2i_X509(NULL, &at, (long)bytes.length);

	if (cert != NULL && at != bytes.data + bytes.length) {
		X509_free(cert);
		cert = NULL;
	}
	return cert;
}

int certificates_read(struct span bytes, struct certificates *ret)
{
	_cleanup_(cleanup_bio) BIO *pem = bytes.length > CERTIFICATES_MAX_BYTES ? NULL : BIO_new_mem_buf(bytes.data, (int)bytes.length);
	X509 *cert = NULL;

	*ret = (struct certificates){ 0 };
	if (pem == NULL) {
		return bytes.length > CERTIFICATES_MAX_BYTES ? ERR_LIMIT : ERR_MEMORY;
	}
	while ((cert = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
		if (ret->count == CERTIFICATES_MAX) {
			X509_free(cert);
			certificates_free(ret);
			return ERR_LIMIT;
		}
		ret->certs[ret->count++] = cert;
	}
	if (ret->count == 0 && (cert = read_der(bytes)) != NULL) {
		ret->certs[ret->count++] = cert;
	}
	ERR_clear_error(); /* the end of a PEM file is one */
	return ret->count > 0 ? 0 : ERR_FORMAT;
}

int job_certificates(struct job *job)
{
	_cleanup_(certificates_free) struct certificates all = { 0 };
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t length = 0;
	int err = fd_read_all(job_input(job, 1), CERTIFICATES_MAX_BYTES, &bytes, &length);

	err = err != 0 ? err : certificates_read(span_of(bytes, length), &all);
	if (err != 0) {
		return job_fail(job, err, err == ERR_FORMAT ? "there is no certificate in it" : "the certificates cannot be read, or there are too many");
	}
	for (size_t i = 0; i < all.count; i++) {
		char prefix[24];

		(void)snprintf(prefix, sizeof prefix, "cert.%zu.", i);
		certificates_tell(all.certs[i], prefix, &job->result);
	}
	lines_set_u64(&job->result, "count", all.count);
	return 0;
}
