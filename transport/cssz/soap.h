/* soap.h - the interface WS of VREP (spec/cssz 11, 14.11): SOAP 1.2 with WS-Addressing 1.0 over TLS, contract IBusinessTransactions. What is written here, and how its
 * answers are read into the same words as those of POX (reply.h).
 *
 * MessageID is a random UUID (RFC 4122 version 4) of the job that composes the request: WS-Addressing wants a new one for each message, and two questions about one
 * filing are alike in everything else. It is in the request that the vault keeps, so that it need not be derived again. Answers are not matched by it but by the
 * connection they come on, and by the CorrelationID that they name.
 */
#ifndef TRANSPORT_CSSZ_SOAP_H
#define TRANSPORT_CSSZ_SOAP_H

#include "envelope.h"
#include "reply.h"

#define SOAP_SPACE "http://www.w3.org/2003/05/soap-envelope"
#define SOAP_CONTRACT "http://www.government-gateway.cz/wcf/submission"
#define SOAP_ACTIONS SOAP_CONTRACT "/IBusinessTransactions/"
#define SOAP_URL_SIZE 1025
#define SOAP_EMAIL_SIZE 255
#define SOAP_PATH_MAX 8
#define SOAP_INSIDE_MAX_BYTES (UINT64_C(20) << 20) /* base64 text of an answer's content */

struct soap_request {
	const struct envelope *envelope;               /* kind, class, keys, CorrelationID */
	char url[SOAP_URL_SIZE], path[CSSZ_PATH_SIZE]; /* together the address, a:To */
	char email[SOAP_EMAIL_SIZE];                   /* "": none */
};

/* Submit, Poll or Dispose. */
const char *soap_operation(enum envelope_kind kind);
/* Of a submission: up to where the content of its one BodyPart goes, and from there. Of a question: all of it but the end. 0 or a negative error. */
int soap_begin(int fd, const struct soap_request *request);
int soap_end(int fd, const struct soap_request *request);

/* Reads an answer as events of xmlwalk.h. Zero-initialise; soap_answer_free when done. */
struct soap_answer {
	struct cssz_reply *reply;
	char names[SOAP_PATH_MAX][REPLY_WORD_SIZE]; /* of the open elements */
	char *place;                                /* where the text of an element is collected; NULL: nowhere */
	size_t place_size, depth;                   /* depth of that element, or of the content's */
	char *base64;                               /* the content, as text */
	size_t base64_length, base64_size, errors;
	bool in_base64;
	bool strange; /* more than one answer or content, or a content that is none */
};

int soap_answer_start(struct soap_answer *answer, const struct xml_element *element);
int soap_answer_text(struct soap_answer *answer, struct span text);
void soap_answer_end(struct soap_answer *answer, size_t depth);
/* After the last event of a well-formed document: the content is decoded into reply->inside and looked through. What is strange is no answer (reply->envelope). */
void soap_answer_finish(struct soap_answer *answer);
void soap_answer_free(struct soap_answer *answer);

/* xs:duration (XML Schema 3.2.6) without years and months, in whole seconds, rounded up; false when it is none or too long to be meant. */
bool soap_duration_parse(const char *text, uint64_t *ret_seconds);

#endif
