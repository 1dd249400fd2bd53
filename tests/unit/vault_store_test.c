/* The vault: what goes in comes out, what was changed does not, and `openssl cms` alone reads it. */
#include "vault_bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "store/keys_text.h"

#define CASE_A "2026-000001"
#define CASE_B "2026-000002"

static struct object_ref put(struct vault_bench *bench, const char *owner, struct span content)
{
	struct object_ref ref;
	struct key *key = NULL;
	struct vault_writer *writer = NULL;

	assert_int_equal(vault_key_for_writing(bench->vault, owner, &key), 0);
	writer = vault_writer_new(bench->vault, key, OBJECT_MAX_BYTES);
	assert_non_null(writer);
	assert_int_equal(vault_writer_add(writer, content), 0);
	assert_int_equal(vault_writer_finish(writer, &ref), 0);
	vault_writer_free(writer);
	return ref;
}

/* 0 when it comes out whole and equal; otherwise what the reader said. */
static int get(struct vault_bench *bench, struct key *key, const struct object_ref *ref, struct span expected)
{
	struct vault_reader *reader = vault_reader_new(bench->vault, key, ref);
	int err = 0;

	assert_non_null(reader);
	for (;;) {
		struct span piece, part;

		err = vault_reader_next(reader, &piece);
		if (err != 0 || span_is_empty(piece)) {
			break;
		}
		if (!span_read_bytes(&expected, piece.length, &part) || !span_equals(part, piece)) {
			err = ERR_MISMATCH;
			break;
		}
	}
	vault_reader_free(reader);
	return err != 0 ? err : span_is_empty(expected) ? 0 : ERR_MISMATCH;
}

static void test_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 16384, 16385, 1048575, 1048576, 1048577, 2097152, 10485760 };
	struct vault_bench *bench = *state;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t *content = bench_content(sizes[i], (uint32_t)i);
		struct object_ref ref = put(bench, CASE_A, span_of(content, sizes[i])), again;
		char text[OBJECT_REF_SIZE];
		int length = object_ref_format(&ref, text, sizeof text);

		assert_int_equal(ref.size, sizes[i]);
		assert_int_equal(ref.generation, 1);
		assert_int_equal(ref.part_count, object_part_count(sizes[i]));
		assert_true(vault_object_exists(bench->vault, &ref));
		assert_true(length > 0);
		assert_int_equal(object_ref_parse(span_of(text, (size_t)length), &again), 0);
		assert_int_equal(get(bench, keys_find(bench->keys, CASE_A, 1), &again, span_of(content, sizes[i])), 0);
		free(content);
	}
}

static void test_limit(void **state)
{
	struct vault_bench *bench = *state;
	struct key *key = NULL;
	struct vault_writer *writer = NULL;
	uint8_t *content = bench_content(3 * OBJECT_PART_BYTES, 1);
	struct stat status;
	char command[160];
	uint8_t output[64];
	size_t length = 0;

	assert_int_equal(vault_key_for_writing(bench->vault, CASE_A, &key), 0);
	writer = vault_writer_new(bench->vault, key, 2 * OBJECT_PART_BYTES);
	assert_int_equal(vault_writer_add(writer, span_of(content, 3 * OBJECT_PART_BYTES)), ERR_LIMIT);
	vault_writer_free(writer);
	free(content);
	/* Nothing of it stays. */
	(void)snprintf(command, sizeof command, "find '%s/vault' -type f | wc -l", bench->path);
	assert_int_equal(bench_run(command, output, sizeof output, &length), 0);
	assert_int_equal(atoi((char *)output), 0);
	(void)status;
}

static void test_two_objects_differ(void **state)
{
	struct vault_bench *bench = *state;
	struct object_ref one = put(bench, CASE_A, span_of_string("rodné číslo")), two = put(bench, CASE_A, span_of_string("rodné číslo"));

	/* The same content: neither parts nor commitments tell. */
	assert_memory_not_equal(one.parts[0], two.parts[0], OBJECT_HASH_BYTES);
	assert_memory_not_equal(one.commitment, two.commitment, OBJECT_HASH_BYTES);
}

