/* Head, mark, object reference, record table, and FORMAT.txt against the table. */
#include "journal_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "store/head.h"
#include "store/journal_format.h"
#include "store/mark.h"

static void head_round(void **state)
{
	struct head head = { .sequence = 7, .size = 42, .segment = 40, .offset = 12345, .clean = true, .boot = HELP_BOOT_A }, again;
	char line[HEAD_BYTES + 1], other[HEAD_BYTES + 1];

	(void)state;
	memset(head.root, 0xab, sizeof head.root);
	head_format(&head, line);
	assert_int_equal(strlen(line), HEAD_BYTES);
	assert_int_equal(head_parse(span_of(line, HEAD_BYTES), &again), 0);
	assert_int_equal(again.size, 42);
	assert_true(again.clean);
	head_format(&again, other);
	assert_string_equal(line, other);
	for (size_t i = 0; i < HEAD_BYTES; i++) {
		line[i] = (char)(line[i] ^ 0x04);
		assert_int_equal(head_parse(span_of(line, HEAD_BYTES), &again), ERR_FORMAT);
		line[i] = (char)(line[i] ^ 0x04);
		assert_int_equal(head_parse(span_of(line, i), &again), ERR_FORMAT);
	}
}

static void mark_round(void **state)
{
	struct mark mark = { .origin = "podatelna.invalid/0123456789abcdef", .instance = "0123456789abcdef0123456789abcdef", .size = 9 }, again;
	char line[MARK_BYTES + 1];

	(void)state;
	memset(mark.hash, 0x5a, sizeof mark.hash);
	mark_format(&mark, line);
	assert_int_equal(strlen(line), MARK_BYTES);
	assert_int_equal(mark_parse(span_of(line, MARK_BYTES), &again), 0);
	assert_int_equal(again.size, 9);
	assert_string_equal(again.instance, mark.instance);
	for (size_t i = 0; i < MARK_BYTES; i++) {
		line[i] = (char)(line[i] ^ 0x10);
		assert_int_equal(mark_parse(span_of(line, MARK_BYTES), &again), ERR_FORMAT);
		line[i] = (char)(line[i] ^ 0x10);
		assert_int_equal(mark_parse(span_of(line, i), &again), ERR_FORMAT);
	}
}

static void references(void **state)
{
	static const char *const bad[] = {
		"",
		"10",
		"10 1",
		"010 1 " /* leading zero */,
		(HELP_REF " "),
		(HELP_REF ","),
		(" " HELP_REF),
		"2000000 1 00000000000000000000000000000000000000000000000000000000000000ff 11111111111111111111111111111111111111111111111111111111111111ee",
		"10 0 00000000000000000000000000000000000000000000000000000000000000ff 11111111111111111111111111111111111111111111111111111111111111ee",
	};
	struct journal_ref ref;
	char text[JOURNAL_REF_MAX_BYTES];

	(void)state;
	assert_int_equal(journal_ref_parse(span_of_string(HELP_REF), &ref), 0);
	assert_int_equal(ref.size, 10);
	assert_int_equal(journal_ref_format(&ref, text, sizeof text), (int)strlen(HELP_REF));
	assert_string_equal(text, HELP_REF);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(journal_ref_parse(span_of_string(bad[i]), &ref), ERR_FORMAT);
	}
}

static int check(const char *type, enum table_writer writer, const char *body, struct table_case *state)
{
	char why[TABLE_WHY_SIZE] = "";

	return table_check(type, writer, span_of_string(body), 5, state, why);
}

static void table_rules(void **state)
{
	struct table_case found = { 0 };
	const char *sending = "attempt: 1\ncase: 2026-000001\nenv: test\nobject-request: " HELP_REF "\nurl: https://x.invalid/\n";

	(void)state;
	assert_int_equal(check("nonsense", TABLE_STORE, "", NULL), ERR_STATE);
	assert_int_equal(check("boot", TABLE_STORE, "version: 1\n", NULL), 0);
	assert_int_equal(check("boot", TABLE_HUB, "version: 1\n", NULL), ERR_DENIED);
	assert_int_equal(check("boot", TABLE_STORE, "", NULL), ERR_FORMAT);
	assert_int_equal(check("boot", TABLE_STORE, "colour: red\nversion: 1\n", NULL), ERR_FORMAT);
	assert_int_equal(check("boot", TABLE_STORE, "version: 1\n", &found), ERR_STATE);
	assert_int_equal(check("shown", TABLE_HUB, "by: uid:1\ncase: 2026-000001\nwhat: x\n", &found), ERR_STATE);
	assert_int_equal(
	    check("received", TABLE_HUB, "by: karel\ncase: 2026-000001\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", &found),
	    ERR_FORMAT);
	assert_int_equal(
	    check("received", TABLE_HUB, "by: uid:1\ncase: 2026-000001\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", &found), 0);
	assert_string_equal(found.last->type, "received");
	assert_int_equal(check("sending", TABLE_HUB, sending, &found), ERR_STATE);
	/* transparent ones leave the order as it is; forced ones come any time */
	assert_int_equal(check("shown", TABLE_HUB, "by: uid:1\ncase: 2026-000001\nwhat: x\n", &found), 0);
	assert_string_equal(found.last->type, "received");
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 3\ncase: 2026-000001\nerror: x\nfar: none\n", &found), 0);
	assert_string_equal(found.last->type, "not-sent");
}

