/* podatelna.conf: what is read, and exactly what is said about what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "appliance/base/text.h"
#include "config/catalogue.h"
#include "config/config_schema.h"

/* A configuration without a fault, 14 lines; the tests put something wrong below it. */
#define BASE                                                                                                                                                   \
	"language = \"en\"\n"                                                                                                                                  \
	"share { path = \"/srv/share\" }\n"                                                                                                                    \
	"token \"t\" {\n  module = \"/lib/p11.so\"\n  uri = \"pkcs11:token=a\"\n}\n"                                                                           \
	"key \"sign\" { token = \"t\" uri = \"pkcs11:id=%01\" use = { \"sign\", \"tls\" } }\n"                                                                 \
	"key \"vault\" { token = \"t\" uri = \"pkcs11:id=%02\" use = { \"vault\" } }\n"                                                                        \
	"partner \"toy\" {\n  url = \"https://localhost:1/inbox\"\n  env = \"test\"\n  sign_key = \"sign\"\n}\n"                                               \
	"user \"4711\" { rights = { \"read\", \"send\" } }\n"

static int parse(const char *text, struct config **ret, struct config_report *report)
{
	return config_parse(span_of_string(text), "f", ret, report);
}

/* The findings as they are printed. */
static char *findings(struct config_report *report)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	config_report_print(report, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void expect(const char *conf, const char *said)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	int r = parse(conf, &config, &report);
	char *text = findings(&report);

	assert_string_equal(text, said);
	assert_int_equal(r, strstr(said, "error:") != NULL ? ERR_FORMAT : 0);
	assert_int_equal(config == NULL, r != 0);
	free(text);
	config_free(config);
	config_report_free(&report);
}

static void test_values(void **state)
{
	struct config_report report = { 0 };
	struct config *config = NULL;

	(void)state;
	assert_int_equal(parse(BASE "box_letter = \"B\"\nclock { forward_max = \"7 d\" }\n", &config, &report), 0);
	assert_int_equal(report.count, 0);
	assert_string_equal(config->language, "en");
	assert_string_equal(config->box_letter, "B");
	assert_string_equal(config->share.path, "/srv/share");
	assert_string_equal(config->share.claim_dir, "/srv/share.claim");
	assert_string_equal(config->share.inbox, "Podat");
	assert_int_equal(config->share.scan_interval_ms, 60000);
	assert_int_equal(config->share.max_file_bytes, 10485760);
	assert_true(config->share.archive_inbox);
	assert_int_equal(config->share.receipt_on_share, CONFIG_RECEIPT_FULL);
	assert_int_equal(config->clock_forward_max_ms, UINT64_C(604800000));
	assert_string_equal(config->control_socket, "/run/podatelna/control");
	assert_int_equal(config->catalogue_dirs.count, 1);
	assert_non_null(strstr(config->catalogue_dirs.items[0], "share/podatelna/catalogue"));
	assert_int_equal(config->token_count, 1);
	assert_string_equal(config->tokens[0].pin, "prompt");
	assert_string_equal(config->tokens[0].serial, "");
	assert_int_equal(config->tokens[0].environment.count, 0);
	assert_true(config->tokens[0].pcsc);
	assert_int_equal(config->key_count, 2);
	assert_int_equal(config->keys[0].use, CONFIG_USE_SIGN | CONFIG_USE_TLS);
	assert_int_equal(config->keys[1].use, CONFIG_USE_VAULT);
	assert_int_equal(config->keys[1].token_index, 0);
	assert_int_equal(config->partner_count, 1);
	assert_int_equal(config->partners[0].env, CONFIG_ENV_TEST);
	assert_int_equal(config->partners[0].sign_key_index[0], 0);
	assert_false(config->partners[0].test_first_set);
	assert_int_equal(config->partners[0].sessions_max, 4);
	assert_int_equal(config_rights_of(config, 4711), CONFIG_RIGHT_READ | CONFIG_RIGHT_SEND);
	assert_int_equal(config_rights_of(config, 4712), 0);
	assert_int_equal(config_rights_of(config, 0), CONFIG_RIGHT_ALL);
	assert_string_equal(config_get(config, "control_socket"), "/run/podatelna/control");
	assert_null(config_get(config, "pin"));
	assert_ptr_equal(config_partner_find(config, "toy"), &config->partners[0]);
	assert_null(config_partner_find(config, "epo"));
	assert_ptr_equal(config_key_find(config, "vault"), &config->keys[1]);
	config_free(config);
}

