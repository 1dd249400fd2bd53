/* A case as its records tell it: the ordinary way, the ways aside, and records that contradict the table of states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/err.h"
#include "appliance/hub/case.h"

static uint64_t next_index;
static struct cases cases;

static int apply(const char *type, const char *body, struct hub_case **ret)
{
	struct record record = { .index = next_index++, .utc_ms = 1795286340000 + (int64_t)next_index };

	(void)snprintf(record.type, sizeof record.type, "%s", type);
	record.body = span_of_string(body);
	memset(record.hash, (int)next_index, sizeof record.hash);
	return case_apply(&cases, &record, ret);
}

static void follow(const char *type, const char *body, enum case_state expected)
{
	struct hub_case *of = NULL;

	assert_int_equal(apply(type, body, &of), 0);
	assert_non_null(of);
	if (of->state != expected) {
		fail_msg("%s: %s instead of %s", type, state_name(of->state), state_name(expected));
	}
}

static int fresh(void **state)
{
	(void)state;
	cases_free(&cases);
	next_index = 0;
	return 0;
}

static void to_ready(void)
{
	follow("received", "by: uid:1000\ncase: 2026-000001\nkind: filing\n", CASE_RECEIVED);
	follow("recognised", "approval: none\ncase: 2026-000001\nenv: test\nform: DPHDP3\npartner: epo\n", CASE_RECEIVED);
	follow("approved", "by: box\ncase: 2026-000001\n", CASE_READY);
}

static void to_sending(void)
{
	to_ready();
	follow("intent", "attempt: 1\ncase: 2026-000001\nform: attached-der\n", CASE_SIGNING);
	follow("signed", "case: 2026-000001\nobject-signed: 5 0 aa bb\n", CASE_SIGNING);
	follow("request", "attempt: 1\ncase: 2026-000001\nobject-request: 5 0 aa bb\npurpose: test\n", CASE_TESTING);
	follow("reply", "answers: 5\ncase: 2026-000001\nfar: reply-done\n", CASE_TESTING);
	follow("tested", "case: 2026-000001\nverdict: passed\n", CASE_TESTING);
	follow("request", "attempt: 1\ncase: 2026-000001\nobject-request: 5 0 aa bb\npurpose: file\n", CASE_TESTING);
	follow("sending", "attempt: 1\ncase: 2026-000001\nobject-request: 5 0 aa bb\n", CASE_SENDING);
}

static void test_the_ordinary_way(void **state)
{
	struct hub_case *of = NULL;

	(void)state;
	to_sending();
	of = case_find(&cases, "1");
	assert_non_null(of);
	assert_string_equal(of->form, "DPHDP3"); /* not what `intent` calls form */
	assert_true(of->authorising == next_index - 1);
	follow("reply", "answers: 9\ncase: 2026-000001\nfar: reply-done\n", CASE_SENDING);
	follow("verified", "case: 2026-000001\nresult: valid\n", CASE_SENDING);
	assert_false(of->verified); /* a valid signature alone does not say that it is about this filing */
	follow("sent", "case: 2026-000001\nevidence: signed\nstage: state\n", CASE_SENT);
	assert_true(of->verified);
	assert_true(of->confirmation_index == next_index - 3);
	assert_string_equal(of->stage, "state");
	follow("closed", "case: 2026-000001\nverdict: accepted\n", CASE_DONE);
	assert_true(of->is_open); /* until its papers are on the share */
	follow("delivered", "case: 2026-000001\nplace: vyrizeno\n", CASE_DONE);
	assert_false(of->is_open);
	cases_sweep(&cases);
	assert_int_equal(cases.open_count, 0);
}

static void test_not_sent_goes_back(void **state)
{
	(void)state;
	to_sending();
	follow("not-sent", "answers: 9\ncase: 2026-000001\nfar: none\n", CASE_READY);
}

