/* Keys and certificates that do not fit, certificates on the token, keys that ask for the PIN each time, content through pipes. */
#include "token_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/record.h"

static struct bench bench;

static const struct bench_cert good = { BENCH_RSA_SIGN, "digitalSignature", -1, 365, NULL };
static const struct bench_cert of_other_key = { BENCH_RSA_VAULT, "digitalSignature", -1, 365, NULL };
static const struct bench_cert expired = { BENCH_RSA_SIGN, "digitalSignature", -20, -10, NULL };
static const struct bench_cert not_yet = { BENCH_RSA_SIGN, "digitalSignature", 10, 20, NULL };
static const struct bench_cert bad_usage = { BENCH_RSA_SIGN, "keyEncipherment", -1, 365, NULL };
static const struct bench_cert soon = { BENCH_EC_SIGN, "digitalSignature", -1, 5, NULL };

static int sign_with(const char *key, const char *want, char *text, size_t size)
{
	static uint64_t index = 1;
	struct bench_sign wanted = {
		.index = ++index, .key = key, .purpose = "filing", .form = "attached-der", .digest = "sha256", .want = want, .content = "x", .length = 1
	};
	_cleanup_free_ uint8_t *cms = NULL;
	size_t length = 0;

	return bench_sign(&bench, &wanted, &cms, &length, text, size);
}

static void test_unfit(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	const struct bench_cert *certificates[] = { &of_other_key, &expired, &not_yet, &bad_usage, &soon };
	int fds[5];
	char text[1024];

	(void)state;
	for (int i = 0; i < 5; i++) {
		fds[i] = bench_pem(certificates[i]);
	}
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "mismatch", BENCH_RSA_SIGN, "sign", 0);
	bench_setting_key(&lines, 1, "expired", BENCH_RSA_SIGN, "sign", 1);
	bench_setting_key(&lines, 2, "not-yet", BENCH_RSA_SIGN, "sign", 2);
	bench_setting_key(&lines, 3, "bad-usage", BENCH_RSA_SIGN, "sign", 3);
	bench_setting_key(&lines, 4, "missing", (enum bench_key)9, "sign", 4);
	bench_setting_key(&lines, 5, "no-certificate", BENCH_EC_SIGN, "sign", -1);
	bench_setting_key(&lines, 6, "soon", BENCH_EC_SIGN, "sign", 4);
	lines_set(&lines, "allow-software-token", "no");
	bench_ready(&bench, &lines, fds, 5);
	for (int i = 0; i < 5; i++) {
		(void)close(fds[i]);
	}
	assert_true(bench_status_is(&bench, "key.0.state", "mismatch"));
	assert_true(bench_status_is(&bench, "key.1.state", "expired"));
	assert_true(bench_status_is(&bench, "key.2.state", "not-yet"));
	assert_true(bench_status_is(&bench, "key.3.state", "bad-usage"));
	assert_true(bench_status_is(&bench, "key.4.state", "missing"));
	assert_true(bench_status_is(&bench, "key.5.state", "missing"));
	assert_true(bench_status_is(&bench, "key.6.state", "ok"));
	assert_non_null(strstr(bench.lines, "key.6.subject: CN=Jana Zkušební\n"));
	assert_non_null(strstr(bench.lines, "expires in 4 days"));
	assert_int_equal(sign_with("mismatch", NULL, text, sizeof text), ERR_CERT);
	assert_int_equal(sign_with("expired", NULL, text, sizeof text), ERR_CERT);
	assert_non_null(strstr(text, "expired 10 days ago"));
	assert_int_equal(sign_with("not-yet", NULL, text, sizeof text), ERR_CERT);
	assert_int_equal(sign_with("bad-usage", NULL, text, sizeof text), ERR_CERT);
	assert_int_equal(sign_with("missing", NULL, text, sizeof text), ERR_CERT);
	assert_int_equal(sign_with("soon", "software-ok", text, sizeof text), 0);
	assert_non_null(strstr(text, "warning: the certificate expires in 4 days"));
	assert_int_equal(sign_with("soon", NULL, text, sizeof text), ERR_CERT);
	assert_non_null(strstr(text, "software token"));
	assert_int_equal(bench_stop(&bench), 0);
}

static void write_der(const char *name, X509 *certificate)
{
	char path[256];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/%s", bench_dir(), name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(i2d_X509_fp(file, certificate), 1);
	assert_int_equal(fclose(file), 0);
	X509_free(certificate);
}

