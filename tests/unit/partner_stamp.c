/* Requests for stamps and the answers: what is granted, and the true cause of everything that must not count (spec timestamps 3). */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/base/err.h"
#include "appliance/base/stampcause.h"
#include "partner_tsa.h"

#define TYPE "application/timestamp-reply"
#define USAGE "critical,timeStamping"
#define NONCE "00c0ffee00000001"
#define NUMBER_SIZE 24

static const uint8_t nonce[] = { 0x00, 0xc0, 0xff, 0xee, 0x00, 0x00, 0x00, 0x01 };
static uint8_t imprint[64];
static char imprint_hex[129];
static struct pki_identity *authority, *signer, *rsa, *other, *stranger_authority, *stranger;

static int make_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof imprint; i++) {
		imprint[i] = (uint8_t)(i * 7 + 1);
	}
	hex_encode(imprint, sizeof imprint, imprint_hex);
	authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -100, 100);
	signer = tsa_new(PKI_P256, "Test TSA", authority, -1, 50, USAGE);
	rsa = tsa_new(PKI_RSA2048, "Test TSA RSA", authority, -1, 50, USAGE);
	other = tsa_new(PKI_P256, "Test TSA other", authority, -1, 50, USAGE);
	stranger_authority = pki_new(PKI_P256, "Foreign CA", "Test", NULL, -10, 100);
	stranger = tsa_new(PKI_P256, "Test TSA", stranger_authority, -1, 50, USAGE);
	return 0;
}

static int free_all(void **state)
{
	struct pki_identity *all[] = { authority, signer, rsa, other, stranger_authority, stranger };

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		pki_free(all[i]);
	}
	return 0;
}

/* The order of a token that fits what ask() asks. */
static struct tsa_order good_order(void)
{
	struct tsa_order order = { .signer = signer, .imprint = imprint, .imprint_length = 32, .nonce = nonce, .nonce_length = sizeof nonce };

	return order;
}

static void set_number(struct try *try, const char *name, long long number)
{
	char text[NUMBER_SIZE];

	(void)snprintf(text, sizeof text, "%lld", number);
	try_set(try, name, text);
}

/* As the hub would ask; `late_ms`: how far our clock is ahead. */
static void ask(struct try *try, const uint8_t *reply, size_t length, const char *anchors, long long late_ms)
{
	char hex[65];
	long long now = (long long)time(NULL) * 1000 + late_ms;

	(void)snprintf(hex, sizeof hex, "%.64s", imprint_hex);
	try_begin(try, "stamp-reply", "");
	try_in(try, reply, length);
	try_in_text(try, anchors);
	try_out(try);
	try_set(try, "imprint", hex);
	try_set(try, "hash", "sha256");
	try_set(try, "policy", "");
	try_set(try, "nonce", NONCE);
	try_set(try, "http-status", "200");
	try_set(try, "content-type", TYPE);
	set_number(try, "asked-from", now - 500);
	set_number(try, "asked-to", now + 1500);
}

static void expect(struct try *try, const char *verdict, const char *cause)
{
	assert_int_equal(try_run(try), 0);
	if (strcmp(try_get(try, "verdict"), verdict) != 0 || strcmp(try_get(try, "cause"), cause) != 0) {
		print_error("%s, %s: %s\n", try_get(try, "verdict"), try_get(try, "cause"), try_get(try, "reason"));
	}
	assert_result(try, "verdict", verdict);
	assert_result(try, "cause", cause);
	assert_int_equal(strcmp(try_get(try, "reason"), "-") == 0, strcmp(verdict, "granted") == 0 && strcmp(try_get(try, "clock"), "off") != 0);
}

/* A granted reply with this token must be `invalid` for that cause; words that the reason must hold, or NULL. */
static void expect_invalid(const struct tsa_order *order, const char *anchors, const char *cause, const char *words)
{
	size_t token_length = 0, length = 0, kept = 0;
	uint8_t *token = tsa_token(order, &token_length), *reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	char *out = NULL;
	struct try try;

	ask(&try, reply, length, anchors, 0);
	expect(&try, "invalid", cause);
	assert_result(&try, "spent", "yes");
	assert_result(&try, "fall-over", "no");
	if (words != NULL && strstr(try_get(&try, "reason"), words) == NULL) {
		fail_msg("%s: %s", cause, try_get(&try, "reason"));
	}
	out = try_output(&try, 3, &kept);
	assert_int_equal(kept, token_length);
	assert_memory_equal(out, token, kept);
	free(out);
	free(token);
	free(reply);
	try_end(&try);
}

