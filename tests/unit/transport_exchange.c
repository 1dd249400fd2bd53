/* Every way in which a far end can behave, against the real program: what is reported, and that nothing is ever asked twice (P3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "transport_bench.h"

#define SMALL 1000
#define LARGE (3u << 20)

/* One filing to that port and path: far and http-status as said, and exactly `arrived` requests in the ledger. */
static void expect(const char *port, const char *path, size_t size, const char *far, const char *status, unsigned arrived)
{
	struct bench_run run;
	char request[64];

	bench_forget_ledger();
	bench_file(&run, port, path, size);
	bench_take(&run);
	if (strcmp(bench_line(&run, "far"), far) != 0 || strcmp(bench_line(&run, "http-status"), status) != 0) {
		print_message("%s/%s:\n%s", port, path, run.lines);
	}
	assert_string_equal(bench_line(&run, "far"), far);
	assert_string_equal(bench_line(&run, "http-status"), status);
	(void)snprintf(request, sizeof request, "POST /%s", path);
	if (arrived > 0) {
		assert_true(bench_wait_count(request));
	}
	assert_int_equal(bench_count(request), arrived);
	bench_end(&run);
}

static void test_plain(void **state)
{
	struct bench_run run;

	(void)state;
	bench_file(&run, "tls", "ok", SMALL);
	assert_true(bench_hears(&run, "connecting"));
	assert_true(bench_hears(&run, "sending"));
	assert_true(bench_hears(&run, "receiving"));
	assert_true(bench_hears(&run, "offering"));
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "reply-done");
	assert_string_equal(bench_line(&run, "http-status"), "200");
	assert_string_equal(bench_line(&run, "content-type"), "text/plain; charset=utf-8");
	assert_string_equal(bench_line(&run, "body-sent"), "1000");
	assert_string_equal(bench_line(&run, "curl-code"), "0");
	assert_string_equal(bench_line(&run, "error"), "");
	assert_int_equal(strlen(bench_line(&run, "peer-sha256")), 64);
	assert_memory_equal(bench_line(&run, "tls"), "TLSv1.", 6);
	assert_memory_equal(run.peer, "-----BEGIN CERTIFICATE-----", 27);
	assert_memory_equal(run.reply, "POST 1000 ", 10);
	bench_end(&run);
}

static void test_large_body(void **state)
{
	(void)state;
	expect("tls", "ok", LARGE, "reply-done", "200", 1);
	expect("tls", "ok", 1u << 20, "reply-done", "200", 1);
	expect("tls", "ok", (1u << 20) - 1, "reply-done", "200", 1);
}

static void test_get(void **state)
{
	struct bench_run run;
	char lines[512];

	(void)state;
	(void)snprintf(lines, sizeof lines,
	               "ca-file: %s/ca.pem\ndeadline-ms: 3000\nheader.1: Accept: text/xml\nmethod: GET\nurl: https://localhost:%d/headers\n", bench_directory(),
	               bench_port("tls"));
	bench_start(&run, lines, NULL, 0, 0);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "reply-done");
	assert_non_null(strstr((const char *)run.reply, "accept=text/xml\n"));
	assert_null(strstr((const char *)run.reply, "user-agent"));
	bench_end(&run);
}

static void test_headers_of_filing(void **state)
{
	struct bench_run run;

	(void)state;
	bench_file(&run, "tls", "headers", LARGE);
	bench_take(&run);
	assert_non_null(strstr((const char *)run.reply, "content-length=3145728\n"));
	assert_non_null(strstr((const char *)run.reply, "content-type=application/pkcs7-signature\n"));
	assert_non_null(strstr((const char *)run.reply, "user-agent=Podatelna/1\n"));
	assert_null(strstr((const char *)run.reply, "expect"));
	assert_null(strstr((const char *)run.reply, "cookie"));
	bench_end(&run);
}

static void test_cuts(void **state)
{
	(void)state;
	expect("cuttcp", "ok", SMALL, "connected", "", 0);
	expect("plain", "ok", SMALL, "connected", "", 0);
	expect("tls", "cut-body", SMALL, "body-done", "", 1);
	expect("tls", "cut-body", LARGE, "body-done", "", 1);
	expect("tls", "continue-cut", SMALL, "body-done", "", 1);
}

