/* What jobs of partners are told by the hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub_bench.h"

#define PARTNER "partner \"p\" { label_cs = x label_en = x evidence = signed options = { \"a=partner\", \"b=partner\", \"c=partner\" } }\n"
#define FORM "form \"F\" { partner = \"p\" label_cs = x label_en = x root = \"R\" options = { \"b=form\", \"c=form\", \"d=form=1\" } }\n"
#define PLAIN "form \"G\" { partner = \"p\" label_cs = x label_en = x root = \"S\" }\n"

/* An option of the form goes before the same one of its partner, and the configuration before both. */
static void test_options(void **state)
{
	static struct bench bench;
	_cleanup_lines_ struct lines told = { 0 };
	_cleanup_lines_ struct lines plain = { 0 };

	(void)state;
	bench_open(&bench, PARTNER FORM PLAIN, "options = { \"c=box\", \"e=box\" }");
	flow_job_parameters(&bench.hub, bench.of, &told);
	assert_int_equal(told.err, 0);
	assert_int_equal(told.count, 7);
	assert_string_equal(lines_get(&told, "form"), "F");
	assert_string_equal(lines_get(&told, "env"), "test");
	assert_string_equal(lines_get(&told, "option.a"), "partner");
	assert_string_equal(lines_get(&told, "option.b"), "form");
	assert_string_equal(lines_get(&told, "option.c"), "box");
	assert_string_equal(lines_get(&told, "option.d"), "form=1");
	assert_string_equal(lines_get(&told, "option.e"), "box");
	(void)snprintf(bench.of->form, sizeof bench.of->form, "G");
	flow_job_parameters(&bench.hub, bench.of, &plain);
	assert_string_equal(lines_get(&plain, "option.b"), "partner");
	assert_null(lines_get(&plain, "option.d"));
	bench_close(&bench);
}

/* A request of a filing may be made of what was signed, of what came, and of the certificates it is encrypted for; a question of the receipt alone. */
static void test_request(void **state)
{
	static char certificates[] = "-----BEGIN CERTIFICATE-----";
	static struct bench bench;

	(void)state;
	bench_open(&bench, PARTNER FORM PLAIN, "");
	bench.hub.partners[0].encrypt_to = (uint8_t *)certificates;
	bench.hub.partners[0].encrypt_to_length = strlen(certificates);
	bench_record(&bench, "intent", "attempt: 1\nform: attached-der\n");
	bench_record(&bench, "signed", "object-signed: 5 1 aa bb\n");
	bench.job_inputs = 3;
	bench.job_result = "method: POST\npath: /in\nsame: no\nsize: 5\n";
	bench.job_output = "12345";
	flow_request(&bench.hub, bench.of, PURPOSE_FILE);
	bench_settle(&bench);
	assert_string_equal(bench.job.kind, "compose");
	assert_string_equal(bench.job.partner, "p");
	assert_int_equal(bench.job.fd_count, 4);
	assert_non_null(strstr(bench.job.parameters, "what: file\n"));
	assert_string_equal(bench.job.inputs[0], "content of signed");
	assert_string_equal(bench.job.inputs[1], "content of original");
	assert_string_equal(bench.job.inputs[2], certificates);
	assert_string_equal(bench_said(&bench, "request", "purpose"), "file");
	assert_string_equal(bench_said(&bench, "sending", "url"), "https://localhost/dpr/in");
	assert_string_equal(bench_said(&bench, "not-sent", "far"), "none"); /* there is no store to link a session with */

	bench_to_reply(&bench);
	bench_record(&bench, "sent", "evidence: channel\nobject-receipt: 5 1 aa bb\nstage: state\nverdict: offline\n");
	bench.job_inputs = 1;
	flow_request(&bench.hub, bench.of, PURPOSE_POLL);
	bench_settle(&bench);
	assert_int_equal(bench.job.fd_count, 2);
	assert_non_null(strstr(bench.job.parameters, "what: poll\n"));
	assert_string_equal(bench.job.inputs[0], "content of receipt");
	assert_string_equal(bench_said(&bench, "request", "purpose"), "poll");
	assert_int_equal(bench.jobs, 2);
	bench_close(&bench);
}

