/* A partner is told once that its final word is stored: after the papers, and at nobody's expense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/hub/closing.h"
#include "hub_bench.h"

#define TURN_MS 300
#define FORM "form \"F\" { partner = \"p\" label_cs = x label_en = x root = \"R\" options = { \"class=C\" } }\n"
#define PARTNER(words) "partner \"p\" { label_cs = x label_en = x evidence = signed " words " }\n" FORM

static struct bench bench;

/* As it comes from the store to a hub at work. */
static void live(const char *type, const char *lines)
{
	bench_record(&bench, type, lines);
	closing_note(&bench.hub, bench.of);
}

static void open_with(const char *catalogue)
{
	bench_open(&bench, catalogue, "");
	bench.hub.replayed = bench.hub.sessions_known = true;
	bench.job_inputs = 1;
	bench.job_result = "header.1: Content-Type: text/xml\nmethod: POST\npath: /submission\nreply-limit: 1000\n";
	bench.job_output = "<close/>";
	bench.errand_result = "far: reply-done\nhttp-status: 200\n";
	bench_to_reply(&bench);
	live("sent", "evidence: channel\nobject-receipt: 5 1 aa bb\nstage: result\nverdict: offline\n");
	live("request", "attempt: 1\nobject-request: 5 1 aa bb\npurpose: poll\n");
	live("reply", "far: reply-done\nhttp-status: 200\nobject-reply: 5 1 aa bb\n");
}

/* The final word, and its papers. */
static void close_with(const char *evidence, const char *verdict)
{
	char lines[128];

	if (strcmp(evidence, "signed") == 0) {
		live("verified", "evidence: signed\nresult: valid\n");
	}
	(void)snprintf(lines, sizeof lines, "evidence: %s\nverdict: %s\n", evidence, verdict);
	live("closed", lines);
	closing_look(&bench.hub);
	assert_int_equal(bench.hub.closing_count, 0); /* the papers come first */
	live("delivered", "place: vyrizeno\n");
}

static void turn(void)
{
	closing_look(&bench.hub);
	bench_turn(&bench, TURN_MS);
	bench_settle(&bench);
}

static void expect_told(const char *evidence, const char *verdict)
{
	uint64_t records = 0;

	open_with(PARTNER("close = true"));
	close_with(evidence, verdict);
	assert_int_equal(bench.hub.closing_count, 1);
	records = bench.count;
	turn();
	assert_string_equal(bench.job.kind, "compose");
	assert_non_null(strstr(bench.job.parameters, "what: close\n"));
	assert_non_null(strstr(bench.job.parameters, "stage: result\n"));
	assert_non_null(strstr(bench.job.parameters, "option.class: C\n"));
	assert_string_equal(bench.job.inputs[0], "content of receipt");
	assert_int_equal(bench.errands, 1);
	assert_non_null(strstr(bench.errand, "method: POST\n"));
	assert_non_null(strstr(bench.errand, "url: https://localhost/dpr/submission\n"));
	assert_non_null(strstr(bench.errand, "header.1: Content-Type: text/xml\n"));
	assert_non_null(strstr(bench.errand, "reply-limit: 1000\n"));
	assert_non_null(strstr(bench.errand, "proxy: configured\n"));
	assert_string_equal(bench.errand_body, "<close/>");
	assert_int_equal(bench.hub.closing_count, 0);
	assert_null(bench.hub.closing);
	assert_int_equal(bench.count, records); /* the journal knows the final word, not this */
	/* Once: whatever comes to the case later. */
	live("shown", "by: uid:1000\nwhat: receipt\n");
	live("delivered", "place: vyrizeno\n");
	turn();
	assert_int_equal(bench.errands, 1);
	bench_close(&bench);
}

static void test_told(void **state)
{
	(void)state;
	expect_told("signed", "accepted");
	expect_told("signed", "data-error");
	expect_told("channel", "data-error");
	expect_told("signed", "partial");
}

static void expect_not_told(void)
{
	turn();
	assert_int_equal(bench.jobs, 0);
	assert_int_equal(bench.errands, 0);
	assert_int_equal(bench.hub.closing_count, 0);
	bench_close(&bench);
}

static void test_not_told(void **state)
{
	(void)state;
	open_with(PARTNER(""));
	close_with("signed", "accepted");
	expect_not_told();
	/* No word of the partner's. */
	open_with(PARTNER("close = true"));
	close_with("channel", "accepted");
	expect_not_told();
	open_with(PARTNER("close = true"));
	live("unclear", "reason: lost\n");
	live("delivered", "place: chyby\n");
	expect_not_told();
	/* A test run left nothing there. */
	bench_open(&bench, PARTNER("close = true"), "");
	bench.hub.replayed = bench.hub.sessions_known = true;
	live("intent", "attempt: 1\nform: attached-der\n");
	live("signed", "object-signed: 5 1 aa bb\n");
	live("request", "attempt: 1\nobject-request: 5 1 aa bb\npurpose: test\n");
	live("reply", "far: reply-done\nhttp-status: 200\n");
	live("tested", "evidence: channel\nobject-receipt: 5 1 aa bb\nverdict: failed\n");
	live("closed", "evidence: channel\nverdict: data-error\n");
	live("delivered", "place: vyrizeno\n");
	expect_not_told();
}

