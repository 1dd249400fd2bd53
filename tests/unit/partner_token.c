/* Tokens: what is granted, and the true cause of everything that must not count (spec timestamps 3). */
#include "partner_help.h"

#include <stdlib.h>
#include <string.h>

#include "partner_tsa.h"

static struct pki_identity *authority, *signer, *rsa, *other, *stranger_authority, *stranger;

static int make_all(void **state)
{
	(void)state;
	authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -100, 100);
	signer = tsa_new(PKI_P256, "Test TSA", authority, -1, 50, TSA_USAGE);
	rsa = tsa_new(PKI_RSA2048, "Test TSA RSA", authority, -1, 50, TSA_USAGE);
	other = tsa_new(PKI_P256, "Test TSA other", authority, -1, 50, TSA_USAGE);
	stranger_authority = pki_new(PKI_P256, "Foreign CA", "Test", NULL, -10, 100);
	stranger = tsa_new(PKI_P256, "Test TSA", stranger_authority, -1, 50, TSA_USAGE);
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

/* A granted reply with this token must be `invalid` for that cause; words that the reason must hold, or NULL. */
static void expect_invalid(const struct tsa_order *order, const char *anchors, const char *cause, const char *words)
{
	size_t token_length = 0, length = 0, kept = 0;
	uint8_t *token = tsa_token(order, &token_length), *reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	char *out = NULL;
	struct try try;

	tsa_ask(&try, reply, length, anchors, 0);
	tsa_expect(&try, "invalid", cause);
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

	tsa_ask(&try, reply, length, anchors, late_ms);
	tsa_expect(&try, "granted", "-");
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
	struct tsa_order order = tsa_good_order(signer);

	(void)state;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	expect_granted(&order, 1, authority->pem, 0, "0", "ok");
	order.id = TSA_ID_V1;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	order.named = authority;
	order.id = TSA_ID_CHAIN_V1;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	order.id = TSA_ID_CHAIN;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	order.signer = rsa;
	order.digest = NID_sha512;
	expect_granted(&order, 0, authority->pem, 0, "0", "ok");
	expect_granted(&order, 0, rsa->pem, 0, "0", "ok"); /* the certificate itself may be the anchor */
}

static void test_invalid_content(void **state)
{
	uint8_t wrong[64];
	struct tsa_order order = tsa_good_order(signer);

	(void)state;
	memcpy(wrong, tsa_imprint, sizeof wrong);
	wrong[31] ^= 1;
	order.imprint = wrong;
	expect_invalid(&order, authority->pem, "imprint", "sha256");
	order = tsa_good_order(signer);
	order.hash = NID_sha512;
	order.imprint_length = 64;
	expect_invalid(&order, authority->pem, "imprint-hash", "sha512");
	order = tsa_good_order(signer);
	order.hash = NID_sha1;
	order.imprint_length = 20;
	expect_invalid(&order, authority->pem, "imprint-hash", "sha1");
	order = tsa_good_order(signer);
	order.nonce = wrong;
	expect_invalid(&order, authority->pem, "nonce", "not the one");
	order.nonce_length = 0;
	expect_invalid(&order, authority->pem, "nonce", "no nonce");
	order = tsa_good_order(signer);
	order.version = 2;
	expect_invalid(&order, authority->pem, "token-form", "version 2");
	order = tsa_good_order(signer);
	order.critical = true;
	expect_invalid(&order, authority->pem, "token-form", "critical");
	order = tsa_good_order(signer);
	order.content_type = NID_pkcs7_data;
	expect_invalid(&order, authority->pem, "token-form", "id-ct-TSTInfo");
	order = tsa_good_order(signer);
	order.detached = true;
	expect_invalid(&order, authority->pem, "token-form", "no content");
}

static void test_invalid_time(void **state)
{
	static const char *const bad[] = {
		"20300101000000", "203001010000Z", "20301301000000Z", "20300101000000.Z", "20300101000000.1xZ", "20300101000000+0100", ""
	};
	struct tsa_order order = tsa_good_order(signer);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		order.time = bad[i];
		expect_invalid(&order, authority->pem, "time-form", NULL);
	}
}

