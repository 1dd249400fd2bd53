#include "partner_pki.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/span.h"

static EVP_PKEY *new_key(enum pki_key kind)
{
	EVP_PKEY *key = kind == PKI_P256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(kind == PKI_RSA1024 ? 1024U : 2048U);

	assert_non_null(key);
	return key;
}

static void set_name(X509_NAME *name, const char *cn, const char *o)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "C", MBSTRING_UTF8, (const unsigned char *)"CZ", -1, -1, 0), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)o, -1, -1, 0), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0), 1);
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static char *to_pem(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL, *text = NULL;
	long length = 0;

	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	length = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)length);
	BIO_free(bio);
	return text;
}

struct pki_identity *pki_new(enum pki_key kind, const char *cn, const char *o, const struct pki_identity *issuer, int from_days, int to_days)
{
	static long serial = 1;
	struct pki_identity *identity = calloc(1, sizeof *identity);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	assert_non_null(identity);
	identity->key = new_key(kind);
	identity->cert = X509_new();
	assert_int_equal(X509_set_version(identity->cert, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(identity->cert), serial++), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(identity->cert), (long)from_days * 86400));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(identity->cert), (long)to_days * 86400));
	set_name(X509_get_subject_name(identity->cert), cn, o);
	assert_int_equal(X509_set_issuer_name(identity->cert, X509_get_subject_name(issuer == NULL ? identity->cert : issuer->cert)), 1);
	assert_int_equal(X509_set_pubkey(identity->cert, identity->key), 1);
	add_extension(identity->cert, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(identity->cert, NID_key_usage,
	              issuer == NULL        ? "critical,keyCertSign"
	              : kind == PKI_SERVICE ? "critical,digitalSignature,nonRepudiation,keyEncipherment"
	                                    : "critical,digitalSignature,nonRepudiation");
	assert_true(X509_sign(identity->cert, issuer == NULL ? identity->key : issuer->key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(identity->cert, EVP_sha256(), digest, &length), 1);
	hex_encode(digest, length, identity->sha256);
	identity->pem = to_pem(identity->cert);
	return identity;
}

void pki_free(struct pki_identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->cert);
	free(identity->pem);
	free(identity);
}

unsigned char *pki_sign(const struct pki_identity *signer, const void *data, size_t length, unsigned how, size_t *ret_length)
{
	unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL | ((how & PKI_DETACHED) != 0 ? CMS_DETACHED : 0) | ((how & PKI_BER) != 0 ? CMS_STREAM : 0);
	unsigned own = CMS_NOSMIMECAP | ((how & PKI_NO_ATTRIBUTES) != 0 ? CMS_NOATTR : 0) | ((how & PKI_NO_CERTS) != 0 ? CMS_NOCERTS : 0);
	BIO *in = BIO_new_mem_buf(data, (int)length), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags);
	const EVP_MD *digest = (how & PKI_SHA1) != 0 ? EVP_sha1() : EVP_sha256();
	unsigned char *bytes = NULL, *copy = NULL;
	long size = 0;

	assert_non_null(cms);
	assert_non_null(CMS_add1_signer(cms, signer->cert, signer->key, digest, own));
	if ((how & PKI_TWO_SIGNERS) != 0) {
		assert_non_null(CMS_add1_signer(cms, signer->cert, signer->key, EVP_sha512(), own | CMS_NOCERTS));
	}
	if ((how & PKI_BER) != 0) {
		assert_int_equal(i2d_CMS_bio_stream(out, cms, in, (int)flags), 1);
	} else {
		assert_int_equal(CMS_final(cms, in, NULL, flags), 1);
		assert_int_equal(i2d_CMS_bio(out, cms), 1);
	}
	size = BIO_get_mem_data(out, &bytes);
	copy = malloc((size_t)size);
	assert_non_null(copy);
	memcpy(copy, bytes, (size_t)size);
	*ret_length = (size_t)size;
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(out);
	return copy;
}
