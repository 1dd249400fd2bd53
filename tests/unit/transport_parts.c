/* The parts of podatelna-transport that need no network: request lines, body, reply, report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/lines.h"
#include "../../transport/net/body.h"
#include "../../transport/net/proxy.h"
#include "../../transport/net/reply.h"
#include "../../transport/net/report.h"
#include "../../transport/net/request.h"
#include "../../transport/net/session.h"

static int parse(const char *lines, uint64_t size, struct request *ret)
{
	const char *why = NULL;
	int err = request_parse(span_of_string(lines), size, REQUEST_SESSION, ret, &why);

	assert_true((err == 0) == (why == NULL));
	return err;
}

static void test_request(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(parse("ca-file: /etc/ssl/x.pem\nconnect-timeout-ms: 5000\ndeadline-ms: 60000\nfiling: yes\nheader.1: A: b\nheader.2: C: d e\n"
	                       "method: POST\nproxy: direct\nreply-limit: 99\nurl: https://x.example:8443/a?test=1&b=%20\nuser-agent: P/1\n",
	                       7, &request),
	                 0);
	assert_true(request.post && request.filing);
	assert_string_equal(request.url, "https://x.example:8443/a?test=1&b=%20");
	assert_int_equal(request.header_count, 2);
	assert_string_equal(request.headers[1], "C: d e");
	assert_int_equal(request.reply_limit, 99);
	assert_int_equal(request.connect_timeout_ms, 5000);
	assert_int_equal(request.size, 7);
	assert_int_equal(parse("method: GET\nurl: https://x.example/\n", 0, &request), 0);
	assert_int_equal(request.reply_limit, REQUEST_REPLY_DEFAULT_BYTES);
}

static int parse_as(enum request_kind kind, const char *lines, uint64_t size)
{
	static struct request request;
	const char *why = NULL;

	return request_parse(span_of_string(lines), size, kind, &request, &why);
}

/* What files something takes no login and is no errand; an errand files nothing. */
static void test_kinds(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(parse_as(REQUEST_ERRAND, "login: tsa\nmethod: POST\ntls-key: door\nurl: https://x/\n", 3), 0);
	assert_int_equal(parse_as(REQUEST_ERRAND, "method: HEAD\nurl: https://x/\n", 0), 0);
	assert_int_equal(parse_as(REQUEST_ERRAND, "method: HEAD\nurl: https://x/\n", 3), ERR_FORMAT);
	assert_int_equal(parse_as(REQUEST_ERRAND, "filing: yes\nmethod: POST\nurl: https://x/\n", 3), ERR_FORMAT);
	assert_int_equal(parse_as(REQUEST_ERRAND, "login: \nmethod: GET\nurl: https://x/\n", 0), ERR_FORMAT);
	assert_int_equal(parse_as(REQUEST_SESSION, "login: tsa\nmethod: POST\nurl: https://x/\n", 3), ERR_FORMAT);
	assert_int_equal(parse_as(REQUEST_SESSION, "method: HEAD\nurl: https://x/\n", 0), ERR_FORMAT);
	assert_int_equal(parse_as(REQUEST_SESSION, "method: GET\ntls-key: \nurl: https://x/\n", 0), ERR_FORMAT);
	assert_int_equal(parse("filing: yes\nmethod: POST\ntls-key: door\nurl: https://x/\n", 3, &request), 0);
	assert_string_equal(request.tls_key, "door");
	assert_string_equal(request.login, "");
}

static void test_proxy_exceptions(void **state)
{
	static const char list[] = "intranet.example, .firma.cz,10.0.0.0/8,192.168.1.7,fd00::/8";

	(void)state;
	assert_true(proxy_excepts(list, "intranet.example"));
	assert_true(proxy_excepts(list, "a.intranet.EXAMPLE"));
	assert_true(proxy_excepts(list, "firma.cz"));
	assert_true(proxy_excepts(list, "10.255.0.1"));
	assert_true(proxy_excepts(list, "192.168.1.7"));
	assert_true(proxy_excepts(list, "fd12::1"));
	assert_true(proxy_excepts("*", "mojedane.gov.cz"));
	assert_false(proxy_excepts(list, "myintranet.example"));
	assert_false(proxy_excepts(list, "zlafirma.cz"));
	assert_false(proxy_excepts(list, "11.0.0.1"));
	assert_false(proxy_excepts(list, "192.168.1.70"));
	assert_false(proxy_excepts(list, "fe80::1"));
	assert_false(proxy_excepts(list, "10.0.0.1.example"));
	assert_false(proxy_excepts("", "firma.cz"));
	assert_false(proxy_excepts("10.0.0.0/40,.", "10.0.0.1"));
}

