/* isds.h - ČSSZ by data box (ISDS; spec/cssz 12, 14.12), as far as it concerns the partner: what a data message for it is made of, and which message an answer is to.
 * The box has no channel that carries data messages yet; nothing here sends any.
 *
 * Options: isds-box, isds-box-test (which box; the second for env other than production), isds-file, isds-subject (patterns: {class}, {etype}, {vs}).
 */
#ifndef TRANSPORT_CSSZ_ISDS_H
#define TRANSPORT_CSSZ_ISDS_H

#include "cssz.h"

#define ISDS_IDENT_MAX 50 /* dmSenderIdent */
#define ISDS_BOX_LENGTH 7

/* The kind `compose` with what = isds. */
int cssz_compose_isds(struct job *job);
/* Is `subject` that of an answer about a filing of this class in our message `id` (dmId)? "... [CSSZ_NEM_PRI-0A1B...-123456789]": the class, something that may hold
 * hyphens, the id of our message. */
bool isds_subject_answers(const char *subject, const char *class_name, const char *id);
/* The parameters message-id and message-subject of a classification: true when there are none, or when they fit. */
bool isds_is_answer(const struct job *job);

#endif
