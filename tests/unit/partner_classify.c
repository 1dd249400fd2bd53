/* Every class of reply (spec/epo 6 to 8, 12), as a table: purpose, status, reply -> verdict. */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "transport/base/digest.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define TEST_REZIM "<Chyba Typ=\"I\" Zkr=\"TEST_REZIM\"><Text>Testovací režim, nic nebylo přijato.</Text></Chyba>"
#define ERROR(typ) "<Chyba Typ=\"" typ "\" Zkr=\"X\" Polozka=\"dic\" Oddil=\"VetaP\" Radek=\"1\"><Text>Chyba.</Text></Chyba>"
#define LIST(errors) HEAD "<Chyby>" errors "</Chyby>"
#define OFFLINE "<Potvrzeni ID_predani=\"PRED0001\" Heslo=\"offline-heslo\"/>"
#define HTML "<!DOCTYPE html><html><body>odst&aacute;vka</body></html>"
#define ORIGINAL "<Pisemnost/>"

struct row {
	const char *purpose, *stage, *status, *reply, *verdict;
	const char *more_name, *more_value; /* one more line of the result */
};

static const struct row rows[] = {
	/* test run */
	{ "test", "", "200", LIST(ERROR("P") TEST_REZIM), "passed", "warnings", "1" },
	{ "test", "", "200", LIST(TEST_REZIM), "passed", "errors", "0" },
	{ "test", "", "200", LIST("<Chyba Typ='I' Zkr='TEST_REZIM'><Text>Jde o rozsáhlé podání.</Text></Chyba>"), "passed", "large", "yes" },
	{ "test", "", "200", LIST(ERROR("I") TEST_REZIM), "passed", NULL, NULL },
	{ "test", "", "200", LIST(ERROR("N") TEST_REZIM), "refused", "errors", "1" },
	{ "test", "", "200", LIST(ERROR("S") TEST_REZIM), "refused", NULL, NULL },
	{ "test", "", "200", LIST(ERROR("K") ERROR("K") ERROR("P") TEST_REZIM), "refused", "errors", "2" },
	{ "test", "", "200", LIST(ERROR("Z") TEST_REZIM), "refused", NULL, NULL },
	{ "test", "", "200", LIST("<Chyba><Text>x</Text></Chyba>" TEST_REZIM), "refused", NULL, NULL },
	{ "test", "", "200", LIST(ERROR("E") TEST_REZIM), "unavailable", NULL, NULL },
	{ "test", "", "200", LIST(ERROR("E") ERROR("K") TEST_REZIM), "refused", NULL, NULL },
	{ "test", "", "200", LIST(ERROR("P")), "unknown", NULL, NULL },
	{ "test", "", "200", LIST(""), "unknown", NULL, NULL },
	{ "test", "", "200", "<Odpoved>" OFFLINE "</Odpoved>", "unknown", "receipt", "no" },
	{ "test", "", "200", "<Pisemnost/>", "unknown", NULL, NULL },
	{ "test", "", "200", "0\x80...", "unknown", NULL, NULL },
	{ "test", "", "200", "nonsense", "unknown", NULL, NULL },
	{ "test", "", "200", "", "unavailable", NULL, NULL },
	{ "test", "", "200", " \n", "unavailable", NULL, NULL },
	{ "test", "", "200", HTML, "unavailable", NULL, NULL },
	{ "test", "", "200", "<html><p></html>", "unavailable", NULL, NULL },
	{ "test", "", "302", "", "unavailable", NULL, NULL },
	{ "test", "", "500", "x", "unavailable", NULL, NULL },
	{ "test", "", "500", LIST(TEST_REZIM), "passed", NULL, NULL },
	{ "test", "", "200", LIST(TEST_REZIM) "<x/>", "unknown", NULL, NULL },
	{ "test", "", "200", "<Chyby>" TEST_REZIM, "unknown", NULL, NULL },
	/* real filing */
	{ "file", "", "200", "0\x82...", "signed", NULL, NULL },
	{ "file", "", "500", "0\x82...", "signed", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("K")), "refused", "report", "yes" },
	{ "file", "", "200", LIST(ERROR("S") ERROR("P")), "refused", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("Z")), "refused", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("E") ERROR("K")), "refused", NULL, NULL },
	{ "file", "", "200", LIST("<Chyba Typ=\"K\" Zkr=\"PODPIS\"><Text>Certifikát není určen pro uznávaný podpis.</Text></Chyba>"), "refused", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("K") TEST_REZIM), "unknown", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("N")), "unknown", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("P")), "unknown", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("I")), "unknown", NULL, NULL },
	{ "file", "", "200", LIST(ERROR("E")), "unknown", NULL, NULL },
	{ "file", "", "200", LIST("<Chyba><Text>x</Text></Chyba>"), "unknown", NULL, NULL },
	{ "file", "", "200", LIST(""), "unknown", NULL, NULL },
	{ "file", "", "200", "<Odpoved>" OFFLINE "</Odpoved>", "taken", "poll", "result" },
	{ "file", "", "200", "<x:Odpoved xmlns:x='urn:y'><x:Potvrzeni ID_predani='1' Heslo='2'/></x:Odpoved>", "taken", "receipt", "yes" },
	{ "file", "", "200", "<Odpoved><Chyby>" ERROR("K") "</Chyby>" OFFLINE "</Odpoved>", "taken", "poll", "result" },
	{ "file", "", "200", "<Chyby>" ERROR("K") OFFLINE "</Chyby>", "taken", NULL, NULL },
	{ "file", "", "200", "<Odpoved><Potvrzeni ID_predani='PRED0001'/></Odpoved>", "unknown", "receipt", "no" },
	{ "file", "", "200", "<Odpoved/>", "unknown", NULL, NULL },
	{ "file", "", "200", "<Odpoved>" OFFLINE, "unknown", "receipt", "no" },
	{ "file", "", "200", "<Pisemnost><Podani Cislo='1' Datum='2030-01-01' Heslo='x'/></Pisemnost>", "unknown", NULL, NULL },
	{ "file", "", "200", "<URL>https://example.invalid/</URL>", "unknown", NULL, NULL },
	{ "file", "", "200", "<Neco/>", "unknown", NULL, NULL },
	{ "file", "", "200", "", "unknown", NULL, NULL },
	{ "file", "", "200", HTML, "unknown", NULL, NULL },
	{ "file", "", "200", "\x01\x02", "unknown", NULL, NULL },
	{ "file", "", "500", HTML, "unknown", NULL, NULL },
	{ "file", "", "404", HTML, "unknown", NULL, NULL },
	{ "file", "", "302", "", "unavailable", NULL, NULL },
	{ "file", "", "303", HTML, "unavailable", NULL, NULL },
	{ "file", "", "302", "<Odpoved>" OFFLINE "</Odpoved>", "taken", NULL, NULL },
	{ "file", "", "200", "<!DOCTYPE Chyby [<!ENTITY a 'b'>]><Chyby>" ERROR("K") "</Chyby>", "unknown", NULL, NULL },
	{ "file", "", "200", "\n\n" LIST(ERROR("K")), "refused", NULL, NULL },
	{ "file", "", "200", "\xef\xbb\xbf" LIST(ERROR("K")), "refused", NULL, NULL },
	/* state */
	{ "poll", "state", "200", "<Stav><por_podani>900000001</por_podani><stav_podapl>3</stav_podapl><stav_podapl_text>Přijato</stav_podapl_text></Stav>",
	  "accepted", "report", "yes" },
	{ "poll", "state", "200", "<Stav stav_podapl=\"2\" stav_podpre=\"1\"/>", "refused", "evidence", "channel" },
	{ "poll", "state", "200", "<Stav stav_podapl=\"1\"/>", "running", "poll", "state" },
	{ "poll", "state", "200", "<Stav stav_podapl='3'><stav_podapl>3</stav_podapl></Stav>", "accepted", NULL, NULL },
	{ "poll", "state", "200", "<Stav stav_podapl='3'><stav_podapl>2</stav_podapl></Stav>", "running", "reason", "the answer contradicts itself" },
	{ "poll", "state", "200", "<Stav><stav_podapl> 3 </stav_podapl></Stav>", "accepted", NULL, NULL },
	{ "poll", "state", "200", "<Stav stav_podapl='7'/>", "running", "reason", "a state that is not known" },
	{ "poll", "state", "200", "<Stav/>", "running", NULL, NULL },
	{ "poll", "state", "200", LIST(ERROR("K")), "unknown", "reason", "not found or wrong password" },
	{ "poll", "state", "200", LIST(ERROR("E")), "running", NULL, NULL },
	{ "poll", "state", "200", "0\x80..", "unknown", NULL, NULL },
	{ "poll", "state", "302", "", "unavailable", NULL, NULL },
	{ "poll", "state", "500", HTML, "running", NULL, NULL },
	{ "poll", "state", "200", "", "running", NULL, NULL },
	{ "poll", "state", "200", "<Stav stav_podapl='3'>", "running", NULL, NULL },
	/* result of an off-line filing */
	{ "poll", "result", "200", "<StavZpracovani Stav=\"1\"/>", "running", "poll", "result" },
	{ "poll", "result", "200", "<StavZpracovani Stav=\"2\"/>", "running", NULL, NULL },
	{ "poll", "result", "200", "<StavZpracovani Stav=\"3\"><Chyby>" ERROR("K") "</Chyby></StavZpracovani>", "refused", "errors", "1" },
	{ "poll", "result", "200", "<StavZpracovani/>", "running", NULL, NULL },
	{ "poll", "result", "200", "0\x82..", "signed", NULL, NULL },
	{ "poll", "result", "200", LIST(ERROR("K")), "unknown", "reason", "not found or wrong password" },
};

