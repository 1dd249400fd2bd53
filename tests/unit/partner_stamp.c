/* Requests for stamps, and answers without one: what the authority or its server says instead (spec timestamps 1 and 2). */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/stampcause.h"
#include "partner_tsa.h"

static struct pki_identity *authority, *signer;

static int make_all(void **state)
{
	(void)state;
	authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -100, 100);
	signer = tsa_new(PKI_P256, "Test TSA", authority, -1, 50, TSA_USAGE);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	pki_free(authority);
	pki_free(signer);
	return 0;
}

static void test_query(void **state)
{
	char first[17] = "", imprint_hex[129];

	(void)state;
	hex_encode(tsa_imprint, sizeof tsa_imprint, imprint_hex);
	for (int i = 0; i < 2; i++) {
		size_t length = 0;
		struct try try;
		const unsigned char *place = NULL;
		char *out = NULL, *hex = NULL, policy[64];
		TS_REQ *request = NULL;
		BIGNUM *number = NULL;

		try_begin(&try, "stamp-query", "");
		try_out(&try);
		try_set(&try, "imprint", imprint_hex);
		try_set(&try, "hash", "sha512");
		try_set(&try, "policy", i == 0 ? "" : "1.2.3.4.5");
		assert_int_equal(try_run(&try), 0);
		out = try_output(&try, 1, &length);
		place = (const unsigned char *)out;
		request = d2i_TS_REQ(NULL, &place, (long)length);
		assert_non_null(request);
		assert_ptr_equal(place, out + length);
		assert_int_equal(TS_REQ_get_version(request), 1);
		assert_true(TS_REQ_get_cert_req(request) != 0);
		assert_memory_equal(ASN1_STRING_get0_data(TS_MSG_IMPRINT_get_msg(TS_REQ_get_msg_imprint(request))), tsa_imprint, 64);
		assert_int_equal(i == 0, TS_REQ_get_policy_id(request) == NULL);
		if (i == 1) {
			assert_true(OBJ_obj2txt(policy, sizeof policy, TS_REQ_get_policy_id(request), 1) > 0);
			assert_string_equal(policy, "1.2.3.4.5");
		}
		number = ASN1_INTEGER_to_BN(TS_REQ_get_nonce(request), NULL);
		assert_int_equal(BN_hex2bn(&number, try_get(&try, "nonce")) > 0, 1);
		hex = BN_bn2hex(number);
		assert_string_not_equal(try_get(&try, "nonce"), first);
		(void)snprintf(first, sizeof first, "%s", try_get(&try, "nonce"));
		assert_int_equal(strlen(first), 16);
		OPENSSL_free(hex);
		BN_free(number);
		TS_REQ_free(request);
		free(out);
		try_end(&try);
	}
}

