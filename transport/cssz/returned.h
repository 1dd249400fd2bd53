/* returned.h - data that came back with a sealed result (spec/cssz 6.4): taken out of it as a stream, and told to people where they are plain. */
#ifndef TRANSPORT_CSSZ_RETURNED_H
#define TRANSPORT_CSSZ_RETURNED_H

#include "../base/report.h"
#include "cssz.h"

#define RETURNED_HEAD_BYTES 64
#define RETURNED_MAX_BYTES (UINT64_C(20) << 20)

/* ProcessingResponse/Data under way. Zero-initialise, fd -1: nothing is written; returned_free when done. */
struct returned {
	int fd;
	void *base64; /* EVP_ENCODE_CTX while the element is open */
	bool inside, found, broken;
	uint64_t size;
	uint8_t head[RETURNED_HEAD_BYTES]; /* of what was decoded */
	int err;                           /* of writing */
};

void returned_start(struct returned *returned, const struct xml_element *element);
void returned_text(struct returned *returned, struct span text);
void returned_end(struct returned *returned, struct span name);
void returned_free(struct returned *returned);
/* What they are: "plain", "enveloped" (CMS); NULL when there are none that can be read. */
const char *returned_kind(const struct returned *returned);

/* The state of a monthly report (8.3) as lines for people, where the plain data are one. NULL; or why they cannot be the answer to what was asked (`vs`). */
const char *returned_report(int fd, const char *vs, const char *language, struct report *report);

#endif
