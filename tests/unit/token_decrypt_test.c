/* Opening messages: what is damaged, too long, for someone else; failures that look alike; sizes around every border; memory that stays the same. */
#include "token_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define LIMIT ((uint64_t)100 << 20)
#define LARGE_BYTES ((size_t)40 << 20)
#define SAME_WORDS "the message cannot be opened: it is damaged, or not encrypted for this key"

static struct bench bench;
static const struct bench_cert rsa = { BENCH_RSA_SIGN, "keyEncipherment", -1, 365, NULL };
static const struct bench_cert ec = { BENCH_EC_SIGN, "keyAgreement", -1, 365, NULL };
static const struct bench_cert old = { BENCH_RSA_VAULT, "keyEncipherment", -20, -10, NULL };

static void write_pem(const char *name, const struct bench_cert *wanted)
{
	_cleanup_close_ int fd = bench_pem(wanted);
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0;

	assert_int_equal(fd_read_all(fd, 65536, &text, &length), 0);
	bench_write(name, text, length);
}

static int setup(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int fds[3];

	assert_int_equal(bench_group_setup(state), 0);
	fds[0] = bench_pem(&rsa);
	fds[1] = bench_pem(&ec);
	fds[2] = bench_pem(&old);
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "rsa", BENCH_RSA_SIGN, "decrypt", 0);
	bench_setting_key(&lines, 1, "ec", BENCH_EC_SIGN, "decrypt", 1);
	bench_setting_key(&lines, 2, "old", BENCH_RSA_VAULT, "decrypt", 2);
	bench_setting_key(&lines, 3, "signer", BENCH_RSA_SIGN, "sign tls journal", 0);
	bench_setting_key(&lines, 4, "archive", BENCH_RSA_SIGN, "vault", 0);
	write_pem("rsa.pem", &rsa);
	write_pem("ec.pem", &ec);
	write_pem("old.pem", &old);
	bench_ready(&bench, &lines, fds, 3);
	for (int i = 0; i < 3; i++) {
		(void)close(fds[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(bench_stop(&bench), 0);
	return bench_group_teardown(state);
}

static void encrypt(const char *options)
{
	assert_int_equal(
	    bench_run("cd %s && openssl cms -encrypt -binary -in content -outform DER -out cms %s 2>err || { cat err; exit 1; }", bench_dir(), options), 0);
}

static void write_content(size_t length)
{
	_cleanup_free_ uint8_t *content = malloc(length + 1);

	for (size_t i = 0; i < length; i++) {
		content[i] = (uint8_t)(i * 11 + i / 256);
	}
	bench_write("content", content, length);
}

static int open_message(const char *key, uint64_t limit, char *text, size_t size)
{
	return bench_decrypt(&bench, key, "cms", "back", limit, text, size);
}

static bool is_same(void)
{
	return bench_run("cmp -s %s/content %s/back", bench_dir(), bench_dir()) == 0;
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4095, 4096, 65519, 65520, 65535, 65536, 65537, 200000 };
	static const char *const options[] = { "-aes256 rsa.pem", "-aes256 -stream rsa.pem", "-aes-256-gcm rsa.pem", "-aes-128-gcm -stream ec.pem",
		                               "-des3 rsa.pem",   "-aes128 ec.pem" };
	char text[1024];

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		write_content(sizes[s]);
		for (size_t o = 0; o < sizeof options / sizeof options[0]; o++) {
			if (sizes[s] == 0 && strstr(options[o], "gcm -stream") != NULL) {
				continue; /* the openssl program cannot write this one */
			}
			encrypt(options[o]);
			assert_int_equal(open_message(strstr(options[o], "rsa") != NULL ? "rsa" : "ec", LIMIT, text, sizeof text), 0);
			assert_true(is_same());
		}
		/* Just enough, and one byte too little. */
		assert_int_equal(open_message("ec", sizes[s], text, sizeof text), 0);
		assert_int_equal(sizes[s] == 0 ? ERR_LIMIT : open_message("ec", sizes[s] - 1, text, sizeof text), ERR_LIMIT);
	}
}

static void test_who(void **state)
{
	char text[1024];

	(void)state;
	write_content(1000);
	encrypt("-aes256 rsa.pem");
	assert_int_equal(open_message("ec", LIMIT, text, sizeof text), ERR_NOTFOUND);
	assert_int_equal(open_message("signer", LIMIT, text, sizeof text), ERR_DENIED);
	assert_int_equal(open_message("archive", LIMIT, text, sizeof text), ERR_DENIED);
	assert_int_equal(open_message("nobody", LIMIT, text, sizeof text), ERR_NOTFOUND);
	/* Several recipients, ours last. */
	encrypt("-aes256 ec.pem old.pem rsa.pem");
	assert_int_equal(open_message("rsa", LIMIT, text, sizeof text), 0);
	assert_true(is_same());
	assert_int_equal(open_message("ec", LIMIT, text, sizeof text), 0);
	/* What was encrypted while the certificate was valid stays readable. */
	assert_int_equal(open_message("old", LIMIT, text, sizeof text), 0);
	assert_true(is_same());
	assert_non_null(strstr(text, "recipient: "));
}