/* While it is asked whether a filing arrived it is `sending`: a question that did not get out says nothing of the filing. */
static void test_not_sent_question_stays(void **state)
{
	struct hub_case *of = NULL;
	char body[96];
	uint64_t sending = 0;

	(void)state;
	to_sending();
	of = case_find(&cases, "1");
	assert_non_null(of);
	sending = next_index - 1;
	follow("reply", "answers: 9\ncase: 2026-000001\nfar: reply-done\n", CASE_SENDING);
	follow("request", "case: 2026-000001\npurpose: poll\n", CASE_SENDING);
	assert_true(of->sending_index == sending && of->authorising == next_index - 1);
	(void)snprintf(body, sizeof body, "answers: %llu\ncase: 2026-000001\nfar: none\n", (unsigned long long)(next_index - 1));
	follow("not-sent", body, CASE_SENDING);
	follow("request", "case: 2026-000001\npurpose: poll\n", CASE_SENDING);
	follow("reply", "answers: 9\ncase: 2026-000001\nfar: reply-done\n", CASE_SENDING);
	(void)snprintf(body, sizeof body, "answers: %llu\ncase: 2026-000001\nfar: reply-done\n", (unsigned long long)sending);
	follow("not-sent", body, CASE_READY);
}

static void test_not_sent_test_run_stays(void **state)
{
	(void)state;
	to_ready();
	follow("intent", "attempt: 1\ncase: 2026-000001\n", CASE_SIGNING);
	follow("signed", "case: 2026-000001\nobject-signed: 5 0 aa bb\n", CASE_SIGNING);
	follow("request", "case: 2026-000001\npurpose: test\n", CASE_TESTING);
	follow("not-sent", "answers: 5\ncase: 2026-000001\nfar: none\n", CASE_TESTING);
}

static void test_uncertain_leaves_by_a_person(void **state)
{
	(void)state;
	to_sending();
	follow("unclear", "case: 2026-000001\nreason: x\n", CASE_UNCERTAIN);
	follow("attached", "by: uid:0\ncase: 2026-000001\nobject-reply: 5 0 aa bb\n", CASE_UNCERTAIN);
	follow("unclear", "case: 2026-000001\nreason: x\n", CASE_UNCERTAIN);
	follow("approved", "by: uid:0\ncase: 2026-000001\nreason: not taken\n", CASE_READY);
}

/* The confirmation of another filing, attached by mistake, is signed all right: it must not make a later word of the channel count as proven. */
static void test_a_foreign_confirmation_proves_nothing(void **state)
{
	struct hub_case *of = NULL;

	(void)state;
	to_sending();
	of = case_find(&cases, "1");
	follow("reply", "answers: 9\ncase: 2026-000001\nfar: reply-done\n", CASE_SENDING);
	follow("sent", "case: 2026-000001\nevidence: channel\nstage: result\n", CASE_SENT);
	follow("attached", "by: uid:0\ncase: 2026-000001\nobject-reply: 5 0 aa bb\n", CASE_SENT);
	assert_true(of->attached);
	follow("verified", "case: 2026-000001\nresult: valid\n", CASE_SENT);
	follow("sent", "case: 2026-000001\nevidence: person\nreason: not ours\n", CASE_SENT);
	assert_false(of->attached);
	assert_false(of->verified);
	assert_true(of->confirmation_index == 0);
	assert_string_equal(of->stage, "result");
}

static void test_a_late_reply_is_kept(void **state)
{
	(void)state;
	to_sending();
	follow("unclear", "case: 2026-000001\nreason: x\n", CASE_UNCERTAIN);
	follow("reply", "answers: 9\ncase: 2026-000001\nfar: reply-done\n", CASE_UNCERTAIN);
	follow("closed", "case: 2026-000001\nverdict: data-error\n", CASE_DATA_ERROR);
}

static void test_roll_back_makes_any_open_case_uncertain(void **state)
{
	(void)state;
	to_ready();
	follow("unclear", "case: 2026-000001\nreason: rolled back\n", CASE_UNCERTAIN);
}

static void test_contradictions_are_refused(void **state)
{
	struct hub_case *of = NULL;

	(void)state;
	assert_int_equal(apply("sent", "case: 2026-000009\n", &of), ERR_FORMAT); /* no such case */
	to_ready();
	assert_int_equal(apply("sending", "case: 2026-000001\n", &of), ERR_STATE);
	assert_int_equal(apply("closed", "case: 2026-000001\nverdict: accepted\n", &of), ERR_STATE);
}

static void test_duplicate_and_claim(void **state)
{
	struct hub_case *of = NULL;

	(void)state;
	assert_int_equal(apply("received", "by: uid:1\ncase: 2026-000007\nclaim: 77\nkind: filing\nseen: 2026-000001\n", &of), 0);
	assert_string_equal(of->seen, "2026-000001");
	assert_true(case_claimed(&cases, 77));
	assert_false(case_claimed(&cases, 78));
	assert_null(case_find(&cases, "8"));
	assert_ptr_equal(case_find(&cases, "2026-000007"), of);
}

