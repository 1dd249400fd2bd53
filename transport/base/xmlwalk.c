#include "xmlwalk.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "charset.h"
#include "xmlfault.h"

#define PENDING_USUAL_BYTES 1024

struct xmlwalk {
	xmlParserCtxtPtr parser;
	const struct xml_handler *handler;
	void *context;
	struct xml_outcome outcome;
	size_t depth;
	int err; /* sticks */
	enum charset charset;
	bool started;   /* the head was looked at and the parser fed */
	bool finishing; /* no more bytes will come */
	uint8_t head[XMLWALK_DECLARATION_MAX_BYTES];
	size_t head_length;
	/* From here on nothing is read that was not written before: xmlwalk_new leaves it as it comes, a job that uses little of it touches little memory. */
	uint8_t converted[XMLWALK_CHUNK_BYTES * CHARSET_GROWTH_MAX];
	struct xml_attribute attributes[XMLWALK_ATTRIBUTES_MAX];
	struct xml_declaration declarations[XMLWALK_DECLARATIONS_MAX];
};

static void stop(struct xmlwalk *walk, int err, int line, const char *words)
{
	if (walk->err != 0) {
		return;
	}
	walk->err = err;
	if (words != NULL && line > 0) {
		(void)snprintf(walk->outcome.fault, sizeof walk->outcome.fault, "line %d: %s", line, words);
	} else if (words != NULL) {
		(void)snprintf(walk->outcome.fault, sizeof walk->outcome.fault, "%s", words);
	}
	if (walk->parser != NULL) {
		xmlStopParser(walk->parser);
	}
}

static int line_of(const struct xmlwalk *walk)
{
	return walk->parser->input != NULL ? walk->parser->input->line : 0;
}

static struct span span_of_xml(const xmlChar *text)
{
	return text == NULL ? span_of("", 0) : span_of(text, strlen((const char *)text));
}

/* The parser hands five pointers for each attribute: name, prefix, namespace, begin and end of the value. */
static const char *take_attributes(struct xmlwalk *walk, size_t count, const xmlChar **from)
{
	if (count > XMLWALK_ATTRIBUTES_MAX) {
		return "too many attributes";
	}
	for (size_t i = 0; i < count; i++) {
		struct xml_attribute *to = &walk->attributes[i];

		to->name = span_of_xml(from[5 * i]);
		to->prefix = span_of_xml(from[5 * i + 1]);
		to->space = span_of_xml(from[5 * i + 2]);
		to->value = span_of(from[5 * i + 3], (size_t)(from[5 * i + 4] - from[5 * i + 3]));
		if (to->name.length > XMLWALK_NAME_MAX_BYTES || to->prefix.length > XMLWALK_NAME_MAX_BYTES || to->space.length > XMLWALK_NAME_MAX_BYTES) {
			return "an attribute's name is too long";
		}
		if (to->value.length > XMLWALK_VALUE_MAX_BYTES) {
			return "an attribute's value is too long";
		}
	}
	return NULL;
}

/* Two pointers for each: prefix and namespace. */
static const char *take_declarations(struct xmlwalk *walk, size_t count, const xmlChar **from)
{
	if (count > XMLWALK_DECLARATIONS_MAX) {
		return "too many namespaces";
	}
	for (size_t i = 0; i < count; i++) {
		walk->declarations[i] = (struct xml_declaration){ .prefix = span_of_xml(from[2 * i]), .space = span_of_xml(from[2 * i + 1]) };
		if (walk->declarations[i].prefix.length > XMLWALK_NAME_MAX_BYTES || walk->declarations[i].space.length > XMLWALK_NAME_MAX_BYTES) {
			return "a namespace's name is too long";
		}
	}
	return NULL;
}

