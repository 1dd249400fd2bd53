#include "seal_help.h"

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
