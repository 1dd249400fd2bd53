#include "returned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/libcrypto.h"
#include "../base/xmltree.h"
#include "words.h"

#define PIECE_BYTES 12288
#define REPORT_DATA_MAX_BYTES (UINT64_C(4) << 20)
#define VALUE_SIZE 513

/* --- taking them out --- */

void returned_start(struct returned *returned, const struct xml_element *element)
{
	if (!span_equals_string(element->name, "Data") || returned->found) {
		returned->broken = returned->broken || (returned->inside && !returned->broken); /* nothing else belongs into it */
		return;
	}
	returned->found = returned->inside = true;
	returned->base64 = EVP_ENCODE_CTX_new();
	if (returned->base64 == NULL) {
		returned->err = ERR_MEMORY;
		return;
	}
	EVP_DecodeInit(returned->base64);
}

static void take(struct returned *returned, const unsigned char *bytes, int length)
{
	for (int i = 0; i < length && returned->size + (uint64_t)i < RETURNED_HEAD_BYTES; i++) {
		returned->head[returned->size + (uint64_t)i] = bytes[i];
	}
	returned->size += (uint64_t)length;
	returned->broken = returned->broken || returned->size > RETURNED_MAX_BYTES;
	if (returned->err == 0 && !returned->broken && returned->fd >= 0) {
		returned->err = fd_write_all(returned->fd, bytes, (size_t)length);
	}
}

void returned_text(struct returned *returned, struct span text)
{
	unsigned char bytes[PIECE_BYTES + 64];
	struct span piece;

	while (returned->inside && !returned->broken && returned->base64 != NULL && text.length > 0) {
		int length = 0;

		(void)span_read_bytes(&text, text.length < PIECE_BYTES ? text.length : PIECE_BYTES, &piece);
		if (EVP_DecodeUpdate(returned->base64, bytes, &length, piece.data, (int)piece.length) < 0) {
			returned->broken = true;
		} else {
			take(returned, bytes, length);
		}
	}
}

void returned_end(struct returned *returned, struct span name)
{
	unsigned char bytes[64];
	int length = 0;

	if (!returned->inside || !span_equals_string(name, "Data") || returned->base64 == NULL) {
		return;
	}
	returned->inside = false;
	if (EVP_DecodeFinal(returned->base64, bytes, &length) < 0) {
		returned->broken = true;
	} else {
		take(returned, bytes, length);
	}
}

void returned_free(struct returned *returned)
{
	EVP_ENCODE_CTX_free(returned->base64);
	returned->base64 = NULL;
}

const char *returned_kind(const struct returned *returned)
{
	/* SEQUENCE { OBJECT IDENTIFIER 1.2.840.113549.1.7.3 or 1.2.840.113549.1.9.16.1.23: by their own words, the attributes may be absent or say otherwise */
	static const char enveloped[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03",
	                  authenticated[] = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
	const uint8_t *head = returned->head;
	size_t after = (head[1] & 0x80) != 0 ? 2 + (size_t)(head[1] & 0x7f) : 2;

	if (!returned->found || returned->broken || returned->size == 0) {
		return NULL;
	}
	if (returned->size >= RETURNED_HEAD_BYTES && head[0] == 0x30 && after < 16 &&
	    (memcmp(head + after, enveloped, sizeof enveloped - 1) == 0 || memcmp(head + after, authenticated, sizeof authenticated - 1) == 0)) {
		return "enveloped";
	}
	return "plain";
}

/* --- the state of a monthly report --- */

static void value_of(struct xmlnode *of, const char *name, char ret[VALUE_SIZE])
{
	char *text = xmltree_text(xmltree_child(of, name));

	job_copy_value(span_of_string(text == NULL ? "" : text), ret, VALUE_SIZE);
	job_trim(ret);
	free(text);
}

static void report_state(struct xmlnode *node, const char *title, const char *time_name, const char *id_name, struct report *report)
{
	char code[VALUE_SIZE], words[VALUE_SIZE], moment[VALUE_SIZE], id[VALUE_SIZE] = "";

	value_of(node, "kod", code);
	value_of(node, "nazev", words);
	value_of(node, time_name, moment);
	if (id_name != NULL) {
		value_of(node, id_name, id);
	}
	report_line(report, "%s%s%s: %s [%s] %s", title, id[0] != '\0' ? " " : "", id, words, code, moment);
}

static void report_errors(struct xmlnode *protocol, const char *language, struct report *report)
{
	struct xmlnode *list = xmltree_child(protocol, "chybySeznam");

	for (struct xmlnode *each = xmltree_child(list, "chyba"); each != NULL; each = xmltree_next(each)) {
		char code[VALUE_SIZE], part[VALUE_SIZE], form[VALUE_SIZE], words[VALUE_SIZE];

		value_of(each, "kod", code);
		value_of(each, "castPodani", part);
		value_of(each, "idFormulare", form);
		value_of(each, "popis", words);
		report_line(report, "    %s %s%s%s [%s]: %s", cssz_word(language, WORD_FAULT), part, form[0] != '\0' ? " " : "", form, code, words);
	}
}

const char *returned_report(int fd, const char *vs, const char *language, struct report *report)
{
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_xmltree_ struct xmltree *tree = NULL;
	struct xmlnode *root = NULL, *state = NULL;
	char symbol[VALUE_SIZE];
	size_t length = 0;

	(void)lseek(fd, 0, SEEK_SET);
	if (fd_read_all(fd, REPORT_DATA_MAX_BYTES, &text, &length) != 0 || (tree = xmltree_read(span_of(text, length), REPORT_DATA_MAX_BYTES)) == NULL) {
		return NULL; /* they may be packed, or none of these; they are taken apart later */
	}
	root = xmltree_root(tree);
	state = xmltree_child(root, "stavMH");
	if (!xmltree_is(root, "DZMHOdpoved") || state == NULL) {
		return NULL;
	}
	value_of(root, "variabilniSymbol", symbol);
	if (strcmp(symbol, vs) != 0) {
		return "the answer is about another variable symbol";
	}
	report_state(state, cssz_word(language, WORD_REPORT_STATE), "datumZpracovani", NULL, report);
	for (struct xmlnode *each = xmltree_child(xmltree_child(root, "protokoly"), "protokol"); each != NULL; each = xmltree_next(each)) {
		report_state(each, cssz_word(language, WORD_REPORT_PACKAGE), "datumProtokolu", "idKonkretnihoPodani", report);
		report_errors(each, language, report);
	}
	return NULL;
}
