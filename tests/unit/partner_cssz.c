/* The partner cssz by itself: what is composed opens and verifies with OpenSSL, answers get their verdicts, and the seal holds or not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"
#include "partner_pki.h"

#define FORM                                                                                                                                                   \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<REGZEC xmlns=\"http://schemas.cssz.cz/REGZEC/2025\"><employee><comp vs=\"9900000001\"/></employee>"      \
	"<employee><comp vs=\"9900000001\"/></employee></REGZEC>"
#define ID "0A1B2C3D4E5F60718293A4B5C6D7E8F9"
#define RECEIPT "class: CSSZ_REGZEC\ncorrelation-id: " ID "\ninterval: 60\nvs: 9900000001\n"
#define TEXT_SIZE 32768

static struct pki_identity *root, *dis, *other;

static int set_up(void **state)
{
	(void)state;
	root = pki_new(PKI_RSA2048, "Test CA", "CSSZ", NULL, -30, 30);
	dis = pki_new(PKI_SERVICE, "DIS.TEST", "CSSZ", root, -10, 10);
	other = pki_new(PKI_SERVICE, "DIS.OTHER", "CSSZ", root, -10, 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(dis);
	pki_free(other);
	pki_free(root);
	return 0;
}

static void begin(struct try *try, const char *kind)
{
	try_begin(try, kind, "cssz");
	try_set(try, "form", "REGZEC25");
	try_set(try, "option.class", "CSSZ_REGZEC");
	try_set(try, "option.etype", "REGZEC25");
	try_set(try, "option.vs-path", "//employee/comp/@vs");
	try_set(try, "option.forms-path", "//employee");
}

/* --- compose --- */

static int compose_content(const char *form, const char *name, const char *value, char *ret_why, size_t size)
{
	struct try try;
	int err = 0;

	begin(&try, "compose");
	try_set(&try, "what", "content");
	if (name != NULL) {
		try_set(&try, name, value);
	}
	try_in_text(&try, form);
	try_out(&try);
	err = try_run(&try);
	(void)snprintf(ret_why, size, "%s", err == 0 ? try_get(&try, "same") : try.job.reason);
	try_end(&try);
	return err;
}

static void test_content(void **state)
{
	char why[JOB_REASON_MAX_BYTES], *many = NULL, *place = NULL;

	(void)state;
	assert_int_equal(compose_content(FORM, NULL, NULL, why, sizeof why), 0);
	assert_string_equal(why, "yes");
	assert_int_equal(compose_content(FORM, "option.vs", "9900000001", why, sizeof why), 0);
	assert_int_equal(compose_content(FORM, "option.vs", "9900000002", why, sizeof why), ERR_FORMAT);
	assert_string_equal(why, "the variable symbol in the form is not the configured one");
	assert_int_equal(
	    compose_content("<REGZEC><employee><comp vs='1'/></employee><employee><comp vs='2'/></employee></REGZEC>", NULL, NULL, why, sizeof why),
	    ERR_FORMAT);
	assert_string_equal(why, "the form has several variable symbols: one filing may have one");
	assert_int_equal(compose_content("<REGZEC><employee/></REGZEC>", NULL, NULL, why, sizeof why), ERR_FORMAT);
	assert_int_equal(compose_content("<REGZEC><employee><comp vs='1&lt;2'/></employee></REGZEC>", NULL, NULL, why, sizeof why), ERR_FORMAT);
	assert_string_equal(why, "the variable symbol in the form is malformed");
	assert_int_equal(compose_content("<REGZEC><x/></REGZEC>", "option.vs", "1", why, sizeof why), ERR_FORMAT);
	assert_string_equal(why, "there is no form in it");
	assert_int_equal(compose_content(FORM, "option.class", "", why, sizeof why), ERR_FORMAT);
	assert_int_equal(compose_content("<jmhz><hlavicka><variabilniSymbol> 99 </variabilniSymbol></hlavicka></jmhz>", "option.vs-path",
	                                 "/jmhz/hlavicka/variabilniSymbol", why, sizeof why),
	                 ERR_FORMAT); /* no employee in it */
	many = calloc(1502, 64);
	assert_non_null(many);
	place = many + sprintf(many, "<REGZEC>");
	for (size_t i = 0; i < 1501; i++) {
		place += sprintf(place, "<employee><comp vs='9'/></employee>");
	}
	(void)strcpy(place, "</REGZEC>");
	assert_int_equal(compose_content(many, NULL, NULL, why, sizeof why), ERR_FORMAT);
	assert_string_equal(why, "there are more forms in it than one filing may have");
	free(many);
}