static void test_options(void **state)
{
	char *items[] = { (char *)(uintptr_t) "a=1", (char *)(uintptr_t) "ab=2=3" };
	struct config_list list = { items, 2 };

	(void)state;
	assert_string_equal(config_option(&list, "a"), "1");
	assert_string_equal(config_option(&list, "ab"), "2=3");
	assert_null(config_option(&list, "b"));
}

static void test_lines_are_right(void **state)
{
	(void)state;
	/* Comments of all kinds, also those that libconfuse counts wrongly, and texts with quotes. */
	expect(BASE "/* one */ /* two\n three */ // four\n# five\nlog_level = \"lo\\\"ud\"\n",
	       "f:18: error: \"log_level\": expected one of error|warning|info|debug; found \"lo\"ud\"\n");
	expect("\n\n" BASE "tsa \"x\" {\n  urls = {\n  }\n  package = many\n}\n",
	       "f:20: error: \"package\": expected a whole number, from 0 to 10000000; found \"many\"\n");
}

static void test_unknown_keys(void **state)
{
	(void)state;
	expect(BASE "langauge = \"cs\"\nshere { path = 1 }\nxyzzy = { 1, 2 }\npartner \"p2\" {\n  url = \"https://a\" env = test sign_key = \"sign\"\n  "
	            "sing_key = \"x\"\n}\n",
	       "f:15: error: unknown key \"langauge\"; did you mean \"language\"?\n"
	       "f:16: error: unknown key \"shere\"; did you mean \"share\"?\n"
	       "f:17: error: unknown key \"xyzzy\"\n"
	       "f:20: error: unknown key \"sing_key\"; did you mean \"sign_key\"?\n");
	expect(BASE "tsa \"x\" { urls = { } colour = \"red\" }\n", "f:15: error: unknown key \"colour\" in \"tsa\"\n");
	expect(BASE "share = \"x\"\nled { }\n",
	       "f:15: error: \"share\" is a section: expected \"share { ... }\"\nf:16: error: \"led\" is a key: expected \"led = ...\"\n");
}

static void test_twice(void **state)
{
	(void)state;
	expect(BASE "language = \"cs\"\nkey \"sign\" { token = \"t\" }\nshare { }\n", "f:15: error: \"language\" was given on line 1 already\n"
	                                                                              "f:16: error: \"key sign\" was given on line 7 already\n"
	                                                                              "f:17: error: \"share \" was given on line 2 already\n");
}

