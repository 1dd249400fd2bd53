/* Torn tails at every length, holes, damage, every flipped byte, forged histories. */
#include "journal_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/err.h"

#define SEGMENT "journal/segment/000000000000.open"

/* A journal with batches of 1, 3 and 2 records, taken down without a stop. `ret` has its segment. */
static size_t make_unclean(struct help *help, uint8_t **ret)
{
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	size_t length = 0;

	help_make(help);
	journal = help_opened(help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(help_stage(journal, TABLE_TOKEN, "", NULL, "token", "event: present\ntoken: office\n", &receipt), 0);
	}
	assert_int_equal(journal_commit(journal), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(help_stage(journal, TABLE_TOKEN, "", NULL, "token", "event: removed\ntoken: office\n", &receipt), 0);
	}
	assert_int_equal(journal_commit(journal), 0);
	help_shell(help, "cp -a data saved");
	journal_close(journal);
	length = help_read(help, SEGMENT, ret);
	return length;
}

static void put_back(const struct help *help)
{
	help_shell(help, "rm -rf data/journal data/quarantine && cp -a saved/. data/");
}

/* Whole records in the first `length` bytes, and where the last of them ends. */
static uint64_t whole_records(const uint8_t *bytes, size_t length, size_t *ret_end)
{
	struct span rest = span_of(bytes, length);
	struct record record;
	uint64_t count = 0;

	while (!span_is_empty(rest) && record_read(&rest, &record) == 0) {
		count++;
	}
	*ret_end = length - rest.length;
	return count;
}

/* After a power cut that took the heads, too: what is whole stays, the rest is a tail, and the journal goes on. */
static void every_truncation(void **state)
{
	struct help help;
	uint8_t *bytes = NULL;
	size_t length = make_unclean(&help, &bytes);

	(void)state;
	for (size_t cut = 0; cut <= length; cut += cut % 5 == 0 ? 1 : 4) {
		struct journal *journal = NULL;
		struct journal_facts facts;
		struct verify_result result;
		size_t end = 0;
		uint64_t whole = whole_records(bytes, cut, &end);

		put_back(&help);
		help_write(&help, SEGMENT, bytes, cut);
		(void)unlinkat(help.data_fd, "journal/head.a", 0);
		(void)unlinkat(help.data_fd, "journal/head.b", 0);
		journal = help_opened(&help);
		journal_facts(journal, &facts);
		assert_int_equal(facts.state, JOURNAL_READY);
		assert_int_equal(facts.size, whole);
		assert_int_equal(facts.recovered_bytes, cut - end);
		assert_false(facts.rolled_back);
		assert_int_equal(journal_boot(journal, "0.1"), 0);
		assert_string_equal(help.last_type, cut > end ? "recovered" : "boot");
		journal_close(journal);
		help_verify(&help, &result);
		assert_false(result.damaged);
		assert_int_equal(result.records, whole + (cut > end ? 2 : 1));
	}
	free(bytes);
	help_remove(&help);
}

/* What the head counts was acknowledged: missing is damage, and which index. */
static void truncation_below_head(void **state)
{
	struct help help;
	uint8_t *bytes = NULL;
	size_t length = make_unclean(&help, &bytes);

	(void)state;
	for (size_t cut = 0; cut < length; cut += 13) {
		struct journal *journal = NULL;
		struct journal_facts facts;
		struct verify_result result;
		size_t end = 0;
		uint64_t whole = whole_records(bytes, cut, &end);

		put_back(&help);
		help_write(&help, SEGMENT, bytes, cut);
		help.boot = cut % 2 == 0 ? HELP_BOOT_A : HELP_BOOT_B;
		journal = help_opened(&help);
		journal_facts(journal, &facts);
		assert_int_equal(facts.state, JOURNAL_DAMAGED);
		assert_int_equal(facts.damaged_index, whole);
		assert_int_equal(journal_boot(journal, "0.1"), ERR_READONLY);
		journal_close(journal);
		help_verify(&help, &result);
		assert_true(result.damaged);
		assert_int_equal(result.index, whole);
	}
	free(bytes);
	help_remove(&help);
}

/* Blanks bytes of record `index` and starts without heads. */
static void hole(struct help *help, const uint8_t *bytes, size_t length, uint64_t index, enum journal_state expected)
{
	struct journal *journal = NULL;
	struct journal_facts facts;
	uint8_t *copy = malloc(length);
	size_t end = 0, at = 0;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	while (whole_records(bytes, at, &end) < index) {
		at++;
	}
	memset(copy + at, 0, 100);
	put_back(help);
	help_write(help, SEGMENT, copy, length);
	(void)unlinkat(help->data_fd, "journal/head.a", 0);
	(void)unlinkat(help->data_fd, "journal/head.b", 0);
	journal = help_opened(help);
	journal_facts(journal, &facts);
	assert_int_equal(facts.state, expected);
	if (expected == JOURNAL_DAMAGED) {
		assert_int_equal(facts.damaged_index, index);
	} else {
		assert_int_equal(facts.size, index);
	}
	journal_close(journal);
	free(copy);
}

static void holes(void **state)
{
	struct help help;
	uint8_t *bytes = NULL;
	size_t length = make_unclean(&help, &bytes);

	(void)state;
	hole(&help, bytes, length, 5, JOURNAL_READY);   /* last of the last batch */
	hole(&help, bytes, length, 4, JOURNAL_READY);   /* first of it: what follows is of the same batch */
	hole(&help, bytes, length, 3, JOURNAL_DAMAGED); /* a later batch follows */
	hole(&help, bytes, length, 1, JOURNAL_DAMAGED);
	hole(&help, bytes, length, 0, JOURNAL_DAMAGED);
	free(bytes);
	help_remove(&help);
}