/* Taken in part: what was refused is an error in the data, and the whole is never sent again. */
static void test_partial(void **state)
{
	char label[CASE_LABEL_SIZE];
	struct hub_case *of = NULL;

	(void)state;
	to_sending();
	follow("closed", "case: 2026-000001\nerrors: 1\nevidence: signed\nverdict: partial\nwarnings: 3\n", CASE_DATA_ERROR);
	of = case_find(&cases, "1");
	assert_true(of->partial && of->verified);
	assert_int_equal(of->warnings, 3);
	case_label(of, CASE_DATA_ERROR, label);
	assert_string_equal(label, "closed, accepted in part only");
	case_label(of, CASE_SENT, label); /* what it was before is called as ever */
	assert_string_equal(label, "sent, waits for the result");
	assert_int_equal(apply("approved", "by: uid:1\ncase: 2026-000001\nreason: again\n", &of), ERR_STATE);
	follow("deleted", "by: uid:1\ncase: 2026-000001\n", CASE_DELETED);
	of = case_find(&cases, "1");
	case_label(of, CASE_DELETED, label);
	assert_string_equal(label, "deleted");
}

static void test_reservations(void **state)
{
	char label[CASE_LABEL_SIZE];
	struct hub_case *of = NULL;

	(void)state;
	to_sending();
	follow("closed", "case: 2026-000001\nevidence: signed\nverdict: accepted\nwarnings: 2\n", CASE_DONE);
	of = case_find(&cases, "1");
	assert_false(of->partial);
	case_label(of, CASE_DONE, label);
	assert_string_equal(label, "closed, accepted, with reservations (2)");
}

/* They change no state; a wish is no erasure, and what came back from the archive is in the vault. */
static void test_erasure_and_archive(void **state)
{
	struct hub_case *of = NULL;

	(void)state;
	to_sending();
	follow("closed", "case: 2026-000001\nkeep-until: 2036-11-22\nverdict: accepted\n", CASE_DONE);
	follow("delivered", "case: 2026-000001\nplace: vyrizeno\n", CASE_DONE);
	of = case_find(&cases, "1");
	assert_string_equal(of->keep_until, "2036-11-22");
	follow("archived", "basis: x\nby: uid:1\ncase: 2026-000001\nevent: out\nplace: 00ff00ff00ff00ff\n", CASE_DONE);
	assert_true(of->archived == UINT64_C(0x00ff00ff00ff00ff));
	follow("archived", "basis: x\nby: uid:1\ncase: 2026-000001\nevent: back\nplace: 00ff00ff00ff00ff\n", CASE_DONE);
	assert_true(of->archived == 0);
	follow("erased", "basis: x\nby: uid:1\ncase: 2026-000001\nstage: asked\n", CASE_DONE);
	assert_true(of->erased == 0);
	assert_string_equal(of->erase_by, "uid:1");
	assert_true(of->erase_asked_ms != 0);
	follow("erased", "asked-by: uid:1\nbasis: x\nby: uid:2\ncase: 2026-000001\n", CASE_DONE);
	assert_true(of->erased == next_index - 1);
	assert_false(of->is_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_ordinary_way, fresh),
		cmocka_unit_test_setup(test_not_sent_goes_back, fresh),
		cmocka_unit_test_setup(test_not_sent_question_stays, fresh),
		cmocka_unit_test_setup(test_not_sent_test_run_stays, fresh),
		cmocka_unit_test_setup(test_uncertain_leaves_by_a_person, fresh),
		cmocka_unit_test_setup(test_a_foreign_confirmation_proves_nothing, fresh),
		cmocka_unit_test_setup(test_a_late_reply_is_kept, fresh),
		cmocka_unit_test_setup(test_roll_back_makes_any_open_case_uncertain, fresh),
		cmocka_unit_test_setup(test_contradictions_are_refused, fresh),
		cmocka_unit_test_setup(test_duplicate_and_claim, fresh),
		cmocka_unit_test_setup(test_partial, fresh),
		cmocka_unit_test_setup(test_reservations, fresh),
		cmocka_unit_test_setup(test_erasure_and_archive, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, fresh);
}
