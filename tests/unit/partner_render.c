/* A form as a page: each value exactly once and in order, nothing foreign alive, nothing left out silently. */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "transport/base/page.h"
#include "transport/base/xmlwalk.h"

static char *page;

/* Renders; the page stands in `page` until done(). */
static void render(struct try *try, const void *data, size_t length, const char *labels)
{
	try_begin(try, "render", "");
	try_set(try, "language", "cs");
	try_set(try, "title", "Přiznání <b>");
	try_set(try, "form", "FORM1");
	try_set(try, "case", "2026-000001");
	try_set(try, "env", "test");
	try_in(try, data, length);
	try_in_text(try, labels);
	try_out(try);
	assert_int_equal(try_run(try), 0);
	page = try_output(try, 3, NULL);
}

static void render_text(struct try *try, const char *text)
{
	render(try, text, strlen(text), "");
}

static void done(struct try *try)
{
	free(page);
	page = NULL;
	try_end(try);
}

static size_t count(const char *needle)
{
	size_t found = 0;

	for (const char *at = strstr(page, needle); at != NULL; at = strstr(at + 1, needle)) {
		found++;
	}
	return found;
}

/* The words stand there, each once, one behind the other. */
static void assert_order(const char *const *words)
{
	const char *at = page;

	for (; *words != NULL; words++) {
		if (count(*words) != 1) {
			fail_msg("%zu times: %s", count(*words), *words);
		}
		at = strstr(at, *words);
		if (at == NULL) {
			fail_msg("not in order: %s", *words);
		}
	}
}

static void test_form(void **state)
{
	static const char form[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!--na-úvod-->\n<Root verze=\"hodnota1\">\n  <Veta rok=\"hodnota2\" prazdny=\"\"/>"
	    "<Veta rok=\"hodnota3\"/>\n <T> hodnota4 <![CDATA[<b>hodnota5</b>]]> hodnota6</T>hodnota7<?pokyn hodnota8?>\n</Root><!--hodnota9-->";
	static const char *const words[] = { "na-úvod",  "hodnota1", "hodnota2", "hodnota3", "hodnota4", "&lt;b&gt;hodnota5&lt;/b&gt;",
		                             "hodnota6", "hodnota7", "hodnota8", "hodnota9", NULL };
	struct try try;

	(void)state;
	render(&try, form, sizeof form - 1, "Veta=Věta & spol.\nVeta@rok=Rok věty\n@verze=Verze čehokoli\n@rok=jiný\n");
	assert_order(words);
	assert_result(&try, "whole", "yes");
	assert_result(&try, "values", "9"); /* comments and the instruction too; `T` is one text */
	assert_int_equal(count("Rok věty"), 2);
	assert_int_equal(count("jiný"), 0);
	assert_int_equal(count("Věta &amp; spol."), 2);
	assert_int_equal(count("Verze čehokoli"), 1);
	assert_int_equal(count("<small>2.</small>"), 1);
	assert_int_equal(count("prázdné"), 1);
	assert_int_equal(count("Přiznání &lt;b&gt;"), 2);
	assert_int_equal(count("2026-000001"), 2);
	assert_int_equal(count(try_get(&try, "sha256")), 1);
	assert_int_equal(strlen(try_get(&try, "sha256")), 64);
	assert_int_equal(count("id=\"env\""), 1);
	assert_int_equal(count("id=\"not-whole\""), 0);
	done(&try);
}

static void test_digest(void **state)
{
	struct try try;

	(void)state;
	render_text(&try, "abc");
	assert_result(&try, "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(count("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), 1);
	done(&try);
	try_begin(&try, "digest", "");
	try_in_text(&try, "abc");
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_result(&try, "size", "3");
	try_end(&try);
}

static void test_production(void **state)
{
	struct try try;

	(void)state;
	try_begin(&try, "render", "");
	try_set(&try, "env", "production");
	try_set(&try, "language", "en");
	try_in_text(&try, "<a/>");
	try_in_text(&try, "");
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	page = try_output(&try, 3, NULL);
	assert_int_equal(count("id=\"env\""), 0);
	assert_int_equal(count("lang=\"en\""), 1);
	assert_int_equal(count("production"), 1);
	done(&try);
}

/* Nothing of the document becomes markup, and no address is asked for. */
static void test_hostile(void **state)
{
	static const char form[] = "<a x=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\" y='&apos; onload=&apos;'>&lt;img src=https://example.invalid/&gt;"
	                           "<!-- - -&gt;<script>alert(2)</script> --><?x </p><script>alert(3)</script>?></a>";
	struct try try;

	(void)state;
	render_text(&try, form);
	assert_int_equal(count("<script"), 0);
	assert_int_equal(count("<img"), 0);
	assert_int_equal(count("' onload"), 0);
	assert_int_equal(count("&lt;script&gt;alert("), 3);
	assert_int_equal(count("default-src 'none'"), 1);
	assert_result(&try, "whole", "yes");
	done(&try);
}

