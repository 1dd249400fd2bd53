/* The overview page from cases made up here: what stands where, what is escaped, what is left out. With a folder as its argument it writes the pages into that
 * folder, for the tests that look at them in a browser (tests/e2e/test_overview.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "appliance/hub/inbox.h"
#include "appliance/hub/overview_private.h"

#define CASES_MAX 2600
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define HOSTILE                                                                                                                                                \
	"<img src=x onerror=alert(1)>\"'&amp; p\xc5\x99\xc3\xad\xe2\x80\xaegpj.lmx "                                                                           \
	"Velmi_dlouhy_nazev_souboru_bez_jedine_mezery_ktery_se_nikam_nevejde_a_stejne_"                                                                        \
	"nesmi_roztahnout_stranku_do_sirky_ani_na_telefonu_ani_na_papire_12345678901234567890.xml"

static struct hub hub;
static struct hub_case cases[CASES_MAX];
static size_t case_count;
static char names[64 * CASES_MAX], *page;
static int64_t now_ms;

static struct hub_case *add(enum case_state state, const char *form, int64_t ago_ms)
{
	struct hub_case *each = &cases[case_count++];

	*each = (struct hub_case){ .state = state, .kind = "filing", .by = "uid:1000", .waiting = "", .partner = "epo", .env = "test", .delivered = true };
	(void)snprintf(each->number, sizeof each->number, "2026-%06zu", case_count);
	(void)snprintf(each->form, sizeof each->form, "%s", form);
	(void)snprintf(each->stage, sizeof each->stage, "status");
	each->received_ms = each->changed_ms = each->closed_ms = now_ms - ago_ms;
	each->next_all = hub.cases.all;
	hub.cases.all = each;
	hub.cases.count++;
	return each;
}

static void name(const struct hub_case *of, const char *file)
{
	size_t length = strlen(names);

	(void)snprintf(names + length, sizeof names - length, "%s\t%s\n", of->number, file);
}

/* --- the boxes --- */

static const char key_lines[] =
    "key.0.name: qualified\nkey.0.not-after: %s\nkey.0.state: ok\nkey.0.use: sign\nkey.1.name: archive\nkey.1.state: ok\nkey.1.use: "
    "vault\n";

static void set_token(const char *state, int64_t days)
{
	char text[sizeof key_lines + CLOCK_UTC_SIZE], until[CLOCK_UTC_SIZE];

	clock_format_utc(now_ms + days * DAY_MS + HOUR_MS, until);
	(void)snprintf(text, sizeof text, key_lines, until);
	(void)snprintf(hub.tokens[0].state, sizeof hub.tokens[0].state, "%s", state);
	free(hub.tokens[0].lines);
	hub.tokens[0].lines = strdup(text);
}

/* What the box before was made of; the inbox is one for all. */
static void free_hub(void)
{
	struct inbox *inbox = hub.inbox;

	for (size_t i = 0; i < case_count; i++) {
		free(cases[i].reason);
	}
	free(hub.tokens[0].lines);
	config_free(hub.config);
	catalogue_free(hub.catalogue);
	memset(&hub, 0, sizeof hub);
	hub.inbox = inbox;
}