static void begin(struct try *try, const struct row *row)
{
	try_begin(try, "classify", "epo");
	try_set(try, "purpose", row->purpose);
	try_set(try, "stage", row->stage);
	try_set(try, "http-status", row->status);
	try_in_text(try, row->reply);
	try_in_text(try, ORIGINAL);
	try_in_text(try, "");
	try_out(try);
	try_out(try);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		struct try try;

		begin(&try, row);
		assert_int_equal(try_run(&try), 0);
		if (strcmp(try_get(&try, "verdict"), row->verdict) != 0) {
			fail_msg("row %zu (%s %s %s): %s, not %s", i, row->purpose, row->status, row->reply, try_get(&try, "verdict"), row->verdict);
		}
		if (row->more_name != NULL && strcmp(try_get(&try, row->more_name), row->more_value) != 0) {
			fail_msg("row %zu: %s is %s", i, row->more_name, try_get(&try, row->more_name));
		}
		try_end(&try);
	}
}

static void one(const char *purpose, const char *status, const char *reply, const char *option, const char *value, const char *verdict)
{
	const struct row row = { purpose, "", status, reply, verdict, NULL, NULL };
	struct try try;

	begin(&try, &row);
	try_set(&try, option, value);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "verdict", verdict);
	try_end(&try);
}