/* Every value that is wrong is said at once. */
static void test_many(void **state)
{
	(void)state;
	expect("language = \"de\"\n"
	       "data_dir = \"relative\"\n"
	       "share {\n"
	       "  scan_interval = \"60\"\n"
	       "  quiet = \"5 h\"\n"
	       "  archive_inbox = \"perhaps\"\n"
	       "  receipt_on_share = \"some\"\n"
	       "  max_file = \"10 MB\"\n"
	       "  inbox = \"a/b\"\n"
	       "}\n"
	       "partner \"epo\" {\n"
	       "  url = \"http://mojedane.gov.cz/dpr\"\n"
	       "  env = \"production\"\n"
	       "  signer_sha256 = { \"12\" }\n"
	       "  options = { \"Zip\" }\n"
	       "}\n",
	       "f: error: no key has the use \"vault\": nothing could be stored\n"
	       "f:1: error: \"language\": expected one of cs|en; found \"de\"\n"
	       "f:2: error: \"data_dir\": expected an absolute path without \"..\" and without a slash at its end; found \"relative\"\n"
	       "f:3: error: \"path\" is missing in \"share\"\n"
	       "f:4: error: \"scan_interval\": expected a duration such as \"60 s\", \"5 min\", \"2 h\", \"30 d\" or \"0\", from 100 ms to 1 d; found \"60\"\n"
	       "f:5: error: \"quiet\": expected a duration such as \"60 s\", \"5 min\", \"2 h\", \"30 d\" or \"0\", from 0 to 1 h; found \"5 h\"\n"
	       "f:6: error: \"archive_inbox\": expected true or false; found \"perhaps\"\n"
	       "f:7: error: \"receipt_on_share\": expected one of full|no-password|none; found \"some\"\n"
	       "f:8: error: \"max_file\": expected a size such as \"10 MiB\", from 1 KiB to 1 GiB; found \"10 MB\"\n"
	       "f:9: error: \"inbox\": expected a single file name, usable on Windows too; found \"a/b\"\n"
	       "f:11: error: \"sign_key\" is missing in \"partner\"\n"
	       "f:12: error: \"url\": expected an address that begins with https:// and has no slash at its end; found \"http://mojedane.gov.cz/dpr\"\n"
	       "f:14: error: \"signer_sha256\": expected 64 hexadecimal digits; found \"12\"\n"
	       "f:15: error: \"options\": expected name=value; found \"Zip\"\n");
}

/* A key for logging in is one that may do that, and nothing else is taken for it. */
static void test_tls_keys(void **state)
{
	_cleanup_report_ struct config_report report = { 0 };
	struct config *config = NULL;

	(void)state;
	expect(BASE "partner \"p2\" {\n  url = \"https://a\" env = test sign_key = \"sign\"\n  tls_key = \"vault\"\n}\n"
	            "tsa \"t1\" {\n  urls = { \"https://a/\" }\n  tls_key = \"nobody\"\n}\n",
	       "f:17: error: key \"vault\" is not for \"tls\"; its \"use\" says so\n"
	       "f:21: error: there is no key \"nobody\"\n");
	assert_int_equal(parse(BASE "key \"login\" { token = \"t\" uri = \"pkcs11:id=%09\" use = { \"tls\" } }\n"
	                            "partner \"p2\" { url = \"https://a\" env = test sign_key = \"sign\" tls_key = \"login\" }\n",
	                       &config, &report),
	                 0);
	assert_int_equal(config->partners[0].tls_key_index, SIZE_MAX);
	assert_string_equal(config->keys[config->partners[1].tls_key_index].name, "login");
	config_free(config);
}