static void test_element_text(void **state)
{
	struct try try;

	(void)state;
	try_begin(&try, "compose", "cssz");
	try_set(&try, "what", "content");
	try_set(&try, "option.class", "CSSZ_JMHZ");
	try_set(&try, "option.vs-path", "/jmhz/hlavicka/variabilniSymbol");
	try_set(&try, "option.vs", "9900000001");
	try_in_text(&try,
	            "<jmhz><hlavicka><variabilniSymbol>\n 99000<![CDATA[00001]]> </variabilniSymbol></hlavicka><variabilniSymbol>7</variabilniSymbol></jmhz>");
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	try_end(&try);
}

static unsigned char *from_base64(const char *text, const char *after, size_t *ret_length)
{
	const char *begin = strstr(text, after);
	size_t length = 0;
	unsigned char *bytes = NULL;
	int decoded = 0;

	assert_non_null(begin);
	begin = strchr(begin, '>') + 1;
	length = strcspn(begin, "<");
	bytes = malloc(length + 3);
	assert_non_null(bytes);
	decoded = EVP_DecodeBlock(bytes, (const unsigned char *)begin, (int)length);
	assert_true(decoded > 0);
	*ret_length = (size_t)decoded - (begin[length - 1] == '=') - (begin[length - 2] == '=');
	return bytes;
}

static void compose_for(struct try *try, const char *encoding, const char *pem, const char *sha256, const char *cipher)
{
	size_t length = 0;
	unsigned char *cms = pki_sign(other, FORM, sizeof FORM - 1, PKI_DETACHED, &length);

	begin(try, "compose");
	try_set(try, "what", "file");
	try_set(try, "option.encoding", encoding);
	try_set(try, "option.cipher", cipher);
	try_set(try, "encrypt-sha256", sha256);
	try_in(try, cms, length);
	try_in_text(try, FORM);
	try_in_text(try, pem);
	try_out(try);
	OPENSSL_free(cms);
}

static void check_enveloped(const char *text, const char *cipher, bool gzip)
{
	size_t length = 0;
	unsigned char *der = from_base64(text, "<Body xmlns:dt=", &length);
	const unsigned char *place = der;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &place, (long)length);
	BIO *out = BIO_new(BIO_s_mem());
	char *content = NULL;
	long content_length = 0;

	assert_non_null(cms);
	assert_ptr_equal(place, der + length);
	assert_int_equal(CMS_decrypt(cms, dis->key, dis->cert, NULL, out, CMS_BINARY), 1);
	content_length = BIO_get_mem_data(out, &content);
	if (gzip) {
		assert_memory_equal(content, "\x1f\x8b\x08", 3);
		assert_true(content_length < (long)sizeof FORM);
	} else {
		assert_int_equal(content_length, sizeof FORM - 1);
		assert_memory_equal(content, FORM, sizeof FORM - 1);
	}
	assert_non_null(strstr(text, gzip ? "contentEncoding=\"gzip\"" : "contentEncoding=\"raw\""));
	(void)cipher;
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	free(der);
}

static void test_file(void **state)
{
	static const struct {
		const char *encoding, *cipher;
	} ways[] = { { "gzip", "aes-256-cbc" }, { "raw", "aes-128-cbc" }, { "gzip", "des-ede3-cbc" } };

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		struct try try;
		char *text = NULL;
		size_t length = 0;
		unsigned char *signature = NULL;

		compose_for(&try, ways[i].encoding, dis->pem, dis->sha256, ways[i].cipher);
		if (try_run(&try) != 0) {
			fail_msg("%s", try.job.reason);
		}
		assert_result(&try, "same", "no");
		assert_result(&try, "path", "/VREP/submission");
		text = try_output(&try, 4, NULL);
		assert_non_null(strstr(text, "<Class>CSSZ_REGZEC</Class><Qualifier>request</Qualifier><Function>submit</Function><CorrelationID/>"));
		assert_non_null(strstr(text, "<Key Type=\"vars\">9900000001</Key>"));
		assert_non_null(strstr(text, "eType=\"REGZEC25\""));
		check_enveloped(text, ways[i].cipher, i != 1);
		signature = from_base64(text, "<Signature", &length);
		assert_int_equal(signature[0], 0x30);
		free(signature);
		free(text);
		try_end(&try);
	}
}

