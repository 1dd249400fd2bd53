/* The interface WS of ČSSZ: what is written, and that its answers mean what those of POX mean. The content of an answer under its seal: tests/e2e/test_cssz_roads.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"
#include "partner_pki.h"
#include "transport/cssz/soap.h"

#define FORM "<REGZEC xmlns=\"http://schemas.cssz.cz/REGZEC/2025\"><employee><comp vs=\"9900000001\"/></employee></REGZEC>"
#define ID "0A1B2C3D4E5F60718293A4B5C6D7E8F9"
#define RECEIPT "class: CSSZ_REGZEC\ncorrelation-id: " ID "\ninterval: 90\nvs: 9900000001\n"

static struct pki_identity *root, *dis;

static int set_up(void **state)
{
	(void)state;
	root = pki_new(PKI_RSA2048, "Test CA", "CSSZ", NULL, -30, 30);
	dis = pki_new(PKI_SERVICE, "DIS.TEST", "CSSZ", root, -10, 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(dis);
	pki_free(root);
	return 0;
}

static void begin(struct try *try, const char *kind)
{
	try_begin(try, kind, "cssz");
	try_set(try, "form", "REGZEC25");
	try_set(try, "url", "https://t-epodani.example");
	try_set(try, "option.road", "ws");
	try_set(try, "option.class", "CSSZ_REGZEC");
	try_set(try, "option.etype", "REGZEC25");
	try_set(try, "option.vs-path", "//employee/comp/@vs");
}

/* --- compose --- */

static char *compose(const char *what, const char *name, const char *value, int expected)
{
	struct try try;
	char *text = NULL;
	bool file = strcmp(what, "file") == 0;

	begin(&try, "compose");
	try_set(&try, "what", what);
	if (name != NULL) {
		try_set(&try, name, value);
	}
	try_in_text(&try, file ? "signature" : RECEIPT);
	if (file) {
		try_in_text(&try, FORM);
		try_set(&try, "encrypt-sha256", dis->sha256);
		try_in_text(&try, dis->pem);
	}
	try_out(&try);
	assert_int_equal(try_run(&try), expected);
	if (expected == 0) {
		assert_result(&try, "path", "/VREP/ws/public.svc");
		assert_result(&try, "same", "no");
		assert_non_null(strstr(try_get(&try, "header.1"), "application/soap+xml; charset=utf-8; action=\"" SOAP_ACTIONS));
	}
	text = try_output(&try, file ? 4 : 2, NULL);
	try_end(&try);
	return text;
}

/* Each stands behind the one before. */
static void assert_in_order(const char *text, const char *const parts[])
{
	for (size_t i = 0; parts[i] != NULL; i++) {
		const char *found = strstr(text, parts[i]);

		if (found == NULL) {
			fail_msg("%s is missing in: %s", parts[i], text);
		} else {
			text = found + strlen(parts[i]);
		}
	}
}

static void test_submit(void **state)
{
	static const char *const whole[] = { "<?xml",
		                             "/IBusinessTransactions/Submit</a:Action><a:MessageID>urn:uuid:",
		                             "<a:To s:mustUnderstand=\"1\">https://t-epodani.example/VREP/ws/public.svc</a:To>",
		                             "<tclass>CSSZ_REGZEC</tclass><bodies><BodyPart><Body><GovTalkMessage ",
		                             "<Message ",
		                             "</Message></Body></GovTalkMessage>",
		                             "</Body><Id>0</Id></BodyPart></bodies><optionals ",
		                             "<ParameterName>email</ParameterName><ParameterType i:nil=\"true\"/><ParameterValue>a&amp;b@example.cz<",
		                             "<ParameterName>key</ParameterName><ParameterType>vars</ParameterType><ParameterValue>9900000001<",
		                             "</Submit></s:Body></s:Envelope>",
		                             NULL };
	char *text = compose("file", "email", "a&b@example.cz", 0);

	(void)state;
	assert_in_order(text, whole);
	assert_null(strstr(text + 1, "<?xml"));
	free(text);
	text = compose("file", "option.ws-body", "message", 0);
	assert_null(strstr(text, "GovTalkMessage"));
	assert_null(strstr(text, "email"));
	assert_non_null(strstr(text, "<BodyPart><Body><Message "));
	free(text);
	free(compose("file", "option.ws-body", "both", ERR_UNSUPPORTED));
	free(compose("file", "option.road", "pigeon", ERR_UNSUPPORTED));
	free(compose("file", "url", "", ERR_FORMAT));
}

