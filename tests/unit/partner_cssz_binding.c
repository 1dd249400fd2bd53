/* Is a sealed result one of this filing (transport/cssz/binding.h): what it repeats of the form, by the options of the catalogue, and when it was sealed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "partner_help.h"
#include "transport/base/partner.h"

#define TEXT_SIZE 16384
#define FORM                                                                                                                                                   \
	"<REGZEC xmlns=\"http://schemas.cssz.cz/REGZEC/2025\"><employee sqnr=\"5\"><comp vs=\"9900000001\"/><client bno=\"700101/0001\"/></employee>"          \
	"<employee sqnr=\"6\"><comp vs=\"9900000001\"/><rc> 7002<!-- -->010002\n</rc><guid>018f0000-0000-7000-8000-00000000000a</guid></employee></REGZEC>"
#define EVERYTHING "count|number|person"

#define RESULT(result, count, items)                                                                                                                           \
	"<ProcessingResult type=\"CSSZ_REGZEC\" result=\"" result "\" errNumber=\"0\" count=\"" count "\">" items "</ProcessingResult>"
#define ITEM(number, identifier, subtype, result)                                                                                                              \
	"<Item sqnr=\"" number "\" identifier=\"" identifier "\" subtype=\"" subtype "\" result=\"" result "\" errMsg=\"\" errNum=\"\"/>"
#define WHOLE ITEM("", "", "REGZEC25", "OK")
#define FIRST ITEM("5", "7001010001;11;22", "REGZEC25", "OK")
#define SECOND ITEM("6", "7002010002", " REGZEC25", "OK")

static const struct {
	const char *result, *echoes, *subtypes, *verdict, *why;
} rows[] = {
	{ RESULT("OK", "2", WHOLE FIRST SECOND), EVERYTHING, "REGZEC25", "accepted", NULL },
	{ RESULT("OK", "2", WHOLE), EVERYTHING, "REGZEC25", "accepted", NULL }, /* not every form is named */
	{ RESULT("OK", "2", WHOLE FIRST FIRST), EVERYTHING, "A|REGZEC25", "accepted", NULL },
	{ RESULT("OK", "2", WHOLE ITEM("018F0000-0000-7000-8000-00000000000A", ";", "", "OK")), EVERYTHING, "REGZEC25", "accepted", NULL },
	{ RESULT("OK", "3", WHOLE FIRST SECOND), EVERYTHING, "REGZEC25", "mismatch", "counts" },
	{ RESULT("OK", "1", WHOLE FIRST), EVERYTHING, "REGZEC25", "mismatch", "counts" },
	{ RESULT("OK", "3", WHOLE FIRST SECOND), "number|person", "REGZEC25", "accepted", NULL },
	{ RESULT("OK", "2", WHOLE FIRST SECOND FIRST), EVERYTHING, "", "mismatch", "counts" },
	{ RESULT("OK", "2", WHOLE FIRST ITEM("7", "7002010002", "", "OK")), EVERYTHING, "", "mismatch", "names" },
	{ RESULT("OK", "2", WHOLE FIRST ITEM("7", "7002010002", "", "OK")), "count|person", "", "accepted", NULL },
	{ RESULT("OK", "2", WHOLE FIRST ITEM("6", "7002010003", "", "OK")), EVERYTHING, "", "mismatch", "names" },
	{ RESULT("OK", "2", WHOLE FIRST ITEM("6", "700201000", "", "OK")), EVERYTHING, "", "mismatch", "names" }, /* the whole value, not a part of it */
	{ RESULT("OK", "2", WHOLE FIRST ITEM("6", "7002010003", "", "OK")), "count|number", "", "accepted", NULL },
	{ RESULT("OK", "2", ITEM("", "", "PREZEC26", "OK") FIRST), EVERYTHING, "REGZEC25", "mismatch", "another kind" },
	{ RESULT("OK", "2", WHOLE ITEM("5", "", "HZUPN20", "OK")), EVERYTHING, "NEMPRI25|REGZEC25", "mismatch", "another kind" },
	{ RESULT("OK", "2", WHOLE ITEM("5", "", "HZUPN20", "OK")), EVERYTHING, "", "accepted", NULL },
	/* A refusal of another filing does not close this one either. */
	{ RESULT("ERROR", "1", WHOLE ITEM("5", "7003010003", "REGZEC25", "ERROR")), EVERYTHING, "REGZEC25", "mismatch", "counts" },
	{ RESULT("ERROR", "2", WHOLE ITEM("5", "7003010003", "REGZEC25", "ERROR")), EVERYTHING, "REGZEC25", "mismatch", "names" },
	{ RESULT("ERROR", "2", WHOLE ITEM("5", "7001010001", "REGZEC25", "ERROR")), EVERYTHING, "REGZEC25", "refused", NULL },
	{ RESULT("ERROR", "1", "<Item sqnr=\"\" identifier=\"\" subtype=\"\" result=\"\"/>"), EVERYTHING, "REGZEC25", "refused",
	  NULL },                                                                         /* before it was counted */
	{ RESULT("OK", "9", WHOLE ITEM("9", "9", "9", "OK")), "", "", "accepted", NULL }, /* a service of which nothing is known */
};

/* As the store hands it over: a stream that is there once. */
static void try_in_stream(struct try *try, const char *text)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), (int)strlen(text));
	assert_int_equal(close(ends[1]), 0);
	try->job.fds[try->job.fd_count++] = ends[0];
}