static void test_tampered(void **state)
{
	struct vault_bench *bench = *state;
	uint8_t *content = bench_content(300, 3);
	struct object_ref ref = put(bench, CASE_A, span_of(content, 300)), other = ref;
	struct key *key = keys_find(bench->keys, CASE_A, 1), *wrong = NULL;
	char path[256];
	struct stat status;
	uint8_t *der = NULL;
	size_t length = 0;
	int fd = -1;

	bench_part_path(bench, ref.parts[0], path, sizeof path);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(fd_read_all(fd, 100000, &der, &length), 0);
	(void)close(fd);
	for (size_t i = 0; i < length; i += 7) { /* every place of the file, in steps */
		der[i] ^= 0x10;
		fd = open(path, O_WRONLY | O_TRUNC);
		assert_int_equal(chmod(path, 0600), 0);
		assert_true(fd >= 0 || (fd = open(path, O_WRONLY | O_TRUNC)) >= 0);
		assert_int_equal(fd_write_all(fd, der, length), 0);
		(void)close(fd);
		assert_int_equal(get(bench, key, &ref, span_of(content, 300)), ERR_DAMAGE);
		assert_int_equal(vault_part_check(bench->vault, ref.parts[0]), ERR_DAMAGE);
		der[i] ^= 0x10;
	}
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(fd_write_all(fd, der, length), 0);
	(void)close(fd);
	free(der);
	assert_int_equal(get(bench, key, &ref, span_of(content, 300)), 0);

	other.commitment[0] ^= 1;
	assert_int_equal(get(bench, key, &other, span_of(content, 300)), ERR_DAMAGE);
	assert_int_equal(vault_key_for_writing(bench->vault, CASE_B, &wrong), 0);
	assert_int_equal(get(bench, wrong, &ref, span_of(content, 300)), ERR_DAMAGE);
	assert_int_equal(unlink(path), 0);
	assert_false(vault_object_exists(bench->vault, &ref));
	assert_int_equal(get(bench, key, &ref, span_of(content, 300)), ERR_NOTFOUND);
	free(content);
}

static void test_swapped(void **state)
{
	struct vault_bench *bench = *state;
	size_t size = 3 * OBJECT_PART_BYTES + 5;
	uint8_t *content = bench_content(size, 4);
	struct object_ref ref = put(bench, CASE_A, span_of(content, size)), swapped = ref, shorter = ref;
	struct key *key = keys_find(bench->keys, CASE_A, 1);

	assert_int_equal(ref.part_count, 4);
	memcpy(swapped.parts[1], ref.parts[2], OBJECT_HASH_BYTES);
	memcpy(swapped.parts[2], ref.parts[1], OBJECT_HASH_BYTES);
	assert_int_equal(get(bench, key, &swapped, span_of(content, size)), ERR_MISMATCH);
	/* Read to the end all the same: the commitment says it. */
	memcpy(content + OBJECT_PART_BYTES * 3, content, 5);
	{
		struct vault_reader *reader = vault_reader_new(bench->vault, key, &swapped);
		struct span piece;
		int err = 0;

		do {
			err = vault_reader_next(reader, &piece);
		} while (err == 0 && !span_is_empty(piece));
		assert_int_equal(err, ERR_DAMAGE);
		vault_reader_free(reader);
	}
	shorter.part_count = 3;
	shorter.size = 3 * OBJECT_PART_BYTES;
	{
		struct vault_reader *reader = vault_reader_new(bench->vault, key, &shorter);
		struct span piece;
		int err = 0;

		do {
			err = vault_reader_next(reader, &piece);
		} while (err == 0 && !span_is_empty(piece));
		assert_int_equal(err, ERR_DAMAGE);
		vault_reader_free(reader);
	}
	free(content);
}

static void test_generations(void **state)
{
	struct vault_bench *bench = *state;
	struct object_ref one = put(bench, CASE_A, span_of_string("first")), two, three;
	struct key *key = NULL;
	char text[KEYS_TEXT_MAX_BYTES];
	uint8_t *der = NULL;
	size_t length = 0, plain = 0;

	bench_restart(bench);
	assert_null(keys_find(bench->keys, CASE_A, 1));
	two = put(bench, CASE_A, span_of_string("second"));
	assert_int_equal(two.generation, 2);
	assert_int_equal(get(bench, keys_find(bench->keys, CASE_A, 2), &two, span_of_string("second")), 0);

	/* One unwrap, by either of the recipients, opens what was written before. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vault_key_file(bench->vault, CASE_A, 1, &der, &length), 0);
		plain = bench_unwrap(i == 0 ? bench->rsa : bench->ec, i == 0 ? bench->rsa_cert : bench->ec_cert, span_of(der, length), text, sizeof text);
		free(der);
		assert_int_equal(vault_key_accept(bench->vault, CASE_A, 1, span_of(text, plain), &key), 0);
		assert_int_equal(get(bench, key, &one, span_of_string("first")), 0);
	}
	/* The content of another key file is not taken for it. */
	assert_int_equal(vault_key_accept(bench->vault, CASE_A, 2, span_of(text, plain), &key), ERR_DAMAGE);
	assert_int_equal(vault_key_accept(bench->vault, CASE_B, 1, span_of(text, plain), &key), ERR_DAMAGE);
	assert_int_equal(vault_key_accept(bench->vault, CASE_A, 1, span_of(text, plain - 1), &key), ERR_DAMAGE);
	assert_int_equal(vault_key_file(bench->vault, CASE_A, 9, &der, &length), ERR_NOTFOUND);
	/* Writing goes on with the latest. */
	three = put(bench, CASE_A, span_of_string("third"));
	assert_int_equal(three.generation, 2);
}

