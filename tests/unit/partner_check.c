/* The partner cssz looks at forms when they come: what it finds unfit, what it says to people then, and what it tells of those that are fit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"

#define EMPLOYEE "<employee><comp vs=\"9900000001\"/></employee>"

static void begin(struct try *try, const char *name, const char *value)
{
	try_begin(try, "check", "cssz");
	try_set(try, "language", "cs");
	try_set(try, "option.class", "CSSZ_REGZEC");
	try_set(try, "option.etype", "REGZEC25");
	try_set(try, "option.vs-path", "//employee/comp/@vs");
	try_set(try, "option.forms-path", "//employee");
	if (name != NULL) {
		try_set(try, name, value);
	}
}

/* So many forms. To be freed. */
static char *make_forms(size_t count)
{
	char *text = malloc(64 + count * sizeof EMPLOYEE), *place = text;

	assert_non_null(text);
	place += sprintf(place, "<REGZEC>");
	for (size_t i = 0; i < count; i++) {
		place += sprintf(place, EMPLOYEE);
	}
	(void)strcpy(place, "</REGZEC>");
	return text;
}

static void check_unfit(const char *form, const char *name, const char *value, const char *reason, const char *words, const char *advice)
{
	struct try try;
	char *report = NULL;
	size_t length = 0;

	begin(&try, name, value);
	try_in_text(&try, form);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "fit", "no");
	assert_result(&try, "reason", reason);
	assert_result(&try, "report", "yes");
	assert_result(&try, "forms", "-");
	report = try_output(&try, 2, &length);
	assert_non_null(strstr(report, words));
	assert_non_null(strstr(report, advice));
	free(report);
	try_end(&try);
}

static void check_fit(const char *form, const char *name, const char *value, const char *forms, const char *deferred)
{
	struct try try;

	begin(&try, name, value);
	try_in_text(&try, form);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "fit", "yes");
	assert_result(&try, "report", "no");
	assert_result(&try, "forms", forms);
	assert_result(&try, "deferred", deferred);
	try_end(&try);
}

static void test_count(void **state)
{
	char *fits = make_forms(1500), *many = make_forms(1501), *below = make_forms(299), *evening = make_forms(300);

	(void)state;
	check_fit("<REGZEC>" EMPLOYEE "</REGZEC>", NULL, NULL, "1", "-");
	check_fit(below, NULL, NULL, "299", "-");
	check_fit(evening, NULL, NULL, "300", "yes");
	check_fit(evening, "option.deferred-from", "301", "300", "-");
	check_fit(evening, "option.deferred-from", "0", "300", "-");
	check_fit(fits, NULL, NULL, "1500", "yes");
	check_unfit(many, NULL, NULL, "there are more forms in it than one filing may have", "více formulářů", "Co udělat: Rozdělte");
	check_unfit("<REGZEC><comp vs='1'/></REGZEC>", "option.vs", "1", "there is no form in it", "žádný formulář", "Co udělat");
	check_unfit("<REGZEC>" EMPLOYEE EMPLOYEE "</REGZEC>", "option.forms-max", "1", "there are several forms in it: exactly one is allowed", "právě jeden",
	            "Opravte data");
	free(fits);
	free(many);
	free(below);
	free(evening);
}

static void test_symbol(void **state)
{
	(void)state;
	check_unfit("<REGZEC><employee/></REGZEC>", NULL, NULL, "there is no variable symbol: neither in the form nor in the configuration", "Chybí",
	            "Porovnejte variabilní symbol");
	check_unfit("<REGZEC><employee><comp vs='1'/></employee><employee><comp vs='2'/></employee></REGZEC>", NULL, NULL,
	            "the form has several variable symbols: one filing may have one", "různé variabilní symboly", "Porovnejte");
	check_unfit("<REGZEC>" EMPLOYEE "</REGZEC>", "option.vs", "9900000002", "the variable symbol in the form is not the configured one", "nastavení",
	            "Porovnejte");
	check_unfit("<REGZEC>" EMPLOYEE "</REGZEC>", "option.etype", "", "the catalogue does not say class and etype of this form", "Katalog", "správci");
	check_unfit("<REGZEC>" EMPLOYEE, NULL, NULL, "the form cannot be read", "nejde přečíst", "Opravte data");
}

/* What counts is the request as it is sent: what can be packed may be longer. */
static void test_size(void **state)
{
	static char text[60000 + 200];
	unsigned seed = 1;
	int at = sprintf(text, "<REGZEC>" EMPLOYEE "<!-- ");

	(void)state;
	memset(text + at, 'a', 60000);
	(void)strcpy(text + at + 60000, " --></REGZEC>");
	check_fit(text, "option.request-max", "60000", "1", "-");
	for (int i = 0; i < 60000; i++) {
		seed = seed * 1103515245U + 12345U;
		text[at + i] = (char)('a' + (seed >> 16) % 26);
	}
	check_fit(text, NULL, NULL, "1", "-");
	check_unfit(text, "option.request-max", "60000", "the request is larger than ČSSZ takes", "větší, než ČSSZ přijímá", "Rozdělte");
}

