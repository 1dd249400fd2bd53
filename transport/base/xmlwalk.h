/* xmlwalk.h - reads foreign XML as a stream of events, in constant memory, through libxml2's push parser.
 *
 * There is no document type and so no entity beyond the five of XML: a DOCTYPE ends the walk, which rules out external entities and entity bombs.
 * Names are checked by XML Namespaces. Every limit has a name below. Words about faults never quote the document (no personal data in logs).
 */
#ifndef TRANSPORT_BASE_XMLWALK_H
#define TRANSPORT_BASE_XMLWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define XMLWALK_DEPTH_MAX 64
#define XMLWALK_ATTRIBUTES_MAX 512
#define XMLWALK_DECLARATIONS_MAX 64
#define XMLWALK_NAME_MAX_BYTES 256
#define XMLWALK_VALUE_MAX_BYTES 65536
#define XMLWALK_TOKEN_MAX_BYTES 131072  /* one tag, comment or processing instruction */
#define XMLWALK_NAMES_MAX_BYTES 1048576 /* all different names together: what the parser remembers */
#define XMLWALK_CHUNK_BYTES 16384
#define XMLWALK_DECLARATION_MAX_BYTES 256
#define XMLWALK_ENCODING_SIZE 41 /* EncName as long as anybody's, and a zero byte */
#define XMLWALK_FAULT_SIZE 128

struct xml_attribute {
	struct span prefix; /* as written, empty for none */
	struct span name;   /* local name */
	struct span space;  /* namespace, empty for none */
	struct span value;  /* UTF-8, entities resolved */
};

/* xmlns:prefix="space" */
struct xml_declaration {
	struct span prefix, space;
};

struct xml_element {
	struct span prefix; /* as written, empty for none */
	struct span name;   /* local name */
	struct span space;
	size_t depth; /* the root has 1 */
	const struct xml_attribute *attributes;
	size_t attribute_count;
	const struct xml_declaration *declarations; /* of namespaces */
	size_t declaration_count;
};

/* Spans are valid during the call. A negative error ends the walk and is its result. Any of them may be NULL. */
struct xml_handler {
	int (*start)(void *context, const struct xml_element *element);
	int (*text)(void *context, struct span text); /* in pieces; CDATA too */
	int (*end)(void *context, struct span name, size_t depth);
	int (*comment)(void *context, struct span text);
	int (*instruction)(void *context, struct span target, struct span text);
};

/* What is known of the document so far, and at the end. */
struct xml_outcome {
	char encoding[XMLWALK_ENCODING_SIZE]; /* as declared, lower case; "utf-8" when nothing is declared */
	bool doctype;
	bool root_closed;               /* the end tag of the root was there and nothing wrong came after */
	bool cut;                       /* the only fault is that the end is missing */
	bool has_nul;                   /* a zero byte occurred */
	uint64_t size;                  /* bytes read */
	char fault[XMLWALK_FAULT_SIZE]; /* English words with the line number; empty: well-formed */
};

/* True when the element has that attribute (of no namespace); the value then. */
bool xml_attribute_find(const struct xml_element *element, const char *name, struct span *ret);

struct xmlwalk;

/* NULL without memory. */
struct xmlwalk *xmlwalk_new(const struct xml_handler *handler, void *context);
void xmlwalk_free(struct xmlwalk *walk);
/* 0; ERR_FORMAT (the fault is in the outcome), ERR_LIMIT (likewise), or what a handler returned. After a failure every call returns the same. */
int xmlwalk_feed(struct xmlwalk *walk, struct span bytes);
int xmlwalk_finish(struct xmlwalk *walk);
const struct xml_outcome *xmlwalk_outcome(const struct xmlwalk *walk);

/* All of it, from a descriptor to its end; ERR_LIMIT when there are more than `limit` bytes. *ret is filled in any case. */
int xmlwalk_read(int fd, uint64_t limit, const struct xml_handler *handler, void *context, struct xml_outcome *ret);

static inline void cleanup_xmlwalk(struct xmlwalk **walk)
{
	xmlwalk_free(*walk);
	*walk = NULL;
}
#define _cleanup_xmlwalk_ __attribute__((cleanup(cleanup_xmlwalk)))

#endif
