/* tree.h - the Merkle tree of RFC 6962 section 2.1 over the leaves of the journal, as its right edge only (a "compact range"): enough to append
 * and to know the root, at most 64 hashes whatever the size. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/span.h"

#define TREE_HASH_BYTES 32
#define TREE_LEVELS_MAX 64
#define TREE_TILE_LEVEL 8 /* a tile: a full subtree of 256 leaves, as in C2SP tlog-tiles */
#define TREE_TILE_LEAVES (1U << TREE_TILE_LEVEL)

/* Zero-initialised: the empty tree. */
struct tree {
	uint64_t size;                                  /* leaves */
	uint8_t edge[TREE_LEVELS_MAX][TREE_HASH_BYTES]; /* edge[n]: root of the full subtree of 2^n leaves on the edge, valid where bit n of size is set */
	uint8_t tile[TREE_HASH_BYTES];                  /* root of the last full tile; filled by tree_append when size is a multiple of TREE_TILE_LEAVES */
};

/* SHA-256(0x00 || leaf). 0 or ERR_INTERNAL (libcrypto failed). */
int tree_leaf_hash(struct span leaf, uint8_t ret[TREE_HASH_BYTES]);
/* SHA-256(0x01 || left || right). */
int tree_node_hash(const uint8_t left[TREE_HASH_BYTES], const uint8_t right[TREE_HASH_BYTES], uint8_t ret[TREE_HASH_BYTES]);
/* SHA-256 of plain bytes. */
int tree_plain_hash(struct span bytes, uint8_t ret[TREE_HASH_BYTES]);
/* On failure the tree is unchanged. */
int tree_append(struct tree *tree, const uint8_t leaf_hash[TREE_HASH_BYTES]);
/* Adds the root of a full subtree of 2^level leaves; ERR_LIMIT unless the size is a multiple of that. */
int tree_append_subtree(struct tree *tree, unsigned level, const uint8_t root[TREE_HASH_BYTES]);
/* The root; of the empty tree SHA-256 of nothing. */
int tree_root(const struct tree *tree, uint8_t ret[TREE_HASH_BYTES]);

/* One step down from the root of leaves [from, to) towards leaf `index`: which of its two parts holds it, and which is the sibling that a proof carries. */
struct tree_step {
	uint64_t from, to;                 /* the part that holds the leaf */
	uint64_t sibling_from, sibling_to; /* the other */
};
/* False when [from, to) is the leaf itself. */
bool tree_descend(uint64_t from, uint64_t to, uint64_t index, struct tree_step *ret);
/* The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2); hashes from the leaf upwards. ERR_FORMAT: the number of hashes does not fit. */
int tree_proof_root(uint64_t index, uint64_t size, const uint8_t leaf_hash[TREE_HASH_BYTES], const uint8_t (*hashes)[TREE_HASH_BYTES], size_t count,
                    uint8_t ret[TREE_HASH_BYTES]);

#endif
