/* The catalogue: what is shipped loads, and messages are matched as they must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/text.h"
#include "config/catalogue.h"

static struct catalogue *load(const char *language)
{
	char *items[] = { (char *)(uintptr_t)(SOURCE_DIR "/config/catalogue"), (char *)(uintptr_t)(SOURCE_DIR "/tests/lib/catalogue") };
	struct config_list directories = { items, 2 };
	struct config_report report = { 0 };
	struct catalogue *catalogue = NULL;

	if (catalogue_load(&directories, language, &catalogue, &report) != 0) {
		config_report_print(&report, stderr);
		fail();
	}
	assert_int_equal(report.count, 0);
	return catalogue;
}

#define XML(child, namespace_uri, root, more)                                                                                                                  \
	"child: " child "\nchildren: 1\ncomplete: yes\ndoctype: no\nencoding: utf-8\nformat: xml\nnamespace: " namespace_uri "\nroot: " root                   \
	"\nwellformed: yes\n" more

static struct catalogue_match match(const struct catalogue *catalogue, const char *facts, const char *folder, const char *name)
{
	struct catalogue_match ret;

	catalogue_match(catalogue, span_of_string(facts), folder, name, &ret);
	return ret;
}

static void test_shipped(void **state)
{
	struct catalogue *catalogue = load("cs");
	const struct catalogue_partner *epo = catalogue_partner_find(catalogue, "epo");
	const struct catalogue_partner *toy = catalogue_partner_find(catalogue, "toy");

	(void)state;
	assert_non_null(epo);
	assert_string_equal(epo->sign_form, "attached-der");
	assert_string_equal(epo->digest, "sha256");
	assert_string_equal(epo->sign_want, "epo");
	assert_true(epo->test_first && epo->compose_content && !epo->stamp);
	assert_int_equal(epo->evidence, CATALOGUE_SIGNED);
	assert_int_equal(epo->poll_first_ms, 60000);
	assert_int_equal(epo->poll_factor, 2);
	assert_int_equal(epo->poll_max_ms, 3600000);
	assert_string_equal(config_option(&epo->options, "zip-forms"), "DPHKH1");
	assert_non_null(toy);
	assert_int_equal(toy->evidence, CATALOGUE_CHANNEL);
	assert_false(toy->test_first);
	assert_string_equal(catalogue_form_find(catalogue, "epo", "DPHKH1")->label.cs, "Kontrolní hlášení DPH");
	assert_true(catalogue_form_find(catalogue, "epo", "DPHKH1")->zip);
	assert_string_equal(catalogue_form_find(catalogue, "epo", "DPXYZ9")->id, "EPO");
	assert_string_equal(catalogue_form_find(catalogue, NULL, "DPHDP3")->id, "DPHDP3");
	assert_null(catalogue_form_find(catalogue, NULL, "DPXYZ9"));
	assert_null(catalogue_form_find(catalogue, "toy", "DPHDP3"));
	catalogue_free(catalogue);
}

static void test_forms(void **state)
{
	struct catalogue *catalogue = load("cs");
	struct catalogue_match found = match(catalogue, XML("DPHDP3", "", "Pisemnost", ""), "", "a.xml");

	(void)state;
	assert_int_equal(found.verdict, CATALOGUE_FORM);
	assert_string_equal(found.id, "DPHDP3");
	assert_string_equal(found.partner->name, "epo");
	assert_string_equal(catalogue_say(catalogue, &found.form->label), "Přiznání k dani z přidané hodnoty");
	assert_string_equal(found.reason, "");

	/* A form that nobody listed is known by its child's name. */
	found = match(catalogue, XML("DPNEW1", "", "Pisemnost", ""), "", "a.xml");
	assert_int_equal(found.verdict, CATALOGUE_FORM);
	assert_string_equal(found.id, "DPNEW1");
	assert_string_equal(found.form->id, "EPO");
	found = match(catalogue, XML("Dlouhá", "", "Pisemnost", ""), "", "a.xml");
	assert_int_equal(found.verdict, CATALOGUE_REFUSED);
	assert_string_equal(found.reason, "form-name");

	found = match(catalogue, XML("Item", "urn:example:toy", "Toy", ""), "", "x.xml");
	assert_int_equal(found.verdict, CATALOGUE_FORM);
	assert_string_equal(found.id, "Toy");
	assert_int_equal(found.form->approval, CONFIG_APPROVAL_NONE);
	found = match(catalogue, XML("Item", "urn:example:toy", "Toy", ""), "", "x-SCHVALIT.xml");
	assert_string_equal(found.id, "ToyApproved");
	assert_int_equal(found.form->approval, CONFIG_APPROVAL_NEEDED);
	catalogue_free(catalogue);
}