static void hex_of(const uint8_t *data, size_t length, char *ret)
{
	hex_encode(data, length, ret);
}

/* FORMAT.txt, "Vault": everything with the openssl command alone. */
static void test_openssl_reads(void **state)
{
	struct vault_bench *bench = *state;
	size_t size = OBJECT_PART_BYTES + 1000;
	uint8_t *content = bench_content(size, 5), *output = malloc(size + 4096);
	struct object_ref ref = put(bench, CASE_A, span_of(content, size));
	char command[2048], path[256], key_path[160], cert_path[160], id[VAULT_KEY_ID_SIZE], id_hex[2 * VAULT_KEY_ID_SIZE], object_salt[65], text[2048];
	struct key_text key;
	size_t have = 0, length = 0;
	FILE *file = NULL;

	/* 1. the key file, with the private key (a file here; a token otherwise) */
	(void)snprintf(key_path, sizeof key_path, "%s/rsa.key", bench->path);
	(void)snprintf(cert_path, sizeof cert_path, "%s/rsa.pem", bench->path);
	file = fopen(key_path, "w");
	assert_int_equal(PEM_write_PrivateKey(file, bench->rsa, NULL, NULL, 0, NULL, NULL), 1);
	(void)fclose(file);
	file = fopen(cert_path, "w");
	assert_int_equal(PEM_write_X509(file, bench->rsa_cert), 1);
	(void)fclose(file);
	(void)snprintf(command, sizeof command, "openssl cms -decrypt -inform DER -in '%s/keys/" CASE_A ".1' -inkey '%s' -recip '%s'", bench->path, key_path,
	               cert_path);
	assert_int_equal(bench_run(command, (uint8_t *)text, sizeof text, &length), 0);
	assert_int_equal(key_text_parse(span_of(text, length), &key), 0);

	/* 2. the parts, in the order of the record */
	vault_key_id(bench->vault, CASE_A, 1, id);
	hex_of((const uint8_t *)id, strlen(id), id_hex);
	for (size_t i = 0; i < ref.part_count; i++) {
		char kek[65];

		bench_part_path(bench, ref.parts[i], path, sizeof path);
		hex_of(key.kek, sizeof key.kek, kek);
		(void)snprintf(command, sizeof command, "openssl cms -decrypt -inform DER -in '%s' -secretkey %s -secretkeyid %s", path, kek, id_hex);
		assert_int_equal(bench_run(command, output + have, size + 4096 - have, &length), 0);
		have += length;
	}
	assert_int_equal(have, size);
	assert_memory_equal(output, content, size);

	/* 3. the commitment */
	(void)snprintf(path, sizeof path, "%s/plain", bench->path);
	file = fopen(path, "w");
	assert_int_equal(fwrite(content, 1, size, file), size);
	(void)fclose(file);
	{
		char salt[65], first[65], commitment[65];

		hex_of(key.salt, sizeof key.salt, salt);
		hex_of(ref.parts[0], OBJECT_HASH_BYTES, first);
		(void)snprintf(command, sizeof command, "printf %%s %s | openssl dgst -sha256 -mac HMAC -macopt hexkey:%s | sed 's/.*= //'", first, salt);
		assert_int_equal(bench_run(command, (uint8_t *)text, sizeof text, &length), 0);
		assert_true(length >= 64);
		(void)snprintf(object_salt, sizeof object_salt, "%.64s", text);
		(void)snprintf(command, sizeof command, "openssl dgst -sha256 -mac HMAC -macopt hexkey:%s '%s' | sed 's/.*= //'", object_salt, path);
		assert_int_equal(bench_run(command, (uint8_t *)text, sizeof text, &length), 0);
		hex_of(ref.commitment, OBJECT_HASH_BYTES, commitment);
		assert_memory_equal(text, commitment, 64);
	}
	free(content);
	free(output);
}

