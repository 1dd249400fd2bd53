/* Certificates of partners and of ours, by themselves: what is told of them, and the message that announces one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"
#include "partner_pki.h"
#include "transport/base/certificates.h"

static struct pki_identity *root, *service, *elliptic;

static int set_up(void **state)
{
	(void)state;
	root = pki_new(PKI_RSA2048, "Test CA", "Úřad", NULL, -30, 30);
	service = pki_new(PKI_SERVICE, "DIS.TEST", "Úřad", root, -10, 10);
	elliptic = pki_new(PKI_P256, "Jana\nNováková", "Firma", root, -10, 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(elliptic);
	pki_free(service);
	pki_free(root);
	return 0;
}

static int look(struct try *try, const void *data, size_t length)
{
	try_begin(try, "certificates", "");
	try_in(try, data, length);
	return try_run(try);
}

static void test_look(void **state)
{
	char text[32768] = "";
	struct try try;
	unsigned char *der = NULL;
	int length = i2d_X509(service->cert, &der);

	(void)state;
	(void)snprintf(text, sizeof text, "words before\n%s\nand between\n%s", service->pem, elliptic->pem);
	assert_int_equal(look(&try, text, strlen(text)), 0);
	assert_result(&try, "count", "2");
	assert_result(&try, "cert.0.sha256", service->sha256);
	assert_result(&try, "cert.0.enciphers", "yes");
	assert_result(&try, "cert.0.qualified", "no");
	assert_non_null(strstr(try_get(&try, "cert.0.subject"), "DIS.TEST"));
	assert_non_null(strstr(try_get(&try, "cert.0.issuer"), "Úřad"));
	assert_result(&try, "cert.1.sha256", elliptic->sha256);
	assert_result(&try, "cert.1.enciphers", "no"); /* messages are encrypted by RSA */
	assert_null(strchr(try_get(&try, "cert.1.subject"), '\n'));
	try_end(&try);
	assert_int_equal(look(&try, der, (size_t)length), 0);
	assert_result(&try, "count", "1");
	assert_result(&try, "cert.0.sha256", service->sha256);
	try_end(&try);
	der[length - 1] ^= 1; /* of the signature, which nobody here relies on */
	assert_int_equal(look(&try, der, (size_t)length), 0);
	assert_string_not_equal(try_get(&try, "cert.0.sha256"), service->sha256);
	try_end(&try);
	assert_int_equal(look(&try, der, (size_t)length - 1), ERR_FORMAT);
	try_end(&try);
	OPENSSL_free(der);
	assert_int_equal(look(&try, "", 0), ERR_FORMAT);
	try_end(&try);
	text[0] = '\0';
	for (size_t i = 0; i <= CERTIFICATES_MAX; i++) {
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s", elliptic->pem);
	}
	assert_int_equal(look(&try, text, strlen(text)), ERR_LIMIT);
	try_end(&try);
}

static char *announce(struct try *try, const char *pem, const char *template, const char *qualified)
{
	try_begin(try, "announce", "");
	try_set(try, "option.announce-template", template);
	try_set(try, "option.announce-qualified", qualified);
	try_in_text(try, pem);
	try_out(try);
	assert_int_equal(try_run(try), 0);
	return try_output(try, 2, NULL);
}

static void refused(const char *pem, const char *template, const char *qualified, const char *cause)
{
	struct try try;
	char *text = announce(&try, pem, template, qualified);

	assert_result(&try, "cause", cause);
	assert_string_equal(text, "");
	free(text);
	try_end(&try);
}

static void test_announce(void **state)
{
	struct pki_identity *ended = pki_new(PKI_RSA2048, "x", "x", root, -20, -1), *early = pki_new(PKI_RSA2048, "x", "x", root, 1, 20);
	char both[16384], *text = NULL, *place = NULL;
	unsigned char decoded[8192], *der = NULL;
	int length = i2d_X509(service->cert, &der);
	struct try try;

	(void)state;
	text = announce(&try, service->pem, "<a b='1'>{certificate}</a>", "no");
	assert_result(&try, "cause", "");
	assert_result(&try, "cert.0.sha256", service->sha256);
	assert_memory_equal(text, "<a b='1'>", 9);
	place = strstr(text, "</a>");
	assert_non_null(place);
	assert_string_equal(place, "</a>");
	*place = '\0';
	assert_true(EVP_DecodeBlock(decoded, (const unsigned char *)text + 9, (int)strlen(text + 9)) >= length);
	assert_memory_equal(decoded, der, (size_t)length);
	OPENSSL_free(der);
	free(text);
	try_end(&try);
	(void)snprintf(both, sizeof both, "%s%s", service->pem, elliptic->pem);
	refused("nothing", "{certificate}", "no", "no-certificate");
	refused(both, "{certificate}", "no", "several");
	refused(service->pem, "<a/>", "no", "no-template");
	refused(service->pem, "", "no", "no-template");
	refused(service->pem, "{certificate}", "yes", "not-qualified");
	refused(ended->pem, "{certificate}", "no", "over");
	refused(early->pem, "{certificate}", "no", "not-yet");
	pki_free(ended);
	pki_free(early);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_look), cmocka_unit_test(test_announce) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