static void test_hidden_signs(void **state)
{
	struct try try;

	(void)state;
	render_text(&try, "<a b=\"1\u202e00\u200b\">\u00ad\ufeff&#x7f;&#13;x\U000e0041</a>");
	assert_int_equal(count("1<i class=u>U+202E</i>00<i class=u>U+200B</i>"), 1);
	assert_int_equal(count("<i class=u>U+00AD</i><i class=u>U+FEFF</i><i class=u>U+007F</i><i class=u>U+000D</i>x<i class=u>U+E0041</i>"), 1);
	assert_null(strstr(page, "\u202e"));
	done(&try);
	render_text(&try, "<a b=\"  \u00a0\" c=\"\" d=\"\u3000\u2003\"/>");
	assert_int_equal(count("<i>jen mezery, bajtů: 4</i>"), 1);
	assert_int_equal(count("<i>prázdné</i>"), 1);
	assert_int_equal(count("<i class=u>U+3000</i><i class=u>U+2003</i>"), 1);
	done(&try);
	/* No XML and not all UTF-8. */
	render(&try, "ahoj \x8a \xc5\x99 \xe2\x80", 12, "");
	assert_int_equal(count("ahoj <i class=u>0x8A</i> ř <i class=u>0xE2</i><i class=u>0x80</i>"), 1);
	assert_result(&try, "whole", "yes");
	done(&try);
}

static void test_names(void **state)
{
	struct try try;

	(void)state;
	render_text(&try, "<p:a xmlns:p=\"urn:jedna\" xmlns=\"urn:dva\" p:x=\"1\"><b xmlns=\"\"/></p:a>");
	assert_int_equal(count("<code>p:a</code>"), 1);
	assert_int_equal(count("<code>p:x</code>"), 1);
	assert_int_equal(count("<code>xmlns:p</code></dt><dd>urn:jedna</dd>"), 1);
	assert_int_equal(count("<code>xmlns</code></dt><dd>urn:dva</dd>"), 1);
	assert_result(&try, "values", "4");
	done(&try);
}

static void test_encodings(void **state)
{
	struct try try;

	(void)state;
	render_text(&try, "<?xml version='1.0' encoding='windows-1250'?><a b=\"\x9elu\x9dou\xe8k\xfd\"/>");
	assert_int_equal(count("<dd>žluťoučký</dd>"), 1);
	assert_int_equal(count("windows-1250"), 1);
	done(&try);
	render(&try, "\xff\xfe<\0a\0/\0>\0", 10, "");
	assert_result(&try, "whole", "no");
	assert_int_equal(count("id=\"not-whole\""), 1);
	assert_int_equal(count("the encoding is not accepted"), 1);
	done(&try);
	render_text(&try, "<?xml version='1.0' encoding='ebcdic'?><a b=\"x\"/>");
	assert_result(&try, "whole", "no");
	done(&try);
}

/* What cannot be shown is said, and what came before stands there; the fingerprint is that of all bytes. */
static void test_not_whole(void **state)
{
	static const char *const forms[] = { "<a><b x=\"vidět\"/><c y=1/></a>", "<a><b x=\"vidět\"/></a><a/>", "<a><b x=\"vidět\"/>&nic;</a>",
		                             "<a><b x=\"vidět\"/>", NULL };
	struct try try;

	(void)state;
	for (size_t i = 0; forms[i] != NULL; i++) {
		char size[32];

		render_text(&try, forms[i]);
		(void)snprintf(size, sizeof size, "%zu", strlen(forms[i]));
		assert_result(&try, "whole", "no");
		assert_result(&try, "size", size);
		assert_int_equal(count("<dd>vidět</dd>"), 1);
		assert_int_equal(count("id=\"not-whole\""), 1);
		assert_int_equal(count("Nezobrazeno:"), 1);
		assert_int_equal(count("<section>"), count("</section>"));
		done(&try);
	}
	render_text(&try, "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>");
	assert_result(&try, "whole", "no");
	assert_int_equal(count("DOCTYPE"), 2); /* that of the page, and the fault's words */
	done(&try);
	render(&try, "PK\x03\x04xyz", 7, "");
	assert_result(&try, "whole", "no");
	assert_int_equal(count("xyz"), 0);
	done(&try);
}

/* `n` times `piece` between two ends, "#" in it as its number; to be freed. */
static char *repeat(const char *before, const char *piece, size_t n, const char *after)
{
	size_t at = strlen(before), head = strcspn(piece, "#");
	char *text = malloc(at + n * (strlen(piece) + 8) + strlen(after) + 1);

	assert_non_null(text);
	(void)strcpy(text, before);
	for (size_t i = 0; i < n; i++) {
		at += (size_t)sprintf(text + at, "%.*s", (int)head, piece);
		if (piece[head] == '#') {
			at += (size_t)sprintf(text + at, "%zu%s", i, piece + head + 1);
		}
	}
	(void)strcpy(text + at, after);
	return text;
}

