/* state.h - the states of a case, what may follow what, and the labels of these and of tokens (design 3). README prints the same table; a unit test compares them. */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum case_state {
	CASE_NONE, /* no record yet */
	CASE_RECEIVED,
	CASE_UNKNOWN,
	CASE_HELD,
	CASE_READY,
	CASE_SIGNING,
	CASE_TESTING,
	CASE_SENDING,
	CASE_SENT,
	CASE_UNCERTAIN,
	CASE_DONE,
	CASE_DATA_ERROR,
	CASE_FAILED,
	CASE_REFUSED,
	CASE_DELETED,
	CASE_STATE_COUNT,
};

/* The id as in the design ("data-error"); never NULL. */
const char *state_name(enum case_state state);
/* CASE_NONE when there is no such state. */
enum case_state state_by_name(const char *name);
/* For people, in the language of text_open. */
const char *state_label(enum case_state state);
/* Instead of that of `data-error`, where the partner took some parts of the filing. */
const char *state_partial_label(void);
bool state_may_follow(enum case_state from, enum case_state to);
/* True when the box has nothing more to do by itself and the outcome is final. */
bool state_is_closed(enum case_state state);

/* The state of a token as TOKEN_STATUS has it ("pin-needed") for people; the id itself when it is not known. */
const char *state_token_label(const char *id);

#endif