/* Checkpoints and stamps are the store's; a package is what a person says through the hub. The fields follow from the event. */
static void anchors(void **state)
{
	const char *stamp = "event: stamp\nfile: 5.tsr\nroot: ab\nsha256: cd\nsize: 5\ntime: 2026-11-22T03:00:00Z\ntsa: own\nused: 1\n";

	(void)state;
	assert_int_equal(check("anchor", TABLE_STORE, "root: ab\nsize: 5\n", NULL), 0);
	assert_int_equal(check("anchor", TABLE_STORE, "size: 5\n", NULL), ERR_FORMAT);
	assert_int_equal(check("anchor", TABLE_STORE, "root: ab\nsize: 5\ntsa: own\n", NULL), ERR_FORMAT);
	assert_int_equal(check("anchor", TABLE_HUB, "root: ab\nsize: 5\n", NULL), ERR_DENIED);
	assert_int_equal(check("anchor", TABLE_STORE, stamp, NULL), 0);
	assert_int_equal(check("anchor", TABLE_HUB, stamp, NULL), ERR_DENIED);
	assert_int_equal(check("anchor", TABLE_STORE, "event: stamp\nroot: ab\nsha256: cd\nsize: 5\ntsa: own\n", NULL), ERR_FORMAT);
	assert_int_equal(check("anchor", TABLE_STORE, "event: bad-stamp\nfile: 5-cd.tsr\nreason: nonce\nroot: ab\nsha256: cd\nsize: 5\ntsa: own\n", NULL), 0);
	assert_int_equal(check("anchor", TABLE_STORE, "event: bad-stamp\nfile: 5-cd.tsr\nroot: ab\nsha256: cd\nsize: 5\ntsa: own\n", NULL), ERR_FORMAT);
	assert_int_equal(check("anchor", TABLE_HUB, "by: uid:5\nevent: package\nreason: counted\ntsa: own\nused: 12\n", NULL), 0);
	assert_int_equal(check("anchor", TABLE_HUB, "event: package\nreason: counted\ntsa: own\nused: 12\n", NULL), ERR_FORMAT);
	assert_int_equal(check("anchor", TABLE_HUB, "by: uid:5\nevent: package\nreason: counted\nsize: 5\ntsa: own\nused: 12\n", NULL), ERR_FORMAT);
	assert_int_equal(check("anchor", TABLE_STORE, "event: nonsense\nroot: ab\nsize: 5\n", NULL), ERR_FORMAT);
}

/* P3 in the table: after a sending without a `not-sent` about it, no second one but by a person. */
static void one_sending(void **state)
{
	struct table_case found = { .last = table_find("request"), .begun = true };
	const char *sending = "attempt: 1\ncase: 2026-000001\nenv: test\nobject-request: " HELP_REF "\nurl: https://x.invalid/\n";
	const char *request = "attempt: 1\ncase: 2026-000001\nenv: test\nobject-request: " HELP_REF "\npurpose: file\nurl: https://x.invalid/\n";
	const char *reply = "answers: 5\ncase: 2026-000001\nfar: reply-done\nobject-peer: " HELP_REF "\nobject-reply: " HELP_REF "\n";

	(void)state;
	assert_int_equal(check("sending", TABLE_HUB, sending, &found), 0);
	assert_int_equal(found.sending, 6);
	assert_int_equal(check("reply", TABLE_STORE, reply, &found), 0);
	assert_int_equal(check("request", TABLE_HUB, request, &found), 0);
	assert_int_equal(check("sending", TABLE_HUB, sending, &found), ERR_STATE);
	/* a not-sent about a later request does not make room */
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 9\ncase: 2026-000001\nerror: x\nfar: none\n", &found), 0);
	assert_int_equal(check("request", TABLE_HUB, request, &found), 0);
	assert_int_equal(check("sending", TABLE_HUB, sending, &found), ERR_STATE);
	assert_int_equal(check("unclear", TABLE_HUB, "case: 2026-000001\nreason: x\n", &found), 0);
	assert_int_equal(check("approved", TABLE_HUB, "by: box\ncase: 2026-000001\nreason: x\n", &found), ERR_STATE);
	assert_int_equal(check("approved", TABLE_HUB, "by: uid:5\ncase: 2026-000001\n", &found), ERR_STATE);
	assert_int_equal(check("approved", TABLE_HUB, "by: uid:5\ncase: 2026-000001\nreason: asked by telephone\n", &found), 0);
	assert_int_equal(found.sending, 0);
	/* not-sent about that very record */
	found.last = table_find("request");
	assert_int_equal(check("sending", TABLE_HUB, sending, &found), 0);
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 5\ncase: 2026-000001\nerror: x\nfar: none\n", &found), 0);
	assert_int_equal(found.sending, 0);
	/* closed for good stays closed */
	found.last = table_find("reply");
	assert_int_equal(check("closed", TABLE_HUB, "case: 2026-000001\nevidence: signed\nverdict: accepted\n", &found), 0);
	assert_int_equal(check("approved", TABLE_HUB, "by: uid:5\ncase: 2026-000001\nreason: x\n", &found), ERR_STATE);
}

