/* Queries: their text, the message made of it by a template, and the data that come back taken apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "appliance/base/err.h"
#include "appliance/base/query.h"
#include "partner_help.h"
#include "partner_pki.h"
#include "transport/base/inflate.h"

#define MIB ((size_t)1 << 20)

static struct pki_identity *root, *commercial, *old, *curve;

static int set_up(void **state)
{
	(void)state;
	root = pki_new(PKI_RSA2048, "Test CA", "CSSZ", NULL, -30, 30);
	commercial = pki_new(PKI_SERVICE, "Firm", "Firm", root, -10, 10);
	old = pki_new(PKI_SERVICE, "Firm", "Firm", root, -10, -5);
	curve = pki_new(PKI_P256, "Firm", "Firm", root, -10, 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(commercial);
	pki_free(old);
	pki_free(curve);
	pki_free(root);
	return 0;
}

/* --- the text --- */

static int read_text(const char *text, struct query *ret)
{
	return query_read(span_of_string(text), ret);
}

static void test_text(void **state)
{
	struct query query = { .what = "DZMH" }, again;
	char text[QUERY_MAX_BYTES], small[16];
	size_t length = 0;

	(void)state;
	assert_true(query_add(&query, "vs", "9900000001") && query_add(&query, "month", "4"));
	assert_false(query_add(&query, "vs", "1") || query_add(&query, "end", "1") || query_add(&query, "Month", "4") || query_add(&query, "id", "a\nb"));
	assert_int_equal(query_write(&query, text, sizeof text), (int)strlen("podatelna-query: DZMH\nvs: 9900000001\nmonth: 4\nend:\n"));
	assert_string_equal(text, "podatelna-query: DZMH\nvs: 9900000001\nmonth: 4\nend:\n");
	assert_int_equal(query_write(&query, small, sizeof small), ERR_LIMIT);
	assert_int_equal(read_text(text, &again), 0);
	assert_string_equal(query_get(&again, "month"), "4");
	/* Cut anywhere before its end it is not whole, and never something else. */
	length = strlen(text);
	for (size_t i = strlen(QUERY_MARK); i < length - 2; i++) {
		struct query part;
		int err = query_read(span_of(text, i), &part);

		assert_true(err == ERR_AGAIN || err == ERR_FORMAT);
	}
	/* As people and Windows write it. */
	assert_int_equal(read_text("\xef\xbb\xbfpodatelna-query:DZMH\r\n\r\n# note\r\n vs :  1 \r\nend:", &again), 0);
	assert_string_equal(again.what, "DZMH");
	assert_string_equal(query_get(&again, "vs"), "1");
	assert_int_equal(read_text("podatelna-query: A B\nend:\n", &again), ERR_FORMAT);
	assert_int_equal(read_text("podatelna-query: A\nend:\nvs: 1\n", &again), ERR_FORMAT);
	assert_int_equal(read_text("podatelna-query: A\nvs: 1\nvs: 1\nend:\n", &again), ERR_FORMAT);
	assert_int_equal(read_text("podatelna-query: A\nvs: \x01\nend:\n", &again), ERR_FORMAT);
	assert_int_equal(read_text("<DZMH/>", &again), ERR_FORMAT);
}

/* --- the message --- */

#define FIELDS "vs:symbol from:day to:day id:guid month:month year:year number:word"

struct asked {
	int err;
	char fit[8], reason[JOB_REASON_MAX_BYTES], report[4096], message[8192];
};

/* `check`, and where that says fit, the content. */
static void ask(const char *text, const char *template, const char *one_of, const char *pem, struct asked *ret)
{
	struct try try;
	char *output = NULL;
	size_t length = 0;

	memset(ret, 0, sizeof *ret);
	for (int content = 0; content <= (strcmp(ret->fit, "yes") == 0 ? 1 : 0); content++) {
		try_begin(&try, content == 1 ? "compose" : "check", "cssz");
		try_set(&try, "what", "content");
		try_set(&try, "query", "yes");
		try_set(&try, "language", "en");
		try_set(&try, "option.class", "CSSZ_DZMH");
		try_set(&try, "option.etype", "DZMH25");
		try_set(&try, "option.vs-path", "/D/v");
		try_set(&try, "option.fields", FIELDS);
		try_set(&try, "option.range", "from to");
		try_set(&try, "option.template", template);
		try_set(&try, "option.one-of", one_of);
		try_in_text(&try, text);
		try_in_text(&try, pem);
		try_out(&try);
		ret->err = try_run(&try);
		output = try_output(&try, 3, &length);
		(void)snprintf(content == 1 ? ret->message : ret->report, content == 1 ? sizeof ret->message : sizeof ret->report, "%s", output);
		if (content == 0) {
			(void)snprintf(ret->fit, sizeof ret->fit, "%s", try_get(&try, "fit"));
			(void)snprintf(ret->reason, sizeof ret->reason, "%s", ret->err == 0 ? try_get(&try, "reason") : try.job.reason);
		}
		free(output);
		try_end(&try);
	}
}