static void test_cross(void **state)
{
	(void)state;
	expect(BASE "partner \"p2\" { url = \"https://a\" env = test sign_key = \"vault\" }\n"
	            "partner \"p3\" {\n  url = \"https://b\" env = production\n  allow_software_token = yes\n  sign_key = \"nobody\"\n  poll_first = \"2 h\" "
	            "\n  poll_max = \"1 h\"\n}\n"
	            "key \"k3\" {\n  token = \"x\"\n  uri = \"pkcs11:id=%03\"\n  use = { \"vault\", \"sign\" }\n}\n"
	            "user \"no-such-user-here\" { rights = { \"read\" } }\n"
	            "key \"K4\" { token = \"t\" uri = \"pkcs11:id=%04\" use = { \"sign\" } }\n",
	       "f:15: error: key \"vault\" is not for \"sign\"; its \"use\" says so\n"
	       "f:18: warning: partner \"p3\" takes filings signed by a software token in production\n"
	       "f:19: error: there is no key \"nobody\"\n"
	       "f:21: error: \"poll_max\" is less than \"poll_first\"\n"
	       "f:24: error: there is no token \"x\"\n"
	       "f:26: error: a key for \"vault\" can have no other use\n"
	       "f:28: error: this machine has no user \"no-such-user-here\"\n"
	       "f:29: error: key \"K4\": expected a name of small letters, digits and \"-\", at most 32 of them\n");
	expect(BASE "partner \"p2\" { url = \"https://a\" env = test sign_key = { \"sign\", \"nobody\", \"sign\" } }\n"
	            "partner \"p3\" { url = \"https://a\" env = test sign_key = {} }\n"
	            "partner \"p4\" { url = \"https://a\" env = test sign_key = { \"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\" } }\n",
	       "f:15: error: \"sign_key\" names the key \"sign\" twice\n"
	       "f:15: error: there is no key \"nobody\"\n"
	       "f:16: error: \"sign_key\" names no key\n"
	       "f:17: error: \"sign_key\" names more than 8 keys\n"
	       "f:17: error: there is no key \"a\"\n"
	       "f:17: error: there is no key \"b\"\n"
	       "f:17: error: there is no key \"c\"\n"
	       "f:17: error: there is no key \"d\"\n"
	       "f:17: error: there is no key \"e\"\n"
	       "f:17: error: there is no key \"f\"\n"
	       "f:17: error: there is no key \"g\"\n"
	       "f:17: error: there is no key \"h\"\n");
	expect("language = \"en\"\ndata_dir = \"/srv/share/data\"\nmark_file = \"/srv/share/data/mark\"\nshare {\n path = \"/srv/share\"\n claim_dir = "
	       "\"/srv/share/claim\"\n"
	       " done = \"podat\"\n}\ntoken \"t\" { module = \"/m\" uri = \"pkcs11:\" }\nkey \"v\" { token = \"t\" uri = \"pkcs11:id=%01\" use = { \"vault\" } "
	       "}\n",
	       "f:3: error: \"mark_file\" must lie outside \"data_dir\": it shows when that was put back\n"
	       "f:5: error: the share and \"data_dir\" must not lie in each other\n"
	       "f:6: error: \"claim_dir\" must lie outside the share: nobody else may reach it\n"
	       "f:7: error: \"inbox\" and \"done\" have the same name\n");
}

static void test_proxy(void **state)
{
	(void)state;
	expect(BASE "proxy {\n mode = \"own\"\n user = \"a:b\"\n}\n", "f:16: error: mode \"own\" needs \"url\", the address of the proxy\n"
	                                                              "f:17: error: \"user\" and \"password_file\" go together\n"
	                                                              "f:17: error: \"user\": a colon cannot be part of the name\n");
	expect(BASE "proxy {\n mode = \"system\"\n url = \"http://proxy:3128\"\n}\n", "f:17: error: \"url\" counts only with mode = \"own\"\n");
	/* A login in the address would be a secret in the configuration. */
	expect(BASE "proxy {\n mode = \"own\"\n url = \"http://a:b@proxy:3128\"\n}\n",
	       "f:16: error: mode \"own\" needs \"url\", the address of the proxy\n"
	       "f:17: error: \"url\": expected an address such as \"http://proxy.firm.example:3128\", with a port and without a login\n");
}

