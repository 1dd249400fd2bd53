/* reply.h - reads an unsigned reply of EPO as a stream and keeps what matters (spec/epo 6, 7.1, 7.3, 8). No verdicts here. */
#ifndef TRANSPORT_EPO_REPLY_H
#define TRANSPORT_EPO_REPLY_H

#include "../base/partner.h"
#include "../base/report.h"

#define EPO_NAME_SIZE 65
#define EPO_VALUE_SIZE 513
#define EPO_TEXT_SIZE 2049

/* By the first bytes alone: status and content type are not documented (spec/epo 6). */
enum epo_shape { EPO_SHAPE_EMPTY, EPO_SHAPE_CMS, EPO_SHAPE_HTML, EPO_SHAPE_XML, EPO_SHAPE_OTHER };

/* An error being read. */
struct epo_error {
	char type[EPO_NAME_SIZE], code[EPO_NAME_SIZE], section[EPO_NAME_SIZE], field[EPO_NAME_SIZE], row[EPO_NAME_SIZE];
	char more[EPO_VALUE_SIZE], text[EPO_TEXT_SIZE];
};

struct epo_reply {
	enum epo_shape shape;
	bool wellformed;
	char fault[XMLWALK_FAULT_SIZE];
	char root[EPO_NAME_SIZE]; /* local name; cut names match nothing */
	/* Chyba by Typ */
	uint64_t informative, passable, serious, structure, critical, server, other, untyped;
	bool test_run;                                           /* Typ I, Zkr TEST_REZIM */
	bool large;                                              /* that text says "rozsáhl" */
	bool receipt;                                            /* an element Potvrzeni */
	char transfer[EPO_VALUE_SIZE], password[EPO_VALUE_SIZE]; /* secret */
	bool state_known, state_contradicts;
	char state[EPO_NAME_SIZE], state_text[EPO_VALUE_SIZE];
	bool number_present;
	bool processing_known;
	char processing[EPO_NAME_SIZE];
	bool unread; /* elements that were not understood */
};

/* 0; or an error of reading. Malformed content is a result (`wellformed`). */
int epo_reply_read(int fd, uint64_t limit, const char *language, struct report *report, struct epo_reply *ret);

#endif
