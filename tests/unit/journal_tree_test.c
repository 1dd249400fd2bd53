/* The Merkle tree of RFC 6962 and CRC-32C against known values and a second, naive computation. */
#include "journal_help.h"

#include <string.h>

#include "appliance/base/err.h"
#include "store/crc32c.h"
#include "store/tree.h"

static const struct span leaves[] = {
	{ (const uint8_t *)"", 0 },
	{ (const uint8_t *)"\x00", 1 },
	{ (const uint8_t *)"\x10", 1 },
	{ (const uint8_t *)"\x20\x21", 2 },
	{ (const uint8_t *)"\x30\x31", 2 },
	{ (const uint8_t *)"\x40\x41\x42\x43", 4 },
	{ (const uint8_t *)"\x50\x51\x52\x53\x54\x55\x56\x57", 8 },
	{ (const uint8_t *)"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16 },
};
/* Roots of the first n of these leaves, as published with the Certificate Transparency reference tests. */
static const char *const roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void known_roots(void **state)
{
	struct tree tree = { 0 };
	uint8_t hash[32];
	char hex[65];

	(void)state;
	for (size_t i = 0; i <= 8; i++) {
		assert_int_equal(tree_root(&tree, hash), 0);
		hex_encode(hash, 32, hex);
		assert_string_equal(hex, roots[i]);
		if (i < 8) {
			assert_int_equal(tree_leaf_hash(leaves[i], hash), 0);
			assert_int_equal(tree_append(&tree, hash), 0);
		}
	}
}

/* RFC 6962 section 2.1 word for word: the left part is the largest power of two below n. */
static void naive_root(uint8_t (*hashes)[32], size_t count, uint8_t ret[32])
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

static void against_naive(void **state)
{
	static uint8_t hashes[300][32];
	struct tree tree = { 0 };
	uint8_t root[32], again[32];

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		assert_int_equal(tree_leaf_hash(span_of(&i, sizeof i), hashes[i]), 0);
		assert_int_equal(tree_append(&tree, hashes[i]), 0);
		assert_int_equal(tree_root(&tree, root), 0);
		naive_root(hashes, i + 1, again);
		assert_memory_equal(root, again, 32);
	}
	assert_int_equal(tree.size, 300);
}

static void crc_values(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	for (uint8_t i = 0; i < 32; i++) {
		up[i] = i;
	}
	assert_int_equal(crc32c(span_of("", 0)), 0);
	assert_int_equal(crc32c(span_of_string("123456789")), 0xe3069283);
	/* RFC 3720 B.4 */
	assert_int_equal(crc32c(span_of(zeros, 32)), 0x8a9136aa);
	assert_int_equal(crc32c(span_of(ones, 32)), 0x62a8ab43);
	assert_int_equal(crc32c(span_of(up, 32)), 0x46dd794e);
	for (size_t length = 0; length < 32; length++) {
		uint32_t slow = ~UINT32_C(0);

		for (size_t i = 0; i < length; i++) {
			slow ^= up[i];
			for (int bit = 0; bit < 8; bit++) {
				slow = (slow & 1) != 0 ? slow >> 1 ^ UINT32_C(0x82f63b78) : slow >> 1;
			}
		}
		assert_int_equal(crc32c(span_of(up, length)), ~slow);
		assert_int_equal(crc32c_by_tables(span_of(up, length)), ~slow);
	}
}

/* RFC 6962 section 2.1.1 word for word, from the root downwards; the root of each proof is followed by the code under test. */
static size_t naive_path(uint8_t (*hashes)[32], size_t count, size_t index, uint8_t (*ret)[32])
{
	size_t k = 1, have = 0;

	if (count == 1) {
		return 0;
	}
	while (k * 2 < count) {
		k *= 2;
	}
	if (index < k) {
		have = naive_path(hashes, k, index, ret);
		naive_root(hashes + k, count - k, ret[have]);
	} else {
		have = naive_path(hashes + k, count - k, index - k, ret);
		naive_root(hashes, k, ret[have]);
	}
	return have + 1;
}

static void proofs(void **state)
{
	static uint8_t hashes[70][32], path[64][32];

	(void)state;
	for (uint32_t i = 0; i < 70; i++) {
		assert_int_equal(tree_leaf_hash(span_of(&i, sizeof i), hashes[i]), 0);
	}
	for (size_t size = 1; size <= 70; size++) {
		uint8_t root[32], found[32];

		naive_root(hashes, size, root);
		for (size_t index = 0; index < size; index++) {
			size_t count = naive_path(hashes, size, index, path);

			assert_int_equal(tree_proof_root(index, size, hashes[index], path, count, found), 0);
			assert_memory_equal(found, root, 32);
			/* One hash too few or too many is no proof; an altered one leads elsewhere. */
			assert_int_equal(tree_proof_root(index, size, hashes[index], path, count + 1, found), ERR_FORMAT);
			if (count > 0) {
				assert_int_equal(tree_proof_root(index, size, hashes[index], path, count - 1, found), ERR_FORMAT);
				path[count / 2][5] ^= 1;
				assert_int_equal(tree_proof_root(index, size, hashes[index], path, count, found), 0);
				assert_memory_not_equal(found, root, 32);
			}
		}
		assert_int_equal(tree_proof_root(size, size, hashes[0], path, 0, found), ERR_FORMAT);
	}
}

/* Tiles added whole make the same tree as their leaves. */
static void subtrees(void **state)
{
	struct tree leaf_by_leaf = { 0 }, tiled = { 0 };
	uint8_t hash[32], root[32], again[32];

	(void)state;
	for (uint32_t i = 0; i < 3 * TREE_TILE_LEAVES + 77; i++) {
		assert_int_equal(tree_leaf_hash(span_of(&i, sizeof i), hash), 0);
		assert_int_equal(tree_append(&leaf_by_leaf, hash), 0);
		if (leaf_by_leaf.size % TREE_TILE_LEAVES == 0) {
			assert_int_equal(tree_append_subtree(&tiled, TREE_TILE_LEVEL, leaf_by_leaf.tile), 0);
		} else if (leaf_by_leaf.size > (uint64_t)3 * TREE_TILE_LEAVES) {
			assert_int_equal(tree_append(&tiled, hash), 0);
		}
	}
	assert_int_equal(tree_append_subtree(&tiled, TREE_TILE_LEVEL, hash), ERR_LIMIT); /* not at a multiple of its size */
	assert_int_equal(tree_root(&leaf_by_leaf, root), 0);
	assert_int_equal(tree_root(&tiled, again), 0);
	assert_memory_equal(root, again, 32);
	assert_int_equal(tiled.size, leaf_by_leaf.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_roots), cmocka_unit_test(against_naive), cmocka_unit_test(proofs),
		                            cmocka_unit_test(subtrees), cmocka_unit_test(crc_values) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
