/* The XML layer by itself: the same events whatever the pieces, limits, encodings. */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"

struct seen {
	char text[8192];
	size_t length;
	uint64_t elements, bytes;
	bool quiet;
};

static void say(struct seen *seen, const char *before, struct span value, const char *after)
{
	if (!seen->quiet && seen->length < sizeof seen->text - 1) {
		seen->length += (size_t)snprintf(seen->text + seen->length, sizeof seen->text - seen->length, "%s%.*s%s", before, (int)value.length,
		                                 (const char *)value.data, after);
	}
}

static int on_start(void *context, const struct xml_element *element)
{
	struct seen *seen = context;

	seen->elements++;
	say(seen, "<", element->name, "");
	say(seen, "{", element->space, "}");
	for (size_t i = 0; i < element->attribute_count; i++) {
		say(seen, " ", element->attributes[i].name, "=");
		say(seen, "", element->attributes[i].value, "");
	}
	say(seen, ">", span_of("", 0), "");
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct seen *seen = context;

	seen->bytes += text.length;
	say(seen, "", text, "");
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	(void)depth;
	say(context, "</", name, ">");
	return 0;
}

static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };

static int walk_in_pieces(struct span bytes, size_t piece, struct seen *seen, struct xml_outcome *ret)
{
	struct xmlwalk *walk = xmlwalk_new(&events, seen);
	struct span part;
	int err = 0;

	assert_non_null(walk);
	while (bytes.length > 0) {
		assert_true(span_read_bytes(&bytes, piece < bytes.length ? piece : bytes.length, &part));
		(void)xmlwalk_feed(walk, part);
	}
	err = xmlwalk_finish(walk);
	*ret = *xmlwalk_outcome(walk);
	xmlwalk_free(walk);
	return err;
}

static void test_pieces(void **state)
{
	static const char text[] = "<?xml version='1.0' encoding='UTF-8'?><!-- > -->\n<a b='x>y' c=\"&lt;&amp;&#x17e;&quot;\">t&amp;u<![CDATA[<z>]]>"
	                           "<n:d xmlns:n='urn:x' n:e='1'/>don't \"<?pi >?><f\n g='>>'\n/></a>\n";
	static const char expected[] = "<a{} b=x>y c=<&ž\">t&u<z><d{urn:x} e=1></d>don't \"<f{} g=>>></f></a>";

	(void)state;
	for (size_t piece = 1; piece <= sizeof text; piece++) {
		struct seen seen = { 0 };
		struct xml_outcome outcome;

		assert_int_equal(walk_in_pieces(span_of_string(text), piece, &seen, &outcome), 0);
		assert_string_equal(seen.text, expected);
	}
}

static void test_charsets(void **state)
{
	static const char *const texts[] = {
		"<?xml version=\"1.0\" encoding=\"windows-1250\"?><a b=\"\x8a\x9e\">P\xf8\xedli\x9a \x9elu\x9dou\xe8k\xfd k\xf9\xf2</a>",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?><a b=\"\xa9\xbe\">P\xf8\xedli\xb9 \xbelu\xbbou\xe8k\xfd k\xf9\xf2</a>",
		"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><a b=\"Šž\">Příliš žluťoučký kůň</a>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (size_t piece = 1; piece < 80; piece++) {
			struct seen seen = { 0 };
			struct xml_outcome outcome;

			assert_int_equal(walk_in_pieces(span_of_string(texts[i]), piece, &seen, &outcome), 0);
			assert_string_equal(seen.text, "<a{} b=Šž>Příliš žluťoučký kůň</a>");
		}
	}
}

