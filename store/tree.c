#include "tree.h"

#include "vault_crypto.h"

#include <stdbool.h>
#include <string.h>

#include "appliance/base/err.h"

/* One digest for the process, fetched once: a fetch for each of millions of leaves costs more than the hashing. */
static EVP_MD *digest;
static EVP_MD_CTX *state;

static bool prepare(void)
{
	if (digest == NULL) {
		digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (state == NULL) {
		state = EVP_MD_CTX_new();
	}
	return digest != NULL && state != NULL;
}

static int hash_parts(const struct span *parts, size_t count, uint8_t ret[TREE_HASH_BYTES])
{
	unsigned length = 0;

	if (!prepare() || EVP_DigestInit_ex2(state, digest, NULL) != 1) {
		return ERR_INTERNAL;
	}
	for (size_t i = 0; i < count; i++) {
		if (EVP_DigestUpdate(state, parts[i].data, parts[i].length) != 1) {
			return ERR_INTERNAL;
		}
	}
	if (EVP_DigestFinal_ex(state, ret, &length) != 1 || length != TREE_HASH_BYTES) {
		return ERR_INTERNAL;
	}
	return 0;
}

int tree_leaf_hash(struct span leaf, uint8_t ret[TREE_HASH_BYTES])
{
	const struct span parts[] = { span_of("\x00", 1), leaf };

	return hash_parts(parts, 2, ret);
}

int tree_node_hash(const uint8_t left[TREE_HASH_BYTES], const uint8_t right[TREE_HASH_BYTES], uint8_t ret[TREE_HASH_BYTES])
{
	const struct span parts[] = { span_of("\x01", 1), span_of(left, TREE_HASH_BYTES), span_of(right, TREE_HASH_BYTES) };

	return hash_parts(parts, 3, ret);
}

int tree_plain_hash(struct span bytes, uint8_t ret[TREE_HASH_BYTES])
{
	return hash_parts(&bytes, 1, ret);
}

/* Like adding one to a binary number: each full subtree of the same height on the edge is merged with the new one and carried on. */
int tree_append_subtree(struct tree *tree, unsigned level, const uint8_t root[TREE_HASH_BYTES])
{
	uint8_t carry[TREE_HASH_BYTES], tile[TREE_HASH_BYTES];
	uint64_t leaves = level < TREE_LEVELS_MAX ? UINT64_C(1) << level : 0;
	bool whole_tile = false;

	if (leaves == 0 || (tree->size & (leaves - 1)) != 0 || tree->size > UINT64_MAX - leaves) {
		return ERR_LIMIT;
	}
	memcpy(carry, root, TREE_HASH_BYTES);
	for (;; level++) {
		int err = 0;

		if (level == TREE_TILE_LEVEL) {
			memcpy(tile, carry, TREE_HASH_BYTES);
			whole_tile = true;
		}
		if ((tree->size >> level & 1) == 0) {
			break;
		}
		err = tree_node_hash(tree->edge[level], carry, carry);
		if (err != 0) {
			return err;
		}
	}
	memcpy(tree->edge[level], carry, TREE_HASH_BYTES);
	tree->size += leaves;
	if (whole_tile) {
		memcpy(tree->tile, tile, TREE_HASH_BYTES);
	}
	return 0;
}

int tree_append(struct tree *tree, const uint8_t leaf_hash[TREE_HASH_BYTES])
{
	return tree_append_subtree(tree, 0, leaf_hash);
}

int tree_root(const struct tree *tree, uint8_t ret[TREE_HASH_BYTES])
{
	uint8_t root[TREE_HASH_BYTES];
	bool begun = false;

	if (tree->size == 0) {
		return tree_plain_hash(span_of("", 0), ret);
	}
	for (unsigned level = 0; level < TREE_LEVELS_MAX; level++) {
		if ((tree->size >> level & 1) == 0) {
			continue;
		}
		if (!begun) {
			memcpy(root, tree->edge[level], TREE_HASH_BYTES);
			begun = true;
		} else {
			int err = tree_node_hash(tree->edge[level], root, root);

			if (err != 0) {
				return err;
			}
		}
	}
	memcpy(ret, root, TREE_HASH_BYTES);
	return 0;
}

bool tree_descend(uint64_t from, uint64_t to, uint64_t index, struct tree_step *ret)
{
	uint64_t left = 1;

	if (to - from < 2) {
		return false;
	}
	while (left < (to - from) - left) {
		left *= 2;
	}
	if (index < from + left) {
		*ret = (struct tree_step){ .from = from, .to = from + left, .sibling_from = from + left, .sibling_to = to };
	} else {
		*ret = (struct tree_step){ .from = from + left, .to = to, .sibling_from = from, .sibling_to = from + left };
	}
	return true;
}

int tree_proof_root(uint64_t index, uint64_t size, const uint8_t leaf_hash[TREE_HASH_BYTES], const uint8_t (*hashes)[TREE_HASH_BYTES], size_t count,
                    uint8_t ret[TREE_HASH_BYTES])
{
	uint64_t node = index, last = size - 1;
	uint8_t hash[TREE_HASH_BYTES];
	int err = index < size ? 0 : ERR_FORMAT;

	memcpy(hash, leaf_hash, TREE_HASH_BYTES);
	for (size_t i = 0; err == 0 && i < count; i++) {
		if (last == 0) {
			return ERR_FORMAT;
		}
		if ((node & 1) != 0 || node == last) {
			err = tree_node_hash(hashes[i], hash, hash);
			while ((node & 1) == 0 && node != 0) {
				node >>= 1;
				last >>= 1;
			}
		} else {
			err = tree_node_hash(hash, hashes[i], hash);
		}
		node >>= 1;
		last >>= 1;
	}
	if (err == 0 && last == 0) {
		memcpy(ret, hash, TREE_HASH_BYTES);
		return 0;
	}
	return err != 0 ? err : ERR_FORMAT;
}
