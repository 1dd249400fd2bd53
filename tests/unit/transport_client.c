/* Sessions that log in with a key which is somewhere else: the real network program and `openssl s_server -Verify`; this test is the store and has the key. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ERR_STATE LIBCRYPTO_ERR_STATE
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#undef ERR_STATE

#include "../../appliance/base/cause.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/wire/channel.h"
#include "transport_bench.h"

#define PEM_MAX 8192

static uint8_t packet[WIRE_MESSAGE_MAX_BYTES];

struct server {
	pid_t pid;
	int port;
};

static void run_command(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run_command(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	assert_int_equal(system(command), 0);
}

static int open_all(void **state)
{
	(void)bench_open(state);
	for (unsigned i = 0; i < 2; i++) {
		run_command("openssl req -x509 -newkey %s -nodes -days 2 -subj /CN=box -keyout %s/%s.key -out %s/%s.pem 2>/dev/null",
		            i == 0 ? "rsa:2048" : "ec -pkeyopt ec_paramgen_curve:P-256", bench_directory(), i == 0 ? "rsa" : "ec", bench_directory(),
		            i == 0 ? "rsa" : "ec");
	}
	return 0;
}

/* `trusted`: whose certificates it takes. */
static void start_server(struct server *server, const char *version, const char *trusted)
{
	char certificate[96], key[96], ca[96], line[128] = "";
	int out[2];
	size_t have = 0;
	const char *colon = NULL;

	(void)snprintf(certificate, sizeof certificate, "%s/good.pem", bench_directory());
	(void)snprintf(key, sizeof key, "%s/good.key", bench_directory());
	(void)snprintf(ca, sizeof ca, "%s/%s.pem", bench_directory(), trusted);
	assert_int_equal(pipe(out), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)dup2(out[1], 1);
		(void)close(2);
		(void)execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-CAfile", ca, "-Verify", "3",
		             "-verify_return_error", "-www", version, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	while (strstr(line, "ACCEPT ") == NULL || line[have - 1] != '\n') {
		assert_true(have < sizeof line - 1 && read(out[0], line + have, 1) == 1);
		line[++have] = '\0';
		have = line[have - 1] == '\n' && strstr(line, "ACCEPT ") == NULL ? 0 : have;
	}
	colon = strrchr(line, ':');
	assert_non_null(colon);
	server->port = (int)strtol(colon + 1, NULL, 10);
	/* The pipe stays open: what the server says afterwards must find a reader's end. */
}

static void stop_server(const struct server *server)
{
	assert_int_equal(kill(server->pid, SIGKILL), 0);
	(void)waitpid(server->pid, NULL, 0);
}

static void start(struct bench_run *run, const struct server *server)
{
	char lines[512];

	(void)snprintf(lines, sizeof lines, "ca-file: %s/ca.pem\ndeadline-ms: 8000\nmethod: GET\ntls-key: login\nurl: https://127.0.0.1:%d/\n",
	               bench_directory(), server->port);
	bench_start(run, lines, NULL, 0, 0);
}

static void expect_question(struct bench_run *run, enum wire_type type, struct wire_message *ret)
{
	assert_int_equal(wire_receive_blocking(run->store, WIRE_STORE, WIRE_SESSION, packet, ret, clock_deadline(BENCH_WAIT_MS)), 0);
	assert_int_equal(ret->type, type);
	assert_true(span_equals_string(wire_span(ret, WIRE_F_KEY), "login"));
}

static void answer(struct bench_run *run, struct wire_message *message)
{
	assert_int_equal(wire_send_blocking(run->store, WIRE_STORE, WIRE_SESSION, message, clock_deadline(BENCH_WAIT_MS)), 0);
}

static void answer_error(struct bench_run *run, uint64_t id, int err, const char *text)
{
	struct wire_message message;

	wire_begin(&message, WIRE_ERROR, id, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, (uint64_t)-err);
	wire_put_string(&message, WIRE_F_TEXT, text);
	answer(run, &message);
}

static void say_who(struct bench_run *run, const char *stem, const char *algorithms)
{
	struct wire_message question, message;
	char path[96], pem[PEM_MAX], lines[128];
	FILE *file = NULL;
	size_t length = 0;

	(void)snprintf(path, sizeof path, "%s/%s.pem", bench_directory(), stem);
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(pem, 1, sizeof pem, file);
	(void)fclose(file);
	(void)snprintf(lines, sizeof lines, "algorithms: %s\n", algorithms);
	expect_question(run, WIRE_SESSION_CLIENT, &question);
	wire_begin(&message, WIRE_SESSION_CLIENT_IS, question.id, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(pem, length));
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	answer(run, &message);
}

static EVP_PKEY *read_key(const char *stem)
{
	char path[96];
	FILE *file = NULL;
	EVP_PKEY *key = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.key", bench_directory(), stem);
	file = fopen(path, "r");
	assert_non_null(file);
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
	assert_non_null(key);
	return key;
}