/* A box that works, with one token and one partner. */
static void make_hub(const char *language, const char *content)
{
	static struct config_report report;
	static char link; /* stands for any channel; nothing is sent */
	char text[4096];

	free_hub();
	memset(names, 0, sizeof names);
	case_count = 0;
	now_ms = clock_utc_ms() / MINUTE_MS * MINUTE_MS + MINUTE_MS / 6; /* pages show minutes: none ends while a test compares two of them */
	(void)snprintf(
	    text, sizeof text,
	    "language = \"%s\"\ncatalogue_dir = { \"%s/config/catalogue\" }\ndata_dir = \"/usr\"\nshare { path = \"/tmp\" min_free = \"0\" overview_content = "
	    "\"%s\" }\ntoken \"office\" { module = \"/lib/p11.so\" uri = \"pkcs11:\" }\n"
	    "key \"qualified\" { token = \"office\" uri = \"pkcs11:id=%%01\" use = { \"sign\" } }\n"
	    "key \"archive\" { token = \"office\" uri = \"pkcs11:id=%%02\" use = { \"vault\" } }\n"
	    "partner \"epo\" { url = \"https://localhost/dpr\" env = \"test\" sign_key = \"qualified\" anchors = \"/a.pem\" signer_o = \"O\" }\n"
	    "tsa \"postsignum\" { urls = { \"https://localhost/tsa\" } package = 200 }\n",
	    language, SOURCE_DIR, content);
	if (config_parse(span_of_string(text), "made-up", &hub.config, &report) != 0 ||
	    catalogue_load(&hub.config->catalogue_dirs, language, &hub.catalogue, &report) != 0) {
		config_report_print(&report, stderr);
		abort();
	}
	text_open(language);
	hub.store = hub.partner = hub.transport = (struct channel *)&link;
	hub.replayed = hub.sessions_known = true;
	hub.stamp_book.config = hub.config;
	hub.inbox = hub.inbox != NULL ? hub.inbox : inbox_new(&hub);
	hub.partners[0].config = &hub.config->partners[0];
	hub.partners[0].catalogue = catalogue_partner_find(hub.catalogue, "epo");
	(void)snprintf(hub.store_state, sizeof hub.store_state, "ready");
	hub.replay_next = 1234;
	hub.checkpoint_ms = now_ms - HOUR_MS;
	set_token("ready", 376);
}

/* One case of each state, and what can be said beside it. */
static void add_each_state(void)
{
	struct hub_case *each = add(CASE_HELD, "DPHDP3", 3 * HOUR_MS);

	each->reason = strdup("duplicate");
	(void)snprintf(each->seen, sizeof each->seen, "2026-000001");
	name(each, "přiznání k DPH únor.xml");
	each = add(CASE_UNKNOWN, "", 2 * HOUR_MS);
	each->partner = "";
	each->reason = strdup("no-form");
	name(each, HOSTILE);
	add(CASE_UNCERTAIN, "DPHKH1", 5 * HOUR_MS)->reason = strdup("the sending was cut off");
	add(CASE_FAILED, "DPPDP9", 26 * HOUR_MS)->reason = strdup("certificate");
	add(CASE_SENT, "DPHSHV", 90 * HOUR_MS)->waiting = "no final word came for long: look on the partner's portal";
	add(CASE_RECEIVED, "", 1000);
	add(CASE_READY, "DPHDP3", 60000)->waiting = "waits for the PIN of the token";
	add(CASE_SIGNING, "DPHDP3", 50000)->waiting = "the token signs";
	add(CASE_TESTING, "DPHKH1", 40000);
	add(CASE_SENDING, "DPHKH1", 30000);
	each = add(CASE_SENT, "DPPDP9", HOUR_MS);
	each->waiting = "waits for the partner's word";
	each->due_ms = clock_deadline(20 * 60000);
	each = add(CASE_DONE, "DPHDP3", 20 * HOUR_MS);
	name(each, "přiznání k DPH leden 100 %.xml");
	add(CASE_DATA_ERROR, "DPFDP7", 30 * HOUR_MS)->reason = strdup("rodné číslo 7001011234 chybí");
	add(CASE_REFUSED, "", 40 * HOUR_MS)->reason = strdup("too-large");
	add(CASE_DONE, "DPHKH1", 8 * DAY_MS);
	add(CASE_DELETED, "DPHKH1", HOUR_MS);
}

static const char *render(void)
{
	struct overview overview = { 0 };
	size_t length = 0;
	FILE *to = NULL;

	free(page);
	page = NULL;
	(void)overview_names_load(strdup(names), strlen(names));
	to = open_memstream(&page, &length);
	assert_non_null(to);
	assert_int_equal(overview_collect(&hub, now_ms, &overview), 0);
	overview_write(to, &overview, true);
	overview_free(&overview);
	assert_int_equal(fclose(to), 0);
	return page;
}

static void expect_order(const char *text, ...)
{
	va_list arguments;
	const char *word = NULL, *at = text;

	va_start(arguments, text);
	while ((word = va_arg(arguments, const char *)) != NULL) {
		const char *found = strstr(at, word);

		if (found == NULL) {
			fail_msg("%s does not come after what should stand before it", word);
		}
		at = found;
	}
	va_end(arguments);
}