static void test_query_refused(void **state)
{
	static const char *const bad[][3] = {
		{ "sha1", "", "" }, { "sha256", "", "00" }, { "sha256", "1.2.x", NULL }, { "sha256", "anything", NULL }, { "sha384", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char hex[65];
		struct try try;

		hex_encode(tsa_imprint, 32, hex);
		try_begin(&try, "stamp-query", "");
		try_out(&try);
		try_set(&try, "hash", bad[i][0]);
		try_set(&try, "policy", bad[i][1]);
		try_set(&try, "imprint", bad[i][2] == NULL ? hex : bad[i][2]);
		assert_true(try_run(&try) < 0);
		assert_true(try.job.reason[0] != '\0');
		try_end(&try);
	}
}

/* What the authority says instead of granting. */
static void test_refused(void **state)
{
	static const struct {
		long status;
		int bit;
		const char *text, *cause, *word, *fail, *fall_over;
	} cases[] = {
		{ 2, 0, "Neznámý hash", "bad-alg", "rejection", "badAlg", "no" },
		{ 2, 2, NULL, "bad-request", "rejection", "badRequest", "no" },
		{ 2, 5, NULL, "bad-data-format", "rejection", "badDataFormat", "no" },
		{ 2, 14, NULL, "time-not-available", "rejection", "timeNotAvailable", "yes" },
		{ 2, 15, NULL, "unaccepted-policy", "rejection", "unacceptedPolicy", "no" },
		{ 2, 16, NULL, "unaccepted-extension", "rejection", "unacceptedExtension", "no" },
		{ 2, 17, NULL, "add-info-not-available", "rejection", "addInfoNotAvailable", "no" },
		{ 2, 25, "\x1b[2J\xff", "system-failure", "rejection", "systemFailure", "yes" },
		{ 2, 9, NULL, "rejected", "rejection", "bit-9", "no" },
		{ 2, -1, NULL, "rejected", "rejection", "-", "no" },
		{ 3, -1, NULL, "waiting", "waiting", "-", "no" },
		{ 3, 25, NULL, "waiting", "waiting", "systemFailure", "no" },
		{ 4, -1, NULL, "revocation", "revocationWarning", "-", "no" },
		{ 5, -1, NULL, "revocation", "revocationNotification", "-", "no" },
		{ 6, -1, NULL, "unknown-status", "6", "-", "no" },
		{ -3, -1, NULL, "unknown-status", "-3", "-", "no" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t length = 0;
		uint8_t *reply = tsa_reply(cases[i].status, cases[i].bit, cases[i].text, NULL, 0, &length);
		struct try try;

		tsa_ask(&try, reply, length, authority->pem, 0);
		tsa_expect(&try, "refused", cases[i].cause);
		assert_result(&try, "status", cases[i].word);
		assert_result(&try, "fail", cases[i].fail);
		assert_result(&try, "fall-over", cases[i].fall_over);
		assert_result(&try, "spent", "no");
		assert_result(&try, "text", cases[i].text == NULL ? "-" : cases[i].bit == 25 ? "?[2J?" : cases[i].text);
		free(reply);
		try_end(&try);
	}
}

/* Every cause has words of its own. */
static void test_causes(void **state)
{
	const char *general = stamp_cause_text(NULL);

	(void)state;
	assert_ptr_equal(stamp_cause_text("no such word"), general);
	for (size_t i = 0; stamp_cause_nth(i) != NULL; i++) {
		assert_string_not_equal(stamp_cause_text(stamp_cause_nth(i)->word), general);
		for (size_t other_one = 0; other_one < i; other_one++) {
			assert_string_not_equal(stamp_cause_nth(other_one)->word, stamp_cause_nth(i)->word);
			assert_string_not_equal(stamp_cause_nth(other_one)->text, stamp_cause_nth(i)->text);
		}
	}
}

static void test_unusable(void **state)
{
	static const struct {
		const char *status, *type, *body, *cause, *fall_over;
	} cases[] = {
		{ "401", "text/html", "<html>", "http-login", "no" },
		{ "403", TSA_TYPE, "", "http-forbidden", "no" },
		{ "400", TSA_TYPE, "", "http-refused", "no" },
		{ "429", TSA_TYPE, "", "http-refused", "no" },
		{ "404", TSA_TYPE, "", "http-away", "yes" },
		{ "302", TSA_TYPE, "", "http-away", "yes" },
		{ "500", TSA_TYPE, "", "http-away", "yes" },
		{ "503", "text/html", "<html>", "http-away", "yes" },
		{ "", TSA_TYPE, "", "http-away", "yes" },
		{ "200", TSA_TYPE, "", "empty", "yes" },
		{ "200", "text/html; charset=utf-8", "\xef\xbb\xbf \r\n<!DOCTSA_TYPE html>", "html", "yes" },
		{ "200", TSA_TYPE, "<html>", "html", "yes" },
		{ "200", TSA_TYPE, "0123", "malformed", "yes" },
		{ "200", "Application/Timestamp-Reply ; x=y", "\x30\x05\x30\x03\x02\x01", "malformed", "yes" },
		{ "200", TSA_TYPE, "\x30\x02\x30\x01", "malformed", "yes" },
		{ "200", TSA_TYPE, "\x30\x80\x30\x03\x02\x01\x02", "malformed", "yes" },
		{ "200", "text/plain", "no", "content-type", "yes" },
		{ "200", "", "no", "content-type", "yes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct try try;

		tsa_ask(&try, (const uint8_t *)cases[i].body, strlen(cases[i].body), authority->pem, 0);
		try_set(&try, "http-status", cases[i].status);
		try_set(&try, "content-type", cases[i].type);
		tsa_expect(&try, "unusable", cases[i].cause);
		assert_result(&try, "fall-over", cases[i].fall_over);
		assert_result(&try, "spent", "no");
		try_end(&try);
	}
}

static void test_around_the_token(void **state)
{
	struct tsa_order order = tsa_good_order(signer);
	size_t token_length = 0, length = 0;
	uint8_t *token = tsa_token(&order, &token_length), *reply = tsa_reply(0, -1, NULL, NULL, 0, &length);
	struct try try;

	(void)state;
	tsa_ask(&try, reply, length, authority->pem, 0);
	tsa_expect(&try, "invalid", "no-token");
	assert_result(&try, "spent", "yes");
	try_end(&try);
	free(reply);
	reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	tsa_ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "content-type", "text/plain");
	tsa_expect(&try, "invalid", "content-type");
	assert_result(&try, "spent", "yes");
	try_end(&try);
	tsa_ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "limit", "100");
	tsa_expect(&try, "unusable", "too-long");
	try_end(&try);
	tsa_ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "nonce", "00");
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	tsa_ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "asked-to", "1");
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	free(reply);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),  cmocka_unit_test(test_query_refused), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_causes), cmocka_unit_test(test_unusable),      cmocka_unit_test(test_around_the_token),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