static void test_no_certificates(void **state)
{
	struct vault_bench *bench = *state;
	struct recipients none = { .count = 0 };
	struct vault *vault = NULL;
	struct key *key = NULL;

	assert_int_equal(vault_open(&fileops_posix, bench->fd, BENCH_ORIGIN, bench->keys, &none, &vault), 0);
	assert_int_equal(vault_key_for_writing(vault, CASE_A, &key), ERR_LOCKED);
	vault_free(vault);
	assert_int_equal(vault_open(&fileops_posix, bench->fd, "", bench->keys, &none, &vault), ERR_FORMAT);
	assert_int_equal(recipients_add(&none, span_of_string("no certificate")), ERR_CERT);
}

static void test_keys_table(void **state)
{
	struct keys *keys = keys_new(3);
	uint8_t secret[KEYS_SECRET_BYTES] = { 7 };
	struct key *held = NULL;

	(void)state;
	held = keys_insert(keys, "2026-000001", 1, secret, secret);
	keys_hold(held);
	assert_non_null(keys_insert(keys, "2026-000002", 1, secret, secret));
	assert_non_null(keys_insert(keys, "2026-000002", 2, secret, secret));
	assert_int_equal(keys_find_latest(keys, "2026-000002")->generation, 2);
	/* The held one stays although it is the oldest; 000002.1 is the least recently used of the others. */
	assert_non_null(keys_insert(keys, "2026-000003", 1, secret, secret));
	assert_ptr_equal(keys_find(keys, "2026-000001", 1), held);
	assert_null(keys_find(keys, "2026-000002", 1));
	assert_non_null(keys_find(keys, "2026-000002", 2));
	keys_hold(keys_find(keys, "2026-000002", 2));
	keys_hold(keys_find(keys, "2026-000003", 1));
	assert_null(keys_insert(keys, "2026-000004", 1, secret, secret));
	keys_release(held);
	assert_non_null(keys_insert(keys, "2026-000004", 1, secret, secret));
	assert_null(keys_insert(keys, "../x", 1, secret, secret));
	assert_null(keys_find(keys, "", 0));
	keys_free(keys);
}

static void test_key_text(void **state)
{
	struct key_text text = { .owner = "2026-000001", .generation = 3, .origin = BENCH_ORIGIN }, again;
	char out[KEYS_TEXT_MAX_BYTES];
	int length = key_text_format(&text, out, sizeof out);
	static const char *const bad[] = { "", "case: 2026-000001\n", "case: ../x\ngeneration: 1\nkek: 00\norigin: o\nsalt: 00\n" };

	(void)state;
	assert_true(length > 0);
	assert_int_equal(key_text_parse(span_of(out, (size_t)length), &again), 0);
	assert_memory_equal(&text, &again, sizeof text);
	for (int i = 0; i < length; i++) {
		assert_int_equal(key_text_parse(span_of(out, (size_t)i), &again), ERR_FORMAT);
	}
	out[length] = 'x';
	assert_int_equal(key_text_parse(span_of(out, (size_t)length + 1), &again), ERR_FORMAT);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(key_text_parse(span_of_string(bad[i]), &again), ERR_FORMAT);
	}
	text.owner[0] = '/';
	assert_int_equal(key_text_format(&text, out, sizeof out), ERR_FORMAT);
}

static void test_object_ref(void **state)
{
	static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
	char text[512];
	struct object_ref ref;

	(void)state;
	(void)snprintf(text, sizeof text, "5 1 %s %s", zero, zero);
	assert_int_equal(object_ref_parse(span_of_string(text), &ref), 0);
	(void)snprintf(text, sizeof text, "1048577 1 %s %s,%s", zero, zero, zero);
	assert_int_equal(object_ref_parse(span_of_string(text), &ref), 0);
	static const char *const forms[] = { "05 1 %s %s", "5 0 %s %s",       "5 01 %s %s",       "5 1 %s %s,",      "5  1 %s %s", "5 1 %s %s ",
		                             "-5 1 %s %s", "1048577 1 %s %s", "62914561 1 %s %s", "5 1000000 %s %s", "5 1 %s %s\n" };

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof text, forms[i], zero, zero);
#pragma GCC diagnostic pop
		assert_int_equal(object_ref_parse(span_of_string(text), &ref), ERR_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_limit, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_two_objects_differ, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_tampered, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_swapped, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_generations, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_openssl_reads, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_no_certificates, bench_set_up, bench_tear_down),
		cmocka_unit_test(test_keys_table),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_object_ref),
	};

	return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