static void expect_granted(const struct tsa_order *order, long status, const char *anchors, long long late_ms, const char *off, const char *clock)
{
	size_t token_length = 0, length = 0, kept = 0;
	uint8_t *token = tsa_token(order, &token_length), *reply = tsa_reply(status, -1, NULL, token, token_length, &length);
	char *out = NULL;
	struct try try;

	ask(&try, reply, length, anchors, late_ms);
	expect(&try, "granted", "-");
	assert_result(&try, "spent", "yes");
	assert_result(&try, "fall-over", "no");
	assert_result(&try, "status", status == 0 ? "granted" : "grantedWithMods");
	assert_result(&try, "serial", "abcdef");
	assert_result(&try, "policy", order->policy == NULL ? "1.2.3.4" : order->policy);
	assert_result(&try, "signer-sha256", order->signer->sha256);
	assert_result(&try, "clock", clock);
	if (off != NULL) {
		assert_result(&try, "off-ms", off);
	}
	out = try_output(&try, 3, &kept);
	assert_int_equal(kept, token_length);
	assert_memory_equal(out, token, kept);
	free(out);
	free(token);
	free(reply);
	try_end(&try);
}

static void test_granted(void **state)
{
	struct tsa_order order = good_order();

	(void)state;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	expect_granted(&order, 1, authority->pem, 0, "0", "ok");
	order.id = TSA_ID_V1;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	order.signer = rsa;
	order.digest = NID_sha512;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	expect_granted(&order, 0, rsa->pem, 0, "0", "ok"); /* the certificate itself may be the anchor */
}

static void test_query(void **state)
{
	char first[17] = "";

	(void)state;
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
		assert_memory_equal(ASN1_STRING_get0_data(TS_MSG_IMPRINT_get_msg(TS_REQ_get_msg_imprint(request))), imprint, 64);
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

		(void)snprintf(hex, sizeof hex, "%.64s", imprint_hex);
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

		ask(&try, reply, length, authority->pem, 0);
		expect(&try, "refused", cases[i].cause);
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

static void test_invalid_content(void **state)
{
	uint8_t wrong[64];
	struct tsa_order order = good_order();

	(void)state;
	memcpy(wrong, imprint, sizeof wrong);
	wrong[31] ^= 1;
	order.imprint = wrong;
	expect_invalid(&order, authority->pem, "imprint", "sha256");
	order = good_order();
	order.hash = NID_sha512;
	order.imprint_length = 64;
	expect_invalid(&order, authority->pem, "imprint-hash", "sha512");
	order = good_order();
	order.hash = NID_sha1;
	order.imprint_length = 20;
	expect_invalid(&order, authority->pem, "imprint-hash", "sha1");
	order = good_order();
	order.nonce = wrong;
	expect_invalid(&order, authority->pem, "nonce", "not the one");
	order.nonce_length = 0;
	expect_invalid(&order, authority->pem, "nonce", "no nonce");
	order = good_order();
	order.version = 2;
	expect_invalid(&order, authority->pem, "token-form", "version 2");
	order = good_order();
	order.critical = true;
	expect_invalid(&order, authority->pem, "token-form", "critical");
	order = good_order();
	order.content_type = NID_pkcs7_data;
	expect_invalid(&order, authority->pem, "token-form", "id-ct-TSTInfo");
	order = good_order();
	order.detached = true;
	expect_invalid(&order, authority->pem, "token-form", "no content");
}

static void test_invalid_time(void **state)
{
	static const char *const bad[] = {
		"20300101000000", "203001010000Z", "20301301000000Z", "20300101000000.Z", "20300101000000.1xZ", "20300101000000+0100", ""
	};
	struct tsa_order order = good_order();

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		order.time = bad[i];
		expect_invalid(&order, authority->pem, "time-form", NULL);
	}
}

static void test_invalid_signer(void **state)
{
	struct tsa_order order = good_order();

	(void)state;
	order.id = TSA_ID_NONE;
	expect_invalid(&order, authority->pem, "signer-id-missing", "SigningCertificate");
	order.id = TSA_ID_OTHER;
	order.named = other;
	expect_invalid(&order, authority->pem, "signer-id", "Test TSA");
	order = good_order();
	order.how = PKI_NO_CERTS;
	expect_invalid(&order, authority->pem, "signer-missing", NULL);
	order = good_order();
	order.how = PKI_TWO_SIGNERS;
	expect_invalid(&order, authority->pem, "token-form", "exactly one signature");
	order = good_order();
	order.digest = NID_sha1;
	expect_invalid(&order, authority->pem, "weak", "sha1");
	order = good_order();
	expect_invalid(&order, "", "no-anchors", NULL);
	expect_invalid(&order, "# nothing here\n", "no-anchors", NULL);
	expect_invalid(&order, stranger_authority->pem, "issuer-unknown", "Test TSA");
	order.signer = stranger;
	expect_invalid(&order, authority->pem, "issuer-unknown", "Test TSA");
}