/* Nobody to encrypt for: the place is empty, not missing. */
static void test_nobody(void **state)
{
	static struct bench bench;

	(void)state;
	bench_open(&bench, PARTNER FORM PLAIN, "");
	bench_record(&bench, "intent", "attempt: 1\nform: attached-der\n");
	bench_record(&bench, "signed", "object-signed: 5 1 aa bb\n");
	bench.job_inputs = 3;
	bench.job_result = "method: POST\npath: /test\nsame: yes\n";
	flow_request(&bench.hub, bench.of, PURPOSE_TEST);
	bench_settle(&bench);
	assert_int_equal(bench.job.fd_count, 4);
	assert_non_null(strstr(bench.job.parameters, "what: test\n"));
	assert_string_equal(bench.job.inputs[2], "");
	assert_string_equal(bench_said(&bench, "request", "purpose"), "test");
	assert_string_equal(bench_said(&bench, "request", "object-request"), "5 1 aa bb");
	bench_close(&bench);
}

/* --- what a final word becomes --- */

#define WORDS(verdict, evidence) "errors: 1\nevidence: " evidence "\nreason: said\nreceipt: no\nreport: yes\nverdict: " verdict "\nwarnings: 2\n"
#define BY_CHANNEL "partner \"p\" { label_cs = x label_en = x evidence = channel }\n"

static struct bench final;

/* Sent, asked about, answered. */
static void to_final(const char *catalogue)
{
	bench_open(&final, catalogue, "");
	bench_to_reply(&final);
	bench_record(&final, "sent", "evidence: channel\nobject-receipt: 5 1 aa bb\nstage: state\nverdict: offline\n");
	bench_record(&final, "request", "attempt: 1\nobject-request: 5 1 aa bb\npurpose: poll\n");
	bench_record(&final, "reply", "far: reply-done\nhttp-status: 200\nobject-reply: 5 1 aa bb\n");
	final.job_inputs = 3;
}

/* The content of a signed reply says so. */
static void test_partial_signed(void **state)
{
	(void)state;
	to_final(PARTNER FORM);
	bench_record(&final, "verified", "evidence: signed\nobject-confirmation: 5 1 aa bb\nresult: valid\n");
	final.job_result = WORDS("partial", "channel");
	flow_confirm(&final.hub, final.of);
	bench_settle(&final);
	assert_non_null(strstr(final.job.parameters, "purpose: confirmation\n"));
	assert_int_equal(final.job.fd_count, 6);
	assert_string_equal(final.job.inputs[0], "content of confirmation");
	assert_string_equal(final.job.inputs[1], "content of original");
	assert_string_equal(final.job.inputs[2], "content of receipt");
	assert_string_equal(bench_said(&final, "closed", "verdict"), "partial");
	assert_string_equal(bench_said(&final, "closed", "evidence"), "signed");
	assert_string_equal(bench_said(&final, "closed", "warnings"), "2");
	assert_string_equal(bench_said(&final, "closed", "errors"), "1");
	assert_string_equal(bench_said(&final, "closed", "object-report"), "5 1 aa bb");
	assert_true(bench_said(&final, "closed", "keep-until")[0] != '\0');
	assert_int_equal(final.of->state, CASE_DATA_ERROR);
	assert_true(final.of->partial && final.of->warnings == 2);
	bench_close(&final);
}

/* A verified reply whose content kills every job is a matter for a person: it is neither looked at for ever nor asked for again. */
static void test_deadly_content(void **state)
{
	size_t looked_at = 0;

	(void)state;
	to_final(PARTNER FORM);
	bench_record(&final, "verified", "evidence: signed\nobject-confirmation: 5 1 aa bb\nresult: valid\n");
	final.job_result = NULL;
	final.hub.partner_epoch = 1; /* the program itself lives on */
	while (bench_count(&final, "unclear") == 0) {
		final.of->due_ms = 0;
		flow_confirm(&final.hub, final.of);
		bench_settle(&final);
		assert_true(++looked_at <= FLOW_DEATHS_MAX + 1);
	}
	assert_int_equal(final.jobs, FLOW_DEATHS_MAX);
	assert_int_equal(final.of->state, CASE_UNCERTAIN);
	assert_int_equal(bench_count(&final, "request"), 2);
	bench_close(&final);
}

