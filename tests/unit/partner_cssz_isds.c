/* ČSSZ by data box, as far as it is prepared: what a message is made of, and which message an answer is to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"
#include "transport/cssz/isds.h"

#define FORM "<NEMPRI xmlns=\"http://schemas.cssz.cz/nem/NEMPRI25\"><VSZamestnavatel>9900000001</VSZamestnavatel></NEMPRI>"
#define SUBJECT(inside) "ČSSZ - Odpověď na e-Podání. [" inside "]"
#define GOOD_SUBJECT SUBJECT("CSSZ_NEM_PRI-0A1B2C3D4E5F60718293A4B5C6D7E8F9-123456789")

static void begin(struct try *try, const char *kind)
{
	try_begin(try, kind, "cssz");
	try_set(try, "form", "NEMPRI25");
	try_set(try, "env", "production");
	try_set(try, "reference", "2026-000123");
	try_set(try, "option.class", "CSSZ_NEM_PRI");
	try_set(try, "option.etype", "NEMPRI25");
	try_set(try, "option.vs-path", "/NEMPRI/VSZamestnavatel");
	try_set(try, "option.isds-box", "5ffu6xk");
	try_set(try, "option.isds-box-test", "9tsaf6s");
	try_set(try, "option.isds-file", "{etype}_{vs}.xml");
	try_set(try, "option.isds-subject", "{etype}, VS {vs}");
}

static int compose(struct try *try, const char *name, const char *value)
{
	begin(try, "compose");
	try_set(try, "what", "isds");
	if (name != NULL) {
		try_set(try, name, value);
	}
	try_in_text(try, FORM);
	return try_run(try);
}

static void test_message(void **state)
{
	struct try try;

	(void)state;
	assert_int_equal(compose(&try, NULL, NULL), 0);
	assert_result(&try, "same", "yes"); /* the attachment is the very form */
	assert_result(&try, "box", "5ffu6xk");
	assert_result(&try, "subject", "NEMPRI25, VS 9900000001");
	assert_result(&try, "file-name", "NEMPRI25_9900000001.xml");
	assert_result(&try, "content-type", "application/xml");
	assert_result(&try, "sender-ident", "2026-000123");
	assert_result(&try, "path", "-"); /* nothing that could be posted */
	try_end(&try);
	assert_int_equal(compose(&try, "env", "sandbox"), 0);
	assert_result(&try, "box", "9tsaf6s");
	try_end(&try);
	assert_int_equal(compose(&try, "option.isds-file", "../{vs}:.xml"), 0);
	assert_null(strpbrk(try_get(&try, "file-name"), "/:"));
	try_end(&try);
}

static void test_not_composed(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "option.isds-box", "" },
		{ "option.isds-box", "5ffu6xk8" },
		{ "option.isds-box", "5ffu6x/" },
		{ "option.isds-subject", "{nobody}" },
		{ "option.isds-subject", "{vs" },
		{ "option.isds-file", "{}" },
		{ "reference", "" },
		{ "reference", "123456789012345678901234567890123456789012345678901" },
		{ "reference", "a b" },
		{ "option.etype", "a<b" },
		{ "option.vs", "1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct try try;

		if (compose(&try, rows[i].name, rows[i].value) == 0) {
			fail_msg("row %zu", i);
		}
		try_end(&try);
	}
}

static void test_subjects(void **state)
{
	static const struct {
		const char *subject, *id;
		bool fits;
	} rows[] = {
		{ GOOD_SUBJECT, "123456789", true },
		{ SUBJECT("CSSZ_NEM_PRI-a-b-c-123456789"), "123456789", true },
		{ "[x] " GOOD_SUBJECT, "123456789", true },
		{ GOOD_SUBJECT, "23456789", false },
		{ GOOD_SUBJECT, "1123456789", false },
		{ GOOD_SUBJECT " ", "123456789", false },
		{ SUBJECT("CSSZ_NEM_PRI-123456789"), "123456789", false },
		{ SUBJECT("CSSZ_NEM_PRI--123456789"), "123456789", false },
		{ SUBJECT("CSSZ_NEM_PRIX-1-123456789"), "123456789", false },
		{ SUBJECT("CSSZ_ONZ-1-123456789"), "123456789", false },
		{ SUBJECT("-1-123456789"), "123456789", false },
		{ "ČSSZ - Odpověď na e-Podání.", "123456789", false },
		{ "[CSSZ_NEM_PRI-1-123456789", "123456789", false },
		{ SUBJECT(""), "123456789", false },
		{ "", "123456789", false },
		{ GOOD_SUBJECT, "F9-123456789", false },
		{ GOOD_SUBJECT, "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (isds_subject_answers(rows[i].subject, "CSSZ_NEM_PRI", rows[i].id) != rows[i].fits) {
			fail_msg("row %zu: %s", i, rows[i].subject);
		}
	}
}

/* The answer is the sealed envelope that comes over VREP too: it goes the same way, when it is one to our message. */
static void test_answer(void **state)
{
	static const struct {
		const char *id, *subject, *verdict;
	} rows[] = {
		{ "123456789", GOOD_SUBJECT, "signed" },   { NULL, GOOD_SUBJECT, "signed" }, /* a person attached it and says nothing of messages */
		{ "123456780", GOOD_SUBJECT, "mismatch" }, { "123456789", NULL, "mismatch" }, { "123456789", SUBJECT("CSSZ_ONZ-1-123456789"), "mismatch" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct try try;

		begin(&try, "classify");
		try_set(&try, "purpose", "file");
		try_set(&try, "http-status", "200");
		if (rows[i].id != NULL) {
			try_set(&try, "message-id", rows[i].id);
		}
		if (rows[i].subject != NULL) {
			try_set(&try, "message-subject", rows[i].subject);
		}
		try_in_text(&try, "<GovTalkMessage xmlns=\"http://www.govtalk.gov.uk/CM/envelope\"><Header><MessageDetails><Class>CSSZ_NEM_PRI</Class>"
		                  "<Qualifier>response</Qualifier></MessageDetails></Header><Body><Message><Body><ProcessingResult/></Body></Message></Body>"
		                  "</GovTalkMessage>");
		try_in_text(&try, FORM);
		try_in_text(&try, "");
		try_out(&try);
		try_out(&try);
		assert_int_equal(try_run(&try), 0);
		if (strcmp(try_get(&try, "verdict"), rows[i].verdict) != 0) {
			fail_msg("row %zu: %s (%s)", i, try_get(&try, "verdict"), try_get(&try, "reason"));
		}
		try_end(&try);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_not_composed),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