/* Nobody is reached: three times in all, later and later, and nothing is the worse for it. */
static void test_failures(void **state)
{
	static const char *const results[] = { "error: connect: refused\nfar: none\n", "far: reply-done\nhttp-status: 500\n", NULL };

	(void)state;
	open_with(PARTNER("close = true"));
	close_with("signed", "accepted");
	for (size_t i = 0; i < HUB_CLOSE_TRIES; i++) {
		uint64_t before_ms = clock_mono_ms();

		assert_int_equal(bench.hub.closing_count, 1);
		bench.errand_result = results[i];
		turn();
		assert_int_equal(bench.errands, i + 1);
		if (i + 1 < HUB_CLOSE_TRIES) {
			assert_true(bench.hub.closings->due_ms >= before_ms + (i == 0 ? 1U : 10U) * HUB_CLOSE_PAUSE_MS);
			turn();
			assert_int_equal(bench.errands, i + 1); /* not before its time */
			bench.hub.closings->due_ms = 0;
		}
	}
	assert_int_equal(bench.hub.closing_count, 0);
	assert_null(bench.hub.closing);
	assert_int_equal(bench.hub.partners[0].failures, 0);
	assert_int_equal(bench.hub.partners[0].not_before_ms, 0);
	assert_int_equal(bench.of->state, CASE_DONE);
	assert_false(bench.of->is_open);
	assert_int_equal(bench.of->failures, 0);
	assert_int_equal(bench.hub.errands, 0);
	assert_int_equal(bench.hub.works, 0);
	bench_close(&bench);
}

/* The partner's program cannot say how: that is a try as well. */
static void test_job_dies(void **state)
{
	(void)state;
	open_with(PARTNER("close = true"));
	close_with("signed", "accepted");
	bench.job_result = NULL;
	for (size_t i = 0; i < HUB_CLOSE_TRIES; i++) {
		assert_int_equal(bench.hub.closing_count, 1);
		bench.hub.closings->due_ms = 0;
		turn();
		assert_int_equal(bench.jobs, i + 1);
	}
	assert_int_equal(bench.hub.closing_count, 0);
	assert_int_equal(bench.errands, 0);
	bench_close(&bench);
}

/* It gives way: to the case's own work, to a pause of the partner, to a roll-back. */
static void test_gives_way(void **state)
{
	struct work *work = NULL;

	(void)state;
	open_with(PARTNER("close = true"));
	close_with("signed", "accepted");
	bench.hub.rolled_back = true;
	closing_look(&bench.hub);
	bench.hub.rolled_back = false;
	bench.hub.partners[0].not_before_ms = clock_deadline(60000);
	closing_look(&bench.hub);
	bench.hub.partners[0].not_before_ms = 0;
	bench.hub.works = HUB_WORKS_MAX;
	closing_look(&bench.hub);
	bench.hub.works = 0;
	work = work_begin(&bench.hub, bench.of);
	closing_look(&bench.hub);
	assert_null(bench.hub.closing);
	assert_int_equal(bench.hub.closings->tries, 0);
	work_end(work);
	turn();
	assert_int_equal(bench.errands, 1);
	bench_close(&bench);
}

/* A process that begins does not know what the one before it did: it tells again, but only of a final word that is not a day old. */
static void test_after_restart(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		open_with(PARTNER("close = true"));
		bench_record(&bench, "verified", "evidence: signed\nresult: valid\n");
		bench_record(&bench, "closed", "evidence: signed\nverdict: accepted\n");
		bench_record(&bench, "delivered", "place: vyrizeno\n");
		bench.of->closed_ms -= i == 0 ? HUB_CLOSE_LATEST_MS - 60000 : HUB_CLOSE_LATEST_MS;
		closing_begin(&bench.hub);
		turn();
		assert_int_equal(bench.errands, i == 0 ? 1 : 0);
		bench_close(&bench);
	}
}

/* Erased while it waited: there is nothing left to say. */
static void test_erased(void **state)
{
	(void)state;
	open_with(PARTNER("close = true"));
	close_with("signed", "accepted");
	assert_int_equal(bench.hub.closing_count, 1);
	live("erased", "basis: b\nby: uid:1000\n");
	expect_not_told();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),      cmocka_unit_test(test_not_told),      cmocka_unit_test(test_failures), cmocka_unit_test(test_job_dies),
		cmocka_unit_test(test_gives_way), cmocka_unit_test(test_after_restart), cmocka_unit_test(test_erased),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
