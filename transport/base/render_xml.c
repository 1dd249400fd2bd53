/* Elements and attributes of a form, in the order of the document. */
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "render.h"

static void put_name(struct page *page, struct span prefix, struct span name)
{
	page_put(page, "<code>");
	if (!span_is_empty(prefix)) {
		page_foreign(page, prefix);
		page_put(page, ":");
	}
	page_foreign(page, name);
	page_put(page, "</code>");
}

static void put_field(struct rendering *rendering, struct span label, struct span prefix, struct span name, struct span value)
{
	struct page *page = &rendering->page;

	page_put(page, value.length > RENDER_FOLD_BYTES ? "<div class=\"wide\"><dt>" : "<div><dt>");
	if (!span_is_empty(label)) {
		page_foreign(page, label);
		page_put(page, " ");
	}
	put_name(page, prefix, name);
	page_put(page, "</dt><dd>");
	render_value(rendering, value);
	page_put(page, "</dd></div>\n");
}

/* Which one of its name it is among neighbours: rows of a form are told apart by that. */
static uint64_t count_sibling(struct rendering *rendering, const struct xml_element *element)
{
	char name[XMLWALK_NAME_MAX_BYTES + 1] = "";
	size_t depth = element->depth <= XMLWALK_DEPTH_MAX ? element->depth : XMLWALK_DEPTH_MAX;

	(void)span_copy_string(element->name, name, sizeof name);
	if (strcmp(rendering->levels[depth].name, name) != 0) {
		(void)snprintf(rendering->levels[depth].name, sizeof rendering->levels[depth].name, "%s", name);
		rendering->levels[depth].count = 0;
	}
	rendering->levels[depth + 1].name[0] = '\0';
	rendering->levels[depth + 1].count = 0;
	return ++rendering->levels[depth].count;
}

static int put_fields(struct rendering *rendering, const struct xml_element *element)
{
	struct page *page = &rendering->page;

	if (element->declaration_count + element->attribute_count == 0) {
		return 0;
	}
	page_put(page, "<dl>\n");
	for (size_t i = 0; i < element->declaration_count; i++) {
		const struct xml_declaration *each = &element->declarations[i];

		put_field(rendering, span_of("", 0), each->prefix.length > 0 ? span_of_string("xmlns") : span_of("", 0),
		          each->prefix.length > 0 ? each->prefix : span_of_string("xmlns"), each->space);
	}
	for (size_t i = 0; i < element->attribute_count; i++) {
		const struct xml_attribute *each = &element->attributes[i];

		if (page_is_full(page)) {
			page_put(page, "</dl>\n");
			return ERR_LIMIT;
		}
		put_field(rendering, labels_find(&rendering->labels, element->name, each->name), each->prefix, each->name, each->value);
	}
	page_put(page, "</dl>\n");
	return 0;
}

static int on_start(void *context, const struct xml_element *element)
{
	struct rendering *rendering = context;
	struct page *page = &rendering->page;
	uint64_t count = count_sibling(rendering, element);
	struct span label = labels_find(&rendering->labels, element->name, span_of("", 0));
	int err = 0;

	render_text_end(rendering);
	page_put(page, "<section>\n<h2>");
	rendering->depth++;
	if (!span_is_empty(label)) {
		page_foreign(page, label);
		page_put(page, " ");
	}
	put_name(page, element->prefix, element->name);
	if (count > 1) {
		page_putf(page, " <small>%llu.</small>", (unsigned long long)count);
	}
	page_put(page, "</h2>\n");
	err = put_fields(rendering, element);
	return err != 0 ? err : page_is_full(page) ? ERR_LIMIT : page->err;
}

static int on_text(void *context, struct span text)
{
	return render_text_add(context, text);
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct rendering *rendering = context;

	(void)name;
	(void)depth;
	render_text_end(rendering);
	page_put(&rendering->page, "</section>\n");
	rendering->depth--;
	return rendering->page.err;
}

static int on_comment(void *context, struct span text)
{
	struct rendering *rendering = context;

	render_text_end(rendering);
	page_putf(&rendering->page, "<div class=\"note\">%s: ", render_word(rendering, RENDER_COMMENT));
	render_value(rendering, text);
	page_put(&rendering->page, "</div>\n");
	return page_is_full(&rendering->page) ? ERR_LIMIT : rendering->page.err;
}

static int on_instruction(void *context, struct span target, struct span text)
{
	struct rendering *rendering = context;

	render_text_end(rendering);
	page_putf(&rendering->page, "<div class=\"note\">%s: ", render_word(rendering, RENDER_INSTRUCTION));
	put_name(&rendering->page, span_of("", 0), target);
	page_put(&rendering->page, " ");
	render_value(rendering, text);
	page_put(&rendering->page, "</div>\n");
	return page_is_full(&rendering->page) ? ERR_LIMIT : rendering->page.err;
}

const struct xml_handler render_events = { .start = on_start, .text = on_text, .end = on_end, .comment = on_comment, .instruction = on_instruction };