/* The certificate is on the token; the key is found by its label. */
static void test_on_token(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[1024];

	(void)state;
	write_der("on-token.der", bench_certificate(&good));
	assert_int_equal(bench_run("pkcs11-tool --module %s --token-label bench --login --pin " BENCH_PIN
	                           " --write-object %s/on-token.der --type cert --id 01 --label key1 >/dev/null 2>&1",
	                           SOFTHSM_MODULE, bench_dir()),
	                 0);
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "qualified", BENCH_RSA_SIGN, "sign", -1);
	lines_set(&lines, "key.0.uri", "pkcs11:object=key1");
	bench_ready(&bench, &lines, NULL, 0);
	assert_true(bench_status_is(&bench, "key.0.state", "ok"));
	assert_int_equal(sign_with("qualified", NULL, text, sizeof text), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* CKA_ALWAYS_AUTHENTICATE: the PIN is kept for the key that asks for it before each signature. */
static void test_always_authenticate(void **state)
{
	static const struct bench_cert certificate = { (enum bench_key)6, "digitalSignature", -1, 365, NULL };
	_cleanup_lines_ struct lines lines = { 0 };
	int fd = -1;
	char text[1024];

	(void)state;
	bench_make_key(6, "rsa:2048", "--always-auth");
	fd = bench_pem(&certificate);
	bench_settings(&lines);
	lines_setf(&lines, "writable.0", "%s/tokens", bench_dir());
	bench_setting_key(&lines, 0, "qualified", (enum bench_key)6, "sign", 0);
	bench_ready(&bench, &lines, &fd, 1);
	(void)close(fd);
	assert_int_equal(sign_with("qualified", NULL, text, sizeof text), 0);
	assert_int_equal(sign_with("qualified", NULL, text, sizeof text), 0);
	assert_int_equal(bench_stop(&bench), 0);
}

/* --- pipes, as the store uses them --- */

#define PIPED_BYTES ((size_t)3 << 20)

static void write_twice(int first, int second, const uint8_t *content)
{
	_exit(fd_write_all(first, content, PIPED_BYTES) == 0 && close(first) == 0 && fd_write_all(second, content, PIPED_BYTES) == 0 ? 0 : 1);
}

static void send_piped(int first, int second, int out)
{
	static const char body[] = "case: 2026-000001\ndigest: sha256\nform: attached-der\nkey: qualified\npurpose: filing\n";
	char leaf[512], header[RECORD_HEADER_BYTES + 1];
	struct record record = { .index = 9000, .batch = 9000, .utc_ms = 1800000000000, .type = "intent" };
	struct wire_message message;

	record_format_header(&record, (uint32_t)strlen(body), header);
	(void)snprintf(leaf, sizeof leaf, "%s%s", header, body);
	wire_begin(&message, WIRE_TOKEN_SIGN, 9000, clock_deadline(20000));
	wire_put_bytes(&message, WIRE_F_LEAF, span_of_string(leaf));
	wire_put_number(&message, WIRE_F_INDEX, 9000);
	wire_put_string(&message, WIRE_F_KEY, "qualified");
	wire_put_string(&message, WIRE_F_PURPOSE, "filing");
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string("digest: sha256\nform: attached-der\n"));
	wire_put_number(&message, WIRE_F_SIZE, PIPED_BYTES);
	wire_put_fd(&message, first);
	wire_put_fd(&message, second);
	wire_put_fd(&message, out);
	assert_int_equal(wire_send_blocking(bench.store, WIRE_STORE, WIRE_TOKEN, &message, clock_deadline(20000)), 0);
}

static void test_pipes(void **state)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_close_ int fd = bench_pem(&good);
	_cleanup_free_ uint8_t *content = calloc(1, PIPED_BYTES), *cms = NULL;
	struct wire_message *answer = NULL;
	int first[2], second[2], out[2], status = 0;
	size_t length = 0;
	pid_t writer = 0;

	(void)state;
	bench_settings(&lines);
	bench_setting_key(&lines, 0, "qualified", BENCH_RSA_SIGN, "sign", 0);
	bench_ready(&bench, &lines, &fd, 1);
	assert_true(pipe(first) == 0 && pipe(second) == 0 && pipe(out) == 0);
	send_piped(first[0], second[0], out[1]);
	(void)close(first[0]);
	(void)close(second[0]);
	(void)close(out[1]);
	writer = fork();
	if (writer == 0) {
		write_twice(first[1], second[1], content);
	}
	(void)close(first[1]);
	(void)close(second[1]);
	assert_int_equal(fd_read_all(out[0], 2 * PIPED_BYTES, &cms, &length), 0);
	(void)close(out[0]);
	answer = bench_wait(&bench, bench.store, WIRE_TOKEN_SIGNED);
	assert_non_null(answer);
	assert_int_equal(answer->type, WIRE_TOKEN_SIGNED);
	assert_int_equal(wire_number(answer, WIRE_F_SIZE, 0), length);
	assert_true(length > PIPED_BYTES);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	assert_int_equal(bench_stop(&bench), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_on_token),
		cmocka_unit_test(test_always_authenticate),
		cmocka_unit_test(test_pipes),
	};

	return cmocka_run_group_tests(tests, bench_group_setup, bench_group_teardown);
}
