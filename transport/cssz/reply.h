/* reply.h - reads the outside of an answer of VREP as a stream (spec/cssz 3, 4, 11), of POX and of WS alike: what the gateway says. What ČSSZ itself says is sealed inside (verify.c, result.h). */
#ifndef TRANSPORT_CSSZ_REPLY_H
#define TRANSPORT_CSSZ_REPLY_H

#include "cssz.h"

#define REPLY_WORD_SIZE 33
#define REPLY_NUMBER_SIZE 13
#define REPLY_TEXT_SIZE 513

struct cssz_reply {
	bool wellformed, envelope; /* XML; a GovTalkMessage of the right namespace, or an answer or fault of WS */
	char fault[XMLWALK_FAULT_SIZE];
	char qualifier[REPLY_WORD_SIZE], function[REPLY_WORD_SIZE];
	char class_name[CSSZ_CLASS_SIZE]; /* trimmed: VREP pads it (3.1) */
	char id[CSSZ_ID_SIZE];
	char interval[REPLY_WORD_SIZE]; /* PollInterval, seconds */
	char moment[REPLY_WORD_SIZE];   /* GatewayTimestamp, Czech time */
	bool has_error;                 /* an element Error; the first one: */
	char number[REPLY_NUMBER_SIZE], text[REPLY_TEXT_SIZE], raised_by[REPLY_WORD_SIZE];
	bool has_result; /* an element ProcessingResult: a protocol of ČSSZ is inside */
	/* Of an answer of WS only: */
	bool soap;
	char operation[REPLY_WORD_SIZE]; /* that is answered: Submit, Poll, Dispose; "": a fault */
	char reason[REPLY_TEXT_SIZE];    /* of a fault */
	uint8_t *inside;                 /* BodyBase64XML decoded: a well-formed document. NULL: none */
	size_t inside_length;
};

/* 0; or an error of reading. Malformed content is a result (`wellformed`). cssz_reply_free when done, in any case. */
int cssz_reply_read(int fd, uint64_t limit, struct cssz_reply *ret);
/* The same of bytes in memory. */
int cssz_reply_parse(struct span text, struct cssz_reply *ret);
void cssz_reply_free(struct cssz_reply *reply);

#endif
