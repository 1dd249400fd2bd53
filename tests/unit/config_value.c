/* Values of the configuration: what is taken, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "config/config.h"
#include "config/config_value.h"

static void test_durations(void **state)
{
	uint64_t ms = 7;

	(void)state;
	assert_true(config_value_duration("60 s", &ms) && ms == 60000);
	assert_true(config_value_duration("60s", &ms) && ms == 60000);
	assert_true(config_value_duration("5 min", &ms) && ms == 300000);
	assert_true(config_value_duration("2 h", &ms) && ms == 7200000);
	assert_true(config_value_duration("30 d", &ms) && ms == UINT64_C(2592000000));
	assert_true(config_value_duration("250 ms", &ms) && ms == 250);
	assert_true(config_value_duration("0", &ms) && ms == 0);
	static const char *const bad[] = {
		"", "s", "60", "-1 s", "+1 s", "1.5 h", "60  s", "60 sec", " 60 s", "60 s ", "99999999999999999999 s", "18446744073709551615 d", "1 S", NULL
	};
	for (size_t i = 0; bad[i] != NULL; i++) {
		assert_false(config_value_duration(bad[i], &ms));
	}
}

static void test_sizes(void **state)
{
	uint64_t bytes = 7;

	(void)state;
	assert_true(config_value_size("10 MiB", &bytes) && bytes == 10485760);
	assert_true(config_value_size("1 GiB", &bytes) && bytes == 1073741824);
	assert_true(config_value_size("512 B", &bytes) && bytes == 512);
	assert_true(config_value_size("0", &bytes) && bytes == 0);
	assert_false(config_value_size("10 MB", &bytes));
	assert_false(config_value_size("10", &bytes));
	assert_false(config_value_size("18446744073709551615 GiB", &bytes));
}

static void test_words(void **state)
{
	unsigned index = 9;
	bool on = false;

	(void)state;
	assert_true(config_value_word("a|bb|c", "bb", &index) && index == 1);
	assert_true(config_value_word("a|bb|c", "c", &index) && index == 2);
	assert_false(config_value_word("a|bb|c", "b", &index));
	assert_false(config_value_word("a|bb|c", "a|bb", &index));
	assert_false(config_value_word("a|bb|c", "", &index));
	assert_true(config_value_bool("on", &on) && on);
	assert_true(config_value_bool("no", &on) && !on);
	assert_false(config_value_bool("TRUE", &on));
	assert_false(config_value_bool("1", &on));
}

static void test_paths(void **state)
{
	(void)state;
	assert_true(config_value_path("/a"));
	assert_true(config_value_path("/srv/podatelna..x/.hidden"));
	static const char *const bad[] = { "", "/", "a/b", "/a/", "/a//b", "/a/../b", "/a/..", "/..", "/a/./b", "/a/.", NULL };
	for (size_t i = 0; bad[i] != NULL; i++) {
		assert_false(config_value_path(bad[i]));
	}
}

static void test_urls(void **state)
{
	(void)state;
	static const char *const good[] = { "https://mojedane.gov.cz/dpr", "https://localhost", "https://127.0.0.1:8443/a/b",
		                            "https://[::1]:8443/x",        "https://a.b/%20x",  NULL };
	static const char *const bad[] = { "",
		                           "http://a/b",
		                           "https://",
		                           "https:///x",
		                           "https://a/",
		                           "https://a/b/",
		                           "https://u@a/b",
		                           "https://u:p@a/b",
		                           "https://a/b?c",
		                           "https://a/b#c",
		                           "https://a:0/b",
		                           "https://a:65536/b",
		                           "https://a:/b",
		                           "https://a..b/c",
		                           "https://.a/b",
		                           "https://a b/c",
		                           "https://a/%2",
		                           "https://a/%zz",
		                           "https://a/b\xc3\xa1",
		                           "HTTPS://a/b",
		                           "https://[::1/x",
		                           "https://[::1]x/y",
		                           NULL };
	for (size_t i = 0; good[i] != NULL; i++) {
		assert_true(config_value_url(good[i]));
	}
	for (size_t i = 0; bad[i] != NULL; i++) {
		assert_false(config_value_url(bad[i]));
	}
}

static void test_pkcs11(void **state)
{
	(void)state;
	static const char *const good[] = { "pkcs11:serial=0123",
		                            "pkcs11:token=My%20token;manufacturer=SoftHSM%20project",
		                            "pkcs11:",
		                            "pkcs11:token=a?module-name=opensc",
		                            "pkcs11:id=%01%02;object=x;type=private",
		                            NULL };
	static const char *const bad[] = { "",
		                           "pkcs11",
		                           "token=a",
		                           "pkcs11:token",
		                           "pkcs11:token=a;",
		                           "pkcs11:token=a;token=b",
		                           "pkcs11:colour=red",
		                           "pkcs11:token=a b",
		                           "pkcs11:id=%1",
		                           "pkcs11:id=%0g",
		                           "pkcs11:token=a?pin-value=1234",
		                           "pkcs11:token=a?pin-source=/x",
		                           "pkcs11:token=a/b",
		                           NULL };
	for (size_t i = 0; good[i] != NULL; i++) {
		assert_true(config_value_pkcs11(good[i], false));
	}
	for (size_t i = 0; bad[i] != NULL; i++) {
		assert_false(config_value_pkcs11(bad[i], false));
	}
	assert_true(config_value_pkcs11("pkcs11:id=%01", true));
	assert_true(config_value_pkcs11("pkcs11:object=sign", true));
	assert_false(config_value_pkcs11("pkcs11:serial=1", true));
}

/* A PIN file that others can read, link to, or that is none, is refused. */
static void test_secret(void **state)
{
	char folder[] = "/tmp/config-secret-XXXXXX";
	char path[128], link[160];
	int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/pin", folder);
	(void)snprintf(link, sizeof link, "%s.link", path);
	assert_int_equal(config_secret_check(path), ERR_NOTFOUND);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(config_secret_check(path), 0);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(config_secret_check(path), 0);
	static const mode_t open_modes[] = { 0640, 0604, 0610, 0601, 0620, 0602 };
	for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
		assert_int_equal(chmod(path, open_modes[i]), 0);
		assert_int_equal(config_secret_check(path), ERR_DENIED);
	}
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(config_secret_check(link), ERR_DENIED);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(linkat(AT_FDCWD, path, AT_FDCWD, link, 0), 0);
	assert_int_equal(config_secret_check(path), ERR_DENIED);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(config_secret_check(folder), ERR_DENIED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* The last day of a period, in the Czech calendar. */
static void test_retention(void **state)
{
	static const struct {
		const char *text;
		const char *closed;
		const char *until;
	} good[] = {
		{ "10 years", "2026-11-22T10:00:00.000Z", "2036-11-22" },
		{ "1 year", "2028-02-29T10:00:00.000Z", "2029-02-28" },
		{ "4 years", "2028-02-29T10:00:00.000Z", "2032-02-29" },
		{ "1 month", "2026-01-31T10:00:00.000Z", "2026-02-28" },
		{ "3 months", "2026-11-30T10:00:00.000Z", "2027-02-28" },
		{ "90 days", "2026-12-15T10:00:00.000Z", "2027-03-15" },
		{ "1 day", "2026-12-31T22:30:00.000Z", "2027-01-01" },
		{ "1 day", "2026-12-31T23:30:00.000Z", "2027-01-02" },
		{ "0", "2026-12-31T23:30:00.000Z", "" },
	};
	static const char *const bad[] = { "",         "10",        "years",     "ten years", "-1 years",  "101 years",
		                           "10 weeks", "10  years", "1.5 years", "0 years",   "10 years ", NULL };
	char day[CONFIG_DAY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		int64_t utc_ms = 0;

		assert_true(clock_parse_utc(span_of_string(good[i].closed), &utc_ms));
		assert_true(config_retention_until(good[i].text, utc_ms, day));
		assert_string_equal(day, good[i].until);
	}
	for (size_t i = 0; bad[i] != NULL; i++) {
		if (config_retention_until(bad[i], 0, day)) {
			fail_msg("\"%s\" counts as %s", bad[i], day);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations), cmocka_unit_test(test_sizes),  cmocka_unit_test(test_words),  cmocka_unit_test(test_paths),
		cmocka_unit_test(test_urls),      cmocka_unit_test(test_pkcs11), cmocka_unit_test(test_secret), cmocka_unit_test(test_retention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