static void test_many_attributes(void **state)
{
	char *text = repeat("<a><b x=\"vidět\"/><c", " a#=\"\"", 100000, "/></a>");
	struct try try;

	(void)state;
	render_text(&try, text);
	assert_result(&try, "whole", "no");
	assert_int_equal(count("<dd>vidět</dd>"), 1);
	done(&try);
	free(text);
	text = repeat("<a", " a#=\"v\"", XMLWALK_ATTRIBUTES_MAX, "/>");
	render_text(&try, text);
	assert_result(&try, "whole", "yes");
	assert_result(&try, "values", "512");
	assert_int_equal(count("<dd>v</dd>"), XMLWALK_ATTRIBUTES_MAX);
	done(&try);
	free(text);
	text = repeat("", "<a#>", XMLWALK_DEPTH_MAX + 1, "");
	render_text(&try, text);
	assert_result(&try, "whole", "no");
	assert_int_equal(count("<section>"), count("</section>"));
	done(&try);
	free(text);
}

/* Longer than a page may be: cut with words, closed, and its digest that of everything. */
static void test_page_limit(void **state)
{
	char *text = repeat("<a>", "<b c=\"#\"/>", 700000, "</a>");
	struct try try;
	char size[32];

	(void)state;
	render_text(&try, text);
	(void)snprintf(size, sizeof size, "%zu", strlen(text));
	assert_result(&try, "whole", "no");
	assert_result(&try, "size", size);
	assert_true(strlen(page) > PAGE_MAX_BYTES && strlen(page) < PAGE_MAX_BYTES + 65536);
	assert_non_null(strstr(page, "the page is too long"));
	assert_non_null(strstr(page, "id=\"not-whole\""));
	assert_string_equal(page + strlen(page) - 8, "</html>\n");
	done(&try);
	free(text);
}

static void test_long_text(void **state)
{
	char *text = repeat("<a>", "čtvrtek # ", 20000, "<b/></a>"), *value = repeat("<a x=\"", "dlouhé # ", 1000, "\"/>");
	struct try try;

	(void)state;
	render_text(&try, text);
	assert_result(&try, "whole", "yes");
	assert_int_equal(count("<details>"), 1);
	assert_int_equal(count("čtvrtek "), 20000);
	assert_int_equal(count("class=u>"), 0); /* no character was torn */
	done(&try);
	render_text(&try, value);
	assert_int_equal(count("<details>"), 1);
	assert_int_equal(count("dlouhé "), 1000);
	done(&try);
	free(text);
	free(value);
}

static void test_attachment(void **state)
{
	/* 76 signs a line of base64: 57 bytes 0x41 */
	static const char line[] = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n";
	char *text = repeat("<a><s jmeno=\"smlouva.pdf\"><![CDATA[\n", line, 200, "]]></s></a>"), *broken = NULL;
	struct try try;

	(void)state;
	render_text(&try, text);
	assert_result(&try, "whole", "yes");
	assert_int_equal(count("smlouva.pdf"), 1);
	assert_int_equal(count("QUFB"), 0);
	assert_int_equal(count(" 11400, SHA-256 <span class=\"hash\">"), 1);
	/* sha256 of 11400 times "A" */
	assert_int_equal(count("87c56b00702f4d3b4a9003f759a3e180b01b7c32c23cb5b0ceb468f99e6840e6"), 1);
	done(&try);
	free(text);
	broken = repeat("<a>", line, 200, "a přece ne</a>");
	render_text(&try, broken);
	assert_result(&try, "whole", "no");
	assert_int_equal(count("Nezobrazeno:"), 1);
	done(&try);
	free(broken);
	/* Prose without a sign of prose is shown. */
	text = repeat("<a>", "SLOVO# ", 2000, "</a>");
	render_text(&try, text);
	assert_result(&try, "whole", "yes");
	assert_int_equal(count("SLOVO"), 2000);
	done(&try);
	free(text);
}

static void test_faults(void **state)
{
	struct try try;

	(void)state;
	try_begin(&try, "render", "");
	try_in_text(&try, "<a/>");
	try_in_text(&try, "label without an end");
	try_out(&try);
	assert_int_equal(try_run(&try), ERR_FORMAT);
	try_end(&try);
	try_begin(&try, "render", "");
	try_in_text(&try, "<a/>");
	try_in_text(&try, "");
	assert_int_not_equal(try_run(&try), 0);
	try_end(&try);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),       cmocka_unit_test(test_digest),       cmocka_unit_test(test_production),
		cmocka_unit_test(test_hostile),    cmocka_unit_test(test_hidden_signs), cmocka_unit_test(test_names),
		cmocka_unit_test(test_encodings),  cmocka_unit_test(test_not_whole),    cmocka_unit_test(test_many_attributes),
		cmocka_unit_test(test_page_limit), cmocka_unit_test(test_long_text),    cmocka_unit_test(test_attachment),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