static void test_recipients(void **state)
{
	struct pki_identity *ended = pki_new(PKI_SERVICE, "DIS.OLD", "CSSZ", root, -20, -1), *later = pki_new(PKI_SERVICE, "DIS.NEW", "CSSZ", root, -5, 30);
	struct pki_identity *elliptic = pki_new(PKI_P256, "DIS.EC", "CSSZ", root, -1, 30);
	char several[TEXT_SIZE], *text = NULL;
	struct try try;

	(void)state;
	compose_for(&try, "gzip", ended->pem, ended->sha256, "aes-256-cbc");
	assert_int_equal(try_run(&try), ERR_CERT);
	try_end(&try);
	compose_for(&try, "gzip", elliptic->pem, elliptic->sha256, "aes-256-cbc");
	assert_int_equal(try_run(&try), ERR_CERT);
	try_end(&try);
	compose_for(&try, "gzip", "", dis->sha256, "aes-256-cbc");
	assert_int_equal(try_run(&try), ERR_CERT);
	assert_non_null(strstr(try.job.reason, "encrypt_to"));
	try_end(&try);
	compose_for(&try, "gzip", dis->pem, dis->sha256, "aes-256-gcm");
	assert_int_equal(try_run(&try), ERR_UNSUPPORTED);
	try_end(&try);
	/* nobody approved one, or another one than is there */
	compose_for(&try, "gzip", dis->pem, "", "aes-256-cbc");
	assert_int_equal(try_run(&try), ERR_CERT);
	try_end(&try);
	compose_for(&try, "gzip", dis->pem, later->sha256, "aes-256-cbc");
	assert_int_equal(try_run(&try), ERR_CERT);
	try_end(&try);
	/* the approved one, wherever it stands */
	(void)snprintf(several, sizeof several, "%s%s%s%s", later->pem, ended->pem, elliptic->pem, dis->pem);
	compose_for(&try, "raw", several, later->sha256, "aes-256-cbc");
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, 4, NULL);
	try_end(&try);
	pki_free(dis);
	dis = later;
	check_enveloped(text, "aes-256-cbc", false);
	free(text);
	pki_free(ended);
	pki_free(elliptic);
}

static char *ask(const char *what, const char *variant, const char *receipt, int *ret_err, char path[64])
{
	struct try try;
	char *text = NULL;

	begin(&try, "compose");
	try_set(&try, "what", what);
	try_set(&try, "stage", "result");
	try_set(&try, "option.close", variant);
	try_in_text(&try, receipt);
	try_out(&try);
	*ret_err = try_run(&try);
	(void)snprintf(path, 64, "%s", try_get(&try, "path"));
	text = try_output(&try, 2, NULL);
	try_end(&try);
	return text;
}

static void test_questions(void **state)
{
	static const struct {
		const char *what, *variant, *path, *words;
	} ways[] = {
		{ "poll", "a", "/VREP/poll", "<Qualifier>poll</Qualifier><Function>submit</Function><CorrelationID>" ID "</CorrelationID>" },
		{ "close", "a", "/VREP/poll", "<Qualifier>poll</Qualifier><Function>delete</Function><CorrelationID>" ID "</CorrelationID>" },
		{ "close", "b", "/VREP/submission", "<Qualifier>request</Qualifier><Function>delete</Function><CorrelationID>" ID "</CorrelationID>" },
	};
	char path[64], *text = NULL;
	int err = 0;

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		text = ask(ways[i].what, ways[i].variant, RECEIPT, &err, path);
		assert_int_equal(err, 0);
		assert_string_equal(path, ways[i].path);
		assert_non_null(strstr(text, ways[i].words));
		assert_non_null(strstr(text, "<Key Type=\"vars\">9900000001</Key>"));
		assert_non_null(strstr(text, "<Body></Body>"));
		free(text);
	}
	text = ask("poll", "a", "class: CSSZ_REGZEC\nvs: 1\n", &err, path);
	assert_int_equal(err, ERR_FORMAT);
	free(text);
	text = ask("poll", "a", "class: CSSZ_REGZEC\ncorrelation-id: a<b\nvs: 1\n", &err, path);
	assert_int_equal(err, ERR_FORMAT);
	free(text);
}

