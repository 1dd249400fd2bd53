/* cssz.h - the Czech social security (ČSSZ), interface VREP over POX or WS (spec/cssz): what a request looks like and what a reply means.
 *
 * Options (option.<name>), of the partner, of a form or of the configuration:
 *   class        service class, e.g. CSSZ_PVPOJ (8.1). Without it a form cannot be sent
 *   etype        code of the form, Message/@eType
 *   vs           variable symbol of the firm: used where the form has no vs-path, and must equal what stands there otherwise
 *   vs-path      where the form has it: /A/b/c or /A/b/@c; //b/@c at any depth. All that are found must be equal
 *   forms-path   each such element is one form (limits of 7); absent: one filing, one form
 *   forms-max    so many forms may be in one filing; default 1500
 *   deferred-from so many forms and more ČSSZ processes only in the evening; default 300, 0: never (7, item 2)
 *   report       jmhz: a monthly report of an employer; its header says what belongs together (8.3)
 *   second-stage yes: an accepted filing is only taken in by it, and the final word is a protocol that a person attaches (8.3)
 *   request-max  bytes of a request as it is sent, at most; default 20 MiB (2)
 *   partial      yes: the service takes good forms and refuses bad ones (7, item 4)
 *   echoes       what the result repeats of the form and is compared with it, words with '|' between them: count (of forms), number (Item/@sqnr stands in the form),
 *                person (the first part of Item/@identifier does); absent: nothing
 *   subtypes     words that Item/@subtype may be, '|' between them; absent: any
 *   check        yes: the partner's validator is asked about the form before it is signed, where `checkable` says that it knows it. Not asked otherwise
 *   check-path   of the validator, behind the address of the configuration; default /ePodaniValidace.svc
 *   check-unreachable   wait (default): not signed before there is a result; skip: after `check-tries` questions without one (default 3) it is signed all the same
 *   cipher       aes-256-cbc (default), aes-128-cbc, aes-192-cbc, des-ede3-cbc
 *   encoding     gzip (default), raw
 *   key-type     of the key that carries the variable symbol; default vars
 *   close        a: poll/delete to the poll address (default), b: request/delete to the submission address (4.4)
 *   road         pox (default): the envelope posted as it is; ws: the interface WS, SOAP (11)
 *                isds is prepared (isds.h), but refused: the box has no channel for it yet
 *   ws-body      govtalk (default): WS carries the whole envelope; message: only the message that is in it
 *   path-submit, path-poll, path-ws   behind the address of the configuration; default /VREP/submission, /VREP/poll, /VREP/ws/public.svc
 */
#ifndef TRANSPORT_CSSZ_CSSZ_H
#define TRANSPORT_CSSZ_CSSZ_H

#include "../base/partner.h"

#define CSSZ_CLASS_SIZE 49
#define CSSZ_VS_SIZE 21
#define CSSZ_ID_SIZE 129
#define CSSZ_PATH_SIZE 257
#define CSSZ_FORMS_MAX 1500
#define CSSZ_DEFERRED_FROM 300
#define CSSZ_DATA_MAX_BYTES (UINT64_C(20) << 20) /* of the form itself: jobs hold it in memory */
#define CSSZ_REQUEST_MAX_BYTES (UINT64_C(20) << 20)

extern const struct partner cssz_partner;

/* The jobs of job.h for this partner. */
int cssz_compose(struct job *job);
int cssz_classify(struct job *job);
int cssz_verify(struct job *job);
int cssz_receipt_text(struct job *job);
int cssz_check(struct job *job);

/* Short words that need no escaping in XML, a URL or a record: letters, digits, '_', '-', '.', ':'; not empty. */
bool cssz_is_plain(const char *text);
/* The option request-max. */
uint64_t cssz_request_max(const struct job *job);
/* CorrelationID (3.2). */
bool cssz_is_id(const char *text);

#endif