static void test_options(void **state)
{
	(void)state;
	one("test", "200", LIST(ERROR("N") TEST_REZIM), "option.treat-n-as", "passable", "passed");
	one("test", "200", LIST(ERROR("N") TEST_REZIM), "option.treat-n-as", "blocking", "refused");
	one("file", "200", LIST(ERROR("N")), "option.treat-n-as", "passable", "unknown");
	one("file", "302", "", "option.redirect-means", "unknown", "unknown");
	one("file", "302", "", "option.redirect-means", "unavailable", "unavailable");
}

static void test_report_and_receipt(void **state)
{
	static const struct row refused = {
		"file",    "",
		"200",     HEAD "<Chyby>" ERROR("P") "<Chyba Typ='K' Zkr='Y'><Text>A &lt;b&gt;\n&amp; c.</Text></Chyba><Chyba Typ='ZZ' DoplInfo='d'/></Chyby>",
		"refused", NULL,
		NULL
	};
	static const struct row offline = { "file", "", "200", "<Odpoved>" OFFLINE "</Odpoved>", "taken", NULL, NULL };
	struct try try;
	char *text = NULL;

	(void)state;
	begin(&try, &refused);
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, CLASSIFY_REPORT_OUT, NULL);
	assert_string_equal(text, "Propustná chyba [X], věta VetaP, řádek 1, položka dic: Chyba.\r\nKritická chyba [Y]: A <b> & c.\r\n"
	                          "Chyba neznámého druhu:  (d)\r\n");
	free(text);
	try_end(&try);
	begin(&try, &offline);
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, CLASSIFY_RECEIPT_OUT, NULL);
	assert_string_equal(text, "heslo: offline-heslo\nid-predani: PRED0001\n");
	free(text);
	for (size_t i = 0; i < try.job.result.count; i++) {
		assert_null(strstr(try.job.result.values[i], "heslo"));
		assert_null(strstr(try.job.result.values[i], "PRED"));
	}
	try_end(&try);
}

