#include "xmltree.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "xmlfault.h"
#include "xmlwalk.h"

/* The types of this header are libxml2's under another name. */
static xmlDoc *doc_of(const struct xmltree *tree)
{
	return (xmlDoc *)(uintptr_t)tree;
}

static xmlNode *node_of(const struct xmlnode *node)
{
	return (xmlNode *)(uintptr_t)node;
}

static struct xmlnode *of_node(xmlNode *node)
{
	return (struct xmlnode *)node;
}

/* The next node in the order of the document below `top`. */
static xmlNode *next_node(const xmlNode *top, xmlNode *node)
{
	if (node->children != NULL && node->type == XML_ELEMENT_NODE) {
		return node->children;
	}
	while (node != top && node->next == NULL) {
		node = node->parent;
	}
	return node == top ? NULL : node->next;
}

static bool is_blank(const xmlNode *node)
{
	return node->type == XML_TEXT_NODE && node->content != NULL && strspn((const char *)node->content, " \t\r\n") == strlen((const char *)node->content);
}

static void drop_blanks(xmlNode *top)
{
	xmlNode *each = top;

	while (each != NULL) {
		xmlNode *next = next_node(top, each);

		if (is_blank(each) && xmlNodeGetSpacePreserve(each) != 1) {
			xmlUnlinkNode(each);
			xmlFreeNode(each);
		}
		each = next;
	}
}

/* What a stream would refuse does not become a tree. */
static bool is_tame(struct span text)
{
	static const struct xml_handler nothing = { .start = NULL };
	_cleanup_xmlwalk_ struct xmlwalk *walk = xmlwalk_new(&nothing, NULL);

	return walk != NULL && xmlwalk_feed(walk, text) == 0 && xmlwalk_finish(walk) == 0;
}

struct xmltree *xmltree_read(struct span text, uint64_t limit)
{
	xmlDoc *document = NULL;

	if (text.length > limit || text.length > INT_MAX || !is_tame(text)) {
		return NULL;
	}
	xmlfault_hush(); /* Canonical XML has no other way of telling */
	document = xmlReadMemory((const char *)text.data, (int)text.length, NULL, NULL,
	                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE); /* its limits are those of the walk */
	if (document != NULL && xmlDocGetRootElement(document) == NULL) {
		xmlFreeDoc(document);
		return NULL;
	}
	if (document != NULL) {
		drop_blanks(xmlDocGetRootElement(document));
	}
	return (struct xmltree *)document;
}

void xmltree_free(struct xmltree *tree)
{
	xmlFreeDoc(doc_of(tree));
}

struct xmlnode *xmltree_root(const struct xmltree *tree)
{
	return of_node(xmlDocGetRootElement(doc_of(tree)));
}

bool xmltree_is(const struct xmlnode *node, const char *name)
{
	return node_of(node)->type == XML_ELEMENT_NODE && strcmp((const char *)node_of(node)->name, name) == 0;
}

struct xmlnode *xmltree_child(struct xmlnode *of, const char *name)
{
	for (xmlNode *each = of == NULL ? NULL : node_of(of)->children; each != NULL; each = each->next) {
		if (xmltree_is(of_node(each), name)) {
			return of_node(each);
		}
	}
	return NULL;
}

static struct xmlnode *element_from(xmlNode *each)
{
	while (each != NULL && each->type != XML_ELEMENT_NODE) {
		each = each->next;
	}
	return each == NULL ? NULL : of_node(each);
}

struct xmlnode *xmltree_first(struct xmlnode *of)
{
	return of == NULL ? NULL : element_from(node_of(of)->children);
}

struct xmlnode *xmltree_next(struct xmlnode *of)
{
	return of == NULL ? NULL : element_from(node_of(of)->next);
}

const char *xmltree_name(const struct xmlnode *node)
{
	return (const char *)node_of(node)->name;
}

struct xmlnode *xmltree_find(struct xmlnode *below, const char *name)
{
	xmlNode *top = node_of(below);

	for (xmlNode *each = top == NULL ? NULL : next_node(top, top); each != NULL; each = next_node(top, each)) {
		if (xmltree_is(of_node(each), name)) {
			return of_node(each);
		}
	}
	return NULL;
}

const char *xmltree_space(const struct xmlnode *node)
{
	const xmlNs *space = node_of(node)->ns;

	return space == NULL || space->href == NULL ? "" : (const char *)space->href;
}

bool xmltree_is_only_child(const struct xmlnode *node)
{
	return node_of(node)->next == NULL && node_of(node)->prev == NULL;
}

static char *own(xmlChar *text)
{
	char *copy = text == NULL ? NULL : strdup((const char *)text);

	xmlFree(text);
	return copy;
}

char *xmltree_text(const struct xmlnode *node)
{
	return node == NULL ? NULL : own(xmlNodeGetContent(node_of(node)));
}

char *xmltree_attribute(const struct xmlnode *node, const char *name)
{
	return node == NULL ? NULL : own(xmlGetNoNsProp(node_of(node), (const xmlChar *)name));
}

void xmltree_clear(struct xmlnode *node)
{
	xmlNodeSetContent(node_of(node), NULL);
}

/* Is the node, or the element of a namespace declaration, within `context`? */
static int is_within(void *context, xmlNode *node, xmlNode *parent)
{
	const xmlNode *each = node == NULL || node->type == XML_NAMESPACE_DECL ? parent : node;

	while (each != NULL && each != context) {
		each = each->parent;
	}
	return each != NULL;
}

static int canonical(xmlDoc *document, xmlNode *within, uint8_t **ret, size_t *ret_length)
{
	xmlOutputBuffer *buffer = xmlAllocOutputBuffer(NULL);
	int err = ERR_FORMAT;

	if (buffer == NULL) {
		return ERR_MEMORY;
	}
	if (xmlC14NExecute(document, within == NULL ? NULL : is_within, within, XML_C14N_1_0, NULL, 0, buffer) >= 0) {
		*ret_length = xmlOutputBufferGetSize(buffer);
		*ret = malloc(*ret_length + 1);
		err = *ret == NULL ? ERR_MEMORY : 0;
		if (err == 0) {
			memcpy(*ret, xmlOutputBufferGetContent(buffer), *ret_length);
		}
	}
	(void)xmlOutputBufferClose(buffer);
	return err;
}

int xmltree_canonical(struct xmltree *tree, struct xmlnode *node, bool alone, uint8_t **ret, size_t *ret_length)
{
	xmlDoc *document = NULL;
	xmlNode *copy = NULL;
	int err = ERR_MEMORY;

	if (!alone) {
		return canonical(doc_of(tree), node_of(node), ret, ret_length);
	}
	document = xmlNewDoc((const xmlChar *)"1.0");
	copy = document == NULL ? NULL : xmlDocCopyNode(node_of(node), document, 1);
	if (copy != NULL) {
		(void)xmlDocSetRootElement(document, copy);
		err = canonical(document, NULL, ret, ret_length);
	}
	xmlFreeDoc(document);
	return err;
}