static int memory_fd(void *context, size_t n)
{
	const char *const *texts = context;

	return fd_memfd_sealed("test", texts[n], strlen(texts[n]));
}

static void read_proxy(const char *settings, const char *address, const char *password, struct proxy *ret)
{
	const char *texts[] = { address, password };

	proxy_read(ret, span_of_string(settings), memory_fd, texts);
}

static void test_proxy(void **state)
{
	struct proxy proxy;

	(void)state;
	read_proxy("", "", "", &proxy);
	assert_false(proxy.configured || proxy_applies(&proxy, "https://x.example/"));
	read_proxy("no-proxy: [::1], x.example\nproxy: system\nproxy-fd: 0\n", "http://a%40b:c%3Ad@proxy.example:8080/\n", "", &proxy);
	assert_true(proxy.configured && proxy.usable);
	assert_string_equal(proxy.url, "http://proxy.example:8080");
	assert_string_equal(proxy.user, "a@b");
	assert_string_equal(proxy.password, "c:d");
	assert_false(proxy_applies(&proxy, "https://x.example:443/a"));
	assert_true(proxy_applies(&proxy, "https://y.example/a"));
	read_proxy("proxy: system\nproxy-fd: 0\n", "proxy.example:3128", "", &proxy);
	assert_true(proxy.usable);
	assert_string_equal(proxy.url, "http://proxy.example:3128");
	read_proxy("proxy: own\nproxy-fd: 0\nproxy-password-fd: 1\nproxy-user: box\n", "http://[::1]:3128", "heslo s mezerou\n", &proxy);
	assert_true(proxy.usable);
	assert_string_equal(proxy.url, "http://[::1]:3128");
	assert_string_equal(proxy.password, "heslo s mezerou");
}

/* What cannot be used stays configured: nothing goes past it. */
static void test_bad_proxy(void **state)
{
	struct proxy proxy;

	(void)state;
	read_proxy("proxy: system\nproxy-fd: 0\n", "socks5://proxy.example:1080", "", &proxy);
	assert_true(proxy.configured && !proxy.usable && proxy_applies(&proxy, "https://x.example/"));
	read_proxy("proxy: system\nproxy-fd: 0\n", "", "", &proxy);
	assert_true(proxy.configured && !proxy.usable);
	read_proxy("proxy: own\nproxy-fault: password\nproxy-fd: 0\nproxy-user: box\n", "http://proxy.example:1", "", &proxy);
	assert_true(proxy.configured && !proxy.usable);
	read_proxy("proxy: own\nproxy-fd: 0\nproxy-password-fd: 1\nproxy-user: box\n", "http://proxy.example:1", "\n", &proxy);
	assert_true(proxy.configured && !proxy.usable);
}

static void test_bad_request(void **state)
{
	static const char *const bad[] = {
		"",
		"url: https://x/\n",
		"method: PUT\nurl: https://x/\n",
		"method: POST\nurl: HTTPS://x/\n",
		"method: POST\nurl: file:///etc/passwd\n",
		"method: POST\nurl: https://a:b@x/\n",
		"method: POST\nurl: https://x/#f\n",
		"method: POST\nurl: https://x/a b\n",
		"method: POST\nurl: https://\n",
		"method: POST\nurl: https://x/\xc5\x99\n",
		"extra: 1\nmethod: POST\nurl: https://x/\n",
		"header.1: NoColon\nmethod: POST\nurl: https://x/\n",
		"header.1: A:\nmethod: POST\nurl: https://x/\n",
		"header.1: A;\nmethod: POST\nurl: https://x/\n",
		"header.1: A : b\nmethod: POST\nurl: https://x/\n",
		"header.1: content-LENGTH: 5\nmethod: POST\nurl: https://x/\n",
		"header.1: Host: y\nmethod: POST\nurl: https://x/\n",
		"deadline-ms: 0\nmethod: POST\nurl: https://x/\n",
		"deadline-ms: 99999999999\nmethod: POST\nurl: https://x/\n",
		"filing: maybe\nmethod: POST\nurl: https://x/\n",
		"ca-file: relative.pem\nmethod: POST\nurl: https://x/\n",
		"filing: yes\nmethod: POST\nurl: https://x/\n",
		"url: https://x/\nmethod: POST\n",
		"method: POST\r\nurl: https://x/\n",
	};
	struct request request;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (parse(bad[i], 0, &request) == 0) {
			fail_msg("taken: %s", bad[i]);
		}
	}
	assert_int_equal(parse("method: GET\nurl: https://x/\n", 1, &request), ERR_FORMAT);
	assert_int_equal(parse("method: POST\nurl: https://x/\n", REQUEST_BODY_MAX_BYTES + 1, &request), ERR_FORMAT);
}