static const char *check_names(const struct xml_element *element)
{
	if (element->depth > XMLWALK_DEPTH_MAX) {
		return "too many levels of elements";
	}
	return element->name.length > XMLWALK_NAME_MAX_BYTES || element->prefix.length > XMLWALK_NAME_MAX_BYTES ||
	               element->space.length > XMLWALK_NAME_MAX_BYTES
	           ? "an element's name is too long"
	           : NULL;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *space, int space_count, const xmlChar **spaces,
                     int attribute_count, int defaulted, const xmlChar **attributes)
{
	struct xmlwalk *walk = context;
	struct xml_element element = { .prefix = span_of_xml(prefix),
		                       .name = span_of_xml(name),
		                       .space = span_of_xml(space),
		                       .depth = walk->depth + 1,
		                       .attributes = walk->attributes,
		                       .attribute_count = (size_t)attribute_count,
		                       .declarations = walk->declarations,
		                       .declaration_count = (size_t)space_count };
	const char *wrong = NULL;
	int err = 0;

	(void)defaulted;
	if (walk->err != 0) {
		return;
	}
	wrong = check_names(&element);
	wrong = wrong != NULL ? wrong : take_declarations(walk, element.declaration_count, spaces);
	wrong = wrong != NULL ? wrong : take_attributes(walk, element.attribute_count, attributes);
	if (wrong != NULL) {
		stop(walk, ERR_LIMIT, line_of(walk), wrong);
		return;
	}
	walk->depth++;
	err = walk->handler->start == NULL ? 0 : walk->handler->start(walk->context, &element);
	if (err != 0) {
		stop(walk, err, 0, NULL);
	}
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *space)
{
	struct xmlwalk *walk = context;
	int err = 0;

	(void)prefix;
	(void)space;
	if (walk->err != 0 || walk->depth == 0) {
		return;
	}
	err = walk->handler->end == NULL ? 0 : walk->handler->end(walk->context, span_of_xml(name), walk->depth);
	walk->depth--;
	walk->outcome.root_closed = walk->depth == 0;
	if (err != 0) {
		stop(walk, err, 0, NULL);
	}
}

static void on_text(void *context, const xmlChar *text, int length)
{
	struct xmlwalk *walk = context;
	int err = 0;

	if (walk->err != 0 || length <= 0 || walk->handler->text == NULL) {
		return;
	}
	err = walk->handler->text(walk->context, span_of(text, (size_t)length));
	if (err != 0) {
		stop(walk, err, 0, NULL);
	}
}

static void on_comment(void *context, const xmlChar *text)
{
	struct xmlwalk *walk = context;
	int err = 0;

	if (walk->err != 0 || walk->handler->comment == NULL) {
		return;
	}
	err = walk->handler->comment(walk->context, span_of_xml(text));
	if (err != 0) {
		stop(walk, err, 0, NULL);
	}
}

static void on_instruction(void *context, const xmlChar *target, const xmlChar *text)
{
	struct xmlwalk *walk = context;
	int err = 0;

	if (walk->err != 0 || walk->handler->instruction == NULL) {
		return;
	}
	err = walk->handler->instruction(walk->context, span_of_xml(target), span_of_xml(text));
	if (err != 0) {
		stop(walk, err, 0, NULL);
	}
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	struct xmlwalk *walk = context;

	(void)name;
	(void)external;
	(void)system;
	walk->outcome.doctype = true;
	stop(walk, ERR_FORMAT, line_of(walk), "a document type (DOCTYPE) is not accepted");
}

static void on_entity(void *context, const xmlChar *name, int type, const xmlChar *external, const xmlChar *system, xmlChar *content)
{
	(void)name;
	(void)type;
	(void)external;
	(void)system;
	(void)content;
	stop(context, ERR_FORMAT, line_of(context), "a declaration of an entity is not accepted");
}