static size_t count_of(const char *text, const char *word)
{
	size_t count = 0;

	while ((text = strstr(text, word)) != NULL) {
		count++;
		text++;
	}
	return count;
}

/* --- tests --- */

static void test_person_first(void **state)
{
	(void)state;
	make_hub("cs", "numbers");
	add_each_state();
	expect_order(render(), "Čeká na člověka", "2026-000005", "2026-000004", "2026-000003", "2026-000001", "2026-000002", "Zpracovává se", "2026-000011",
	             "2026-000007", "Uzavřeno za posledních 7 dnů", "2026-000012", "2026-000013", "2026-000014", "Krabice", NULL);
	assert_null(strstr(page, "2026-000015")); /* closed longer ago */
	assert_null(strstr(page, "2026-000016")); /* deleted */
	assert_int_equal(count_of(page, "<tr class"), 14);
	assert_non_null(strstr(page, "<title>(5) Přehled podání</title>"));
	assert_non_null(strstr(page, "Dřívější případ je 2026-000001."));
	assert_non_null(strstr(page, "<b>Kdo smí schvalovat:</b> Má-li odejít znovu"));
	assert_non_null(strstr(page, "<b>Obsluha:</b> Nepodávejte je znovu."));
}

static void test_no_personal_data(void **state)
{
	(void)state;
	make_hub("cs", "numbers");
	add_each_state();
	memset(names, 0, sizeof names); /* nobody asks the store for them: overview_names_ready */
	(void)render();
	assert_null(strstr(page, "leden"));
	assert_null(strstr(page, "7001011234"));
	assert_non_null(strstr(page, "Úřad našel chyby v údajích"));
	expect_order(page, "<a href=\"Vyrizeno/20", "/\">2026-000012</a>", NULL);
}

static void test_names_are_escaped(void **state)
{
	(void)state;
	make_hub("cs", "full");
	add_each_state();
	(void)render();
	assert_null(strstr(page, "<img"));
	assert_null(strstr(page, "\xe2\x80\xae"));
	assert_non_null(strstr(page, "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;"));
	expect_order(page, "<a href=\"Vyrizeno/", "/2026-000012%20DPHDP3%20p%C5%99izn%C3%A1n%C3%AD%20k%20DPH%20leden%20100%20%25.xml/\">", NULL);
	assert_non_null(strstr(page, "7001011234")); /* whoever wants names wants reasons too */
}

static void test_bounded(void **state)
{
	(void)state;
	make_hub("en", "numbers");
	for (size_t i = 0; i < 150; i++) {
		add(CASE_HELD, "DPHDP3", HOUR_MS);
		add(CASE_READY, "DPHDP3", HOUR_MS);
		add(i % 2 == 0 ? CASE_DONE : CASE_REFUSED, "DPHDP3", HOUR_MS);
	}
	(void)render();
	assert_int_equal(count_of(page, "<tr class"), OVERVIEW_PERSON_MAX + OVERVIEW_WORK_MAX + OVERVIEW_CLOSED_MAX);
	assert_int_equal(count_of(page, "And 50 more: podatelna list."), 3);
	assert_non_null(strstr(page, "Not accepted: 75."));
	assert_true(strlen(page) < 300000);
}

/* Taken in part: whoever handed the whole in again would file the good part twice. */
static void test_partial(void **state)
{
	(void)state;
	make_hub("en", "numbers");
	add(CASE_DATA_ERROR, "DPHDP3", HOUR_MS)->partial = true;
	add(CASE_DONE, "DPHKH1", HOUR_MS)->warnings = 3;
	(void)render();
	assert_non_null(strstr(page, "Accepted in part only: 1. Hand in only what was refused"));
	assert_null(strstr(page, "Not accepted:"));
	assert_null(strstr(page, "hand the file in again"));
	assert_non_null(strstr(page, ">closed, accepted in part only<"));
	assert_non_null(strstr(page, "The authority took a part of the filing and refused the rest"));
	assert_non_null(strstr(page, ">closed, accepted, with reservations (3)<"));
}