static void test_mail(void **state)
{
	(void)state;
	expect(BASE "mail {\n url = \"smtp://mail.example:25\"\n}\n",
	       "f:16: error: \"mail\" needs \"from\"\nf:16: error: \"mail\" needs \"to\", or users with an address\n");
	expect(BASE "mail {\n url = \"smtps://mail.example:465\"\n from = \"a@b.example\"\n digest_at = \"07:00\"\n user = \"x\"\n}\n",
	       "f:16: error: \"mail\" needs \"to\", or users with an address\n"
	       "f:18: error: \"digest_at\" needs \"to\": the digest goes there\n"
	       "f:19: error: \"user\" and \"password_file\" go together\n");
	/* Nothing that could end a header or a command is an address; nothing but SMTP is a mail server; a day has 24 hours. */
	expect(BASE
	       "mail {\n url = \"https://mail.example:465\"\n from = \"a b@c\"\n to = { \"a@b>\", \"@b\", \"a@\", \"a..b@c\" }\n digest_at = \"24:00\"\n}\n",
	       "f:16: error: \"url\": expected an address such as \"smtps://smtp.firm.example:465\" or \"smtp://smtp.firm.example:587\"; found "
	       "\"https://mail.example:465\"\n"
	       "f:17: error: \"from\": expected an e-mail address such as \"office@firm.example\"; found \"a b@c\"\n"
	       "f:18: error: \"to\": expected an e-mail address such as \"office@firm.example\"; found \"@b\"\n"
	       "f:18: error: \"to\": expected an e-mail address such as \"office@firm.example\"; found \"a..b@c\"\n"
	       "f:18: error: \"to\": expected an e-mail address such as \"office@firm.example\"; found \"a@\"\n"
	       "f:18: error: \"to\": expected an e-mail address such as \"office@firm.example\"; found \"a@b>\"\n"
	       "f:19: error: \"digest_at\": expected a time of day such as \"07:00\"; found \"24:00\"\n");
	expect(BASE "user \"0\" {\n rights = { \"read\" }\n mail = \"a@b.example\"\n}\n",
	       "f:17: error: \"mail\" of a user needs \"url\" in section \"mail\"\n");
}

/* What someone wrote instead of the name of a PIN file is not repeated. */
static void test_stamps(void **state)
{
	struct config_report report = { 0 };
	struct config *config = NULL;

	(void)state;
	assert_int_equal(
	    parse(BASE
	          "tsa \"x\" {\n  urls = { \"https://a/\", \"https://b/c\" }\n  packages = { \"200 2026-01-15 2051-01-15\", \"1 2026-03-29 2026-03-29\" }\n"
	          "  hash = sha512\n  stop_line = 20\n  check_every = \"0\"\n  day_end = no\n}\njournal { stamp_warn_after = \"1 h\" }\n",
	          &config, &report),
	    0);
	assert_int_equal(config->tsas[0].bought_count, 2);
	assert_int_equal(config->tsas[0].bought[0].count, 200);
	assert_int_equal(config->tsas[0].bought[0].from_ms, INT64_C(1768431600000)); /* 2026-01-14T23:00:00Z */
	/* The day summer time begins has 23 hours. */
	assert_int_equal(config->tsas[0].bought[1].until_ms - config->tsas[0].bought[1].from_ms, 23 * 3600000);
	assert_string_equal(config_hash_name(config->tsas[0].hash), "sha512");
	assert_int_equal(config->tsas[0].anchor_every_ms, 3600000);
	assert_false(config->tsas[0].day_end);
	assert_int_equal(config->stamp_warn_ms, 3600000);
	assert_int_equal(config->stamp_stop_ms, 48 * 3600000);
	config_free(config);
	expect(BASE "tsa \"x\" {\n  urls = { \"https://a/\" }\n  package = 5\n  packages = { \"200 2026-01-15 2051-01-15\" }\n}\n",
	       "f:18: error: either \"package\" or \"packages\", not both\n");
	expect(
	    BASE "tsa \"x\" {\n  urls = { \"https://a/\" }\n  packages = { \"200\", \"0 2026-01-15 2051-01-15\", \"5 2026-02-29 2027-01-01\", \"5 2027-01-02 "
	         "2027-01-01\" }\n  stop_line = 1\n}\n",
	    "f:17: error: \"packages\": expected a number, the first and the last day, as in \"200 2026-01-15 2051-01-15\"; found \"0 2026-01-15 2051-01-15\"\n"
	    "f:17: error: \"packages\": expected a number, the first and the last day, as in \"200 2026-01-15 2051-01-15\"; found \"200\"\n"
	    "f:17: error: \"packages\": expected a number, the first and the last day, as in \"200 2026-01-15 2051-01-15\"; found \"5 2026-02-29 2027-01-01\"\n"
	    "f:17: error: \"packages\": expected a number, the first and the last day, as in \"200 2026-01-15 2051-01-15\"; found \"5 2027-01-02 2027-01-01\"\n"
	    "f:18: error: \"stop_line\" is not less than what was bought\n");
	expect(BASE
	       "tsa \"x\" { urls = { \"https://a/\" } check_every = \"1 h\" hash = sha1 }\njournal { stamp_warn_after = \"3 h\" stamp_stop_after = \"2 h\" }\n",
	       "f:15: error: \"check_every\": each check is a stamp; expected at least 1 d, or 0\n"
	       "f:15: error: \"hash\": expected one of sha256|sha384|sha512; found \"sha1\"\n"
	       "f:16: error: \"stamp_stop_after\" is less than \"stamp_warn_after\"\n");
}

