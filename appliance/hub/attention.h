/* attention.h - what waits for a person: for whom, why, and what that person does. The LED and the overview page say the same because both ask here.
 *
 * Texts are English words for translation (N_), borrowed for ever.
 */
#ifndef HUB_ATTENTION_H
#define HUB_ATTENTION_H

#include "hub.h"

enum attention_who {
	ATTENTION_NOBODY,
	ATTENTION_STAFF,    /* whoever handed the file in */
	ATTENTION_APPROVER, /* a person with the right to approve */
	ATTENTION_OPERATOR, /* PINs, uncertain cases */
	ATTENTION_ADMIN,    /* configuration, disk, network */
};

/* "Operator", translated. */
const char *attention_who_label(enum attention_who who);

/* Who must act for this case to go on, and *ret_todo what to do when nothing better is known. ATTENTION_NOBODY: it goes on by itself. */
enum attention_who attention_case(const struct hub *hub, const struct hub_case *of, const char **ret_todo);

/* The same for a token; ATTENTION_NOBODY: it works. *ret_todo goes on after "Token NAME: ". */
enum attention_who attention_token(const struct hub *hub, size_t index, const char **ret_todo);

/* Any token, open case, time stamp, or disk. */
bool attention_any(const struct hub *hub);

#endif
