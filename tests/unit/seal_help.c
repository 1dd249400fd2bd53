#include "seal_help.h"

#include <openssl/ts.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t *seal_help_cms(EVP_PKEY *key, X509 *certificate, struct span text, size_t *ret_length)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.length);
	CMS_ContentInfo *cms = CMS_sign(certificate, key, NULL, bio, CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP);
	unsigned char *der = NULL;
	uint8_t *copy = NULL;
	int length = 0;

	assert_non_null(cms);
	length = i2d_CMS_ContentInfo(cms, &der);
	assert_true(length > 0);
	copy = malloc((size_t)length);
	assert_non_null(copy);
	memcpy(copy, der, (size_t)length);
	*ret_length = (size_t)length;
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	return copy;
}

char *seal_help_note(EVP_PKEY *key, X509 *certificate, struct span text)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char *spki = NULL;
	uint8_t bytes[4 + 128], id[32];
	size_t length = sizeof bytes - 4;
	char *base64 = malloc(256);
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);

	assert_true(size > 0 && base64 != NULL);
	assert_int_equal(EVP_Digest(spki, (size_t)size, id, NULL, EVP_sha256(), NULL), 1);
	memcpy(bytes, id, 4);
	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, bytes + 4, &length, text.data, text.length), 1);
	(void)EVP_EncodeBlock((unsigned char *)base64, bytes, (int)length + 4);
	EVP_MD_CTX_free(context);
	OPENSSL_free(spki);
	return base64;
}

void seal_help_signer(X509 *certificate, char ret[65])
{
	uint8_t digest[32];
	unsigned length = 0;

	assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &length), 1);
	hex_encode(digest, sizeof digest, ret);
}

static void run(const char *directory, const char *command)
{
	char line[2048];

	(void)snprintf(line, sizeof line, "cd '%s' && %s", directory, command);
	assert_int_equal(system(line), 0);
}

void seal_help_tsa(const char *directory)
{
	char path[256];
	FILE *file = NULL;

	run(directory, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.pem -days 2 -subj /CN=tsa "
	               "-addext extendedKeyUsage=critical,timeStamping 2>/dev/null && echo 01 > tsa.serial");
	(void)snprintf(path, sizeof path, "%s/tsa.cnf", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fprintf(file, "[tsa]\ndefault_tsa=own\n[own]\nserial=tsa.serial\ncrypto_device=builtin\nsigner_cert=tsa.pem\nsigner_key=tsa.key\n"
	                    "signer_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\naccuracy=secs:1\n");
	assert_int_equal(fclose(file), 0);
}

uint8_t *seal_help_stamp(const char *directory, struct span of, const char *digest, size_t *ret_length)
{
	char path[256], command[512];
	uint8_t *data = malloc(16384);
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/of", directory);
	file = fopen(path, "w");
	assert_true(file != NULL && data != NULL);
	assert_int_equal(fwrite(of.data, 1, of.length, file), of.length);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(
	    command, sizeof command,
	    "openssl ts -query -data of -%s -cert -out query 2>/dev/null && openssl ts -reply -config tsa.cnf -queryfile query -out reply 2>/dev/null", digest);
	run(directory, command);
	(void)snprintf(path, sizeof path, "%s/reply", directory);
	file = fopen(path, "r");
	assert_non_null(file);
	*ret_length = fread(data, 1, 16384, file);
	assert_int_equal(fclose(file), 0);
	assert_true(*ret_length > 100 && *ret_length < 16384);
	return data;
}

/* --- stamps of this process --- */

X509 *seal_help_stamper(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_EXTENSION *usage = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "critical,timeStamping");

	assert_non_null(usage);
	assert_int_equal(X509_set_version(certificate, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"stamps", -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_int_equal(X509_add_ext(certificate, usage, -1), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	X509_EXTENSION_free(usage);
	return certificate;
}

static ASN1_INTEGER *next_serial(struct TS_resp_ctx *context, void *data)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	(void)context;
	(void)data;
	assert_int_equal(ASN1_INTEGER_set(serial, 31), 1);
	return serial;
}

static BIO *make_query(struct span of)
{
	TS_REQ *request = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	uint8_t digest[32];
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(EVP_Digest(of.data, of.length, digest, NULL, EVP_sha256(), NULL), 1);
	X509_ALGOR_set_md(algorithm, EVP_sha256());
	assert_int_equal(TS_MSG_IMPRINT_set_algo(imprint, algorithm), 1);
	assert_int_equal(TS_MSG_IMPRINT_set_msg(imprint, digest, sizeof digest), 1);
	assert_int_equal(TS_REQ_set_version(request, 1), 1);
	assert_int_equal(TS_REQ_set_msg_imprint(request, imprint), 1);
	assert_int_equal(TS_REQ_set_cert_req(request, 1), 1);
	assert_int_equal(i2d_TS_REQ_bio(bio, request), 1);
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(request);
	return bio;
}

uint8_t *seal_help_stamp_here(EVP_PKEY *key, X509 *certificate, struct span of, size_t *ret_length)
{
	TS_RESP_CTX *context = TS_RESP_CTX_new();
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
	BIO *query = make_query(of);
	TS_RESP *reply = NULL;
	unsigned char *der = NULL;
	uint8_t *copy = NULL;
	int length = 0;

	TS_RESP_CTX_set_serial_cb(context, next_serial, NULL);
	assert_int_equal(TS_RESP_CTX_set_signer_cert(context, certificate), 1);
	assert_int_equal(TS_RESP_CTX_set_signer_key(context, key), 1);
	assert_int_equal(TS_RESP_CTX_set_signer_digest(context, EVP_sha256()), 1);
	assert_int_equal(TS_RESP_CTX_set_def_policy(context, policy), 1);
	assert_int_equal(TS_RESP_CTX_add_md(context, EVP_sha256()), 1);
	reply = TS_RESP_create_response(context, query);
	assert_non_null(reply);
	length = i2d_TS_RESP(reply, &der);
	copy = malloc((size_t)length);
	assert_true(length > 200 && copy != NULL);
	memcpy(copy, der, (size_t)length);
	*ret_length = (size_t)length;
	OPENSSL_free(der);
	TS_RESP_free(reply);
	BIO_free(query);
	ASN1_OBJECT_free(policy);
	TS_RESP_CTX_free(context);
	return copy;
}