/* --- classify --- */

#define ENVELOPE(class_name, qualifier, id, details, body)                                                                                                     \
	"<GovTalkMessage xmlns=\"http://www.govtalk.gov.uk/CM/envelope\"><EnvelopeVersion>2.0</EnvelopeVersion><Header><MessageDetails><Class>" class_name     \
	"</Class><Qualifier>" qualifier "</Qualifier><Function>submit</Function><TransactionID/><CorrelationID>" id "</CorrelationID><ResponseEndPoint "       \
	"PollInterval=\"60\">https://t.example/VREP/poll</ResponseEndPoint></MessageDetails></Header><GovTalkDetails><Keys/>" details                          \
	"</GovTalkDetails><Body>" body "</Body></GovTalkMessage>"
#define GATEWAY_ERROR(number)                                                                                                                                  \
	"<GovTalkErrors><Error><RaisedBy>VREP</RaisedBy><Number>" number "</Number><Type>fatal</Type><Text>words of the "                                      \
	"gateway</Text></Error></GovTalkErrors>"
#define INSIDE "<Message><Body><ProcessingResult/></Body></Message>"

static const struct {
	const char *purpose, *status, *reply, *verdict, *reason;
} rows[] = {
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "acknowledgement", ID, "", ""), "taken", "-" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC ", "acknowledgement", ID, "", ""), "taken", "-" },
	{ "file", "200", ENVELOPE("CSSZ_PVPOJ", "acknowledgement", ID, "", ""), "unknown", "an acknowledgement for another service" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "acknowledgement", "", "", ""), "unknown", "an acknowledgement without a usable CorrelationID" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "acknowledgement", "a b", "", ""), "unknown", "an acknowledgement without a usable CorrelationID" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "error", "", GATEWAY_ERROR("1020"), ""), "unavailable",
	  "the gateway says 1020: a CorrelationID where it must be empty" },
	{ "file", "500", ENVELOPE("CSSZ_REGZEC", "error", ID, GATEWAY_ERROR("1000"), ""), "ask", "the gateway says 1000: an internal failure of the gateway" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "error", "", GATEWAY_ERROR("1000"), ""), "unknown",
	  "the gateway says 1000: an internal failure of the gateway" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "error", "", GATEWAY_ERROR("9999"), ""), "unknown", "the gateway says 9999: words of the gateway" },
	{ "file", "200", ENVELOPE("CSSZ_REGZEC", "error", ID, GATEWAY_ERROR("103"), INSIDE), "signed", "-" },
	{ "file", "500", "oops", "unknown", "the gateway failed (HTTP 5xx)" },
	{ "file", "200", "<html/>", "unknown", "an answer without the envelope" },
	{ "file", "200", "<GovTalkMessage/>", "unknown", "an answer without the envelope" },
	{ "file", "200", "<GovTalkMessage", "unknown", "an answer that is no XML, or not whole" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC", "acknowledgement", ID, "", ""), "running", "-" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC ", "response", ID, "", INSIDE), "signed", "-" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC", "error", ID, GATEWAY_ERROR("103"), INSIDE), "signed", "-" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC", "response", "0000", "", INSIDE), "running", "an answer about another filing" },
	{ "poll", "200", ENVELOPE("CSSZ_PVPOJ", "response", ID, "", INSIDE), "running", "an answer about another filing" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC", "error", ID, GATEWAY_ERROR("2000"), ""), "gone",
	  "the gateway says 2000: the gateway does not know this CorrelationID" },
	{ "poll", "200", ENVELOPE("", "error", "", GATEWAY_ERROR("2000"), ""), "gone", "the gateway says 2000: the gateway does not know this CorrelationID" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC", "error", ID, GATEWAY_ERROR("1000"), ""), "running",
	  "the gateway says 1000: an internal failure of the gateway" },
	{ "poll", "200", ENVELOPE("CSSZ_REGZEC", "response", ID, "", ""), "running", "an answer of another kind" },
	{ "poll", "503", "<html/>", "unavailable", "the gateway failed (HTTP 5xx)" },
	{ "poll", "200", "", "running", "an answer that is no XML, or not whole" },
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

			assert_string_equal(text, RECEIPT);
			assert_result(&try, "poll", "result");
			free(text);
		}
		try_end(&try);
	}
}

