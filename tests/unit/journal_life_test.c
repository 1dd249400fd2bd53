/* A journal's life: creation, appending, prev, groups, segments, checkpoints, stop and start, roll-back, clone. */
#include "journal_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"

static const uint8_t none[32];

static void appends_and_reads(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt first, second, third;
	struct journal_case found;
	struct journal_facts facts;
	struct verify_result result;
	uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	uint64_t *indexes = NULL, next = 0;
	struct record record;
	char number[JOURNAL_CASE_SIZE];
	size_t count = 0, length = 0;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	journal_facts(journal, &facts);
	assert_true(facts.created && !facts.unclean && !facts.rolled_back);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(journal_next_case(journal, number), 0);
	assert_string_equal(number, "2026-000001");
	assert_int_equal(help_received(journal, number, &first), 0);
	assert_int_equal(first.index, 1);
	/* the same request again cannot double anything */
	assert_int_equal(help_received(journal, number, &second), ERR_MISMATCH);
	assert_int_equal(help_append(journal, TABLE_HUB, number, none, "unknown", "reason: x\n", &second), ERR_MISMATCH);
	assert_int_equal(help_append(journal, TABLE_HUB, number, first.hash, "unknown", "reason: x\n", &second), 0);
	assert_int_equal(help_append(journal, TABLE_HUB, number, first.hash, "refused", "reason: x\n", &third), ERR_MISMATCH);
	assert_int_equal(help_append(journal, TABLE_HUB, number, second.hash, "sending", "reason: x\n", &third), ERR_FORMAT);
	assert_int_equal(help_append(journal, TABLE_HUB, number, second.hash, "closed", "evidence: x\nverdict: x\n", &third), ERR_STATE);
	assert_int_equal(journal_case_find(journal, number, &found), 0);
	assert_memory_equal(found.head, second.hash, 32);
	assert_string_equal(found.last_type, "unknown");
	assert_int_equal(journal_case_indexes(journal, number, &indexes, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(indexes[0], 1);
	assert_int_equal(indexes[1], 2);
	free(indexes);
	assert_int_equal(journal_read_one(journal, 2, buffer, &record), 0);
	assert_memory_equal(record.hash, second.hash, 32);
	assert_true(record_field_is(&record, "case", number));
	assert_int_equal(journal_read(journal, 0, buffer, RECORD_MAX_BYTES, &length, &next), 0);
	assert_int_equal(next, 3);
	assert_int_equal(journal_size(journal), 3);
	assert_int_equal(help.told, 3);
	journal_close(journal);

	help.told = 0;
	journal = help_opened(&help);
	journal_facts(journal, &facts);
	assert_true(!facts.unclean && !facts.rolled_back && !facts.created);
	assert_int_equal(help.replayed, 3);
	assert_int_equal(help.told, 0);
	assert_int_equal(journal_case_find(journal, number, &found), 0);
	assert_memory_equal(found.head, second.hash, 32);
	assert_int_equal(journal_next_case(journal, number), 0);
	assert_string_equal(number, "2026-000002");
	journal_close(journal);
	help_verify(&help, &result);
	assert_false(result.damaged);
	assert_int_equal(result.records, 3);
	help_remove(&help);
	free(buffer);
}

static void group_commit(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	uint8_t buffer[RECORD_MAX_BYTES];
	struct record record;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	for (unsigned i = 1; i <= 5; i++) {
		char number[16];

		(void)snprintf(number, sizeof number, "2026-%06u", i);
		assert_int_equal(help_stage(journal, TABLE_HUB, number, none, "received",
		                            "by: uid:1000\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", &receipt),
		                 0);
		/* the head as seen by the next stage is the staged one */
		assert_int_equal(help_stage(journal, TABLE_HUB, number, receipt.hash, "unknown", "reason: x\n", &receipt), 0);
	}
	assert_int_equal(journal_size(journal), 1);
	assert_int_equal(help.told, 1);
	assert_true(journal_has_staged(journal));
	assert_int_equal(journal_commit(journal), 0);
	assert_int_equal(journal_size(journal), 11);
	assert_int_equal(help.told, 11);
	for (uint64_t i = 1; i < 11; i++) {
		assert_int_equal(journal_read_one(journal, i, buffer, &record), 0);
		assert_int_equal(record.batch, 1);
	}
	journal_close(journal);
	help_remove(&help);
}

static void segments_and_checkpoints(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct journal_facts facts;
	struct verify_result result;
	char note[JOURNAL_NOTE_SIZE], again[JOURNAL_NOTE_SIZE];

	(void)state;
	help_make(&help);
	help.segment_max = 2000;
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_true(journal_checkpoint_due(journal) <= clock_mono_ms() + JOURNAL_QUIET_MS);
	for (unsigned i = 1; i <= 20; i++) {
		char number[16];

		(void)snprintf(number, sizeof number, "2026-%06u", i);
		assert_int_equal(help_received(journal, number, &receipt), 0);
	}
	assert_int_equal(journal_checkpoint_due(journal), 0); /* a segment was closed */
	assert_int_equal(journal_checkpoint(journal, note), 0);
	assert_int_equal(journal_checkpoint_due(journal), CLOCK_NEVER_MS);
	/* quiet records start none, and without news the last one is given again */
	assert_int_equal(help_append(journal, TABLE_TOKEN, "", NULL, "token", "event: login\ntoken: office\n", &receipt), 0);
	assert_int_equal(journal_checkpoint_due(journal), CLOCK_NEVER_MS);
	assert_int_equal(journal_checkpoint(journal, again), 0);
	assert_string_equal(note, again);
	/* a new month closes a segment, too */
	journal_facts(journal, &facts);
	help.now_ms += INT64_C(40) * 24 * 3600 * 1000;
	assert_int_equal(help_received(journal, "2026-000777", &receipt), 0);
	help.now_ms += 1;
	assert_true(journal_size(journal) > 20);
	journal_close(journal);
	help_verify(&help, &result);
	assert_false(result.damaged);
	assert_true(result.segments >= 4);
	assert_int_equal(result.unclean_segments, 0);
	assert_int_equal(result.notes, 1);
	journal = help_opened(&help);
	journal_facts(journal, &facts);
	assert_int_equal(facts.state, JOURNAL_READY);
	assert_false(facts.unclean);
	journal_close(journal);
	help_shell(&help, "test $(stat -c %%a data/journal/segment/000000000000.s) = 444");
	help_remove(&help);
}

/* Takes the store down as SIGKILL does: the files stay as they are, the directory is locked no more. */
static void kill_store(struct help *help, struct journal *journal)
{
	help_shell(help, "cp -a data copy");
	journal_close(journal);
	help_shell(help, "rm -rf data/journal data/quarantine && cp -a copy/. data/ && chmod -R u+w copy && rm -rf copy");
}

static void unclean_stop(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct journal_facts facts;
	struct verify_result result;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(help_received(journal, "2026-000001", &receipt), 0);
	kill_store(&help, journal);
	journal = help_opened(&help);
	journal_facts(journal, &facts);
	assert_true(facts.unclean);
	assert_int_equal(facts.size, 2);
	assert_int_equal(facts.recovered_bytes, 0);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	journal_close(journal);
	help_shell(&help, "test -e data/journal/segment/000000000000.u && test -e data/journal/segment/000000000002.open");
	help_verify(&help, &result);
	assert_false(result.damaged);
	assert_int_equal(result.unclean_segments, 1);
	help_remove(&help);
}

static void append_sending(struct journal *journal, const char *number)
{
	static const char *const steps[][2] = {
		{ "recognised", "form: f\nlabel-id: l\npartner: epo\n" },
		{ "approved", "by: box\n" },
		{ "intent", "attempt: 1\ndigest: sha256\nform: attached-der\nkey: k\nobject-original: " HELP_REF "\npurpose: file\n" },
		{ "signed", "algorithm: rsa\nintent: 4\nobject-signed: " HELP_REF "\nsigner: aa\n" },
		{ "request", "attempt: 1\nenv: test\nobject-request: " HELP_REF "\npurpose: file\nurl: https://x.invalid/\n" },
		{ "sending", "attempt: 1\nenv: test\nobject-request: " HELP_REF "\nurl: https://x.invalid/\n" },
	};
	struct journal_receipt receipt;

	assert_int_equal(help_received(journal, number, &receipt), 0);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		enum table_writer writer = i == 2 || i == 3 ? TABLE_STORE : TABLE_HUB;

		assert_int_equal(help_append(journal, writer, number, receipt.hash, steps[i][0], steps[i][1], &receipt), 0);
	}
}

static void expect_rolled_back(struct help *help, const char *reason)
{
	static unsigned next = 500;
	char number[32];
	struct journal *journal = help_opened(help);
	struct journal_facts facts;
	struct journal_receipt receipt;
	uint8_t buffer[RECORD_MAX_BYTES];
	struct record record;
	uint64_t size = 0;

	journal_facts(journal, &facts);
	assert_int_equal(facts.state, JOURNAL_READY);
	assert_true(facts.rolled_back);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_string_equal(help->last_type, "rolled-back");
	size = journal_size(journal);
	assert_int_equal(journal_read_one(journal, size - 1, buffer, &record), 0);
	assert_true(record_field_is(&record, "reason", reason));
	assert_int_equal(journal_mark(journal), ERR_STATE);
	/* it is not recorded again, and not forgotten, by starting again */
	journal_close(journal);
	journal = help_opened(help);
	journal_facts(journal, &facts);
	assert_true(facts.rolled_back);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(journal_size(journal), size + 1);
	/* nothing is sent */
	(void)snprintf(number, sizeof number, "2026-%06u", next++);
	assert_int_equal(help_received(journal, number, &receipt), 0);
	assert_int_equal(help_append(journal, TABLE_HUB, number, receipt.hash, "unclear", "reason: rolled-back\n", &receipt), 0);
	assert_int_equal(help_append(journal, TABLE_HUB, number, receipt.hash, "request",
	                             "attempt: 1\nenv: test\nobject-request: " HELP_REF "\npurpose: poll\nurl: x\n", &receipt),
	                 ERR_STATE);
	assert_int_equal(help_append(journal, TABLE_HUB, "", NULL, "rolled-back", "accepted: yes\nby: uid:1\nreason: asked\n", &receipt), 0);
	journal_facts(journal, &facts);
	assert_false(facts.rolled_back);
	journal_close(journal);
	journal = help_opened(help);
	journal_facts(journal, &facts);
	assert_false(facts.rolled_back);
	journal_close(journal);
}

static void roll_back(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct verify_result result;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	journal_close(journal);
	help_shell(&help, "cp -a data backup");
	journal = help_opened(&help);
	append_sending(journal, "2026-000001");
	journal_close(journal);
	help_shell(&help, "chmod -R u+w data && rm -rf data/journal data/quarantine && cp -a backup/. data/");
	expect_rolled_back(&help, "behind-mark");
	help_verify(&help, &result);
	assert_false(result.damaged);
	help_remove(&help);
}

static void other_history(void **state)
{
	struct help help;
	struct journal *journal = NULL;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	journal_close(journal);
	help_shell(&help, "cp -a data backup && cp outside/mark old-mark");
	journal = help_opened(&help);
	append_sending(journal, "2026-000001");
	journal_close(journal);
	/* the same length, but other records */
	help_shell(&help,
	           "cp outside/mark new-mark && cp old-mark outside/mark && chmod -R u+w data && rm -rf data/journal data/quarantine && cp -a backup/. data/");
	help.now_ms += 5000;
	journal = help_opened(&help);
	append_sending(journal, "2026-000002");
	journal_close(journal);
	help_shell(&help, "cp new-mark outside/mark");
	expect_rolled_back(&help, "other-history");
	help_remove(&help);
}

static void clones(void **state)
{
	struct help help;
	struct journal *journal = NULL;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	append_sending(journal, "2026-000001");
	journal_close(journal);
	/* on another machine there is no mark */
	help_shell(&help, "cp outside/mark first-mark && rm outside/mark");
	expect_rolled_back(&help, "mark-missing");
	/* the accepted copy goes on under a new instance: the former mark does not fit it any more */
	help_shell(&help, "cp first-mark outside/mark");
	expect_rolled_back(&help, "other-copy");
	help_shell(&help, "echo nonsense > outside/mark");
	expect_rolled_back(&help, "mark-unreadable");
	/* an emptied data directory beside a mark that knows better */
	help_shell(&help, "chmod -R u+w data && rm -rf data/journal");
	expect_rolled_back(&help, "other-copy");
	help_remove(&help);
}

static void lock_and_identity(void **state)
{
	struct help help;
	struct journal *journal = NULL, *second = NULL;
	struct journal_facts facts;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(help_open(&help, &second), ERR_BUSY);
	journal_close(journal);
	help_shell(&help, "rm data/journal/origin");
	journal = help_opened(&help);
	journal_facts(journal, &facts);
	assert_int_equal(facts.state, JOURNAL_DAMAGED);
	assert_int_equal(journal_boot(journal, "0.1"), ERR_READONLY);
	journal_close(journal);
	help_remove(&help);
}

static int no_object(void *context, const struct record *record, struct span role, const struct journal_ref *ref, char why[JOURNAL_TEXT_SIZE])
{
	(void)record, (void)role, (void)ref, (void)why;
	return *(int *)context;
}

/* Objects that are gone are forgiven only where the case is erased. */
static void objects(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt first, second;
	struct verify_result result;
	int answer = ERR_NOTFOUND;
	struct verify_options options = { .ops = &fileops_posix, .until = UINT64_MAX, .on_object = no_object, .context = &answer };

	(void)state;
	help_make(&help);
	options.data_fd = help.data_fd;
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(help_received(journal, "2026-000001", &first), 0);
	assert_int_equal(help_received(journal, "2026-000002", &second), 0);
	assert_int_equal(help_append(journal, TABLE_HUB, "2026-000001", first.hash, "erased", "basis: GDPR 17\nby: uid:1\n", &first), 0);
	assert_int_equal(journal_verify(&options, NULL, &result), 0);
	assert_true(result.damaged);
	assert_int_equal(result.index, 2);
	assert_int_equal(result.objects, 4);
	assert_int_equal(help_append(journal, TABLE_HUB, "2026-000002", second.hash, "erased", "basis: GDPR 17\nby: uid:1\n", &second), 0);
	assert_int_equal(journal_verify(&options, NULL, &result), 0);
	assert_false(result.damaged);
	assert_int_equal(result.erased, 2);
	answer = ERR_DAMAGE;
	assert_int_equal(journal_verify(&options, NULL, &result), 0);
	assert_true(result.damaged);
	assert_int_equal(result.index, 1);
	journal_close(journal);
	help_remove(&help);
}

/* In small steps while the journal grows and closes segments. */
static void verify_living(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct journal_verify *verify = NULL;
	struct verify_result result;
	struct verify_options options = { .ops = &fileops_posix };
	char note[JOURNAL_NOTE_SIZE];
	int err = ERR_AGAIN;

	(void)state;
	help_make(&help);
	help.segment_max = 2500;
	options.data_fd = help.data_fd;
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	for (unsigned i = 1; i <= 60; i++) {
		char number[16];

		(void)snprintf(number, sizeof number, "2026-%06u", i);
		assert_int_equal(help_received(journal, number, &receipt), 0);
		if (i == 30) {
			assert_int_equal(journal_checkpoint(journal, note), 0);
			options.until = journal_size(journal);
			assert_int_equal(journal_verify_open(&options, &verify), 0);
		} else if (i > 30 && err == ERR_AGAIN) {
			err = journal_verify_step(verify, 900);
			assert_true(err == 0 || err == ERR_AGAIN);
		}
	}
	while (err == ERR_AGAIN) {
		err = journal_verify_step(verify, 900);
	}
	assert_int_equal(err, 0);
	journal_verify_result(verify, &result);
	assert_false(result.damaged);
	assert_int_equal(result.records, options.until);
	assert_int_equal(result.notes, 1);
	journal_verify_close(verify);
	journal_close(journal);
	help_remove(&help);
}

/* A full disk refuses work and harms nothing. */
static int no_room(const struct fileops *ops, int fd, int mode, off_t offset, off_t length)
{
	(void)ops, (void)fd, (void)mode, (void)offset, (void)length;
	errno = ENOSPC;
	return -1;
}

static void full_disk(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct journal_facts facts;
	struct fileops ops = fileops_posix;

	(void)state;
	help_make(&help);
	help.ops = &ops;
	journal = help_opened(&help);
	ops.fallocate = no_room;
	assert_int_equal(help_received(journal, "2026-000001", &receipt), ERR_SPACE);
	assert_int_equal(journal_case_find(journal, "2026-000001", &(struct journal_case){ 0 }), ERR_NOTFOUND);
	journal_facts(journal, &facts);
	assert_int_equal(facts.state, JOURNAL_READY);
	ops.fallocate = fileops_posix.fallocate;
	assert_int_equal(help_received(journal, "2026-000001", &receipt), 0);
	journal_close(journal);
	help_remove(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_reads),
		cmocka_unit_test(group_commit),
		cmocka_unit_test(segments_and_checkpoints),
		cmocka_unit_test(unclean_stop),
		cmocka_unit_test(roll_back),
		cmocka_unit_test(other_history),
		cmocka_unit_test(clones),
		cmocka_unit_test(lock_and_identity),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(objects),
		cmocka_unit_test(verify_living),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