static void on_error(void *context, xmlErrorPtr error)
{
	struct xmlwalk *walk = context;

	if (error->level < XML_ERR_ERROR || walk->err != 0) {
		return;
	}
	/* A fault that appears only because nothing follows, at the very end: more bytes could have made it good. */
	walk->outcome.cut = walk->finishing && !walk->outcome.root_closed && !walk->outcome.has_nul &&
	                    (error->code == XML_ERR_DOCUMENT_END || walk->parser->input == NULL || walk->parser->input->cur >= walk->parser->input->end);
	stop(walk, xmlfault_is_limit(error->code) ? ERR_LIMIT : ERR_FORMAT, error->line, xmlfault_words(error->code));
}

static bool parser_open(struct xmlwalk *walk)
{
	xmlSAXHandler events;

	memset(&events, 0, sizeof events);
	events.initialized = XML_SAX2_MAGIC;
	events.startElementNs = on_start;
	events.endElementNs = on_end;
	events.characters = on_text;
	events.ignorableWhitespace = on_text;
	events.cdataBlock = on_text;
	events.comment = on_comment;
	events.processingInstruction = on_instruction;
	events.internalSubset = on_doctype;
	events.entityDecl = on_entity;
	events.serror = on_error;
	walk->parser = xmlCreatePushParserCtxt(&events, walk, NULL, 0, NULL);
	if (walk->parser == NULL) {
		return false;
	}
	/* NOENT: the five entities arrive resolved, in attributes too; there can be no others. The bytes we feed are UTF-8, whatever is declared. */
	(void)xmlCtxtUseOptions(walk->parser, XML_PARSE_NOENT | XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	(void)xmlDictSetLimit(walk->parser->dict, XMLWALK_NAMES_MAX_BYTES);
	return true;
}

struct xmlwalk *xmlwalk_new(const struct xml_handler *handler, void *context)
{
	struct xmlwalk *walk = malloc(sizeof *walk);

	if (walk == NULL) {
		return NULL;
	}
	memset(walk, 0, offsetof(struct xmlwalk, converted));
	walk->handler = handler;
	walk->context = context;
	(void)strcpy(walk->outcome.encoding, "utf-8");
	if (!parser_open(walk)) {
		xmlwalk_free(walk);
		return NULL;
	}
	return walk;
}

void xmlwalk_free(struct xmlwalk *walk)
{
	if (walk == NULL) {
		return;
	}
	if (walk->parser != NULL) {
		/* No document is ever built: there are no tree handlers. */
		xmlFreeParserCtxt(walk->parser);
	}
	free(walk);
}

const struct xml_outcome *xmlwalk_outcome(const struct xmlwalk *walk)
{
	return &walk->outcome;
}

/* Bytes that the parser has and could not use yet. */
static size_t pending(const struct xmlwalk *walk)
{
	const xmlParserInput *input = walk->parser->input;

	return input == NULL ? 0 : (size_t)(input->end - input->cur);
}

/* Pushes UTF-8 to the parser and looks how much it could not use yet: that is one unfinished token. */
static void push(struct xmlwalk *walk, const uint8_t *bytes, size_t length, bool last)
{
	if (walk->err != 0) {
		return;
	}
	(void)xmlParseChunk(walk->parser, (const char *)bytes, (int)length, last);
	/* A long CDATA section comes out in small pieces, one for each call. */
	for (size_t before = SIZE_MAX; walk->err == 0 && !last && pending(walk) > PENDING_USUAL_BYTES && pending(walk) < before;) {
		before = pending(walk);
		(void)xmlParseChunk(walk->parser, NULL, 0, false);
	}
	if (walk->err == 0 && walk->parser->wellFormed == 0) {
		stop(walk, ERR_FORMAT, line_of(walk), "not well-formed");
	}
	if (walk->err == 0 && pending(walk) > XMLWALK_TOKEN_MAX_BYTES) {
		stop(walk, ERR_LIMIT, line_of(walk), "a tag or comment is too long");
	}
}

static void push_converted(struct xmlwalk *walk, struct span bytes)
{
	while (walk->err == 0 && bytes.length > 0) {
		struct span part = { 0 };
		size_t length = bytes.length < XMLWALK_CHUNK_BYTES ? bytes.length : XMLWALK_CHUNK_BYTES;

		(void)span_read_bytes(&bytes, length, &part);
		if (walk->charset == CHARSET_UTF8) {
			push(walk, part.data, part.length, false);
		} else {
			push(walk, walk->converted, charset_to_utf8(walk->charset, part, walk->converted), false);
		}
	}
}

/* Decides the encoding by the first bytes and feeds them. */
static void begin(struct xmlwalk *walk)
{
	struct span head = span_of(walk->head, walk->head_length), skipped;

	walk->started = true;
	if (span_starts_with(head, "\xfe\xff") || span_starts_with(head, "\xff\xfe") || (head.length >= 2 && (head.data[0] == 0 || head.data[1] == 0))) {
		(void)strcpy(walk->outcome.encoding, "utf-16");
		stop(walk, ERR_FORMAT, 0, walk->outcome.has_nul && head.data[0] == 0 ? "a zero byte" : "the encoding is not accepted");
		return;
	}
	if (span_starts_with(head, "\xef\xbb\xbf")) {
		(void)span_read_bytes(&head, 3, &skipped);
	}
	charset_declared(head, walk->outcome.encoding, sizeof walk->outcome.encoding);
	walk->charset = charset_by_name(span_of_string(walk->outcome.encoding));
	if (walk->charset == CHARSET_UNKNOWN) {
		stop(walk, ERR_FORMAT, 1, "the encoding is not accepted");
		return;
	}
	push_converted(walk, head);
}

int xmlwalk_feed(struct xmlwalk *walk, struct span bytes)
{
	walk->outcome.size += bytes.length;
	walk->outcome.has_nul = walk->outcome.has_nul || (bytes.length > 0 && memchr(bytes.data, 0, bytes.length) != NULL);
	while (walk->err == 0 && !walk->started && bytes.length > 0) {
		(void)span_read_u8(&bytes, &walk->head[walk->head_length++]);
		if (walk->head_length == sizeof walk->head || (walk->head_length > 5 && walk->head[walk->head_length - 1] == '>')) {
			begin(walk);
		}
	}
	push_converted(walk, bytes);
	return walk->err;
}

int xmlwalk_finish(struct xmlwalk *walk)
{
	if (walk->err == 0 && !walk->started) {
		begin(walk);
	}
	walk->finishing = true;
	push(walk, NULL, 0, true);
	if (walk->err == 0 && !walk->outcome.root_closed) {
		walk->outcome.cut = true;
		stop(walk, ERR_FORMAT, line_of(walk), "the end is missing");
	}
	return walk->err;
}

int xmlwalk_read(int fd, uint64_t limit, const struct xml_handler *handler, void *context, struct xml_outcome *ret)
{
	_cleanup_xmlwalk_ struct xmlwalk *walk = xmlwalk_new(handler, context);
	uint8_t chunk[XMLWALK_CHUNK_BYTES];
	ssize_t length = 0;
	int err = 0;

	memset(ret, 0, sizeof *ret);
	if (walk == NULL) {
		return ERR_MEMORY;
	}
	while (err == 0 && (length = fd_read_full(fd, chunk, sizeof chunk)) > 0) {
		if (walk->outcome.size + (uint64_t)length > limit) {
			stop(walk, ERR_LIMIT, 0, "too large");
		}
		err = xmlwalk_feed(walk, span_of(chunk, (size_t)length));
	}
	if (err == 0) {
		err = length < 0 ? (int)length : xmlwalk_finish(walk);
	}
	*ret = walk->outcome;
	return err;
}

bool xml_attribute_find(const struct xml_element *element, const char *name, struct span *ret)
{
	for (size_t i = 0; i < element->attribute_count; i++) {
		if (element->attributes[i].space.length == 0 && span_equals_string(element->attributes[i].name, name)) {
			*ret = element->attributes[i].value;
			return true;
		}
	}
	return false;
}