static void case_numbers(void **state)
{
	(void)state;
	assert_true(table_case_valid(span_of_string("2026-000001")));
	assert_true(table_case_valid(span_of_string("B2026-000001")));
	assert_false(table_case_valid(span_of_string("b2026-000001")));
	assert_false(table_case_valid(span_of_string("2026-00001")));
	assert_false(table_case_valid(span_of_string("2026-0000012")));
	assert_false(table_case_valid(span_of_string("2026_000001")));
	assert_false(table_case_valid(span_of_string("../../../etc")));
}

static bool format_has(const char *text)
{
	return memmem(journal_format_text, journal_format_length, text, strlen(text)) != NULL;
}

/* FORMAT.txt is normative and so is the program: each row of the table stands in it word for word (this program prints them with --table). */
static void format_has_table(void **state)
{
	const struct table_rule *rule = NULL;
	char row[2048];

	(void)state;
	for (size_t n = 0; (rule = table_nth(n)) != NULL; n++) {
		table_format(rule, row, sizeof row);
		if (!format_has(row)) {
			print_error("FORMAT.txt lacks this row:\n%s", row);
			fail();
		}
	}
	assert_true(format_has(table_common(true)));
	assert_true(format_has(table_common(false)));
}

/* Required fields are looked for in one walk over the body, whose lines ascend: so must the words of the table. Each of them counts, also the last, and an empty value
 * is none. */
static void required_fields(void **state)
{
	const struct table_rule *rule = NULL;
	const char *whole = "answers: 3\ncase: 2026-000001\nerror: x\nfar: none\n";
	struct table_case found = { .last = table_find("request"), .begun = true };
	char words[512];

	(void)state;
	for (size_t n = 0; (rule = table_nth(n)) != NULL; n++) {
		const char *before = "";

		assert_true(strlen(rule->required) < sizeof words);
		(void)strcpy(words, rule->required);
		for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
			assert_true(strcmp(before, word) < 0);
			before = word;
		}
	}
	assert_int_equal(check("not-sent", TABLE_STORE, whole, &found), 0);
	assert_int_equal(check("not-sent", TABLE_STORE, "case: 2026-000001\nerror: x\nfar: none\n", &found), ERR_FORMAT);
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 3\ncase: 2026-000001\nfar: none\n", &found), ERR_FORMAT);
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 3\ncase: 2026-000001\nerror: x\n", &found), ERR_FORMAT);
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 3\ncase: 2026-000001\nerror: \nfar: none\n", &found), ERR_FORMAT);
	assert_int_equal(check("not-sent", TABLE_STORE, "answers: 3\ncase: 2026-000001\nerror: x\nfar: none\nfarther: x\n", &found), ERR_FORMAT);
}

static int print_table(void)
{
	const struct table_rule *rule = NULL;
	char row[2048];

	for (size_t n = 0; (rule = table_nth(n)) != NULL; n++) {
		table_format(rule, row, sizeof row);
		(void)printf("%s\n", row);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_round),   cmocka_unit_test(mark_round),       cmocka_unit_test(references),
		cmocka_unit_test(table_rules),  cmocka_unit_test(anchors),          cmocka_unit_test(one_sending),
		cmocka_unit_test(case_numbers), cmocka_unit_test(format_has_table), cmocka_unit_test(required_fields),
	};

	if (argc == 2 && strcmp(argv[1], "--table") == 0) {
		return print_table();
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