static void test_refused(void **state)
{
	struct catalogue *catalogue = load("en");
	static const struct {
		const char *facts, *reason;
		enum catalogue_verdict verdict;
	} cases[] = {
		{ XML("OSSEI1", "", "Pisemnost", ""), "oss-application", CATALOGUE_REFUSED },
		{ XML("OSSRPE", "", "Pisemnost", ""), "oss-application", CATALOGUE_REFUSED },
		{ XML("DPHDP3", "http://adis.mfcr.cz/rozhraniXML/dphdp3/", "Pisemnost", ""), "namespace", CATALOGUE_REFUSED },
		{ XML("", "", "Pisemnost", ""), "namespace", CATALOGUE_REFUSED },
		{ "child: DPHDP3\nchildren: 2\ncomplete: yes\ndoctype: no\nencoding: utf-8\nformat: xml\nnamespace: \nroot: Pisemnost\nwellformed: yes\n",
		  "children", CATALOGUE_REFUSED },
		{ "child: DPHDP3\nchildren: 1\ncomplete: yes\ndoctype: no\nencoding: windows-1250\nformat: xml\nnamespace: \nroot: Pisemnost\nwellformed: "
		  "yes\n",
		  "encoding", CATALOGUE_REFUSED },
		{ "child: DPHDP3\nchildren: 1\ncomplete: yes\ndoctype: yes\nencoding: utf-8\nformat: xml\nnamespace: \nroot: Pisemnost\nwellformed: yes\n",
		  "doctype", CATALOGUE_REFUSED },
		{ "child: DPHDP3\ncomplete: yes\ndoctype: no\nformat: xml\nroot: Pisemnost\nwellformed: no\n", "not-well-formed", CATALOGUE_REFUSED },
		{ "complete: yes\nformat: empty\nsize: 0\n", "empty", CATALOGUE_REFUSED },
		{ "complete: no\nformat: xml\n", "incomplete", CATALOGUE_INCOMPLETE },
		{ "complete: yes\nformat: pdf\n", "no-form-pdf", CATALOGUE_UNKNOWN },
		{ "complete: yes\nformat: zip\n", "no-form-zip", CATALOGUE_UNKNOWN },
		{ "complete: yes\nformat: binary\n", "no-form", CATALOGUE_UNKNOWN },
		{ XML("a", "", "Faktura", ""), "no-form", CATALOGUE_UNKNOWN },
		{ XML("a", "", "Toy", ""), "no-form", CATALOGUE_UNKNOWN },
		{ "b: 1\na: 2\n", "unreadable", CATALOGUE_UNKNOWN },
		{ "", "unreadable", CATALOGUE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct catalogue_match found = match(catalogue, cases[i].facts, "", "a.xml");

		assert_string_equal(found.reason, cases[i].reason);
		assert_int_equal(found.verdict, cases[i].verdict);
		assert_true(found.why[0] != '\0' && found.advice[0] != '\0');
	}
	catalogue_free(catalogue);
}

static void test_folders(void **state)
{
	struct catalogue *catalogue = load("cs");
	const char *facts = XML("DPHDP3", "", "Pisemnost", "");

	(void)state;
	assert_int_equal(match(catalogue, facts, "EPO", "a.xml").verdict, CATALOGUE_FORM);
	assert_int_equal(match(catalogue, facts, "Financni-Sprava", "a.xml").verdict, CATALOGUE_FORM);
	assert_int_equal(match(catalogue, facts, "leden", "a.xml").verdict, CATALOGUE_FORM);
	assert_string_equal(match(catalogue, facts, "toy", "a.xml").reason, "no-form-here");
	assert_int_equal(match(catalogue, facts, "toy", "a.xml").verdict, CATALOGUE_UNKNOWN);
	catalogue_free(catalogue);
}

#define PARTNER(name) "partner \"" name "\" { label_cs = \"x\" label_en = \"x\" evidence = signed }\n"
#define FORM(id, partner) "form \"" id "\" { partner = \"" partner "\" label_cs = \"x\" label_en = \"x\" root = \"R\" }\n"

static void test_ambiguous(void **state)
{
	struct config_report report = { 0 };
	struct catalogue *catalogue = NULL;

	(void)state;
	assert_int_equal(catalogue_parse(span_of_string(PARTNER("a") PARTNER("b") FORM("one", "a") FORM("two", "b")), "c", "en", &catalogue, &report), 0);
	assert_string_equal(match(catalogue, XML("x", "", "R", ""), "", "f").reason, "ambiguous");
	assert_string_equal(match(catalogue, XML("x", "", "R", ""), "b", "f").id, "two");
	catalogue_free(catalogue);
}

static void expect(const char *text, const char *said)
{
	struct config_report report = { 0 };
	struct catalogue *catalogue = NULL;
	char *printed = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&printed, &length);

	assert_non_null(to);
	assert_int_equal(catalogue_parse(span_of_string(text), "c", "en", &catalogue, &report), ERR_FORMAT);
	assert_null(catalogue);
	config_report_print(&report, to);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(printed, said);
	free(printed);
	config_report_free(&report);
}

