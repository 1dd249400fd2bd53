/* xmltree.h - an XML document as a tree in memory, for the one thing that a stream cannot do: Canonical XML (W3C, 1.0, inclusive, without comments), over which
 * partners make their seals. Everything else is read with xmlwalk.h.
 *
 * A document is bounded by its length, by the limits of xmlwalk.h, and has no document type. Text that is nothing but white space is dropped wherever it stands, unless
 * xml:space keeps it. Nodes live as long as their tree.
 */
#ifndef TRANSPORT_BASE_XMLTREE_H
#define TRANSPORT_BASE_XMLTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

struct xmltree;
struct xmlnode; /* an element */

/* NULL when it is no well-formed document, beyond a limit, or without memory. */
struct xmltree *xmltree_read(struct span text, uint64_t limit);
void xmltree_free(struct xmltree *tree);

struct xmlnode *xmltree_root(const struct xmltree *tree);
/* The first child element, or the first one below in the order of the document, of that local name; NULL when there is none or `of` is NULL. */
struct xmlnode *xmltree_child(struct xmlnode *of, const char *name);
struct xmlnode *xmltree_find(struct xmlnode *below, const char *name);
/* The first child element of any name, and the next element beside it; NULL for none, and when `of` is NULL. */
struct xmlnode *xmltree_first(struct xmlnode *of);
struct xmlnode *xmltree_next(struct xmlnode *of);
const char *xmltree_name(const struct xmlnode *node);
bool xmltree_is(const struct xmlnode *node, const char *name);
/* Its namespace, "" for none. */
const char *xmltree_space(const struct xmlnode *node);
/* True when its parent holds nothing else. */
bool xmltree_is_only_child(const struct xmlnode *node);

/* All text inside, or the value of an attribute of no namespace: UTF-8, zero-terminated, for free(). NULL without memory, and when there is none of these. */
char *xmltree_text(const struct xmlnode *node);
char *xmltree_attribute(const struct xmlnode *node, const char *name);
/* Takes everything out of the element. */
void xmltree_clear(struct xmlnode *node);

/* The canonical form of the element and what is in it, where it stands in its document (namespaces that are declared outside belong to it), or `alone`, as a document
 * of its own. *ret is for free(). 0 or a negative error. */
int xmltree_canonical(struct xmltree *tree, struct xmlnode *node, bool alone, uint8_t **ret, size_t *ret_length);

static inline void cleanup_xmltree(struct xmltree **tree)
{
	xmltree_free(*tree);
	*tree = NULL;
}
#define _cleanup_xmltree_ __attribute__((cleanup(cleanup_xmltree)))

#endif
