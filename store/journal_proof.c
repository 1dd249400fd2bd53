/* Inclusion proofs. A proof carries one hash for each level of the tree; that of a large part of it is made of the tiles that memory holds, and only where the part
 * ends within a tile (at the leaf itself, and at the end of the tree) of the trailers in the file. */
#include "journal_private.h"

#include <string.h>

#include "appliance/base/err.h"

/* Root of the records [from, to): `from` is a multiple of the size of a tile wherever the part is that large (RFC 6962: parts begin at multiples of their size). */
static int part_root(struct journal *journal, uint64_t from, uint64_t to, uint8_t ret[JOURNAL_HASH_BYTES])
{
	struct tree tree = { 0 };
	uint8_t hash[JOURNAL_HASH_BYTES];
	int err = 0;

	for (uint64_t next = from; err == 0 && next < to;) {
		if (next % TREE_TILE_LEAVES == 0 && to - next >= TREE_TILE_LEAVES && next / TREE_TILE_LEAVES < journal->tile_count) {
			err = tree_append_subtree(&tree, TREE_TILE_LEVEL, journal->tiles[next / TREE_TILE_LEAVES]);
			next += TREE_TILE_LEAVES;
		} else {
			err = journal_read_hash(journal, next, hash);
			err = err == 0 ? tree_append(&tree, hash) : err;
			next++;
		}
	}
	return err == 0 ? tree_root(&tree, ret) : err;
}

/* Tiles that were not made while records were added. */
static int catch_up(struct journal *journal)
{
	int err = 0;

	while (err == 0 && journal->tile_count < journal->size / TREE_TILE_LEAVES) {
		uint64_t from = (uint64_t)journal->tile_count * TREE_TILE_LEAVES;
		uint8_t root[JOURNAL_HASH_BYTES];

		err = part_root(journal, from, from + TREE_TILE_LEAVES, root);
		if (err == 0) {
			memcpy(journal->tiles[journal->tile_count++], root, sizeof root);
		}
	}
	return err;
}

int journal_proof(struct journal *journal, uint64_t index, uint64_t size, struct journal_proof *ret)
{
	struct tree_step step = { .from = 0, .to = size };
	struct journal_proof proof = { .count = 0 };
	int err = index < size && size <= journal->size ? catch_up(journal) : ERR_NOTFOUND;

	/* From the root downwards, so the last hash comes first. */
	while (err == 0 && tree_descend(step.from, step.to, index, &step)) {
		err = proof.count == JOURNAL_PROOF_MAX ? ERR_LIMIT : part_root(journal, step.sibling_from, step.sibling_to, proof.hashes[proof.count++]);
	}
	if (err != 0) {
		return err;
	}
	ret->count = proof.count;
	for (size_t i = 0; i < proof.count; i++) {
		memcpy(ret->hashes[i], proof.hashes[proof.count - 1 - i], JOURNAL_HASH_BYTES);
	}
	return 0;
}