static void test_charset_of_reply(void **state)
{
	static const struct row row = {
		"file",    "",   "200", "<?xml version='1.0' encoding='windows-1250'?><Chyby><Chyba Typ='K'><Text>P\xf8\xedli\x9a</Text></Chyba></Chyby>",
		"refused", NULL, NULL
	};
	struct try try;
	char *text = NULL;

	(void)state;
	begin(&try, &row);
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, CLASSIFY_REPORT_OUT, NULL);
	assert_string_equal(text, "Kritická chyba: Příliš\r\n");
	free(text);
	try_end(&try);
}

/* Thousands of errors: counted all, reported some. */
static void test_many_errors(void **state)
{
	size_t count = 100000, size = sizeof(LIST("")) + count * sizeof(ERROR("K"));
	char *reply = malloc(size), *text = NULL;
	size_t length = 0;
	struct row row = { "test", "", "200", reply, "refused", NULL, NULL };
	struct try try;

	(void)state;
	assert_non_null(reply);
	length = (size_t)snprintf(reply, size, "<Chyby>");
	for (size_t i = 0; i < count; i++) {
		memcpy(reply + length, ERROR("K"), sizeof(ERROR("K")) - 1);
		length += sizeof(ERROR("K")) - 1;
	}
	(void)snprintf(reply + length, size - length, "</Chyby>");
	begin(&try, &row);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "verdict", "refused");
	assert_result(&try, "errors", "100000");
	text = try_output(&try, CLASSIFY_REPORT_OUT, NULL);
	assert_non_null(strstr(text, "… a další, celkem navíc: 99800\r\n"));
	free(text);
	free(reply);
	try_end(&try);
}

static const char *toy(const char *reply_format, const char *sha256, const char *status, struct try *try)
{
	char reply[512];
	const char *mark = strstr(reply_format, "SHA");

	(void)snprintf(reply, sizeof reply, "%.*s%s%s", mark == NULL ? (int)strlen(reply_format) : (int)(mark - reply_format), reply_format,
	               mark == NULL ? "" : sha256, mark == NULL ? "" : mark + 3);
	try_begin(try, "classify", "toy");
	try_set(try, "purpose", "file");
	try_set(try, "http-status", status);
	try_in_text(try, reply);
	try_in_text(try, "<Toy xmlns=\"urn:example:toy\" id=\"t-1\"/>");
	try_in_text(try, "");
	try_out(try);
	try_out(try);
	assert_int_equal(try_run(try), 0);
	return try_get(try, "verdict");
}

static void test_toy(void **state)
{
	EVP_MD_CTX *digest = digest_new("SHA256");
	char sha256[DIGEST_HEX_SIZE];
	struct try try;

	(void)state;
	assert_int_equal(digest_feed(digest, span_of_string("<Toy xmlns=\"urn:example:toy\" id=\"t-1\"/>")), 0);
	assert_int_equal(digest_hex(digest, sha256), 0);
	EVP_MD_CTX_free(digest);
	assert_string_equal(toy("<ToyReceipt id='t-1' sha256='SHA' result='ok'/>", sha256, "200", &try), "accepted");
	assert_result(&try, "evidence", "channel");
	try_end(&try);
	assert_string_equal(toy("<ToyReceipt id='t-1' sha256='SHA' result='bad' reason='r'/>", sha256, "200", &try), "refused");
	try_end(&try);
	assert_string_equal(toy("<ToyReceipt id='' sha256='' result='bad' reason='r'/>", sha256, "200", &try), "refused");
	try_end(&try);
	assert_string_equal(toy("<ToyReceipt id='t-1' sha256='00' result='ok'/>", sha256, "200", &try), "mismatch");
	try_end(&try);
	assert_string_equal(toy("<ToyReceipt id='t-2' sha256='SHA' result='ok'/>", sha256, "200", &try), "mismatch");
	try_end(&try);
	assert_string_equal(toy("", sha256, "200", &try), "unknown");
	try_end(&try);
	assert_string_equal(toy("<html/>", sha256, "500", &try), "unknown");
	try_end(&try);
	assert_string_equal(toy("", sha256, "302", &try), "unavailable");
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_report_and_receipt),
		cmocka_unit_test(test_charset_of_reply),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_toy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