static void test_pin_is_not_printed(void **state)
{
	(void)state;
	expect(BASE "token \"u\" {\n  module = \"/m\"\n  uri = \"pkcs11:token=a?pin-value=87654321\"\n  pin = \"12345678\"\n}\n",
	       "f:17: error: \"uri\": expected a token as RFC 7512 has it, such as \"pkcs11:serial=1234\", without a PIN\n"
	       "f:18: error: \"pin\": expected \"prompt\", \"pinpad\", or the absolute path of a file that only root reads (never the PIN itself)\n");
}

static void test_environment(void **state)
{
	(void)state;
	expect(BASE "token \"u\" { module = \"/m\" uri = \"pkcs11:\" environment = { \"SOFTHSM2_CONF=/x\", \"LD_PRELOAD=/x\" } }\n",
	       "f:15: error: \"environment\": expected NAME=value, and no LD_ variable; found \"LD_PRELOAD=/x\"\n");
}

/* What stands before a syntax error is checked, and nothing is invented about what is missing after it. */
static void test_syntax(void **state)
{
	(void)state;
	expect("log_level = \"loud\"\nshare {\n  path = \"x\"\n  quiet = = 1\n}\n",
	       "f:1: error: \"log_level\": expected one of error|warning|info|debug; found \"loud\"\n"
	       "f:3: error: \"path\": expected an absolute path without \"..\" and without a slash at its end; found \"x\"\n"
	       "f:4: error: expected a value after \"=\"\n");
	expect(BASE "language = \"cs\n", "f:15: error: the text that begins on this line has no closing quote\n");
	expect(BASE "/* no end\n", "f:15: error: the comment that begins here has no end\n");
	expect(BASE "led = ${HOME}\n", "f:15: error: a character that means nothing here; texts stand in quotes\n");
	expect(BASE "led = \"${HOME}\"\n", "f:15: error: variables (${...}) are not replaced here: write the value itself\n");
	expect(BASE "led = \"a\\n\"\n", "f:15: error: a backslash may only stand before a quote or another backslash\n");
	expect(BASE "clock {\n", "f:16: error: the file ends inside a section: \"}\" is missing\n");
	expect(BASE "}\n", "f:15: error: expected the name of a key\n");
	expect(BASE "led\n", "f:15: error: expected \"=\" or \"{\" after \"led\"\n");
	expect(BASE "catalogue_dir += \"/x\"\n", "f:15: error: \"+=\" is not used here: give the whole list once\n");
	expect(BASE "catalogue_dir = { \"/x\" \"/y\" }\n", "f:15: error: expected \",\" or \"}\" in the list\n");
	expect(BASE "led = { \"/x\" }\n", "f:15: error: \"led\": expected one value, found a list\n");
	expect(BASE "token { }\n", "f:15: error: section \"token\": expected a name of at most 64 characters before \"{\"\n");
	expect(BASE "clock \"x\" { }\n", "f:15: error: section \"clock\" takes no name\n");
	expect(BASE "led = https://x\n", "f:15: error: a text with \"//\" must stand in quotes\n");
	expect("\x01", "f:1: error: a control character; the file must be plain text\n");
	expect("# \xff\n", "f: error: the file is not UTF-8\n");
	/* A text that was not closed leaves nothing behind for the next file. */
	expect(BASE, "");
}

