#include "envelope.h"

#include <string.h>

#include "frame.h"

#define TAG_INTEGER 0x02
#define TAG_OCTETS 0x04
#define TAG_OID 0x06
#define TAG_SEQUENCE 0x30
#define TAG_SET 0x31
#define TAG_0 0xa0
#define TAG_0_PLAIN 0x80
#define TAG_2 0xa2 /* [2] IMPLICIT KEKRecipientInfo */

/* id-ct-authEnvelopedData 1.2.840.113549.1.9.16.1.23, id-data 1.2.840.113549.1.7.1 */
static const uint8_t auth_enveloped[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17 };
static const uint8_t data_type[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };

/* What is left of an element: bytes that are there, and how many it has in all. */
struct element {
	struct bytes here;
	uint64_t length;
};

/* The next element of `from`, of this tag; `ret` is its inside, `from` goes on behind it. */
static bool take(struct element *from, uint8_t tag, struct element *ret)
{
	const uint8_t *at = from->here.data;
	size_t header = 2, figures = 0;
	uint64_t length = 0;

	if (from->here.length < 2 || at[0] != tag) {
		return false;
	}
	length = at[1];
	if (length >= 0x80) {
		figures = length & 0x7f;
		header += figures;
		if (figures < 1 || figures > 4 || from->here.length < header) {
			return false;
		}
		length = 0;
		for (size_t i = 0; i < figures; i++) {
			length = length << 8 | at[2 + i];
		}
		if (length < 0x80 || (figures > 1 && at[2] == 0)) {
			return false;
		}
	}
	if (length > from->length - header) {
		return false;
	}
	from->here.data += header;
	from->here.length -= header;
	from->length -= header;
	*ret = (struct element){ .here = { .data = from->here.data, .length = from->here.length < length ? from->here.length : (size_t)length },
		                 .length = length };
	from->here.data += ret->here.length;
	from->here.length -= ret->here.length;
	from->length -= length;
	return true;
}

static bool is(const struct element *element, const uint8_t *bytes, size_t length)
{
	return element->length == length && element->here.length == length && memcmp(element->here.data, bytes, length) == 0;
}

static bool read_key_id(struct element *recipients, char ret[ENVELOPE_ID_SIZE])
{
	struct element recipient, version, identifier, id;

	if (!take(recipients, TAG_2, &recipient) || recipients->length != 0 || !take(&recipient, TAG_INTEGER, &version) ||
	    !is(&version, (const uint8_t[]){ 4 }, 1) || !take(&recipient, TAG_SEQUENCE, &identifier) || !take(&identifier, TAG_OCTETS, &id) ||
	    id.length >= ENVELOPE_ID_SIZE || id.here.length != id.length || !frame_text(id.here)) {
		return false;
	}
	memcpy(ret, id.here.data, id.here.length);
	ret[id.here.length] = '\0';
	return true;
}

bool envelope_read(struct bytes head, uint64_t file_bytes, struct envelope *ret)
{
	struct element file = { .here = head, .length = file_bytes }, info, type, outer, enveloped, version, recipients, inner, algorithm, content;

	if (file_bytes < head.length || !take(&file, TAG_SEQUENCE, &info) || file.length != 0 || !take(&info, TAG_OID, &type) ||
	    !is(&type, auth_enveloped, sizeof auth_enveloped) || !take(&info, TAG_0, &outer) || info.length != 0 || !take(&outer, TAG_SEQUENCE, &enveloped) ||
	    outer.length != 0) {
		return false;
	}
	if (!take(&enveloped, TAG_INTEGER, &version) || !is(&version, (const uint8_t[]){ 0 }, 1) || !take(&enveloped, TAG_SET, &recipients) ||
	    !read_key_id(&recipients, ret->key_id) || !take(&enveloped, TAG_SEQUENCE, &inner) || !take(&inner, TAG_OID, &type) ||
	    !is(&type, data_type, sizeof data_type) || !take(&inner, TAG_SEQUENCE, &algorithm) || !take(&inner, TAG_0_PLAIN, &content) || inner.length != 0) {
		return false;
	}
	ret->content_bytes = content.length;
	return true;
}
