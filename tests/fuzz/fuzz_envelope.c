/* Encrypted messages: read whole and in small pieces it must come to the same, and never more leaves than is allowed. */
#include <stdlib.h>
#include <string.h>

#include "../../token/envelope.h"

#include "../../appliance/base/err.h"

#define LIMIT 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pass {
	struct span rest;
	size_t step;
	uint8_t out[LIMIT];
	uint64_t length;
};

static X509 *certificate;

/* The seeds are for it: issuer CN=fuzz, serial 1, this key identifier. */
static void make_certificate(void)
{
	static const unsigned char id[20] = "kkkkkkkkkkkkkkkkkkk";
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_NAME *name = X509_NAME_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");

	certificate = X509_new();
	if (X509_set_version(certificate, X509_VERSION_3) != 1 || X509_gmtime_adj(X509_getm_notBefore(certificate), 0) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) == NULL || X509_set_pubkey(certificate, key) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"fuzz", -1, -1, 0) != 1 ||
	    X509_set_issuer_name(certificate, name) != 1 || ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 ||
	    ASN1_OCTET_STRING_set(value, id, sizeof id) != 1 || X509_add1_ext_i2d(certificate, NID_subject_key_identifier, value, 0, 0) != 1 ||
	    X509_sign(certificate, key, EVP_sha256()) <= 0) {
		abort();
	}
	ASN1_OCTET_STRING_free(value);
	X509_NAME_free(name);
	EVP_PKEY_free(key);
}

static ssize_t source(void *context, uint8_t *ret, size_t size)
{
	struct pass *pass = context;
	size_t length = size < pass->step ? size : pass->step;
	struct span piece;

	length = pass->rest.length < length ? pass->rest.length : length;
	if (!span_read_bytes(&pass->rest, length, &piece)) {
		abort();
	}
	memcpy(ret, piece.data, length);
	return (ssize_t)length;
}

static int sink(void *context, const uint8_t *data, size_t length)
{
	struct pass *pass = context;

	if (length > LIMIT - pass->length) {
		abort();
	}
	memcpy(pass->out + pass->length, data, length);
	pass->length += length;
	return 0;
}

static int run(struct pass *pass, const uint8_t *data, size_t size, size_t step)
{
	static const uint8_t key[ENVELOPE_KEY_MAX_BYTES];
	struct envelope envelope;
	uint64_t written = 0;
	int err = ERR_INTERNAL;

	pass->rest = span_of(data, size);
	pass->step = step;
	pass->length = 0;
	err = envelope_open(&envelope, source, pass, certificate);
	if (envelope.why == NULL) {
		abort();
	}
	if (err == 0) {
		err = envelope_content(&envelope, key, sink, pass, LIMIT, &written);
		if (written < pass->length || (err == 0 && written != pass->length)) {
			abort();
		}
	}
	envelope_close(&envelope);
	ERR_clear_error();
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pass whole, pieces;

	if (certificate == NULL) {
		make_certificate();
	}
	int first = run(&whole, data, size, SIZE_MAX), second = run(&pieces, data, size, 5);

	/* What came out before a failure may differ: nothing counts but the end. */
	if (first != second || (first == 0 && (whole.length != pieces.length || memcmp(whole.out, pieces.out, whole.length) != 0))) {
		abort();
	}
	return 0;
}
