/* tree.h - the RFC 6962 tree over the leaf hashes, kept so that the root of any size and the proof of any leaf are soon there.
 *
 * Leaf hashes lie in one array; of the nodes only those from level TREE_KEPT up are kept (a node of level n covers 2^n leaves): two bytes a leaf. Threads may
 * put leaves and finish groups of different records at the same time, once tree_reserve has made room.
 */
#ifndef STORE_AUDIT_TREE_H
#define STORE_AUDIT_TREE_H

#include "audit.h"

#define TREE_KEPT 4
#define TREE_LEVELS 41 /* 2^40 leaves are more than an index of 12 digits */
#define TREE_GROUP (1U << TREE_KEPT)
#define TREE_PATH_MAX 64

typedef uint8_t tree_hash[AUDIT_HASH_BYTES];

struct tree {
	tree_hash *leaves;
	tree_hash *nodes[TREE_LEVELS]; /* by level; below TREE_KEPT NULL */
	size_t room[TREE_LEVELS];
	uint64_t size; /* leaves that count */
};

/* Hashes of a leaf and of a node. */
void tree_leaf(struct bytes leaf, tree_hash ret);
void tree_node(const tree_hash left, const tree_hash right, tree_hash ret);

/* Room for so many leaves. -1: no memory. */
int tree_reserve(struct tree *tree, uint64_t leaves);
/* Computes the kept nodes of the lowest level whose leaves are all within [from, to). */
void tree_finish_groups(struct tree *tree, uint64_t from, uint64_t to);
/* From now on `size` leaves count; the groups below are finished, the levels above are made here. `size` never falls. */
void tree_advance(struct tree *tree, uint64_t size);
/* The root of the first `size` leaves; false when there are fewer. */
bool tree_root(const struct tree *tree, uint64_t size, tree_hash ret);
/* Inclusion proof of a leaf in the tree of `size` leaves (RFC 6962 2.1.1), from the leaf up; the number of hashes, or -1. */
int tree_path(const struct tree *tree, uint64_t index, uint64_t size, tree_hash ret[TREE_PATH_MAX]);
/* Whether such a proof leads from the leaf hash to the root. */
bool tree_path_leads(const tree_hash leaf, uint64_t index, uint64_t size, const tree_hash *path, size_t count, const tree_hash root);
void tree_free(struct tree *tree);

#endif
