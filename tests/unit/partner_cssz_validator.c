/* The question to ePodaniValidace and its answers (transport/cssz/validator.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"

#define FORM "<REGZEC xmlns=\"http://schemas.cssz.cz/REGZEC/2025\"><employee sqnr=\"1\"> \n<!-- &amp; --></employee></REGZEC>"
#define DECLARED "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" FORM "\n"
#define ID_SIZE 37

static char id[ID_SIZE];

static char *compose(const char *form, size_t length, int expected)
{
	struct try try;
	char *text = NULL;

	try_begin(&try, "compose", "cssz");
	try_set(&try, "what", "check");
	try_in(&try, form, length);
	try_out(&try);
	assert_int_equal(try_run(&try), expected);
	if (expected == 0) {
		assert_result(&try, "path", "/ePodaniValidace.svc");
		assert_result(&try, "header.2", "SOAPAction: \"ePodaniValidace\"");
		assert_result(&try, "same", "no");
		text = try_output(&try, 2, NULL);
	}
	try_end(&try);
	return text;
}

static void take_id(const char *question, char ret[ID_SIZE])
{
	const char *place = strstr(question, "<PozadavekId>");

	assert_non_null(place);
	(void)snprintf(ret, ID_SIZE, "%s", place + strlen("<PozadavekId>"));
	assert_ptr_equal(place + strlen("<PozadavekId>") + ID_SIZE - 1, strstr(place, "</PozadavekId>"));
	assert_true(ret[14] == '8' && strchr("89ab", ret[19]) != NULL && ret[8] == '-' && ret[23] == '-');
}

static void test_question(void **state)
{
	static const char central[] = "<?xml version='1.0' encoding='windows-1250'?><A xmlns='x'>\xE8</A>";
	char *text = compose(DECLARED, strlen(DECLARED), 0), other[ID_SIZE];

	(void)state;
	take_id(text, id);
	assert_non_null(strstr(text, "</PozadavekCas>\n" FORM "\n</ValidujPodani>")); /* not a sign of the form was changed */
	assert_null(strstr(text, "Z</PozadavekCas>"));
	assert_null(strstr(text, "\xEF\xBB\xBF"));
	free(text);
	text = compose(DECLARED, strlen(DECLARED), 0);
	take_id(text, other);
	assert_string_equal(id, other); /* the same form, the same id */
	free(text);
	text = compose(FORM, strlen(FORM), 0);
	take_id(text, other);
	assert_string_not_equal(id, other);
	free(text);
	text = compose(central, sizeof central - 1, 0);
	assert_non_null(strstr(text, "</PozadavekCas><A xmlns='x'>\xC4\x8D</A></ValidujPodani>"));
	free(text);
	assert_null(compose("<?xml version='1.0' encoding='ebcdic'?><A/>", 42, ERR_UNSUPPORTED));
}

#define ANSWER(who, code, faults)                                                                                                                              \
	"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><R xmlns='urn:cz:isvs:cssz:schemas:ePodaniValidace:v1'><PozadavekId>" who     \
	"</PozadavekId><VysledekKod> " code "\n</VysledekKod>" faults "</R></s:Body></s:Envelope>"
#define FAULT(kind, code, words, form)                                                                                                                         \
	"<Chyba><Kategorie>" kind "</Kategorie><Kod>" code "</Kod><Popis>" words "</Popis><FormularIdentifikace>" form "</FormularIdentifikace></Chyba>"

static const struct {
	const char *reply, *verdict, *errors, *report;
} rows[] = {
	{ ANSWER("%s", "OK", ""), "passed", "-", "" },
	{ ANSWER("%s", "CHYBA", FAULT("Formular", "604", "Chyba &lt;1&gt;", "5") FAULT("Podani", "61", "jinak", "")), "refused", "2",
	  "Formulář 5 [604]: Chyba <1>\r\nPodání jako celek [61]: jinak\r\n" },
	{ ANSWER("%s", "CHYBA", ""), "unavailable", "-", NULL },
	{ ANSWER("%s", "OK", FAULT("Podani", "61", "x", "")), "unavailable", "-", NULL },
	{ ANSWER("%s", "MAYBE", ""), "unavailable", "-", NULL },
	{ ANSWER("00000000-0000-8000-8000-%.0s000000000000", "OK", ""), "unavailable", "-", NULL }, /* about another form */
	{ ANSWER("00000000-0000-8000-8000-%.0s000000000000", "CHYBA", FAULT("Podani", "61", "x", "")), "unavailable", "-", NULL },
	{ "<html>%.0s</html>", "unavailable", "-", NULL },
	{ "oops%.0s", "unavailable", "-", NULL },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct try try;
		char reply[4096], *report = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(reply, sizeof reply, rows[i].reply, id);
#pragma GCC diagnostic pop
		try_begin(&try, "classify", "cssz");
		try_set(&try, "purpose", "check");
		try_in_text(&try, reply);
		try_in_text(&try, DECLARED);
		try_in_text(&try, "");
		try_out(&try);
		try_out(&try);
		assert_int_equal(try_run(&try), 0);
		report = try_output(&try, CLASSIFY_REPORT_OUT, NULL);
		if (strcmp(try_get(&try, "verdict"), rows[i].verdict) != 0 || strcmp(try_get(&try, "errors"), rows[i].errors) != 0 ||
		    (rows[i].report != NULL && strcmp(report, rows[i].report) != 0)) {
			fail_msg("row %zu: %s, %s errors: %s", i, try_get(&try, "verdict"), try_get(&try, "errors"), report);
		}
		assert_result(&try, "evidence", "channel");
		assert_result(&try, "report", strcmp(rows[i].verdict, "refused") == 0 ? "yes" : "no");
		free(report);
		try_end(&try);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_question), cmocka_unit_test(test_answers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
