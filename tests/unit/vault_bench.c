#include "vault_bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	assert_int_equal(X509_set_version(certificate, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

char *bench_pem(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL, *copy = NULL;
	long length = 0;

	assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	length = BIO_get_mem_data(bio, &data);
	copy = strndup(data, (size_t)length);
	BIO_free(bio);
	assert_non_null(copy);
	return copy;
}

static void open_vault(struct vault_bench *bench)
{
	bench->keys = keys_new(64);
	assert_non_null(bench->keys);
	assert_int_equal(vault_open(&fileops_posix, bench->fd, BENCH_ORIGIN, bench->keys, &bench->recipients, &bench->vault), 0);
}

void bench_open(struct vault_bench *bench)
{
	memset(bench, 0, sizeof *bench);
	(void)snprintf(bench->path, sizeof bench->path, "/tmp/podatelna-vault-XXXXXX");
	assert_non_null(mkdtemp(bench->path));
	bench->fd = open(bench->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(bench->fd >= 0);
	bench->rsa = EVP_RSA_gen(2048);
	bench->ec = EVP_EC_gen("P-256");
	assert_non_null(bench->rsa);
	assert_non_null(bench->ec);
	bench->rsa_cert = make_certificate(bench->rsa, "vault rsa");
	bench->ec_cert = make_certificate(bench->ec, "vault ec");
	for (int i = 0; i < 2; i++) {
		char *pem = bench_pem(i == 0 ? bench->rsa_cert : bench->ec_cert);

		assert_int_equal(recipients_add(&bench->recipients, span_of_string(pem)), 0);
		free(pem);
	}
	open_vault(bench);
}

void bench_restart(struct vault_bench *bench)
{
	vault_free(bench->vault);
	keys_free(bench->keys);
	open_vault(bench);
}

void bench_close(struct vault_bench *bench)
{
	char command[128];

	vault_free(bench->vault);
	keys_free(bench->keys);
	recipients_free(&bench->recipients);
	X509_free(bench->rsa_cert);
	X509_free(bench->ec_cert);
	EVP_PKEY_free(bench->rsa);
	EVP_PKEY_free(bench->ec);
	(void)close(bench->fd);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", bench->path);
	assert_int_equal(system(command), 0);
}

size_t bench_unwrap(EVP_PKEY *key, X509 *certificate, struct span der, char *ret, size_t size)
{
	const unsigned char *place = der.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &place, (long)der.length);
	BIO *out = BIO_new(BIO_s_mem());
	int length = 0;

	assert_non_null(cms);
	assert_int_equal(CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY), 1);
	length = BIO_read(out, ret, (int)size);
	assert_true(length > 0);
	CMS_ContentInfo_free(cms);
	BIO_free(out);
	return (size_t)length;
}

int bench_run(const char *command, uint8_t *ret, size_t size, size_t *ret_length)
{
	FILE *pipe = popen(command, "r");
	int status = 0;

	assert_non_null(pipe);
	*ret_length = fread(ret, 1, size, pipe);
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

uint8_t *bench_content(size_t length, uint32_t seed)
{
	uint8_t *content = malloc(length + 1);
	uint32_t state = seed * 2654435761U + 1;

	assert_non_null(content);
	for (size_t i = 0; i < length; i++) {
		state = state * 1664525U + 1013904223U;
		content[i] = (uint8_t)(state >> 24);
	}
	return content;
}

void bench_part_path(const struct vault_bench *bench, const uint8_t hash[OBJECT_HASH_BYTES], char *ret, size_t size)
{
	char hex[2 * OBJECT_HASH_BYTES + 1];

	hex_encode(hash, OBJECT_HASH_BYTES, hex);
	(void)snprintf(ret, size, "%s/vault/%.2s/%s", bench->path, hex, hex);
}

int bench_set_up(void **state)
{
	struct vault_bench *bench = malloc(sizeof *bench);

	assert_non_null(bench);
	bench_open(bench);
	*state = bench;
	return 0;
}

int bench_tear_down(void **state)
{
	bench_close(*state);
	free(*state);
	return 0;
}
