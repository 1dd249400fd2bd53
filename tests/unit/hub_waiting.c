/* What a partner's limits make a case wait for: the same content as another case, and results of filings that are processed later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "hub_bench.h"

#define FORM "form \"F\" { partner = \"p\" label_cs = x label_en = x root = \"R\" }\n"
#define PARTNER                                                                                                                                                \
	"partner \"p\" { label_cs = x label_en = x evidence = signed duplicate_wait = \"48 h\" poll_first = \"60 s\" poll_max = \"10 min\" poll_deferred = "   \
	"\"30 min\" }\n" FORM
#define HOUR_MS INT64_C(3600000)

static struct bench bench;
static struct hub_case *first; /* the same content, handed in before */

static void begin(const char *keys)
{
	bench_open(&bench, PARTNER, keys);
	first = calloc(1, sizeof *first);
	assert_non_null(first);
	*first = (struct hub_case){ .number = "2026-000000",
		                    .state = CASE_SENT,
		                    .kind = "filing",
		                    .partner = "p",
		                    .env = "test",
		                    .by = "",
		                    .erase_by = "",
		                    .form = "F",
		                    .waiting = "" };
	first->sending_ms = clock_utc_ms() - HOUR_MS;
	cases_put(&bench.hub.cases, first);
	(void)snprintf(bench.of->seen, sizeof bench.of->seen, "%s", first->number);
}

static int64_t until(void)
{
	return flow_duplicate_until(&bench.hub, bench.of);
}

static void test_duplicates(void **state)
{
	(void)state;
	begin("");
	assert_int_equal(until(), first->sending_ms + 48 * HOUR_MS);
	/* Neither another partner's, nor another form's, nor other content. */
	first->partner = "q";
	assert_int_equal(until(), 0);
	first->partner = "p";
	first->form[0] = 'G';
	assert_int_equal(until(), 0);
	first->form[0] = 'F';
	bench.of->seen[0] = '\0';
	assert_int_equal(until(), 0);
	/* A third one of the same content: it counts as much as the first. */
	(void)snprintf(first->seen, sizeof first->seen, "2025-000001");
	(void)snprintf(bench.of->seen, sizeof bench.of->seen, "2025-000001");
	assert_int_equal(until(), first->sending_ms + 48 * HOUR_MS);
	/* Never sent; sent once and the second time not; refused as a whole, or in part. */
	first->earlier_ms = first->sending_ms;
	first->sending_ms = 0;
	assert_int_equal(until(), first->earlier_ms + 48 * HOUR_MS);
	first->earlier_ms = 0;
	assert_int_equal(until(), 0);
	first->sending_ms = clock_utc_ms();
	first->state = CASE_DATA_ERROR;
	assert_int_equal(until(), 0);
	first->partial = true;
	assert_int_equal(until(), first->sending_ms + 48 * HOUR_MS);
	/* A question may be put again and again. */
	bench.of->kind = "query";
	assert_int_equal(until(), 0);
	bench.of->kind = "filing";
	/* Nobody knows yet whether it will be sent. */
	first->sending_ms = 0;
	first->state = CASE_SIGNING;
	assert_true(until() == INT64_MAX);
	first->state = CASE_READY;
	assert_int_equal(until(), 0);
	bench_close(&bench);
}

static void test_configured(void **state)
{
	(void)state;
	begin("duplicate_wait = \"2 h\"");
	assert_int_equal(until(), first->sending_ms + 2 * HOUR_MS);
	bench_close(&bench);
}

/* By records: what was sent, and what was not after all. */
static void test_records(void **state)
{
	int64_t sent = 0;

	(void)state;
	begin("");
	bench_to_reply(&bench);
	sent = bench.of->sending_ms;
	assert_true(sent != 0);
	bench_record(&bench, "unclear", "reason: lost\n");
	bench_record(&bench, "approved", "by: uid:1000\nreason: again\n");
	bench_record(&bench, "intent", "attempt: 2\nform: attached-der\n");
	bench_record(&bench, "signed", "object-signed: 5 1 aa bb\n");
	bench_record(&bench, "request", "attempt: 2\nobject-request: 5 1 aa bb\npurpose: file\n");
	bench_record(&bench, "sending", "attempt: 2\nobject-request: 5 1 aa bb\n");
	assert_int_equal(bench.of->earlier_ms, sent);
	bench_record(&bench, "not-sent", "error: refused\nfar: connect\n");
	assert_int_equal(bench.of->sending_ms, 0);
	assert_int_equal(bench.of->earlier_ms, sent);
	assert_int_equal(bench.of->state, CASE_READY);
	bench_close(&bench);
}

static void test_deferred(void **state)
{
	uint64_t begin_ms = 0, most_ms = 0;

	(void)state;
	begin("");
	flow_poll_pauses(&bench.hub.partners[0], bench.of, &begin_ms, &most_ms);
	assert_int_equal(begin_ms, 60000);
	assert_int_equal(most_ms, 600000);
	bench_record(&bench, "intent", "attempt: 1\nform: attached-der\n");
	bench_record(&bench, "abandoned", "reason: x\n");
	bench_record(&bench, "approved", "by: box\ndeferred: yes\nforms: 301\n");
	assert_true(bench.of->deferred);
	assert_int_equal(bench.of->forms, 301);
	flow_poll_pauses(&bench.hub.partners[0], bench.of, &begin_ms, &most_ms);
	assert_int_equal(begin_ms, 1800000);
	assert_int_equal(most_ms, 1800000);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_configured),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_deferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
