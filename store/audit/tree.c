#include "tree.h"

#include <mbedtls/sha256.h>
#include <stdlib.h>
#include <string.h>

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01
#define LEAVES_FIRST 4096U

void tree_leaf(struct bytes leaf, tree_hash ret)
{
	static const uint8_t prefix = LEAF_PREFIX;
	mbedtls_sha256_context hash;

	mbedtls_sha256_init(&hash);
	(void)mbedtls_sha256_starts_ret(&hash, 0);
	(void)mbedtls_sha256_update_ret(&hash, &prefix, 1);
	(void)mbedtls_sha256_update_ret(&hash, leaf.data, leaf.length);
	(void)mbedtls_sha256_finish_ret(&hash, ret);
}

void tree_node(const tree_hash left, const tree_hash right, tree_hash ret)
{
	uint8_t bytes[1 + 2 * AUDIT_HASH_BYTES] = { NODE_PREFIX };
	mbedtls_sha256_context hash;

	memcpy(bytes + 1, left, AUDIT_HASH_BYTES);
	memcpy(bytes + 1 + AUDIT_HASH_BYTES, right, AUDIT_HASH_BYTES);
	mbedtls_sha256_init(&hash);
	(void)mbedtls_sha256_starts_ret(&hash, 0);
	(void)mbedtls_sha256_update_ret(&hash, bytes, sizeof bytes);
	(void)mbedtls_sha256_finish_ret(&hash, ret);
}

static int grow(tree_hash **array, size_t *room, uint64_t wanted)
{
	size_t more = *room == 0 ? LEAVES_FIRST : *room;
	tree_hash *moved = NULL;

	if (wanted <= *room) {
		return 0;
	}
	while (more < wanted) {
		more *= 2;
	}
	moved = reallocarray(*array, more, sizeof *moved);
	if (moved == NULL) {
		return -1;
	}
	*array = moved;
	*room = more;
	return 0;
}

int tree_reserve(struct tree *tree, uint64_t leaves)
{
	int err = grow(&tree->leaves, &tree->room[0], leaves);

	for (unsigned level = TREE_KEPT; level < TREE_LEVELS && err == 0 && leaves >> level > 0; level++) {
		err = grow(&tree->nodes[level], &tree->room[level], leaves >> level);
	}
	return err;
}

void tree_free(struct tree *tree)
{
	free(tree->leaves);
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		free(tree->nodes[level]);
	}
	*tree = (struct tree){ 0 };
}

void tree_finish_groups(struct tree *tree, uint64_t from, uint64_t to)
{
	for (uint64_t group = (from + TREE_GROUP - 1) / TREE_GROUP; (group + 1) * TREE_GROUP <= to; group++) {
		tree_hash hashes[TREE_GROUP / 2];
		const tree_hash *below = tree->leaves + group * TREE_GROUP;

		for (size_t count = TREE_GROUP / 2; count >= 1; count /= 2) {
			for (size_t i = 0; i < count; i++) {
				tree_node(below[2 * i], below[2 * i + 1], hashes[i]);
			}
			below = (const tree_hash *)hashes;
		}
		memcpy(tree->nodes[TREE_KEPT][group], hashes[0], AUDIT_HASH_BYTES);
	}
}

void tree_advance(struct tree *tree, uint64_t size)
{
	for (unsigned level = TREE_KEPT + 1; level < TREE_LEVELS && size >> level > tree->size >> level; level++) { /* nothing new here: nothing new above */
		for (uint64_t i = tree->size >> level; i < size >> level; i++) {
			tree_node(tree->nodes[level - 1][2 * i], tree->nodes[level - 1][2 * i + 1], tree->nodes[level][i]);
		}
	}
	tree->size = size;
}

/* The largest power of two below `count` (> 1) as its exponent. */
static unsigned split(uint64_t count)
{
	return (63U ^ (unsigned)__builtin_clzll(count - 1)) & 63U;
}

