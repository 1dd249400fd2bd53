/* Canonical XML of a part of a document (W3C, 1.0, inclusive): what a seal covers. Expected forms are written by hand from the recommendation. */
#include "partner_help.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/fdio.h"
#include "transport/base/xmltree.h"

#define LIMIT_BYTES 65536

/* The canonical form of the first element `name`; NULL when there is none. */
static char *form_of(const char *text, const char *name, bool alone)
{
	_cleanup_xmltree_ struct xmltree *tree = xmltree_read(span_of_string(text), LIMIT_BYTES);
	struct xmlnode *node = tree == NULL ? NULL : xmltree_find(xmltree_root(tree), name);
	uint8_t *form = NULL;
	size_t length = 0;
	char *copy = NULL;

	if (node != NULL && xmltree_canonical(tree, node, alone, &form, &length) == 0) {
		copy = strndup((const char *)form, length);
	}
	free(form);
	return copy;
}

static void expect(const char *text, bool alone, const char *wanted)
{
	char *form = form_of(text, "m", alone);

	assert_non_null(form);
	assert_string_equal(form, wanted);
	free(form);
}

static void test_form(void **state)
{
	(void)state;
	expect("<a>\n  <m z='1' b=\"2 &lt; &amp; &#xD;\"/>\n</a>", false, "<m b=\"2 &lt; &amp; &#xD;\" z=\"1\"></m>");
	expect("<a><m>x<!-- said by nobody --><b/> \n <c>1 &gt; 2</c></m></a>", false, "<m>x<b></b><c>1 &gt; 2</c></m>");
	expect("<a><m><![CDATA[<&>]]><?p q?></m></a>", false, "<m>&lt;&amp;&gt;<?p q?></m>");
	expect("<?xml version='1.0' encoding='windows-1250'?><a><m>\xe8</m></a>", false, "<m>\xc4\x8d</m>");
}

/* What is declared outside belongs to an element where it stands, used or not; alone, only what it uses. */
static void test_outside(void **state)
{
	static const char text[] = "<a xmlns='urn:d' xmlns:u='urn:u' xmlns:n='urn:n' xml:lang='cs'><m u:x='1'><b xmlns='urn:e'/></m></a>";

	(void)state;
	expect(text, false, "<m xmlns=\"urn:d\" xmlns:n=\"urn:n\" xmlns:u=\"urn:u\" xml:lang=\"cs\" u:x=\"1\"><b xmlns=\"urn:e\"></b></m>");
	expect(text, true, "<m xmlns=\"urn:d\" xmlns:u=\"urn:u\" u:x=\"1\"><b xmlns=\"urn:e\"></b></m>");
}

/* Words of the library quote the document: none of them gets out. */
static void test_silence(void **state)
{
	static const char *const texts[] = { "<a xmlns:n='secret/word'><m n:x='1'/></a>", "<a xmlns='secret'><m/></a>",
		                             "<?xml version='1.0' encoding='windows-1250'?><a><m>secret \x81</m></a>", "<a><m>secret &none;</m></a>" };
	int was = dup(STDERR_FILENO), said = fd_memfd_open("said");

	(void)state;
	assert_true(was >= 0 && said >= 0 && dup2(said, STDERR_FILENO) >= 0);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *form = form_of(texts[i], "m", false);

		assert_null(form); /* relative names of namespaces, bad bytes, unknown entities */
	}
	assert_true(dup2(was, STDERR_FILENO) >= 0);
	assert_int_equal(lseek(said, 0, SEEK_END), 0);
	(void)close(was);
	(void)close(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_form), cmocka_unit_test(test_outside), cmocka_unit_test(test_silence) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