/* As the token would: all that is signed comes, and the algorithm's name. */
static void sign(struct bench_run *run, const char *stem, const char *used)
{
	struct wire_message question, message;
	EVP_PKEY *key = read_key(stem);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL;
	char algorithm[64], peer[80];
	uint8_t signature[1024];
	size_t length = sizeof signature;
	struct span bytes;

	expect_question(run, WIRE_SESSION_TLS, &question);
	assert_true(lines_find_string(wire_span(&question, WIRE_F_LINES), "algorithm", algorithm, sizeof algorithm));
	assert_true(lines_find_string(wire_span(&question, WIRE_F_LINES), "peer", peer, sizeof peer));
	assert_int_equal(strlen(peer), 64);
	assert_string_equal(algorithm, used);
	bytes = wire_span(&question, WIRE_F_BYTES);
	assert_int_equal(EVP_DigestSignInit_ex(digest, &parameters, strchr(algorithm, '+') + 1, NULL, NULL, key, NULL), 1);
	if (strncmp(algorithm, "RSA-PSS", 7) == 0) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(digest, signature, &length, bytes.data, bytes.length), 1);
	wire_begin(&message, WIRE_SESSION_TLS_SIGNED, question.id, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(signature, length));
	answer(run, &message);
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(key);
}

static void log_in(const char *stem, const char *version, const char *algorithms, const char *used, const char *tls)
{
	struct bench_run run;
	struct server server;

	start_server(&server, version, stem);
	start(&run, &server);
	say_who(&run, stem, algorithms);
	sign(&run, stem, used);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "http-status"), "200");
	assert_memory_equal(bench_line(&run, "tls"), tls, strlen(tls));
	assert_non_null(memmem(run.reply, run.reply_length, "Client certificate\n", 19)); /* s_server's word for one that it verified */
	bench_end(&run);
	stop_server(&server);
}

static void test_all_ways(void **state)
{
	(void)state;
	log_in("rsa", "-tls1_2", "RSA-PSS+SHA256 RSA+SHA256", "RSA-PSS+SHA256", "TLSv1.2");
	log_in("rsa", "-tls1_2", "RSA+SHA256", "RSA+SHA256", "TLSv1.2");
	log_in("rsa", "-tls1_3", "RSA-PSS+SHA256 RSA+SHA256", "RSA-PSS+SHA256", "TLSv1.3");
	log_in("ec", "-tls1_2", "ECDSA+SHA256", "ECDSA+SHA256", "TLSv1.2");
	log_in("ec", "-tls1_3", "ECDSA+SHA256", "ECDSA+SHA256", "TLSv1.3");
	/* A key that knows no PSS stays with TLS 1.2 where the server speaks both. */
	log_in("rsa", "-no_tls1_1", "RSA+SHA256", "RSA+SHA256", "TLSv1.2");
}

static void expect_failure(struct bench_run *run, const char *far, enum cause cause, const char *words)
{
	bench_take(run);
	assert_string_equal(bench_line(run, "far"), far);
	if (cause_find(bench_line(run, "error")) != cause) {
		fail_msg("error: %s", bench_line(run, "error"));
	}
	assert_non_null(strstr(bench_line(run, "error"), words));
	bench_end(run);
}

static void test_refusals(void **state)
{
	struct wire_message question;
	struct bench_run run;
	struct server server;

	(void)state;
	start_server(&server, "-tls1_3", "rsa");
	start(&run, &server);
	expect_question(&run, WIRE_SESSION_CLIENT, &question);
	answer_error(&run, question.id, ERR_LOCKED, "the token of the key is not ready");
	expect_failure(&run, "none", CAUSE_TLS_LOCKED, "not ready");
	start(&run, &server);
	say_who(&run, "rsa", "RSA-PSS+SHA256");
	expect_question(&run, WIRE_SESSION_TLS, &question);
	answer_error(&run, question.id, ERR_TOKEN, "the card was pulled");
	expect_failure(&run, "connected", CAUSE_TLS_TOKEN, "the card was pulled");
	start(&run, &server);
	say_who(&run, "rsa", "");
	expect_failure(&run, "none", CAUSE_TLS_TOKEN, "no signature for TLS");
	start(&run, &server);
	say_who(&run, "ec", "RSA+SHA256"); /* what the token says does not fit together */
	bench_take(&run);
	assert_true(strcmp(bench_line(&run, "far"), "none") == 0 || strcmp(bench_line(&run, "far"), "connected") == 0);
	bench_end(&run);
	stop_server(&server);
}

static void test_not_taken(void **state)
{
	struct bench_run run;
	struct server server;

	(void)state;
	start_server(&server, "-tls1_2", "ec"); /* trusts another one */
	start(&run, &server);
	say_who(&run, "rsa", "RSA+SHA256");
	sign(&run, "rsa", "RSA+SHA256");
	expect_failure(&run, "connected", CAUSE_TLS_REFUSED, "alert");
	stop_server(&server);
}

/* The store dies while the token signs: nothing was sent, and the word of that waits for the next store. */
static void test_store_dies(void **state)
{
	struct wire_message question;
	struct bench_run run;
	struct server server;

	(void)state;
	start_server(&server, "-tls1_3", "ec");
	start(&run, &server);
	say_who(&run, "ec", "ECDSA+SHA256");
	expect_question(&run, WIRE_SESSION_TLS, &question);
	bench_cut_store(&run);
	assert_true(bench_hears(&run, "offering"));
	bench_attach(&run);
	expect_failure(&run, "connected", CAUSE_TLS_TOKEN, "the store is not there");
	stop_server(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_ways),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_not_taken),
		cmocka_unit_test(test_store_dies),
	};

	return cmocka_run_group_tests_name("transport_client", tests, open_all, bench_close);
}