static void test_questions(void **state)
{
	char *text = compose("poll", NULL, NULL, 0), *again = compose("poll", NULL, NULL, 0);
	const char *first = strstr(text, "urn:uuid:"), *second = strstr(again, "urn:uuid:");

	(void)state;
	assert_non_null(strstr(text, "<Poll xmlns=\"" SOAP_CONTRACT "\"><correlationid>" ID "</correlationid><optionals "));
	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(strcspn(first, "<"), strlen("urn:uuid:") + 36);
	assert_int_equal(first[strlen("urn:uuid:") + 14], '4');
	assert_memory_not_equal(first, second, strlen("urn:uuid:") + 36); /* each message has an id of its own */
	free(text);
	free(again);
	text = compose("close", NULL, NULL, 0);
	assert_non_null(strstr(text, SOAP_ACTIONS "Dispose</a:Action>"));
	assert_non_null(strstr(text, "<Dispose xmlns=\"" SOAP_CONTRACT "\"><correlationid>" ID "</correlationid>"));
	assert_null(strstr(text, "GovTalkMessage"));
	free(text);
}

static void test_content_knows_the_road(void **state)
{
	static const struct {
		const char *name, *value;
		int expected;
	} rows[] = { { "option.road", "ws", 0 }, { "option.road", "pigeon", ERR_UNSUPPORTED }, { "option.ws-body", "both", ERR_UNSUPPORTED } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct try try;

		begin(&try, "compose");
		try_set(&try, "what", "content");
		try_set(&try, rows[i].name, rows[i].value);
		try_in_text(&try, FORM);
		try_out(&try);
		assert_int_equal(try_run(&try), rows[i].expected);
		try_end(&try);
	}
}

/* --- classify --- */

#define SOAP(body) "<s:Envelope xmlns:s=\"" SOAP_SPACE "\"><s:Header/><s:Body>" body "</s:Body></s:Envelope>"
#define NIL(name) "<" name " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"/>"
#define ANSWER(operation, content, class_name, id, errors, interval, qualifier)                                                                                \
	"<" operation "Response xmlns=\"" SOAP_CONTRACT "\"><" operation "Result>" content "<Class>" class_name "</Class><CorrelationID>" id                   \
	"</CorrelationID><Function>submit</Function><GatewayTimestamp>2026-03-02T10:15:30</GatewayTimestamp>" errors "<PollInterval>" interval                 \
	"</PollInterval><Qualifier>" qualifier "</Qualifier>" NIL("GatewayAdditions") "</" operation "Result></" operation "Response>"
#define EMPTY NIL("BodyBase64XML")
#define NONE NIL("GovTalkErrors")
#define ERRORS(number)                                                                                                                                         \
	"<GovTalkErrors><Errors><Error><GatewayTimeStamp>t</GatewayTimeStamp><Id>0</Id><Location/><Number>" number "</Number><RaisedBy>VREP</RaisedBy>"        \
	"<Text>words</Text><Type>fatal</Type></Error></Errors></GovTalkErrors>"
#define FAULT(detail)                                                                                                                                          \
	"<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">the reason</s:Text></s:Reason>" detail "</s:Fault>"