static void test_box(void **state)
{
	(void)state;
	make_hub("en", "numbers");
	set_token("pin-needed", 12);
	hub.stamp_book.accounts[0].used[0] = 190;
	hub.partners[0].failures = 3;
	hub.partners[0].failing_ms = now_ms - 2 * HOUR_MS;
	hub.partners[0].not_before_ms = clock_deadline(600000);
	hub.partners[0].cause = CAUSE_PROXY_FORBIDS;
	(void)render();
	expect_order(page, "The box works, and waits for a person.", "<b>Operator:</b> Token office: it waits for its PIN",
	             "<b>Administrator:</b> The certificate of key qualified ends soon (days left: 12)", "Time stamps of postsignum run out (left: 10)",
	             "Financial Administration (EPO): the proxy does not let the box through", NULL);
	expect_order(page, "Financial Administration (EPO)", "cannot be reached since", "it is tried again by itself at", "test environment", "10 left of 200",
	             "Podatelna 0.", NULL);
	set_token("ready", -1);
	assert_non_null(strstr(render(), "The certificate of key qualified is over"));
	hub.rolled_back = true;
	expect_order(render(), "The box does not work. Call the operator.", "restored from a backup", NULL);
	hub.rolled_back = false;
	(void)snprintf(hub.store_state, sizeof hub.store_state, "read-only");
	expect_order(render(), "verdict bad", "The journal cannot be written", NULL);
	hub.stopping = true;
	(void)render();
	assert_non_null(strstr(page, "The box was switched off."));
	assert_null(strstr(page, "minutes old"));
}

/* The exact time is the only thing that differs between two pages of a box where nothing happened. */
static void test_stable(void **state)
{
	struct overview overview = { 0 };
	char *pages[2] = { NULL, NULL };

	(void)state;
	make_hub("cs", "numbers");
	add_each_state();
	for (size_t i = 0; i < 2; i++) {
		size_t length = 0;
		FILE *to = open_memstream(&pages[i], &length);

		assert_int_equal(overview_collect(&hub, now_ms + (int64_t)i * 700, &overview), 0);
		overview_write(to, &overview, false);
		overview_free(&overview);
		memset(&overview, 0, sizeof overview);
		assert_int_equal(fclose(to), 0);
	}
	assert_string_equal(pages[0], pages[1]);
	free(pages[0]);
	free(pages[1]);
}

/* --- pages for the browser --- */

static void save(const char *folder, const char *file)
{
	char path[4096];
	FILE *to = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.html", folder, file);
	to = fopen(path, "w");
	if (to == NULL || fputs(render(), to) == EOF || fclose(to) != 0) {
		perror(path);
		exit(1);
	}
}

static int save_all(const char *folder)
{
	make_hub("cs", "numbers");
	save(folder, "empty");
	make_hub("cs", "full");
	add_each_state();
	hub.partners[0].failures = 1;
	hub.partners[0].failing_ms = now_ms - HOUR_MS;
	hub.partners[0].not_before_ms = clock_deadline(600000);
	save(folder, "states");
	make_hub("en", "numbers");
	add_each_state();
	save(folder, "english");
	make_hub("cs", "full");
	for (size_t i = 0; i < 500; i++) {
		name(add(i % 50 == 0 ? CASE_REFUSED : CASE_DONE, i % 3 == 0 ? "DPHDP3" : "DPHKH1", HOUR_MS * (int64_t)i / 4), "kontrolní hlášení.xml");
	}
	save(folder, "many");
	make_hub("cs", "numbers");
	set_token("pin-needed", 12);
	hub.stamp_book.accounts[0].used[0] = 195;
	add(CASE_READY, "DPHDP3", HOUR_MS)->waiting = "waits for the PIN of the token";
	save(folder, "pin");
	set_token("ready", -3);
	hub.rolled_back = true;
	save(folder, "stopped");
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_person_first), cmocka_unit_test(test_no_personal_data), cmocka_unit_test(test_names_are_escaped),
		cmocka_unit_test(test_bounded),      cmocka_unit_test(test_partial),          cmocka_unit_test(test_box),
		cmocka_unit_test(test_stable),
	};

	int result = argc > 1 ? save_all(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);

	free_hub();
	free(page);
	(void)overview_names_load(NULL, 0);
	return result;
}