static void test_invalid_certificate(void **state)
{
	static const struct {
		const char *usage, *cause;
		int from_days, to_days;
		enum pki_key kind;
	} cases[] = {
		{ NULL, "usage-missing", -1, 50, PKI_P256 },
		{ "critical,serverAuth", "usage-missing", -1, 50, PKI_P256 },
		{ "timeStamping", "usage-not-critical", -1, 50, PKI_P256 },
		{ "critical,timeStamping,serverAuth", "usage-not-alone", -1, 50, PKI_P256 },
		{ USAGE, "certificate-expired", -9, -1, PKI_P256 },
		{ USAGE, "certificate-not-yet", 1, 9, PKI_P256 },
		{ USAGE, "weak", -1, 50, PKI_RSA1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pki_identity *bad = tsa_new(cases[i].kind, "Bad TSA", authority, cases[i].from_days, cases[i].to_days, cases[i].usage);
		struct tsa_order order = good_order();

		order.signer = bad;
		expect_invalid(&order, authority->pem, cases[i].cause, cases[i].kind == PKI_RSA1024 ? "strength" : "Bad TSA");
		pki_free(bad);
	}
}

/* The certificate is judged at genTime: one that has ended since was good then, and one that was not is not made good by our clock. */
static void test_chain_at_gentime(void **state)
{
	struct pki_identity *old = tsa_new(PKI_P256, "Old TSA", authority, -40, -20, USAGE);
	struct tsa_order order = good_order();
	char then[40];

	(void)state;
	order.signer = old;
	order.time = tsa_time(-30 * 86400L, "", then);
	expect_granted(&order, 0, authority->pem, -30LL * 86400 * 1000, "0", "ok");
	order.signer = signer;
	expect_invalid(&order, authority->pem, "certificate-not-yet", "Test TSA");
	pki_free(old);
}

static void test_policy(void **state)
{
	struct tsa_order order = good_order();
	size_t token_length = 0, length = 0;
	uint8_t *token = tsa_token(&order, &token_length);

	(void)state;
	for (long status = 0; status <= 1; status++) {
		uint8_t *reply = tsa_reply(status, -1, NULL, token, token_length, &length);
		struct try try;

		ask(&try, reply, length, authority->pem, 0);
		try_set(&try, "policy", "1.2.3.5");
		expect(&try, "invalid", "policy");
		assert_string_equal(try_get(&try, "reason"), "the policy is 1.2.3.4, asked was 1.2.3.5");
		try_end(&try);
		ask(&try, reply, length, authority->pem, 0);
		try_set(&try, "policy", "1.2.3.4");
		expect(&try, "granted", "-");
		try_end(&try);
		free(reply);
	}
	free(token);
}

/* How far our clock is from genTime, beyond the exchange, the accuracy and the unit of genTime. */
static void test_clock(void **state)
{
	struct tsa_order order = good_order();
	char at[40];
	struct try try;
	size_t token_length = 0, length = 0;
	uint8_t *token = NULL, *reply = NULL;

	(void)state;
	expect_granted(&order, 0, authority->pem, 3600000, NULL, "off");
	expect_granted(&order, 0, authority->pem, -3600000, NULL, "off");
	expect_granted(&order, 0, authority->pem, 200000, NULL, "ok");
	order.accuracy = "3500.0.0";
	expect_granted(&order, 0, authority->pem, 3600000, NULL, "ok");
	order.accuracy = "99999999.0.1";
	expect_granted(&order, 0, authority->pem, 7200000 - 60000, NULL, "off"); /* no authority excuses more than an hour */
	order.time = "20300101000000.25Z";
	order.accuracy = "1.20.1";
	order.signer = signer;
	token = tsa_token(&order, &token_length);
	reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	for (int i = 0; i < 4; i++) {
		static const long long moments[] = { 1893456001280 + 1, 1893456001280, 1893455999229, 1893455999229 - 1 };
		static const char *const offs[] = { "1", "0", "0", "-1" };

		ask(&try, reply, length, authority->pem, 0);
		set_number(&try, "asked-from", moments[i]);
		set_number(&try, "asked-to", moments[i]);
		assert_int_equal(try_run(&try), 0);
		assert_result(&try, "time", "2030-01-01T00:00:00.250Z");
		assert_result(&try, "time-ms", "1893456000250");
		assert_result(&try, "accuracy-ms", "1021");
		assert_result(&try, "off-ms", offs[i]);
		assert_result(&try, "cause", "certificate-expired"); /* ours ends before 2030 */
		try_end(&try);
	}
	free(token);
	free(reply);
	order = good_order();
	order.time = tsa_time(-3600, ".5", at);
	token = tsa_token(&order, &token_length);
	reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	ask(&try, reply, length, authority->pem, 0);
	expect(&try, "granted", "-");
	assert_non_null(strstr(try_get(&try, "reason"), "ms ahead"));
	free(token);
	free(reply);
	try_end(&try);
}

static void test_unusable(void **state)
{
	static const struct {
		const char *status, *type, *body, *cause, *fall_over;
	} cases[] = {
		{ "401", "text/html", "<html>", "http-login", "no" },
		{ "403", TYPE, "", "http-forbidden", "no" },
		{ "400", TYPE, "", "http-refused", "no" },
		{ "429", TYPE, "", "http-refused", "no" },
		{ "404", TYPE, "", "http-away", "yes" },
		{ "302", TYPE, "", "http-away", "yes" },
		{ "500", TYPE, "", "http-away", "yes" },
		{ "503", "text/html", "<html>", "http-away", "yes" },
		{ "", TYPE, "", "http-away", "yes" },
		{ "200", TYPE, "", "empty", "yes" },
		{ "200", "text/html; charset=utf-8", "\xef\xbb\xbf \r\n<!DOCTYPE html>", "html", "yes" },
		{ "200", TYPE, "<html>", "html", "yes" },
		{ "200", TYPE, "0123", "malformed", "yes" },
		{ "200", "Application/Timestamp-Reply ; x=y", "\x30\x05\x30\x03\x02\x01", "malformed", "yes" },
		{ "200", TYPE, "\x30\x02\x30\x01", "malformed", "yes" },
		{ "200", TYPE, "\x30\x80\x30\x03\x02\x01\x02", "malformed", "yes" },
		{ "200", "text/plain", "no", "content-type", "yes" },
		{ "200", "", "no", "content-type", "yes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct try try;

		ask(&try, (const uint8_t *)cases[i].body, strlen(cases[i].body), authority->pem, 0);
		try_set(&try, "http-status", cases[i].status);
		try_set(&try, "content-type", cases[i].type);
		expect(&try, "unusable", cases[i].cause);
		assert_result(&try, "fall-over", cases[i].fall_over);
		assert_result(&try, "spent", "no");
		try_end(&try);
	}
}

static void test_around_the_token(void **state)
{
	struct tsa_order order = good_order();
	size_t token_length = 0, length = 0;
	uint8_t *token = tsa_token(&order, &token_length), *reply = tsa_reply(0, -1, NULL, NULL, 0, &length);
	struct try try;

	(void)state;
	ask(&try, reply, length, authority->pem, 0);
	expect(&try, "invalid", "no-token");
	assert_result(&try, "spent", "yes");
	try_end(&try);
	free(reply);
	reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "content-type", "text/plain");
	expect(&try, "invalid", "content-type");
	assert_result(&try, "spent", "yes");
	try_end(&try);
	ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "limit", "100");
	expect(&try, "unusable", "too-long");
	try_end(&try);
	ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "nonce", "00");
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	ask(&try, reply, length, authority->pem, 0);
	try_set(&try, "asked-to", "1");
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	free(reply);
	free(token);
}