static void test_cut_before_reading(void **state)
{
	struct bench_run run;

	(void)state;
	bench_file(&run, "cuttls", "ok", LARGE);
	bench_take(&run);
	assert_true(strcmp(bench_line(&run, "far"), "body-started") == 0 || strcmp(bench_line(&run, "far"), "connected") == 0);
	assert_string_not_equal(bench_line(&run, "error"), "");
	bench_end(&run);
	expect("tls", "cut-headers", LARGE, "body-started", "", 1);
}

static void test_never_again(void **state)
{
	struct bench_run run;

	(void)state;
	expect("tls", "keepalive-close", SMALL, "reply-done", "200", 1);
	expect("tls", "login", SMALL, "reply-done", "401", 1);
	expect("tls", "expectation", SMALL, "reply-done", "417", 1);
	expect("tls", "reuse-408", SMALL, "reply-done", "408", 1);
	expect("tls", "redirect-again", SMALL, "reply-done", "307", 1);
	expect("tls", "early", LARGE, "reply-done", "413", 1);
	assert_int_equal(bench_count("POST /ok"), 0);
	bench_file(&run, "tls", "redirect", SMALL);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "http-status"), "302");
	assert_memory_equal(bench_line(&run, "location"), "https://127.0.0.1:", 18);
	assert_int_equal(bench_count("POST /ok") + bench_count("GET /ok"), 0);
	bench_end(&run);
}

static void test_ends_of_replies(void **state)
{
	(void)state;
	expect("tls", "http10", SMALL, "reply-done", "200", 1);
	expect("tls", "http10-cut", SMALL, "reply-started", "200", 1);
	expect("tls", "chunked", SMALL, "reply-done", "200", 1);
	expect("tls", "chunked-cut", SMALL, "reply-started", "200", 1);
	expect("tls", "short", SMALL, "reply-started", "200", 1);
	expect("tls", "continue", SMALL, "reply-done", "200", 1);
	expect("tls", "garbage", SMALL, "body-done", "", 1);
	expect("tls", "big", SMALL, "reply-done", "200", 1);
}

static void test_limits(void **state)
{
	struct bench_run run;

	(void)state;
	bench_file(&run, "tls", "huge", SMALL);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "reply-started");
	assert_string_equal(bench_line(&run, "error"), "reply too long");
	assert_int_equal(run.reply_length, 4000000);
	bench_end(&run);
	bench_file(&run, "tls", "many-headers", SMALL);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "reply-started");
	assert_string_equal(bench_line(&run, "error"), "reply header too long");
	bench_end(&run);
}

static void test_deadlines(void **state)
{
	(void)state;
	expect("tls", "slow", SMALL, "reply-started", "200", 1);
	expect("tls", "hang", SMALL, "body-done", "", 1);
}

static void test_odd_head(void **state)
{
	struct bench_run run;

	(void)state;
	bench_file(&run, "tls", "odd-head", SMALL);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "http-status"), "503");
	assert_null(strchr(bench_line(&run, "content-type"), 0x1b));
	assert_string_not_equal(bench_line(&run, "content-type"), "");
	bench_end(&run);
}

static void test_who_answers(void **state)
{
	struct bench_run run;

	(void)state;
	expect("wronghost", "ok", SMALL, "connected", "", 0);
	bench_file(&run, "foreign", "ok", SMALL);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "connected");
	assert_string_equal(bench_line(&run, "curl-code"), "60");
	/* Whom we refused is known all the same. */
	assert_int_equal(strlen(bench_line(&run, "peer-sha256")), 64);
	assert_memory_equal(run.peer, "-----BEGIN CERTIFICATE-----", 27);
	bench_end(&run);
}

