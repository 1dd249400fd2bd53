/* CMS replies: BER and DER, who signed, and everything that must not pass (spec/epo 6, 7.2). */
#include "partner_help.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_pki.h"

#define CN "Společné technické zařízení správců daně"
#define CN_PLAIN "Spolecne technicke zarizeni spravcu dane"
#define O "Česká republika - Generální finanční ředitelství"
#define CONTENT "<Pisemnost><Podani Cislo='1'/></Pisemnost>"

static struct pki_identity *authority, *signer, *rsa_signer, *stranger_authority, *stranger, *weak, *expired;

static int make_all(void **state)
{
	(void)state;
	authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -10, 100);
	signer = pki_new(PKI_P256, CN, O, authority, -1, 50);
	rsa_signer = pki_new(PKI_RSA2048, CN_PLAIN, O, authority, -1, 50);
	weak = pki_new(PKI_RSA1024, CN, O, authority, -1, 50);
	expired = pki_new(PKI_P256, CN, O, authority, -9, -1);
	stranger_authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -10, 100);
	stranger = pki_new(PKI_P256, CN, O, stranger_authority, -1, 50);
	return 0;
}

static int free_all(void **state)
{
	struct pki_identity *all[] = { authority, signer, rsa_signer, stranger_authority, stranger, weak, expired };

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		pki_free(all[i]);
	}
	return 0;
}

static void begin(struct try *try, const void *cms, size_t length, const char *anchors)
{
	try_begin(try, "verify", "epo");
	try_in(try, cms, length);
	try_in_text(try, anchors);
	try_out(try);
}

/* Signs, verifies with the usual wishes, compares result and reason. */
static void expect(const struct pki_identity *by, unsigned how, const char *pins, const char *anchors, const char *result, const char *reason)
{
	size_t length = 0;
	unsigned char *cms = pki_sign(by, CONTENT, strlen(CONTENT), how, &length);
	struct try try;

	begin(&try, cms, length, anchors);
	try_set(&try, "signer-cn", CN "|" CN_PLAIN);
	try_set(&try, "signer-o", "Generální finanční ředitelství");
	if (pins != NULL) {
		try_set(&try, "signer-sha256", pins);
	}
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "reason", reason);
	assert_result(&try, "result", result);
	if (strcmp(result, "valid") == 0) {
		char *text = try_output(&try, 3, NULL);

		assert_string_equal(text, CONTENT);
		assert_result(&try, "signer-sha256", by->sha256);
		assert_result(&try, "chain", anchors[0] != '\0' ? "yes" : "pinned");
		free(text);
	}
	free(cms);
	try_end(&try);
}

static void test_good(void **state)
{
	(void)state;
	expect(signer, 0, NULL, authority->pem, "valid", "-");
	expect(signer, PKI_BER, NULL, authority->pem, "valid", "-");
	expect(rsa_signer, 0, NULL, authority->pem, "valid", "-");
	expect(rsa_signer, PKI_BER, NULL, authority->pem, "valid", "-");
	expect(signer, PKI_NO_ATTRIBUTES, NULL, authority->pem, "valid", "-");
	expect(stranger, 0, stranger->sha256, "", "valid", "-");
	expect(signer, 0, signer->sha256, authority->pem, "valid", "-");
	expect(signer, 0, NULL, signer->pem, "valid", "-");
}

static void test_bad(void **state)
{
	(void)state;
	expect(stranger, 0, NULL, authority->pem, "invalid", "certificate signature failure");
	expect(signer, 0, NULL, "", "invalid", "no trust anchors and no pinned certificate");
	expect(signer, 0, NULL, "-----BEGIN", "invalid", "unable to get local issuer certificate");
	expect(signer, 0, stranger->sha256, authority->pem, "invalid", "the signer's certificate is not the pinned one");
	expect(expired, 0, NULL, authority->pem, "invalid", "certificate has expired");
	expect(expired, 0, expired->sha256, "", "invalid", "certificate has expired");
	expect(weak, 0, NULL, authority->pem, "invalid", "EE certificate key too weak");
	expect(weak, 0, weak->sha256, "", "invalid", "the signer's key is too weak");
	expect(signer, PKI_DETACHED, NULL, authority->pem, "invalid", "the signature is detached");
	expect(signer, PKI_NO_CERTS, NULL, authority->pem, "invalid", "the signer's certificate is not included");
	expect(signer, PKI_SHA1, NULL, authority->pem, "invalid", "the digest algorithm is not accepted");
	expect(signer, PKI_TWO_SIGNERS, NULL, authority->pem, "invalid", "not exactly one signature");
}

static void test_names(void **state)
{
	size_t length = 0;
	unsigned char *cms = pki_sign(signer, CONTENT, strlen(CONTENT), 0, &length);
	char long_list[8192] = "";
	struct try try;

	(void)state;
	begin(&try, cms, length, authority->pem);
	try_set(&try, "signer-cn", "Někdo jiný|Ještě jiný");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "result", "invalid");
	assert_result(&try, "reason", "the signer has another name");
	assert_result(&try, "signer-name", CN);
	try_end(&try);
	begin(&try, cms, length, authority->pem);
	try_set(&try, "signer-o", "Jiný úřad");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "reason", "the signer belongs to another organisation");
	try_end(&try);
	begin(&try, cms, length, authority->pem);
	try_set(&try, "at", "2020-01-01T00:00:00.000Z");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "reason", "certificate is not yet valid");
	try_end(&try);
	memset(long_list, 'x', sizeof long_list - 1);
	begin(&try, cms, length, authority->pem);
	try_set(&try, "signer-sha256", long_list);
	assert_int_equal(try_run(&try), ERR_LIMIT);
	try_end(&try);
	begin(&try, cms, length, authority->pem);
	try_set(&try, "limit", "100");
	assert_int_equal(try_run(&try), ERR_LIMIT);
	try_end(&try);
	free(cms);
}

/* Any one byte changed: never valid with other content than what was signed. */
static void test_every_byte(void **state)
{
	size_t length = 0;
	unsigned char *cms = pki_sign(signer, CONTENT, strlen(CONTENT), PKI_BER, &length);
	struct try try;

	(void)state;
	for (size_t i = 0; i < length; i++) {
		cms[i] ^= 0x01;
		begin(&try, cms, length, authority->pem);
		if (try_run(&try) == 0 && strcmp(try_get(&try, "result"), "valid") == 0) {
			char *text = try_output(&try, 3, NULL);

			assert_string_equal(text, CONTENT);
			free(text);
		}
		try_end(&try);
		cms[i] ^= 0x01;
	}
	for (size_t i = 0; i < length; i += 7) {
		begin(&try, cms, i, authority->pem);
		assert_int_equal(try_run(&try), 0);
		assert_result(&try, "result", "invalid");
		try_end(&try);
	}
	cms = realloc(cms, length + 1);
	assert_non_null(cms);
	cms[length] = 'x';
	begin(&try, cms, length + 1, authority->pem);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "reason", "bytes after the end of the CMS structure");
	try_end(&try);
	free(cms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
