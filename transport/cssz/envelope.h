/* envelope.h - writes the GovTalk envelope, version 2.0 (spec/cssz 3, 14.1, 14.3): compact, UTF-8, no white space between elements. */
#ifndef TRANSPORT_CSSZ_ENVELOPE_H
#define TRANSPORT_CSSZ_ENVELOPE_H

#include "cssz.h"

enum envelope_kind { ENVELOPE_SUBMIT, ENVELOPE_POLL, ENVELOPE_CLOSE_POLL, ENVELOPE_CLOSE_REQUEST };

/* Plain words (cssz_is_plain) all of them. */
struct envelope {
	enum envelope_kind kind;
	const char *class_name, *vs, *key_type;
	const char *correlation_id; /* "": of a submission */
};

/* Everything from the root, without a declaration, up to and including <Body>, and everything from </Body>. 0 or a negative error. */
int envelope_begin(int fd, const struct envelope *envelope);
int envelope_end(int fd);

#endif
