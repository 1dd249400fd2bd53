#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "transport/base/zip.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Pisemnost><DPHKH1/></Pisemnost>"

static void begin(struct try *try, const char *what, const char *source)
{
	try_begin(try, "compose", "epo");
	try_set(try, "what", what);
	try_in_text(try, source);
	try_out(try);
}

static int collect(void *context, struct span bytes)
{
	char *text = context;

	(void)strncat(text, (const char *)bytes.data, bytes.length);
	return 0;
}

static void test_content(void **state)
{
	struct try try, again;
	size_t length = 0, again_length = 0;
	char *zip = NULL, *again_zip = NULL, text[256] = "";

	(void)state;
	begin(&try, "content", XML);
	try_set(&try, "form", "DPHDP3");
	try_set(&try, "email", "a+b&c@d");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "same", "yes");
	/* What test and file would say later, for the same size. */
	assert_result(&try, "test.path", "/epo_podani?test=1&email=a%2Bb%26c%40d");
	assert_result(&try, "file.path", "/epo_podani?email=a%2Bb%26c%40d");
	assert_result(&try, "file.method", "POST");
	assert_result(&try, "file.header.1", "Content-Type: application/pkcs7-signature");
	assert_result(&try, "file.reply-limit", "23068672");
	try_end(&try);
	begin(&try, "content", XML);
	try_set(&try, "form", "DPHKH1");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "same", "no");
	assert_result(&try, "file.path", "-");
	zip = try_output(&try, 2, &length);
	assert_int_equal(atoi(try_get(&try, "size")), (int)length);
	assert_int_equal(zip_read_single(span_of(zip, length), 1024, collect, text), 0);
	assert_string_equal(text, XML);
	assert_memory_equal(zip + 30, "DPHKH1.xml", 10);
	assert_int_equal(zip[8], 8); /* deflate */
	begin(&again, "content", XML);
	try_set(&again, "form", "DPHKH1");
	assert_int_equal(try_run(&again), 0);
	again_zip = try_output(&again, 2, &again_length);
	assert_int_equal(length, again_length);
	assert_memory_equal(zip, again_zip, length);
	free(zip);
	free(again_zip);
	try_end(&again);
	try_end(&try);
}

/* What other people's tools think of the archive. */
static void test_archive_with_unzip(void **state)
{
	struct try try;
	size_t length = 0;
	char *zip = NULL, path[] = "/tmp/partner-zip-XXXXXX", command[256];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	begin(&try, "content", XML);
	try_set(&try, "form", "DPHKH1");
	assert_int_equal(try_run(&try), 0);
	zip = try_output(&try, 2, &length);
	assert_int_equal(write(fd, zip, length), (ssize_t)length);
	(void)snprintf(command, sizeof command,
	               "python3 -c 'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; i=z.infolist(); "
	               "assert len(i)==1 and i[0].filename==\"DPHKH1.xml\" and i[0].compress_type==8 and i[0].file_size==%zu' %s",
	               strlen(XML), path);
	assert_int_equal(system(command), 0);
	(void)close(fd);
	(void)unlink(path);
	free(zip);
	try_end(&try);
}

static void test_content_faults(void **state)
{
	struct try try;

	(void)state;
	begin(&try, "content", XML);
	try_set(&try, "form", "../x");
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	begin(&try, "content", XML);
	try_set(&try, "form", "DPHKH1");
	try_set(&try, "limit", "10");
	assert_int_equal(try_run(&try), ERR_LIMIT);
	try_end(&try);
	begin(&try, "content", XML);
	try_set(&try, "form", "DPHSHV");
	try_set(&try, "option.zip-forms", "DPHKH1 DPHSHV");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "same", "no");
	try_end(&try);
}