static void test_findings(void **state)
{
	(void)state;
	expect(PARTNER("a") FORM("one", "b"), "c:2: error: the catalogue has no such partner in this file or before it\n");
	expect(PARTNER("A"), "c:1: error: expected a name of small letters, digits and \"-\"\n");
	expect(PARTNER("a") FORM("one", "a") FORM("one", "a"), "c:3: error: \"form one\" was given on line 2 already\n");
	expect(PARTNER("a") "form \"x y\" {\n partner = a label_cs = x label_en = x\n refuse = \"no\" }\n",
	       "c:2: error: a form in XML needs \"root\" or \"file_name\"\n"
	       "c:2: error: expected a name of letters, digits, \"_\", \".\" and \"-\"\n"
	       "c:4: error: \"refuse\" needs \"refuse_cs\" and \"refuse_en\": what the card says\n");
	expect("partner \"a\" {\n label_cs = x\n evidence = hearsay\n poll_first = \"2 h\"\n flavour = 1\n}\nlanguage = cs\n",
	       "c:1: error: \"label_en\" is missing in \"partner\"\n"
	       "c:1: error: \"poll_max\" is less than \"poll_first\"\n"
	       "c:3: error: \"evidence\": expected one of signed|channel; found \"hearsay\"\n"
	       "c:5: error: unknown key \"flavour\" in \"partner\"\n"
	       "c:7: error: unknown key \"language\"\n");
}

static void test_missing_directory(void **state)
{
	char *items[] = { (char *)(uintptr_t) "/nonexistent" };
	struct config_list directories = { items, 1 };
	struct config_report report = { 0 };
	struct catalogue *catalogue = NULL;

	(void)state;
	assert_int_equal(catalogue_load(&directories, "cs", &catalogue, &report), ERR_NOTFOUND);
	assert_int_equal(report.errors, 1);
	config_report_free(&report);
}