/* The channel says so: enough where the partner signs nothing, or signed before; else nobody knows. */
static void test_partial_by_channel(void **state)
{
	static const char *const verdicts[] = { WORDS("partial", "channel"), WORDS("accepted", "channel") };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *verdict = i == 0 ? "partial" : "accepted";

		to_final(BY_CHANNEL FORM);
		final.job_result = verdicts[i];
		flow_classify(&final.hub, final.of);
		bench_settle(&final);
		assert_string_equal(bench_said(&final, "closed", "verdict"), verdict);
		assert_string_equal(bench_said(&final, "closed", "evidence"), "channel");
		assert_string_equal(bench_said(&final, "closed", "warnings"), "2");
		bench_close(&final);

		to_final(PARTNER FORM);
		final.job_result = verdicts[i];
		flow_classify(&final.hub, final.of);
		bench_settle(&final);
		assert_int_equal(bench_count(&final, "closed"), 0);
		assert_int_equal(bench_count(&final, "unclear"), 1);
		bench_close(&final);

		to_final(PARTNER FORM);
		final.of->verified = true;
		final.job_result = verdicts[i];
		flow_classify(&final.hub, final.of);
		bench_settle(&final);
		assert_string_equal(bench_said(&final, "closed", "verdict"), verdict);
		assert_string_equal(bench_said(&final, "closed", "evidence"), "signed");
		bench_close(&final);
	}
}

/* Reservations belong to the end alone: no other record knows them. */
static void test_reservations(void **state)
{
	(void)state;
	to_final(PARTNER FORM);
	bench_record(&final, "verified", "evidence: signed\nobject-confirmation: 5 1 aa bb\nresult: valid\n");
	final.job_result = WORDS("taken", "signed");
	flow_confirm(&final.hub, final.of);
	bench_settle(&final);
	assert_string_equal(bench_said(&final, "sent", "verdict"), "undecided");
	assert_string_equal(bench_said(&final, "sent", "warnings"), "");
	bench_record(&final, "request", "attempt: 1\nobject-request: 5 1 aa bb\npurpose: poll\n");
	bench_record(&final, "reply", "far: reply-done\nhttp-status: 200\nobject-reply: 5 1 aa bb\n");
	final.job_result = WORDS("refused", "channel");
	flow_classify(&final.hub, final.of);
	bench_settle(&final);
	assert_string_equal(bench_said(&final, "closed", "verdict"), "data-error");
	assert_string_equal(bench_said(&final, "closed", "evidence"), "channel");
	assert_false(final.of->partial);
	bench_close(&final);
}

#define SIGNED_AS(words) "partner \"p\" { label_cs = x label_en = x evidence = signed compose_content = false " words " }\n"

/* How the catalogue wants a signature is what the token is told; the usual way needs no words. */
static void test_signature(void **state)
{
	static const struct {
		const char *catalogue, *cades, *attributes;
	} ways[] = {
		{ SIGNED_AS("") PLAIN, NULL, NULL },
		{ SIGNED_AS("sign_attributes = cades") PLAIN, NULL, NULL },
		{ SIGNED_AS("sign_attributes = plain") PLAIN, "no", NULL },
		{ SIGNED_AS("sign_attributes = none digest = sha512") PLAIN, "no", "no" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		static struct bench bench;
		_cleanup_lines_ struct lines told = { 0 };

		bench_open(&bench, ways[i].catalogue, "");
		flow_sign(&bench.hub, bench.of);
		bench_settle(&bench);
		assert_int_equal(lines_parse(span_of_string(bench.signing), &told), 0);
		assert_string_equal(lines_get(&told, "form"), "attached-der");
		assert_string_equal(lines_get(&told, "digest"), i == 3 ? "sha512" : "sha256");
		for (size_t k = 0; k < 2; k++) {
			const char *expected = k == 0 ? ways[i].cades : ways[i].attributes, *found = lines_get(&told, k == 0 ? "cades" : "attributes");

			assert_string_equal(found == NULL ? "" : found, expected == NULL ? "" : expected);
		}
		bench_close(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_options),        cmocka_unit_test(test_request),
		                            cmocka_unit_test(test_nobody),         cmocka_unit_test(test_signature),
		                            cmocka_unit_test(test_partial_signed), cmocka_unit_test(test_partial_by_channel),
		                            cmocka_unit_test(test_reservations),   cmocka_unit_test(test_deadly_content) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