/* --- the seal --- */

#define SEALED(more, value, result)                                                                                                                            \
	"<Message xmlns=\"http://www.cssz.cz/XMLSchema/envelope\"" more " eType=\"response\" version=\"1.2\"><Header>"                                         \
	"<Signature xmlns=\"http://www.cssz.cz/emp/timestamp\" Version=\"1.0\"><DigestMethod "                                                                 \
	"Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\"></DigestMethod>"                                                                                \
	"<TimeStamp><date>%s</date><time>09:16:58</time></TimeStamp><SignatureValue>" value "</SignatureValue></Signature></Header><Body>" result              \
	"</Body></Message>"
#define RESULT(verdict, number, items)                                                                                                                         \
	"<ProcessingResult count=\"1\" countErr=\"0\" countWar=\"0\" errMsg=\"\" errNumber=\"" number "\" result=\"" verdict                                   \
	"\" type=\"CSSZ_REGZEC\" version=\"1,0\">"                                                                                                             \
	"<Details>" items "</Details></ProcessingResult>"
#define ITEM(number, result, text)                                                                                                                             \
	"<Item errMsg=\"" text "\" errNum=\"\" identifier=\"7001010001\" period=\"\" result=\"" result "\" sqnr=\"" number "\" subtype=\"REGZEC25\"></Item>"
#define GOOD RESULT("OK", "0", ITEM("", "OK", "") ITEM("1", "OK", ""))

static void today(int days, char ret[9])
{
	time_t now = time(NULL) + (time_t)days * 86400;
	struct tm parts;

	assert_non_null(gmtime_r(&now, &parts));
	assert_int_equal(strftime(ret, 9, "%Y%m%d", &parts), 8);
}

/* The message as it would be sealed, with its seal. `in_place`: sealed with the namespace that the envelope declares. To be freed. */
static char *seal(const struct pki_identity *signer, int days, bool in_place)
{
	char date[9], canonical[TEXT_SIZE], *text = malloc(2 * TEXT_SIZE), value[TEXT_SIZE];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	size_t cms_length = 0;
	unsigned char *cms = NULL;

	assert_non_null(text);
	today(days, date);
	if (in_place) {
		(void)snprintf(canonical, sizeof canonical, SEALED(" xmlns:xsig=\"http://www.w3.org/2000/09/xmldsig#\"", "", GOOD), date);
	} else {
		(void)snprintf(canonical, sizeof canonical, SEALED("", "", GOOD), date);
	}
	assert_int_equal(EVP_Digest(canonical, strlen(canonical), digest, &length, EVP_sha512(), NULL), 1);
	cms = pki_sign(signer, digest, length, 0, &cms_length);
	(void)EVP_EncodeBlock((unsigned char *)value, cms, (int)cms_length);
	OPENSSL_free(cms);
	(void)snprintf(text, 2 * TEXT_SIZE,
	               "<?xml version=\"1.0\"?>\n<GovTalkMessage xmlns=\"http://www.govtalk.gov.uk/CM/envelope\" "
	               "xmlns:xsig=\"http://www.w3.org/2000/09/xmldsig#\">\n <Header>"
	               "<MessageDetails>\n<Class>CSSZ_REGZEC </Class><Qualifier>response</Qualifier></MessageDetails></Header>\n<Body Id=\"1\">\n " SEALED(
	                   "", "%s", "\n  " GOOD "\n") "\n</Body></GovTalkMessage>\n",
	               date, value);
	return text;
}