static void test_findings_are_safe(void **state)
{
	(void)state;
	expect(BASE "log_level = \"\u202e\"\n", "f:15: error: \"log_level\": expected one of error|warning|info|debug; found \"?\"\n");
}

static void test_too_many(void **state)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	(void)state;
	assert_non_null(to);
	for (int i = 0; i < 300; i++) {
		(void)fprintf(to, "key%d = 1\n", i);
	}
	assert_int_equal(fclose(to), 0);
	assert_int_equal(parse(text, &config, &report), ERR_FORMAT);
	assert_int_equal(report.count, CONFIG_FINDINGS_MAX);
	assert_true(report.errors > 300 && report.lost == report.errors - CONFIG_FINDINGS_MAX);
	free(text);
	config_report_free(&report);
}

/* The example loads as it is, and with every commented key switched on; and there is no key that it does not show. */
static void test_example(void **state)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	char text[65536];
	FILE *from = fopen(SOURCE_DIR "/config/podatelna.conf.example", "r");
	size_t length = 0;
	char *line = NULL;
	size_t room = 0;

	(void)state;
	assert_int_equal(config_load(SOURCE_DIR "/config/podatelna.conf.example", &config, &report), 0);
	assert_int_equal(report.count, 0);
	config_free(config);
	config = NULL;
	assert_non_null(from);
	while (getline(&line, &room, from) >= 0) {
		char *mark = strstr(line, "# ");
		const char *rest = mark == NULL ? "" : mark + 2;
		size_t word = strspn(rest, " abcdefghijklmnopqrstuvwxyz0123456789_");
		bool key = mark != NULL &&
		           (rest[0] == '}' ||
		            (word > 0 && (strncmp(rest + word, "= ", 2) == 0 || strncmp(rest + word, "{", 1) == 0 || (strncmp(rest, "tsa \"", 5) == 0) ||
		                          strncmp(rest, "query \"", 7) == 0 || strncmp(rest, "user \"", 6) == 0)) ||
		            strncmp(rest, "    }", 5) == 0);

		/* "user" of the example is no user of this machine. */
		rest = strncmp(rest, "user \"", 6) == 0 ? "user \"4711\" {\n" : rest;
		rest = strstr(rest, "partner = \"cssz\"") != NULL ? "    partner = \"epo\"\n" : rest; /* the only partner of the example */
		/* An empty user and an empty password file go together. */
		length += (size_t)snprintf(text + length, sizeof text - length, "%s", key && strstr(rest, "/etc/opensc") == NULL ? rest : line);
		assert_true(length < sizeof text);
	}
	free(line);
	assert_int_equal(fclose(from), 0);
	if (parse(text, &config, &report) != 0) {
		config_report_print(&report, stderr);
		fail();
	}
	assert_int_equal(config->tsa_count, 1);
	assert_int_equal(config->user_count, 1);
	config_free(config);
	for (size_t i = 0; i < config_schema.count; i++) {
		for (size_t k = 0; k < config_schema.sections[i].field_count; k++) {
			char want[64];

			(void)snprintf(want, sizeof want, "%s = ", config_schema.sections[i].fields[k].name);
			if (strstr(text, want) == NULL) {
				fail_msg("the example does not show %s", want);
			}
		}
	}
}

static void test_files(void **state)
{
	struct config_report report = { 0 };
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load("/nonexistent/podatelna.conf", &config, &report), ERR_NOTFOUND);
	assert_int_equal(config_load("/dev/zero", &config, &report), ERR_FORMAT);
	assert_int_equal(config_load("/tmp", &config, &report), ERR_FORMAT);
	assert_int_equal(report.count, 3);
	config_report_free(&report);
}

