#include "partner_help.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"

#define FORM                                                                                                                                                   \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Pisemnost nazevSW=\"PRIKLAD\" verzeSW=\"0.1\">\n"                                                        \
	"  <DPHDP3 verzePis=\"01.02\"><VetaD dokument=\"DP3\" rok=\"2030\" mesic=\"1\"/><VetaP zkrobchjm=\"Ukázka &amp; spol.\"/></DPHDP3>\n"                 \
	"  <!-- konec --></Pisemnost>\n"

static void recognise(struct try *try, const void *data, size_t length)
{
	try_begin(try, "recognise", "");
	try_in(try, data, length);
	assert_int_equal(try_run(try), 0);
}

static void recognise_text(struct try *try, const char *text)
{
	recognise(try, text, strlen(text));
}

static void test_form(void **state)
{
	struct try try;

	(void)state;
	recognise_text(&try, FORM);
	assert_result(&try, "format", "xml");
	assert_result(&try, "complete", "yes");
	assert_result(&try, "wellformed", "yes");
	assert_result(&try, "doctype", "no");
	assert_result(&try, "root", "Pisemnost");
	assert_result(&try, "namespace", "");
	assert_result(&try, "child", "DPHDP3");
	assert_result(&try, "children", "1");
	assert_result(&try, "version", "01.02");
	assert_result(&try, "encoding", "utf-8");
	assert_result(&try, "period", "2030-01");
	assert_int_equal(atoi(try_get(&try, "size")), (int)strlen(FORM));
	try_end(&try);
}

static void test_periods_and_namespace(void **state)
{
	struct try try;

	(void)state;
	recognise_text(&try, "<Pisemnost><DPHKH1 verzePis='03'><VetaD rok='2030' ctvrt='4'/></DPHKH1></Pisemnost>");
	assert_result(&try, "period", "2030-Q4");
	try_end(&try);
	recognise_text(&try, "<Pisemnost><DPFDP7><VetaD rok='2030'/></DPFDP7><Dalsi/></Pisemnost>");
	assert_result(&try, "period", "2030");
	assert_result(&try, "children", "2");
	assert_result(&try, "version", "-");
	try_end(&try);
	recognise_text(&try, "<x:Toy xmlns:x='urn:example:toy' id='1'/>");
	assert_result(&try, "root", "Toy");
	assert_result(&try, "namespace", "urn:example:toy");
	assert_result(&try, "child", "-");
	assert_result(&try, "children", "0");
	try_end(&try);
	recognise_text(&try, "<Pisemnost><A verzePis='x&#10;y'><VetaD rok='20 30' mesic='1'/></A></Pisemnost>");
	assert_result(&try, "version", "x y");
	assert_result(&try, "period", "-");
	try_end(&try);
}

/* Every proper beginning is a copy under way; the whole is complete from the last > on. */
static void test_every_beginning(void **state)
{
	const char *end = strrchr(FORM, '>');
	size_t whole = (size_t)(end - FORM) + 1;
	struct try try;

	(void)state;
	for (size_t length = 1; length < whole; length++) {
		recognise(&try, FORM, length);
		if (strcmp(try_get(&try, "complete"), "no") != 0) {
			fail_msg("the first %zu bytes count as complete: %s", length, try_get(&try, "fault"));
		}
		assert_result(&try, "wellformed", "no");
		try_end(&try);
	}
	recognise(&try, FORM, whole);
	assert_result(&try, "complete", "yes");
	try_end(&try);
}

static void test_presized(void **state)
{
	char text[sizeof FORM + 512] = FORM;
	struct try try;

	(void)state;
	recognise(&try, text, sizeof text);
	assert_result(&try, "format", "xml");
	assert_result(&try, "complete", "no");
	try_end(&try);
	memset(text, 0, sizeof text);
	recognise(&try, text, sizeof text);
	assert_result(&try, "format", "binary");
	assert_result(&try, "complete", "no");
	try_end(&try);
	recognise(&try, text, 0);
	assert_result(&try, "format", "empty");
	assert_result(&try, "complete", "no");
	assert_result(&try, "size", "0");
	try_end(&try);
}

static void test_broken_xml(void **state)
{
	struct try try;

	(void)state;
	recognise_text(&try, "<Pisemnost>\n<A></B>\n</Pisemnost>\n");
	assert_result(&try, "wellformed", "no");
	assert_result(&try, "complete", "yes");
	assert_result(&try, "fault", "line 2: an end tag does not match its start tag");
	try_end(&try);
	recognise_text(&try, "<A>x & y</A>");
	assert_result(&try, "wellformed", "no");
	assert_result(&try, "complete", "yes");
	try_end(&try);
	recognise_text(&try, "<A/><B/>");
	assert_result(&try, "wellformed", "no");
	try_end(&try);
	recognise_text(&try, "<p:A/>");
	assert_result(&try, "fault", "line 1: a prefix without its namespace");
	try_end(&try);
	recognise_text(&try, "<A>\x9e</A>");
	assert_result(&try, "wellformed", "no");
	try_end(&try);
}