#define HEAD(kind, package, packages)                                                                                                                          \
	"<hlavicka><idPodani> 018f0000-0000-7000-8000-00000000000A</idPodani><typPodani>" kind "</typPodani><variabilniSymbol>9900000001</variabilniSymbol>"   \
	"<mesic>4</mesic><rok>2026</rok><balikPoradi>" package "</balikPoradi><balikyPocet>" packages "</balikyPocet></hlavicka>"
#define PART(name)                                                                                                                                             \
	"<x xmlns='http://schemas.cssz.cz/JMHZ/" name "/1.0'><form xmlns='http://schemas.cssz.cz/JMHZ/form/1.0'/></x>" /* what is inside a part is no other */
#define REPORT(head, parts) "<jmhz xmlns='http://schemas.cssz.cz/JMHZ/podani/1.0'>" head parts "</jmhz>"

static void begin_report(struct try *try, const char *form, const char *vs)
{
	try_begin(try, "check", "cssz");
	try_set(try, "option.class", "CSSZ_JMHZ");
	try_set(try, "option.etype", "JMHZ25");
	try_set(try, "option.vs", vs);
	try_set(try, "option.report", "jmhz");
	try_in_text(try, form);
	try_out(try);
}

static void check_report(const char *form, const char *act, const char *package, const char *forms, char ret_group[64])
{
	struct try try;

	begin_report(&try, form, "9900000001");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "fit", "yes");
	assert_result(&try, "act", act);
	assert_result(&try, "package", package);
	assert_result(&try, "forms", forms);
	(void)snprintf(ret_group, 64, "%s", try_get(&try, "group"));
	assert_int_equal(strlen(ret_group), 32);
	try_end(&try);
}

static void check_no_report(const char *form, const char *reason, const char *words)
{
	struct try try;
	char *report = NULL;
	size_t length = 0;

	begin_report(&try, form, "9900000001");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "fit", "no");
	assert_result(&try, "reason", reason);
	assert_result(&try, "group", "-");
	report = try_output(&try, 2, &length);
	assert_non_null(strstr(report, words));
	free(report);
	try_end(&try);
}

/* Packages, corrections and the cancellation of a report have one group; those of another firm or report another. */
static void test_report(void **state)
{
	char whole[64], other[64];
	struct try try;

	(void)state;
	check_report(REPORT(HEAD("R", "1", "1"), PART("souhrn") PART("PVPOJ") PART("form") PART("form")), "regular", "1", "4", whole);
	check_report(REPORT(HEAD("R", "2", "3"), PART("form")), "regular", "2", "1", other);
	assert_string_equal(whole, other);
	check_report(REPORT(HEAD("O", "1", "1"), PART("form")), "correction", "1", "1", other);
	assert_string_equal(whole, other);
	check_report(REPORT(HEAD("S", "1", "1"), ""), "cancellation", "1", "0", other);
	assert_string_equal(whole, other);
	begin_report(&try, REPORT(HEAD("O", "1", "1"), PART("form")), "9900000002");
	assert_int_equal(try_run(&try), 0);
	assert_string_not_equal(try_get(&try, "group"), whole);
	try_end(&try);
}

static void test_no_report(void **state)
{
	(void)state;
	check_no_report(REPORT(HEAD("R", "1", "1"), PART("PVPOJ") PART("form")), "a regular report needs its summary, the part PVPOJ and forms",
	                "chybí souhrn");
	check_no_report(REPORT(HEAD("R", "1", "1"), PART("souhrn") PART("PVPOJ")), "a regular report needs its summary, the part PVPOJ and forms", "formuláře");
	check_no_report(REPORT(HEAD("O", "1", "1"), ""), "a correction has nothing in it", "prázdné");
	check_no_report(REPORT(HEAD("S", "1", "1"), PART("form")), "a cancellation must have no forms", "Storno");
	check_no_report(REPORT(HEAD("X", "1", "1"), PART("form")), "the report does not say whether it is regular, a correction or a cancellation (typPodani)",
	                "typPodani");
	check_no_report(REPORT(HEAD("R", "4", "3"), PART("form")), "the report does not say which of its packages this is", "balikPoradi");
	check_no_report(REPORT(HEAD("R", "0", "3"), PART("form")), "the report does not say which of its packages this is", "balikPoradi");
	check_no_report(REPORT("<hlavicka><idPodani>018F0000-0000-7000-8000-0000000000</idPodani></hlavicka>", PART("form")),
	                "the report has no valid identifier (idPodani)", "idPodani");
	check_no_report(REPORT("<x>" HEAD("R", "1", "1") "</x>", PART("form")), "the report has no valid identifier (idPodani)", "idPodani");
}

