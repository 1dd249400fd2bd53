#include "xmlfault.h"

#include <libxml/xmlerror.h>
#include <stddef.h>

static const struct {
	int code;
	const char *words;
} faults[] = {
	{ XML_ERR_DOCUMENT_EMPTY, "no XML here" },
	{ XML_ERR_DOCUMENT_END, "the end is missing, or something follows it" },
	{ XML_ERR_INVALID_CHAR, "a character that XML does not allow" },
	{ XML_ERR_INVALID_CHARREF, "a character reference that XML does not allow" },
	{ XML_ERR_INVALID_ENCODING, "bytes that do not belong to the declared encoding" },
	{ XML_I18N_CONV_FAILED, "bytes that do not belong to the declared encoding" },
	{ XML_ERR_UNDECLARED_ENTITY, "an entity that is not one of the five of XML" },
	{ XML_WAR_UNDECLARED_ENTITY, "an entity that is not one of the five of XML" },
	{ XML_ERR_ENTITYREF_SEMICOL_MISSING, "an & that is not written as &amp;" },
	{ XML_ERR_NAME_REQUIRED, "a name is missing after & or <" },
	{ XML_ERR_TAG_NAME_MISMATCH, "an end tag does not match its start tag" },
	{ XML_ERR_TAG_NOT_FINISHED, "a tag is not finished" },
	{ XML_ERR_GT_REQUIRED, "a tag is not closed with >" },
	{ XML_ERR_LT_IN_ATTRIBUTE, "a < inside an attribute" },
	{ XML_ERR_ATTRIBUTE_NOT_STARTED, "an attribute without quotes" },
	{ XML_ERR_ATTRIBUTE_NOT_FINISHED, "an attribute whose quotes are not closed" },
	{ XML_ERR_ATTRIBUTE_WITHOUT_VALUE, "an attribute without a value" },
	{ XML_ERR_ATTRIBUTE_REDEFINED, "the same attribute twice in one element" },
	{ XML_ERR_SPACE_REQUIRED, "a blank is missing" },
	{ XML_ERR_LTSLASH_REQUIRED, "an end tag is missing" },
	{ XML_ERR_MISPLACED_CDATA_END, "the sequence ]]> in text" },
	{ XML_ERR_HYPHEN_IN_COMMENT, "a comment with -- inside" },
	{ XML_ERR_COMMENT_NOT_FINISHED, "a comment is not finished" },
	{ XML_ERR_PI_NOT_FINISHED, "a processing instruction is not finished" },
	{ XML_ERR_CDATA_NOT_FINISHED, "a CDATA section is not finished" },
	{ XML_ERR_XMLDECL_NOT_FINISHED, "the XML declaration is not finished" },
	{ XML_ERR_XMLDECL_NOT_STARTED, "the XML declaration is malformed" },
	{ XML_ERR_RESERVED_XML_NAME, "an XML declaration that is not at the very beginning" },
	{ XML_ERR_VERSION_MISSING, "the XML declaration has no version" },
	{ XML_ERR_UNSUPPORTED_ENCODING, "the encoding is not accepted" },
	{ XML_NS_ERR_UNDEFINED_NAMESPACE, "a prefix without its namespace" },
	{ XML_NS_ERR_ATTRIBUTE_REDEFINED, "the same attribute twice in one element" },
	{ XML_ERR_NO_MEMORY, "too many names, or no memory" },
};

const char *xmlfault_words(int code)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		if (faults[i].code == code) {
			return faults[i].words;
		}
	}
	return "not well-formed";
}

bool xmlfault_is_limit(int code)
{
	return code == XML_ERR_NO_MEMORY || code == XML_ERR_NAME_TOO_LONG;
}

static void drop(void *context, const char *format, ...)
{
	(void)context;
	(void)format;
}

void xmlfault_hush(void)
{
	xmlSetGenericErrorFunc(NULL, drop);
}