static void test_doctype(void **state)
{
	static const char *const bombs[] = {
		"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
		"<!DOCTYPE a [<!ENTITY b \"cccccccccc\"><!ENTITY d \"&b;&b;&b;&b;&b;&b;\">]><a>&d;</a>",
		"<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY x SYSTEM 'http://example.invalid/'>]><a>&x;</a>",
	};
	struct try try;

	(void)state;
	for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
		recognise_text(&try, bombs[i]);
		assert_result(&try, "doctype", "yes");
		assert_result(&try, "wellformed", "no");
		assert_result(&try, "root", "-");
		try_end(&try);
	}
	recognise_text(&try, "<a>&b;</a>");
	assert_result(&try, "fault", "line 1: an entity that is not one of the five of XML");
	try_end(&try);
}

static void test_encodings(void **state)
{
	static const char utf16[] = "\xff\xfe<\0A\0/\0>\0";
	struct try try;

	(void)state;
	recognise_text(&try, "<?xml version=\"1.0\" encoding=\"Windows-1250\"?><A b=\"P\xf8\xedklad\x9e\"/>");
	assert_result(&try, "encoding", "windows-1250");
	assert_result(&try, "wellformed", "yes");
	try_end(&try);
	recognise_text(&try, "<?xml version='1.0' standalone='yes' encoding = 'ISO-8859-2' ?><A b=\"P\xf8\"/>");
	try_end(&try);
	recognise_text(&try, "<?xml version='1.0' encoding='shift_jis'?><A/>");
	assert_result(&try, "encoding", "shift_jis");
	assert_result(&try, "fault", "line 1: the encoding is not accepted");
	try_end(&try);
	recognise(&try, utf16, sizeof utf16 - 1);
	assert_result(&try, "format", "xml");
	assert_result(&try, "wellformed", "no");
	try_end(&try);
	recognise_text(&try, "\xef\xbb\xbf<A/>");
	assert_result(&try, "format", "xml");
	assert_result(&try, "wellformed", "yes");
	try_end(&try);
}

static void test_other_formats(void **state)
{
	static const char zip[] = "PK\x03\x04....PK\x05\x06\0\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\2\0ok";
	static const uint8_t der[] = { 0x30, 0x82, 0x00, 0x04, 0x04, 0x02, 0x01, 0x00 };
	static const uint8_t ber[] = { 0x30, 0x80, 0x06, 0x01, 0x2a, 0xa0, 0x80, 0x04, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 };
	struct try try;

	(void)state;
	recognise(&try, zip, sizeof zip - 1);
	assert_result(&try, "format", "zip");
	assert_result(&try, "complete", "yes");
	try_end(&try);
	recognise(&try, zip, sizeof zip - 2);
	assert_result(&try, "complete", "no");
	try_end(&try);
	for (size_t length = 3; length <= sizeof der; length++) {
		recognise(&try, der, length);
		assert_result(&try, "format", "cms");
		assert_result(&try, "complete", length == sizeof der ? "yes" : "no");
		try_end(&try);
	}
	for (size_t length = 2; length <= sizeof ber; length++) {
		recognise(&try, ber, length);
		assert_result(&try, "format", "cms");
		assert_result(&try, "complete", length == sizeof ber ? "yes" : "no");
		try_end(&try);
	}
	recognise_text(&try, "%PDF-1.7\n...\n%%EOF\n");
	assert_result(&try, "format", "pdf");
	assert_result(&try, "complete", "yes");
	try_end(&try);
	recognise_text(&try, "%PDF-1.7\n...\n");
	assert_result(&try, "complete", "no");
	try_end(&try);
	recognise_text(&try, "hello");
	assert_result(&try, "format", "binary");
	assert_result(&try, "complete", "yes");
	try_end(&try);
}

static void test_limit(void **state)
{
	struct try try;

	(void)state;
	try_begin(&try, "recognise", "");
	try_set(&try, "limit", "10");
	try_in_text(&try, "<aaaaaaaaaaaaaaaa/>");
	assert_int_equal(try_run(&try), ERR_LIMIT);
	assert_result(&try, "format", "xml");
	try_end(&try);
	try_begin(&try, "nonsense", "");
	assert_int_equal(try_run(&try), ERR_UNSUPPORTED);
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_periods_and_namespace),
		cmocka_unit_test(test_every_beginning),
		cmocka_unit_test(test_presized),
		cmocka_unit_test(test_broken_xml),
		cmocka_unit_test(test_doctype),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_other_formats),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