#define DETAIL(number) "<s:Detail><GGErrorException xmlns=\"" SOAP_CONTRACT "\"><Number>" number "</Number><Text>words</Text></GGErrorException></s:Detail>"
#define TAKEN(interval) ANSWER("Submit", EMPTY, "CSSZ_REGZEC ", ID, NONE, interval, "acknowledgement")
/* <bodies><Body><Message><ProcessingResult/></Message></Body></bodies>, and <bodies><Body></bodies> */
#define RESULT "<BodyBase64XML>PGJvZGllcz48Qm9keT48TWVzc2FnZT48UHJvY2Vzc2luZ1Jlc3VsdC8+\nPC9NZXNzYWdlPjwvQm9keT48L2JvZGllcz4=</BodyBase64XML>"
#define BROKEN "<BodyBase64XML>PGJvZGllcz48Qm9keT48L2JvZGllcz4=</BodyBase64XML>"
#define NO_BASE64 "<BodyBase64XML>!!!</BodyBase64XML>"
#define OTHER_KIND "an answer without the envelope"

static const struct {
	const char *purpose, *status, *reply, *verdict, *reason;
} rows[] = {
	{ "file", "200", SOAP(TAKEN("PT1M30S")), "taken", "-" },
	{ "file", "200", SOAP(ANSWER("Submit", EMPTY, "CSSZ_PVPOJ", ID, NONE, "PT1S", "acknowledgement")), "unknown",
	  "an acknowledgement for another service" },
	{ "file", "200", SOAP(ANSWER("Submit", EMPTY, "CSSZ_REGZEC", "", NONE, "PT1S", "acknowledgement")), "unknown",
	  "an acknowledgement without a usable CorrelationID" },
	{ "file", "200", SOAP(ANSWER("Poll", EMPTY, "CSSZ_REGZEC", ID, NONE, "PT1S", "acknowledgement")), "unknown", OTHER_KIND },
	{ "file", "200", SOAP(ANSWER("Submit", RESULT, "CSSZ_REGZEC", ID, ERRORS("103"), "PT1S", "error")), "signed", "-" },
	{ "file", "200", SOAP(ANSWER("Submit", EMPTY, "CSSZ_REGZEC", "", ERRORS("1020"), "PT1S", "error")), "unavailable",
	  "the gateway says 1020: a CorrelationID where it must be empty" },
	{ "file", "500", SOAP(FAULT(DETAIL("1020"))), "unavailable", "the gateway says 1020: a CorrelationID where it must be empty" },
	{ "file", "200", SOAP(ANSWER("Submit", EMPTY, "CSSZ_REGZEC", ID, ERRORS("1000"), "PT1M30S", "error")), "ask",
	  "the gateway says 1000: an internal failure of the gateway" },
	{ "file", "200", SOAP(ANSWER("Submit", EMPTY, "CSSZ_REGZEC", ID, ERRORS("1020"), "PT1M30S", "error")), "unavailable",
	  "the gateway says 1020: a CorrelationID where it must be empty" },
	{ "file", "200", SOAP(ANSWER("Submit", EMPTY, "CSSZ_PVPOJ", ID, ERRORS("1000"), "PT1M30S", "error")), "unknown",
	  "the gateway says 1000: an internal failure of the gateway" },
	{ "file", "500", SOAP(FAULT(DETAIL("1000"))), "unknown", "the gateway says 1000: an internal failure of the gateway" },
	{ "file", "500", SOAP(FAULT("")), "unknown", "the gateway says an error without a number: the reason" },
	{ "file", "200", SOAP(TAKEN("PT1S") TAKEN("PT1S")), "unknown", OTHER_KIND },
	{ "file", "200", SOAP(""), "unknown", OTHER_KIND },
	{ "file", "200", "<Envelope/>", "unknown", OTHER_KIND },
	{ "file", "200", "<s:Envelope xmlns:s=\"" SOAP_SPACE "\">", "unknown", "an answer that is no XML, or not whole" },
	{ "file", "200", "<s:Envelope xmlns:s=\"" SOAP_SPACE "\"><s:Header>" TAKEN("PT1S") "</s:Header><s:Body/></s:Envelope>", "unknown", OTHER_KIND },
	{ "poll", "200", SOAP(ANSWER("Poll", EMPTY, "CSSZ_REGZEC", ID, NONE, "PT1S", "acknowledgement")), "running", "-" },
	{ "poll", "200", SOAP(ANSWER("Poll", RESULT, "CSSZ_REGZEC", ID, NONE, "PT1S", "response")), "signed", "-" },
	{ "poll", "200", SOAP(ANSWER("Submit", RESULT, "CSSZ_REGZEC", ID, NONE, "PT1S", "response")), "running", OTHER_KIND },
	{ "poll", "200", SOAP(ANSWER("Poll", RESULT RESULT, "CSSZ_REGZEC", ID, NONE, "PT1S", "response")), "running", OTHER_KIND },
	{ "poll", "200", SOAP(ANSWER("Poll", BROKEN, "CSSZ_REGZEC", ID, NONE, "PT1S", "response")), "running", OTHER_KIND },
	{ "poll", "200", SOAP(ANSWER("Poll", NO_BASE64, "CSSZ_REGZEC", ID, NONE, "PT1S", "response")), "running", OTHER_KIND },
	{ "poll", "200", SOAP(ANSWER("Poll", RESULT, "CSSZ_REGZEC", "0000", NONE, "PT1S", "response")), "running", "an answer about another filing" },
	{ "poll", "500", SOAP(FAULT(DETAIL("2000"))), "gone", "the gateway says 2000: the gateway does not know this CorrelationID" },
};

