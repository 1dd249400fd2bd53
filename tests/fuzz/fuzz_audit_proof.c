/* A tlog-proof of an export, and its checkpoint: whatever it is made of, what is taken has the index, the hashes and the note that its text shows. */
#include "store/audit/export.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { .data = data, .length = size };
	struct export_proof proof;
	struct note note;
	tree_hash leaf = { 0 };

	if (!export_proof_read(text, &proof)) {
		return 0;
	}
	if (proof.count > TREE_PATH_MAX || proof.note.length > size || proof.note.data + proof.note.length != data + size) {
		abort();
	}
	if (note_read(proof.note, &note)) {
		(void)tree_path_leads(leaf, proof.index, note.size, (const tree_hash *)proof.path, proof.count, note.root);
	}
	return 0;
}