static void verify(const char *reply, const char *pins, const char *expected, const char *reason)
{
	struct try try;

	begin(&try, "verify");
	try_set(&try, "signer-sha256", pins);
	try_in_text(&try, reply);
	try_in_text(&try, "");
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	if (strcmp(try_get(&try, "result"), expected) != 0) {
		fail_msg("%s: %s", try_get(&try, "result"), try_get(&try, "reason"));
	}
	if (reason != NULL) {
		assert_result(&try, "reason", reason);
	}
	if (strcmp(expected, "valid") == 0) {
		char *content = try_output(&try, 3, NULL);

		assert_non_null(strstr(content, "<SignatureValue></SignatureValue>"));
		assert_non_null(strstr(content, "ProcessingResult"));
		assert_null(strstr(content, "\n"));
		assert_null(strstr(content, "GovTalk"));
		free(content);
	}
	try_end(&try);
}

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *place = strstr(text, from);
	char *changed = NULL;

	assert_non_null(place);
	changed = malloc(strlen(text) + strlen(to) + 1);
	assert_non_null(changed);
	(void)sprintf(changed, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from));
	return changed;
}

static void verify_replaced(const char *text, const char *from, const char *to, const char *reason)
{
	char *changed = replaced(text, from, to);

	verify(changed, dis->sha256, reason == NULL ? "valid" : "invalid", reason);
	free(changed);
}

static void test_seal(void **state)
{
	struct pki_identity *ended = pki_new(PKI_SERVICE, "DIS.OLD", "CSSZ", root, -20, -3);
	char *alone = seal(dis, 0, false), *in_place = seal(dis, 0, true), *foreign = seal(other, 0, false), *early = seal(ended, -5, false),
	     *late = seal(ended, 0, false), *future = seal(dis, 3, false);

	(void)state;
	verify(alone, dis->sha256, "valid", NULL);
	verify(in_place, dis->sha256, "valid", NULL);
	verify(foreign, dis->sha256, "invalid", NULL);
	verify(early, ended->sha256, "valid", NULL); /* good when it was sealed */
	verify(late, ended->sha256, "invalid", NULL);
	verify(future, dis->sha256, "invalid", "the seal was made later than now");
	verify_replaced(alone, "7001010001", "7001010002", "the seal is one of other content");
	verify_replaced(alone, "countWar=\"0\"", "countWar=\"1\"", "the seal is one of other content");
	verify_replaced(alone, "#sha512", "#sha256", "the seal is one of other content");
	verify_replaced(alone, "#sha512", "#sha1", "the seal uses a digest that is not known or not good enough");
	verify_replaced(alone, "09:16:58", "09:16:59", "the seal is one of other content");
	verify_replaced(alone, "09:16:58", "9:16:58", "the seal has no readable moment");
	verify_replaced(alone, "<SignatureValue>", "<SignatureValue>!", "the value of the seal is not base64");
	verify_replaced(alone, "emp/timestamp", "emp/timestomp", "the answer is not sealed");
	verify_replaced(alone, "CSSZ_REGZEC ", "CSSZ_PVPOJ", "the sealed result is of another service than the answer");
	verify_replaced(alone, "CSSZ_REGZEC ", "\n CSSZ_REGZEC\n", NULL); /* outside of the seal, and the same word */
	verify_replaced(alone, "</Body></GovTalk", "<Message/></Body></GovTalk", "the answer does not hold exactly one message");
	verify_replaced(alone, "?>", "?><!DOCTYPE x>", "the answer is not well-formed XML, or beyond a limit");
	free(alone);
	free(in_place);
	free(foreign);
	free(early);
	free(late);
	free(future);
	pki_free(ended);
}

/* --- the sealed result --- */