static void test_body_last_byte(void **state)
{
	struct body body;
	int from = -1, to = -1;
	char out[16];

	(void)state;
	assert_int_equal(fd_pipe(&from, &to), 0);
	assert_int_equal(body_open(from, 5, &body), 0);
	assert_int_equal(body_fill(&body), ERR_AGAIN);
	assert_int_equal(fd_write_all(to, "hello", 5), 0);
	assert_int_equal(body_fill(&body), ERR_AGAIN);
	assert_false(body_is_ready(&body));
	assert_false(body.called);
	/* All five bytes are here, but until the end is seen the fifth stays. */
	assert_int_equal(body_read(&body, out, sizeof out), 4);
	assert_true(body.called);
	assert_true(body_is_starved(&body));
	(void)close(to);
	assert_int_equal(body_read(&body, out, sizeof out), 1);
	assert_true(body_is_ready(&body));
	body_close(&body);
}

static void test_body_missing(void **state)
{
	struct body body;

	(void)state;
	assert_int_equal(body_open(-1, 5, &body), 0);
	assert_int_not_equal(body_fill(&body), 0);
	assert_string_equal(body.why, "body missing");
	body_close(&body);
	assert_int_equal(body_open(-1, 0, &body), 0);
	assert_int_equal(body_fill(&body), 0);
	assert_true(body_is_ready(&body));
	body_close(&body);
}

static void add_header(struct reply *reply, const char *line)
{
	assert_int_equal(reply_header(reply, line, strlen(line)), 0);
}

static void test_reply(void **state)
{
	struct reply reply;

	(void)state;
	assert_int_equal(reply_open(10, &reply), 0);
	add_header(&reply, "HTTP/1.1 100 Continue\r\n");
	add_header(&reply, "Content-Length: 3\r\n");
	assert_false(reply.started || reply.measured);
	add_header(&reply, "HTTP/1.1 200 OK\r\n");
	assert_true(reply.started);
	add_header(&reply, "content-length: 3\r\n");
	assert_true(reply.measured);
	assert_int_equal(reply_add(&reply, "12345678", 8), 0);
	assert_int_equal(reply_add(&reply, "12345678", 8), ERR_LIMIT);
	assert_int_equal(reply.size, 10);
	assert_int_equal(lseek(reply.fd, 0, SEEK_END), 10);
	for (int i = 0; i < REPLY_HEADERS_MAX - 4; i++) {
		add_header(&reply, "X: y\r\n");
	}
	assert_int_equal(reply_header(&reply, "X: y\r\n", 6), ERR_LIMIT);
	reply_close(&reply);
}

static void test_report(void **state)
{
	struct report report = { .far = FAR_REPLY_STARTED, .http_status = 503, .curl_code = 56, .body_sent = 12 };
	char text[REPORT_MAX_BYTES];
	int length = 0;

	(void)state;
	report_text(span_of("a\x1b[1m\xff\r\nb", 9), report.content_type, sizeof report.content_type);
	memset(report.location, 'l', sizeof report.location - 1);
	memset(report.error, 'e', sizeof report.error - 1);
	length = report_compose(&report, text, sizeof text);
	assert_true(length > 0);
	assert_true(lines_valid(span_of(text, (size_t)length)));
	assert_non_null(strstr(text, "far: reply-started\n"));
	assert_non_null(strstr(text, "http-status: 503\n"));
	assert_null(strstr(text, "tls:"));
	assert_string_equal(report_far_name(FAR_NONE), "none");
	assert_string_equal(report_far_name(FAR_REPLY_DONE), "reply-done");
}

/* A zygote that dies in the instant in which it forks leaves a process that no signal would ever end: it ends by itself. */
static void test_orphan_ends(void **state)
{
	const struct session_start start = { .hub = -1, .store = -1, .body = -1, .zygote = -1, .reply = -1, .parent = getpid() + 1 };
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		(void)session_become(&start);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), SESSION_EXIT_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),        cmocka_unit_test(test_kinds),        cmocka_unit_test(test_proxy_exceptions),
		cmocka_unit_test(test_proxy),          cmocka_unit_test(test_bad_proxy),    cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_body_last_byte), cmocka_unit_test(test_body_missing), cmocka_unit_test(test_reply),
		cmocka_unit_test(test_report),         cmocka_unit_test(test_orphan_ends),
	};

	return cmocka_run_group_tests_name("transport_parts", tests, NULL, NULL);
}
