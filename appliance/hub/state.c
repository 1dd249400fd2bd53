#include "state.h"

#include <stddef.h>
#include <string.h>

#define BIT(state) (1U << CASE_##state)

static const struct {
	const char *name;
	uint32_t next;
} states[CASE_STATE_COUNT] = {
	[CASE_NONE] = { "none", BIT(RECEIVED) },
	[CASE_RECEIVED] = { "received", BIT(UNKNOWN) | BIT(HELD) | BIT(READY) | BIT(REFUSED) },
	[CASE_UNKNOWN] = { "unknown", BIT(HELD) | BIT(READY) | BIT(DELETED) },
	[CASE_HELD] = { "held", BIT(READY) | BIT(REFUSED) },
	[CASE_READY] = { "ready", BIT(SIGNING) | BIT(DELETED) },
	[CASE_SIGNING] = { "signing", BIT(TESTING) | BIT(SENDING) | BIT(READY) | BIT(FAILED) },
	[CASE_TESTING] = { "testing", BIT(SENDING) | BIT(DATA_ERROR) | BIT(READY) | BIT(FAILED) },
	[CASE_SENDING] = { "sending", BIT(READY) | BIT(SENT) | BIT(DONE) | BIT(DATA_ERROR) | BIT(UNCERTAIN) },
	[CASE_SENT] = { "sent", BIT(DONE) | BIT(DATA_ERROR) | BIT(UNCERTAIN) },
	[CASE_UNCERTAIN] = { "uncertain", BIT(SENT) | BIT(DONE) | BIT(DATA_ERROR) | BIT(READY) },
	[CASE_DONE] = { "done", 0 },
	[CASE_DATA_ERROR] = { "data-error", BIT(DELETED) },
	[CASE_FAILED] = { "failed", BIT(READY) | BIT(DELETED) },
	[CASE_REFUSED] = { "refused", BIT(DELETED) },
	[CASE_DELETED] = { "deleted", 0 },
};

const char *state_name(enum case_state state)
{
	return state < CASE_STATE_COUNT ? states[state].name : "none";
}

enum case_state state_by_name(const char *name)
{
	for (size_t i = CASE_RECEIVED; i < CASE_STATE_COUNT; i++) {
		if (strcmp(states[i].name, name) == 0) {
			return (enum case_state)i;
		}
	}
	return CASE_NONE;
}

bool state_may_follow(enum case_state from, enum case_state to)
{
	/* The roll-back rule (design 3) makes every open case uncertain, whatever it was doing. */
	if (to == CASE_UNCERTAIN && !state_is_closed(from)) {
		return true;
	}
	return from == to || (from < CASE_STATE_COUNT && (states[from].next & (1U << to)) != 0);
}

bool state_is_closed(enum case_state state)
{
	return state == CASE_DONE || state == CASE_DATA_ERROR || state == CASE_FAILED || state == CASE_REFUSED || state == CASE_DELETED;
}
