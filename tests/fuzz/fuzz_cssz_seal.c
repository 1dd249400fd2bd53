/* What is under a seal: its canonical form is a document that is its own canonical form, where it stands and alone. A form that said something else when it is read
 * again would let a seal cover what nobody sees. */
#include "fuzz_job.h"
#include "transport/cssz/seal.h"

#define COMPARED_MAX_BYTES 65536 /* far from the limits of reading, which count the form's own bytes */

/* White space that reading drops, but not where these keep it: a form read again has lost what kept it. In other encodings they cannot be looked for. */
static bool may_keep_blanks(const uint8_t *data, size_t size)
{
	return memmem(data, size, "CDATA", 5) != NULL || memmem(data, size, "space", 5) != NULL || memchr(data, 0, size) != NULL ||
	       !span_is_utf8(span_of(data, size));
}

static void check_again(const uint8_t *form, size_t length)
{
	struct xmltree *tree = xmltree_read(span_of(form, length), COMPARED_MAX_BYTES);
	uint8_t *again = NULL;
	size_t again_length = 0;

	if (tree == NULL || xmltree_canonical(tree, xmltree_root(tree), true, &again, &again_length) != 0 || again_length != length ||
	    memcmp(again, form, length) != 0) {
		abort();
	}
	free(again);
	xmltree_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seal seal = { 0 };
	const char *fault = seal_read(span_of(data, size), &seal);

	if (fault == NULL && (seal.digest == NULL || seal.cms_length == 0 || seal.at_ms == 0)) {
		abort();
	}
	for (int alone = 0; alone <= 1 && seal.message != NULL; alone++) {
		uint8_t *form = NULL;
		size_t length = 0;

		if (xmltree_canonical(seal.reply, seal.message, alone == 1, &form, &length) == 0 && length <= COMPARED_MAX_BYTES &&
		    !may_keep_blanks(data, size)) {
			check_again(form, length);
		}
		free(form);
	}
	seal_free(&seal);
	return 0;
}