static const struct {
	const char *result, *partial, *verdict, *errors, *report;
} results[] = {
	{ GOOD, "no", "accepted", "-", NULL },
	{ RESULT("OK", "0", ITEM("", "OK", "") ITEM("1", "OK", "604 - vyhrada")), "no", "accepted", "-", "přijato s výhradou: 604 - vyhrada" },
	{ RESULT("ERROR", "103", "<Item sqnr=\"\" result=\"\"/>"), "no", "refused", "1", "103: chybí oprávnění" },
	{ RESULT("ERROR", "0", ITEM("", "ERROR", "305 - prilis") ITEM("1", "OK", "")), "yes", "refused", "1", "Podání jako celek: nepřijato: 305 - prilis" },
	{ RESULT("ERROR", "0", ITEM("", "OK", "") ITEM("1", "ERROR", "604 - chyba") ITEM("2", "OK", "")), "yes", "partial", "1",
	  "Formulář 1 REGZEC25 (7001010001): nepřijato: 604 - chyba" },
	{ RESULT("ERROR", "0", ITEM("", "OK", "") ITEM("1", "ERROR", "604 - chyba") ITEM("2", "OK", "")), "no", "refused", "1", "1 / 1" },
	{ RESULT("ERROR", "0", ITEM("", "OK", "") ITEM("1", "ERROR", "x") ITEM("2", "ERROR", "y")), "yes", "refused", "2", "Formulář 2" },
	{ RESULT("OK", "0", ITEM("", "OK", "") ITEM("1", "ERROR", "x")), "yes", "unknown", "-", NULL },
	{ RESULT("OK", "0", ITEM("", "ERROR", "x")), "yes", "unknown", "-", NULL },
	{ RESULT("ERROR", "0", ITEM("", "OK", "") ITEM("1", "OK", "")), "yes", "unknown", "-", NULL },
	{ RESULT("MAYBE", "0", ""), "yes", "unknown", "-", NULL },
	{ RESULT("OK", "0", ITEM("", "MAYBE", "")), "yes", "unknown", "-", NULL },
	{ RESULT("OK", "0", "") RESULT("OK", "0", ""), "yes", "unknown", "-", NULL },
	{ "<Other/>", "yes", "unknown", "-", NULL },
	{ "<ProcessingResult result=\"OK\" type=\"CSSZ_PVPOJ\"/>", "yes", "mismatch", "-", NULL },
};

static void test_results(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
		struct try try;
		char content[TEXT_SIZE], *report = NULL;

		(void)snprintf(content, sizeof content, "<Message><Body>%s</Body></Message>", results[i].result);
		begin(&try, "classify");
		try_set(&try, "purpose", "confirmation");
		try_set(&try, "option.partial", results[i].partial);
		try_in_text(&try, content);
		try_in_text(&try, FORM);
		try_in_text(&try, "");
		try_out(&try);
		try_out(&try);
		assert_int_equal(try_run(&try), 0);
		report = try_output(&try, CLASSIFY_REPORT_OUT, NULL);
		if (strcmp(try_get(&try, "verdict"), results[i].verdict) != 0 || strcmp(try_get(&try, "errors"), results[i].errors) != 0 ||
		    (results[i].report != NULL && strstr(report, results[i].report) == NULL)) {
			fail_msg("row %zu: %s, %s errors (%s): %s", i, try_get(&try, "verdict"), try_get(&try, "errors"), try_get(&try, "reason"), report);
		}
		assert_result(&try, "report", report[0] != '\0' ? "yes" : "no");
		free(report);
		try_end(&try);
	}
}

static void test_receipt(void **state)
{
	struct try try;
	char *text = NULL;

	(void)state;
	try_begin(&try, "receipt", "cssz");
	try_set(&try, "level", "no-password");
	try_set(&try, "language", "cs");
	try_in_text(&try, RECEIPT);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, 2, NULL);
	assert_string_equal(text, "Identifikátor podání (CorrelationID): " ID "\nSlužba ČSSZ: CSSZ_REGZEC\nVariabilní symbol: 9900000001\n");
	free(text);
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),    cmocka_unit_test(test_element_text), cmocka_unit_test(test_file),
		cmocka_unit_test(test_recipients), cmocka_unit_test(test_questions),    cmocka_unit_test(test_classify),
		cmocka_unit_test(test_seal),       cmocka_unit_test(test_results),      cmocka_unit_test(test_receipt),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