#define QUERY(fields) "podatelna-query: D\nvs: 9900000001\n" fields "end:\n"
#define PLAIN "<D><v>{vs}</v>[<i>{id}</i>][<m>{month}</m><y>{year}</y>]</D>"
#define RANGE "<D><v>{vs}</v><f>{from}</f><t>{to}</t></D>"

static void expect_message(const char *text, const char *template, const char *one_of, const char *message)
{
	struct asked asked;

	ask(text, template, one_of, "", &asked);
	assert_string_equal(asked.report, "");
	assert_string_equal(asked.fit, "yes");
	assert_int_equal(asked.err, 0);
	assert_string_equal(asked.message, message);
}

static void expect_unfit(const char *text, const char *template, const char *one_of, const char *reason, const char *words)
{
	struct asked asked;

	ask(text, template, one_of, "", &asked);
	assert_int_equal(asked.err, 0);
	assert_string_equal(asked.fit, "no");
	assert_string_equal(asked.reason, reason);
	assert_non_null(strstr(asked.report, words));
}

static void test_message(void **state)
{
	struct asked asked;

	(void)state;
	expect_message(QUERY("month: 04\nyear: 2026\n"), PLAIN, "id month", "<D><v>9900000001</v><m>4</m><y>2026</y></D>");
	expect_message(QUERY("id: 01890a5d-ac96-774b-bcce-b302099a8057\n"), PLAIN, "id month",
	               "<D><v>9900000001</v><i>01890A5D-AC96-774B-BCCE-B302099A8057</i></D>");
	expect_message(QUERY("from: 1. 2. 2026\nto: 2026-03-03\n"), RANGE, "", "<D><v>9900000001</v><f>2026-02-01</f><t>2026-03-03</t></D>");
	expect_message(QUERY("from: 29.2.2028\nto: 29.2.2028\n"), RANGE, "", "<D><v>9900000001</v><f>2028-02-29</f><t>2028-02-29</t></D>");
	expect_unfit(QUERY("from: 2026-02-01\nto: 2026-03-04\n"), RANGE, "", "query-range", "from to: 32 days, at most 31 are allowed");
	expect_unfit(QUERY("from: 2026-02-02\nto: 2026-02-01\n"), RANGE, "", "query-range", "before the beginning");
	expect_unfit(QUERY("from: 2026-02-29\nto: 2026-03-01\n"), RANGE, "", "query-field", "from: the value");
	expect_unfit(QUERY("from: 2026-02-01\n"), RANGE, "", "query-field", "to: is missing");
	expect_unfit(QUERY("month: 4\n"), PLAIN, "id month", "query-field", "year: is missing");
	expect_unfit(QUERY(""), PLAIN, "id month", "query-field", "id month: exactly one");
	expect_unfit(QUERY("month: 0\nyear: 2026\n"), PLAIN, "id month", "query-field", "month: the value");
	expect_unfit(QUERY("number: A<1\nyear: 2026\nmonth: 4\n"), PLAIN, "", "query-field", "number: the value");
	expect_unfit(QUERY("month: 4\nyear: 2026\ncolour: red\n"), PLAIN, "", "query-field", "colour: the query has no such field");
	/* What is wrong with the catalogue is not the fault of who asks. */
	ask(QUERY(""), "<D><v>{vs}</v>[<i>{id}</i></D>", "", "", &asked);
	assert_int_equal(asked.err, ERR_INTERNAL);
	ask(QUERY(""), "", "", "", &asked);
	assert_int_equal(asked.err, ERR_INTERNAL);
}

static void expect_certificate(const struct pki_identity *identity, const char *fit, const char *words)
{
	struct asked asked;

	ask(QUERY(""), "<D><v>{vs}</v><c>{certificate}</c></D>", "", identity == NULL ? "" : identity->pem, &asked);
	assert_string_equal(asked.fit, fit);
	assert_non_null(strstr(asked.report, words));
	if (fit[0] == 'y') {
		assert_non_null(strstr(asked.message, "<c>MII"));
		assert_null(strchr(asked.message, '\n'));
	}
}

static void test_certificate(void **state)
{
	(void)state;
	expect_certificate(commercial, "yes", "");
	expect_certificate(NULL, "no", "there is no certificate");
	expect_certificate(old, "no", "not valid now");
	expect_certificate(curve, "no", "must have an RSA key");
}

/* --- what comes back --- */

static char *packed(const char *text, size_t length, size_t *ret_length)
{
	z_stream stream = { 0 };
	size_t size = length + 1024;
	char *out = malloc(size);

	assert_non_null(out);
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)text;
	stream.avail_in = (uInt)length;
	stream.next_out = (Bytef *)out;
	stream.avail_out = (uInt)size;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	*ret_length = size - stream.avail_out;
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return out;
}