/* Any one byte changed, or cut anywhere: never granted. */
static void test_every_byte(void **state)
{
	struct tsa_order order = good_order();
	size_t token_length = 0, length = 0;
	uint8_t *token = tsa_token(&order, &token_length), *reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	size_t granted = 0;
	struct try try;

	(void)state;
	for (size_t i = 0; i < length; i++) {
		reply[i] ^= 0x01;
		ask(&try, reply, length, authority->pem, 0);
		assert_int_equal(try_run(&try), 0);
		granted += strcmp(try_get(&try, "verdict"), "granted") == 0 ? 1 : 0;
		try_end(&try);
		reply[i] ^= 0x01;
		ask(&try, reply, i, authority->pem, 0);
		expect(&try, "unusable", i == 0 ? "empty" : "malformed");
		try_end(&try);
	}
	assert_int_equal(granted, 2); /* the status (granted with changes), the version of SignerInfo (which binds nobody) */
	reply = realloc(reply, length + 1);
	assert_non_null(reply);
	reply[length] = 0;
	ask(&try, reply, length + 1, authority->pem, 0);
	expect(&try, "unusable", "malformed");
	try_end(&try);
	free(reply);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_refused),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_invalid_content),
		cmocka_unit_test(test_invalid_time),
		cmocka_unit_test(test_invalid_signer),
		cmocka_unit_test(test_invalid_certificate),
		cmocka_unit_test(test_chain_at_gentime),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_around_the_token),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
