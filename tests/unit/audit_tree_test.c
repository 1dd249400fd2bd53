/* podatelna-audit: the tree against RFC 6962's own definition, written here once more as plainly as it stands there, and known roots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those before it */
#include <cmocka.h>

#include "store/audit/frame.h"
#include "store/audit/tree.h"

#define LEAVES 1100

/* MTH of RFC 6962, 2.1. */
static void plain_root(const tree_hash *leaves, uint64_t count, tree_hash ret)
{
	tree_hash left, right;
	uint64_t split = 1;

	if (count == 1) {
		memcpy(ret, leaves[0], sizeof left);
		return;
	}
	while (split * 2 < count) {
		split *= 2;
	}
	plain_root(leaves, split, left);
	plain_root(leaves + split, count - split, right);
	tree_node((const uint8_t *)left, (const uint8_t *)right, ret);
}

static void fill(struct tree *tree, uint64_t count)
{
	assert_int_equal(tree_reserve(tree, count), 0);
	for (uint64_t i = 0; i < count; i++) {
		tree_leaf((struct bytes){ .data = (const uint8_t *)&i, .length = sizeof i }, tree->leaves[i]);
	}
}

/* Leaves and roots that the programs of Certificate Transparency test with. */
static void test_vectors(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} leaves[] = { { "", 0 },
		       { "\x00", 1 },
		       { "\x10", 1 },
		       { "\x20\x21", 2 },
		       { "\x30\x31", 2 },
		       { "\x40\x41\x42\x43", 4 },
		       { "\x50\x51\x52\x53\x54\x55\x56\x57", 8 },
		       { "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16 } };
	static const char *const roots[] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	struct tree tree = { 0 };
	char text[2 * AUDIT_HASH_BYTES + 1];
	tree_hash root;

	(void)state;
	assert_int_equal(tree_reserve(&tree, 8), 0);
	for (size_t i = 0; i < 8; i++) {
		tree_leaf((struct bytes){ .data = (const uint8_t *)leaves[i].bytes, .length = leaves[i].length }, tree.leaves[i]);
		tree_advance(&tree, i + 1);
	}
	for (size_t size = 0; size <= 8; size++) {
		assert_true(tree_root(&tree, size, root));
		frame_to_hex(root, sizeof root, text);
		assert_string_equal(text, roots[size]);
	}
	assert_false(tree_root(&tree, 9, root));
	tree_free(&tree);
}

/* Groups are finished in pieces, as threads do it, in any order. */
static void test_every_size(void **state)
{
	struct tree tree = { 0 };
	tree_hash root, plain;

	(void)state;
	fill(&tree, LEAVES);
	for (uint64_t from = 1024 + 64;; from -= 64) {
		tree_finish_groups(&tree, from, from + 64 < LEAVES ? from + 64 : LEAVES);
		if (from == 0) {
			break;
		}
	}
	for (uint64_t size = 1; size <= LEAVES; size++) {
		tree_advance(&tree, size);
	}
	for (uint64_t size = 1; size <= LEAVES; size++) {
		plain_root((const tree_hash *)tree.leaves, size, plain);
		assert_true(tree_root(&tree, size, root));
		assert_memory_equal(root, plain, sizeof root);
	}
	tree_free(&tree);
}

static void test_paths(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 257, 1000, LEAVES };
	struct tree tree = { 0 };
	tree_hash path[TREE_PATH_MAX], root;

	(void)state;
	fill(&tree, LEAVES);
	tree_finish_groups(&tree, 0, LEAVES);
	tree_advance(&tree, LEAVES);
	for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
		uint64_t size = sizes[n];

		assert_true(tree_root(&tree, size, root));
		for (uint64_t index = 0; index < size; index++) {
			int count = tree_path(&tree, index, size, path);

			assert_true(count >= 0 && count < 12);
			assert_true(tree_path_leads(tree.leaves[index], index, size, (const tree_hash *)path, (size_t)count, root));
			/* of another leaf, of another place, too short, altered */
			assert_false(size > 1 && tree_path_leads(tree.leaves[(index + 1) % size], index, size, (const tree_hash *)path, (size_t)count, root));
			assert_false(count > 0 && tree_path_leads(tree.leaves[index], index, size, (const tree_hash *)path, (size_t)count - 1, root));
			if (count > 0) {
				path[index % (uint64_t)count][index % AUDIT_HASH_BYTES] ^= 1;
				assert_false(tree_path_leads(tree.leaves[index], index, size, (const tree_hash *)path, (size_t)count, root));
			}
		}
		assert_int_equal(tree_path(&tree, size, size, path), -1);
	}
	tree_free(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_every_size), cmocka_unit_test(test_paths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