static void test_unpacking(void **state)
{
	char *zeros = calloc(1, 8 * MIB), *bomb = NULL;
	uint8_t *plain = NULL;
	size_t length = 0, plain_length = 0;

	(void)state;
	assert_non_null(zeros);
	bomb = packed(zeros, 8 * MIB, &length);
	assert_true(length < MIB / 16);
	assert_int_equal(inflate_gzip(span_of(bomb, length), 8 * MIB, &plain, &plain_length), 0);
	assert_int_equal(plain_length, 8 * MIB);
	free(plain);
	assert_int_equal(inflate_gzip(span_of(bomb, length), 8 * MIB - 1, &plain, &plain_length), ERR_LIMIT);
	assert_true(plain_length <= 8 * MIB);
	free(plain);
	assert_int_equal(inflate_gzip(span_of(bomb, length - 9), 8 * MIB, &plain, &plain_length), ERR_FORMAT);
	free(plain);
	bomb[length - 6] ^= 0x55; /* of its checksum: zeros stay zeros whichever zeros are repeated */
	assert_int_equal(inflate_gzip(span_of(bomb, length), 8 * MIB, &plain, &plain_length), ERR_FORMAT);
	free(plain);
	free(bomb);
	free(zeros);
}

#define ITEMS                                                                                                                                                  \
	"<d:R xmlns:d='urn:d' xmlns:i='urn:i'><d:From>2026-02-01</d:From><d:List><i:Begin><i:Id> 1 </i:Id><i:Name>&lt;A&gt;</i:Name></i:Begin>"                \
	"<i:End><i:Id>2</i:Id></i:End><i:Begin x='1'><i:Id>1</i:Id></i:Begin><i:Odd/></d:List></d:R>"

static int open_item(const char *data, size_t length, const char *n, const char *items, struct try *try)
{
	try_begin(try, "open", "cssz");
	try_set(try, "n", n);
	try_set(try, "form", "DZDPN20-V2");
	try_set(try, "language", "en");
	if (items != NULL) {
		try_set(try, "option.items", items);
		try_set(try, "option.item-id", "Id");
	}
	try_in(try, data, length);
	try_in_text(try, "");
	try_out(try);
	try_out(try);
	return try_run(try);
}

static void expect_broken(const char *data, size_t length, const char *words)
{
	struct try try;

	assert_int_equal(open_item(data, length, "0", "List", &try), 0);
	assert_non_null(strstr(try_get(&try, "broken"), words));
	assert_result(&try, "count", "-");
	try_end(&try);
}

static void test_items(void **state)
{
	struct try try;
	char *gzip = NULL, *text = NULL, guard[65];
	size_t length = 0;

	(void)state;
	gzip = packed(ITEMS, strlen(ITEMS), &length);
	assert_int_equal(open_item(gzip, length, "0", "List", &try), 0);
	assert_result(&try, "count", "4");
	assert_result(&try, "label", "Begin");
	assert_result(&try, "again", "-");
	assert_result(&try, "whole", "yes");
	(void)snprintf(guard, sizeof guard, "%s", try_get(&try, "guard"));
	text = try_output(&try, 4, NULL);
	assert_string_equal(text,
	                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<i:Begin xmlns:i=\"urn:i\"><i:Id> 1 </i:Id><i:Name>&lt;A&gt;</i:Name></i:Begin>");
	free(text);
	text = try_output(&try, 3, NULL);
	assert_non_null(strstr(text, "&lt;A&gt;"));
	free(text);
	try_end(&try);
	assert_int_equal(open_item(gzip, length, "1", "List", &try), 0);
	assert_result(&try, "label", "End");
	assert_string_not_equal(try_get(&try, "guard"), guard);
	try_end(&try);
	/* The same id is the same item, whatever else stands in it. */
	assert_int_equal(open_item(gzip, length, "2", "List", &try), 0);
	assert_result(&try, "guard", guard);
	assert_result(&try, "again", "yes");
	try_end(&try);
	assert_int_equal(open_item(gzip, length, "3", "List", &try), 0);
	assert_int_equal(strlen(try_get(&try, "guard")), 64);
	try_end(&try);
	assert_int_equal(open_item(gzip, length, "4", "List", &try), 0);
	assert_result(&try, "count", "4");
	assert_result(&try, "label", "-");
	try_end(&try);
	/* The whole as one item may come again. */
	assert_int_equal(open_item(ITEMS, strlen(ITEMS), "0", NULL, &try), 0);
	assert_result(&try, "count", "1");
	assert_result(&try, "label", "R");
	assert_result(&try, "guard", "-");
	try_end(&try);
	expect_broken("no XML", 6, "no XML");
	expect_broken("<R/>", 4, "no list");
	expect_broken(gzip, length - 1, "damaged");
	free(gzip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),      cmocka_unit_test(test_message), cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_unpacking), cmocka_unit_test(test_items),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
