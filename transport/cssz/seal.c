#include "seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/cleanup.h"
#include "../base/base64.h"

#define TIMESTAMP_NAMESPACE "http://www.cssz.cz/emp/timestamp"
#define TEXT_SIZE 65

void seal_free(struct seal *seal)
{
	xmltree_free(seal->reply);
	free(seal->cms);
	*seal = (struct seal){ 0 };
}

static bool copy_text(const struct xmlnode *node, char *ret, size_t size)
{
	_cleanup_free_ char *text = xmltree_text(node);

	return text != NULL && span_copy_string(span_of_string(text), ret, size);
}

static const EVP_MD *digest_by_uri(const char *uri)
{
	static const struct {
		const char *uri;
		const EVP_MD *(*get)(void);
	} known[] = { { "http://www.w3.org/2001/04/xmlenc#sha512", EVP_sha512 },
		      { "http://www.w3.org/2001/04/xmldsig-more#sha384", EVP_sha384 },
		      { "http://www.w3.org/2001/04/xmlenc#sha384", EVP_sha384 },
		      { "http://www.w3.org/2001/04/xmlenc#sha256", EVP_sha256 } };

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].uri, uri) == 0) {
			return known[i].get();
		}
	}
	return NULL; /* SHA-1 too: nobody may rest on it any more */
}

static bool read_moment(struct xmlnode *stamp, int64_t *ret)
{
	char date[TEXT_SIZE], text[TEXT_SIZE], both[2 * TEXT_SIZE + 1];
	struct tm parts = { 0 };
	const char *end = NULL;

	if (!copy_text(xmltree_child(stamp, "date"), date, sizeof date) || !copy_text(xmltree_child(stamp, "time"), text, sizeof text)) {
		return false;
	}
	(void)snprintf(both, sizeof both, "%s %s", date, text);
	end = strlen(date) == 8 && strlen(text) == 8 ? strptime(both, "%Y%m%d %H:%M:%S", &parts) : NULL;
	*ret = end == NULL || *end != '\0' ? 0 : (int64_t)timegm(&parts) * 1000;
	return *ret != 0;
}

static const char *read_signature(struct seal *seal)
{
	struct xmlnode *signature = xmltree_child(xmltree_child(seal->message, "Header"), "Signature"), *value = NULL;
	_cleanup_free_ char *uri = xmltree_attribute(xmltree_child(signature, "DigestMethod"), "Algorithm");
	_cleanup_free_ char *text = NULL;

	if (signature == NULL || strcmp(xmltree_space(signature), TIMESTAMP_NAMESPACE) != 0) {
		return "the answer is not sealed";
	}
	seal->digest = uri == NULL ? NULL : digest_by_uri(uri);
	if (seal->digest == NULL) {
		return "the seal uses a digest that is not known or not good enough";
	}
	if (!read_moment(xmltree_child(signature, "TimeStamp"), &seal->at_ms)) {
		return "the seal has no readable moment";
	}
	value = xmltree_child(signature, "SignatureValue");
	text = xmltree_text(value);
	if (text == NULL || !base64_decode(span_of_string(text), SEAL_SIGNATURE_MAX_BYTES, &seal->cms, &seal->cms_length)) {
		return "the value of the seal is not base64";
	}
	xmltree_clear(value);
	return NULL;
}

/* Message of a GovTalk envelope. */
static const char *read_envelope(struct span reply, struct seal *ret)
{
	ret->reply = xmltree_read(reply, SEAL_REPLY_MAX_BYTES);
	if (ret->reply == NULL) {
		return "the answer is not well-formed XML, or beyond a limit";
	}
	if (!xmltree_is(xmltree_root(ret->reply), "GovTalkMessage")) {
		return "the answer is not an envelope";
	}
	ret->message = xmltree_child(xmltree_child(xmltree_root(ret->reply), "Body"), "Message");
	return NULL;
}

/* Message of what WS carries: bodies, and Body in it (spec/cssz 11). */
static const char *read_inside(const struct cssz_reply *outside, struct seal *ret)
{
	ret->reply = outside->inside == NULL ? NULL : xmltree_read(span_of(outside->inside, outside->inside_length), SEAL_REPLY_MAX_BYTES);
	if (ret->reply == NULL || !xmltree_is(xmltree_root(ret->reply), "bodies")) {
		return "the answer holds no message";
	}
	ret->message = xmltree_child(xmltree_child(xmltree_root(ret->reply), "Body"), "Message");
	return NULL;
}

const char *seal_read(struct span reply, struct seal *ret)
{
	_cleanup_(cssz_reply_free) struct cssz_reply outside = { .inside = NULL };
	const char *fault = cssz_reply_parse(reply, &outside) != 0 ? "no memory" : NULL;

	if (fault == NULL) {
		fault = outside.soap ? read_inside(&outside, ret) : read_envelope(reply, ret);
	}
	if (fault != NULL) {
		return fault;
	}
	memcpy(ret->class_name, outside.class_name, sizeof ret->class_name);
	memcpy(ret->qualifier, outside.qualifier, sizeof ret->qualifier);
	if (ret->message == NULL || !xmltree_is_only_child(ret->message)) {
		return "the answer does not hold exactly one message";
	}
	return read_signature(ret);
}