static void classify(const char *content, const char *receipt, const char *echoes, const char *subtypes, const char *verdict, const char *why)
{
	struct try try;

	try_begin(&try, "classify", "cssz");
	try_set(&try, "form", "REGZEC25");
	try_set(&try, "purpose", "confirmation");
	try_set(&try, "option.class", "CSSZ_REGZEC");
	try_set(&try, "option.vs-path", "//employee/comp/@vs");
	try_set(&try, "option.forms-path", "//employee");
	try_set(&try, "option.partial", "no");
	try_set(&try, "option.echoes", echoes);
	try_set(&try, "option.subtypes", subtypes);
	try_in_text(&try, content);
	try_in_stream(&try, FORM);
	try_in_text(&try, receipt);
	try_out(&try);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	if (strcmp(try_get(&try, "verdict"), verdict) != 0 || (why != NULL && strstr(try_get(&try, "reason"), why) == NULL)) {
		fail_msg("%s (%s), not %s (%s): %s", try_get(&try, "verdict"), try_get(&try, "reason"), verdict, why == NULL ? "" : why, content);
	}
	try_end(&try);
}

static void test_echoes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char content[TEXT_SIZE];

		(void)snprintf(content, sizeof content, "<Message><Body>%s</Body></Message>", rows[i].result);
		classify(content, "", rows[i].echoes, rows[i].subtypes, rows[i].verdict, rows[i].why);
	}
}

/* As many as one filing may have pass, one more does not. */
static void test_most(void **state)
{
	size_t size = (size_t)1 << 20;
	char *content = malloc(size);

	(void)state;
	assert_non_null(content);
	for (size_t count = 1502; count <= 1503; count++) {
		size_t length = (size_t)snprintf(content, size, "<Message><ProcessingResult type=\"CSSZ_REGZEC\" result=\"OK\" count=\"2\">");

		for (size_t i = 0; i < count; i++) {
			length +=
			    (size_t)snprintf(content + length, size - length, "<Item sqnr=\"%d\" identifier=\"7001010001\" result=\"OK\"/>", 5 + (int)(i % 2));
		}
		(void)snprintf(content + length, size - length, "</ProcessingResult></Message>");
		classify(content, "", "number|person", "", count == 1502 ? "accepted" : "mismatch", NULL);
	}
	free(content);
}

static void test_moment(void **state)
{
	static const struct {
		const char *date, *time, *acknowledged, *verdict;
	} moments[] = {
		{ "20260302", "09:16:58", "2026-03-02T10:15:30.123", "accepted" },
		{ "20260302", "09:06:00", "2026-03-02T10:15:30.123", "accepted" }, /* two clocks, up to ten minutes apart */
		{ "20260302", "09:05:00", "2026-03-02T10:15:30.123", "mismatch" },
		{ "20260202", "09:16:58", "2026-03-02T10:15:30", "mismatch" },
		{ "20260702", "08:16:58", "2026-07-02T10:15:30", "accepted" }, /* summer time: two hours */
		{ "20260702", "08:05:00", "2026-07-02T10:15:30", "mismatch" },
		{ "20260202", "09:16:58", "", "accepted" }, /* what is not told or not readable is not compared */
		{ "20260202", "09:16:58", "yesterday", "accepted" },
		{ "", "09:16:58", "2026-03-02T10:15:30", "accepted" },
		{ "20260202", "9", "2026-03-02T10:15:30", "accepted" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
		char content[TEXT_SIZE], receipt[256];

		(void)snprintf(content, sizeof content,
		               "<Message><Header><Signature xmlns=\"http://www.cssz.cz/emp/timestamp\"><TimeStamp><date>%s</date><time>%s</time></TimeStamp>"
		               "</Signature></Header><Body>%s</Body></Message>",
		               moments[i].date, moments[i].time, RESULT("OK", "2", WHOLE FIRST));
		(void)snprintf(receipt, sizeof receipt, "acknowledged: %s\nclass: CSSZ_REGZEC\n", moments[i].acknowledged);
		classify(content, receipt, EVERYTHING, "REGZEC25", moments[i].verdict, strcmp(moments[i].verdict, "mismatch") == 0 ? "before" : NULL);
	}
}

/* When it was acknowledged is kept with the identifier. */
static void test_acknowledged(void **state)
{
	struct try try;
	char *text = NULL;

	(void)state;
	try_begin(&try, "classify", "cssz");
	try_set(&try, "form", "REGZEC25");
	try_set(&try, "purpose", "file");
	try_set(&try, "http-status", "200");
	try_set(&try, "option.class", "CSSZ_REGZEC");
	try_set(&try, "option.vs-path", "//employee/comp/@vs");
	try_in_text(&try, "<GovTalkMessage xmlns=\"http://www.govtalk.gov.uk/CM/envelope\"><Header><MessageDetails><Class>CSSZ_REGZEC</Class>"
	                  "<Qualifier>acknowledgement</Qualifier><CorrelationID>0A1B</CorrelationID>"
	                  "<GatewayTimestamp>2026-03-02T10:15:30.123</GatewayTimestamp></MessageDetails></Header><Body/></GovTalkMessage>");
	try_in_stream(&try, FORM);
	try_in_text(&try, "");
	try_out(&try);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "verdict", "taken");
	text = try_output(&try, CLASSIFY_RECEIPT_OUT, NULL);
	assert_non_null(strstr(text, "acknowledged: 2026-03-02T10:15:30.123\n"));
	free(text);
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_echoes), cmocka_unit_test(test_most), cmocka_unit_test(test_moment),
		                            cmocka_unit_test(test_acknowledged) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
