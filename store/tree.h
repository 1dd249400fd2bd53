/* tree.h - the Merkle tree of RFC 6962 section 2.1 over the leaves of the journal, as its right edge only (a "compact range"): enough to append
 * and to know the root, at most 64 hashes whatever the size. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <stdint.h>

#include "appliance/base/span.h"

#define TREE_HASH_BYTES 32
#define TREE_LEVELS_MAX 64

/* Zero-initialised: the empty tree. */
struct tree {
	uint64_t size;                                  /* leaves */
	uint8_t edge[TREE_LEVELS_MAX][TREE_HASH_BYTES]; /* edge[n]: root of the full subtree of 2^n leaves on the edge, valid where bit n of size is set */
};

/* SHA-256(0x00 || leaf). 0 or ERR_INTERNAL (libcrypto failed). */
int tree_leaf_hash(struct span leaf, uint8_t ret[TREE_HASH_BYTES]);
/* SHA-256(0x01 || left || right). */
int tree_node_hash(const uint8_t left[TREE_HASH_BYTES], const uint8_t right[TREE_HASH_BYTES], uint8_t ret[TREE_HASH_BYTES]);
/* SHA-256 of plain bytes. */
int tree_plain_hash(struct span bytes, uint8_t ret[TREE_HASH_BYTES]);
/* On failure the tree is unchanged. */
int tree_append(struct tree *tree, const uint8_t leaf_hash[TREE_HASH_BYTES]);
/* The root; of the empty tree SHA-256 of nothing. */
int tree_root(const struct tree *tree, uint8_t ret[TREE_HASH_BYTES]);

#endif
