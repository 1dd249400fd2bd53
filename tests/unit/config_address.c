/* Addresses of partners: what is refused, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/text.h"
#include "config/catalogue.h"
#include "config/config_schema.h"

/* Seven lines. */
#define BASE                                                                                                                                                   \
	"language = \"en\"\n"                                                                                                                                  \
	"share { path = \"/srv/share\" }\n"                                                                                                                    \
	"token \"t\" { module = \"/lib/p11.so\" uri = \"pkcs11:token=a\" }\n"                                                                                  \
	"key \"sign\" { token = \"t\" uri = \"pkcs11:id=%01\" use = { \"sign\" } }\n"                                                                          \
	"key \"vault\" { token = \"t\" uri = \"pkcs11:id=%02\" use = { \"vault\" } }\n"                                                                        \
	"user \"4711\" { rights = { \"read\" } }\n\n"
#define PARTNER(name, url, env, more) "partner \"" name "\" {\n  url = \"" url "\"\n  env = \"" env "\"\n  sign_key = \"sign\"\n" more "}\n"
#define BACKUP(list) "  backup_urls = { " list " }\n"

static char *findings(struct config_report *report)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	config_report_print(report, to);
	assert_int_equal(fclose(to), 0);
	config_report_free(report);
	return text;
}

static const struct {
	const char *conf, *said;
} rows[] = {
	{ PARTNER("a", "https://x.example", "test", ""), "" },
	{ PARTNER("a", "https://x.example", "test", BACKUP("\"https://y.example\", \"https://x.example:444\"")), "" },
	{ PARTNER("a", "https://x.example", "test", BACKUP("\"http://y.example\"")), "f:12: error: " },
	{ PARTNER("a", "https://x.example/p", "test", BACKUP("\"https://X.example:443/q\"")),
	  "f:12: error: \"backup_urls\": \"https://X.example:443/q\" is on the same server as an address before it: nothing would be gained\n" },
	{ PARTNER("a", "https://x.example", "test", BACKUP("\"https://y.example\", \"https://y.example/z\"")),
	  "f:12: error: \"backup_urls\": \"https://y.example/z\" is on the same server as an address before it: nothing would be gained\n" },
	{ PARTNER("a", "https://x.example", "test", BACKUP("\"https://1.example\", \"https://2.example\", \"https://3.example\", \"https://4.example\"")),
	  "f:12: error: \"backup_urls\" names more than 3 addresses\n" },
	{ PARTNER("a", "https://x.example", "test", "") PARTNER("b", "https://x.example", "test", ""), "" },
	{ PARTNER("a", "https://x.example", "test", "") PARTNER("b", "https://y.example", "production", BACKUP("\"https://X.example\"")),
	  "f:15: error: partners \"a\" and \"b\" are of different environments and have the server of \"https://X.example\" in common\n" },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config_report report = { 0 };
		struct config *config = NULL;
		char conf[4096], *text = NULL;

		(void)snprintf(conf, sizeof conf, "%s%s", BASE, rows[i].conf);
		assert_int_equal(config_parse(span_of_string(conf), "f", &config, &report), rows[i].said[0] == '\0' ? 0 : ERR_FORMAT);
		text = findings(&report);
		/* Of values of the wrong form only the line is this test's matter. */
		if (strcmp(text, rows[i].said) != 0 &&
		    (strchr(rows[i].said, '\n') != NULL || rows[i].said[0] == '\0' || strncmp(text, rows[i].said, strlen(rows[i].said)) != 0)) {
			fail_msg("row %zu: %s", i, text);
		}
		free(text);
		config_free(config);
	}
}

/* What the catalogue knows of servers. */
static void check(const char *url, enum config_env env, const char *backup, const char *expected)
{
	char *known[] = { (char *)(uintptr_t) "production=real.example", (char *)(uintptr_t) "test=try.example" };
	char *backups[] = { (char *)(uintptr_t)backup };
	const struct catalogue_partner catalogue = { .environments = { known, 2 } };
	const struct config config = { .file = (char *)(uintptr_t) "f" };
	const struct config_partner partner = { .name = (char *)(uintptr_t) "p", .url = (char *)(uintptr_t)url, .env = env, .backup_urls = { backups, 1 } };
	struct config_report report = { 0 };
	char *text = NULL;

	config_address_check(&config, &partner, &catalogue, &report);
	text = findings(&report);
	assert_string_equal(text, expected);
	free(text);
}

static void test_environments(void **state)
{
	(void)state;
	check("https://real.example/x", CONFIG_ENV_PRODUCTION, "https://other.example", "");
	check("https://try.example/x", CONFIG_ENV_SANDBOX, "https://other.example", "");
	check("https://try.example/x", CONFIG_ENV_TEST, "https://other.example", "");
	check("https://TRY.example:443/x", CONFIG_ENV_PRODUCTION, "https://other.example",
	      "f: error: partner \"p\": \"https://TRY.example:443/x\" is an address for \"test\", and \"env\" says \"production\": they must not be mixed\n");
	check("https://other.example", CONFIG_ENV_TEST, "https://real.example",
	      "f: error: partner \"p\": \"https://real.example\" is an address for \"production\", and \"env\" says \"test\": they must not be mixed\n");
}

/* --- the option road --- */

#define CATALOGUE                                                                                                                                              \
	"partner \"p\" { label_cs = \"p\" label_en = \"p\" evidence = \"signed\" roads = { \"walk\", \"ride\" } roads_prepared = { \"fly\" } }\n"              \
	"form \"F\" { partner = \"p\" root = \"f\" label_cs = \"f\" label_en = \"f\" options = { \"road=%s\" } }\n"

static void check_road(const char *configured, const char *of_form, const char *expected)
{
	char option[64], text[1024], *options[] = { option }, *found = NULL;
	struct config_report report = { 0 };
	struct catalogue *catalogue = NULL;
	const struct config config = { .file = (char *)(uintptr_t) "f" };
	const struct config_partner partner = { .name = (char *)(uintptr_t) "p", .options = { options, configured == NULL ? 0 : 1 } };

	(void)snprintf(option, sizeof option, "road=%s", configured == NULL ? "" : configured);
	(void)snprintf(text, sizeof text, CATALOGUE, of_form);
	assert_int_equal(catalogue_parse(span_of_string(text), "c", "en", &catalogue, &report), 0);
	config_road_check(&config, &partner, catalogue, &catalogue->partners[0], &report);
	found = findings(&report);
	assert_string_equal(found, expected);
	free(found);
	catalogue_free(catalogue);
}

static void test_roads(void **state)
{
	(void)state;
	check_road(NULL, "walk", "");
	check_road("ride", "walk", "");
	check_road("fly", "walk", "f: error: partner \"p\": \"road=fly\" is prepared, but this box has no channel for it yet\n");
	check_road("swim", "walk", "f: error: partner \"p\": the option \"road=swim\" names no way that the catalogue knows\n");
	check_road(NULL, "fly", "f: error: partner \"p\" F: \"road=fly\" is prepared, but this box has no channel for it yet\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_addresses), cmocka_unit_test(test_environments), cmocka_unit_test(test_roads) };

	text_open("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