/* The hash of the leaves [from, from + count), count >= 1: what RFC 6962 calls MTH of that part. From right to left, so that nothing recurses: the right part is
 * at most half, and a whole left part of a kept level is there already. */
static void part_hash(const struct tree *tree, uint64_t from, uint64_t count, tree_hash ret)
{
	tree_hash lefts[TREE_PATH_MAX], right, joined;
	size_t depth = 0;

	for (;;) {
		unsigned level = 0;
		uint64_t whole = 0;

		if (count <= 1) {
			memcpy(right, tree->leaves[from], AUDIT_HASH_BYTES);
			break;
		}
		level = split(count);
		whole = UINT64_C(1) << level;
		if (count == 2 * whole && level + 1 >= TREE_KEPT && from % count == 0) {
			memcpy(right, tree->nodes[level + 1][from >> (level + 1)], AUDIT_HASH_BYTES);
			break;
		}
		if (level >= TREE_KEPT) {
			memcpy(lefts[depth++], tree->nodes[level][from >> level], AUDIT_HASH_BYTES);
		} else {
			tree_hash small[TREE_GROUP];

			memcpy(small, tree->leaves + from, whole * AUDIT_HASH_BYTES);
			for (uint64_t width = whole; width > 1; width /= 2) {
				for (uint64_t i = 0; i < width / 2; i++) {
					tree_node(small[2 * i], small[2 * i + 1], small[i]);
				}
			}
			memcpy(lefts[depth++], small[0], AUDIT_HASH_BYTES);
		}
		from += whole;
		count -= whole;
	}
	while (depth > 0) {
		tree_node(lefts[--depth], right, joined);
		memcpy(right, joined, AUDIT_HASH_BYTES);
	}
	memcpy(ret, right, AUDIT_HASH_BYTES);
}

bool tree_root(const struct tree *tree, uint64_t size, tree_hash ret)
{
	if (size > tree->size) {
		return false;
	}
	if (size == 0) {
		(void)mbedtls_sha256_ret((const uint8_t *)"", 0, ret, 0);
		return true;
	}
	part_hash(tree, 0, size, ret);
	return true;
}

int tree_path(const struct tree *tree, uint64_t index, uint64_t size, tree_hash ret[TREE_PATH_MAX])
{
	uint64_t from = 0, count = size;
	tree_hash down[TREE_PATH_MAX];
	int depth = 0;

	if (size > tree->size || index >= size) {
		return -1;
	}
	while (count > 1) {
		uint64_t left = UINT64_C(1) << split(count);

		if (index - from < left) {
			part_hash(tree, from + left, count - left, down[depth]);
			count = left;
		} else {
			part_hash(tree, from, left, down[depth]);
			from += left;
			count -= left;
		}
		depth++;
	}
	for (int i = 0; i < depth; i++) {
		memcpy(ret[i], down[depth - 1 - i], AUDIT_HASH_BYTES);
	}
	return depth;
}

bool tree_path_leads(const tree_hash leaf, uint64_t index, uint64_t size, const tree_hash *path, size_t count, const tree_hash root)
{
	uint64_t at = index, last = size - 1;
	tree_hash hash, node;

	if (size == 0 || index >= size) {
		return false;
	}
	memcpy(hash, leaf, AUDIT_HASH_BYTES);
	for (size_t i = 0; i < count; i++) { /* RFC 9162, 2.1.3.2 */
		if (last == 0) {
			return false;
		}
		if (at % 2 == 1 || at == last) {
			tree_node(path[i], hash, node);
			while (at % 2 == 0 && at != 0) {
				at /= 2;
				last /= 2;
			}
		} else {
			tree_node(hash, path[i], node);
		}
		memcpy(hash, node, AUDIT_HASH_BYTES);
		at /= 2;
		last /= 2;
	}
	return last == 0 && memcmp(hash, root, AUDIT_HASH_BYTES) == 0;
}