static void test_invalid_signer(void **state)
{
	struct tsa_order order = tsa_good_order(signer);

	(void)state;
	order.id = TSA_ID_NONE;
	expect_invalid(&order, authority->pem, "signer-id-missing", "SigningCertificate");
	order.id = TSA_ID_OTHER;
	order.named = other;
	expect_invalid(&order, authority->pem, "signer-id", "Test TSA");
	order.id = TSA_ID_SECOND;
	expect_invalid(&order, authority->pem, "signer-id", "Test TSA");
	order = tsa_good_order(signer);
	order.how = PKI_NO_CERTS;
	expect_invalid(&order, authority->pem, "signer-missing", NULL);
	order = tsa_good_order(signer);
	order.how = PKI_TWO_SIGNERS;
	expect_invalid(&order, authority->pem, "token-form", "exactly one signature");
	order = tsa_good_order(signer);
	order.digest = NID_sha1;
	expect_invalid(&order, authority->pem, "weak", "sha1");
	order = tsa_good_order(signer);
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
		{ TSA_USAGE, "certificate-expired", -9, -1, PKI_P256 },
		{ TSA_USAGE, "certificate-not-yet", 1, 9, PKI_P256 },
		{ TSA_USAGE, "weak", -1, 50, PKI_RSA1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pki_identity *bad = tsa_new(cases[i].kind, "Bad TSA", authority, cases[i].from_days, cases[i].to_days, cases[i].usage);
		struct tsa_order order = tsa_good_order(signer);

		order.signer = bad;
		expect_invalid(&order, authority->pem, cases[i].cause, cases[i].kind == PKI_RSA1024 ? "strength" : "Bad TSA");
		pki_free(bad);
	}
}

/* The certificate is judged at genTime: one that has ended since was good then, and one that was not is not made good by our clock. */
static void test_chain_at_gentime(void **state)
{
	struct pki_identity *old = tsa_new(PKI_P256, "Old TSA", authority, -40, -20, TSA_USAGE);
	struct tsa_order order = tsa_good_order(signer);
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
	struct tsa_order order = tsa_good_order(signer);
	size_t token_length = 0, length = 0;
	uint8_t *token = tsa_token(&order, &token_length);

	(void)state;
	for (long status = 0; status <= 1; status++) {
		uint8_t *reply = tsa_reply(status, -1, NULL, token, token_length, &length);
		struct try try;

		tsa_ask(&try, reply, length, authority->pem, 0);
		try_set(&try, "policy", "1.2.3.5");
		tsa_expect(&try, "invalid", "policy");
		assert_string_equal(try_get(&try, "reason"), "the policy is 1.2.3.4, asked was 1.2.3.5");
		try_end(&try);
		tsa_ask(&try, reply, length, authority->pem, 0);
		try_set(&try, "policy", "1.2.3.4");
		tsa_expect(&try, "granted", "-");
		try_end(&try);
		free(reply);
	}
	free(token);
}

/* How far our clock is from genTime, beyond the exchange, the accuracy and the unit of genTime. */
static void test_clock(void **state)
{
	struct tsa_order order = tsa_good_order(signer);
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

		tsa_ask(&try, reply, length, authority->pem, 0);
		tsa_set_number(&try, "asked-from", moments[i]);
		tsa_set_number(&try, "asked-to", moments[i]);
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
	order = tsa_good_order(signer);
	order.time = tsa_time(-3600, ".5", at);
	token = tsa_token(&order, &token_length);
	reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	tsa_ask(&try, reply, length, authority->pem, 0);
	tsa_expect(&try, "granted", "-");
	assert_non_null(strstr(try_get(&try, "reason"), "ms ahead"));
	free(token);
	free(reply);
	try_end(&try);
}

/* Any one byte changed, or cut anywhere: never granted. */
static void test_every_byte(void **state)
{
	struct tsa_order order = tsa_good_order(signer);
	size_t token_length = 0, length = 0;
	uint8_t *token = tsa_token(&order, &token_length), *reply = tsa_reply(0, -1, NULL, token, token_length, &length);
	size_t granted = 0;
	struct try try;

	(void)state;
	for (size_t i = 0; i < length; i++) {
		reply[i] ^= 0x01;
		tsa_ask(&try, reply, length, authority->pem, 0);
		assert_int_equal(try_run(&try), 0);
		granted += strcmp(try_get(&try, "verdict"), "granted") == 0 ? 1 : 0;
		try_end(&try);
		reply[i] ^= 0x01;
		tsa_ask(&try, reply, i, authority->pem, 0);
		tsa_expect(&try, "unusable", i == 0 ? "empty" : "malformed");
		try_end(&try);
	}
	assert_int_equal(granted, 2); /* the status (granted with changes), the version of SignerInfo (which binds nobody) */
	reply = realloc(reply, length + 1);
	assert_non_null(reply);
	reply[length] = 0;
	tsa_ask(&try, reply, length + 1, authority->pem, 0);
	tsa_expect(&try, "unusable", "malformed");
	try_end(&try);
	free(reply);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_invalid_content),
		cmocka_unit_test(test_invalid_time),
		cmocka_unit_test(test_invalid_signer),
		cmocka_unit_test(test_invalid_certificate),
		cmocka_unit_test(test_chain_at_gentime),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