/* --- the second stage --- */

#define PROTOCOL(id, month, code)                                                                                                                              \
	"<ProtokolOZpracovani xmlns='http://schemas.cssz.cz/JMHZ/ProtokolOZpracovani/2026'><variabilniSymbol> 9900000001 </variabilniSymbol><idPodani>" id     \
	"</idPodani><mesic>" month "</mesic><rok>2026</rok><stavMH><kod>" code "</kod></stavMH><protokoly><protokol><kod>3</kod><chybySeznam><chyba>"          \
	"<castPodani>souhrn</castPodani><kod>40022</kod><popis>Nesed\xc3\xad</popis></chyba></chybySeznam></protokol></protokoly></ProtokolOZpracovani>"
#define ID "018F0000-0000-7000-8000-00000000000A"

#define ANSWER(which)                                                                                                                                          \
	"<DZMHOdpoved xmlns='http://schemas.cssz.cz/JMHZ/dotazNaStav/2025'><variabilniSymbol>9900000001</variabilniSymbol>" which                              \
	"<stavMH><kod>1</kod></stavMH></DZMHOdpoved>"

static void check_protocol(const char *protocol, const char *stage, const char *verdict, const char *evidence)
{
	struct try try;

	try_begin(&try, "classify", "cssz");
	try_set(&try, "purpose", "file");
	try_set(&try, "stage", stage);
	try_set(&try, "http-status", "200");
	try_set(&try, "option.class", "CSSZ_JMHZ");
	try_set(&try, "option.vs", "9900000001");
	try_in_text(&try, protocol);
	try_in_text(&try, REPORT(HEAD("R", "1", "1"), PART("souhrn") PART("PVPOJ") PART("form")));
	try_in_text(&try, "");
	try_out(&try);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "verdict", verdict);
	assert_result(&try, "evidence", evidence);
	if (strcmp(verdict, "refused") == 0) {
		size_t length = 0;
		char *report = try_output(&try, 5, &length);

		assert_result(&try, "report", "yes");
		assert_result(&try, "errors", "1");
		assert_string_equal(report, "souhrn: [40022] Nesed\xc3\xad\r\n");
		free(report);
	}
	try_end(&try);
}

static void test_protocol(void **state)
{
	(void)state;
	check_protocol(PROTOCOL(ID, "4", "1"), "none", "accepted", "person");
	check_protocol(PROTOCOL(ID, "04", "6"), "none", "accepted", "person");
	check_protocol(PROTOCOL(ID, "4", "2"), "none", "refused", "person");
	check_protocol(PROTOCOL(ID, "4", "3"), "none", "refused", "person");
	check_protocol(PROTOCOL(ID, "4", "4"), "none", "partial", "person");
	check_protocol(PROTOCOL(ID, "4", "5"), "none", "unknown", "person");
	check_protocol(PROTOCOL(ID, "4", "7"), "none", "unknown", "person");
	check_protocol(PROTOCOL(ID, "5", "1"), "none", "mismatch", "person");
	check_protocol(PROTOCOL("018F0000-0000-7000-8000-00000000000B", "4", "1"), "none", "mismatch", "person");
	/* An answer to a question (DZMH) says as much, and may leave out one of the two that a report is known by. */
	check_protocol(ANSWER("<mesic>4</mesic><rok>2026</rok>"), "none", "accepted", "person");
	check_protocol(ANSWER("<idPodani>" ID "</idPodani>"), "none", "accepted", "person");
	check_protocol(ANSWER("<idPodani>" ID "</idPodani><mesic>5</mesic><rok>2026</rok>"), "none", "mismatch", "person");
	check_protocol(ANSWER("<idPodani>018F0000-0000-7000-8000-00000000000B</idPodani><mesic>4</mesic><rok>2026</rok>"), "none", "mismatch", "person");
	check_protocol(ANSWER("<x><idPodani>" ID "</idPodani></x>"), "none", "mismatch", "person");
	/* Nothing that answers a filing can pass for what a person attached. */
	check_protocol(PROTOCOL(ID, "4", "1"), "", "unknown", "channel");
	check_protocol(PROTOCOL(ID, "4", "1"), "result", "unknown", "channel");
	check_protocol("<x/>", "none", "unknown", "channel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),  cmocka_unit_test(test_symbol),    cmocka_unit_test(test_size),
		cmocka_unit_test(test_report), cmocka_unit_test(test_no_report), cmocka_unit_test(test_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