/* config_check on a machine made for it. */
static void test_check(void **state)
{
	char folder[] = "/tmp/config-check-XXXXXX";
	struct config_report report = { 0 };
	struct config *config = NULL;
	char *conf = NULL, *text = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_true(
	    asprintf(
	        &conf,
	        "language = \"en\"\ndata_dir = \"%s/none/data\"\nmark_file = \"%s/mark\"\ncatalogue_dir = { \"%s/config/catalogue\" }\n"
	        "share { path = \"%s/share\" }\ntoken \"t\" { module = \"%s/m.so\" uri = \"pkcs11:\" pin = \"%s/pin\" }\n"
	        "key \"v\" { token = \"t\" uri = \"pkcs11:id=%%01\" use = { \"vault\" } }\nkey \"s\" { token = \"t\" uri = \"pkcs11:id=%%02\" use = { \"sign\" "
	        "} }\n"
	        "partner \"epo\" { url = \"https://a\" env = test sign_key = \"s\" }\npartner \"cssz\" { url = \"https://a\" env "
	        "= test sign_key = \"s\" encrypt_to = \"%s/dis.pem\" }\npartner \"nobody\" { url = \"https://a\" env = test sign_key = \"s\" }\n"
	        "query \"good\" { partner = \"cssz\" what = \"DZDPN\" days = 31 }\nquery \"long\" { partner = \"cssz\" what = \"DZDPN\" days = 32 }\n"
	        "query \"state\" { partner = \"cssz\" what = \"DZMH\" }\nquery \"other\" { partner = \"epo\" what = \"DZDPN\" }\n",
	        folder, folder, SOURCE_DIR, folder, folder, folder, folder) > 0);
	assert_int_equal(parse(conf, &config, &report), 0);
	assert_int_equal(config_check(config, &report), ERR_FORMAT);
	text = findings(&report);
	assert_non_null(strstr(text, "error: data_dir: "));
	assert_null(strstr(text, "error: mark_file: "));
	assert_non_null(strstr(text, "error: share: "));
	assert_non_null(strstr(text, "error: module: "));
	assert_non_null(strstr(text, "error: encrypt_to: "));
	assert_non_null(strstr(text, "warning: token \"t\": "));
	assert_non_null(strstr(text, "error: partner \"nobody\": the catalogue does not know it"));
	assert_non_null(strstr(text, "error: partner \"epo\" signs its receipts"));
	assert_null(strstr(text, "query \"good\""));
	assert_non_null(strstr(text, "error: query \"long\": \"days\" is more than may be asked for at once (31)"));
	assert_non_null(strstr(text, "error: query \"state\": the catalogue has no query"));
	assert_non_null(strstr(text, "error: query \"other\": the catalogue has no query"));
	assert_null(strstr(text, "error: partner \"cssz\" signs its receipts")); /* a person may approve what stands in its file */
	free(text);
	free(conf);
	config_free(config);
	config_report_free(&report);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),       cmocka_unit_test(test_options),     cmocka_unit_test(test_lines_are_right),
		cmocka_unit_test(test_unknown_keys), cmocka_unit_test(test_twice),       cmocka_unit_test(test_many),
		cmocka_unit_test(test_cross),        cmocka_unit_test(test_tls_keys),    cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_mail),         cmocka_unit_test(test_stamps),      cmocka_unit_test(test_pin_is_not_printed),
		cmocka_unit_test(test_syntax),       cmocka_unit_test(test_environment), cmocka_unit_test(test_findings_are_safe),
		cmocka_unit_test(test_too_many),     cmocka_unit_test(test_example),     cmocka_unit_test(test_files),
		cmocka_unit_test(test_check),
	};

	text_open("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