/* In the same run of the kernel the head is exact: whole records behind it were never acknowledged and go. After another start of the kernel they stay. */
static void behind_the_head(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct journal_facts facts;
	struct verify_result result;

	(void)state;
	for (int other_boot = 0; other_boot < 2; other_boot++) {
		help_make(&help);
		journal = help_opened(&help);
		assert_int_equal(journal_boot(journal, "0.1"), 0);
		assert_int_equal(help_received(journal, "2026-000001", &receipt), 0);
		help_shell(&help, "cp data/journal/head.a data/journal/head.b .");
		assert_int_equal(help_received(journal, "2026-000002", &receipt), 0);
		help_shell(&help, "cp -a data saved && cp head.a head.b saved/journal");
		journal_close(journal);
		put_back(&help);
		help.boot = other_boot ? HELP_BOOT_B : HELP_BOOT_A;
		journal = help_opened(&help);
		journal_facts(journal, &facts);
		assert_int_equal(facts.state, JOURNAL_READY);
		assert_int_equal(facts.size, other_boot ? 3 : 2);
		assert_true(other_boot ? facts.recovered_bytes == 0 : facts.recovered_bytes > 0);
		assert_int_equal(journal_boot(journal, "0.1"), 0);
		journal_close(journal);
		help_verify(&help, &result);
		assert_false(result.damaged);
		help_remove(&help);
	}
}

/* The two closed segments of a small journal: each byte changed is reported, with the index of its record. */
static void every_byte(void **state)
{
	static const uint8_t masks[] = { 0x01, 0x20, 0x80 };
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct verify_result result;
	uint8_t *bytes = NULL;
	size_t length = 0;

	(void)state;
	help_make(&help);
	help.segment_max = 1500;
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	for (unsigned i = 1; i <= 6; i++) {
		char number[16];

		(void)snprintf(number, sizeof number, "2026-%06u", i);
		assert_int_equal(help_received(journal, number, &receipt), 0);
	}
	journal_close(journal);
	help_verify(&help, &result);
	assert_false(result.damaged);
	help_shell(&help, "chmod u+w data/journal/segment/*");
	length = help_read(&help, "journal/segment/000000000000.s", &bytes);
	for (size_t i = 0; i < length; i++) {
		size_t end = 0;
		uint64_t index = whole_records(bytes, i, &end);

		/* byte i belongs to the record behind the whole ones before it; at a border that is the next record */
		for (size_t m = 0; m < sizeof masks; m++) {
			bytes[i] ^= masks[m];
			help_write(&help, "journal/segment/000000000000.s", bytes, length);
			help_verify(&help, &result);
			bytes[i] ^= masks[m];
			if (!result.damaged || result.index != index) {
				print_error("byte %zu mask %02x: damaged %d index %llu, expected %llu\n", i, masks[m], result.damaged,
				            (unsigned long long)result.index, (unsigned long long)index);
				fail();
			}
		}
	}
	/* and every shorter length */
	for (size_t cut = 0; cut < length; cut += 7) {
		size_t end = 0;

		help_write(&help, "journal/segment/000000000000.s", bytes, cut);
		help_verify(&help, &result);
		assert_true(result.damaged);
		assert_int_equal(result.index, whole_records(bytes, cut, &end));
	}
	free(bytes);
	help_remove(&help);
}

/* History written anew with right hashes: the last checkpoint before it, and the one behind it, say so. A record dropped, a segment taken away, a foreign
 * checkpoint, a checkpoint ahead of the journal: each is named. */
static void forged(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	struct verify_result result;
	char note[JOURNAL_NOTE_SIZE];

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(journal_checkpoint(journal, note), 0);
	journal_close(journal);
	help_shell(&help, "cp -a data early");
	journal = help_opened(&help);
	assert_int_equal(help_received(journal, "2026-000001", &receipt), 0);
	assert_int_equal(journal_checkpoint(journal, note), 0);
	journal_close(journal);
	help_shell(&help, "cp -a data late");

	/* another record in its place, from the same beginning, and the checkpoint of the former history laid beside it */
	help_shell(&help, "chmod -R u+w data && rm -rf data/journal && cp -a early/journal data/");
	help.now_ms += 60000;
	journal = help_opened(&help);
	assert_int_equal(help_received(journal, "2026-000001", &receipt), 0);
	assert_int_equal(help_received(journal, "2026-000002", &receipt), 0);
	journal_close(journal);
	help_shell(&help, "cp late/journal/anchor/3.note data/journal/anchor/");
	help_verify(&help, &result);
	assert_true(result.damaged);
	assert_int_equal(result.index, 1); /* the checkpoint of size 1 still holds */
	journal = help_opened(&help);
	{
		struct journal_facts facts;

		journal_facts(journal, &facts);
		assert_int_equal(facts.state, JOURNAL_DAMAGED);
	}
	journal_close(journal);

	/* a checkpoint ahead */
	help_shell(&help, "chmod -R u+w data && rm -rf data/journal && cp -a early/journal data/ && cp late/journal/anchor/3.note data/journal/anchor/");
	help_verify(&help, &result);
	assert_true(result.damaged);
	assert_int_equal(result.index, 2);

	/* another origin */
	help_shell(&help,
	           "chmod -R u+w data && rm -rf data/journal && cp -a late/journal data/ && echo podatelna.invalid/0000000000000000 > data/journal/origin");
	help_verify(&help, &result);
	assert_true(result.damaged);
	help_remove(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(truncation_below_head),
		cmocka_unit_test(holes),
		cmocka_unit_test(behind_the_head),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
