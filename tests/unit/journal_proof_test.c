/* Inclusion proofs of a journal with many tiles and segments, against roots computed the naive way. */
#include "journal_help.h"

#include <string.h>

#include "appliance/base/err.h"
#include "store/journal_private.h"

#define RECORDS 1400 /* five full tiles and a piece */

static void naive_root(const uint8_t (*hashes)[32], size_t count, uint8_t ret[32])
{
	uint8_t left[32], right[32];
	size_t k = 1;

	if (count == 1) {
		memcpy(ret, hashes[0], 32);
		return;
	}
	while (k * 2 < count) {
		k *= 2;
	}
	naive_root(hashes, k, left);
	naive_root(hashes + k, count - k, right);
	assert_int_equal(tree_node_hash(left, right, ret), 0);
}

static void fill(struct journal *journal)
{
	struct journal_receipt receipt;

	while (journal_size(journal) < RECORDS) {
		for (size_t i = 0; i < 50; i++) {
			assert_int_equal(help_stage(journal, TABLE_STORE, "", NULL, "clock-accepted", "by: uid:1\nreason: x\n", &receipt), 0);
		}
		assert_int_equal(journal_commit(journal), 0);
	}
}

static void check(struct journal *journal, const struct help *help, uint64_t index, uint64_t size)
{
	struct journal_proof proof;
	uint8_t hash[32], root[32], expected[32];

	assert_int_equal(journal_proof(journal, index, size, &proof), 0);
	assert_int_equal(journal_read_hash(journal, index, hash), 0);
	assert_memory_equal(hash, help->hashes[index], 32);
	assert_int_equal(tree_proof_root(index, size, hash, (const uint8_t(*)[32])proof.hashes, proof.count, root), 0);
	naive_root((const uint8_t(*)[32])help->hashes, size, expected);
	assert_memory_equal(root, expected, 32);
}

static void check_many(struct journal *journal, const struct help *help)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 511, 512, 513, 1024, 1279, 1280, 1281, RECORDS };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (uint64_t index = 0; index < sizes[i]; index += index < 3 || index > sizes[i] - 4 ? 1 : 61) {
			check(journal, help, index, sizes[i]);
		}
		check(journal, help, sizes[i] - 1, sizes[i]);
	}
}

static void proofs_of_a_journal(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_proof proof;

	(void)state;
	help_make(&help);
	help.segment_max = 64 * 1024;
	journal = help_opened(&help);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	fill(journal);
	assert_true(journal->segment_count > 2);
	assert_int_equal(journal->tile_count, journal_size(journal) / TREE_TILE_LEAVES);
	check_many(journal, &help);
	assert_int_equal(journal_proof(journal, 5, 5, &proof), ERR_NOTFOUND);
	assert_int_equal(journal_proof(journal, 5, journal_size(journal) + 1, &proof), ERR_NOTFOUND);
	journal_close(journal);
	/* After a start the tiles are those that were there; without them they are made from the trailers. */
	journal = help_opened(&help);
	assert_int_equal(journal->tile_count, journal_size(journal) / TREE_TILE_LEAVES);
	check_many(journal, &help);
	journal->tile_count = 2;
	check_many(journal, &help);
	assert_int_equal(journal->tile_count, journal_size(journal) / TREE_TILE_LEAVES);
	journal_close(journal);
	help_remove(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(proofs_of_a_journal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
