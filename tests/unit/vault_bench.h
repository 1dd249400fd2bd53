/* vault_bench.h - what the tests of the vault share: a throw-away data directory, certificates and keys made on the spot, the openssl command. */
#ifndef TESTS_VAULT_BENCH_H
#define TESTS_VAULT_BENCH_H

#include "store/vault.h"

#define BENCH_ORIGIN "podatelna.test/unit"

struct vault_bench {
	char path[64];
	int fd;
	EVP_PKEY *rsa, *ec;
	X509 *rsa_cert, *ec_cert;
	struct recipients recipients;
	struct keys *keys;
	struct vault *vault;
};

/* Aborts the test when something is not to be had. */
void bench_open(struct vault_bench *bench);
void bench_close(struct vault_bench *bench);
/* The same as set-up and tear-down of a cmocka test; its state is the bench. */
int bench_set_up(void **state);
int bench_tear_down(void **state);
/* A new process: nothing in memory. */
void bench_restart(struct vault_bench *bench);
/* PEM text of a certificate, to be free()d. */
char *bench_pem(X509 *certificate);
/* What a token does with a key file: CMS_decrypt with a software key. Returns the length. */
size_t bench_unwrap(EVP_PKEY *key, X509 *certificate, struct span der, char *ret, size_t size);
/* Runs a shell command; its output (at most `size`) and its exit code. */
int bench_run(const char *command, uint8_t *ret, size_t size, size_t *ret_length);
/* `length` bytes that do not repeat, to be free()d. */
uint8_t *bench_content(size_t length, uint32_t seed);
void bench_part_path(const struct vault_bench *bench, const uint8_t hash[OBJECT_HASH_BYTES], char *ret, size_t size);

#endif