static void test_filing(void **state)
{
	struct try try;

	(void)state;
	begin(&try, "test", "signed");
	try_set(&try, "email", "ucto@example.invalid");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "same", "yes");
	assert_result(&try, "method", "POST");
	assert_result(&try, "path", "/epo_podani?test=1&email=ucto%40example.invalid");
	assert_result(&try, "header.1", "Content-Type: application/pkcs7-signature");
	assert_result(&try, "header.2", "Accept: application/pkcs7-signature, application/xml, text/xml");
	assert_result(&try, "reply-limit", "23068672");
	try_end(&try);
	begin(&try, "test", "signed");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "path", "/epo_podani?test=1");
	try_end(&try);
	begin(&try, "file", "signed");
	try_set(&try, "original-size", "1000");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "path", "/epo_podani");
	assert_result(&try, "reply-limit", "2099152");
	try_end(&try);
	begin(&try, "file", "signed");
	try_set(&try, "email", "a+b&c@d");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "path", "/epo_podani?email=a%2Bb%26c%40d");
	try_end(&try);
	begin(&try, "nothing", "signed");
	assert_int_equal(try_run(&try), ERR_UNSUPPORTED);
	try_end(&try);
}

static void test_polls(void **state)
{
	struct try try;
	char *body = NULL;

	(void)state;
	begin(&try, "poll", "cislo: 900000001\ndatum: 2030-02-20T10:00:00\nheslo: a b&č\nzarep: yes\n");
	try_set(&try, "stage", "state");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "same", "no");
	assert_result(&try, "path", "/epo_stav");
	assert_result(&try, "header.1", "Content-Type: application/x-www-form-urlencoded");
	body = try_output(&try, 2, NULL);
	assert_string_equal(body, "C=900000001&H=a%20b%26%C4%8D");
	free(body);
	try_end(&try);
	begin(&try, "poll", "heslo: offline-heslo\nid-predani: PRED0001\n");
	try_set(&try, "stage", "result");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "path", "/epo_prijeti");
	body = try_output(&try, 2, NULL);
	assert_string_equal(body, "C=PRED0001&H=offline-heslo");
	free(body);
	try_end(&try);
	begin(&try, "poll", "heslo: offline-heslo\nid-predani: PRED0001\n");
	try_set(&try, "stage", "state");
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	begin(&try, "poll", "heslo: x\n");
	assert_int_equal(try_run(&try), ERR_UNSUPPORTED);
	try_end(&try);
}

static void test_receipt(void **state)
{
	static const char receipt[] = "cislo: 900000001\ndatum: 2030-02-20T10:00:00\nheslo: ukazka-heslo\nzarep: yes\n";
	struct try try;
	char *text = NULL;

	(void)state;
	try_begin(&try, "receipt", "epo");
	try_set(&try, "level", "full");
	try_set(&try, "language", "cs");
	try_in_text(&try, receipt);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, 2, NULL);
	assert_string_equal(text, "Podací číslo: 900000001\nPřístupové heslo ke stavu podání: ukazka-heslo\nDatum a čas podání: 20.02.2030 10:00:00\n"
	                          "Přijato s uznávaným podpisem (ZAREP): ano\n");
	free(text);
	try_end(&try);
	try_begin(&try, "receipt", "epo");
	try_set(&try, "level", "no-password");
	try_set(&try, "language", "en");
	try_in_text(&try, receipt);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	text = try_output(&try, 2, NULL);
	assert_non_null(strstr(text, "Filing number: 900000001\n"));
	assert_null(strstr(text, "ukazka-heslo"));
	free(text);
	try_end(&try);
	try_begin(&try, "receipt", "epo");
	try_set(&try, "level", "none");
	try_in_text(&try, receipt);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "size", "0");
	try_end(&try);
}

static void test_toy(void **state)
{
	struct try try;

	(void)state;
	begin(&try, "file", "signed");
	try.job.partner = "toy";
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "path", "/inbox");
	assert_result(&try, "same", "yes");
	try_end(&try);
	begin(&try, "poll", "");
	try.job.partner = "toy";
	assert_int_equal(try_run(&try), ERR_UNSUPPORTED);
	try_end(&try);
	begin(&try, "file", "signed");
	try.job.partner = "nobody";
	assert_int_equal(try_run(&try), ERR_UNSUPPORTED);
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_archive_with_unzip),
		cmocka_unit_test(test_content_faults),
		cmocka_unit_test(test_filing),
		cmocka_unit_test(test_polls),
		cmocka_unit_test(test_receipt),
		cmocka_unit_test(test_toy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
