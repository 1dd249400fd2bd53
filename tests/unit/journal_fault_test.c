/* Every file operation of creating, opening, appending, rotating, checkpointing and closing fails once, in every way: no acknowledged record is
 * lost, none is invented, and the next start goes on. */
#include "journal_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"

#define RUN_MAX 2000

static struct {
	uint64_t attempted; /* most records that can be there: acknowledged ones and those of the batch that failed */
	bool opened;
} run;

static void work(struct help *help)
{
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	char note[JOURNAL_NOTE_SIZE];
	int err = 0;

	if (help_open(help, &journal) != 0) {
		return;
	}
	run.opened = true;
	run.attempted = 3; /* boot, recovered, rolled-back at most */
	if (journal_boot(journal, "0.1") == 0) {
		for (unsigned i = 1; i <= 8 && err != ERR_READONLY; i++) {
			static const uint8_t none[32];
			char number[16];

			(void)snprintf(number, sizeof number, "2026-%06u", i);
			run.attempted = help->known + 3; /* two, and the summary of the segment */
			err = help_stage(journal, TABLE_HUB, number, none, "received",
			                 "by: uid:1000\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", &receipt);
			err = err != 0 ? err : help_stage(journal, TABLE_HUB, number, receipt.hash, "unknown", "reason: x\n", &receipt);
			err = err != 0 && err != ERR_SPACE ? err : journal_commit(journal);
			if (i == 4 && err == 0) {
				run.attempted = help->known + 2;
				(void)journal_checkpoint(journal, note);
				(void)journal_mark(journal);
			}
		}
	}
	journal_close(journal);
}

static void check(struct help *help, long n, enum fault_kind kind)
{
	struct journal *journal = NULL;
	struct journal_facts facts;
	struct journal_receipt receipt;
	struct verify_result result;
	uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct record record;
	uint64_t known = help->known;

	help->ops = &fileops_posix;
	journal = help_opened(help);
	journal_facts(journal, &facts);
	if (facts.state != JOURNAL_READY || facts.size < known || facts.size > run.attempted || facts.rolled_back) {
		print_error("fault %ld kind %d: state %d (%s), size %llu, acknowledged %llu, attempted %llu, rolled back %d\n", n, (int)kind, (int)facts.state, facts.why,
		            (unsigned long long)facts.size, (unsigned long long)known, (unsigned long long)run.attempted, facts.rolled_back);
		fail();
	}
	for (uint64_t i = 0; i < known; i++) {
		assert_int_equal(journal_read_one(journal, i, buffer, &record), 0);
		assert_memory_equal(record.hash, help->hashes[i], 32);
	}
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(help_received(journal, "2026-000900", &receipt), 0);
	journal_close(journal);
	help_verify(help, &result);
	if (result.damaged) {
		print_error("fault %ld kind %d: %s at %llu\n", n, (int)kind, result.why, (unsigned long long)result.index);
		fail();
	}
	free(buffer);
}

static void every_call(enum fault_kind kind, const char *boot_after, bool existing)
{
	long n = 1;

	for (;; n++) {
		struct help help;
		struct fault fault;
		bool fired = false;

		assert_true(n < RUN_MAX);
		help_make(&help);
		help.segment_max = 1500;
		memset(&run, 0, sizeof run);
		if (existing) {
			struct journal *journal = help_opened(&help);

			assert_int_equal(journal_boot(journal, "0.1"), 0);
			journal_close(journal);
			run.attempted = help.known;
		}
		fault_arm(&fault, n, kind);
		help.ops = &fault.ops;
		work(&help);
		fired = fault.fired;
		if (existing && !run.opened) {
			run.attempted = help.known;
		}
		help.boot = boot_after;
		check(&help, n, kind);
		help_remove(&help);
		if (!fired) {
			break;
		}
	}
	assert_true(n > 100);
}

static void eio(void **state)
{
	(void)state;
	every_call(FAULT_EIO, HELP_BOOT_A, false);
}

static void enospc(void **state)
{
	(void)state;
	every_call(FAULT_ENOSPC, HELP_BOOT_A, false);
}

static void short_write(void **state)
{
	(void)state;
	every_call(FAULT_SHORT, HELP_BOOT_A, false);
}

static void dead(void **state)
{
	(void)state;
	every_call(FAULT_DEAD, HELP_BOOT_A, false);
}

static void dead_and_reboot(void **state)
{
	(void)state;
	every_call(FAULT_DEAD, HELP_BOOT_B, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eio), cmocka_unit_test(enospc), cmocka_unit_test(short_write), cmocka_unit_test(dead), cmocka_unit_test(dead_and_reboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