/* `head`, `count` times `body`, `tail` */
static int walk_repeated(const char *head, const char *body, size_t count, const char *tail, struct seen *seen, struct xml_outcome *ret)
{
	size_t head_length = strlen(head), body_length = strlen(body), tail_length = strlen(tail);
	char *text = malloc(head_length + body_length * count + tail_length);
	int err = 0;

	assert_non_null(text);
	memcpy(text, head, head_length);
	for (size_t i = 0; i < count; i++) {
		memcpy(text + head_length + i * body_length, body, body_length);
	}
	memcpy(text + head_length + body_length * count, tail, tail_length);
	err = walk_in_pieces(span_of(text, head_length + body_length * count + tail_length), XMLWALK_CHUNK_BYTES, seen, ret);
	free(text);
	return err;
}

static void test_limits(void **state)
{
	struct seen seen = { .quiet = true };
	struct xml_outcome outcome;
	char many[XMLWALK_ATTRIBUTES_MAX * 16] = "";
	size_t length = 0;

	(void)state;
	assert_int_equal(walk_repeated("", "<a>", XMLWALK_DEPTH_MAX + 1, "", &seen, &outcome), ERR_LIMIT);
	assert_string_equal(outcome.fault, "line 1: too many levels of elements");
	assert_int_equal(walk_repeated("<", "a", XMLWALK_NAME_MAX_BYTES + 1, "/>", &seen, &outcome), ERR_LIMIT);
	assert_int_equal(walk_repeated("<a b='", "x", XMLWALK_VALUE_MAX_BYTES, "'/>", &seen, &outcome), 0);
	assert_int_equal(walk_repeated("<a b='", "x", XMLWALK_VALUE_MAX_BYTES + 1, "'/>", &seen, &outcome), ERR_LIMIT);
	assert_int_equal(walk_repeated("<a><!--", "x", 8 * XMLWALK_TOKEN_MAX_BYTES, "--></a>", &seen, &outcome), ERR_LIMIT);
	assert_int_equal(walk_repeated("<a b='", "x", 8 * XMLWALK_TOKEN_MAX_BYTES, "'/>", &seen, &outcome), ERR_LIMIT);
	for (size_t i = 0; i <= XMLWALK_ATTRIBUTES_MAX; i++) {
		length += (size_t)snprintf(many + length, sizeof many - length, " a%zu='1'", i);
	}
	assert_int_equal(walk_repeated("<a", many, 1, "/>", &seen, &outcome), ERR_LIMIT);
	assert_string_equal(outcome.fault, "line 1: too many attributes");
}

/* A million different names must not be remembered. */
static void test_names(void **state)
{
	struct seen seen = { .quiet = true };
	size_t size = 16U << 20, length = 3;
	char *text = malloc(size + 64);
	struct xml_outcome outcome;

	(void)state;
	assert_non_null(text);
	memcpy(text, "<a>", 3);
	for (size_t i = 0; length < size; i++) {
		length += (size_t)snprintf(text + length, 64, "<n%zx/>", i);
	}
	assert_int_equal(walk_in_pieces(span_of(text, length), XMLWALK_CHUNK_BYTES, &seen, &outcome), ERR_LIMIT);
	free(text);
}

static void test_long_text(void **state)
{
	struct seen seen = { .quiet = true };
	struct xml_outcome outcome;

	(void)state;
	assert_int_equal(walk_repeated("<a>", "0123456789abcdef", (24U << 20) / 16, "</a>", &seen, &outcome), 0);
	assert_int_equal(seen.bytes, 24U << 20);
	seen = (struct seen){ .quiet = true };
	assert_int_equal(walk_repeated("<a>", "x&amp;", (8U << 20) / 6, "</a>", &seen, &outcome), 0);
	seen = (struct seen){ .quiet = true };
	assert_int_equal(walk_repeated("<a>", "<b c='1'>t</b>\n", (8U << 20) / 15, "</a>", &seen, &outcome), 0);
	assert_int_equal(seen.elements, (8U << 20) / 15 + 1);
	assert_int_equal(walk_repeated("<a><![CDATA[", "x]", 4U << 20, "]]></a>", &seen, &outcome), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_charsets),  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),  cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