static void test_classify(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct try try;

		begin(&try, "classify");
		try_set(&try, "purpose", rows[i].purpose);
		try_set(&try, "http-status", rows[i].status);
		try_in_text(&try, rows[i].reply);
		try_in_text(&try, FORM);
		try_in_text(&try, rows[i].purpose[0] == 'p' ? RECEIPT : "");
		try_out(&try);
		try_out(&try);
		assert_int_equal(try_run(&try), 0);
		if (strcmp(try_get(&try, "verdict"), rows[i].verdict) != 0 || strcmp(try_get(&try, "reason"), rows[i].reason) != 0) {
			fail_msg("row %zu: %s (%s), not %s (%s)", i, try_get(&try, "verdict"), try_get(&try, "reason"), rows[i].verdict, rows[i].reason);
		}
		if (strcmp(rows[i].verdict, "taken") == 0 || strcmp(rows[i].verdict, "ask") == 0) {
			char *text = try_output(&try, CLASSIFY_RECEIPT_OUT, NULL);

			assert_string_equal(text, "acknowledged: 2026-03-02T10:15:30\n" RECEIPT);
			free(text);
		}
		try_end(&try);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = { { "PT60S", 60 }, { "PT0S", 0 }, { "PT1M", 60 }, { "PT1M30.25S", 91 }, { "P1DT2H", 93600 }, { "P1D", 86400 }, { "PT1H0M5S", 3605 } };
	static const char *const bad[] = { "",
		                           "P",
		                           "PT",
		                           "60",
		                           "PT60",
		                           "PT-1S",
		                           "-PT1S",
		                           "P1M",
		                           "P1Y",
		                           "PT1D",
		                           "P1H",
		                           "PT1S1M",
		                           "PT1S1S",
		                           "PT1.5M",
		                           "PT1.S",
		                           "PT.5S",
		                           "P1DT",
		                           "PTT1S",
		                           "PT1S ",
		                           "PT99999999999999999999S",
		                           "PT999999999S",
		                           "P400D" };
	uint64_t seconds = 0;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(soap_duration_parse(good[i].text, &seconds));
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (soap_duration_parse(bad[i], &seconds)) {
			fail_msg("%s", bad[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_submit),   cmocka_unit_test(test_questions), cmocka_unit_test(test_content_knows_the_road),
		cmocka_unit_test(test_classify), cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
