/* reply.h - reads the outside of an answer of VREP as a stream (spec/cssz 3, 4): what the gateway says. What ČSSZ itself says is sealed inside (verify.c, result.h). */
#ifndef TRANSPORT_CSSZ_REPLY_H
#define TRANSPORT_CSSZ_REPLY_H

#include "cssz.h"

#define REPLY_WORD_SIZE 33
#define REPLY_NUMBER_SIZE 13
#define REPLY_TEXT_SIZE 513

struct cssz_reply {
	bool wellformed, envelope; /* XML; a GovTalkMessage of the right namespace */
	char fault[XMLWALK_FAULT_SIZE];
	char qualifier[REPLY_WORD_SIZE], function[REPLY_WORD_SIZE];
	char class_name[CSSZ_CLASS_SIZE]; /* trimmed: VREP pads it (3.1) */
	char id[CSSZ_ID_SIZE];
	char interval[REPLY_WORD_SIZE]; /* PollInterval, seconds */
	bool has_error;                 /* an element Error; the first one: */
	char number[REPLY_NUMBER_SIZE], text[REPLY_TEXT_SIZE], raised_by[REPLY_WORD_SIZE];
	bool has_result; /* an element ProcessingResult: a protocol of ČSSZ is inside */
};

/* 0; or an error of reading. Malformed content is a result (`wellformed`). */
int cssz_reply_read(int fd, uint64_t limit, struct cssz_reply *ret);

#endif