static void test_nobody_there(void **state)
{
	struct bench_run run;
	char lines[512];

	(void)state;
	(void)snprintf(lines, sizeof lines, "deadline-ms: 3000\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:1/x\n");
	bench_start(&run, lines, "abc", 3, 3);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "none");
	assert_string_equal(bench_line(&run, "curl-code"), "7");
	assert_int_equal(run.reply_length, 0);
	bench_end(&run);
	(void)snprintf(lines, sizeof lines, "deadline-ms: 2000\nfiling: yes\nmethod: POST\nurl: https://nobody.invalid/x\n");
	bench_start(&run, lines, "abc", 3, 3);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "none");
	bench_end(&run);
}

/* Without ca-file the system's roots count, and they do not know our CA. */
static void test_system_roots(void **state)
{
	struct bench_run run;
	char lines[512];

	(void)state;
	(void)snprintf(lines, sizeof lines, "deadline-ms: 3000\nfiling: yes\nmethod: POST\nurl: https://127.0.0.1:%d/ok\n", bench_port("tls"));
	bench_start(&run, lines, "abc", 3, 3);
	bench_take(&run);
	assert_string_equal(bench_line(&run, "far"), "connected");
	assert_string_equal(bench_line(&run, "curl-code"), "60");
	bench_end(&run);
}

/* One filing through a tunnel. The login of the proxy is for the proxy: whoever else asks for one, by the words of a server or those of a proxy, gets
 * neither it nor the filing a second time. */
static void through(const char *port, const char *path, const char *far, const char *status)
{
	struct bench_run run;
	char tunnel[64], request[64];

	bench_forget_ledger();
	bench_file_through(&run, port, path, SMALL);
	bench_take(&run);
	if (strcmp(bench_line(&run, "far"), far) != 0) {
		print_message("%s/%s:\n%s", port, path, run.lines);
	}
	assert_string_equal(bench_line(&run, "far"), far);
	assert_string_equal(bench_line(&run, "http-status"), status);
	assert_string_not_equal(bench_line(&run, "content-type"), "text/from-the-proxy");
	(void)snprintf(tunnel, sizeof tunnel, "CONNECT 127.0.0.1:%d", bench_port(port));
	(void)snprintf(request, sizeof request, "POST /%s", path);
	assert_int_equal(bench_count(tunnel), 1);
	assert_int_equal(bench_count("DENIED"), 0);
	assert_int_equal(bench_count(request), status[0] == '\0' ? 0 : 1);
	bench_end(&run);
}

static void test_tunnel(void **state)
{
	struct bench_run run;

	(void)state;
	through("tls", "ok", "reply-done", "200");
	through("tls", "login", "reply-done", "401");
	through("tls", "proxy-login", "reply-done", "407");
	through("tls", "reuse-408", "reply-done", "408");
	through("cuttcp", "ok", "connected", "");
	through("wronghost", "ok", "connected", "");
	through("foreign", "ok", "connected", "");
	bench_file_through(&run, "tls", "headers", SMALL);
	bench_take(&run);
	assert_null(strstr((const char *)run.reply, "authorization"));
	assert_null(strstr((const char *)run.reply, "proxy"));
	bench_end(&run);
}

/* The words that tell people what to do stand before libcurl's. */
static void expect_words(const char *port, const char *words)
{
	struct bench_run run;

	bench_file(&run, port, "ok", SMALL);
	bench_take(&run);
	assert_memory_equal(bench_line(&run, "error"), words, strlen(words));
	bench_end(&run);
}

static void test_words(void **state)
{
	(void)state;
	expect_words("foreign",
	             "the server's certificate has a foreign issuer: the proxy or somebody on the way replaces it; ask for an exception for the box: "
	             "issuer /CN=foreign-ca");
	expect_words("wronghost", "the server's certificate is for another name: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),        cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_get),          cmocka_unit_test(test_headers_of_filing),
		cmocka_unit_test(test_cuts),         cmocka_unit_test(test_cut_before_reading),
		cmocka_unit_test(test_never_again),  cmocka_unit_test(test_ends_of_replies),
		cmocka_unit_test(test_limits),       cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_odd_head),     cmocka_unit_test(test_who_answers),
		cmocka_unit_test(test_nobody_there), cmocka_unit_test(test_system_roots),
		cmocka_unit_test(test_tunnel),       cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("transport_exchange", tests, bench_open, bench_close);
}