static void read_cms(uint8_t **ret, size_t *ret_length)
{
	char path[256];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/cms", bench_dir());
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fd_read_all(fileno(file), 1 << 20, ret, ret_length), 0);
	(void)fclose(file);
}

/* The last place where these bytes stand, behind them. */
static size_t behind(const uint8_t *cms, size_t length, const char *bytes, size_t bytes_length)
{
	size_t found = 0;

	for (size_t i = 0; i + bytes_length <= length; i++) {
		found = memcmp(cms + i, bytes, bytes_length) == 0 ? i + bytes_length : found;
	}
	assert_true(found > 0);
	return found;
}

static void damage(const char *key, uint8_t *cms, size_t length, size_t place)
{
	char text[1024];

	cms[place] ^= 0x40;
	bench_write("cms", cms, length);
	cms[place] ^= 0x40;
	assert_int_equal(open_message(key, LIMIT, text, sizeof text), ERR_FORMAT);
	assert_string_equal(text, SAME_WORDS);
}

/* Encrypted key, content, tag: one code, one text. */
static void test_failures_look_alike(void **state)
{
	static const char key_header[] = { 0x04, (char)0x82, 0x01, 0x00 };
	_cleanup_free_ uint8_t *cms = NULL, *agreed = NULL;
	size_t length = 0, key = 0;

	(void)state;
	write_content(300);
	encrypt("-aes-256-gcm rsa.pem");
	read_cms(&cms, &length);
	key = behind(cms, length, key_header, sizeof key_header);
	damage("rsa", cms, length, key + 100);
	damage("rsa", cms, length, key + 255);
	damage("rsa", cms, length, length - 1);
	damage("rsa", cms, length, length - 17);
	damage("rsa", cms, length, length - 100);
	encrypt("-aes-256-gcm -recip rsa.pem -keyopt rsa_padding_mode:oaep");
	free(cms);
	read_cms(&cms, &length);
	damage("rsa", cms, length, behind(cms, length, key_header, sizeof key_header) + 77);
	encrypt("-aes-256-gcm ec.pem");
	read_cms(&agreed, &length);
	key = behind(agreed, length, "\x04\x28", 2); /* 40 bytes: a wrapped key of 32 */
	damage("ec", agreed, length, key + 3);
	damage("ec", agreed, length, length - 1);
}

/* Cut anywhere, or with something behind: never opened. */
static void test_cut(void **state)
{
	static const char *const options[] = { "-aes-128-gcm rsa.pem", "-aes-128-gcm -stream ec.pem" };
	char text[1024];

	(void)state;
	write_content(20);
	for (size_t o = 0; o < 2; o++) {
		_cleanup_free_ uint8_t *cms = NULL;
		const char *key = o == 0 ? "rsa" : "ec";
		size_t length = 0;

		encrypt(options[o]);
		read_cms(&cms, &length);
		for (size_t cut = 0; cut < length; cut += cut < 300 ? 7 : 1) {
			bench_write("cms", cms, cut);
			assert_int_not_equal(open_message(key, LIMIT, text, sizeof text), 0);
		}
		cms = realloc(cms, length + 1);
		cms[length] = 0;
		bench_write("cms", cms, length + 1);
		assert_int_equal(open_message(key, LIMIT, text, sizeof text), ERR_FORMAT);
		bench_write("cms", cms, length);
		assert_int_equal(open_message(key, LIMIT, text, sizeof text), 0);
	}
	bench_write("cms", "<Pisemnost/>", 12);
	assert_int_equal(open_message("rsa", LIMIT, text, sizeof text), ERR_FORMAT);
	assert_int_equal(bench_run("cd %s && openssl cms -data_create -in content -outform DER -out cms", bench_dir()), 0);
	assert_int_equal(open_message("rsa", LIMIT, text, sizeof text), ERR_UNSUPPORTED);
}

static long peak_kib(void)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)bench.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, "VmHWM:", 6) == 0) {
			kib = strtol(line + 6, NULL, 10);
		}
	}
	(void)fclose(file);
	assert_true(kib > 0);
	return kib;
}

static void test_large(void **state)
{
	static const char *const options[] = { "-aes256 rsa.pem", "-aes-256-gcm -stream rsa.pem" };
	char text[1024];
	long before = 0;

	(void)state;
	write_content(LARGE_BYTES);
	for (size_t o = 0; o < 2; o++) {
		encrypt(options[o]);
		before = peak_kib();
		assert_int_equal(open_message("rsa", LIMIT, text, sizeof text), 0);
		assert_true(is_same());
		assert_true(peak_kib() - before < 2048);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_who),   cmocka_unit_test(test_failures_look_alike),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