/* Labels: those of the form before those of the partner, in the language of the catalogue; malformed ones are found with their line. */
static void test_labels(void **state)
{
	static const char faulty[] = "partner \"p\" { label_cs = \"P\" label_en = \"P\" evidence = \"signed\" }\n"
	                             "labels \"a\" { partner = \"p\"\nlabels = { \"@x=Jedna|One\", \"Prvek=Dvě|Two\" } }\n"
	                             "labels \"b\" { partner = \"p\" form = \"F\" labels = { \"Prvek=Tři|Three\" } }\n";
	static const char *const wrong[] = { "x", "=a|b", "x=a", "x=a|", "x=|b", "x y=a|b", "a@=a|b", "a@b@c=a|b", "x=a|b|c" };
	struct catalogue *catalogue = load("cs");
	struct config_report report = { 0 };
	char text[65536];

	(void)state;
	assert_true(catalogue_labels_write(catalogue, "epo", "DPHDP3", text, sizeof text) > 1000);
	assert_non_null(strstr(text, "@rok=Rok\n"));
	assert_non_null(strstr(text, "Veta6@dano_da=ř. 64 Vlastní daň\n"));
	assert_null(strstr(text, "VetaA4="));
	assert_int_equal(catalogue_labels_write(catalogue, "epo", "DPHDP3", text, 100), ERR_LIMIT);
	assert_int_equal(catalogue_labels_write(catalogue, "nobody", "DPHDP3", text, sizeof text), 0);
	catalogue_free(catalogue);
	assert_int_equal(catalogue_parse(span_of_string(faulty), "f", "en", &catalogue, &report), 0);
	assert_int_equal(catalogue_labels_write(catalogue, "p", "F", text, sizeof text), 29);
	assert_string_equal(text, "Prvek=Three\n@x=One\nPrvek=Two\n");
	catalogue_free(catalogue);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		(void)snprintf(text, sizeof text, "labels \"a\" { partner = \"p\"\nlabels = { \"%s\" } }", wrong[i]);
		assert_int_equal(catalogue_parse(span_of_string(text), "f", "en", &catalogue, &report), ERR_FORMAT);
		assert_int_equal(report.count, 1);
		assert_int_equal(report.findings[0].line, 2);
		config_report_free(&report);
	}
}

/* Recognised, so that people learn why; never sent. What has a root of its own is not taken for them by its name. */
static void test_closed(void **state)
{
	static const struct {
		const char *file, *root, *reason;
	} cases[] = {
		{ "POSTP09_2026.xml", "studium", "schema-unknown" },
		{ "zzvdpn20.xml", "ZZVDPN", "schema-unknown" },
		{ "VPDPP24-10.xml", "x", "schema-unknown" },
		{ "NPOSVC25.xml", "x", "schema-unknown" },
		{ "a.xml", "PRIHL", "abolished" },
		{ "HPN10.xml", "x", "abolished" },
		{ "HPN18.xml", "x", "abolished" },
	};
	struct catalogue *catalogue = load("cs");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char facts[512];
		const char *why = "", *advice = "";
		struct catalogue_match found;

		(void)snprintf(facts, sizeof facts, XML("x", "", "%s", ""), cases[i].root);
		found = match(catalogue, facts, "", cases[i].file);
		assert_int_equal(found.verdict, CATALOGUE_REFUSED);
		assert_string_equal(found.reason, cases[i].reason);
		assert_true(catalogue_explain(catalogue, found.reason, &why, &advice));
		assert_string_equal(why, found.why);
		assert_string_equal(advice, found.advice);
	}
	assert_string_equal(match(catalogue, XML("employee", "http://schemas.cssz.cz/REGZEC/2025", "REGZEC", ""), "", "HPN18.xml").id, "REGZEC25");
	assert_string_equal(match(catalogue, XML("x", "", "neco", ""), "", "hpn.xml").reason, "no-form");
	catalogue_free(catalogue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed),    cmocka_unit_test(test_labels),   cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_forms),     cmocka_unit_test(test_refused),  cmocka_unit_test(test_folders),
		cmocka_unit_test(test_ambiguous), cmocka_unit_test(test_findings), cmocka_unit_test(test_missing_directory),
	};

	text_open("en");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
