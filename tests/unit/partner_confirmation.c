/* The content of a confirmation against what was sent, in the order of spec/epo 7.2. */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/fdio.h"
#include "transport/base/digest.h"
#include "transport/base/zip.h"

#define ORIGINAL "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Pisemnost><DPHDP3/></Pisemnost>"
#define PODANI "<Podani Cislo=\"900000001\" Datum=\"2030-02-20T10:00:00\" Heslo=\"ukazka-heslo\" ZAREP=\"true\" KC=\"00000000\"/>"
#define TEXT_SIZE 4096

static void hex_of(const void *data, size_t length, char *ret)
{
	for (size_t i = 0; i < length; i++) {
		(void)sprintf(ret + 2 * i, "%02X", ((const uint8_t *)data)[i]);
	}
}

static void md5_of(const char *text, char ret[DIGEST_HEX_SIZE])
{
	EVP_MD_CTX *digest = digest_new("MD5");

	assert_non_null(digest);
	assert_int_equal(digest_feed(digest, span_of_string(text)), 0);
	assert_int_equal(digest_hex(digest, ret), 0);
	EVP_MD_CTX_free(digest);
}

static void run(struct try *try, const char *content)
{
	try_begin(try, "classify", "epo");
	try_set(try, "purpose", "confirmation");
	try_in_text(try, content);
	try_in_text(try, ORIGINAL);
	try_in_text(try, "");
	try_out(try);
	try_out(try);
	assert_int_equal(try_run(try), 0);
	assert_result(try, "evidence", "signed");
}

static void expect(const char *data, const char *checksum, const char *filing, const char *verdict, const char *reason)
{
	char content[TEXT_SIZE], soubor[256];
	struct try try;

	(void)snprintf(soubor, sizeof soubor, checksum == NULL ? "%s" : "KC=\"%s\"", checksum == NULL ? "" : checksum);
	(void)snprintf(content, sizeof content,
	               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Pisemnost>\n<Data>%s</Data>\n<Kontrola><Soubor Delka=\"1\" %s Nazev=\"x\"/>"
	               "<Certifikaty>MIAG</Certifikaty></Kontrola>%s</Pisemnost>\n",
	               data, soubor, filing);
	run(&try, content);
	if (strcmp(try_get(&try, "verdict"), verdict) != 0 || strcmp(try_get(&try, "reason"), reason) != 0) {
		fail_msg("%s (%s), not %s (%s): %s", try_get(&try, "verdict"), try_get(&try, "reason"), verdict, reason, content);
	}
	assert_result(&try, "receipt", strcmp(verdict, "taken") == 0 ? "yes" : "no");
	try_end(&try);
}

static void test_checksum(void **state)
{
	char md5[DIGEST_HEX_SIZE], upper[DIGEST_HEX_SIZE];
	struct try try;
	char content[TEXT_SIZE], *text = NULL;

	(void)state;
	md5_of(ORIGINAL, md5);
	for (size_t i = 0; i <= strlen(md5); i++) {
		upper[i] = (char)(md5[i] >= 'a' && md5[i] <= 'f' ? md5[i] - 32 : md5[i]);
	}
	expect("00", md5, PODANI, "taken", "-");
	expect("", upper, PODANI, "taken", "-");
	expect("", md5, "<Dal><Neco>" PODANI "</Neco></Dal>", "taken", "-");
	expect("", "0123456789abcdef0123456789abcdef", PODANI, "mismatch", "the check sum is not that of what was sent");
	expect("", md5, "<Podani Datum='2030-02-20' Heslo='x'/>", "unknown", "the confirmation has no filing number");
	expect("", md5, "<Podani Cislo='1' Heslo='x'/>", "unknown", "the confirmation has no date");
	expect("", md5, "<Podani Cislo='1' Datum='2030-02-20'/>", "unknown", "the confirmation has no password");
	expect("", md5, "", "unknown", "the signed content is not a confirmation");
	expect("", md5, PODANI PODANI, "unknown", "more than one filing in the confirmation");
	(void)snprintf(content, sizeof content,
	               "<?xml version='1.0' encoding='windows-1250'?><p:Pisemnost xmlns:p='urn:x'><p:Kontrola><p:Soubor KC='%s' Nazev='\x9e'/></p:Kontrola>"
	               "<p:Podani Cislo='7' Datum='20.02.2030' Heslo='h\xe8' ZAREP='1'/></p:Pisemnost>",
	               md5);
	run(&try, content);
	assert_result(&try, "verdict", "taken");
	assert_result(&try, "poll", "state");
	text = try_output(&try, CLASSIFY_RECEIPT_OUT, NULL);
	assert_string_equal(text, "cislo: 7\ndatum: 20.02.2030\nheslo: hč\nzarep: yes\n");
	free(text);
	try_end(&try);
}

static void test_data(void **state)
{
	char hex[2 * sizeof ORIGINAL], spaced[4 * sizeof ORIGINAL] = "", base64[2 * sizeof ORIGINAL], zip_hex[TEXT_SIZE];
	int from = fd_memfd_sealed("x", ORIGINAL, strlen(ORIGINAL)), to = fd_memfd_open("zip");
	uint8_t zip[1024];
	uint64_t size = 0;
	size_t spaced_length = 0;

	(void)state;
	hex_of(ORIGINAL, strlen(ORIGINAL), hex);
	for (size_t i = 0; hex[i] != '\0'; i++) {
		spaced_length += (size_t)snprintf(spaced + spaced_length, sizeof spaced - spaced_length, "%c%s", hex[i], i % 5 == 0 ? "\n " : "");
	}
	(void)EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)ORIGINAL, (int)strlen(ORIGINAL));
	assert_int_equal(zip_write_single(from, to, "DPHDP3.xml", 1 << 20, &size), 0);
	assert_int_equal(pread(to, zip, sizeof zip, 0), (ssize_t)size);
	hex_of(zip, (size_t)size, zip_hex);
	expect(hex, NULL, PODANI, "taken", "-");
	expect(spaced, NULL, PODANI, "taken", "-");
	expect(base64, NULL, PODANI, "taken", "-");
	expect(zip_hex, NULL, PODANI, "taken", "-");
	expect(hex, "", PODANI, "taken", "-");
	hex[10] = hex[10] == '0' ? '1' : '0';
	expect(hex, NULL, PODANI, "mismatch", "no check sum, and the data is not what was sent");
	expect("", NULL, PODANI, "mismatch", "no check sum, and the data is not what was sent");
	expect("3C3", NULL, PODANI, "mismatch", "no check sum, and the data is not what was sent");
	expect("?", NULL, PODANI, "mismatch", "no check sum, and the data is not what was sent");
	(void)close(from);
	(void)close(to);
}

static void test_not_confirmations(void **state)
{
	static const char *const contents[] = { "", "nonsense", "<Pisemnost>", "<Chyby/>", "<Odpoved>" PODANI "</Odpoved>", "<!DOCTYPE a><Pisemnost/>" };
	struct try try;

	(void)state;
	for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
		run(&try, contents[i]);
		assert_result(&try, "verdict", "unknown");
		try_end(&try);
	}
	run(&try, "<Pisemnost>" PODANI "</Pisemnost>");
	assert_result(&try, "verdict", "mismatch");
	assert_result(&try, "reason", "neither check sum nor data in the confirmation");
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_not_confirmations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
